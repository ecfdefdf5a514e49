/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for tests: one with all fields set, and comparing two. Include after helper.h. */
#ifndef S2C_TESTS_UNIT_GATE_HELPER_H
#define S2C_TESTS_UNIT_GATE_HELPER_H

#include "gate/ask.h"

UNUSED static void add_all(struct s2c_strv *list, const char *const *items)
{
	for (; *items; items++)
		s2c_strv_add(list, *items);
}

/* Every field has a value of its own. */
UNUSED static void full_ask(struct s2c_gate_ask *ask)
{
	static const char *const env[] = {"A=1", "B=two\nlines\tand \x1b[0m", "C=", NULL};
	static const char *const labels[] = {"k", "v", "other", "", NULL};

	*ask = (struct s2c_gate_ask){.op = S2C_GATE_CREATE,
		.in = 1,
		.out = 2,
		.error = 3,
		.stream = 4,
		.logs = 5,
		.follow = 6,
		.force = 7,
		.upgrade = 8,
		.has_entrypoint = 1,
		.memory = UINT64_MAX,
		.nano_cpus = 1500000000,
		.pids = 512};
	char **texts[] = {&ask->detail, &ask->method, &ask->path, &ask->object,
		&ask->name, &ask->repo, &ask->tag, &ask->platform, &ask->signal,
		&ask->condition, &ask->inside, &ask->registry_auth, &ask->image,
		&ask->user, &ask->workdir, &ask->network, &ask->stop_signal};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = xasprintf("text %zu \xc3\xa4", i);
	add_all(&ask->env, env);
	add_all(&ask->labels, labels);
	s2c_strv_add(&ask->cmd, "");
	s2c_strv_add(&ask->entrypoint, "/bin/sh");
	s2c_strv_add(&ask->ports, "8080/tcp");
	s2c_strv_add(&ask->volumes, "/data");
}

#endif

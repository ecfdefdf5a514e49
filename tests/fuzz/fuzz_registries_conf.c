/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as registries.conf, and names resolved with what came of it. Every place
 * must be a whole reference that parses again, pushes must go to the name itself, and a
 * second reading of the same file must change nothing.
 */
#include <stdint.h>

#include "registry/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void resolve(const struct s2c_conf *conf, const char *name)
{
	struct s2c_reference ref, again;

	if (s2c_reference_parse(name, &ref, NULL) < 0)
		abort();
	for (int op = S2C_PULLING; op <= S2C_PUSHING; op++) {
		CLEAN_ENDPOINTS struct s2c_endpoints found = {.n = 0};
		CLEAN_ERROR struct s2c_error *err = NULL;

		if (s2c_endpoints_of(conf, &ref, (enum s2c_operation)op, &found, &err) <
			0) {
			if (!err || found.n)
				abort();
			continue;
		}
		if (found.n == 0 || (op == S2C_PUSHING && found.n != 1))
			abort();
		for (size_t i = 0; i < found.n; i++) {
			char text[S2C_REFERENCE_MAX + 1];

			s2c_reference_format(&found.items[i].ref, text);
			if (s2c_reference_parse(text, &again, NULL) < 0 ||
				!*again.registry || !streq(again.tag, ref.tag) ||
				(op == S2C_PUSHING &&
					!streq(again.repository, ref.repository)))
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"docker.io/library/alpine:3",
		"r.example.com/a:1", "r.example.com:5000/a/b", "localhost:5000/x"};
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
	CLEAN_ERROR struct s2c_error *err = NULL;
	const char *text = (const char *)data;
	struct s2c_reference alpine, full;
	size_t registries, aliases;

	if (s2c_conf_add(conf, text, size, "fuzz", &notes, &err) < 0) {
		if (!err || conf->n_registries || conf->aliases.len)
			abort();
		return 0;
	}
	registries = conf->n_registries;
	aliases = conf->aliases.len;
	if (s2c_conf_add(conf, text, size, "fuzz", &notes, &err) < 0 ||
		conf->n_registries != registries || conf->aliases.len != aliases)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		resolve(conf, names[i]);
	if (s2c_reference_parse("alpine:3", &alpine, NULL) < 0)
		abort();
	if (s2c_conf_alias(conf, &alpine, &full) && !*full.registry)
		abort();
	return 0;
}

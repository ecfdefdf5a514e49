/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text behind --mount=: what is taken has an id, and is taken again when it is
 * written down field by field.
 */
#include <stdint.h>

#include "build/dockerfile_mount.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {"secret", "cache", "ssh"};
	CLEAN(s2c_run_mounts_release) struct s2c_run_mounts mounts = {.n = 0};
	CLEAN_FREE char *text = xstrndup((const char *)data, size);
	CLEAN_FREE char *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	const struct s2c_run_mount *m, *n;

	if (s2c_run_mounts_add(&mounts, text, &err) < 0) {
		if (!err || mounts.n)
			abort();
		return 0;
	}
	m = &mounts.items[0];
	if (mounts.n != 1 || !*m->id || (m->target && !*m->target) ||
		(m->kind == S2C_RUN_CACHE && !m->target))
		abort();
	/* One that is a target is no id to be written. */
	again = xasprintf("type=%s%s%s%s%s%s", types[m->kind], m->target ? ",dst=" : "",
		m->target ? m->target : "",
		m->target && streq(m->id, m->target) ? "" : ",id=",
		m->target && streq(m->id, m->target) ? "" : m->id,
		m->required ? ",required" : "");
	if (s2c_run_mounts_add(&mounts, again, NULL) < 0 || mounts.n != 2) {
		/* But for a secret, whose id must be one. */
		if (m->kind == S2C_RUN_CACHE || !m->target || !streq(m->id, m->target))
			abort();
		return 0;
	}
	m = &mounts.items[0];
	n = &mounts.items[1];
	if (m->kind != n->kind || !streq(m->id, n->id) || m->required != n->required)
		abort();
	return 0;
}

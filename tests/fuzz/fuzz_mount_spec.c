/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text behind any of the options, its first byte choosing which: what comes out names
 * both ends, and cleaned paths stay as they are when cleaned again.
 */
#include <stdint.h>

#include "build/mount_spec.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct s2c_mount_spec *spec)
{
	struct s2c_mount_specs again = {.n = 0};
	CLEAN_FREE char *text = NULL;

	if (!*spec->to || (!spec->from && spec->kind != S2C_SPEC_AGENT))
		abort();
	if (spec->kind == S2C_SPEC_VOLUME && *spec->to != '/')
		abort();
	if (spec->kind != S2C_SPEC_INJECTION)
		return;
	text = xasprintf("%s:%s", spec->from, spec->to);
	if (s2c_mount_specs_add(&again, S2C_SPEC_INJECTION, text, NULL) < 0 ||
		again.n != 1 || !streq(again.items[0].from, spec->from) ||
		!streq(again.items[0].to, spec->to))
		abort();
	s2c_mount_specs_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN(s2c_mount_specs_release) struct s2c_mount_specs specs = {.n = 0};
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *text = NULL;
	unsigned which;
	int rc;

	if (!size)
		return 0;
	which = (*data + 256u - '0') % (S2C_SPEC_HOST + 3);
	text = xstrndup((const char *)data + 1, size - 1);
	if (which == S2C_SPEC_HOST + 1) {
		rc = s2c_capabilities_check(text, &err);
	} else if (which == S2C_SPEC_HOST + 2) {
		rc = s2c_mount_specs_add_label(&specs, text, &err);
	} else {
		enum s2c_mount_spec_kind kind = (enum s2c_mount_spec_kind)which;

		rc = s2c_mount_specs_add(&specs, kind, text, &err);
	}
	if (!rc == !!err)
		abort();
	for (size_t i = 0; i < specs.n; i++)
		check(&specs.items[i]);
	return 0;
}

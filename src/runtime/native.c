/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native runtime: containers out of s2c's own store, by an OCI runtime, without a
 * daemon. This file opens it and finds that OCI runtime; making, running and committing
 * containers is in native_create.c, native_run.c and native_commit.c.
 */
#include "runtime/native.h"

#include <errno.h>
#include <limits.h>

#include "util/subprocess.h"

/* In the order of preference; by name, because packages of others keep it. */
static const struct {
	const char *name;
	enum s2c_oci_kind kind;
} known_runtimes[] = {
	{"crun", S2C_OCI_CRUN},
	{"runc", S2C_OCI_RUNC},
};

static enum s2c_oci_kind kind_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(known_runtimes); i++)
		if (streq(name, known_runtimes[i].name))
			return known_runtimes[i].kind;
	return S2C_OCI_OTHER;
}

/* Ordinary users' PATH often lacks where Debian puts runc. */
static char *find_known(const char *name)
{
	CLEAN_FREE char *admins = xasprintf("/usr/sbin/%s", name);
	char *found = s2c_find_program(name);

	return found ? found : s2c_find_program(admins);
}

static int find_oci(struct s2c_native *native, const char *asked, struct s2c_error **err)
{
	if (asked) {
		CLEAN_FREE char *found = s2c_find_program(asked);

		if (!found)
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"OCI runtime '%s' is not installed; without "
				"--oci-runtime s2c takes 'crun' or 'runc'",
				asked);
		/* It is started in a directory that is not the caller's. */
		native->oci = *found == '/' ? TAKE(found) : realpath(found, NULL);
		if (!native->oci)
			return s2c_fail_errno(err, errno, "OCI runtime '%s'", asked);
	}
	for (size_t i = 0; i < ARRAY_SIZE(known_runtimes) && !native->oci; i++)
		native->oci = find_known(known_runtimes[i].name);
	if (!native->oci)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"no OCI runtime found: install 'crun' (or 'runc'), or name one "
			"with "
			"--oci-runtime");
	native->oci_kind = kind_of(native->oci);
	return 0;
}

static void native_close(struct s2c_runtime *runtime)
{
	struct s2c_native *native = s2c_native_of(runtime);

	s2c_cgroups_release(&native->cgroups);
	free(native->oci);
	free(native);
}

static void clean_native(struct s2c_native **native)
{
	if (*native)
		native_close(&(*native)->base);
}

static int native_open(struct s2c_ctx *ctx, const struct s2c_runtime_opts *opts,
	struct s2c_runtime **out, struct s2c_error **err)
{
	CLEAN(clean_native) struct s2c_native *native = xcalloc(1, sizeof(*native));

	native->base.ops = &s2c_runtime_native;
	native->store = opts->store;
	if (s2c_userns_read(&native->userns, err) < 0)
		return -1;
	if (find_oci(native, opts->oci_runtime, err) < 0)
		return -1;
	s2c_cgroups_probe(native->userns.kind == S2C_USERNS_NONE && geteuid() == 0,
		&native->cgroups);
	if (s2c_trace("runtime"))
		s2c_emit_log(ctx, S2C_DEBUG, "native runtime: %s, cgroups %s, %s",
			native->oci, native->cgroups.usable ? "usable" : "not usable",
			s2c_userns_overlay_prefix(&native->userns));
	*out = &TAKE(native)->base;
	return 0;
}

static struct s2c_runtime_traits native_traits(const struct s2c_runtime *runtime)
{
	const struct s2c_native *native = (const struct s2c_native *)runtime;

	return (struct s2c_runtime_traits){
		.owners = native->userns.kind != S2C_USERNS_SINGLE,
		.mixes = true,
		.parallel = true,
	};
}

const struct s2c_runtime_ops s2c_runtime_native = {
	.name = "native",
	.open = native_open,
	.close = native_close,
	.read_image_file = s2c_native_read_image_file,
	.create = s2c_native_create,
	.copy_in = s2c_native_copy_in,
	.read_file = s2c_native_read_file,
	.copy_out = s2c_native_copy_out,
	.has_program = s2c_native_has_program,
	.is_dir = s2c_native_is_dir,
	.traits = native_traits,
	.run = s2c_native_run,
	.commit = s2c_native_commit,
	.destroy = s2c_native_destroy,
};

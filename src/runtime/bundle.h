/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config.json of an OCI bundle, written from what s2c decided and from nothing else:
 * no field of an image reaches it but by a value that was checked. Pure.
 */
#ifndef S2C_RUNTIME_BUNDLE_H
#define S2C_RUNTIME_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "util/strv.h"

/* One bind mount of a file or directory. */
struct s2c_bundle_bind {
	char *source;      /* absolute host path */
	char *destination; /* absolute, without symlinks, in the container's root */
	bool writable;     /* else read-only */
	/* For whoever makes mount points: what the source is; and a name that it gets in
	 * a destination that is a directory. */
	bool is_dir;
	const char *name; /* borrowed; NULL: none */
};

/* Hard limits of this process that rlimits must not exceed (no CAP_SYS_RESOURCE). */
struct s2c_bundle_hard {
	uint64_t nofile, nproc; /* UINT64_MAX: unlimited */
};

struct s2c_bundle {
	const char *rootfs;   /* absolute host path of the mounted root */
	const char *hostname; /* at most 64 bytes */
	uint32_t uid, gid;
	const struct s2c_strv *args; /* the whole command line, init first */
	const struct s2c_strv *env;
	uint64_t capabilities; /* mask; bounding, effective, permitted */
	const struct s2c_bundle_bind *binds;
	size_t n_binds;
	struct s2c_limits limits;
	struct s2c_bundle_hard hard;
	const char *cgroup; /* "/s2c-<name>", or NULL: none, rlimits instead */
	/* Nested user namespace that makes uid:gid out of our single id. */
	bool map_single;
};

/* The usual capabilities of uid 0 for `s2c run`: what a server started as root needs. */
#define S2C_BUNDLE_ROOT_CAPS                                                             \
	(1ull << 0 /* CHOWN */ | 1ull << 1 /* DAC_OVERRIDE */ | 1ull << 3 /* FOWNER */ | \
		1ull << 4 /* FSETID */ | 1ull << 5 /* KILL */ | 1ull << 6 /* SETGID */ | \
		1ull << 7 /* SETUID */ | 1ull << 8 /* SETPCAP */ |                       \
		1ull << 10 /* NET_BIND_SERVICE */ | 1ull << 31 /* SETFCAP */)

/* The document; caller frees. S2C_EUNSUPPORTED on a machine without a seccomp table. */
S2C_CHECK int s2c_bundle_print(
	const struct s2c_bundle *bundle, char **out_json, struct s2c_error **err);

#endif

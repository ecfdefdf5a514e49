/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users by the image's own /etc/passwd and /etc/group, as text that someone else read
 * from the image with a limit. Never NSS, never the host's files (CVE-2019-14271).
 */
#ifndef S2C_IMAGE_PASSWD_H
#define S2C_IMAGE_PASSWD_H

#include <stdint.h>

#include "util/error.h"

#define S2C_PASSWD_BYTES_MAX (1024u * 1024)
#define S2C_USER_SPEC_MAX 255 /* bytes of "user[:group]" */
#define S2C_UID_MAX 2147483647u

struct s2c_user {
	uint32_t uid, gid;
	char name[64];  /* login name of the uid in passwd, or "" */
	char home[256]; /* of passwd, or "/" */
};

/*
 * Resolves "user[:group]", each a decimal number (0..S2C_UID_MAX; no sign, blank, hex or
 * leading zeros but "0") or a name. Numbers are never looked up as names
 * (CVE-2024-40635); a missing group is the user's passwd gid, or 0. passwd and group may
 * be NULL or "". S2C_EINVAL for bad grammar, S2C_ENOENT for names that are not there,
 * S2C_EPROTO for a matching line with uid or gid out of range, S2C_ELIMIT for large
 * files.
 * `*spec == ""` is root, 0:0.
 */
S2C_CHECK int s2c_user_resolve(const char *spec, const char *passwd, const char *group,
	struct s2c_user *out, struct s2c_error **err);

#endif

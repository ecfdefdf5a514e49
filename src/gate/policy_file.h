/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as a file: opened so that nobody but root and who runs the gate can have
 * written it, read whole, parsed, loaded, with the names of this host.
 */
#ifndef S2C_GATE_POLICY_FILE_H
#define S2C_GATE_POLICY_FILE_H

#include "policy/rules.h"

#define S2C_POLICY_FILE_MAX (1024u * 1024) /* bytes */

/*
 * The gate takes a policy only if it is a regular file, not reached by a symlink in the
 * last part of its path, of root or of the user who runs this, writable by nobody else,
 * and in a directory of which the same is true; the directories above may also be sticky,
 * as /tmp is. S2C_EDENIED names what is wrong and the remedy.
 */
S2C_CHECK int s2c_policy_file_trusted(const char *path, struct s2c_error **err);

/*
 * Opens (O_PATH) a directory that passes the same; where the gate writes files of its
 * own.
 */
S2C_CHECK int s2c_policy_directory(const char *path, int *out_fd, struct s2c_error **err);

/*
 * Loads a policy. With `trusted` what s2c_policy_file_trusted() says is checked of the
 * very file that is read. S2C_EINVAL and S2C_EPROTO name file and place.
 */
S2C_CHECK int s2c_policy_file_load(
	const char *path, bool trusted, struct s2c_rules **out, struct s2c_error **err);

/* Looks names up in this host's databases of users and groups. */
extern const struct s2c_name_resolver s2c_host_names;

#endif

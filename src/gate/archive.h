/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar that a client puts into a container, read and written anew. An engine unpacks
 * it as root, so what could matter then is not carried over: owners, setuid, setgid and
 * sticky bits, attributes; devices, fifos and sockets are refused.
 */
#ifndef S2C_GATE_ARCHIVE_H
#define S2C_GATE_ARCHIVE_H

#include "codec/tar.h"

struct s2c_gate_archive {
	uint32_t uid, gid; /* of everything, unless: */
	bool keep_owners;  /* as they are given */
	struct s2c_tar_limits limits;
};
/* Links of one archive below which nothing may be. */
#define S2C_GATE_ARCHIVE_LINKS_MAX 65536
#define S2C_GATE_ARCHIVE_PATH_MAX 4095 /* bytes of a path, and of what a link says */

/*
 * Copies the archive. S2C_EDENIED or S2C_EINVAL for what may not be in it: a special
 * file; a hard link to anything but an earlier file of the archive; an entry below a
 * symbolic link of the archive, or in its place; a name that leaves the directory or is
 * none that a system takes; an archive without its end, or with more behind it. The
 * directory itself
 * (".") is left out, so that it keeps its owner and mode. Does not finish `out`.
 */
S2C_CHECK int s2c_gate_archive_copy(struct s2c_ctx *ctx, struct s2c_reader *in,
	const struct s2c_gate_archive *rules, struct s2c_writer *out,
	struct s2c_error **err);

#endif

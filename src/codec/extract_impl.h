/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the extractor: extract.c finds places and makes files, extract_data.c fills
 * them, extract_meta.c sets owners, modes, attributes and times. Private to codec.
 */
#ifndef S2C_CODEC_EXTRACT_IMPL_H
#define S2C_CODEC_EXTRACT_IMPL_H

#include <sys/stat.h>

#include "codec/extract.h"

/* A directory whose mtime (and mode, if it shuts us out) is set at the end. */
struct s2c_extract_note {
	char *path;
	size_t order; /* later notes of a path win */
	dev_t dev;
	ino_t ino;
	struct timespec mtime;
	mode_t mode;
	bool set_mode;
};

struct s2c_extractor {
	int root_fd;
	struct s2c_extract_opts opts;
	/* The directory that was used last; most entries share it with their neighbour.
	 */
	char *dir_path;
	int dir_fd;
	struct s2c_extract_note *notes;
	size_t n_notes, cap_notes, note_bytes;
	char *buf; /* S2C_STREAM_CHUNK bytes, made when first needed */
	bool warned_xattrs, warned_devices, warned_replaced;
};

/* Where an entry is on disk: its parent directory and its name there. */
struct s2c_extract_place {
	int dir_fd;
	const char *name;
	int fd; /* of the thing itself, or -1 where it must not be opened */
};

/*
 * Owner, mode, attributes and mtime, in this order: chown clears setuid bits and file
 * capabilities, so that what comes later restores them. Directories get a note instead
 * of an mtime.
 */
S2C_CHECK int s2c_extract_meta(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, const struct s2c_extract_place *place,
	struct s2c_error **err);
/* The same for a directory that no entry describes: 0755, epoch, root or forced owner. */
S2C_CHECK int s2c_extract_meta_implied(
	struct s2c_extractor *x, const char *path, int fd, struct s2c_error **err);
/* Applies the notes. */
S2C_CHECK int s2c_extract_meta_finish(struct s2c_extractor *x, struct s2c_error **err);

/* Fills a fresh file with the entry's data. */
S2C_CHECK int s2c_extract_data(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_entries *data, int fd,
	struct s2c_error **err);

#endif

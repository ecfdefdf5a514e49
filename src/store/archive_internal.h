/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that read and write archives share. No other room includes it.
 */
#ifndef S2C_STORE_ARCHIVE_INTERNAL_H
#define S2C_STORE_ARCHIVE_INTERNAL_H

#include "codec/entry.h"
#include "codec/tar.h"
#include "store/archive.h"

#define S2C_ARCHIVE_FILES_MAX 20000 /* files and links in an archive that is loaded */

/* One direction of one kind; the tables in archive.c. */
int s2c_archive_save_oci_dir(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err);
int s2c_archive_save_oci(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err);
int s2c_archive_save_docker(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err);
int s2c_archive_load_oci_dir(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err);
int s2c_archive_load_oci(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err);
int s2c_archive_load_docker(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err);

/* ---- output: a file that appears whole or not at all ---- */

struct s2c_outfile {
	int fd;
	int dirfd;
	char *name;
	char *temp; /* NULL: written in place, as it is a pipe or a device */
	struct s2c_writer *writer; /* to fd */
	struct s2c_tar_writer *tar;
};
#define S2C_OUTFILE_INIT                                                                 \
	{                                                                                \
		.fd = -1, .dirfd = -1                                                    \
	}
S2C_CHECK int s2c_outfile_open(
	const char *path, struct s2c_outfile *out, struct s2c_error **err);
/* Ends the tar, syncs and renames. */
S2C_CHECK int s2c_outfile_commit(struct s2c_outfile *out, struct s2c_error **err);
/* Removes what was not committed. */
void s2c_outfile_release(struct s2c_outfile *out);
#define CLEAN_OUTFILE CLEAN(s2c_outfile_release)

/* Opens the directory a path lies in; *out_name points at its last component. */
S2C_CHECK int s2c_open_parent(
	const char *path, int *out_dirfd, char **out_name, struct s2c_error **err);

/* Entries that depend on nothing but their arguments: 0:0, time 0, 0755 or 0644. */
S2C_CHECK int s2c_tar_put_dir(
	struct s2c_tar_writer *tar, const char *path, struct s2c_error **err);
S2C_CHECK int s2c_tar_put_data(struct s2c_tar_writer *tar, const char *path,
	const void *data, size_t len, struct s2c_error **err);
/* A file of exactly `size` bytes out of a reader. */
S2C_CHECK int s2c_tar_put_reader(struct s2c_ctx *ctx, struct s2c_tar_writer *tar,
	const char *path, uint64_t size, struct s2c_reader *reader,
	struct s2c_error **err);

/* ---- input ---- */

/*
 * Entries of an archive file, pipe or device, which may be compressed. Reading is done
 * once from front to back. ctx must outlive it.
 */
S2C_CHECK int s2c_archive_entries(struct s2c_ctx *ctx, const char *path,
	struct s2c_entries **out, struct s2c_error **err);

/*
 * Writes the data of the current entry to a new file and hashes it. *out_fd (may be
 * NULL) is the file, open for reading.
 */
struct s2c_stage_file {
	int dirfd;
	const char *name;
	const char *algo; /* of digest */
};
S2C_CHECK int s2c_stage_entry(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_stage_file *file, struct s2c_digest *digest, uint64_t *size,
	struct s2c_error **err);

/* A directory for unpacking an archive inside the store; removed on release. */
struct s2c_staging {
	struct s2c_store *store;
	char *name;
	int fd;
};
#define S2C_STAGING_INIT                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}
S2C_CHECK int s2c_staging_open(
	struct s2c_store *store, struct s2c_staging *out, struct s2c_error **err);
void s2c_staging_release(struct s2c_staging *staging);
#define CLEAN_STAGING CLEAN(s2c_staging_release)

/* ---- what was loaded, on its way to its names ---- */

struct s2c_loaded {
	struct s2c_store_name *items; /* desc of a manifest, name "" for none */
	size_t n, cap;
};
void s2c_loaded_release(struct s2c_loaded *loaded);
#define CLEAN_LOADED CLEAN(s2c_loaded_release)
void s2c_loaded_add(
	struct s2c_loaded *loaded, const char *name, const struct s2c_descriptor *desc);
/* Loads each image once more from the store, to be sure, then names them all. */
S2C_CHECK int s2c_loaded_name(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_loaded *loaded, struct s2c_strv *names, struct s2c_error **err);

/* ---- an OCI layout in a directory (store/layout.c) ---- */

struct s2c_layout {
	int fd;           /* borrowed */
	const char *path; /* for messages */
	const char *tag;  /* only this one; NULL: all */
	bool staged; /* blobs were hashed when they were put here, and may be moved */
};
S2C_CHECK int s2c_layout_load(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_layout *layout, struct s2c_loaded *loaded,
	struct s2c_error **err);
/* Reads index.json of a layout, after its oci-layout file. */
S2C_CHECK int s2c_layout_read_index(
	const struct s2c_layout *layout, struct s2c_json **out, struct s2c_error **err);

#define S2C_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

#endif

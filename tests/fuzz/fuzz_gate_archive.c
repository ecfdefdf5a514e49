/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a client's archive. What an engine gets of it is read again: everything
 * belongs to the one user, nothing is special, nothing leaves, nothing lies below or in
 * the place of a symbolic link, and a hard link is one to a file that came before.
 */
#include <stdint.h>

#include "gate/archive.h"
#include "util/strv.h"

#define ENTRIES 200u
#define BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The paths so far, one list of files and one of links. */
struct seen {
	struct s2c_strv files, links;
};

static void check_links(const struct seen *seen, const struct s2c_entry *e)
{
	s2c_strv_foreach (link, &seen->links)
		if (starts_with(e->path, link) &&
			(e->path[strlen(link)] == '/' ||
				(!e->path[strlen(link)] && e->type != S2C_ENTRY_SYMLINK)))
			abort();
	if (e->type == S2C_ENTRY_HARDLINK && s2c_strv_find(&seen->files, e->link) < 0)
		abort();
}

static void check(const struct s2c_entry *e)
{
	if (e->uid != 1001 || e->gid != 7 || (e->mode & 07000) || e->n_xattrs)
		abort();
	if (e->type != S2C_ENTRY_FILE && e->type != S2C_ENTRY_DIR &&
		e->type != S2C_ENTRY_SYMLINK && e->type != S2C_ENTRY_HARDLINK)
		abort();
	if (e->path[0] == '/' || streq(e->path, ".") || streq(e->path, "..") ||
		starts_with(e->path, "../") || strstr(e->path, "/../"))
		abort();
}

static void note(struct seen *seen, const struct s2c_entry *e)
{
	ssize_t at = s2c_strv_find(&seen->files, e->path);

	if (at >= 0)
		s2c_strv_remove(&seen->files, (size_t)at);
	if (e->type == S2C_ENTRY_SYMLINK)
		s2c_strv_add(&seen->links, e->path);
	else if (e->type != S2C_ENTRY_DIR)
		s2c_strv_add(&seen->files, e->path);
}

static void check_all(struct s2c_ctx *ctx, const struct s2c_buf *tar)
{
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(
		s2c_reader_mem(tar->data, tar->len), true, (struct s2c_tar_limits){0});
	struct seen seen = {0};
	const struct s2c_entry *e;

	for (;;) {
		if (s2c_entries_next(entries, ctx, &e, NULL) < 0)
			abort();
		if (!e)
			break;
		check(e);
		check_links(&seen, e);
		note(&seen, e);
	}
	s2c_strv_release(&seen.files);
	s2c_strv_release(&seen.links);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_new((struct s2c_sink){0});
	CLEAN_READER struct s2c_reader *in = s2c_reader_mem(data, size);
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(8u << 20);
	CLEAN_WRITER struct s2c_writer *to = s2c_writer_buf(&out);
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_gate_archive rules = {
		.uid = 1001, .gid = 7, .limits = {.entries = ENTRIES, .bytes = BYTES}};

	if (s2c_gate_archive_copy(ctx, in, &rules, to, &err) == 0)
		check_all(ctx, &out);
	else if (!err)
		abort();
	return 0;
}

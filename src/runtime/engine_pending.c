/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source by way of the process: whether the image can unpack it, and what waits for that.
 */
#include "runtime/engine_impl.h"

#define PIPED_MAX (4u * 1024 * 1024) /* bytes of a tar that a process is sent */
#define TAR_PROGRAM_MAX (4u * 1024 * 1024)

void s2c_engine_forget_pending(struct s2c_engine_files *files)
{
	free(files->pending.dir);
	s2c_buf_release(&files->pending.tar);
	files->pending = (struct s2c_engine_pending){.dir = NULL};
}

/* By what name there is an executable; NULL: by none. A link stays: it may be the name
 * that decides what a program does. Caller frees. */
static int find_program(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *name, char **out, struct s2c_error **err)
{
	static const char *const dirs[] = {"/usr/bin", "/bin"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !*out; i++) {
		CLEAN_ENGINE_STAT struct s2c_engine_stat st = {
			.kind = S2C_ENGINE_MISSING};
		CLEAN_FREE char *path = xasprintf("%s/%s", dirs[i], name);

		if (s2c_engine_stat(ctx, files, path, &st, err) < 0)
			return -1;
		if (st.kind == S2C_ENGINE_FILE && st.mode & 0111)
			*out = TAKE(path);
	}
	return 0;
}

/*
 * True if the program is GNU tar: others have no extended headers (long and odd names,
 * parts of seconds). Its bytes say so; they are asked for once for each image.
 */
static bool is_gnu_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files)
{
	static const char name[] = "GNU tar", other[] = "BusyBox";
	struct s2c_engine_files image = {.runtime = files->runtime};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(TAR_PROGRAM_MAX);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct s2c_facts *facts = files->runtime->probe.facts;
	struct s2c_facts_file fact = {.there = false};

	if (s2c_facts_find_file(facts, files->tar, &fact))
		return fact.there;
	memcpy(image.image, files->image, sizeof(image.image));
	if (s2c_engine_read_file(ctx, &image, files->tar, &text, &ignored) == 0 &&
		memmem(text.data, text.len, name, strlen(name)) &&
		!memmem(text.data, text.len, other, strlen(other)))
		fact = (struct s2c_facts_file){
			.there = true, .text = name, .len = strlen(name)};
	/* An answer that did not come says nothing. */
	if (!ignored || s2c_error_code(ignored) == S2C_ELIMIT)
		s2c_facts_note_file(facts, files->tar, &fact);
	return fact.there;
}

int s2c_engine_find_tar(
	struct s2c_ctx *ctx, struct s2c_engine_files *files, struct s2c_error **err)
{
	if (find_program(ctx, files, "tar", &files->tar, err) < 0 ||
		find_program(ctx, files, "head", &files->head, err) < 0)
		return -1;
	if (files->tar && files->head && is_gnu_tar(ctx, files))
		return 0;
	free(TAKE(files->tar));
	free(TAKE(files->head));
	return 0;
}

int s2c_engine_put_pending(
	struct s2c_ctx *ctx, struct s2c_engine_files *files, struct s2c_error **err)
{
	struct s2c_engine_pending pending = files->pending;
	size_t done = 0;
	int rc = 0;

	if (!pending.dir)
		return 0;
	files->pending = (struct s2c_engine_pending){.dir = NULL};
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(pending.ends) && pending.ends[i];
		i++) {
		CLEAN_READER struct s2c_reader *tar = s2c_reader_mem(
			pending.tar.data + done, pending.ends[i] - done);

		rc = s2c_engine_send_tar(ctx, files, pending.dir, tar, err);
		done = pending.ends[i];
	}
	free(pending.dir);
	s2c_buf_release(&pending.tar);
	return rc;
}

/* What was read ahead, then the rest. */
struct resumed {
	struct s2c_reader base;
	const struct s2c_buf *first;
	size_t done;
	struct s2c_reader *rest; /* borrowed */
};

static ssize_t resumed_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct resumed *self = (struct resumed *)r;
	size_t left = self->first->len - self->done;

	if (!left)
		return s2c_read(self->rest, buf, len, err);
	len = len < left ? len : left;
	memcpy(buf, self->first->data + self->done, len);
	self->done += len;
	return (ssize_t)len;
}

/* Up to the buffer's maximum; *out_whole is false if there is more. */
static int read_ahead(struct s2c_reader *tar, struct s2c_buf *buf, bool *out_whole,
	struct s2c_error **err)
{
	char piece[16384];
	ssize_t n = 0;

	while (buf->len + sizeof(piece) <= buf->max &&
		(n = s2c_read(tar, piece, sizeof(piece), err)) > 0)
		if (s2c_buf_add(buf, piece, (size_t)n, err) < 0)
			return -1;
	*out_whole = n == 0 && buf->len + sizeof(piece) <= buf->max;
	return n < 0 ? -1 : 0;
}

static int keep(struct s2c_engine_pending *pending, const char *dir,
	const struct s2c_buf *tar, struct s2c_error **err)
{
	size_t i = 0;

	if (!pending->dir) {
		pending->dir = xstrdup(dir);
		pending->tar.max = ARRAY_SIZE(pending->ends) * PIPED_MAX;
	}
	while (pending->ends[i])
		i++;
	if (s2c_buf_add(&pending->tar, tar->data, tar->len, err) < 0)
		return -1;
	pending->ends[i] = pending->tar.len;
	return 0;
}

int s2c_engine_pipe_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *dir, struct s2c_reader *tar, struct s2c_error **err)
{
	static const struct s2c_reader_ops ops = {.read = resumed_read};
	CLEAN_BUF struct s2c_buf first = S2C_BUF_INIT(PIPED_MAX);
	struct resumed resumed = {.base.ops = &ops, .first = &first, .rest = tar};
	bool whole = false;

	if (read_ahead(tar, &first, &whole, err) < 0)
		return -1;
	if (!whole)
		return s2c_engine_send_tar(ctx, files, dir, &resumed.base, err);
	return keep(&files->pending, dir, &first, err);
}

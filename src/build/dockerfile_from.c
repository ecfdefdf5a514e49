/* SPDX-License-Identifier: Apache-2.0 */
#include "build/dockerfile_from.h"

#include <fcntl.h>

#include "build/artifacts.h"
#include "build/dockerfile_copy.h"
#include "build/paths.h"
#include "util/fs.h"

int s2c_from_check(const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	s2c_strv_foreach (source, copy->sources) {
		CLEAN_FREE char *path = s2c_inner_join("/", source);

		if (source[strcspn(source, "*?[\\")])
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"'%.200s' is a pattern, which --from does not take: name "
				"the "
				"file or its directory",
				source);
		if (streq(path, "/"))
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"all files of a stage are not copied at once: name "
				"directories of it");
	}
	return 0;
}

/* What was taken out of the container. */
struct taken {
	int file;   /* a tar, without a name */
	char *path; /* where it was, links followed; absolute */
	bool dir;
};

static void taken_release(struct taken *taken)
{
	s2c_clean_fd(&taken->file);
	free(taken->path);
}

static int write_tar(struct s2c_ctx *ctx, const struct s2c_from *how, const char *path,
	int *out_file, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *out = NULL;
	CLEAN_FD int file = -1;

	if (s2c_fs_open(how->dir_fd, ".", O_TMPFILE | O_RDWR, 0600, &file, err) < 0)
		return -1;
	out = s2c_writer_fd(file, false);
	if (s2c_container_copy_out(ctx, how->from, path, out, err) < 0)
		return -1;
	*out_file = take_fd(&file);
	return 0;
}

/* The first entry of a tar: what it is, and for a link where that leads. */
static int look(
	struct s2c_ctx *ctx, struct taken *taken, char **out_link, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_artifacts_entries(taken->file);
	const struct s2c_entry *entry;

	if (s2c_entries_next(entries, ctx, &entry, err) < 0)
		return -1;
	if (!entry)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'%s' is neither a file nor a directory", taken->path);
	taken->dir = entry->type == S2C_ENTRY_DIR;
	if (entry->type == S2C_ENTRY_SYMLINK)
		*out_link = xstrdup(entry->link);
	return 0;
}

static int take(struct s2c_ctx *ctx, const struct s2c_from *how, const char *source,
	struct taken *out, struct s2c_error **err)
{
	out->path = s2c_inner_join("/", source);
	for (unsigned links = 0; links <= S2C_COPY_LINKS_MAX; links++) {
		CLEAN_FREE char *link = NULL, *above = NULL;
		char *next;

		s2c_clean_fd(&out->file);
		out->file = -1;
		if (streq(out->path, "/"))
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"'%.200s' leads to '/': name directories", source);
		if (write_tar(ctx, how, out->path, &out->file, err) < 0 ||
			look(ctx, out, &link, err) < 0)
			return -1;
		if (!link)
			return 0;
		above = xstrndup(
			out->path, (size_t)(strrchr(out->path, '/') - out->path));
		next = s2c_inner_join(*above ? above : "/", link);
		free(out->path);
		out->path = next;
	}
	return s2c_fail(
		err, S2C_EINVAL, "link '%.200s' leads to too many others", source);
}

static const char *last_part(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* Puts one thing to its place; `into`: the destination is a directory for files. */
static int put(struct s2c_ctx *ctx, const struct s2c_from *how,
	const struct s2c_eval_copy *copy, const struct taken *taken, bool into,
	const char *name, struct s2c_error **err)
{
	const char *dest = copy->destination, *slash = strrchr(dest, '/');
	bool is_name = !taken->dir && !into;
	struct s2c_copy_root root = {
		.path = (char *)(uintptr_t)last_part(taken->path),
		.name = (char *)(uintptr_t)name,
		.dir = taken->dir,
	};
	struct s2c_copy_map map = {
		.roots = &root,
		.n = 1,
		.rename = is_name ? slash + 1 : NULL,
		.mode = copy->mode,
	};
	CLEAN_FREE char *dir = is_name ? xstrndup(dest, (size_t)(slash - dest))
				       : xstrdup(dest);
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_copy_mapped(
		s2c_artifacts_entries(taken->file), &map);

	return s2c_container_copy_as(
		ctx, how->to, *dir ? dir : "/", entries, &how->owner, err);
}

int s2c_from_copy(struct s2c_ctx *ctx, const struct s2c_from *how,
	const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	size_t len = strlen(copy->destination);
	bool into = copy->destination[len - 1] == '/' ||
		    s2c_container_is_dir(how->to, copy->destination);

	if (!into && copy->sources->len > 1)
		return s2c_fail(err, S2C_EINVAL,
			"several sources need a directory as destination: end '%s' with "
			"a '/'",
			copy->destination);
	s2c_strv_foreach (source, copy->sources) {
		CLEAN(taken_release) struct taken taken = {.file = -1};
		CLEAN_FREE char *named = s2c_inner_join("/", source);

		if (take(ctx, how, source, &taken, err) < 0)
			return s2c_wrap(err, "--from=%.100s", copy->from);
		if (put(ctx, how, copy, &taken, into, last_part(named), err) < 0)
			return -1;
	}
	return 0;
}

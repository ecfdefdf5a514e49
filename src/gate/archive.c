/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/archive.h"

#include <search.h>

/* The paths of an archive so far: its files, and its symbolic links. */
struct seen {
	void *files, *links;
	size_t n_links;
};

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void seen_release(struct seen *seen)
{
	tdestroy(seen->files, free);
	tdestroy(seen->links, free);
}

static void add(void **set, const char *path)
{
	char *copy = xstrdup(path);
	char **node = s2c_must(tsearch(copy, set, compare));

	if (*node != copy)
		free(copy);
}

/* The same name may come again as something else. */
static void drop(void **set, const char *path)
{
	char **node = tfind(path, set, compare);

	if (!node)
		return;
	char *gone = *node;
	(void)tdelete(path, set, compare);
	free(gone);
}

static bool has(void *const *set, const char *path)
{
	return tfind(path, set, compare) != NULL;
}

/* Whether a directory of the path is a link: what is below would be put elsewhere. */
static bool is_below_link(const struct seen *seen, const char *path)
{
	CLEAN_FREE char *part = xstrdup(path);

	if (!seen->links)
		return false;
	for (char *slash = strrchr(part, '/'); slash; slash = strrchr(part, '/')) {
		*slash = '\0';
		if (has(&seen->links, part))
			return true;
	}
	return false;
}

static int check(
	const struct seen *seen, const struct s2c_entry *entry, struct s2c_error **err)
{
	if (strlen(entry->path) > S2C_GATE_ARCHIVE_PATH_MAX ||
		(entry->link && strlen(entry->link) > S2C_GATE_ARCHIVE_PATH_MAX))
		return s2c_fail(err, S2C_EDENIED, "a name of more than %d bytes is in it",
			S2C_GATE_ARCHIVE_PATH_MAX);
	if (is_below_link(seen, entry->path))
		return s2c_fail(err, S2C_EDENIED,
			"'%s' lies below a symbolic link of the archive", entry->path);
	/* Engines do not agree on what becomes of the link then. */
	if (entry->type != S2C_ENTRY_SYMLINK && has(&seen->links, entry->path))
		return s2c_fail(err, S2C_EDENIED,
			"'%s' was a symbolic link before in the archive", entry->path);
	switch (entry->type) {
	case S2C_ENTRY_FILE:
	case S2C_ENTRY_DIR:
	case S2C_ENTRY_SYMLINK:
		return 0;
	case S2C_ENTRY_HARDLINK:
		if (has(&seen->files, entry->link) && !is_below_link(seen, entry->link))
			return 0;
		return s2c_fail(err, S2C_EDENIED,
			"'%s' is a link to '%s', which is no earlier file of the archive",
			entry->path, entry->link);
	case S2C_ENTRY_CHARDEV:
	case S2C_ENTRY_BLOCKDEV:
	case S2C_ENTRY_FIFO:
	case S2C_ENTRY_SOCKET:
		break;
	}
	return s2c_fail(err, S2C_EDENIED, "'%s' is a special file", entry->path);
}

static int note(struct seen *seen, const struct s2c_entry *entry, struct s2c_error **err)
{
	drop(&seen->files, entry->path);
	if (entry->type == S2C_ENTRY_FILE || entry->type == S2C_ENTRY_HARDLINK)
		add(&seen->files, entry->path);
	if (entry->type != S2C_ENTRY_SYMLINK)
		return 0;
	if (has(&seen->links, entry->path))
		return 0;
	if (++seen->n_links > S2C_GATE_ARCHIVE_LINKS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d symbolic links",
			S2C_GATE_ARCHIVE_LINKS_MAX);
	add(&seen->links, entry->path);
	return 0;
}

static int copy_entry(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_entry *entry, const struct s2c_gate_archive *rules,
	struct s2c_tar_writer *tar, struct s2c_error **err)
{
	/* Borrows the strings; what is not named here is not carried over. */
	struct s2c_entry clean = {
		.path = entry->path,
		.type = entry->type,
		.mode = entry->mode & 0777,
		.uid = rules->keep_owners ? entry->uid : rules->uid,
		.gid = rules->keep_owners ? entry->gid : rules->gid,
		.size = entry->size,
		.mtime = entry->mtime,
		.mtime_ns = entry->mtime_ns,
		.link = entry->link,
	};

	if (s2c_tar_writer_entry(tar, &clean, err) < 0)
		return -1;
	return entry->type == S2C_ENTRY_FILE ? s2c_tar_write_data(tar, ctx, entries, err)
					     : 0;
}

int s2c_gate_archive_copy(struct s2c_ctx *ctx, struct s2c_reader *in,
	const struct s2c_gate_archive *rules, struct s2c_writer *out,
	struct s2c_error **err)
{
	struct s2c_tar_limits limits = rules->limits;
	CLEAN(s2c_clean_tar_writer)
	struct s2c_tar_writer *tar = s2c_tar_writer_new(out);
	CLEAN(seen_release) struct seen seen = {0};

	limits.whole = true;
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(in, false, limits);
	for (;;) {
		const struct s2c_entry *entry;

		if (s2c_entries_next(entries, ctx, &entry, err) < 0)
			return -1;
		if (!entry)
			return s2c_tar_writer_finish(tar, err);
		if (streq(entry->path, "."))
			continue;
		if (check(&seen, entry, err) < 0 || note(&seen, entry, err) < 0 ||
			copy_entry(ctx, entries, entry, rules, tar, err) < 0)
			return -1;
	}
}

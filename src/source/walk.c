/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source tree as entries: what is left out, and what a commit does not record.
 */
#include "codec/walk.h"
#include "source/ignore.h"
#include "source/source.h"

static bool is_ignored(const void *ignore, const char *path, bool is_dir)
{
	return s2c_ignore_match_name(ignore, path, is_dir);
}

static void as_committed(const void *source, struct s2c_entry *entry)
{
	bool program = entry->type == S2C_ENTRY_DIR || (entry->mode & 0100);

	entry->mode = entry->type == S2C_ENTRY_SYMLINK ? 0777 : program ? 0755 : 0644;
	entry->mtime = ((const struct s2c_source *)source)->commit_time;
	entry->mtime_ns = 0;
}

int s2c_source_walk(struct s2c_source *source, const struct s2c_ignore *ignore,
	struct s2c_entries **out, struct s2c_error **err)
{
	const struct s2c_walk_opts opts = {
		.what = "the source",
		.remedy = "exclude it in .s2iignore or with --exclude",
		.empty = "nothing of the source is left: everything in it is excluded by "
			 ".s2iignore or --exclude",
		.skip = ignore ? is_ignored : NULL,
		.skip_by = ignore,
		.adjust = source->from_commit ? as_committed : NULL,
		.adjust_by = source,
		/* assemble gets files with the mode they have here, as their owner, and
		 * without the rights of whoever reads them now. */
		.check_readable = !source->from_commit,
		.links_apart = source->links_apart,
	};

	return s2c_walk(source->fd, &opts, out, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries in, a layer blob and its two digests out, in one pass. It refuses entries that
 * are out of order: the order is part of the digest, so that a stream which forgot to
 * sort would make another layer on another machine.
 */
#include "layer/writer.h"

#include "codec/progress.h"
#include "codec/tar.h"
#include "image/manifest.h"
#include "util/error.h"

static int check_order(
	const char *last, const struct s2c_entry *entry, struct s2c_error **err)
{
	if (last && s2c_entry_path_cmp(last, entry->path) >= 0)
		return s2c_fail(err, S2C_EINVAL,
			"layer entry '%s' comes after '%s', out of order", entry->path,
			last);
	return 0;
}

static struct s2c_entry clamped(const struct s2c_entry *entry, int64_t newest)
{
	struct s2c_entry copy = *entry;

	if (newest && copy.mtime >= newest) {
		copy.mtime = newest;
		copy.mtime_ns = 0;
	}
	return copy;
}

static int write_entries(struct s2c_ctx *ctx, struct s2c_entries *input, int64_t newest,
	struct s2c_writer *out, uint64_t *out_count, struct s2c_error **err)
{
	static const struct s2c_progress told = {.phase = "layer"};
	struct s2c_entries *entries CLEAN_ENTRIES = s2c_entries_progress(
		ctx, input, false, &told);
	struct s2c_tar_writer *tar CLEAN(s2c_clean_tar_writer) = s2c_tar_writer_new(out);
	uint64_t count = 0;
	const struct s2c_entry *entry;
	CLEAN_FREE char *last = NULL;

	for (;;) {
		if (s2c_entries_next(entries, ctx, &entry, err))
			return -1;
		if (!entry)
			break;
		struct s2c_entry written = clamped(entry, newest);
		if (check_order(last, entry, err) ||
			s2c_tar_writer_entry(tar, &written, err) ||
			s2c_tar_write_data(tar, ctx, entries, err))
			return -1;
		free(last);
		last = xstrdup(entry->path);
		count++;
	}
	*out_count = count;
	return s2c_tar_writer_finish(tar, err);
}

int s2c_layer_write(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_layer_opts *opts, struct s2c_writer *out,
	struct s2c_layer_result *result, struct s2c_error **err)
{
	struct s2c_layer_result r = {.media_type = s2c_media_layer(opts->compression)};
	struct s2c_writer *blob CLEAN_WRITER = s2c_writer_digest(out, &r.digest, &r.size);
	struct s2c_writer *pack CLEAN_WRITER = s2c_compress_again(
		opts->compression, opts->level, opts->earlier_fd, blob);
	struct s2c_writer *diff CLEAN_WRITER = s2c_writer_digest(
		pack, &r.diff_id, &r.tar_size);

	if (write_entries(ctx, entries, opts->newest, diff, &r.entries, err) ||
		s2c_finish(diff, err))
		return -1;
	*result = r;
	return 0;
}

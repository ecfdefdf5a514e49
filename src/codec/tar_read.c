/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads tar: ustar, PAX and GNU, sparse files expanded. It is our own because libarchive
 * 3.6 cannot give what a layer needs, as tried on Debian 12: in a UTF-8 locale it folds
 * PAX names to NFC, so that two different files become one; in the C locale it reports
 * every non-ASCII name as a failure; a NUL inside a name cuts it silently; and whether
 * ustar and PAX headers contradict each other cannot be seen through its interface.
 *
 * It is strict where tar readers are known to disagree (sizes, double headers, data
 * behind links), because a disagreement lets files be smuggled past a check.
 */
#include <inttypes.h>

#include "codec/tar.h"
#include "codec/tar_format.h"
#include "util/error.h"

struct tar_reader {
	struct s2c_entries base;
	struct s2c_tar_input in;
	struct s2c_tar_limits limits;
	uint64_t n_entries, n_bytes;
	bool ended;

	/* Headers that wait for the entry they describe. */
	struct s2c_tar_pax pax;
	bool has_pax;
	char *gnu_name, *gnu_link;

	struct s2c_entry entry;
	struct s2c_tar_plan plan; /* where the data of entry goes */
	size_t extent;            /* first piece that is not read completely */
	uint64_t pos;             /* in the expanded data */
	uint64_t stored;          /* bytes of data left in the archive */
	uint64_t padding;         /* behind them */
};

static bool is_ustar(const struct s2c_tar_header *h)
{
	return memcmp(h->magic, "ustar", 6) == 0;
}

static int check_header(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	int64_t sum;

	if (s2c_tar_field(h->checksum, sizeof(h->checksum), &sum) && sum >= 0 &&
		((uint64_t)sum == s2c_tar_checksum(h, false) ||
			(uint64_t)sum == s2c_tar_checksum(h, true)))
		return 0;
	if (t->in.offset == S2C_TAR_BLOCK)
		return s2c_tar_foreign(err);
	return s2c_tar_damaged(&t->in, "a header has a wrong checksum", err);
}

/* The name in the header itself; caller frees. */
static char *header_name(const struct s2c_tar_header *h)
{
	size_t prefix_max = sizeof(h->prefix);
	CLEAN_FREE char *prefix = NULL, *name = xstrndup(h->name, sizeof(h->name));

	if (!is_ustar(h) || !h->prefix[0])
		return TAKE(name);
	/* star keeps times in the last 24 bytes of the prefix. */
	if (memcmp(h->pad + 8, "tar", 4) == 0)
		prefix_max = 131;
	prefix = xstrndup(h->prefix, prefix_max);
	return xasprintf("%s/%s", prefix, name);
}

/* ---- headers before an entry ---- */

static void drop_pending(struct tar_reader *t)
{
	s2c_tar_pax_release(&t->pax);
	t->has_pax = false;
	free(TAKE(t->gnu_name));
	free(TAKE(t->gnu_link));
}

static int take_payload(struct tar_reader *t, const struct s2c_tar_header *h,
	struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FREE char *data = NULL;
	uint64_t size;

	if (S2C_TAR_NUMBER(&t->in, h->size, &size, err))
		return -1;
	if (size > S2C_TAR_PAX_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"an extended tar header is larger than %u bytes",
			S2C_TAR_PAX_MAX);
	data = xmalloc(size);
	if (s2c_tar_take(&t->in, data, size, err) ||
		s2c_tar_skip(&t->in, s2c_tar_padding(size), err))
		return -1;
	return s2c_buf_add(buf, data, size, err);
}

static int take_pax(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(S2C_TAR_PAX_MAX);

	if (t->has_pax || t->gnu_name || t->gnu_link)
		return s2c_tar_damaged(
			&t->in, "two extended headers describe one entry", err);
	if (take_payload(t, h, &buf, err) ||
		s2c_tar_pax_parse(s2c_buf_str(&buf), buf.len, &t->pax, err))
		return -1;
	t->has_pax = true;
	return 0;
}

/* A header for all that follows may hold comments, but nothing that changes a file. */
static int take_global(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(S2C_TAR_PAX_MAX);
	CLEAN_PAX struct s2c_tar_pax pax = {0};

	if (t->has_pax || t->gnu_name || t->gnu_link)
		return s2c_tar_damaged(&t->in,
			"a global header stands between an entry and its header", err);
	if (take_payload(t, h, &buf, err) ||
		s2c_tar_pax_parse(s2c_buf_str(&buf), buf.len, &pax, err))
		return -1;
	if ((pax.set & ~S2C_PAX_CHARSET) || pax.attrs.n_xattrs || pax.extents.n)
		return s2c_tar_damaged(&t->in, "a global header changes files", err);
	return 0;
}

static int take_gnu_long(struct tar_reader *t, const struct s2c_tar_header *h, char **out,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(S2C_TAR_PAX_MAX);
	size_t len;

	if (*out || t->has_pax)
		return s2c_tar_damaged(
			&t->in, "two extended headers describe one entry", err);
	if (take_payload(t, h, &buf, err))
		return -1;
	len = strnlen(s2c_buf_str(&buf), buf.len);
	for (size_t i = len; i < buf.len; i++)
		if (buf.data[i])
			return s2c_tar_damaged(
				&t->in, "a long name has a NUL in it", err);
	if (len == 0)
		return s2c_tar_damaged(&t->in, "a long name is empty", err);
	*out = xstrndup(s2c_buf_str(&buf), len);
	return 0;
}

/* ---- an entry ---- */

static const struct {
	char flag;
	enum s2c_entry_type type;
} types[] = {
	{'0', S2C_ENTRY_FILE},
	{'\0', S2C_ENTRY_FILE},
	{'7', S2C_ENTRY_FILE},
	{'S', S2C_ENTRY_FILE},
	{'1', S2C_ENTRY_HARDLINK},
	{'2', S2C_ENTRY_SYMLINK},
	{'3', S2C_ENTRY_CHARDEV},
	{'4', S2C_ENTRY_BLOCKDEV},
	{'5', S2C_ENTRY_DIR},
	{'6', S2C_ENTRY_FIFO},
};

static int set_type(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].flag != h->type)
			continue;
		t->entry.type = types[i].type;
		return 0;
	}
	return s2c_fail(err, S2C_EPROTO,
		"tar entries of type 0x%02x are not supported (at byte %" PRIu64 ")",
		(unsigned char)h->type, t->in.offset);
}

static int set_path(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	CLEAN_FREE char *in_header = header_name(h);
	const char *name = in_header;
	size_t len;

	if (t->gnu_name)
		name = t->gnu_name;
	if (t->pax.path)
		name = t->pax.path;
	if (t->pax.sparse_name)
		name = t->pax.sparse_name;
	len = strlen(name);
	/* Before POSIX a directory was a file whose name ends in a slash. */
	if (len && name[len - 1] == '/' && t->entry.type == S2C_ENTRY_FILE) {
		if (h->type != '\0')
			return s2c_fail(err, S2C_EPROTO,
				"tar entry '%s' is a file with the name of a directory",
				name);
		t->entry.type = S2C_ENTRY_DIR;
	}
	return s2c_entry_normalize_path(name, true, &t->entry.path, err);
}

static int set_link(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	CLEAN_FREE char *in_header = xstrndup(h->link, sizeof(h->link));
	const char *link = in_header;

	if (t->entry.type != S2C_ENTRY_HARDLINK && t->entry.type != S2C_ENTRY_SYMLINK)
		return 0;
	if (t->gnu_link)
		link = t->gnu_link;
	if (t->pax.linkpath)
		link = t->pax.linkpath;
	if (!link[0])
		return s2c_fail(
			err, S2C_EPROTO, "link '%s' has no target", t->entry.path);
	if (t->entry.type == S2C_ENTRY_HARDLINK) {
		if (s2c_entry_normalize_path(link, true, &t->entry.link, err))
			return s2c_wrap(err, "hard link '%s'", t->entry.path);
		return 0;
	}
	if (strlen(link) > S2C_ENTRY_LINK_MAX)
		return s2c_fail(err, S2C_EPROTO,
			"symbolic link '%s' has a target of more than %d bytes",
			t->entry.path, S2C_ENTRY_LINK_MAX);
	t->entry.link = xstrdup(link);
	return 0;
}

static int set_ids(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	uint64_t uid = t->pax.uid, gid = t->pax.gid;

	if (!(t->pax.set & S2C_PAX_UID) && S2C_TAR_NUMBER(&t->in, h->uid, &uid, err))
		return -1;
	if (!(t->pax.set & S2C_PAX_GID) && S2C_TAR_NUMBER(&t->in, h->gid, &gid, err))
		return -1;
	if (uid > S2C_ENTRY_ID_MAX || gid > S2C_ENTRY_ID_MAX)
		return s2c_fail(err, S2C_EPROTO,
			"'%s' has owner %" PRIu64 ":%" PRIu64 ", ids end at %u",
			t->entry.path, uid, gid, S2C_ENTRY_ID_MAX);
	t->entry.uid = (uint32_t)uid;
	t->entry.gid = (uint32_t)gid;
	return 0;
}

static int set_numbers(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	uint64_t mode, major = 0, minor = 0;

	if (S2C_TAR_NUMBER(&t->in, h->mode, &mode, err) || set_ids(t, h, err))
		return -1;
	t->entry.mode = mode & 07777;
	if (t->pax.set & S2C_PAX_MTIME) {
		t->entry.mtime = t->pax.mtime;
		t->entry.mtime_ns = t->pax.mtime_ns;
	} else if (!s2c_tar_field(h->mtime, sizeof(h->mtime), &t->entry.mtime)) {
		return s2c_tar_damaged(&t->in, "a header has a bad number", err);
	}
	if (t->entry.type != S2C_ENTRY_CHARDEV && t->entry.type != S2C_ENTRY_BLOCKDEV)
		return 0;
	if (S2C_TAR_NUMBER(&t->in, h->dev_major, &major, err) ||
		S2C_TAR_NUMBER(&t->in, h->dev_minor, &minor, err))
		return -1;
	if (major > UINT32_MAX || minor > UINT32_MAX)
		return s2c_tar_damaged(&t->in, "a header has a bad device number", err);
	t->entry.dev_major = (uint32_t)major;
	t->entry.dev_minor = (uint32_t)minor;
	return 0;
}

/*
 * Bytes stored behind the header. A PAX size belongs to files too large for the header
 * field, which then is 0; any other disagreement is an attack (CVE-2025-62518).
 */
static int set_stored(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	uint64_t size;

	if (S2C_TAR_NUMBER(&t->in, h->size, &size, err))
		return -1;
	if ((t->pax.set & S2C_PAX_SIZE) && t->pax.size != size) {
		if (size != 0 || t->pax.size <= S2C_TAR_OCTAL11_MAX)
			return s2c_tar_damaged(
				&t->in, "an entry has two sizes that contradict", err);
		size = t->pax.size;
	}
	if (t->entry.type != S2C_ENTRY_FILE &&
		(size != 0 || s2c_tar_pax_is_sparse(&t->pax)))
		return s2c_fail(err, S2C_EPROTO,
			"'%s' is no file but has data in the archive", t->entry.path);
	t->stored = size;
	t->padding = s2c_tar_padding(size);
	return 0;
}

static int count(struct tar_reader *t, struct s2c_error **err)
{
	if (++t->n_entries > t->limits.entries)
		return s2c_fail(err, S2C_ELIMIT,
			"the archive has more than %" PRIu64 " entries",
			t->limits.entries);
	if (t->entry.size > t->limits.file_bytes)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' in the archive is larger than %" PRIu64 " bytes",
			t->entry.path, t->limits.file_bytes);
	if (t->entry.size > t->limits.bytes - t->n_bytes)
		return s2c_fail(err, S2C_ELIMIT,
			"the archive has more than %" PRIu64 " bytes of files",
			t->limits.bytes);
	t->n_bytes += t->entry.size;
	return 0;
}

static int make_entry(
	struct tar_reader *t, const struct s2c_tar_header *h, struct s2c_error **err)
{
	if (set_type(t, h, err) || set_path(t, h, err) || set_link(t, h, err))
		return -1;
	if (streq(t->entry.path, ".") && t->entry.type != S2C_ENTRY_DIR)
		return s2c_fail(err, S2C_EINVAL,
			"the root of the archive is given as something else than a "
			"directory");
	if (set_numbers(t, h, err) || set_stored(t, h, err))
		return s2c_wrap(err, "tar entry '%s'", t->entry.path);
	if (t->entry.type == S2C_ENTRY_FILE &&
		s2c_tar_plan_data(&t->in, h, &t->pax, &t->stored, &t->plan, err))
		return s2c_wrap(err, "tar entry '%s'", t->entry.path);
	t->entry.size = t->plan.size;
	t->entry.xattrs = TAKE(t->pax.attrs.xattrs);
	t->entry.n_xattrs = t->pax.attrs.n_xattrs;
	t->pax.attrs.n_xattrs = 0;
	drop_pending(t);
	return count(t, err);
}

/* ---- the stream ---- */

static bool is_zero(const struct s2c_tar_header *h)
{
	static const char zero[S2C_TAR_BLOCK];

	return memcmp(h, zero, sizeof(zero)) == 0;
}

/* The last bytes that are buffered are zeros. */
static bool is_padding(const struct tar_reader *t)
{
	for (size_t i = t->in.at; i < t->in.end; i++)
		if (t->in.buf[i])
			return false;
	return true;
}

static int drain(struct tar_reader *t, struct s2c_error **err)
{
	for (;;) {
		int more = s2c_tar_fill(&t->in, err);

		if (more <= 0)
			return more;
		if (t->limits.whole && !is_padding(t))
			return s2c_tar_damaged(
				&t->in, "more follows behind its end", err);
		t->in.offset += t->in.end - t->in.at;
		t->in.at = t->in.end;
	}
}

/* After a block of zeros: another one or the end of the stream must follow. */
static int end_of_archive(struct tar_reader *t, struct s2c_error **err)
{
	struct s2c_tar_header h;
	int more = s2c_tar_fill(&t->in, err);

	if (more < 0)
		return -1;
	if (more) {
		if (s2c_tar_take(&t->in, &h, sizeof(h), err))
			return -1;
		if (!is_zero(&h))
			return s2c_tar_damaged(
				&t->in, "a lone block of zeros is in it", err);
	}
	return drain(t, err);
}

/* Reads one header block: 1 when *h is one, 0 at the end of the archive. */
static int next_header(
	struct tar_reader *t, struct s2c_tar_header *h, struct s2c_error **err)
{
	bool pending = t->has_pax || t->gnu_name || t->gnu_link;
	int more = s2c_tar_fill(&t->in, err);

	if (more < 0)
		return -1;
	if (more && s2c_tar_take(&t->in, h, sizeof(*h), err))
		return -1;
	if (more && !is_zero(h))
		return check_header(t, h, err) ? -1 : 1;
	t->ended = true;
	if (pending)
		return s2c_tar_damaged(&t->in, "it ends after an extended header", err);
	if (!more && t->limits.whole)
		return s2c_tar_damaged(&t->in, "its end is missing", err);
	return more ? end_of_archive(t, err) : 0;
}

static int finish_entry(struct tar_reader *t, struct s2c_error **err)
{
	uint64_t rest = t->stored + t->padding;

	s2c_entry_release(&t->entry);
	s2c_tar_extents_release(&t->plan.extents);
	t->plan.size = 0;
	t->extent = 0;
	t->pos = t->stored = t->padding = 0;
	return s2c_tar_skip(&t->in, rest, err);
}

static int tar_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct tar_reader *t = (struct tar_reader *)e;
	struct s2c_tar_header h;
	int r;

	if (s2c_ctx_check(ctx, err) || finish_entry(t, err))
		return -1;
	while (!t->ended) {
		r = next_header(t, &h, err);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		if (h.type == 'x')
			r = take_pax(t, &h, err);
		else if (h.type == 'g')
			r = take_global(t, &h, err);
		else if (h.type == 'L')
			r = take_gnu_long(t, &h, &t->gnu_name, err);
		else if (h.type == 'K')
			r = take_gnu_long(t, &h, &t->gnu_link, err);
		else
			r = make_entry(t, &h, err);
		if (r)
			return -1;
		if (t->entry.path) {
			*out = &t->entry;
			return 0;
		}
	}
	*out = NULL;
	return 0;
}

static ssize_t read_stored(
	struct tar_reader *t, void *buf, size_t len, struct s2c_error **err)
{
	ssize_t n;

	if (t->in.at == t->in.end && len >= S2C_STREAM_CHUNK) {
		n = s2c_read(t->in.next, buf, len, err);
		if (n == 0)
			return s2c_tar_damaged(&t->in, "it ends too early", err);
		if (n > 0)
			t->in.offset += (uint64_t)n;
		return n;
	}
	if (s2c_tar_fill(&t->in, err) < 0)
		return -1;
	if (len > t->in.end - t->in.at && t->in.end > t->in.at)
		len = t->in.end - t->in.at;
	if (s2c_tar_take(&t->in, buf, len, err))
		return -1;
	return (ssize_t)len;
}

static ssize_t tar_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct tar_reader *t = (struct tar_reader *)e;
	const struct s2c_tar_extent *piece = t->extent < t->plan.extents.n
						     ? &t->plan.extents.items[t->extent]
						     : NULL;
	uint64_t left = t->entry.size - t->pos;
	bool hole = !piece || t->pos < piece->offset;
	ssize_t n;

	if (left == 0)
		return 0;
	if (piece)
		left = hole ? piece->offset - t->pos
			    : piece->offset + piece->len - t->pos;
	if (len > left)
		len = (size_t)left;
	if (hole) {
		memset(buf, 0, len);
		n = (ssize_t)len;
	} else {
		n = read_stored(t, buf, len, err);
		if (n < 0)
			return s2c_wrap(err, "tar entry '%s'", t->entry.path);
		t->stored -= (uint64_t)n;
	}
	t->pos += (uint64_t)n;
	if (piece && t->pos == piece->offset + piece->len)
		t->extent++;
	return n;
}

static void tar_free(struct s2c_entries *e)
{
	struct tar_reader *t = (struct tar_reader *)e;

	if (t->in.own)
		s2c_reader_free(t->in.next);
	drop_pending(t);
	s2c_entry_release(&t->entry);
	s2c_tar_extents_release(&t->plan.extents);
	t->plan.size = 0;
	free(t->in.buf);
	free(t);
}

static const struct s2c_entries_ops tar_ops = {
	.next = tar_next,
	.read = tar_read,
	.free = tar_free,
};

struct s2c_entries *s2c_tar_reader(
	struct s2c_reader *reader, bool own, struct s2c_tar_limits limits)
{
	struct tar_reader *t = xcalloc(1, sizeof(*t));

	t->base.ops = &tar_ops;
	t->in.next = reader;
	t->in.own = own;
	t->limits = limits;
	if (!t->limits.entries)
		t->limits.entries = S2C_TAR_ENTRIES_MAX;
	if (!t->limits.bytes)
		t->limits.bytes = S2C_TAR_BYTES_MAX;
	if (!t->limits.file_bytes)
		t->limits.file_bytes = S2C_TAR_BYTES_MAX;
	t->in.buf = xmalloc(S2C_STREAM_CHUNK);
	return &t->base;
}

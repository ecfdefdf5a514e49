/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes tar: ustar headers, PAX records only for what they cannot hold. It is our own
 * because a layer's digest is a function of these bytes: libarchive's depend on its
 * version and on the locale of the process (one more record for the same name in C than
 * in C.UTF-8), and attribute names pass through character set conversion.
 *
 * The form is fixed for ever: change it, and every image gets new digests.
 *  - Names up to 100 bytes are in the header, up to 256 in header and prefix if they can
 *    be cut at a slash, else in a `path` record. Directories end in "/".
 *  - Records are sorted by key. hdrcharset=BINARY is there when a path record has bytes
 *    above 127, so that no reader converts or normalises them.
 *  - mtime is a record when it has nanoseconds (then with nine digits) or does not fit.
 */
#include <inttypes.h>
#include <stdio.h>

#include "codec/tar.h"
#include "codec/tar_format.h"
#include "util/error.h"

#define PAX_NAME "././@PaxHeader" /* what Python's tarfile writes: no reader minds it */

struct s2c_tar_writer {
	struct s2c_writer *out;
	char *buf; /* S2C_STREAM_CHUNK bytes that wait */
	size_t used;
	uint64_t left; /* data the current entry still needs */
	uint64_t padding;
	char *data; /* S2C_STREAM_CHUNK bytes, made when first needed */
	char *path; /* of the current entry, for messages */
	struct s2c_buf records;
};

struct s2c_tar_writer *s2c_tar_writer_new(struct s2c_writer *out)
{
	struct s2c_tar_writer *tar = xcalloc(1, sizeof(*tar));

	tar->out = out;
	tar->buf = xmalloc(S2C_STREAM_CHUNK);
	tar->records.max = S2C_TAR_PAX_MAX;
	return tar;
}

void s2c_tar_writer_free(struct s2c_tar_writer *tar)
{
	if (!tar)
		return;
	free(tar->buf);
	free(tar->data);
	free(tar->path);
	s2c_buf_release(&tar->records);
	free(tar);
}

static int flush(struct s2c_tar_writer *tar, struct s2c_error **err)
{
	size_t n = tar->used;

	tar->used = 0;
	return n ? s2c_write(tar->out, tar->buf, n, err) : 0;
}

static int put(
	struct s2c_tar_writer *tar, const void *data, size_t len, struct s2c_error **err)
{
	if (len > S2C_STREAM_CHUNK - tar->used && flush(tar, err))
		return -1;
	if (len >= S2C_STREAM_CHUNK)
		return s2c_write(tar->out, data, len, err);
	if (len)
		memcpy(tar->buf + tar->used, data, len);
	tar->used += len;
	return 0;
}

static int put_zeros(struct s2c_tar_writer *tar, uint64_t len, struct s2c_error **err)
{
	static const char zeros[2 * S2C_TAR_BLOCK];

	return put(tar, zeros, (size_t)len, err);
}

/* ---- header fields ---- */

/* Octal digits and a NUL; the caller knows that the value fits. */
static void put_octal(char *field, size_t size, uint64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static void seal(struct s2c_tar_header *h)
{
	memcpy(h->magic, "ustar\00000", 8);
	put_octal(h->checksum, 7, s2c_tar_checksum(h, false));
	h->checksum[7] = ' ';
}

/* Puts a name into name and prefix, cut at the first slash that works. */
static bool put_name(struct s2c_tar_header *h, const char *name)
{
	size_t len = strlen(name);

	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return true;
	}
	if (len > sizeof(h->prefix) + 1 + sizeof(h->name))
		return false;
	for (size_t cut = len - sizeof(h->name) - 1; cut < len - 1; cut++) {
		if (name[cut] != '/' || cut == 0)
			continue;
		if (cut > sizeof(h->prefix))
			return false;
		memcpy(h->prefix, name, cut);
		memcpy(h->name, name + cut + 1, len - cut - 1);
		return true;
	}
	return false;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s > 127)
			return false;
	return true;
}

/* ---- extended header ---- */

/* "<len> <key>=<value>\n", where len counts itself. */
static int add_record(struct s2c_tar_writer *tar, const char *key, const void *value,
	size_t len, struct s2c_error **err)
{
	size_t rest = 1 + strlen(key) + 1 + len + 1, total = 0, next = rest;

	while (next != total) {
		total = next;
		next = rest;
		for (size_t n = total; n; n /= 10)
			next++;
	}
	if (s2c_buf_printf(&tar->records, err, "%zu %s=", total, key) ||
		s2c_buf_add(&tar->records, value, len, err))
		return -1;
	return s2c_buf_puts(&tar->records, "\n", err);
}

static int add_text(struct s2c_tar_writer *tar, const char *key, const char *value,
	struct s2c_error **err)
{
	return add_record(tar, key, value, strlen(value), err);
}

static int add_number(struct s2c_tar_writer *tar, const char *key, uint64_t value,
	struct s2c_error **err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return add_text(tar, key, text, err);
}

static int add_xattrs(
	struct s2c_tar_writer *tar, const struct s2c_entry *entry, struct s2c_error **err)
{
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct s2c_xattr *x = &entry->xattrs[i];
		CLEAN_FREE char *key = xasprintf("SCHILY.xattr.%s", x->name);

		/* The first "=" ends the key: another name would be read back. */
		if (strchr(x->name, '='))
			return s2c_fail(err, S2C_EINVAL,
				"extended attribute '%s' has a '=' in its name, which an "
				"archive cannot hold; remove it",
				x->name);
		if (add_record(tar, key, x->value, x->len, err))
			return -1;
	}
	return 0;
}

static bool mtime_fits(const struct s2c_entry *entry)
{
	return entry->mtime_ns == 0 && entry->mtime >= 0 &&
	       entry->mtime <= (int64_t)S2C_TAR_OCTAL11_MAX;
}

/* Towards zero, as a decimal has it: -2 s and 500,000,000 ns are "-1.500000000". */
static int add_mtime(
	struct s2c_tar_writer *tar, const struct s2c_entry *entry, struct s2c_error **err)
{
	bool negative = entry->mtime < 0;
	uint32_t ns = entry->mtime_ns;
	uint64_t sec = (uint64_t)entry->mtime;
	char text[40];

	if (negative) {
		sec = 0 - sec - (ns > 0);
		ns = ns ? 1000000000 - ns : 0;
	}
	if (ns)
		snprintf(text, sizeof(text), "%s%" PRIu64 ".%09u", negative ? "-" : "",
			sec, ns);
	else
		snprintf(text, sizeof(text), "%s%" PRIu64, negative ? "-" : "", sec);
	return add_text(tar, "mtime", text, err);
}

/* What of an entry the ustar header could not hold. */
struct overflow {
	const char *path; /* or NULL */
	const char *link; /* or NULL */
};

/* In byte order of the keys: SCHILY, gid, hdrcharset, linkpath, mtime, path, size, uid.
 */
static int make_records(struct s2c_tar_writer *tar, const struct s2c_entry *entry,
	const struct overflow *o, struct s2c_error **err)
{
	bool binary = (o->path && !is_ascii(o->path)) || (o->link && !is_ascii(o->link));

	s2c_buf_clear(&tar->records);
	if (add_xattrs(tar, entry, err))
		return -1;
	if (entry->gid > S2C_TAR_OCTAL7_MAX && add_number(tar, "gid", entry->gid, err))
		return -1;
	if (binary && add_text(tar, "hdrcharset", "BINARY", err))
		return -1;
	if (o->link && add_text(tar, "linkpath", o->link, err))
		return -1;
	if (!mtime_fits(entry) && add_mtime(tar, entry, err))
		return -1;
	if (o->path && add_text(tar, "path", o->path, err))
		return -1;
	if (entry->size > S2C_TAR_OCTAL11_MAX &&
		add_number(tar, "size", entry->size, err))
		return -1;
	if (entry->uid > S2C_TAR_OCTAL7_MAX && add_number(tar, "uid", entry->uid, err))
		return -1;
	return 0;
}

static int put_records(struct s2c_tar_writer *tar, struct s2c_error **err)
{
	struct s2c_tar_header h = {.type = 'x'};

	if (tar->records.len == 0)
		return 0;
	memcpy(h.name, PAX_NAME, strlen(PAX_NAME));
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), tar->records.len);
	put_octal(h.mtime, sizeof(h.mtime), 0);
	seal(&h);
	if (put(tar, &h, sizeof(h), err) ||
		put(tar, tar->records.data, tar->records.len, err))
		return -1;
	return put_zeros(tar, s2c_tar_padding(tar->records.len), err);
}

/* ---- entries ---- */

static int type_flag(enum s2c_entry_type type)
{
	switch (type) {
	case S2C_ENTRY_FILE:
		return '0';
	case S2C_ENTRY_HARDLINK:
		return '1';
	case S2C_ENTRY_SYMLINK:
		return '2';
	case S2C_ENTRY_CHARDEV:
		return '3';
	case S2C_ENTRY_BLOCKDEV:
		return '4';
	case S2C_ENTRY_DIR:
		return '5';
	case S2C_ENTRY_FIFO:
		return '6';
	case S2C_ENTRY_SOCKET:
		break;
	}
	return -1;
}

/* "./" for the root, "name/" for directories; caller frees. */
static char *name_in_tar(const struct s2c_entry *entry)
{
	return xasprintf("%s%s", entry->path, entry->type == S2C_ENTRY_DIR ? "/" : "");
}

static void fill_numbers(struct s2c_tar_header *h, const struct s2c_entry *entry)
{
	bool fits = mtime_fits(entry);
	uint64_t mtime = fits ? (uint64_t)entry->mtime : 0;

	put_octal(h->mode, sizeof(h->mode), entry->mode & 07777);
	put_octal(
		h->uid, sizeof(h->uid), entry->uid > S2C_TAR_OCTAL7_MAX ? 0 : entry->uid);
	put_octal(
		h->gid, sizeof(h->gid), entry->gid > S2C_TAR_OCTAL7_MAX ? 0 : entry->gid);
	put_octal(h->size, sizeof(h->size),
		entry->size > S2C_TAR_OCTAL11_MAX ? 0 : entry->size);
	/* For readers without PAX the whole seconds, if there are any. */
	if (!fits && entry->mtime >= 0 && entry->mtime <= (int64_t)S2C_TAR_OCTAL11_MAX)
		mtime = (uint64_t)entry->mtime;
	put_octal(h->mtime, sizeof(h->mtime), mtime);
	put_octal(h->dev_major, sizeof(h->dev_major), entry->dev_major);
	put_octal(h->dev_minor, sizeof(h->dev_minor), entry->dev_minor);
}

static int check_entry(
	struct s2c_tar_writer *tar, const struct s2c_entry *entry, struct s2c_error **err)
{
	if (tar->left)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' became smaller while it was read: %" PRIu64
			" bytes are missing",
			tar->path, tar->left);
	if (type_flag(entry->type) < 0)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is a socket, which an archive cannot hold", entry->path);
	if (entry->type != S2C_ENTRY_FILE && entry->size)
		return s2c_fail(
			err, S2C_EINVAL, "'%s' is no file but has data", entry->path);
	if (entry->dev_major > S2C_TAR_OCTAL7_MAX ||
		entry->dev_minor > S2C_TAR_OCTAL7_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"device '%s' has a number that an archive cannot hold",
			entry->path);
	return 0;
}

int s2c_tar_writer_entry(
	struct s2c_tar_writer *tar, const struct s2c_entry *entry, struct s2c_error **err)
{
	struct s2c_tar_header h = {0};
	struct overflow o = {0};
	CLEAN_FREE char *name = name_in_tar(entry);

	if (check_entry(tar, entry, err) || put_zeros(tar, tar->padding, err))
		return -1;
	tar->padding = 0;
	h.type = (char)type_flag(entry->type);
	if (!put_name(&h, name)) {
		o.path = name;
		memcpy(h.name, name, sizeof(h.name));
	}
	if (entry->link) {
		size_t len = strlen(entry->link);

		if (len > sizeof(h.link))
			o.link = entry->link;
		memcpy(h.link, entry->link, len > sizeof(h.link) ? sizeof(h.link) : len);
	}
	fill_numbers(&h, entry);
	seal(&h);
	if (make_records(tar, entry, &o, err))
		return s2c_wrap(err, "header of '%s'", entry->path);
	if (put_records(tar, err) || put(tar, &h, sizeof(h), err))
		return -1;
	free(tar->path);
	tar->path = xstrdup(entry->path);
	tar->left = entry->size;
	tar->padding = s2c_tar_padding(entry->size);
	return 0;
}

int s2c_tar_writer_data(
	struct s2c_tar_writer *tar, const void *data, size_t len, struct s2c_error **err)
{
	if (len > tar->left)
		return s2c_fail(err, S2C_EINVAL, "'%s' grew while it was read",
			tar->path ? tar->path : "");
	tar->left -= len;
	return put(tar, data, len, err);
}

int s2c_tar_writer_finish(struct s2c_tar_writer *tar, struct s2c_error **err)
{
	if (tar->left)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' became smaller while it was read: %" PRIu64
			" bytes are missing",
			tar->path, tar->left);
	if (put_zeros(tar, tar->padding, err) || put_zeros(tar, 2 * S2C_TAR_BLOCK, err))
		return -1;
	tar->padding = 0;
	return flush(tar, err);
}

int s2c_tar_write_data(struct s2c_tar_writer *tar, struct s2c_ctx *ctx,
	struct s2c_entries *entries, struct s2c_error **err)
{
	if (tar->left == 0)
		return 0;
	if (!tar->data)
		tar->data = xmalloc(S2C_STREAM_CHUNK);
	for (;;) {
		ssize_t n = s2c_entries_read(entries, tar->data, S2C_STREAM_CHUNK, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if (s2c_tar_writer_data(tar, tar->data, (size_t)n, err) ||
			s2c_ctx_check(ctx, err))
			return -1;
	}
}

int s2c_tar_write_all(struct s2c_ctx *ctx, struct s2c_entries *entries,
	struct s2c_writer *out, struct s2c_error **err)
{
	struct s2c_tar_writer *tar CLEAN(s2c_clean_tar_writer) = s2c_tar_writer_new(out);
	const struct s2c_entry *entry;

	for (;;) {
		if (s2c_entries_next(entries, ctx, &entry, err))
			return -1;
		if (!entry)
			return s2c_tar_writer_finish(tar, err);
		if (s2c_tar_writer_entry(tar, entry, err) ||
			s2c_tar_write_data(tar, ctx, entries, err))
			return -1;
	}
}

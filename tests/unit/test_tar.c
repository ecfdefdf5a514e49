/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of codec/tar: what is written is read back the same, by us, by GNU tar and by
 * Python; what others write is read; what two readers could take for different things
 * is refused. Names like M6 and W11 are those of the trap list in docs/layers.md.
 */
#include "helper.h"

#include <locale.h>

#include "codec/tar_format.h"
#include "entries.h"
#include "util/subprocess.h"

#define TAR_MAX (64u * 1024 * 1024)

static const char long_name[] =
	"1234567890123456789012345678901234567890123456789012345678901234567890"
	"12345678901234567890123456789012345678901234567890";

/* ---- helpers ---- */

static struct s2c_entries *open_mem(const void *data, size_t len)
{
	return s2c_tar_reader(
		s2c_reader_mem(data, len), true, (struct s2c_tar_limits){0});
}

/* Reads to the end; the result of the first call that fails. */
static int read_all(const void *data, size_t len, struct s2c_tar_limits limits)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = s2c_tar_reader(
		s2c_reader_mem(data, len), true, limits);
	const struct s2c_entry *entry;
	char buf[4096];
	ssize_t n;

	for (;;) {
		if (s2c_entries_next(e, ctx, &entry, &terr))
			return -1;
		if (!entry)
			return 0;
		do
			n = s2c_entries_read(e, buf, sizeof(buf), &terr);
		while (n > 0);
		if (n < 0)
			return -1;
	}
}

static char *read_data(struct s2c_entries *e, size_t *len)
{
	struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	char piece[1000];
	ssize_t n;

	while ((n = s2c_entries_read(e, piece, sizeof(piece), &terr)) > 0)
		assert_ok(s2c_buf_add(&buf, piece, (size_t)n, &terr));
	assert_ok(n);
	*len = buf.len;
	return s2c_buf_take(&buf);
}

/* A raw header; fields can be changed before it is sealed. */
static struct s2c_tar_header raw(const char *name, char type, uint64_t size)
{
	struct s2c_tar_header h = {.type = type, .magic = "ustar\00000"};

	memcpy(h.magic, "ustar\00000", 8);
	snprintf(h.name, sizeof(h.name), "%s", name);
	memcpy(h.mode, "0000644", 8);
	memcpy(h.uid, "0000000", 8);
	memcpy(h.gid, "0000000", 8);
	snprintf(h.size, sizeof(h.size), "%011o", (unsigned)size);
	memcpy(h.mtime, "00000000000", 12);
	return h;
}

static void add_raw(
	struct s2c_buf *buf, struct s2c_tar_header h, const void *data, size_t len)
{
	static const char zero[S2C_TAR_BLOCK];

	if (!h.checksum[0])
		snprintf(h.checksum, sizeof(h.checksum), "%06o",
			s2c_tar_checksum(&h, false));
	assert_ok(s2c_buf_add(buf, &h, sizeof(h), &terr));
	if (!len)
		return;
	assert_ok(s2c_buf_add(buf, data, len, &terr));
	assert_ok(s2c_buf_add(buf, zero, s2c_tar_padding(len), &terr));
}

static void add_text(struct s2c_buf *buf, const char *name, char type, const char *text)
{
	add_raw(buf, raw(name, type, strlen(text)), text, strlen(text));
}

static void end_raw(struct s2c_buf *buf)
{
	static const char zero[2 * S2C_TAR_BLOCK];

	assert_ok(s2c_buf_add(buf, zero, sizeof(zero), &terr));
}

/* "key=value\n..." with the length before each record; text that begins with "!" as it
 * is.
 */
static void add_pax(struct s2c_buf *buf, char type, const char *records)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(65536);

	if (records[0] == '!') {
		add_text(buf, "pax", type, records + 1);
		return;
	}
	while (*records) {
		size_t n = strcspn(records, "\n") + 1, total = n + 2;

		total = n + 1 + (total > 9) + 1;
		s2c_buf_must_printf(&out, "%zu %.*s", total, (int)n, records);
		records += n;
	}
	add_text(buf, "pax", type, s2c_buf_str(&out));
}

/* Runs a program in the directory of the test; its output. */
static char *run(const struct tmp *tmp, const char *const *args)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	struct s2c_buf out = S2C_BUF_INIT(TAR_MAX), errors = S2C_BUF_INIT(65536);
	struct s2c_run_io io = {.out = &out, .err = &errors};
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	int status = -1;

	for (; *args; args++)
		s2c_strv_add(&argv, *args);
	opts.argv = &argv;
	opts.cwd = tmp->path;
	assert_ok(s2c_process_run(ctx, &opts, &io, &status, &terr));
	if (status)
		fail_msg("%s: %s", argv.items[0], s2c_buf_str(&errors));
	s2c_buf_release(&errors);
	return s2c_buf_take(&out);
}

static void save(const struct tmp *tmp, const char *name, const struct s2c_buf *buf)
{
	assert_ok(s2c_fs_write_file(tmp->fd, name, buf->data, buf->len, 0600, &terr));
}

/* ---- writing and reading back ---- */

static const struct item every_kind[] = {
	{".", S2C_ENTRY_DIR, .mode = 0555},
	{"d", S2C_ENTRY_DIR, .mode = 01777, .mtime = 1},
	{"d/empty", .data = ""},
	{"d/file", .data = "hello\n", .mode = 04755, .uid = 1001, .gid = 5,
		.mtime = 1700000000},
	{"d/ns", .data = "x", .mtime = 1700000000, .mtime_ns = 5},
	{"d/before", .data = "x", .mtime = -2, .mtime_ns = 500000000},
	{"d/1969", .data = "x", .mtime = -1},
	{"d/far", .data = "x", .mtime = 8589934592},
	{"d/ids", .data = "x", .uid = 2097152, .gid = 4294967294},
	{"d/ids21", .data = "x", .uid = 2097151, .gid = 1000240000},
	{"d/link", S2C_ENTRY_SYMLINK, .mode = 0777, .link = "../../etc/passwd"},
	{"d/same", S2C_ENTRY_HARDLINK, .link = "d/file"},
	{"d/null", S2C_ENTRY_CHARDEV, .major = 1, .minor = 3},
	{"d/loop", S2C_ENTRY_BLOCKDEV, .major = 7, .minor = 1048575},
	{"d/pipe", S2C_ENTRY_FIFO},
	{"d/attr", .data = "x", .xattr = "user.odd", .value = "a\nb=c\0\xff",
		.value_len = 7},
	{"d/none", .data = "x", .xattr = "user.empty", .value = "", .value_len = 0},
	{"latin\xe9", .data = "1"},
	{"cafe\xcc\x81", .data = "decomposed"},
	{"caf\xc3\xa9", .data = "composed"},
	{"line\nbreak\x1b[1m", .data = "2"},
	{".wh.gone", .mode = 0},
};

static void assert_item(const struct item *item, const struct s2c_entry *e)
{
	CLEAN_ENTRY struct s2c_entry want = S2C_ENTRY_INIT;

	item_entry(item, &want);
	assert_string_equal(e->path, want.path);
	assert_int_equal(e->type, want.type);
	assert_int_equal(e->mode, want.mode);
	assert_int_equal(e->uid, want.uid);
	assert_int_equal(e->gid, want.gid);
	assert_int_equal(e->size, want.size);
	assert_int_equal(e->mtime, want.mtime);
	assert_int_equal(e->mtime_ns, want.mtime_ns);
	assert_int_equal(!e->link, !want.link);
	if (want.link)
		assert_string_equal(e->link, want.link);
	assert_int_equal(e->dev_major, want.dev_major);
	assert_int_equal(e->dev_minor, want.dev_minor);
	assert_int_equal(e->n_xattrs, want.n_xattrs);
	if (want.n_xattrs) {
		assert_string_equal(e->xattrs[0].name, want.xattrs[0].name);
		assert_int_equal(e->xattrs[0].len, want.xattrs[0].len);
		assert_memory_equal(
			e->xattrs[0].value, want.xattrs[0].value, want.xattrs[0].len);
	}
}

static void assert_items(const struct item *items, size_t n, const struct s2c_buf *tar)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = open_mem(tar->data, tar->len);
	const struct s2c_entry *entry;

	for (size_t i = 0; i < n; i++) {
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_non_null(entry);
		assert_item(&items[i], entry);
		if (items[i].data && i % 2) { /* the others are skipped */
			size_t len;
			CLEAN_FREE char *data = read_data(e, &len);

			assert_int_equal(len, strlen(items[i].data));
			assert_memory_equal(data, items[i].data, len);
		}
	}
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_null(entry);
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_null(entry);
}

static void reads_back_what_it_writes(void **state)
{
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);

	(void)state;
	items_to_tar(every_kind, ARRAY_SIZE(every_kind), &tar);
	assert_int_equal(tar.len % S2C_TAR_BLOCK, 0);
	assert_items(every_kind, ARRAY_SIZE(every_kind), &tar);
}

/* The bytes are a function of the entries: not of the locale of the process. */
static void m6_same_bytes_in_every_locale(void **state)
{
	CLEAN_BUF struct s2c_buf c = S2C_BUF_INIT(TAR_MAX), utf8 = S2C_BUF_INIT(TAR_MAX);

	(void)state;
	setlocale(LC_ALL, "C");
	items_to_tar(every_kind, ARRAY_SIZE(every_kind), &c);
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	items_to_tar(every_kind, ARRAY_SIZE(every_kind), &utf8);
	assert_items(every_kind, ARRAY_SIZE(every_kind), &c);
	setlocale(LC_ALL, "C");
	assert_int_equal(c.len, utf8.len);
	assert_memory_equal(c.data, utf8.data, c.len);
}

/* M4, M7, M8, M10: which header a plain file gets, byte by byte. */
static void writes_the_smallest_header(void **state)
{
	static const struct item plain[] = {{"a/b", .mode = 0644, .uid = 1001,
		.gid = 1001, .mtime = 1700000000, .data = "hi"}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	const struct s2c_tar_header *h;

	(void)state;
	items_to_tar(plain, 1, &tar);
	assert_int_equal(tar.len, 4 * S2C_TAR_BLOCK);
	h = (const struct s2c_tar_header *)tar.data;
	assert_string_equal(h->name, "a/b");
	assert_memory_equal(h->mode, "0000644", 8);
	assert_memory_equal(h->uid, "0001751", 8);
	assert_memory_equal(h->gid, "0001751", 8);
	assert_memory_equal(h->size, "00000000002", 12);
	assert_memory_equal(h->mtime, "14524770400", 12);
	assert_memory_equal(h->checksum, "007657\0 ", 8);
	assert_int_equal(h->type, '0');
	assert_memory_equal(h->magic, "ustar\00000", 8);
	assert_int_equal(h->uname[0] | h->gname[0] | h->prefix[0] | h->link[0], 0);
	assert_memory_equal(h->dev_major, "0000000", 8);
	assert_memory_equal(tar.data + S2C_TAR_BLOCK, "hi\0", 3);
}

/* H1: the target is the very name of the earlier entry. */
static void h1_links_name_earlier_entries(void **state)
{
	static const struct item items[] = {
		{"d/a", .data = "1"}, {"d/b", S2C_ENTRY_HARDLINK, .link = "d/a"}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	const struct s2c_tar_header *h;

	(void)state;
	items_to_tar(items, 2, &tar);
	h = (const struct s2c_tar_header *)(tar.data + 2 * S2C_TAR_BLOCK);
	assert_int_equal(h->type, '1');
	assert_string_equal(h->link, "d/a");
	assert_memory_equal(h->size, "00000000000", 12);
}

/* M5: names and targets of all lengths, on both sides of each limit of ustar. */
static void m5_long_names(void **state)
{
	static const size_t lengths[] = {
		1, 99, 100, 101, 155, 156, 200, 254, 255, 256, 257, 300, 4096, 65536};
	char name[S2C_ENTRY_PATH_MAX + 1];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
		size_t len = lengths[i / 2];
		struct item items[3] = {{name, .data = "data"},
			{"l", S2C_ENTRY_SYMLINK, .mode = 0777,
				.link = len <= S2C_ENTRY_LINK_MAX ? name : "x"},
			{"h", S2C_ENTRY_HARDLINK, .link = name}};

		for (size_t at = 0; at < len; at++)
			name[at] = at % 40 == 39 && at != len - 1 ? '/'
				   : i % 2                        ? '\xe9'
								  : 'n';
		name[len] = '\0';
		if (i == 6) {
			items[0].type = S2C_ENTRY_DIR;
			items[0].data = NULL;
		}
		items_to_tar(items, 3, &tar);
		assert_items(items, 3, &tar);
	}
}

static void m2_attributes_of_any_bytes(void **state)
{
	static const struct item bad[] = {
		{"x", .data = "", .xattr = "user.a=b", .value = "v", .value_len = 1}};
	CLEAN_FREE char *big = xmalloc(S2C_ENTRY_XATTR_VALUE_MAX);
	const struct item items[] = {{"x", .data = "", .xattr = "user.big", .value = big,
		.value_len = S2C_ENTRY_XATTR_VALUE_MAX}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *s CLEAN_ENTRIES = item_stream(bad, 1);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(&tar);

	(void)state;
	for (size_t i = 0; i < S2C_ENTRY_XATTR_VALUE_MAX; i++)
		big[i] = (char)i;
	items_to_tar(items, 1, &tar);
	assert_items(items, 1, &tar);
	assert_fails(s2c_tar_write_all(ctx, s, w, &terr), S2C_EINVAL, "'x': extended");
}

/* X4: a file that got smaller or larger while it was read. */
static void x4_changing_files_are_named(void **state)
{
	static const struct item items[] = {
		{"small", .data = "12345"}, {"next", .data = ""}};
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *s CLEAN_ENTRIES = item_stream(items, 2);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(&buf);
	struct s2c_tar_writer *tar CLEAN(s2c_clean_tar_writer) = s2c_tar_writer_new(w);
	CLEAN_ENTRY struct s2c_entry e = S2C_ENTRY_INIT;

	(void)state;
	((struct item_stream *)s)->shrink = 1;
	assert_fails(s2c_tar_write_all(ctx, s, w, &terr), S2C_EINVAL,
		"'small' became smaller");
	item_entry(&items[0], &e);
	assert_ok(s2c_tar_writer_entry(tar, &e, &terr));
	assert_fails(
		s2c_tar_writer_data(tar, "123456", 6, &terr), S2C_EINVAL, "'small' grew");
	assert_fails(s2c_tar_writer_finish(tar, &terr), S2C_EINVAL, "became smaller");
	e.type = S2C_ENTRY_SOCKET;
}

static void x2_sockets_are_refused(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(&buf);
	struct s2c_tar_writer *tar CLEAN(s2c_clean_tar_writer) = s2c_tar_writer_new(w);
	CLEAN_ENTRY struct s2c_entry e = {.path = xstrdup("s"), .type = S2C_ENTRY_SOCKET};

	(void)state;
	assert_fails(s2c_tar_writer_entry(tar, &e, &terr), S2C_EINVAL, "'s' is a socket");
}

/* ---- other readers agree ---- */

static void python_reads_the_same(void **state)
{
	static const char script[] =
		"import tarfile,sys\n"
		"for m in tarfile.open('t.tar'):\n"
		"  n=m.name.encode('utf-8','surrogateescape')\n"
		"  l=m.linkname.encode('utf-8','surrogateescape')\n"
		"  d=m.isreg() and tarfile.open('t.tar').extractfile(m).read()\n"
		"  x=sorted((k,v.encode('utf-8','surrogateescape')) for k,v in "
		"m.pax_headers.items() if k.startswith('SCHILY'))\n"
		"  print(n,m.type,oct(m.mode),m.uid,m.gid,m.size,l,d,x,repr(m.mtime))\n";
	const char *const args[] = {"/usr/bin/python3", "-c", script, NULL};
	static const struct item items[] = {
		{"d", S2C_ENTRY_DIR, .mode = 01777},
		{"d/f", .data = "hi", .uid = 1000240000, .gid = 2097152, .mtime = 5,
			.mtime_ns = 250000000},
		{"d/\xe9", .data = "", .xattr = "user.k", .value = "a\nb=\0z",
			.value_len = 6},
		{"d/s", S2C_ENTRY_SYMLINK, .mode = 0777, .link = "/x\xe9"},
		{"d/h", S2C_ENTRY_HARDLINK, .link = "d/f"},
		{long_name, .data = "long"},
		{"cafe\xcc\x81", .data = "", .mtime = -1},
	};
	struct tmp *tmp = *state;
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	CLEAN_FREE char *out = NULL;
	char *want = xasprintf(
		"b'd' b'5' 0o1777 0 0 0 b'' False [] 0\n"
		"b'd/f' b'0' 0o644 1000240000 2097152 2 b'' b'hi' [] 5.25\n"
		"b'd/\\xe9' b'0' 0o644 0 0 0 b'' b'' [('SCHILY.xattr.user.k', "
		"b'a\\nb=\\x00z')] 0\n"
		"b'd/s' b'2' 0o777 0 0 0 b'/x\\xe9' False [] 0\n"
		"b'd/h' b'1' 0o644 0 0 0 b'd/f' False [] 0\n"
		"b'%s' b'0' 0o644 0 0 4 b'' b'long' [] 0\n"
		"b'cafe\\xcc\\x81' b'0' 0o644 0 0 0 b'' b'' [] -1.0\n",
		long_name);

	items_to_tar(items, ARRAY_SIZE(items), &tar);
	save(tmp, "t.tar", &tar);
	out = run(tmp, args);
	assert_string_equal(out, want);
	free(want);
}

/* GNU tar extracts the archive, says nothing, and what it packs again reads the same. */
static void gnu_tar_reads_the_same(void **state)
{
	static const struct item items[] = {
		{"d", S2C_ENTRY_DIR, .mode = 0750, .mtime = 7},
		{"d/f", .data = "hi", .mode = 0640, .mtime = 5, .mtime_ns = 250000001},
		{"d/l\xe9", .data = "1", .mtime = 9},
		{"d/s", S2C_ENTRY_SYMLINK, .mode = 0777, .link = "a\xe9\n", .mtime = 3},
		{"d/cafe\xcc\x81", .data = "2", .mtime = 11},
	};
	const char *const extract[] = {"tar", "-xf", "t.tar", NULL};
	const char *const pack[] = {"tar", "--format=pax", "--sort=name", "-cf",
		"again.tar", "--owner=0", "--group=0",
		"--pax-option=delete=atime,delete=ctime", "d", NULL};
	static const size_t order[] = {0, 4, 1, 2, 3};
	struct item sorted[5];
	struct tmp *tmp = *state;
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX),
				 again = S2C_BUF_INIT(TAR_MAX);

	if (geteuid() != 0)
		skip_because("needs root to give files away");
	items_to_tar(items, ARRAY_SIZE(items), &tar);
	save(tmp, "t.tar", &tar);
	free(run(tmp, extract));
	free(run(tmp, pack));
	assert_ok(s2c_fs_read_file(tmp->fd, "again.tar", &again, &terr));
	for (size_t i = 0; i < 5; i++)
		sorted[i] = items[order[i]];
	assert_items(sorted, 5, &again);
}

/* ---- archives of others ---- */

/* Every format of GNU tar that can hold them gives the same entries. */
static void reads_formats_of_gnu_tar(void **state)
{
	static const char *const formats[] = {"v7", "oldgnu", "gnu", "ustar", "pax"};
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct tmp *tmp = *state;

	tmp_write(tmp, "d/f\xe9", "hello");
	assert_int_equal(linkat(tmp->fd, "d/f\xe9", tmp->fd, "d/g", 0), 0);
	assert_int_equal(symlinkat("f\xe9", tmp->fd, "d/s"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const char *const pack[] = {"tar", "--format", formats[i], "--sort=name",
			"-cf", "t.tar", "./d", NULL};
		static const char *const paths[] = {"d", "d/f\xe9", "d/g", "d/s"};
		static const enum s2c_entry_type types[] = {S2C_ENTRY_DIR, S2C_ENTRY_FILE,
			S2C_ENTRY_HARDLINK, S2C_ENTRY_SYMLINK};
		CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
		struct s2c_entries *e CLEAN_ENTRIES = NULL;
		const struct s2c_entry *entry;

		free(run(tmp, pack));
		assert_ok(s2c_fs_read_file(tmp->fd, "t.tar", &tar, &terr));
		e = open_mem(tar.data, tar.len);
		for (size_t j = 0; j < ARRAY_SIZE(paths); j++) {
			assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
			assert_non_null(entry);
			assert_string_equal(entry->path, paths[j]);
			assert_int_equal(entry->type, types[j]);
			if (j == 2)
				assert_string_equal(entry->link, "d/f\xe9");
		}
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_null(entry);
	}
}

static void reads_long_names_of_gnu_tar(void **state)
{
	static const char *const formats[] = {"oldgnu", "gnu", "pax"};
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct tmp *tmp = *state;

	assert_int_equal(symlinkat(long_name, tmp->fd, long_name), 0);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const char *const pack[] = {
			"tar", "--format", formats[i], "-cf", "t.tar", long_name, NULL};
		CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
		struct s2c_entries *e CLEAN_ENTRIES = NULL;
		const struct s2c_entry *entry;

		free(run(tmp, pack));
		assert_ok(s2c_fs_read_file(tmp->fd, "t.tar", &tar, &terr));
		e = open_mem(tar.data, tar.len);
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_string_equal(entry->path, long_name);
		assert_string_equal(entry->link, long_name);
	}
}

/* X1: every sparse form that GNU tar writes comes out expanded. */
static void x1_reads_sparse_files(void **state)
{
	static const char *const forms[][2] = {{"--format=gnu", "--sparse-version=0.0"},
		{"--format=pax", "--sparse-version=0.0"},
		{"--format=pax", "--sparse-version=0.1"},
		{"--format=pax", "--sparse-version=1.0"}};
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct tmp *tmp = *state;
	int fd = openat(tmp->fd, "s", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

	/* Thirty pieces need extension blocks in the old form; it ends in a hole. */
	for (int i = 0; i < 30; i++)
		assert_int_equal(pwrite(fd, "piece", 5, 65536 + i * 131072), 5);
	assert_int_equal(ftruncate(fd, 5000000), 0);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *const pack[] = {
			"tar", forms[i][0], forms[i][1], "-S", "-cf", "t.tar", "s", NULL};
		CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
		CLEAN_FREE char *data = NULL, *want = xcalloc(1, 5000000);
		struct s2c_entries *e CLEAN_ENTRIES = NULL;
		const struct s2c_entry *entry;
		size_t len;

		free(run(tmp, pack));
		assert_ok(s2c_fs_read_file(tmp->fd, "t.tar", &tar, &terr));
		assert_true(tar.len < 1000000);
		e = open_mem(tar.data, tar.len);
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_string_equal(entry->path, "s");
		assert_int_equal(entry->size, 5000000);
		data = read_data(e, &len);
		assert_int_equal(pread(fd, want, 5000000, 0), 5000000);
		assert_int_equal(len, 5000000);
		assert_memory_equal(data, want, len);
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_null(entry);
	}
	close(fd);
}

static void reads_base256_and_old_directories(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_tar_header h = raw("f", '0', 0);
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;

	(void)state;
	memcpy(h.uid, "\x80\0\0\0\xff\xff\xff\xfe", 8);
	memcpy(h.mtime, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12);
	add_raw(&buf, h, NULL, 0);
	h = raw("old/", '\0', 0);
	memset(h.magic, 0, sizeof(h.magic));
	add_raw(&buf, h, NULL, 0);
	end_raw(&buf);
	e = open_mem(buf.data, buf.len);
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_int_equal(entry->uid, 4294967294);
	assert_int_equal(entry->mtime, -2);
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_string_equal(entry->path, "old");
	assert_int_equal(entry->type, S2C_ENTRY_DIR);
}

/* Absolute names lose their root, as every unpacker of layers does it. */
static void h1_strips_roots(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;
	struct s2c_tar_header h = raw("./b", '1', 0);

	(void)state;
	add_text(&buf, "/a", '0', "x");
	snprintf(h.link, sizeof(h.link), "/a");
	add_raw(&buf, h, NULL, 0);
	add_raw(&buf, raw("/", '5', 0), NULL, 0);
	e = open_mem(buf.data, buf.len);
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_string_equal(entry->path, "a");
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_string_equal(entry->path, "b");
	assert_string_equal(entry->link, "a");
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_string_equal(entry->path, ".");
	/* Without the two blocks of zeros, at a boundary: some writers leave them out. */
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_null(entry);
}

/* What stands behind the end belongs to the digest: it is read to the last byte. */
static void c14_drains_to_the_last_byte(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_reader *r CLEAN_READER = NULL;
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;
	char c;

	(void)state;
	add_text(&buf, "a", '0', "x");
	end_raw(&buf);
	for (int i = 0; i < 1000; i++)
		end_raw(&buf);
	assert_ok(s2c_buf_add(&buf, "trailing", 8, &terr));
	r = s2c_reader_mem(buf.data, buf.len);
	e = s2c_tar_reader(r, false, (struct s2c_tar_limits){0});
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_non_null(entry);
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_null(entry);
	assert_int_equal(s2c_read(r, &c, 1, &terr), 0);
}

static void reads_an_empty_archive(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);

	(void)state;
	assert_ok(read_all("", 0, (struct s2c_tar_limits){0}));
	end_raw(&buf);
	assert_ok(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}));
	assert_ok(read_all(buf.data, 512, (struct s2c_tar_limits){0}));
}

/* git archive puts the commit in a global header. */
static void reads_global_comments(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);

	(void)state;
	add_pax(&buf, 'g', "comment=12345\n");
	add_text(&buf, "a", '0', "x");
	assert_ok(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}));
}

/* ---- hostile and damaged archives ---- */

/* An entry with an extended header in front of it. */
struct hostile {
	const char *pax; /* records, or NULL */
	const char *name;
	char type;
	const char *link;
	const char *data;
	enum s2c_code code;
	const char *message;
};

static const struct hostile hostiles[] = {
	/* 5.1: names that lead out */
	{NULL, "../x", '0', NULL, "", S2C_EINVAL, "'..'"},
	{NULL, "a/../../x", '0', NULL, "", S2C_EINVAL, "'..'"},
	{NULL, "/..", '5', NULL, "", S2C_EINVAL, "'..'"},
	{"path=../../x\n", "x", '0', NULL, "", S2C_EINVAL, "'..'"},
	{NULL, "h", '1', "../../etc/passwd", "", S2C_EINVAL, "hard link 'h'"},
	{"linkpath=../etc\n", "h", '1', "x", "", S2C_EINVAL, "hard link 'h'"},
	{NULL, "", '0', NULL, "", S2C_EINVAL, "empty"},
	/* 5.1, D6: the root as something else (CVE-2021-29136) */
	{NULL, ".", '2', "/", "", S2C_EINVAL, "root"},
	{NULL, "./", '2', "/", "", S2C_EINVAL, "root"},
	{NULL, "/", '2', "/", "", S2C_EINVAL, "root"},
	{NULL, "/", '1', "a", "", S2C_EINVAL, "root"},
	/* links */
	{NULL, "l", '2', NULL, "", S2C_EPROTO, "no target"},
	{NULL, "l", '1', NULL, "", S2C_EPROTO, "no target"},
	/* data behind what is no file (CVE-2025-62518) */
	{NULL, "d", '5', NULL, "data", S2C_EPROTO, "has data"},
	{NULL, "l", '2', "x", "data", S2C_EPROTO, "has data"},
	{NULL, "h", '1', "x", "data", S2C_EPROTO, "has data"},
	{"size=4\n", "h", '1', "x", "", S2C_EPROTO, "contradict"},
	{NULL, "dir/", '0', NULL, "", S2C_EPROTO, "name of a directory"},
	/* sizes and keys that contradict */
	{"size=512\n", "x", '0', NULL, "data", S2C_EPROTO, "contradict"},
	{"size=0\n", "x", '0', NULL, "data", S2C_EPROTO, "contradict"},
	{"path=a\npath=b\n", "x", '0', NULL, "", S2C_EPROTO, "'path' twice"},
	{"size=4\nsize=4\n", "x", '0', NULL, "data", S2C_EPROTO, "'size' twice"},
	{"SCHILY.xattr.user.a=\nSCHILY.xattr.user.a=\n", "x", '0', NULL, "", S2C_EPROTO,
		"twice"},
	/* M7: ids that would be cut to root */
	{"uid=4294967296\n", "x", '0', NULL, "", S2C_EPROTO, "4294967296"},
	{"gid=4294967295\n", "x", '0', NULL, "", S2C_EPROTO, "4294967295"},
	{"uid=-1\n", "x", '0', NULL, "", S2C_EPROTO, "'uid'"},
	{"uid=\n", "x", '0', NULL, "", S2C_EPROTO, "'uid'"},
	{"uid=+1\n", "x", '0', NULL, "", S2C_EPROTO, "'uid'"},
	{"mtime=1e3\n", "x", '0', NULL, "", S2C_EPROTO, "'mtime'"},
	{"mtime=1.x\n", "x", '0', NULL, "", S2C_EPROTO, "'mtime'"},
	{"mtime=99999999999999999999\n", "x", '0', NULL, "", S2C_EPROTO, "'mtime'"},
	/* M2: records go by length */
	{"!10 path=a", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!5 path=a\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!999 path=a\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!0 path=a\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!-9 path=a\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!9999999999 path=a\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!7 path\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"!5 =a\n", "x", '0', NULL, "", S2C_EPROTO, "malformed"},
	{"path=\n", "x", '0', NULL, "", S2C_EPROTO, "'path'"},
	{"hdrcharset=XY\n", "x", '0', NULL, "", S2C_EPROTO, "'hdrcharset'"},
	/* sparse */
	{"GNU.sparse.size=10\n", "x", '0', NULL, "data", S2C_EPROTO, "does not match"},
	{"GNU.sparse.size=10\nGNU.sparse.map=8,4\n", "x", '0', NULL, "data", S2C_EPROTO,
		"passes the end"},
	{"GNU.sparse.size=10\nGNU.sparse.map=4,2,0,2\n", "x", '0', NULL, "data",
		S2C_EPROTO, "out of order"},
	{"GNU.sparse.size=10\nGNU.sparse.map=0,\n", "x", '0', NULL, "data", S2C_EPROTO,
		"'GNU.sparse.map'"},
	{"GNU.sparse.size=10\nGNU.sparse.map=0\n", "x", '0', NULL, "data", S2C_EPROTO,
		"'GNU.sparse.map'"},
	{"GNU.sparse.map=0,4\n", "x", '0', NULL, "data", S2C_EPROTO, "no size"},
	{"GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=9\n", "x", '0',
		NULL, "data", S2C_EPROTO, "malformed"},
	{"GNU.sparse.major=2\nGNU.sparse.minor=0\nGNU.sparse.realsize=9\n", "x", '0',
		NULL, "data", S2C_EPROTO, "unknown form"},
	{"GNU.sparse.offset=0\n", "x", '0', NULL, "data", S2C_EPROTO, "in the middle"},
	{"GNU.sparse.zz=1\n", "x", '0', NULL, "data", S2C_EPROTO, "'GNU.sparse.zz'"},
	{"GNU.sparse.size=10\n", "x", '5', NULL, "", S2C_EPROTO, "has data"},
	/* types */
	{NULL, "x", 'V', NULL, "", S2C_EPROTO, "type 0x56"},
	{NULL, "x", 'M', NULL, "", S2C_EPROTO, "type 0x4d"},
};

static void refuses_hostile_entries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostiles); i++) {
		const struct hostile *row = &hostiles[i];
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
		struct s2c_tar_header h = raw(row->name, row->type, strlen(row->data));

		if (row->pax)
			add_pax(&buf, 'x', row->pax);
		if (row->link)
			snprintf(h.link, sizeof(h.link), "%s", row->link);
		add_raw(&buf, h, row->data, strlen(row->data));
		end_raw(&buf);
		assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}),
			row->code, row->message);
	}
}

/* A NUL in a name would end it for us and not for others. */
static void refuses_nul_in_names(void **state)
{
	static const char pax[] = "12 path=a\0b\n", attr[] = "20 SCHILY.xattr.a\0=\n";
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);

	(void)state;
	add_raw(&buf, raw("p", 'x', 12), pax, 12);
	add_text(&buf, "x", '0', "");
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}), S2C_EPROTO,
		"'path'");
	s2c_buf_clear(&buf);
	add_raw(&buf, raw("p", 'x', 20), attr, 20);
	add_text(&buf, "x", '0', "");
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}), S2C_EPROTO,
		"malformed");
	s2c_buf_clear(&buf);
	add_raw(&buf, raw("p", 'L', 4), "a\0b", 4);
	add_text(&buf, "x", '0', "");
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}), S2C_EPROTO,
		"has a NUL");
}

/* Two headers for one entry: tar readers disagree which one counts. */
static void refuses_double_headers(void **state)
{
	static const char *const orders[] = {
		"xx", "xL", "Lx", "LL", "KK", "xg", "Lg", "xK"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);

		for (int j = 0; j < 2; j++)
			if (orders[i][j] == 'x' || orders[i][j] == 'g')
				add_pax(&buf, orders[i][j], "comment=x\n");
			else
				add_text(&buf, "p", orders[i][j], "name");
		add_text(&buf, "x", '0', "");
		assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}),
			S2C_EPROTO, "damaged");
	}
}

static void refuses_global_changes(void **state)
{
	static const char *const records[] = {"path=x\n", "size=1\n", "uid=0\n",
		"mtime=1\n", "SCHILY.xattr.user.a=1\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);

		add_pax(&buf, 'g', records[i]);
		add_text(&buf, "x", '0', "");
		assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}),
			S2C_EPROTO, "global header changes files");
	}
}

static void refuses_damage(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_tar_header h = raw("x", '0', 0);
	struct s2c_tar_limits none = {0};

	(void)state;
	items_to_tar(every_kind, ARRAY_SIZE(every_kind), &buf);
	/* Cut anywhere but between entries it is damaged; never more than an error. */
	for (size_t cut = 1; cut < buf.len; cut += 97) {
		if (read_all(buf.data, cut, none))
			s2c_error_free(TAKE(terr));
		else
			assert_int_equal(cut % S2C_TAR_BLOCK, 0);
	}
	assert_fails(read_all(buf.data, 700, none), S2C_EPROTO, "too early");
	/* Without even a first header it is something else. */
	assert_fails(read_all(buf.data, 511, none), S2C_EPROTO, "no tar archive");
	buf.data[S2C_TAR_BLOCK + 100]++;
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO, "wrong checksum");
	buf.data[100]++;
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO, "no tar archive");
	s2c_buf_clear(&buf);
	memcpy(h.uid, "00x0000", 8);
	add_raw(&buf, h, NULL, 0);
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO, "bad number");
	s2c_buf_clear(&buf);
	h = raw("x", '0', 0);
	memcpy(h.uid, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	add_raw(&buf, h, NULL, 0);
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO, "bad number");
	s2c_buf_clear(&buf);
	h = raw("x", '0', 0);
	memcpy(h.size, "\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	add_raw(&buf, h, NULL, 0);
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO, "bad number");
	s2c_buf_clear(&buf);
	end_raw(&buf);
	buf.len = S2C_TAR_BLOCK;
	add_text(&buf, "x", '0', "");
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO, "lone block");
	s2c_buf_clear(&buf);
	add_text(&buf, "p", 'L', "name");
	end_raw(&buf);
	assert_fails(read_all(buf.data, buf.len, none), S2C_EPROTO,
		"after an extended header");
}

static void keeps_limits(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(TAR_MAX);
	struct s2c_tar_header h = raw("p", 'x', S2C_TAR_PAX_MAX + 1);

	(void)state;
	add_text(&buf, "a", '0', "12345");
	add_text(&buf, "b", '0', "12345");
	end_raw(&buf);
	assert_ok(read_all(buf.data, buf.len, (struct s2c_tar_limits){2, 10, 5}));
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){1, 10, 5}),
		S2C_ELIMIT, "more than 1 entries");
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){2, 9, 5}),
		S2C_ELIMIT, "more than 9 bytes");
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){2, 10, 4}),
		S2C_ELIMIT, "'a' in the archive is larger than 4");
	s2c_buf_clear(&buf);
	add_raw(&buf, h, NULL, 0);
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0}), S2C_ELIMIT,
		"extended tar header");
	s2c_buf_clear(&buf);
	/* A sparse bomb counts with its full size. */
	add_pax(&buf, 'x', "GNU.sparse.size=99999\nGNU.sparse.map=0,4\n");
	add_text(&buf, "x", '0', "data");
	assert_fails(read_all(buf.data, buf.len, (struct s2c_tar_limits){0, 9999, 0}),
		S2C_ELIMIT, "more than 9999 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_what_it_writes),
		cmocka_unit_test(m6_same_bytes_in_every_locale),
		cmocka_unit_test(writes_the_smallest_header),
		cmocka_unit_test(h1_links_name_earlier_entries),
		cmocka_unit_test(m5_long_names),
		cmocka_unit_test(m2_attributes_of_any_bytes),
		cmocka_unit_test(x4_changing_files_are_named),
		cmocka_unit_test(x2_sockets_are_refused),
		tmp_test(python_reads_the_same),
		tmp_test(gnu_tar_reads_the_same),
		tmp_test(reads_formats_of_gnu_tar),
		tmp_test(reads_long_names_of_gnu_tar),
		tmp_test(x1_reads_sparse_files),
		cmocka_unit_test(reads_base256_and_old_directories),
		cmocka_unit_test(h1_strips_roots),
		cmocka_unit_test(c14_drains_to_the_last_byte),
		cmocka_unit_test(reads_an_empty_archive),
		cmocka_unit_test(reads_global_comments),
		cmocka_unit_test(refuses_hostile_entries),
		cmocka_unit_test(refuses_nul_in_names),
		cmocka_unit_test(refuses_double_headers),
		cmocka_unit_test(refuses_global_changes),
		cmocka_unit_test(refuses_damage),
		cmocka_unit_test(keeps_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of compressors, the one that does nothing, and guessing from the first bytes.
 */
#include "codec/compress.h"

#include "codec/compress_impl.h"

/* --- what the methods share -------------------------------------------------------- */

void s2c_compress_in_init(struct s2c_compress_in *in, struct s2c_reader *next, bool own)
{
	*in = (struct s2c_compress_in){
		.next = next,
		.own = own,
		.data = xmalloc(S2C_COMPRESS_PIECE),
	};
}

void s2c_compress_in_release(struct s2c_compress_in *in)
{
	if (in->own)
		s2c_reader_free(in->next);
	free(in->data);
}

int s2c_compress_in_fill(struct s2c_compress_in *in, size_t want, struct s2c_error **err)
{
	memmove(in->data, in->data + in->at, in->end - in->at);
	in->end -= in->at;
	in->at = 0;
	while (in->end < want && !in->eof) {
		ssize_t n = s2c_read(
			in->next, in->data + in->end, S2C_COMPRESS_PIECE - in->end, err);

		if (n < 0)
			return -1;
		in->end += (size_t)n;
		in->eof = n == 0;
	}
	return 0;
}

bool s2c_compress_stage_add(
	struct s2c_compress_stage *stage, const unsigned char **data, size_t *len)
{
	size_t room = S2C_COMPRESS_STAGE - stage->len;
	size_t n = *len < room ? *len : room;

	memcpy(stage->data + stage->len, *data, n);
	stage->len += n;
	*data += n;
	*len -= n;
	return stage->len == S2C_COMPRESS_STAGE;
}

/* --- none -------------------------------------------------------------------------- */

struct none_writer {
	struct s2c_writer base;
	struct s2c_writer *next;
};

static int none_write(
	struct s2c_writer *writer, const void *buf, size_t len, struct s2c_error **err)
{
	return s2c_write(((struct none_writer *)writer)->next, buf, len, err);
}

static int none_finish(struct s2c_writer *writer, struct s2c_error **err)
{
	return s2c_finish(((struct none_writer *)writer)->next, err);
}

static void none_writer_free(struct s2c_writer *writer)
{
	free(writer);
}

static struct s2c_writer *none_writer(int level, int earlier_fd, struct s2c_writer *next)
{
	static const struct s2c_writer_ops ops = {
		.write = none_write,
		.finish = none_finish,
		.free = none_writer_free,
	};
	struct none_writer *w = xmalloc(sizeof(*w));

	*w = (struct none_writer){.base.ops = &ops, .next = next};
	return &w->base;
}

/* Passes on `next`, behind the bytes that were read from it for a look. */
struct none_reader {
	struct s2c_reader base;
	struct s2c_reader *next;
	bool own;
	unsigned char head[4];
	size_t at, len; /* of head */
};

static ssize_t none_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct none_reader *r = (struct none_reader *)reader;
	size_t n = r->len - r->at < len ? r->len - r->at : len;

	if (n == 0)
		return s2c_read(r->next, buf, len, err);
	memcpy(buf, r->head + r->at, n);
	r->at += n;
	return (ssize_t)n;
}

static void none_reader_free(struct s2c_reader *reader)
{
	struct none_reader *r = (struct none_reader *)reader;

	if (r->own)
		s2c_reader_free(r->next);
	free(r);
}

static struct s2c_reader *none_reader(struct s2c_reader *next, bool own)
{
	static const struct s2c_reader_ops ops = {
		.read = none_read,
		.free = none_reader_free,
	};
	struct none_reader *r = xmalloc(sizeof(*r));

	*r = (struct none_reader){.base.ops = &ops, .next = next, .own = own};
	return &r->base;
}

/* --- the table --------------------------------------------------------------------- */

static const struct s2c_compressor_ops none = {
	.name = "none",
	.kind = S2C_COMPRESS_NONE,
	.default_level = 0,
	.writer = none_writer,
	.reader = none_reader,
};

static const struct s2c_compressor_ops *const compressors[] = {
	[S2C_COMPRESS_NONE] = &none,
	[S2C_COMPRESS_GZIP] = &s2c_compressor_gzip,
	[S2C_COMPRESS_ZSTD] = &s2c_compressor_zstd,
};

const struct s2c_compressor_ops *s2c_compressor(enum s2c_compression kind)
{
	return compressors[kind];
}

const struct s2c_compressor_ops *s2c_compressor_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(compressors); i++)
		if (streq(compressors[i]->name, name))
			return compressors[i];
	return NULL;
}

/* A level in digits, or -1. */
static int parse_level(const char *text, int max)
{
	long level;

	if (strspn(text, "0123456789") != strlen(text) || !*text || strlen(text) > 4)
		return -1;
	level = strtol(text, NULL, 10);
	return level < 1 || level > max ? -1 : (int)level;
}

int s2c_compression_parse(const char *text, enum s2c_compression *out_kind,
	int *out_level, struct s2c_error **err)
{
	size_t name_len = strcspn(text, ":");
	CLEAN_FREE char *name = xstrndup(text, name_len);
	const struct s2c_compressor_ops *ops = s2c_compressor_by_name(name);
	int level = 0;

	if (!ops || !ops->max_level)
		return s2c_fail(err, S2C_EINVAL,
			"compression '%.100s' is neither gzip nor zstd, alone or with a "
			"level as in 'zstd:9'",
			text);
	if (text[name_len])
		level = parse_level(text + name_len + 1, ops->max_level);
	if (level < 0)
		return s2c_fail(err, S2C_EINVAL,
			"compression '%.100s': the levels of %s are 1 to %d", text,
			ops->name, ops->max_level);
	*out_kind = ops->kind;
	*out_level = level;
	return 0;
}

struct s2c_writer *s2c_compress(
	enum s2c_compression kind, int level, struct s2c_writer *next)
{
	return s2c_compress_again(kind, level, -1, next);
}

struct s2c_writer *s2c_compress_again(
	enum s2c_compression kind, int level, int earlier_fd, struct s2c_writer *next)
{
	const struct s2c_compressor_ops *ops = compressors[kind];

	return ops->writer(level ? level : ops->default_level, earlier_fd, next);
}

struct s2c_reader *s2c_decompress(
	enum s2c_compression kind, struct s2c_reader *next, bool own)
{
	return compressors[kind]->reader(next, own);
}

/* --- guessing ---------------------------------------------------------------------- */

static enum s2c_compression guess(const unsigned char *head, size_t len)
{
	static const struct {
		unsigned char bytes[4], mask_first;
		size_t len;
		enum s2c_compression kind;
	} magics[] = {
		{{0x1f, 0x8b, 0x08}, 0xff, 3, S2C_COMPRESS_GZIP},
		{{0x28, 0xb5, 0x2f, 0xfd}, 0xff, 4, S2C_COMPRESS_ZSTD},
		/* a skippable frame */
		{{0x50, 0x2a, 0x4d, 0x18}, 0xf0, 4, S2C_COMPRESS_ZSTD},
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (len >= magics[i].len &&
			(head[0] & magics[i].mask_first) == magics[i].bytes[0] &&
			memcmp(head + 1, magics[i].bytes + 1, magics[i].len - 1) == 0)
			return magics[i].kind;
	return S2C_COMPRESS_NONE;
}

int s2c_decompress_auto(struct s2c_reader *next, bool own, enum s2c_compression *out_kind,
	struct s2c_reader **out, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *reader = none_reader(next, own);
	struct none_reader *head = (struct none_reader *)reader;
	enum s2c_compression kind;

	while (head->len < sizeof(head->head)) {
		ssize_t n = s2c_read(next, head->head + head->len,
			sizeof(head->head) - head->len, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		head->len += (size_t)n;
	}
	kind = guess(head->head, head->len);
	if (out_kind)
		*out_kind = kind;
	*out = kind == S2C_COMPRESS_NONE ? reader : s2c_decompress(kind, reader, true);
	reader = NULL;
	return 0;
}

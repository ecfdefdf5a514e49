/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking through what an engine has committed, before it gets a name. An engine hands
 * out whole images only; of that stream each layer that is not the builder image's is
 * read through a guard (codec/guard.h), and told from those by its diffID, as which layer
 * is the last one is only said behind all of them. Nothing is written anywhere.
 */
#include "runtime/engine_impl.h"

#include "codec/compress.h"
#include "codec/guard.h"
#include "codec/tar.h"
#include "util/pump.h"

#define MAGIC_AT 257 /* of "ustar" in the first header of a tar */
#define HEAD 512

struct scan {
	struct s2c_ctx *ctx;
	const struct s2c_engine_container *c;
	const char *image;
	const struct s2c_needles *needles;
	struct s2c_strv seen; /* diffIDs of the layers that were looked through */
};

static void scan_release(struct scan *s)
{
	s2c_strv_release(&s->seen);
}

/* Data of the current file of a stream of entries. */
struct data {
	struct s2c_reader base;
	struct s2c_entries *entries; /* borrowed */
};

static ssize_t data_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct data *)r)->entries, buf, len, err);
}

static void data_free(struct s2c_reader *r)
{
	(void)r;
}

/* Hands on, hashes, and has the first bytes to look at. */
struct hashed {
	struct s2c_reader base;
	struct s2c_reader *next; /* borrowed */
	struct s2c_hasher *hasher;
	char head[HEAD];
	size_t len, given;
};

static ssize_t hashed_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct hashed *h = (struct hashed *)r;
	ssize_t n;

	if (h->given < h->len) {
		len = len < h->len - h->given ? len : h->len - h->given;
		memcpy(buf, h->head + h->given, len);
		h->given += len;
		return (ssize_t)len;
	}
	n = s2c_read(h->next, buf, len, err);
	if (n > 0)
		s2c_hasher_update(h->hasher, buf, (size_t)n);
	return n;
}

static void hashed_free(struct s2c_reader *r)
{
	s2c_hasher_free(((struct hashed *)r)->hasher);
}

static int hashed_begin(struct hashed *h, struct s2c_error **err)
{
	ssize_t n = 1;

	while (h->len < HEAD && n > 0) {
		n = s2c_read(h->next, h->head + h->len, HEAD - h->len, err);
		if (n < 0)
			return -1;
		s2c_hasher_update(h->hasher, h->head + h->len, (size_t)n);
		h->len += (size_t)n;
	}
	return 0;
}

static bool is_tar(const struct hashed *h)
{
	return h->len == HEAD && memcmp(h->head + MAGIC_AT, "ustar", 5) == 0;
}

/* All of a layer through the guard; what is found is in *err. */
static int look(struct scan *s, struct s2c_reader *tar, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_entries_guard(
		s2c_tar_reader(tar, false, (struct s2c_tar_limits){.entries = 0}),
		s->needles);
	const struct s2c_entry *entry;

	do
		if (s2c_entries_next(entries, s->ctx, &entry, err) < 0)
			return -1;
	while (entry);
	return 0;
}

static bool is_base(const struct scan *s, const char *diff_id)
{
	const struct s2c_config *config = s->c->config;

	for (size_t i = 0; i < config->n_diff_ids; i++)
		if (streq(config->diff_ids[i].str, diff_id))
			return true;
	return false;
}

/* One file of the archive: a layer, or one of its documents. */
static int look_into(struct scan *s, struct s2c_entries *archive, struct s2c_error **err)
{
	static const struct s2c_reader_ops data_ops = {data_read, data_free};
	static const struct s2c_reader_ops hashed_ops = {hashed_read, hashed_free};
	struct data data = {.base.ops = &data_ops, .entries = archive};
	CLEAN_READER struct s2c_reader *plain = NULL;
	CLEAN_ERROR struct s2c_error *found = NULL;
	struct hashed hashed = {.base.ops = &hashed_ops};
	CLEAN_READER struct s2c_reader *layer = NULL;
	struct s2c_digest diff_id;

	if (s2c_decompress_auto(&data.base, true, NULL, &plain, err) < 0)
		return -1;
	hashed.next = plain;
	hashed.hasher = s2c_hasher_new("sha256");
	layer = &hashed.base;
	if (hashed_begin(&hashed, err) < 0)
		return -1;
	if (!is_tar(&hashed))
		return 0;
	/* Read to the end in any case: only then it is known what it was. */
	if ((look(s, layer, &found) < 0 && s2c_error_code(found) != S2C_EDENIED) ||
		s2c_drain(s->ctx, layer, found ? NULL : err) < 0) {
		if (found)
			s2c_error_move(err, &found);
		return -1;
	}
	s2c_hasher_final(hashed.hasher, &diff_id);
	s2c_strv_add(&s->seen, diff_id.str);
	if (!found || is_base(s, diff_id.str))
		return 0;
	s2c_error_move(err, &found);
	return -1;
}

static int save(
	void *self, struct s2c_ctx *ctx, struct s2c_writer *out, struct s2c_error **err)
{
	const struct scan *s = self;

	return s2c_engine_save(ctx, s->c->runtime->engine, s->image, out, err);
}

/* A layer that did not come was not looked through. */
static int check_seen(
	const struct scan *s, const struct s2c_config *made, struct s2c_error **err)
{
	static const char empty[] =
		"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

	for (size_t i = s->c->config->n_diff_ids; i < made->n_diff_ids; i++) {
		const char *id = made->diff_ids[i].str;

		if (s2c_strv_find(&s->seen, id) < 0 && !is_base(s, id) &&
			!streq(id, empty))
			return s2c_fail(err, S2C_EPROTO,
				"the engine at '%s' does not hand out layer '%s' of what "
				"it committed, so that it cannot be looked through for "
				"secrets",
				s->c->runtime->engine->name, id);
	}
	return 0;
}

int s2c_engine_scan(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const char *image, const struct s2c_needles *needles, struct s2c_error **err)
{
	CLEAN(scan_release)
	struct scan s = {.ctx = ctx, .c = c, .image = image, .needles = needles};
	struct s2c_pump pump = {.run = save, .self = &s};
	CLEAN_IMAGE struct s2c_image *made = NULL;
	CLEAN_ENTRIES struct s2c_entries *archive = NULL;
	const struct s2c_entry *entry;
	int rc;

	if (s2c_engine_image(ctx, c->runtime->engine, image, &made, err) < 0)
		return -1;
	archive = s2c_tar_reader(
		s2c_reader_pump(ctx, &pump), true, (struct s2c_tar_limits){.entries = 0});
	do {
		rc = s2c_entries_next(archive, ctx, &entry, err);
		if (rc == 0 && entry && entry->type == S2C_ENTRY_FILE && entry->size)
			rc = look_into(&s, archive, err);
	} while (rc == 0 && entry);
	return rc < 0 ? -1 : check_seen(&s, made->config, err);
}

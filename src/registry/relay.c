/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry to registry: GET in a thread, whose bytes are pumped into the body of the PUT.
 */
#include "registry/relay.h"

#include "util/pump.h"

/* The bytes that are read before it is believed that a repository has the blob. */
#define FIRST_BYTES (32u * 1024)

bool s2c_relay_begin(struct s2c_relay *relay, const struct s2c_reference *to)
{
	struct s2c_reference found[S2C_RELAY_PLACES_MAX + 1];
	size_t n = s2c_known_find_places(relay->known, &relay->desc->digest, NULL, found,
		S2C_RELAY_PLACES_MAX + 1);

	for (size_t i = 0; i < n && relay->n_places < S2C_RELAY_PLACES_MAX; i++)
		if (!streq(found[i].registry, to->registry) ||
			!streq(found[i].repository, to->repository))
			relay->places[relay->n_places++] = found[i];
	return relay->n_places > 0;
}

void s2c_relay_release(struct s2c_relay *relay)
{
	s2c_places_close(TAKE(relay->source));
}

/* ---- the reader ---- */

/* It has read a bit ahead, to know that there is something to read. */
struct relay_reader {
	struct s2c_reader base;
	const struct s2c_relay *relay;
	uint64_t offset;
	struct s2c_reader *next;
	char first[FIRST_BYTES];
	size_t first_at, first_len;
};

static int fetch(
	void *self, struct s2c_ctx *ctx, struct s2c_writer *out, struct s2c_error **err)
{
	const struct relay_reader *r = self;
	const struct s2c_descriptor *desc = r->relay->desc;
	struct s2c_blob_part part = {
		.offset = r->offset, .length = desc->size - r->offset};

	return s2c_registry_get_blob(
		ctx, s2c_places_current(r->relay->source), desc, &part, out, err);
}

static ssize_t relay_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct relay_reader *r = (struct relay_reader *)reader;
	size_t n = r->first_len - r->first_at;

	if (n == 0)
		return s2c_read(r->next, buf, len, err);
	n = n < len ? n : len;
	memcpy(buf, r->first + r->first_at, n);
	r->first_at += n;
	return (ssize_t)n;
}

static void relay_free(struct s2c_reader *reader)
{
	struct relay_reader *r = (struct relay_reader *)reader;

	s2c_reader_free(r->next);
	free(r);
}

static const struct s2c_reader_ops relay_ops = {.read = relay_read, .free = relay_free};

static int open_here(struct s2c_relay *relay, uint64_t offset, struct s2c_reader **out,
	struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *owner = NULL;
	struct s2c_digest_check check = {.digest = relay->desc->digest,
		.size = relay->desc->size,
		.what = relay->desc->digest.str};
	struct relay_reader *r;
	ssize_t n;

	/* This very place: what pushes go to is what is known of it, and no mirror. */
	if (!relay->source && s2c_places_open(relay->ctx, &relay->places[relay->at],
				      S2C_PUSHING, relay->opts, &relay->source, err) < 0)
		return -1;
	r = xcalloc(1, sizeof(*r));
	owner = &r->base;
	r->base.ops = &relay_ops;
	r->relay = relay;
	r->offset = offset;
	r->next = s2c_reader_pump(
		relay->ctx, &(struct s2c_pump){.run = fetch, .self = r});
	/* The digest is about all of it. */
	if (offset == 0)
		r->next = s2c_reader_digest(r->next, true, &check);
	n = s2c_read(r->next, r->first, sizeof(r->first), err);
	if (n < 0)
		return -1;
	r->first_len = (size_t)n;
	*out = TAKE(owner);
	return 0;
}

static bool gives_up(enum s2c_code code)
{
	return code == S2C_ECANCELED || code == S2C_ETIMEOUT;
}

static int open_relay(
	void *self, uint64_t offset, struct s2c_reader **out, struct s2c_error **err)
{
	struct s2c_relay *relay = self;

	for (;;) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		const struct s2c_reference *place = &relay->places[relay->at];
		enum s2c_code code;

		if (open_here(relay, offset, out, &cause) == 0)
			return 0;
		code = s2c_error_code(cause);
		if (code == S2C_ENOENT || code == S2C_EDIGEST)
			s2c_known_forget_place(relay->known, place, &relay->desc->digest);
		if (gives_up(code) || relay->at + 1 == relay->n_places) {
			s2c_error_move(err, &cause);
			return s2c_wrap(err, "it is not in the store; from '%s/%s'",
				place->registry, place->repository);
		}
		s2c_emit_log(relay->ctx, S2C_DEBUG, "blob '%s' from '%s/%s': %s",
			relay->desc->digest.str, place->registry, place->repository,
			s2c_error_message(cause));
		s2c_places_close(TAKE(relay->source));
		relay->at++;
	}
}

struct s2c_blob_source s2c_relay_source(struct s2c_relay *relay)
{
	return (struct s2c_blob_source){.open = open_relay, .self = relay};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob on its way up, as steps: open a session, send all of it or the next piece,
 * close. Which step is next follows from what the registry is known to have. After a
 * break that is asked for (GET on the session) instead of guessed, and whatever cannot be
 * trusted ends with a new session, the blob in one piece and its digest.
 */
#include "registry/upload.h"

#include "registry/chunks.h"

/* Pieces that were taken in part or not at all before it is tried without pieces. */
#define ODD_PIECES_MAX 16
/* So much more than ever before, and the count of failures begins anew. */
#define PROGRESS_BYTES (1024u * 1024)

struct upload {
	struct s2c_ctx *ctx;
	struct s2c_registry *registry;
	const struct s2c_blob_upload *what;
	struct s2c_feed feed;
	struct s2c_blob_source source; /* of the feed */
	struct s2c_chunks chunks;
	char *location;    /* of the session, the newest one; NULL: there is none */
	uint64_t have;     /* bytes that the session holds */
	uint64_t high;     /* the most it ever held when failures were counted from 0 */
	unsigned failures; /* in a row */
	unsigned odd;
	bool pieces;    /* what is left goes by PATCH */
	bool no_pieces; /* they were tried, and are not to be trusted */
	bool too_large; /* for one piece */
	bool unsure;    /* the connection broke: ask before going on */
	bool closing;   /* a PUT went out, so it may be there though nobody said so */
	bool done;
	int floor_ms; /* wait at least so long before the next try */
};

static uint64_t size_of(const struct upload *u)
{
	return u->what->desc->size;
}

/* ---- sessions ---- */

static void forget_session(struct upload *u)
{
	free(TAKE(u->location));
	u->have = 0;
	u->unsure = false;
	u->pieces = u->what->chunk_size > 0 || u->too_large;
	if (u->no_pieces)
		u->pieces = false;
}

static void drop_session(struct upload *u)
{
	s2c_session_cancel(u->ctx, u->registry, u->location);
	forget_session(u);
}

/* What is not to be trusted begins again, as a whole. */
static void without_pieces(struct upload *u)
{
	s2c_emit_log(u->ctx, S2C_DEBUG,
		"'%s' loses pieces of blob '%s', which begins again in one piece",
		u->registry->host, u->what->desc->digest.str);
	u->no_pieces = true;
	u->closing = false;
	drop_session(u);
}

static int take_newest(struct upload *u, const struct s2c_http_response *response,
	struct s2c_error **err)
{
	char *location = NULL;

	if (!s2c_http_header(response, "location") && u->location)
		return 0;
	if (s2c_take_location(u->registry, response, &location, err) < 0)
		return -1;
	free(u->location);
	u->location = location;
	return 0;
}

static int open_session(struct upload *u, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_registry_call call = {.method = "POST",
		.path = "blobs/uploads/",
		.scope = u->registry->push_scope,
		.once = true};
	const char *least;

	if (s2c_write_exchange(u->ctx, u->registry, &call, &response, err) < 0)
		return -1;
	u->floor_ms = s2c_exchange_floor_ms(&response);
	if (response.status != 202)
		return s2c_exchange_fail(u->registry, "upload", &response, err);
	least = s2c_http_header(&response, "oci-chunk-min-length");
	u->chunks.least = least ? s2c_chunk_least_parse(least) : 0;
	/* Who talks of chunks wants them for what is large. */
	if (u->chunks.least && !u->no_pieces && size_of(u) > u->chunks.want)
		u->pieces = true;
	return take_newest(u, &response, err);
}

/* Counts from 0 again when there is real progress, not a byte at a time. */
static void has_now(struct upload *u, uint64_t have)
{
	u->have = have;
	if (have < u->high + PROGRESS_BYTES)
		return;
	u->high = have;
	u->failures = 0;
}

/* ---- asking ---- */

/* 0 with *out_told whether the session exists and says how much it has. */
static int ask(struct upload *u, struct s2c_upload_range *range, bool *out_told,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_registry_call call = {.method = "GET",
		.url = u->location,
		.scope = u->registry->push_scope,
		.once = true};
	const char *value;

	if (s2c_exchange(u->ctx, u->registry, &call, &response, err) < 0)
		return -1;
	value = s2c_http_header(&response, "range");
	*out_told = response.status >= 200 && response.status < 300 && value &&
		    s2c_upload_range_parse(value, range, NULL) == 0 &&
		    take_newest(u, &response, NULL) == 0;
	return 0;
}

/* A session that ended with a PUT nobody answered may have ended well. */
static int look_for_blob(struct upload *u, struct s2c_error **err)
{
	bool closing = u->closing;

	u->closing = false;
	if (!closing)
		return 0;
	return s2c_registry_has_blob(
		u->ctx, u->registry, &u->what->desc->digest, &u->done, err);
}

/* After a break: on from where the registry is, or a new session. */
static int find_place(struct upload *u, struct s2c_error **err)
{
	struct s2c_upload_range range = {0};
	bool told = false;

	if (ask(u, &range, &told, err) < 0)
		return -1;
	u->unsure = false;
	/* "0-0" may be a byte or none: not worth finding out. */
	if (told && !range.maybe_none && range.have <= size_of(u) && !u->no_pieces) {
		has_now(u, range.have);
		u->pieces = true;
		return 0;
	}
	if (told)
		drop_session(u);
	else
		forget_session(u);
	return look_for_blob(u, err);
}

/* ---- sending ---- */

/* One request with a piece of the blob. */
static int send_piece(struct upload *u, struct s2c_registry_call *call,
	struct s2c_http_response *response, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	s2c_error_free(TAKE(u->feed.failure));
	call->scope = u->registry->push_scope;
	call->once = true;
	call->offset = u->have;
	/* A reader of nothing has nothing to send. */
	call->source = call->body_len ? &u->source : NULL;
	if (s2c_write_exchange(u->ctx, u->registry, call, response, &cause) == 0) {
		u->floor_ms = s2c_exchange_floor_ms(response);
		return 0;
	}
	u->floor_ms = 0;
	u->unsure = true;
	s2c_error_move(err, u->feed.failure ? &u->feed.failure : &cause);
	return -1;
}

/* The session is not known (any more): for the loop that is like a broken connection. */
static int session_lost(struct upload *u, const struct s2c_http_response *response,
	struct s2c_error **err)
{
	u->unsure = true;
	return s2c_fail_status(err, S2C_ENET, response->status,
		"'%s' forgot an upload (status %d)", u->registry->host, response->status);
}

static int fail(struct upload *u, const struct s2c_http_response *response,
	struct s2c_error **err)
{
	int rc = s2c_exchange_fail(u->registry, "upload", response, err);

	u->unsure = true;
	return rc;
}

/* Too long a piece, or all of it: shorter ones from now on. */
static bool send_shorter(struct upload *u, uint64_t tried)
{
	if (u->no_pieces)
		return false;
	if (!u->pieces) {
		u->too_large = u->pieces = true;
		/* What is refused as a whole need not be tried as one piece. */
		if (u->chunks.want >= tried)
			return s2c_chunks_shrink(&u->chunks, tried);
		return true;
	}
	return s2c_chunks_shrink(&u->chunks, tried);
}

/* PUT with all that is left, which is everything or nothing. */
static int close_session(struct upload *u, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	bool whole = u->have == 0;
	/* The query of a Location is the registry's own state and stays as it is. */
	CLEAN_FREE char *url = xasprintf("%s%cdigest=%s", u->location,
		strchr(u->location, '?') ? '&' : '?', u->what->desc->digest.str);
	struct s2c_registry_call call = {.method = "PUT",
		.url = url,
		.headers = &headers,
		.body_len = size_of(u) - u->have};

	s2c_strv_add(&headers, "Content-Type: application/octet-stream");
	u->closing = true;
	if (send_piece(u, &call, &response, err) < 0)
		return -1;
	switch (response.status) {
	case 201:
		if (s2c_check_stored(&response, &u->what->desc->digest, err) < 0)
			return -1;
		u->done = true;
		return 0;
	case 413:
		if (call.body_len && send_shorter(u, call.body_len)) {
			u->closing = false;
			return 0;
		}
		return fail(u, &response, err);
	case 404:
		return session_lost(u, &response, err);
	case 400:
		/* Pieces that were put together wrongly look like this. */
		if (!whole && s2c_exchange_says(&response, "DIGEST_INVALID")) {
			without_pieces(u);
			return 0;
		}
		return fail(u, &response, err);
	default:
		return fail(u, &response, err);
	}
}

static void odd_piece(struct upload *u)
{
	if (++u->odd > ODD_PIECES_MAX)
		without_pieces(u);
}

/* What the registry says that it has after a piece of `length` bytes. */
static int judge(struct upload *u, const struct s2c_http_response *response,
	uint64_t length, struct s2c_error **err)
{
	const char *value = s2c_http_header(response, "range");
	struct s2c_upload_range range;
	enum s2c_chunk_fate fate = S2C_CHUNK_LOST;
	uint64_t have = 0;

	if (take_newest(u, response, err) < 0)
		return -1;
	/* Who says nothing is believed: the digest at the end is the proof. */
	if (!value)
		fate = S2C_CHUNK_TAKEN;
	else if (s2c_upload_range_parse(value, &range, NULL) == 0)
		fate = s2c_chunk_fate(u->have, length, &range, &have);
	switch (fate) {
	case S2C_CHUNK_TAKEN:
		has_now(u, u->have + length);
		break;
	case S2C_CHUNK_CUT:
		has_now(u, have);
		odd_piece(u);
		break;
	case S2C_CHUNK_LOST:
		without_pieces(u);
		break;
	}
	return 0;
}

/* 416: the registry is elsewhere, or the piece is too long for it. */
static int out_of_order(struct upload *u, const struct s2c_http_response *response,
	uint64_t length, struct s2c_error **err)
{
	const char *value = s2c_http_header(response, "range");
	struct s2c_upload_range range;

	if (take_newest(u, response, err) < 0)
		return -1;
	if (!value || s2c_upload_range_parse(value, &range, NULL) < 0 ||
		range.have > size_of(u)) {
		without_pieces(u);
		return 0;
	}
	if (range.maybe_none)
		range.have = u->have <= 1 ? u->have : 0;
	if (range.have != u->have) {
		has_now(u, range.have);
		odd_piece(u);
	} else if (!send_shorter(u, length)) {
		without_pieces(u);
	}
	return 0;
}

static int send_next(struct upload *u, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	uint64_t length = s2c_chunk_length(&u->chunks, u->have);
	struct s2c_registry_call call = {.method = "PATCH",
		.url = u->location,
		.headers = &headers,
		.body_len = length};

	s2c_strv_add(&headers, "Content-Type: application/octet-stream");
	s2c_strv_addf(&headers, "Content-Range: %llu-%llu", (unsigned long long)u->have,
		(unsigned long long)(u->have + length - 1));
	if (send_piece(u, &call, &response, err) < 0)
		return -1;
	switch (response.status) {
	case 200:
	case 201: /* of some who mean 202 */
	case 202:
	case 204:
		return judge(u, &response, length, err);
	case 416:
		return out_of_order(u, &response, length, err);
	case 413:
		return send_shorter(u, length) ? 0 : fail(u, &response, err);
	case 404:
		return session_lost(u, &response, err);
	default:
		return fail(u, &response, err);
	}
}

static int step(struct upload *u, struct s2c_error **err)
{
	if (u->unsure && u->location)
		return find_place(u, err);
	u->unsure = false;
	if (!u->location)
		return open_session(u, err);
	if (u->pieces && u->have < size_of(u))
		return send_next(u, err);
	return close_session(u, err);
}

/* ---- all of it ---- */

static int run(struct upload *u, struct s2c_error **err)
{
	while (!u->done) {
		CLEAN_ERROR struct s2c_error *cause = NULL;

		if (step(u, &cause) == 0)
			continue;
		if (s2c_error_code(cause) != S2C_ENET ||
			u->failures >= u->registry->retries) {
			s2c_error_move(err, &cause);
			return s2c_wrap(err, "blob '%s'", u->what->desc->digest.str);
		}
		if (s2c_exchange_wait(u->ctx, u->registry, s2c_error_message(cause),
			    u->failures++, u->floor_ms, err) < 0)
			return -1;
	}
	return 0;
}

static void upload_release(struct upload *u)
{
	if (u->location && !u->done)
		s2c_session_cancel(u->ctx, u->registry, u->location);
	s2c_feed_release(&u->feed);
	free(u->location);
}

int s2c_registry_put_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_blob_upload *upload, struct s2c_error **err)
{
	CLEAN(upload_release)
	struct upload u = {.ctx = ctx,
		.registry = registry,
		.what = upload,
		.feed = {.ctx = ctx, .source = &upload->source, .desc = upload->desc},
		.chunks = {.size = upload->desc->size,
			.want = upload->chunk_size ? upload->chunk_size
						   : S2C_CHUNK_FIRST},
		.location = upload->session ? xstrdup(upload->session) : NULL,
		.pieces = upload->chunk_size > 0};

	u.source = s2c_feed_source(&u.feed);
	return run(&u, err);
}

/* ---- mounts ---- */

void s2c_blob_mount_release(struct s2c_blob_mount *mount)
{
	free(mount->session);
	*mount = (struct s2c_blob_mount){0};
}

int s2c_registry_mount_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, const char *from_repository,
	struct s2c_blob_mount *out, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_FREE char *path = xasprintf(
		"blobs/uploads/?mount=%s&from=%s", digest->str, from_repository);
	CLEAN_FREE char *scope = xasprintf(
		"%s repository:%s:pull", registry->push_scope, from_repository);
	struct s2c_registry_call call = {
		.method = "POST", .path = path, .scope = scope, .once = true};

	if (s2c_write_exchange(ctx, registry, &call, &response, &cause) < 0) {
		enum s2c_code code = s2c_error_code(cause);
		if (code != S2C_ECANCELED && code != S2C_ETIMEOUT) {
			return 0; /* an upload shows what is really wrong */
		}
		s2c_error_move(err, &cause);
		return s2c_wrap(err, "mount of blob '%s'", digest->str);
	}
	out->mounted = response.status == 201;
	if (response.status == 202)
		(void)!s2c_take_location(registry, &response, &out->session, NULL);
	return 0;
}

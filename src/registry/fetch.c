/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers side by side. Transfers are jobs that take the next piece that is wanted until
 * none is left; for each layer another job reads its file from the beginning as far as it
 * has arrived, verifies it and hands it to the sink. So a layer that is unpacked slowly
 * never holds up a connection, and what arrives out of order needs no memory.
 *
 * The first failure cancels the context that all jobs work under; the failures that this
 * brings about are not told.
 */
#include "registry/fetch.h"

#include "registry/exchange.h"
#include "store/blob.h"
#include "store/partial.h"
#include "util/pool.h"

/* Whether a registry sends pieces of a blob shows when the first one is there. */
enum pieces { PIECES_UNKNOWN, PIECES_YES, PIECES_NO };

struct fetch;

struct layer {
	struct s2c_job job; /* reads it */
	struct fetch *fetch;
	const struct s2c_layer *what;
	struct s2c_partial *partial; /* NULL: the blob is in the store */
	bool again; /* what an earlier pull left was wrong: once more from the beginning
		     */
	/* Under the lock: */
	uint64_t next; /* the first byte that nobody fetches yet */
	unsigned busy; /* transfers at it */
	enum pieces pieces;
};

struct transfer {
	struct s2c_job job;
	struct fetch *fetch;
};

struct fetch {
	const struct s2c_fetch_opts *opts;
	bool last; /* what is wrong now is an error */
	struct s2c_ctx *ctx;
	struct layer *layers; /* those with something to do */
	size_t n;
	struct s2c_monitor *lock;
	/* Under the lock: */
	struct s2c_error *failure; /* the first one */
	bool discard;              /* it leaves nothing that is worth going on with */
};

/* Whether what has arrived may be gone on with after this failure. */
static bool worth_keeping(enum s2c_code code)
{
	return code == S2C_ENET || code == S2C_ECANCELED || code == S2C_ETIMEOUT ||
	       code == S2C_EAUTH;
}

static void fetch_fail(struct fetch *fetch, struct s2c_error **cause)
{
	s2c_monitor_enter(fetch->lock);
	bool first = !fetch->failure;
	if (first) {
		fetch->discard = !worth_keeping(s2c_error_code(*cause));
		s2c_error_move(&fetch->failure, cause);
	}
	s2c_monitor_wake(fetch->lock);
	s2c_monitor_leave(fetch->lock);
	if (first)
		s2c_ctx_cancel(fetch->ctx);
}

/* ---- transfers ---- */

/* A piece that one transfer fetches. */
struct piece {
	struct s2c_writer base;
	struct s2c_ctx *ctx;
	struct layer *layer;
	uint64_t at, end; /* what is still to come */
};

static bool want_whole(void *self)
{
	struct piece *piece = self;
	struct layer *layer = piece->layer;

	s2c_monitor_enter(layer->fetch->lock);
	/* Later pieces were given out on the word of this registry; one answer is that.
	 */
	bool mine = layer->pieces != PIECES_YES;
	if (mine) {
		layer->pieces = PIECES_NO;
		layer->next = piece->end = layer->what->desc->size;
	}
	s2c_monitor_leave(layer->fetch->lock);
	return mine;
}

static void tell_progress(struct piece *piece)
{
	const struct s2c_descriptor *desc = piece->layer->what->desc;
	uint64_t length = s2c_partial_length(piece->layer->partial);

	s2c_emit_progress(piece->ctx, "pull", desc->digest.str, length, desc->size);
}

static int piece_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct piece *piece = (struct piece *)w;
	struct layer *layer = piece->layer;

	s2c_monitor_enter(layer->fetch->lock);
	if (layer->pieces == PIECES_UNKNOWN) {
		layer->pieces = PIECES_YES;
		s2c_monitor_wake(layer->fetch->lock);
	}
	s2c_monitor_leave(layer->fetch->lock);
	if (s2c_partial_write(layer->partial, piece->at, buf, len, err) < 0)
		return -1;
	piece->at += len;
	tell_progress(piece);
	return 0;
}

/* The next piece of a layer, under the lock. */
static bool take_piece(struct layer *layer, struct piece *piece)
{
	uint64_t size = layer->what->desc->size, left = size - layer->next;

	if (!layer->partial || left == 0 || (layer->busy && layer->pieces != PIECES_YES))
		return false;
	if (layer->pieces != PIECES_NO && left > 2 * S2C_FETCH_PIECE)
		left = S2C_FETCH_PIECE;
	piece->layer = layer;
	piece->at = layer->next;
	layer->next += left;
	piece->end = layer->next;
	layer->busy++;
	return true;
}

/*
 * What to fetch next: a layer that nobody is at, the first one first, else a piece of one
 * that comes in pieces. False when there is nothing left that this transfer could do.
 */
static bool next_piece(struct fetch *fetch, struct piece *piece)
{
	bool found = false, undecided = true;

	s2c_monitor_enter(fetch->lock);
	while (!found && undecided && !fetch->failure) {
		undecided = false;
		for (size_t i = 0; i < fetch->n && !found; i++)
			if (!fetch->layers[i].busy)
				found = take_piece(&fetch->layers[i], piece);
		for (size_t i = 0; i < fetch->n && !found; i++) {
			struct layer *layer = &fetch->layers[i];
			found = take_piece(layer, piece);
			undecided |= layer->busy && layer->pieces == PIECES_UNKNOWN &&
				     layer->next < layer->what->desc->size;
		}
		if (!found && undecided)
			s2c_monitor_wait(fetch->lock);
	}
	s2c_monitor_leave(fetch->lock);
	return found;
}

static void end_piece(struct piece *piece)
{
	s2c_monitor_enter(piece->layer->fetch->lock);
	piece->layer->busy--;
	s2c_monitor_wake(piece->layer->fetch->lock);
	s2c_monitor_leave(piece->layer->fetch->lock);
}

/* What is left of a piece, from one place: another may have begun it. */
static int try_piece(void *self, struct s2c_registry *registry, struct s2c_error **err)
{
	struct piece *piece = self;
	struct s2c_blob_part part = {.offset = piece->at,
		.length = piece->end - piece->at,
		.whole = want_whole,
		.self = piece};

	return s2c_registry_get_blob(
		piece->ctx, registry, piece->layer->what->desc, &part, &piece->base, err);
}

static int run_transfer(struct s2c_job *job, struct s2c_error **err)
{
	static const struct s2c_writer_ops ops = {.write = piece_write};
	struct fetch *fetch = ((struct transfer *)job)->fetch;
	struct piece piece = {.base.ops = &ops, .ctx = fetch->ctx};
	struct s2c_attempt attempt = {.run = try_piece, .self = &piece};

	(void)err;
	while (next_piece(fetch, &piece)) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		if (s2c_places_try(fetch->ctx, fetch->opts->places, &attempt, &cause) < 0)
			fetch_fail(fetch, &cause);
		end_piece(&piece);
	}
	return 0;
}

/* ---- reading ---- */

/* Those who fill the sink do so while the blob arrives; this is the end of both. */
static int read_layer(struct layer *layer, struct s2c_reader *blob, struct s2c_ctx *stop,
	struct s2c_error **err)
{
	const struct s2c_layer_sink *sink = layer->fetch->opts->sink;
	CLEAN_READER struct s2c_reader *reader = blob;
	struct s2c_layer out = *layer->what;

	if (!sink || sink->has(sink->self, out.diff_id))
		return s2c_drain(layer->fetch->ctx, reader, err);
	out.stop = stop;
	return sink->put(sink->self, layer->fetch->ctx, &out, TAKE(reader), err);
}

static int read_partial(struct layer *layer, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *stop = s2c_ctx_branch(layer->fetch->ctx, 0);
	const struct s2c_descriptor *desc = layer->what->desc;
	CLEAN_FREE char *what = xasprintf("blob '%s' from '%s'", desc->digest.str,
		s2c_places_current(layer->fetch->opts->places)->host);
	struct s2c_digest_check check = {
		.digest = desc->digest, .size = desc->size, .what = what};
	struct s2c_reader *blob = s2c_reader_digest(
		s2c_partial_reader(stop, layer->partial), true, &check);

	if (read_layer(layer, blob, stop, err) < 0)
		return -1;
	return s2c_partial_install(layer->partial, err);
}

static int read_blob(struct layer *layer, struct s2c_error **err)
{
	const struct s2c_descriptor *desc = layer->what->desc;
	struct s2c_reader *blob;

	if (s2c_blob_open(
		    layer->fetch->opts->store, &desc->digest, desc->size, &blob, err) < 0)
		return -1;
	return read_layer(layer, blob, NULL, err);
}

/* Whether the content was wrong, and not the way of it. */
static bool is_content(enum s2c_code code)
{
	return code == S2C_EDIGEST || code == S2C_EPROTO || code == S2C_EINVAL;
}

/* Bytes of an earlier pull, or pieces that a registry cut wrongly, may be at fault. */
static bool deserves_another(struct layer *layer, enum s2c_code code)
{
	return layer->partial && is_content(code) && !layer->fetch->last &&
	       (s2c_partial_resumed(layer->partial) ||
		       s2c_places_distrust_ranges(layer->fetch->opts->places));
}

static int run_reader(struct s2c_job *job, struct s2c_error **err)
{
	struct layer *layer = (struct layer *)job;
	CLEAN_ERROR struct s2c_error *cause = NULL;

	(void)err;
	if ((layer->partial ? read_partial(layer, &cause) : read_blob(layer, &cause)) ==
		0)
		return 0;
	if (layer->partial && !worth_keeping(s2c_error_code(cause)))
		s2c_partial_discard(layer->partial);
	layer->again = deserves_another(layer, s2c_error_code(cause));
	if (!layer->again)
		fetch_fail(layer->fetch, &cause);
	return 0;
}

/* ---- all of it ---- */

static void fetch_release(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->n; i++) {
		/* A full disk wants its space back. */
		if (fetch->layers[i].partial && fetch->discard)
			s2c_partial_discard(fetch->layers[i].partial);
		s2c_partial_free(fetch->layers[i].partial);
	}
	free(fetch->layers);
	s2c_monitor_free(fetch->lock);
	s2c_error_free(fetch->failure);
	s2c_ctx_free(fetch->ctx);
}

static bool seen(const struct fetch *fetch, const struct s2c_digest *digest)
{
	for (size_t i = 0; i < fetch->n; i++)
		if (s2c_digest_equal(&fetch->layers[i].what->desc->digest, digest))
			return true;
	return false;
}

/* Adds what is to be done for a layer, which may be nothing. */
static int add_layer(
	struct fetch *fetch, const struct s2c_layer *what, struct s2c_error **err)
{
	const struct s2c_layer_sink *sink = fetch->opts->sink;
	const struct s2c_descriptor *desc = what->desc;
	struct layer *layer = &fetch->layers[fetch->n];

	if (seen(fetch, &desc->digest))
		return 0;
	*layer = (struct layer){.job.run = run_reader, .fetch = fetch, .what = what};
	if (s2c_blob_exists(fetch->opts->store, &desc->digest, desc->size)) {
		fetch->n += sink && !sink->has(sink->self, what->diff_id);
		return 0;
	}
	if (s2c_partial_open(fetch->opts->store, desc, &layer->partial, err) < 0)
		return -1;
	layer->next = s2c_partial_length(layer->partial);
	if (layer->next)
		s2c_emit_log(fetch->ctx, S2C_INFO,
			"going on with blob '%s' at %llu of %llu bytes", desc->digest.str,
			(unsigned long long)layer->next, (unsigned long long)desc->size);
	fetch->n++;
	return 0;
}

/* Runs all jobs to their end; the failure is in fetch->failure. */
static void run_jobs(struct fetch *fetch)
{
	CLEAN_POOL struct s2c_pool *network = s2c_pool_new(S2C_FETCH_TRANSFERS);
	CLEAN_POOL struct s2c_pool *cpus = s2c_pool_new(0);
	struct transfer transfers[S2C_FETCH_TRANSFERS];
	CLEAN_ERROR struct s2c_error *none = NULL;

	for (size_t i = 0; i < S2C_FETCH_TRANSFERS; i++) {
		transfers[i] = (struct transfer){.job.run = run_transfer, .fetch = fetch};
		(void)s2c_pool_submit(network, &transfers[i].job);
	}
	for (size_t i = 0; i < fetch->n; i++)
		(void)s2c_pool_submit(cpus, &fetch->layers[i].job);
	/* Transfers first: where there are no threads, jobs run in here. */
	for (size_t i = 0; i < S2C_FETCH_TRANSFERS; i++)
		(void)!s2c_job_wait(&transfers[i].job, &none);
	for (size_t i = 0; i < fetch->n; i++)
		(void)!s2c_job_wait(&fetch->layers[i].job, &none);
}

/*
 * One round. out_again: it gets the number of layers to be fetched once more; NULL: there
 * is no other one.
 */
static int fetch_round(struct s2c_ctx *ctx, const struct s2c_fetch_opts *opts,
	const struct s2c_layer *layers, size_t n, size_t *out_again,
	struct s2c_error **err)
{
	CLEAN(fetch_release)
	struct fetch fetch = {.opts = opts,
		.last = !out_again,
		.ctx = s2c_ctx_branch(ctx, 0),
		.lock = s2c_monitor_new(),
		.layers = xcalloc(n, sizeof(*fetch.layers))};

	for (size_t i = 0; i < n; i++)
		if (add_layer(&fetch, &layers[i], err) < 0)
			return -1;
	if (fetch.n == 0)
		return 0;
	run_jobs(&fetch);
	if (fetch.failure) {
		/* When the caller cancelled, that is the reason, whatever came of it. */
		if (s2c_ctx_check(ctx, err) < 0)
			return -1;
		s2c_error_move(err, &fetch.failure);
		return -1;
	}
	for (size_t i = 0; i < fetch.n && out_again; i++)
		*out_again += fetch.layers[i].again;
	return 0;
}

int s2c_fetch_layers(struct s2c_ctx *ctx, const struct s2c_fetch_opts *opts,
	const struct s2c_layer *layers, size_t n, struct s2c_error **err)
{
	size_t again = 0;

	if (fetch_round(ctx, opts, layers, n, &again, err) < 0)
		return -1;
	if (!again)
		return 0;
	s2c_emit_log(ctx, S2C_WARN,
		"%zu layers came in pieces that do not fit together; they are fetched "
		"again",
		again);
	return fetch_round(ctx, opts, layers, n, NULL, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting a blob or a part of one. RFC 9110 section 14: a Range may be ignored (200), and
 * what a 206 brings is what its Content-Range says, not what was asked for. A registry
 * whose ranges are wrong, or are refused, is asked for whole blobs.
 */
#include <inttypes.h>

#include "registry/exchange.h"
#include "registry/range.h"

/* A try that brought so much is no failed one: the count of retries begins anew. */
#define PROGRESS_BYTES (1024u * 1024)

/* A part on its way, across several requests. */
struct download {
	struct s2c_writer base; /* what the exchange writes to */
	struct s2c_writer *sink;
	struct s2c_registry *registry;
	const struct s2c_descriptor *desc;
	const struct s2c_blob_part *part;
	uint64_t at, end; /* the next byte of the blob for the sink; where to stop */
	bool enough;      /* all is there, and the registry sends on */
	/* Of the request under way: */
	uint64_t skip; /* bytes to come that were not asked for */
	uint64_t got;  /* bytes that came, also those */
	bool asked;    /* for a range */
	bool ranged;   /* and got one */
	bool refused;  /* and got something else that is no use */
	bool expired;  /* the link that it redirected to is refused: ask for a new one */
};

/* A 206: is it what `at` to `end` was asked with? */
static int check_range(
	const struct download *d, const char *value, struct s2c_error **err)
{
	struct s2c_content_range range;

	if (!value)
		return s2c_fail(err, S2C_EPROTO,
			"a partial answer does not say which part it is");
	if (s2c_content_range_parse(value, &range, err) < 0)
		return -1;
	if (range.first != d->at || range.last >= d->end ||
		(range.total_known && range.total != d->desc->size))
		return s2c_fail(err, S2C_EPROTO,
			"asked for bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64
			", the registry sends '%s'",
			d->at, d->end - 1, d->desc->size, value);
	return 0;
}

static int on_head(
	void *self, const struct s2c_http_response *response, struct s2c_error **err)
{
	struct download *d = self;

	d->ranged = response->status == 206;
	if (d->ranged) {
		d->registry->sent_ranges = true;
		d->refused = check_range(d, s2c_http_header(response, "content-range"),
				     err) < 0;
		return d->refused ? -1 : 0;
	}
	d->skip = d->at;
	if (d->end < d->desc->size && d->part->whole && d->part->whole(d->part->self))
		d->end = d->desc->size;
	return 0;
}

static int download_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct download *d = (struct download *)w;
	const char *p = buf;
	size_t skipped = len < d->skip ? len : (size_t)d->skip;

	d->got += len;
	d->skip -= skipped;
	p += skipped;
	len -= skipped;
	/* Of a whole blob a byte too many is for the sink to complain of. */
	bool surplus = d->end < d->desc->size && len > d->end - d->at;
	if (surplus)
		len = (size_t)(d->end - d->at);
	if (len && s2c_write(d->sink, p, len, err) < 0)
		return -1;
	d->at += len;
	if (!surplus)
		return 0;
	d->enough = true;
	return s2c_fail(err, S2C_EPROTO, "more than was asked for");
}

/* A connection that breaks is told by the client: this is all that the registry has. */
static int too_short(const struct download *d, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EDIGEST,
		"blob '%s' ends after %" PRIu64 " of the %" PRIu64
		" bytes it should have",
		d->desc->digest.str, d->at, d->desc->size);
}

static int get_once(struct s2c_ctx *ctx, struct download *d, struct s2c_error **err)
{
	struct s2c_registry *registry = d->registry;
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *path = xasprintf("blobs/%s", d->desc->digest.str);
	CLEAN_FREE char *what = xasprintf("blob '%s'", d->desc->digest.str);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	struct s2c_registry_call call = {.method = "GET",
		.path = path,
		.scope = registry->pull_scope,
		.headers = &headers,
		.sink = &d->base,
		.head = on_head,
		.head_self = d,
		/* 0 would mean the default; one byte too many is found by the sink. */
		.max_body = d->desc->size ? d->desc->size : 1};

	d->skip = d->got = 0;
	d->ranged = d->refused = d->expired = false;
	/* A plain request is what every registry and every proxy in front knows. */
	d->asked = (d->at > 0 || d->end < d->desc->size) && !registry->no_ranges;
	if (d->asked)
		s2c_strv_addf(
			&headers, "Range: bytes=%" PRIu64 "-%" PRIu64, d->at, d->end - 1);
	if (s2c_exchange(ctx, registry, &call, &response, err) < 0)
		return s2c_wrap(err, "%s", what);
	/* Not satisfiable: or so it says. */
	d->refused = response.status == 416 && d->asked;
	d->expired = response.status == 403 &&
		     !s2c_http_same_origin(response.url, registry->base);
	if (d->expired)
		return s2c_fail_status(err, S2C_ENET, response.status,
			"%s: where '%s' keeps it refuses the link that it gave", what,
			registry->host);
	if (response.status != 200 && response.status != 206)
		return s2c_exchange_fail(registry, what, &response, err);
	return 0;
}

bool s2c_registry_distrust_ranges(struct s2c_registry *registry)
{
	registry->no_ranges = true;
	return registry->sent_ranges;
}

int s2c_registry_get_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_descriptor *desc, const struct s2c_blob_part *part,
	struct s2c_writer *sink, struct s2c_error **err)
{
	static const struct s2c_writer_ops ops = {.write = download_write};
	struct download d = {.base.ops = &ops,
		.sink = sink,
		.registry = registry,
		.desc = desc,
		.part = part,
		.at = part->offset,
		.end = part->offset + part->length};
	unsigned attempt = 0;

	if (part->length == 0)
		return 0;
	for (;;) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		uint64_t before = d.at;
		int rc = get_once(ctx, &d, &cause);
		bool broke = rc < 0 && s2c_error_code(cause) == S2C_ENET;
		if (d.enough || (d.at == d.end && (rc == 0 || broke)))
			return 0;
		if (d.refused && d.asked) {
			registry->no_ranges = true;
			continue;
		}
		/* A registry may send less of a range than it was asked for. */
		if (rc == 0 && d.ranged && d.at > before)
			continue;
		if (rc == 0)
			return too_short(&d, err);
		if (d.at - before >= PROGRESS_BYTES)
			attempt = 0;
		/* What failed before the first byte was tried again further down. */
		if (!broke || (d.got == 0 && !d.expired) ||
			attempt >= registry->retries) {
			s2c_error_move(err, &cause);
			return -1;
		}
		if (s2c_exchange_wait(ctx, registry, s2c_error_message(cause), attempt++,
			    0, err) < 0)
			return -1;
	}
}

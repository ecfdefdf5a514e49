/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 (RFC 9112) for whoever sits on a socket: heads to structs and back, bodies as
 * streams. Pure: no context, no descriptor, no waiting; callers own the I/O.
 *
 * One grammar, narrower than the RFC's, and no forgiveness. General parsers accept a bare
 * LF, two lengths or a folded line, each in its own way, and two programs then see two
 * requests in the same bytes. Here such bytes are no request: answer 400 and close.
 *
 *  - lines end with CRLF; no folding; no blank before a colon; HTTP/1.1 only
 *  - a name of a header is a token, its value printable ASCII with tabs inside of it
 *  - a known header comes once; Host must, and may be empty
 *  - either one Content-Length or "Transfer-Encoding: chunked", never Content-Encoding,
 *    Trailer, or an option of Connection that is not close, keep-alive or upgrade
 *  - a target is a path that nobody decodes, and a query that is decoded here and once
 */
#ifndef S2C_HTTP_HTTP1_H
#define S2C_HTTP_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "util/stream.h"
#include "util/strv.h"

#define S2C_HTTP1_TARGET_MAX 4096
#define S2C_HTTP1_QUERY_MAX 64   /* parameters */
#define S2C_HTTP1_HEADERS_MAX 64 /* lines */
#define S2C_HTTP1_HOST_MAX 255
/* All header lines with their ends: 16 KiB, in either direction. */
#define S2C_HTTP1_HEADER_BYTES_MAX 16384
/* Whole heads: the start line and the empty line come on top of the header lines. */
#define S2C_HTTP1_REQUEST_MAX (S2C_HTTP1_HEADER_BYTES_MAX + S2C_HTTP1_TARGET_MAX + 32)
#define S2C_HTTP1_RESPONSE_MAX (S2C_HTTP1_HEADER_BYTES_MAX + S2C_HTTP1_REASON_MAX + 32)
#define S2C_HTTP1_REASON_MAX 256
/* Digits of a Content-Length. */
#define S2C_HTTP1_REQUEST_DIGITS_MAX 10
#define S2C_HTTP1_RESPONSE_DIGITS_MAX 15
/* Hex digits of the size of a chunk. */
#define S2C_HTTP1_CHUNK_DIGITS_MAX 7

/* What was wrong, for programs; the sentence in the error is for people. */
enum s2c_http1_fault {
	S2C_HTTP1_OK = 0,
	S2C_HTTP1_BAD_REQUEST_LINE, /* not METHOD SP target SP version CRLF */
	S2C_HTTP1_BAD_STATUS_LINE,
	S2C_HTTP1_BAD_METHOD,
	S2C_HTTP1_BAD_VERSION, /* not HTTP/1.1 */
	S2C_HTTP1_BAD_TARGET,  /* not in origin form, or a byte that none may have */
	S2C_HTTP1_BAD_PATH,    /* "//", a "." or ".." segment */
	S2C_HTTP1_BAD_PATH_ENCODING, /* '%' in the path */
	S2C_HTTP1_BAD_QUERY,
	S2C_HTTP1_DUPLICATE_QUERY, /* a parameter twice */
	S2C_HTTP1_BAD_HEADER,
	S2C_HTTP1_BAD_FRAMING, /* where the message ends cannot be told for sure */
	S2C_HTTP1_BAD_UPGRADE, /* to anything but tcp, or not asked for */
	S2C_HTTP1_TOO_LARGE,   /* with S2C_ELIMIT, all others with S2C_EPROTO */
};

/* The stable name of a fault for logs and answers, "path_encoding" say; "ok" for none. */
const char *s2c_http1_fault_name(enum s2c_http1_fault fault);

enum s2c_http1_method {
	S2C_HTTP1_HEAD,
	S2C_HTTP1_GET,
	S2C_HTTP1_POST,
	S2C_HTTP1_PUT,
	S2C_HTTP1_DELETE,
};

/* "HEAD" and so on. */
const char *s2c_http1_method_name(enum s2c_http1_method method);

/* A query parameter, decoded: UTF-8 without control bytes; the key is not empty. */
struct s2c_http1_parameter {
	char *key, *value;
};

struct s2c_http1_query {
	struct s2c_http1_parameter *items; /* in their order, each key once */
	size_t len;
};

struct s2c_http1_request {
	enum s2c_http1_method method;
	char *path; /* starts with '/'; as it was given, there is nothing to decode */
	struct s2c_http1_query query;
	struct s2c_strv headers; /* "name: value", names in lower case, in order */
	/* Neither length nor chunked: no body. GET and HEAD never have one. */
	bool has_length;
	uint64_t content_length;
	bool chunked;
	bool upgrade; /* "Upgrade: tcp", with "Connection: Upgrade", without a body */
	bool expect_continue;
	bool keep_alive; /* not "Connection: close" */
};

void s2c_http1_request_release(struct s2c_http1_request *request);
#define CLEAN_HTTP1_REQUEST CLEAN(s2c_http1_request_release)

/* How a response ends (RFC 9112 6.3). */
enum s2c_http1_body {
	S2C_HTTP1_NO_BODY,      /* the answer to HEAD, 1xx, 204, 304 */
	S2C_HTTP1_BODY_LENGTH,  /* content_length bytes */
	S2C_HTTP1_BODY_CHUNKED, /* chunks */
	S2C_HTTP1_BODY_CLOSE,   /* with the connection */
	S2C_HTTP1_UPGRADED,     /* 101: what follows is no HTTP any more */
};

struct s2c_http1_response {
	int status;              /* 100 to 599 */
	struct s2c_strv headers; /* as in a request */
	enum s2c_http1_body body;
	bool has_length; /* also without a body: the answer to HEAD */
	uint64_t content_length;
	bool keep_alive; /* false for UPGRADED and BODY_CLOSE */
};

void s2c_http1_response_release(struct s2c_http1_response *response);
#define CLEAN_HTTP1_RESPONSE CLEAN(s2c_http1_response_release)

/* --- heads ------------------------------------------------------------------------ */

/*
 * Length of the head at the start of `buf`, with the empty line that ends it; 0 when it
 * is not complete. -1 once it cannot become a head of at most `max` bytes any more: too
 * large (S2C_ELIMIT), or a byte that no head has, such as NUL or a LF without CR. `fault`
 * may be NULL, here and below.
 */
S2C_CHECK ssize_t s2c_http1_head_end(const char *buf, size_t len, size_t max,
	enum s2c_http1_fault *fault, struct s2c_error **err);

/*
 * A whole head, which `len` is the exact length of, into *out, that the caller releases.
 * On failure *out is untouched and *fault says why.
 */
S2C_CHECK int s2c_http1_request_parse(const char *head, size_t len,
	struct s2c_http1_request *out, enum s2c_http1_fault *fault,
	struct s2c_error **err);

/* What a response depends on: the request that it answers. */
struct s2c_http1_asked {
	enum s2c_http1_method method;
	bool upgrade; /* 101 without it is refused */
};

/*
 * The same for a response. 1xx (but 101) are interim: another head follows. A body that
 * ends with the connection is accepted, since engines send raw streams that way.
 */
S2C_CHECK int s2c_http1_response_parse(const char *head, size_t len,
	struct s2c_http1_asked asked, struct s2c_http1_response *out,
	enum s2c_http1_fault *fault, struct s2c_error **err);

/* Value of the first header of that lower-case name, or NULL. Borrowed. */
const char *s2c_http1_header(const struct s2c_strv *headers, const char *name);

/* Value of a query parameter, or NULL. Borrowed. */
const char *s2c_http1_parameter(const struct s2c_http1_query *query, const char *key);

/* --- writing ---------------------------------------------------------------------- */

/*
 * Appends a request head. `headers` are "Name: value" lines, among them Host and the
 * framing. What the parser above would refuse is refused here with S2C_EINVAL, and then
 * nothing is appended; `method` and `target` are not trusted either.
 */
S2C_CHECK int s2c_http1_write_request(struct s2c_buf *buf, enum s2c_http1_method method,
	const char *target, const struct s2c_strv *headers, struct s2c_error **err);

/* The same for a response, with the usual reason phrase of its status. */
S2C_CHECK int s2c_http1_write_response(struct s2c_buf *buf, int status,
	const struct s2c_strv *headers, struct s2c_error **err);

/*
 * Appends "?key=value", or "&key=value" if the target in `buf` has a query already, with
 * everything but unreserved characters (RFC 3986 2.3) as %XX. S2C_EINVAL for what the
 * parser refuses: an empty key, control bytes, not UTF-8.
 */
S2C_CHECK int s2c_http1_query_add(
	struct s2c_buf *buf, const char *key, const char *value, struct s2c_error **err);

/* --- bodies ----------------------------------------------------------------------- */

/*
 * A connection's incoming bytes, read ahead: what came behind a head waits here for the
 * body, the next head or the upgraded stream.
 */
struct s2c_http1_stream;

/* Reads from `next`, which it owns if `own`. Never NULL. */
struct s2c_http1_stream *s2c_http1_stream_new(struct s2c_reader *next, bool own);
void s2c_http1_stream_free(struct s2c_http1_stream *stream); /* NULL is fine */
S2C_DEFINE_CLEAN(http1_stream, struct s2c_http1_stream *, s2c_http1_stream_free)
#define CLEAN_HTTP1_STREAM CLEAN(s2c_clean_http1_stream)

/*
 * Reads up to the end of a head of at most `max` bytes; *head points to it until the next
 * call with this stream, and its length is returned. 0 when the stream ended before the
 * first byte; an end inside of the head is S2C_EPROTO, BAD_FRAMING. An error of `next`
 * comes out with fault S2C_HTTP1_OK.
 */
S2C_CHECK ssize_t s2c_http1_stream_head(struct s2c_http1_stream *stream, size_t max,
	const char **head, enum s2c_http1_fault *fault, struct s2c_error **err);

/* Everything behind the last head, until the connection ends. Borrowed. */
struct s2c_reader *s2c_http1_stream_reader(struct s2c_http1_stream *stream);

/* Bytes that were read ahead: so many can be had from the reader without any waiting. */
size_t s2c_http1_stream_held(const struct s2c_http1_stream *stream);

/*
 * A body of `length` bytes. Reads no byte of `next` (borrowed) beyond; S2C_EPROTO if it
 * ends before.
 */
struct s2c_reader *s2c_http1_body_length(struct s2c_reader *next, uint64_t length);

/*
 * A body in chunks (RFC 9112 7.1): sizes of 1 to 7 hex digits, no extensions, no
 * trailers; anything else is S2C_EPROTO. Reads `next` (borrowed) up to the end of the
 * last chunk and not beyond; for that the sizes are read byte by byte, so `next` should
 * be the reader of a stream.
 */
struct s2c_reader *s2c_http1_body_chunked(struct s2c_reader *next);

/* The body of a request or response out of `next`, by its framing; empty if it has none.
 */
struct s2c_reader *s2c_http1_request_body(
	const struct s2c_http1_request *request, struct s2c_reader *next);
struct s2c_reader *s2c_http1_response_body(
	const struct s2c_http1_response *response, struct s2c_reader *next);

/*
 * Writes chunks to `next` (borrowed); finish writes the last one, and without it the
 * receiver knows that the body is not complete.
 */
struct s2c_writer *s2c_http1_chunked_writer(struct s2c_writer *next);

#endif

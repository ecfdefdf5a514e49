/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the engine: the only code that connects to its socket. Every request goes
 * out on a connection of its own and is written here, whole, out of values; there is no
 * way to hand it a client's bytes but as the body of an archive or of an attached
 * process.
 */
#ifndef S2C_GATE_UPSTREAM_H
#define S2C_GATE_UPSTREAM_H

#include "codec/json.h"
#include "http/http1.h"
#include "http/tunnel.h"

#define S2C_UPSTREAM_VERSION "1.41" /* of the API, in every target that is written */
#define S2C_UPSTREAM_MINOR 41
#define S2C_UPSTREAM_JSON_MAX (4u * 1024 * 1024) /* bytes of an answer that is parsed */
#define S2C_UPSTREAM_SECONDS 120 /* for an answer that does not wait for work */

struct s2c_upstream {
	const char *socket; /* path, shorter than that of struct sockaddr_un; or NULL: */
	uint32_t owner;     /* the uid that the other end must have */
	/*
	 * What goes out in the place of S2C_UPSTREAM_VERSION to an engine that is too new
	 * for that; "": nothing else.
	 */
	char version[16];
	struct s2c_tunnel_opts remote; /* an engine elsewhere */
};

/*
 * Asks an engine what it is and settles on upstream->version. *out_podman tells the two
 * flavors apart. S2C_EUNSUPPORTED for what is no engine, of another system, or too old.
 */
S2C_CHECK int s2c_upstream_learn(struct s2c_ctx *ctx, struct s2c_upstream *upstream,
	bool *out_podman, struct s2c_error **err);

/* One exchange. */
struct s2c_gate_call {
	struct s2c_ctx *ctx;
	int fd;
	int watch;   /* waiting ends with S2C_ECANCELED when this hangs up; -1: none */
	int seconds; /* without a byte; 0: no limit but the context's */
	struct s2c_reader in; /* of the connection */
	struct s2c_writer out;
	struct s2c_tunnel *tunnel; /* behind fd, or NULL */
	struct s2c_http1_stream *stream;
	struct s2c_http1_asked asked;
	struct s2c_http1_response response;
	struct s2c_reader *body; /* of the response */
};
void s2c_gate_call_release(struct s2c_gate_call *call);
#define CLEAN_GATE_CALL CLEAN(s2c_gate_call_release)

/* A target: "/v1.41" and the path; parameters are added with s2c_http1_query_add(). */
#define S2C_UPSTREAM_TARGET_MAX 8192

struct s2c_gate_call_opts {
	enum s2c_http1_method method;
	const char *target;
	const char *json; /* body; NULL: none */
	bool archive;     /* a tar follows in chunks: write to call->out */
	bool upgrade;     /* to a stream in both directions */
	const char *auth; /* value of X-Registry-Auth; NULL: none */
	int watch;        /* see struct s2c_gate_call */
};

/*
 * Connects and sends the request. S2C_ENET when the engine is not there, S2C_EDENIED when
 * the socket is somebody else's. *call is initialised, and released by the caller.
 */
S2C_CHECK int s2c_gate_call_begin(struct s2c_ctx *ctx,
	const struct s2c_upstream *upstream, const struct s2c_gate_call_opts *opts,
	struct s2c_gate_call *call, struct s2c_error **err);

/* Receives the head into call->response and makes call->body ready. */
S2C_CHECK int s2c_gate_call_answer(struct s2c_gate_call *call, struct s2c_error **err);

/* The rest of the answer as JSON; NULL if it is none. Caller frees. */
S2C_CHECK int s2c_gate_call_json(
	struct s2c_gate_call *call, struct s2c_json **out, struct s2c_error **err);

/*
 * A whole exchange. *out_status is set for every answer; *out_json for one with JSON in
 * it (NULL else; caller frees). S2C_EPROTO for garbage, S2C_ELIMIT for too much.
 */
S2C_CHECK int s2c_upstream_ask(struct s2c_ctx *ctx, const struct s2c_upstream *upstream,
	const struct s2c_gate_call_opts *opts, int *out_status,
	struct s2c_json **out_json, struct s2c_error **err);

/*
 * The same for a POST with a query that repeats a parameter or is longer than our own
 * grammar has it, as podman's commit wants. By http/client, so without `watch`.
 */
S2C_CHECK int s2c_upstream_post(struct s2c_ctx *ctx, const struct s2c_upstream *upstream,
	const char *target, const char *json, int *out_status, struct s2c_json **out_json,
	struct s2c_error **err);

/* Where it is, for messages. Borrowed. */
const char *s2c_upstream_name(const struct s2c_upstream *upstream);

/* What an engine said with an error: "message" of its JSON, or "". Borrowed. */
const char *s2c_upstream_message(const struct s2c_json *answer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/route.h"

#include <ctype.h>
#include <stddef.h>

enum kind {
	TEXT,    /* into the ask */
	FLAG,    /* "1", "true", "True", or "0", "false", "False", "" */
	IGNORED, /* of no consequence here, whatever it says */
	ZERO,    /* only with a value that means nothing: "", 0, false */
	TAIL,    /* "all" or "": logs are shown whole or not at all */
};

struct parameter {
	const char *key;
	enum kind kind;
	size_t offset; /* TEXT: of a char *, FLAG: of a uint64_t in the ask */
};
#define INTO(member) offsetof(struct s2c_gate_ask, member)
#define PARAMETERS_MAX 9

struct route {
	enum s2c_http1_method method;
	/* Path without version; a variable lies between prefix and suffix, and is not
	 * empty. A prefix without '/' at its end is the whole path. */
	const char *prefix, *suffix;
	enum s2c_gate_op op;
	enum s2c_gate_body body;
	struct parameter parameters[PARAMETERS_MAX];
};

/* clang-format off */
#define ARCHIVE {"path", TEXT, INTO(inside)}, {"noOverwriteDirNonDir", IGNORED, 0}, \
		{"copyUIDGID", IGNORED, 0}
static const struct route routes[] = {
	{S2C_HTTP1_HEAD, "/_ping", NULL, S2C_GATE_PING, S2C_GATE_NO_BODY, {{0}}},
	{S2C_HTTP1_GET, "/_ping", NULL, S2C_GATE_PING, S2C_GATE_NO_BODY, {{0}}},
	{S2C_HTTP1_GET, "/version", NULL, S2C_GATE_VERSION_GET, S2C_GATE_NO_BODY, {{0}}},
	{S2C_HTTP1_POST, "/images/create", NULL, S2C_GATE_IMAGE_PULL, S2C_GATE_NO_BODY,
		{{"fromImage", TEXT, INTO(name)}, {"tag", TEXT, INTO(tag)},
		 {"platform", TEXT, INTO(platform)}}},
	{S2C_HTTP1_GET, "/images/", "/json", S2C_GATE_IMAGE_INSPECT, S2C_GATE_NO_BODY,
		{{"size", IGNORED, 0}}},
	{S2C_HTTP1_GET, "/images/", "/get", S2C_GATE_IMAGE_EXPORT, S2C_GATE_NO_BODY, {{0}}},
	{S2C_HTTP1_POST, "/images/", "/tag", S2C_GATE_IMAGE_TAG, S2C_GATE_NO_BODY,
		{{"repo", TEXT, INTO(repo)}, {"tag", TEXT, INTO(tag)}, {"force", IGNORED, 0}}},
	{S2C_HTTP1_POST, "/images/", "/push", S2C_GATE_IMAGE_PUSH, S2C_GATE_NO_BODY,
		{{"tag", TEXT, INTO(tag)}}},
	{S2C_HTTP1_DELETE, "/images/", "", S2C_GATE_IMAGE_DELETE, S2C_GATE_NO_BODY,
		{{"force", IGNORED, 0}, {"noprune", IGNORED, 0}}},
	{S2C_HTTP1_POST, "/containers/create", NULL, S2C_GATE_CREATE, S2C_GATE_BODY_CREATE,
		{{"name", TEXT, INTO(name)}, {"platform", ZERO, 0}}},
	{S2C_HTTP1_GET, "/containers/", "/json", S2C_GATE_INSPECT, S2C_GATE_NO_BODY,
		{{"size", ZERO, 0}}},
	{S2C_HTTP1_POST, "/containers/", "/attach", S2C_GATE_ATTACH, S2C_GATE_NO_BODY,
		{{"stream", FLAG, INTO(stream)}, {"stdin", FLAG, INTO(in)},
		 {"stdout", FLAG, INTO(out)}, {"stderr", FLAG, INTO(error)},
		 {"logs", ZERO, 0}, {"detachKeys", IGNORED, 0}}},
	{S2C_HTTP1_POST, "/containers/", "/start", S2C_GATE_START, S2C_GATE_NO_BODY, {{0}}},
	{S2C_HTTP1_POST, "/containers/", "/wait", S2C_GATE_WAIT, S2C_GATE_NO_BODY,
		{{"condition", TEXT, INTO(condition)}}},
	{S2C_HTTP1_GET, "/containers/", "/logs", S2C_GATE_LOGS, S2C_GATE_NO_BODY,
		{{"stdout", FLAG, INTO(out)}, {"stderr", FLAG, INTO(error)},
		 {"follow", FLAG, INTO(follow)}, {"tail", TAIL, 0}, {"since", ZERO, 0},
		 {"until", ZERO, 0}, {"timestamps", ZERO, 0}, {"details", ZERO, 0}}},
	{S2C_HTTP1_POST, "/containers/", "/kill", S2C_GATE_KILL, S2C_GATE_NO_BODY,
		{{"signal", TEXT, INTO(signal)}}},
	{S2C_HTTP1_DELETE, "/containers/", "", S2C_GATE_REMOVE, S2C_GATE_NO_BODY,
		{{"v", IGNORED, 0}, {"force", FLAG, INTO(force)}, {"link", ZERO, 0}}},
	{S2C_HTTP1_HEAD, "/containers/", "/archive", S2C_GATE_ARCHIVE_STAT,
		S2C_GATE_NO_BODY, {ARCHIVE}},
	{S2C_HTTP1_GET, "/containers/", "/archive", S2C_GATE_ARCHIVE_GET, S2C_GATE_NO_BODY,
		{ARCHIVE}},
	{S2C_HTTP1_PUT, "/containers/", "/archive", S2C_GATE_ARCHIVE_PUT, S2C_GATE_BODY_TAR,
		{ARCHIVE}},
	{S2C_HTTP1_POST, "/commit", NULL, S2C_GATE_COMMIT, S2C_GATE_BODY_COMMIT,
		{{"container", TEXT, INTO(object)}, {"repo", TEXT, INTO(repo)},
		 {"tag", TEXT, INTO(tag)}, {"author", IGNORED, 0}, {"comment", IGNORED, 0},
		 {"pause", IGNORED, 0}}},
};
/* clang-format on */

/*
 * Steps over "/v1.NN", in the one spelling that there is for a version. -1 if the path
 * begins with something that some engine would take for a version.
 */
static int skip_version(const char **path)
{
	const char *p = *path;

	if (p[1] != 'v' || !isdigit((unsigned char)p[2]))
		return 0;
	if (strncmp(p, "/v1.", 4) != 0 || p[4] < '1' || p[4] > '9' ||
		!isdigit((unsigned char)p[5]) || p[6] != '/')
		return -1;
	if ((p[4] - '0') * 10 + (p[5] - '0') < S2C_GATE_VERSION_MIN)
		return -1;
	*path = p + 6;
	return 0;
}

/* Whether the path is the route's; then its variable is in *out (heap) or NULL. */
static bool is_path(const struct route *route, const char *path, char **out)
{
	size_t head = strlen(route->prefix), all = strlen(path), tail;

	if (!route->suffix)
		return streq(path, route->prefix);
	tail = strlen(route->suffix);
	if (!starts_with(path, route->prefix) || all <= head + tail ||
		!streq(path + all - tail, route->suffix))
		return false;
	*out = xstrndup(path + head, all - head - tail);
	/* The name of an image has slashes, that of a container has none. */
	if (starts_with(route->prefix, "/containers/") && strchr(*out, '/')) {
		free(*out);
		*out = NULL;
		return false;
	}
	return true;
}

static bool is_zero(const char *value)
{
	return !*value || streq(value, "0") || streq(value, "false");
}

static bool get_flag(const char *value, uint64_t *out)
{
	static const char *const yes[] = {"1", "true", "True"};

	*out = 0;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (streq(value, yes[i]))
			*out = 1;
	return *out || is_zero(value) || streq(value, "False");
}

static bool accept_parameter(
	const struct parameter *parameter, const char *value, struct s2c_gate_ask *ask)
{
	void *target = (char *)ask + parameter->offset;

	switch (parameter->kind) {
	case TEXT:
		if (strlen(value) > S2C_GATE_TEXT_MAX)
			return false;
		free(*(char **)target);
		*(char **)target = xstrdup(value);
		return true;
	case FLAG:
		return get_flag(value, target);
	case IGNORED:
		return true;
	case ZERO:
		return is_zero(value);
	case TAIL:
		return !*value || streq(value, "all");
	}
	return false;
}

static int take_query(const struct route *route, const struct s2c_http1_query *query,
	struct s2c_gate_ask *ask, enum s2c_gate_code *code, struct s2c_error **err)
{
	for (size_t i = 0; i < query->len; i++) {
		const struct s2c_http1_parameter *given = &query->items[i];
		const struct parameter *known = NULL;

		for (size_t k = 0; k < PARAMETERS_MAX && route->parameters[k].key; k++)
			if (streq(route->parameters[k].key, given->key))
				known = &route->parameters[k];
		if (!known || !accept_parameter(known, given->value, ask))
			return s2c_gate_ask_refuse(
				ask, code, S2C_GATE_QUERY_UNKNOWN, given->key, err);
	}
	return 0;
}

static int check_body(const struct route *route, const struct s2c_http1_request *request,
	struct s2c_gate_ask *ask, enum s2c_gate_code *code, struct s2c_error **err)
{
	const char *type = s2c_http1_header(&request->headers, "content-type");
	bool json = route->body == S2C_GATE_BODY_CREATE ||
		    route->body == S2C_GATE_BODY_COMMIT;

	if (request->upgrade && route->op != S2C_GATE_ATTACH)
		return s2c_gate_ask_refuse(ask, code, S2C_GATE_FRAMING, "upgrade", err);
	if (request->expect_continue && route->body != S2C_GATE_BODY_TAR)
		return s2c_gate_ask_refuse(ask, code, S2C_GATE_FRAMING, "expect", err);
	if (route->body == S2C_GATE_NO_BODY)
		return request->chunked || request->content_length
			       ? s2c_gate_ask_refuse(ask, code, S2C_GATE_BODY_NOT_ALLOWED,
					 route->prefix, err)
			       : 0;
	/* A commit without changes of the config comes without a body. */
	if (json && !request->chunked && !request->content_length &&
		route->body == S2C_GATE_BODY_COMMIT)
		return 0;
	if (json && !(type && streq(type, "application/json")))
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_CONTENT_TYPE, type ? type : "none", err);
	return 0;
}

int s2c_gate_route(const struct s2c_http1_request *request, struct s2c_gate_ask *ask,
	enum s2c_gate_body *out_body, enum s2c_gate_code *code, struct s2c_error **err)
{
	const char *path = request->path;
	const char *auth = s2c_http1_header(&request->headers, "x-registry-auth");

	ask->method = xstrdup(s2c_http1_method_name(request->method));
	ask->path = xstrdup(path);
	if (skip_version(&path) < 0)
		return s2c_gate_ask_refuse(ask, code, S2C_GATE_VERSION, path, err);
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct route *route = &routes[i];

		if (route->method != request->method ||
			!is_path(route, path, &ask->object))
			continue;
		ask->op = route->op;
		*out_body = route->body;
		if (auth && strlen(auth) <= S2C_GATE_TEXT_MAX)
			ask->registry_auth = xstrdup(auth);
		else if (auth)
			return s2c_gate_ask_refuse(
				ask, code, S2C_GATE_AUTH_DENIED, "x-registry-auth", err);
		if (check_body(route, request, ask, code, err) < 0)
			return -1;
		return take_query(route, &request->query, ask, code, err);
	}
	return s2c_gate_ask_refuse(ask, code, S2C_GATE_ROUTE_DENIED, path, err);
}

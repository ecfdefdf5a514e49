/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests there are, and all the spellings that are none. */
#include "helper.h"

#include "gate/route.h"
#include "gate_helper.h"

#define HOST "Host: x\r\n"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct result {
	struct s2c_gate_ask ask;
	enum s2c_gate_body body;
	enum s2c_gate_code code;
	int rc;
};

/* "METHOD target" and header lines; what the parser refuses is the code FRAMING. */
static void route(const char *line, const char *headers, struct result *out)
{
	CLEAN_FREE char *head = xasprintf("%s HTTP/1.1\r\n" HOST "%s\r\n", line, headers);
	CLEAN_HTTP1_REQUEST struct s2c_http1_request request = {0};

	*out = (struct result){.rc = -1, .code = S2C_GATE_FRAMING};
	if (s2c_http1_request_parse(head, strlen(head), &request, NULL, NULL) < 0)
		return;
	out->code = S2C_GATE_OK;
	out->rc = s2c_gate_route(&request, &out->ask, &out->body, &out->code, &terr);
	if (out->rc < 0) {
		assert_non_null(terr);
		assert_non_null(out->ask.detail);
		s2c_error_free(TAKE(terr));
	}
}

static const struct {
	const char *line, *headers;
	enum s2c_gate_op op;
	enum s2c_gate_body body;
	const char *object, *text; /* text: of the parameter that is looked at */
} good[] = {
	{"HEAD /_ping", "", S2C_GATE_PING, S2C_GATE_NO_BODY, NULL, NULL},
	{"GET /_ping", "", S2C_GATE_PING, S2C_GATE_NO_BODY, NULL, NULL},
	{"GET /v1.51/_ping", "", S2C_GATE_PING, S2C_GATE_NO_BODY, NULL, NULL},
	{"GET /version", "", S2C_GATE_VERSION_GET, S2C_GATE_NO_BODY, NULL, NULL},
	{"GET /v1.24/version", "", S2C_GATE_VERSION_GET, S2C_GATE_NO_BODY, NULL, NULL},
	{"GET /v1.99/version", "", S2C_GATE_VERSION_GET, S2C_GATE_NO_BODY, NULL, NULL},
	{"POST /v1.41/images/create?fromImage=docker.io%2Fbuilder%2Fbb&tag=latest",
		"X-Registry-Auth: e30K\r\n", S2C_GATE_IMAGE_PULL, S2C_GATE_NO_BODY, NULL,
		"docker.io/builder/bb"},
	{"GET /v1.41/images/docker.io/builder/bb:latest/json", "", S2C_GATE_IMAGE_INSPECT,
		S2C_GATE_NO_BODY, "docker.io/builder/bb:latest", NULL},
	{"GET /images/a@sha256:" ID "/json", "", S2C_GATE_IMAGE_INSPECT, S2C_GATE_NO_BODY,
		"a@sha256:" ID, NULL},
	{"GET /images/json/json", "", S2C_GATE_IMAGE_INSPECT, S2C_GATE_NO_BODY, "json",
		NULL},
	{"GET /images/x/get", "", S2C_GATE_IMAGE_EXPORT, S2C_GATE_NO_BODY, "x", NULL},
	{"POST /images/a/b/tag?repo=c%2Fd&tag=v1", "", S2C_GATE_IMAGE_TAG,
		S2C_GATE_NO_BODY, "a/b", NULL},
	{"POST /images/a/b/push?tag=v1", "X-Registry-Auth: e30=\r\n", S2C_GATE_IMAGE_PUSH,
		S2C_GATE_NO_BODY, "a/b", NULL},
	{"DELETE /images/a/b:c?force=1&noprune=1", "", S2C_GATE_IMAGE_DELETE,
		S2C_GATE_NO_BODY, "a/b:c", NULL},
	{"POST /v1.41/containers/create?name=s2i_x",
		"Content-Type: application/json\r\nContent-Length: 5\r\n",
		S2C_GATE_CREATE, S2C_GATE_BODY_CREATE, NULL, "s2i_x"},
	{"POST /containers/create",
		"Content-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n",
		S2C_GATE_CREATE, S2C_GATE_BODY_CREATE, NULL, NULL},
	{"GET /containers/" ID "/json", "", S2C_GATE_INSPECT, S2C_GATE_NO_BODY, ID, NULL},
	{"POST /containers/x/attach?stderr=1&stdin=1&stdout=1&stream=1",
		"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: text/plain\r\n"
		"Content-Length: 0\r\n",
		S2C_GATE_ATTACH, S2C_GATE_NO_BODY, "x", NULL},
	{"POST /containers/x/start", "Content-Length: 0\r\n", S2C_GATE_START,
		S2C_GATE_NO_BODY, "x", NULL},
	{"POST /containers/x/wait?condition=not-running", "", S2C_GATE_WAIT,
		S2C_GATE_NO_BODY, "x", NULL},
	{"GET /containers/x/logs?stdout=1&stderr=1&follow=1&tail=all", "", S2C_GATE_LOGS,
		S2C_GATE_NO_BODY, "x", NULL},
	{"POST /containers/x/kill?signal=SIGKILL", "", S2C_GATE_KILL, S2C_GATE_NO_BODY,
		"x", NULL},
	{"DELETE /containers/x?v=1&force=1", "", S2C_GATE_REMOVE, S2C_GATE_NO_BODY, "x",
		NULL},
	{"DELETE /containers/create", "", S2C_GATE_REMOVE, S2C_GATE_NO_BODY, "create",
		NULL},
	{"HEAD /containers/x/archive?path=%2Ftmp", "", S2C_GATE_ARCHIVE_STAT,
		S2C_GATE_NO_BODY, "x", NULL},
	{"GET /containers/x/archive?path=%2Ftmp%2F.s2i%2Fimage_metadata.json", "",
		S2C_GATE_ARCHIVE_GET, S2C_GATE_NO_BODY, "x", NULL},
	{"PUT /containers/x/archive?noOverwriteDirNonDir=true&path=/opt/app-root",
		"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
		S2C_GATE_ARCHIVE_PUT, S2C_GATE_BODY_TAR, "x", NULL},
	{"POST /v1.41/commit?author=&comment=&container=" ID
	 "&repo=docker.io%2Flibrary%2Fmyapp&tag=latest",
		"Content-Type: application/json\r\nContent-Length: 2\r\n",
		S2C_GATE_COMMIT, S2C_GATE_BODY_COMMIT, ID, NULL},
	{"POST /commit?container=x", "", S2C_GATE_COMMIT, S2C_GATE_BODY_COMMIT, "x",
		NULL},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct result r;

		route(good[i].line, good[i].headers, &r);
		if (r.rc < 0)
			fail_msg("%s: %s (%s)", good[i].line, s2c_gate_code_name(r.code),
				r.ask.detail ? r.ask.detail : "");
		assert_int_equal(r.ask.op, good[i].op);
		assert_int_equal(r.body, good[i].body);
		if (good[i].object)
			assert_string_equal(r.ask.object, good[i].object);
		else
			assert_null(r.ask.object);
		if (good[i].text)
			assert_string_equal(r.ask.name, good[i].text);
		s2c_gate_ask_release(&r.ask);
	}
}

static void test_parameters(void **state)
{
	struct result r;

	route("POST /containers/x/attach?stream=true&stdin=True&stdout=1&stderr=0"
	      "&logs=0&detachKeys=ctrl-p",
		"Connection: upgrade\r\nUpgrade: tcp\r\n", &r);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.ask.stream, 1);
	assert_int_equal(r.ask.in, 1);
	assert_int_equal(r.ask.out, 1);
	assert_int_equal(r.ask.error, 0);
	s2c_gate_ask_release(&r.ask);
	route("POST /commit?container=x&repo=a%2Fb&tag=c&pause=0", "", &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.ask.object, "x");
	assert_string_equal(r.ask.repo, "a/b");
	assert_string_equal(r.ask.tag, "c");
	assert_string_equal(r.ask.method, "POST");
	assert_string_equal(r.ask.path, "/commit");
	s2c_gate_ask_release(&r.ask);
	route("POST /images/create?fromImage=a&tag=b&platform=linux%2Farm64",
		"X-Registry-Auth: e30=\r\n", &r);
	assert_string_equal(r.ask.platform, "linux/arm64");
	assert_string_equal(r.ask.registry_auth, "e30=");
	s2c_gate_ask_release(&r.ask);
}

#define JSON "Content-Type: application/json\r\nContent-Length: 5\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: tcp\r\n"

static const struct {
	const char *line, *headers;
	enum s2c_gate_code code;
} bad[] = {
	/* Paths that an engine takes for something, or other engines. */
	{"GET /", "", S2C_GATE_ROUTE_DENIED},
	{"GET /info", "", S2C_GATE_ROUTE_DENIED},
	{"GET /events", "", S2C_GATE_ROUTE_DENIED},
	{"GET /system/df", "", S2C_GATE_ROUTE_DENIED},
	{"POST /auth", "", S2C_GATE_ROUTE_DENIED},
	{"POST /build", "", S2C_GATE_ROUTE_DENIED},
	{"POST /session", UPGRADE, S2C_GATE_ROUTE_DENIED},
	{"POST /grpc", UPGRADE, S2C_GATE_ROUTE_DENIED},
	{"GET /images/json", "", S2C_GATE_ROUTE_DENIED},
	{"GET /images/get?names=x", "", S2C_GATE_ROUTE_DENIED},
	{"GET /images/search", "", S2C_GATE_ROUTE_DENIED},
	{"GET /images/x/history", "", S2C_GATE_ROUTE_DENIED},
	{"POST /images/load", "", S2C_GATE_ROUTE_DENIED},
	{"POST /images/prune", "", S2C_GATE_ROUTE_DENIED},
	{"POST /images/x", "", S2C_GATE_ROUTE_DENIED},
	{"GET /images/x", "", S2C_GATE_ROUTE_DENIED},
	{"DELETE /images/", "", S2C_GATE_ROUTE_DENIED},
	{"GET /containers/json", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/prune", "", S2C_GATE_ROUTE_DENIED},
	{"DELETE /containers/", "", S2C_GATE_ROUTE_DENIED},
	{"DELETE /containers", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/exec", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/update", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/rename?name=y", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/restart", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/stop", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/resize", "", S2C_GATE_ROUTE_DENIED},
	{"GET /containers/x/top", "", S2C_GATE_ROUTE_DENIED},
	{"GET /containers/x/stats", "", S2C_GATE_ROUTE_DENIED},
	{"GET /containers/x/changes", "", S2C_GATE_ROUTE_DENIED},
	{"GET /containers/x/export", "", S2C_GATE_ROUTE_DENIED},
	{"GET /containers/x/attach/ws", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/x/copy", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /exec/x/start", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /volumes/create", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /networks/create", JSON, S2C_GATE_ROUTE_DENIED},
	{"GET /plugins", "", S2C_GATE_ROUTE_DENIED},
	{"POST /swarm/init", JSON, S2C_GATE_ROUTE_DENIED},
	{"GET /distribution/x/json", "", S2C_GATE_ROUTE_DENIED},
	{"POST /libpod/containers/create", JSON, S2C_GATE_ROUTE_DENIED},
	/* The right words in other places or letters. */
	{"GET /containers/a/b/json", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/a/b/start", "", S2C_GATE_ROUTE_DENIED},
	{"DELETE /containers/a/b", "", S2C_GATE_ROUTE_DENIED},
	{"POST /containers/create/", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /Containers/create", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /containers/Create", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /x/containers/create", JSON, S2C_GATE_ROUTE_DENIED},
	{"POST /commit/", "", S2C_GATE_ROUTE_DENIED},
	{"GET /_ping/", "", S2C_GATE_ROUTE_DENIED},
	{"POST /_ping", "", S2C_GATE_ROUTE_DENIED},
	{"PUT /containers/create", JSON, S2C_GATE_ROUTE_DENIED},
	{"GET /containers/x/start", "", S2C_GATE_ROUTE_DENIED},
	{"DELETE /containers/x/json", "", S2C_GATE_ROUTE_DENIED},
	{"GET /V1.41/_ping", "", S2C_GATE_ROUTE_DENIED},
	/* Versions. */
	{"GET /v1.41", "", S2C_GATE_VERSION},
	{"GET /v1.23/version", "", S2C_GATE_VERSION},
	{"GET /v1.9/version", "", S2C_GATE_VERSION},
	{"GET /v1.041/version", "", S2C_GATE_VERSION},
	{"GET /v01.41/version", "", S2C_GATE_VERSION},
	{"GET /v1.41./version", "", S2C_GATE_VERSION},
	{"GET /v1.100/version", "", S2C_GATE_VERSION},
	{"GET /v1.4a/version", "", S2C_GATE_VERSION},
	{"GET /v1A/version", "", S2C_GATE_VERSION},
	{"GET /v1/version", "", S2C_GATE_VERSION},
	{"GET /v2.0/version", "", S2C_GATE_VERSION},
	{"GET /v4.0.0/libpod/info", "", S2C_GATE_VERSION},
	{"GET /v1.41/v1.41/version", "", S2C_GATE_ROUTE_DENIED},
	/* No request at all, before there is a path to look for. */
	{"GET /v1.41//version", "", S2C_GATE_FRAMING},
	{"GET /v1.41/../version", "", S2C_GATE_FRAMING},
	{"POST /containers/%63reate", JSON, S2C_GATE_FRAMING},
	{"POST /containers%2fcreate", JSON, S2C_GATE_FRAMING},
	{"GET http://x/_ping", "", S2C_GATE_FRAMING},
	/* Parameters. */
	{"GET /_ping?x=1", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /images/create?fromSrc=-", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /images/create?fromImage=a&changes=USER+0", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /images/create?fromimage=a", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /images/a/push?destination=dir%3A%2Fx", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /images/a/push?tlsVerify=0", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /commit?container=x&changes=USER+root", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /containers/create?platform=linux", JSON, S2C_GATE_QUERY_UNKNOWN},
	{"POST /containers/x/start?checkpoint=c", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /containers/x/start?detachKeys=a", "", S2C_GATE_QUERY_UNKNOWN},
	{"DELETE /containers/x?link=1", "", S2C_GATE_QUERY_UNKNOWN},
	{"POST /containers/x/attach?stream=2", UPGRADE, S2C_GATE_QUERY_UNKNOWN},
	{"POST /containers/x/attach?stream=TRUE", UPGRADE, S2C_GATE_QUERY_UNKNOWN},
	{"POST /containers/x/attach?logs=1", UPGRADE, S2C_GATE_QUERY_UNKNOWN},
	{"GET /containers/x/logs?tail=10", "", S2C_GATE_QUERY_UNKNOWN},
	{"GET /containers/x/logs?since=1", "", S2C_GATE_QUERY_UNKNOWN},
	{"GET /containers/x/json?size=1", "", S2C_GATE_QUERY_UNKNOWN},
	{"PUT /containers/x/archive?path=%2F&Path=%2F", "Content-Length: 1\r\n",
		S2C_GATE_QUERY_UNKNOWN},
	/* Bodies, types, upgrades. */
	{"POST /containers/x/start", JSON, S2C_GATE_BODY_NOT_ALLOWED},
	{"POST /containers/x/wait", "Transfer-Encoding: chunked\r\n",
		S2C_GATE_BODY_NOT_ALLOWED},
	{"POST /images/create?fromImage=a", JSON, S2C_GATE_BODY_NOT_ALLOWED},
	{"DELETE /containers/x", "Content-Length: 1\r\n", S2C_GATE_BODY_NOT_ALLOWED},
	{"POST /containers/create", "Content-Length: 5\r\n", S2C_GATE_CONTENT_TYPE},
	{"POST /containers/create", "Content-Type: text/plain\r\nContent-Length: 5\r\n",
		S2C_GATE_CONTENT_TYPE},
	{"POST /containers/create",
		"Content-Type: application/json;charset=utf-16\r\nContent-Length: 5\r\n",
		S2C_GATE_CONTENT_TYPE},
	{"POST /commit?container=x", "Content-Length: 5\r\n", S2C_GATE_CONTENT_TYPE},
	{"GET /_ping", UPGRADE, S2C_GATE_FRAMING},
	{"POST /containers/x/wait", UPGRADE, S2C_GATE_FRAMING},
	{"POST /containers/create", JSON "Expect: 100-continue\r\n", S2C_GATE_FRAMING},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct result r;

		route(bad[i].line, bad[i].headers, &r);
		if (r.rc == 0 || r.code != bad[i].code)
			fail_msg("%s: %s", bad[i].line, s2c_gate_code_name(r.code));
		s2c_gate_ask_release(&r.ask);
	}
}

/* What is said about a refusal reaches the core, whatever the client wrote. */
static void test_details_can_be_sent(void **state)
{
	CLEAN_FREE char *type = xmalloc(8193);
	CLEAN_FREE char *headers = NULL;
	struct result r;

	memset(type, 'x', 8192);
	type[8192] = '\0';
	headers = xasprintf("Content-Length: 5\r\nContent-Type: a\tb%s\r\n", type);
	route("POST /containers/create", headers, &r);
	assert_int_equal(r.code, S2C_GATE_CONTENT_TYPE);
	r.ask.op = S2C_GATE_REFUSED;
	r.ask.refused = r.code;
	CLEAN_BUF struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);
	CLEAN_GATE_ASK struct s2c_gate_ask again = {0};
	assert_ok(s2c_gate_ask_encode(&r.ask, &bytes, &terr));
	assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr));
	assert_true(strlen(again.detail) < 1024);
	s2c_gate_ask_release(&r.ask);
	CLEAN_FREE char *auth = xasprintf("X-Registry-Auth: %s\r\n", type);
	route("POST /images/create?fromImage=a", auth, &r);
	assert_int_equal(r.code, S2C_GATE_AUTH_DENIED);
	s2c_gate_ask_release(&r.ask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_details_can_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container engine of one thread: says what dockerd would to what the gate asks, and
 * fails where it is told to. Include after rules_helper.h.
 */
#ifndef S2C_TESTS_UNIT_FAKE_ENGINE_H
#define S2C_TESTS_UNIT_FAKE_ENGINE_H

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "codec/json.h"
#include "util/pool.h"

#define BUILDER_ID                                                                       \
	"sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define RESULT_ID                                                                        \
	"sha256:2222222222222222222222222222222222222222222222222222222222222222"

enum engine_fault {
	FAULT_NONE,
	FAULT_DIE,     /* closes without a word */
	FAULT_CUT,     /* closes in the middle of the answer */
	FAULT_GARBAGE, /* says what is no HTTP */
	FAULT_REFUSE,  /* 500 */
	FAULT_SILENT,  /* takes the request and says nothing until `release` */
};

struct fake_engine {
	struct s2c_job job;
	struct s2c_pool *pool;
	int listener, stop[2];
	char path[108];
	/* Set between requests: the first that has this in its first line fails. */
	const char *fault_at;
	enum engine_fault fault;
	atomic_uint requests, deletes, starts;
	unsigned containers;
	struct s2c_json *container, *config; /* of the last create and commit */
	bool running;                        /* what an inspect says of it */
	int exit_code;
};

/* A head, and the body by its framing. */
UNUSED static bool engine_read(int fd, struct s2c_buf *head, struct s2c_buf *body)
{
	char byte;
	const char *length;

	while (!strstr(s2c_buf_str(head), "\r\n\r\n"))
		if (read(fd, &byte, 1) <= 0 || s2c_buf_add(head, &byte, 1, NULL) < 0)
			return false;
	length = strstr(s2c_buf_str(head), "Content-Length: ");
	if (strstr(s2c_buf_str(head), "Transfer-Encoding: chunked")) {
		while (body->len < 5 ||
			memcmp(body->data + body->len - 5, "0\r\n\r\n", 5))
			if (read(fd, &byte, 1) <= 0 ||
				s2c_buf_add(body, &byte, 1, NULL) < 0)
				return false;
		return true;
	}
	size_t left = length ? strtoul(length + 16, NULL, 10) : 0;
	for (; left; left--)
		if (read(fd, &byte, 1) <= 0 || s2c_buf_add(body, &byte, 1, NULL) < 0)
			return false;
	return true;
}

UNUSED static void engine_say(int fd, int status, const char *json)
{
	CLEAN_FREE char *text =
		status == 204
			? xstrdup("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n")
			: xasprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
				    "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				  status, strlen(json), json);

	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

UNUSED static struct s2c_json *engine_parse(const struct s2c_buf *body)
{
	struct s2c_json *root = NULL;

	if (s2c_json_parse(body->data ? body->data : "{}", body->data ? body->len : 2,
		    (struct s2c_json_limits){.mixed_case = true}, &root, NULL) < 0)
		return s2c_json_new_object();
	return root;
}

/* Of the container that the path names: "GET /v1.41/containers/ID/json". */
UNUSED static void engine_inspect(struct fake_engine *engine, int fd, const char *line)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_json *state = s2c_json_object_at(root, "State");
	CLEAN_FREE char *text = NULL;

	const char *id = strstr(line, "/containers/");
	char own[65] = "";

	if (id)
		(void)snprintf(own, sizeof(own), "%.64s", id + strlen("/containers/"));
	s2c_json_set_str(root, "Id", own);
	s2c_json_set_str(root, "Image", BUILDER_ID);
	s2c_json_set(root, "Config", s2c_json_copy(engine->container));
	s2c_json_set(root, "HostConfig",
		s2c_json_copy(s2c_json_get(engine->container, "HostConfig")));
	s2c_json_set_str(state, "Status", engine->running ? "running" : "exited");
	s2c_json_set_int(state, "ExitCode", engine->exit_code);
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	engine_say(fd, 200, text);
}

UNUSED static void engine_create(
	struct fake_engine *engine, int fd, const struct s2c_buf *body)
{
	CLEAN_FREE char *text = xasprintf("{\"Id\":\"%064x\"}", ++engine->containers);

	s2c_json_free(engine->container);
	engine->container = engine_parse(body);
	engine->running = true;
	engine->exit_code = 0;
	engine_say(fd, 201, text);
}

UNUSED static void engine_image(struct fake_engine *engine, int fd, const char *line)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_FREE char *text = NULL;

	if (strstr(line, "/images/docker.io/library/") ||
		strstr(line, "/images/registry.example/none")) {
		engine_say(fd, 404, "{\"message\":\"no such image\"}");
		return;
	}
	if (strstr(line, RESULT_ID) && engine->config) {
		s2c_json_set_str(root, "Id", RESULT_ID);
		s2c_json_set(root, "Config", s2c_json_copy(engine->config));
	} else {
		s2c_json_set_str(root, "Id", BUILDER_ID);
		s2c_json_set_str(s2c_json_object_at(root, "Config"), "User", "1001");
	}
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	engine_say(fd, 200, text);
}

UNUSED static void engine_answer(
	struct fake_engine *engine, int fd, const char *line, const struct s2c_buf *body)
{
	if (strstr(line, "/containers/create")) {
		engine_create(engine, fd, body);
	} else if (strstr(line, "/commit")) {
		s2c_json_free(engine->config);
		engine->config = engine_parse(body);
		engine_say(fd, 201, "{\"Id\":\"" RESULT_ID "\"}");
	} else if (strstr(line, "/tag?")) {
		engine_say(fd, 201, "");
	} else if (starts_with(line, "GET") && strstr(line, "/images/")) {
		engine_image(engine, fd, line);
	} else if (starts_with(line, "DELETE")) {
		atomic_fetch_add(&engine->deletes, 1);
		engine_say(fd, strstr(line, "/images/") ? 200 : 204,
			strstr(line, "/images/") ? "[]" : "");
	} else if (strstr(line, "/wait")) {
		engine_say(fd, 200, "{\"StatusCode\":0}");
	} else if (strstr(line, "/start")) {
		atomic_fetch_add(&engine->starts, 1);
		engine_say(fd, 204, "");
	} else if (starts_with(line, "GET") && strstr(line, "/json")) {
		engine_inspect(engine, fd, line);
	} else {
		engine_say(fd, starts_with(line, "POST") ? 204 : 200, "");
	}
}

UNUSED static void engine_fail(struct fake_engine *engine, int fd)
{
	static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				  "Content-Length: 100\r\n\r\n{\"Id\":";
	struct pollfd gone[] = {{.fd = fd, .events = POLLRDHUP},
		{.fd = engine->stop[0], .events = POLLIN}};
	enum engine_fault fault = engine->fault;

	engine->fault_at = NULL;
	if (fault == FAULT_CUT)
		(void)!send(fd, cut, sizeof(cut) - 1, MSG_NOSIGNAL);
	else if (fault == FAULT_GARBAGE)
		(void)!send(fd, "\x15\x03\x03\r\n\r\n", 7, MSG_NOSIGNAL);
	else if (fault == FAULT_REFUSE)
		engine_say(fd, 500, "{\"message\":\"it is broken\"}");
	else if (fault == FAULT_SILENT)
		(void)!poll(gone, 2, -1);
}

UNUSED static int engine_serve(struct s2c_job *job, struct s2c_error **err)
{
	struct fake_engine *engine = (struct fake_engine *)job;

	(void)err;
	for (;;) {
		struct pollfd ready[] = {{.fd = engine->listener, .events = POLLIN},
			{.fd = engine->stop[0], .events = POLLIN}};
		CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(1u << 20);
		CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(1u << 20);

		if (poll(ready, 2, -1) < 0 || ready[1].revents)
			return 0;
		CLEAN_FD int fd = accept(engine->listener, NULL, NULL);
		if (fd < 0 || !engine_read(fd, &head, &body))
			continue;
		*strchr(head.data, '\r') = '\0';
		atomic_fetch_add(&engine->requests, 1);
		if (engine->fault_at && strstr(head.data, engine->fault_at))
			engine_fail(engine, fd);
		else
			engine_answer(engine, fd, head.data, &body);
	}
}

UNUSED static void engine_start(struct fake_engine *engine, const char *dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*engine = (struct fake_engine){.job.run = engine_serve};
	(void)snprintf(engine->path, sizeof(engine->path), "%s/engine", dir);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", engine->path);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, engine->stop), 0);
	engine->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(engine->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(engine->listener, 16), 0);
	engine->pool = s2c_pool_new_waiting(1);
	assert_true(s2c_pool_submit(engine->pool, &engine->job));
}

UNUSED static void engine_end(struct fake_engine *engine)
{
	(void)!write(engine->stop[1], "x", 1);
	s2c_job_drop(&engine->job);
	s2c_pool_free(engine->pool);
	close(engine->listener);
	close(engine->stop[0]);
	close(engine->stop[1]);
	s2c_json_free(engine->container);
	s2c_json_free(engine->config);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's connection to its client: who is slow, who goes, who does not read. */
#include "helper.h"

#include <signal.h>
#include <sys/socket.h>

#include "gate/client.h"

struct line {
	struct s2c_ctx *ctx;
	struct s2c_gate_client client;
	int fd, far;        /* of the client's connection */
	int core, far_core; /* of the channel to the core */
};

static int set_up(void **state)
{
	struct line *line = xcalloc(1, sizeof(*line));
	int client[2], core[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, core) < 0)
		return -1;
	*line = (struct line){.ctx = quiet_ctx(),
		.fd = client[0],
		.far = client[1],
		.core = core[0],
		.far_core = core[1]};
	s2c_gate_client_init(&line->client, line->ctx, line->fd, line->core);
	*state = line;
	return 0;
}

static int tear_down(void **state)
{
	struct line *line = *state;

	close(line->fd);
	close(line->core);
	if (line->far >= 0)
		close(line->far);
	if (line->far_core >= 0)
		close(line->far_core);
	s2c_ctx_free(line->ctx);
	free(line);
	return 0;
}

/* The time of a head runs from its first byte on, and not again with each one. */
static void test_slow_head(void **state)
{
	struct line *line = *state;
	struct s2c_gate_client *client = &line->client;
	char byte;

	s2c_gate_client_expect_head(client, false);
	assert_false(s2c_gate_client_has_begun(client));
	assert_int_equal(write(line->far, "GE", 2), 2);
	assert_int_equal(s2c_read(&client->in, &byte, 1, &terr), 1);
	assert_true(s2c_gate_client_has_begun(client));
	int64_t until = client->until;
	assert_int_equal(s2c_read(&client->in, &byte, 1, &terr), 1);
	assert_true(client->until == until);
	/* Its time is over. */
	client->until = 1;
	assert_fails(s2c_read(&client->in, &byte, 1, &terr), S2C_ETIMEOUT, "too slow");
	/* A new one has time again, at once if some of it was there already. */
	s2c_gate_client_expect_head(client, false);
	assert_false(s2c_gate_client_has_begun(client));
	s2c_gate_client_expect_head(client, true);
	assert_true(s2c_gate_client_has_begun(client));
	assert_true(client->until > 1);
	/* That of a body is another matter. */
	client->until = 1;
	s2c_gate_client_expect_body(client);
	assert_int_equal(write(line->far, "x", 1), 1);
	assert_int_equal(s2c_read(&client->in, &byte, 1, &terr), 1);
}

static void test_end(void **state)
{
	struct line *line = *state;
	char byte;

	s2c_gate_client_expect_head(&line->client, false);
	close(take_fd(&line->far));
	assert_int_equal(s2c_read(&line->client.in, &byte, 1, &terr), 0);
}

/* Without the core nobody waits for a client any more, in either direction. */
static void test_core_gone(void **state)
{
	struct line *line = *state;
	CLEAN_FREE char *much = xcalloc(1, 4u << 20);
	char byte;

	close(take_fd(&line->far_core));
	s2c_gate_client_expect_head(&line->client, false);
	assert_fails(s2c_read(&line->client.in, &byte, 1, &terr), S2C_ECANCELED, "core");
	s2c_gate_client_expect_body(&line->client);
	assert_fails(s2c_read(&line->client.in, &byte, 1, &terr), S2C_ECANCELED, "core");
	assert_fails(s2c_write(&line->client.out, much, 4u << 20, &terr), S2C_ECANCELED,
		"core");
}

static void test_client_gone(void **state)
{
	struct line *line = *state;

	close(take_fd(&line->far));
	assert_fails(s2c_write(&line->client.out, "x", 1, &terr), S2C_EIO, "connection");
}

static void test_cancel(void **state)
{
	struct line *line = *state;
	CLEAN_FREE char *much = xcalloc(1, 4u << 20);
	char byte;

	s2c_ctx_cancel(line->ctx);
	s2c_gate_client_expect_head(&line->client, false);
	assert_fails(s2c_read(&line->client.in, &byte, 1, &terr), S2C_ECANCELED, "");
	assert_fails(
		s2c_write(&line->client.out, much, 4u << 20, &terr), S2C_ECANCELED, "");
}

/* What a client goes on sending is taken for a moment, and the end is said to it. */
static void test_linger(void **state)
{
	struct line *line = *state;
	char byte;

	assert_int_equal(write(line->far, "more", 4), 4);
	shutdown(line->far, SHUT_WR);
	s2c_gate_client_linger(&line->client);
	assert_int_equal(read(line->far, &byte, 1), 0);
	assert_int_equal(read(line->fd, &byte, 1), 0);
}

#define line_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		line_test(test_slow_head),
		line_test(test_end),
		line_test(test_core_gone),
		line_test(test_client_gone),
		line_test(test_cancel),
		line_test(test_linger),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

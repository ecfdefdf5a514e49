/* SPDX-License-Identifier: Apache-2.0 */
/* Streams between a client and an engine, with either side ending first. */
#include "helper.h"

#include <sys/socket.h>

#include "gate/relay.h"
#include "util/pool.h"

/* A relay in a thread, with the far ends of both connections. */
struct line {
	struct s2c_job job;
	struct s2c_pool *pool;
	struct s2c_ctx *ctx;
	struct s2c_relay relay;
	int client, engine; /* the far ends */
};

static int run(struct s2c_job *job, struct s2c_error **err)
{
	struct line *line = (struct line *)job;

	return s2c_relay_run(line->ctx, &line->relay, err);
}

static void begin(struct line *line, bool in)
{
	int client[2], engine[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, engine), 0);
	*line = (struct line){.job.run = run,
		.pool = s2c_pool_new_waiting(1),
		.ctx = quiet_ctx(),
		.client = client[1],
		.engine = engine[1],
		.relay = {.client = client[0],
			.engine = engine[0],
			.in = in,
			.in_max = 1u << 20,
			.out_max = 1u << 20}};
}

static void start(struct line *line)
{
	assert_true(s2c_pool_submit(line->pool, &line->job));
}

static void end(struct line *line)
{
	s2c_pool_free(line->pool);
	s2c_ctx_free(line->ctx);
	close(line->relay.client);
	close(line->relay.engine);
	if (line->client >= 0)
		close(line->client);
	if (line->engine >= 0)
		close(line->engine);
}

static void expect(int fd, const char *text)
{
	char got[64] = {0};
	size_t done = 0, len = strlen(text);

	while (done < len) {
		ssize_t n = read(fd, got + done, len - done);

		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_string_equal(got, text);
}

static void expect_end(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), 0);
}

/* The client says all it has, and still gets the output. */
static void test_half_close(void **state)
{
	static const char early[] = "early ";
	struct line line;

	begin(&line, true);
	line.relay.early = early;
	line.relay.n_early = strlen(early);
	start(&line);
	expect(line.client, "early ");
	assert_int_equal(write(line.client, "source", 6), 6);
	shutdown(line.client, SHUT_WR);
	expect(line.engine, "source");
	expect_end(line.engine);
	assert_int_equal(write(line.engine, "output", 6), 6);
	expect(line.client, "output");
	close(take_fd(&line.engine));
	expect_end(line.client);
	assert_ok(s2c_job_wait(&line.job, &terr));
	assert_int_equal(line.relay.n_in, 6);
	assert_int_equal(line.relay.n_out, 12);
	end(&line);
}

/* The engine's end ends it, though the client could still say something. */
static void test_engine_ends(void **state)
{
	struct line line;

	begin(&line, true);
	start(&line);
	assert_int_equal(write(line.engine, "bye", 3), 3);
	shutdown(line.engine, SHUT_WR);
	expect(line.client, "bye");
	assert_ok(s2c_job_wait(&line.job, &terr));
	end(&line);
}

/* A client that goes is noticed although the process is silent and lives on. */
static void test_client_goes(void **state)
{
	struct line line;

	begin(&line, true);
	start(&line);
	assert_int_equal(write(line.client, "x", 1), 1);
	expect(line.engine, "x");
	close(take_fd(&line.client));
	assert_ok(s2c_job_wait(&line.job, &terr));
	end(&line);
	/* The same after it had said that it says no more. */
	begin(&line, true);
	start(&line);
	shutdown(line.client, SHUT_WR);
	expect_end(line.engine);
	close(take_fd(&line.client));
	assert_ok(s2c_job_wait(&line.job, &terr));
	end(&line);
	/* And for one that only listens. */
	begin(&line, false);
	start(&line);
	close(take_fd(&line.client));
	assert_ok(s2c_job_wait(&line.job, &terr));
	end(&line);
}

/* What a client that goes had said before is still passed on. */
static void test_last_words(void **state)
{
	struct line line;

	begin(&line, true);
	assert_int_equal(write(line.client, "last", 4), 4);
	close(take_fd(&line.client));
	start(&line);
	expect(line.engine, "last");
	expect_end(line.engine);
	assert_ok(s2c_job_wait(&line.job, &terr));
	end(&line);
}

static void test_limits(void **state)
{
	struct line line;

	begin(&line, true);
	line.relay.in_max = 3;
	start(&line);
	assert_int_equal(write(line.client, "four", 4), 4);
	assert_fails(s2c_job_wait(&line.job, &terr), S2C_ELIMIT, "more than 3 bytes");
	end(&line);
	begin(&line, true);
	line.relay.out_max = 3;
	start(&line);
	assert_int_equal(write(line.engine, "four", 4), 4);
	assert_fails(s2c_job_wait(&line.job, &terr), S2C_ELIMIT, "more than 3 bytes");
	end(&line);
	/* Nothing goes in where nothing was to go in. */
	begin(&line, false);
	start(&line);
	assert_int_equal(write(line.client, "x", 1), 1);
	assert_fails(s2c_job_wait(&line.job, &terr), S2C_ELIMIT, "more than 0 bytes");
	end(&line);
}

/* A side that does not take its bytes stops the other one and loses nothing. */
static void test_pressure(void **state)
{
	enum { PIECES = 64, PIECE = 8192 };
	static char piece[PIECE];
	struct line line;
	size_t total = 0;

	begin(&line, true);
	start(&line);
	memset(piece, 'o', sizeof(piece));
	for (int i = 0; i < PIECES; i++) {
		size_t done = 0;

		while (done < PIECE) {
			ssize_t n = send(
				line.engine, piece + done, PIECE - done, MSG_DONTWAIT);

			if (n > 0)
				done += (size_t)n;
			else if ((n = read(line.client, piece, 1)) > 0) {
				piece[0] = 'o';
				total += (size_t)n;
			}
		}
	}
	close(take_fd(&line.engine));
	for (ssize_t n; (n = read(line.client, piece, sizeof(piece))) > 0;)
		total += (size_t)n;
	assert_int_equal(total, PIECES * PIECE);
	assert_ok(s2c_job_wait(&line.job, &terr));
	end(&line);
}

static void test_cancel(void **state)
{
	struct line line;

	begin(&line, true);
	start(&line);
	s2c_ctx_cancel(line.ctx);
	assert_fails(s2c_job_wait(&line.job, &terr), S2C_ECANCELED, "");
	end(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_engine_ends),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

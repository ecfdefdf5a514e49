/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: events, cancel, deadlines, the one poll. */
#include "helper.h"

#include <errno.h>
#include <signal.h>

#include "util/strv.h"

/* Records events as one line of text each. */
static void record(void *self, const struct s2c_event *ev)
{
	static const char *kinds[] = {"begin", "end", "progress", "output", "log"};

	s2c_strv_addf(self, "%s %d %s %s %s %llu/%llu", kinds[ev->kind], (int)ev->level,
		ev->phase ? ev->phase : "-", ev->subject ? ev->subject : "-",
		ev->text ? ev->text : "-", (unsigned long long)ev->current,
		(unsigned long long)ev->total);
}

static void test_events(void **state)
{
	CLEAN_STRV struct s2c_strv seen = S2C_STRV_INIT;
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_new(
		(struct s2c_sink){.emit = record, .self = &seen});
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, 5);

	s2c_emit_log(ctx, S2C_WARN, "name '%s'", "a\x1b\tb");
	s2c_emit_progress(child, "pull", "r\xff", 3, 9);
	s2c_emit_output(ctx, "two\tlines\nhere", 14);
	{
		CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "layer", "x");

		phase.note = "reused";
	}
	{
		CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "push", NULL);

		s2c_phase_end(&phase);
		/* The scope does not end it again. */
	}
	assert_int_equal(seen.len, 7);
	assert_string_equal(seen.items[0], "log 1 - - name 'a\\x1b\tb' 0/0");
	assert_string_equal(seen.items[1], "progress 2 pull r\\xff - 3/9");
	assert_string_equal(seen.items[2], "output 2 - - two\tlines\\x0ahere 0/0");
	assert_string_equal(seen.items[3], "begin 2 layer x - 0/0");
	assert_string_equal(seen.items[4], "end 2 layer x reused 0/0");
	assert_string_equal(seen.items[5], "begin 2 push - - 0/0");
	assert_string_equal(seen.items[6], "end 2 push - - 0/0");
}

static void test_no_sink(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "x", NULL);

	assert_ptr_equal(phase.ctx, ctx);
	s2c_emit_log(ctx, S2C_ERROR, "nobody hears");
	s2c_emit_progress(ctx, "x", NULL, 1, 2);
	s2c_emit_output(ctx, "x", 1);
	assert_ok(s2c_ctx_check(ctx, &terr));
	s2c_ctx_free(NULL);
}

static void test_cancel_reaches_children_but_not_detached(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, 100);
	CLEAN_CTX struct s2c_ctx *grandchild = s2c_ctx_child(child, 0);
	CLEAN_CTX struct s2c_ctx *cleanup = s2c_ctx_detached(grandchild, 100);
	struct pollfd p = {.fd = s2c_ctx_cancel_fd(grandchild), .events = POLLIN};

	assert_ok(s2c_ctx_check(grandchild, &terr));
	assert_int_equal(poll(&p, 1, 0), 0);
	s2c_ctx_cancel(ctx);
	s2c_ctx_cancel(ctx);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_fails(s2c_ctx_check(grandchild, &terr), S2C_ECANCELED, "cancelled");
	assert_fails(s2c_ctx_check(ctx, &terr), S2C_ECANCELED, "cancelled");
	assert_ok(s2c_ctx_check(cleanup, &terr));
	assert_true(s2c_ctx_remaining_ms(cleanup) > 0);
}

/* However deep: beyond what epoll can nest a poll looks at the flags now and then. */
static void test_branches(void **state)
{
	struct s2c_ctx *chain[9] = {quiet_ctx()};
	CLEAN_CTX struct s2c_ctx *side = s2c_ctx_branch(chain[0], 0);
	size_t last = ARRAY_SIZE(chain) - 1;

	for (size_t i = 1; i <= last; i++)
		chain[i] = s2c_ctx_branch(chain[i - 1], 3600);
	assert_ok(s2c_ctx_check(chain[last], &terr));
	assert_in_range(s2c_ctx_remaining_ms(chain[last]), 1, 3600000);
	s2c_ctx_cancel(chain[3]);
	for (size_t i = 0; i <= last; i++) {
		if (i < 3) {
			assert_ok(s2c_ctx_check(chain[i], &terr));
			assert_ok(s2c_ctx_poll(chain[i], NULL, 0, 0, NULL, &terr));
			continue;
		}
		assert_fails(s2c_ctx_check(chain[i], &terr), S2C_ECANCELED, "cancelled");
		assert_fails(s2c_ctx_poll(chain[i], NULL, 0, -1, NULL, &terr),
			S2C_ECANCELED, "cancelled");
	}
	assert_ok(s2c_ctx_check(side, &terr));
	s2c_ctx_cancel(chain[0]);
	assert_fails(
		s2c_ctx_poll(side, NULL, 0, -1, NULL, &terr), S2C_ECANCELED, "cancelled");
	for (size_t i = last + 1; i--;)
		s2c_ctx_free(chain[i]);
}

static void test_deadlines(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *hour = s2c_ctx_child(ctx, 3600);
	CLEAN_CTX struct s2c_ctx *minute = s2c_ctx_child(hour, 60);
	CLEAN_CTX struct s2c_ctx *wide = s2c_ctx_child(minute, 7200);
	CLEAN_CTX struct s2c_ctx *same = s2c_ctx_child(minute, 0);
	CLEAN_CTX struct s2c_ctx *ever = s2c_ctx_child(ctx, 4294967295u);

	assert_int_equal(s2c_ctx_remaining_ms(ctx), -1);
	assert_in_range(s2c_ctx_remaining_ms(hour), 3000000, 3600000);
	assert_in_range(s2c_ctx_remaining_ms(minute), 1, 60000);
	assert_in_range(s2c_ctx_remaining_ms(wide), 1, 60000);
	assert_in_range(s2c_ctx_remaining_ms(same), 1, 60000);
	assert_int_equal(s2c_ctx_remaining_ms(ever), INT32_MAX);
}

static void test_deadline_passes(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *second = s2c_ctx_child(ctx, 1);

	assert_fails(s2c_ctx_poll(second, NULL, 0, -1, NULL, &terr), S2C_ETIMEOUT,
		"not done after 1 s");
	assert_fails(s2c_ctx_check(second, &terr), S2C_ETIMEOUT, "1 s");
	assert_int_equal(s2c_ctx_remaining_ms(second), 0);
	assert_ok(s2c_ctx_check(ctx, &terr));
}

static void test_poll(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct pollfd fds[40];
	int ends[2], ready = 7;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 99};
	fds[39].fd = ends[0];
	assert_ok(s2c_ctx_poll(ctx, fds, 40, 0, &ready, &terr));
	assert_int_equal(ready, 0);
	assert_int_equal(fds[39].revents, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	/* More descriptors than fit without allocating, then fewer. */
	assert_ok(s2c_ctx_poll(ctx, fds, 40, -1, &ready, &terr));
	assert_int_equal(ready, 1);
	assert_int_equal(fds[39].revents, POLLIN);
	assert_int_equal(fds[0].revents, 0);
	assert_ok(s2c_ctx_poll(ctx, fds + 39, 1, 1000, &ready, &terr));
	assert_int_equal(ready, 1);
	/* Cancel wins over what is ready. */
	s2c_ctx_cancel(ctx);
	assert_fails(s2c_ctx_poll(ctx, fds + 39, 1, -1, &ready, &terr), S2C_ECANCELED,
		"cancelled");
	close(ends[0]);
	close(ends[1]);
}

static struct s2c_ctx *in_handler;

static void cancel_handler(int sig)
{
	errno = 0;
	s2c_ctx_cancel(in_handler);
}

static void test_cancel_from_a_signal_handler(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct sigaction sa = {.sa_handler = cancel_handler};
	struct sigaction before;

	in_handler = ctx;
	assert_int_equal(sigaction(SIGALRM, &sa, &before), 0);
	alarm(1);
	assert_fails(
		s2c_ctx_poll(ctx, NULL, 0, -1, NULL, &terr), S2C_ECANCELED, "cancelled");
	sigaction(SIGALRM, &before, NULL);
}

static void ignore_handler(int sig)
{
}

static void test_signals_do_not_end_a_wait(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct sigaction sa = {.sa_handler = ignore_handler};
	struct sigaction before;
	int ready = 7;

	assert_int_equal(sigaction(SIGALRM, &sa, &before), 0);
	alarm(1);
	assert_ok(s2c_ctx_poll(ctx, NULL, 0, 1300, &ready, &terr));
	assert_int_equal(ready, 0);
	assert_int_equal(alarm(0), 0); /* it rang before the wait was over */
	sigaction(SIGALRM, &before, NULL);
}

static void test_trace(void **state)
{
	static const struct {
		const char *list, *name;
		bool on;
	} cases[] = {
		{"", "http", false},
		{"http", "http", true},
		{"registry,http", "http", true},
		{"registry,http", "registry", true},
		{"https", "http", false},
		{"htt", "http", false},
		{"all", "http", true},
		{"x,all", "http", true},
		{",,http,", "http", true},
	};

	unsetenv("S2C_TRACE");
	assert_false(s2c_trace("http"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setenv("S2C_TRACE", cases[i].list, 1);
		assert_int_equal(s2c_trace(cases[i].name), cases[i].on);
	}
	unsetenv("S2C_TRACE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_no_sink),
		cmocka_unit_test(test_cancel_reaches_children_but_not_detached),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_deadline_passes),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_cancel_from_a_signal_handler),
		cmocka_unit_test(test_signals_do_not_end_a_wait),
		cmocka_unit_test(test_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation context: event sink, cancel token, deadline. The token is an eventfd (so
 * that every poll sees it) with a flag beside it (so that inner loops need no system
 * call). Children share the token of their parent; only the context that made it frees
 * it. A branch has a token of its own above which is its parent's: what it waits for is
 * an epoll descriptor that becomes readable with either of the two.
 */
#include "util/ctx.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "util/clock.h"
#include "util/escape.h"
#include "util/pool.h"

/* Longest text of an event; the rest is cut. */
#define EVENT_TEXT_MAX (16u * 1024)
/* Descriptors that s2c_ctx_poll() takes without allocating. */
#define POLL_INLINE 16
/* How often the flag is looked at when there was no descriptor left to wait for. */
#define BLIND_MS 250

struct token {
	int fd;   /* an eventfd; -1 when there was no descriptor left */
	int wait; /* what to poll: fd, or in a branch fd and the parent's; may be -1 */
	atomic_bool cancelled;
	const struct token *above; /* cancels too; NULL: none */
};

struct s2c_ctx {
	struct s2c_sink sink;
	struct s2c_monitor *emitting; /* one event at a time; the first context's */
	struct token *token;
	bool owns_token, owns_emitting;
	uint64_t deadline_ms; /* CLOCK_MONOTONIC; 0: none */
	unsigned limit_s;     /* what the deadline was made of, for the message */
	/* The same without the stage that it is in. */
	uint64_t whole_deadline_ms;
	unsigned whole_limit_s;
};

static uint64_t now_ms(void)
{
	return (uint64_t)s2c_now_ms();
}

/* A descriptor that is readable when one of two is; -1 if it cannot be had. */
static int either(int a, int b)
{
	CLEAN_FD int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};

	if (a < 0 || b < 0 || set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, a, &event) < 0 ||
		epoll_ctl(set, EPOLL_CTL_ADD, b, &event) < 0)
		return -1;
	return take_fd(&set);
}

static struct token *token_new(const struct token *above)
{
	struct token *token = xcalloc(1, sizeof(*token));

	token->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	token->above = above;
	token->wait = above ? either(token->fd, above->wait) : token->fd;
	atomic_init(&token->cancelled, false);
	return token;
}

static void token_free(struct token *token)
{
	if (token->above)
		s2c_clean_fd(&token->wait);
	s2c_clean_fd(&token->fd);
	free(token);
}

struct s2c_ctx *s2c_ctx_new(struct s2c_sink sink)
{
	struct s2c_ctx *ctx = xcalloc(1, sizeof(*ctx));

	ctx->sink = sink;
	ctx->emitting = s2c_monitor_new();
	ctx->owns_emitting = true;
	ctx->token = token_new(NULL);
	ctx->owns_token = true;
	return ctx;
}

static void narrow(struct s2c_ctx *ctx, unsigned seconds)
{
	uint64_t end = now_ms() + (uint64_t)seconds * 1000;

	if (!seconds || (ctx->deadline_ms && ctx->deadline_ms <= end))
		return;
	ctx->deadline_ms = end;
	ctx->limit_s = seconds;
}

struct s2c_ctx *s2c_ctx_child(struct s2c_ctx *parent, unsigned seconds)
{
	struct s2c_ctx *ctx = xcalloc(1, sizeof(*ctx));

	*ctx = *parent;
	ctx->owns_token = ctx->owns_emitting = false;
	narrow(ctx, seconds);
	ctx->whole_deadline_ms = ctx->deadline_ms;
	ctx->whole_limit_s = ctx->limit_s;
	return ctx;
}

void s2c_ctx_stage(struct s2c_ctx *ctx, unsigned seconds)
{
	ctx->deadline_ms = ctx->whole_deadline_ms;
	ctx->limit_s = ctx->whole_limit_s;
	narrow(ctx, seconds);
}

struct s2c_ctx *s2c_ctx_branch(struct s2c_ctx *parent, unsigned seconds)
{
	struct s2c_ctx *ctx = s2c_ctx_child(parent, seconds);

	ctx->token = token_new(parent->token);
	ctx->owns_token = true;
	return ctx;
}

struct s2c_ctx *s2c_ctx_detached(struct s2c_ctx *parent, unsigned seconds)
{
	struct s2c_ctx *ctx = s2c_ctx_child(parent, 0);

	ctx->token = token_new(NULL);
	ctx->owns_token = true;
	ctx->deadline_ms = 0;
	narrow(ctx, seconds);
	ctx->whole_deadline_ms = ctx->deadline_ms;
	ctx->whole_limit_s = ctx->limit_s;
	return ctx;
}

void s2c_ctx_free(struct s2c_ctx *ctx)
{
	if (!ctx)
		return;
	if (ctx->owns_token)
		token_free(ctx->token);
	if (ctx->owns_emitting)
		s2c_monitor_free(ctx->emitting);
	free(ctx);
}

void s2c_ctx_cancel(struct s2c_ctx *ctx)
{
	uint64_t one = 1;
	int saved = errno;

	/* Lock-free atomics and write(2) are all that a signal handler may use. */
	atomic_store(&ctx->token->cancelled, true);
	if (ctx->token->fd >= 0 && write(ctx->token->fd, &one, sizeof(one)) < 0) {
		/* EAGAIN: the counter is full, so it is readable already. */
	}
	errno = saved;
}

int s2c_ctx_check(struct s2c_ctx *ctx, struct s2c_error **err)
{
	for (const struct token *t = ctx->token; t; t = t->above)
		if (atomic_load_explicit(&t->cancelled, memory_order_relaxed))
			return s2c_fail(err, S2C_ECANCELED, "cancelled");
	if (ctx->deadline_ms && now_ms() >= ctx->deadline_ms)
		return s2c_fail(err, S2C_ETIMEOUT, "not done after %u s", ctx->limit_s);
	return 0;
}

int s2c_ctx_cancel_fd(const struct s2c_ctx *ctx)
{
	return ctx->token->wait;
}

static int until(uint64_t deadline_ms)
{
	uint64_t now = now_ms();

	if (now >= deadline_ms)
		return 0;
	return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

int s2c_ctx_remaining_ms(const struct s2c_ctx *ctx)
{
	return ctx->deadline_ms ? until(ctx->deadline_ms) : -1;
}

/* The shorter of two waits, where -1 is for ever. */
static int shorter(int a, int b)
{
	if (a < 0)
		return b;
	return b < 0 || a < b ? a : b;
}

int s2c_ctx_poll(struct s2c_ctx *ctx, struct pollfd *fds, unsigned n, int timeout_ms,
	int *out_ready, struct s2c_error **err)
{
	struct pollfd few[POLL_INLINE + 1];
	CLEAN_FREE struct pollfd *many = NULL;
	struct pollfd *all = few;
	uint64_t end = timeout_ms < 0 ? 0 : now_ms() + (uint64_t)timeout_ms;

	if (n > POLL_INLINE)
		all = many = xcalloc((size_t)n + 1, sizeof(*many));
	if (n)
		memcpy(all, fds, n * sizeof(*fds));
	all[n] = (struct pollfd){.fd = ctx->token->wait, .events = POLLIN};

	for (;;) {
		int own = timeout_ms < 0 ? -1 : until(end);
		int most = shorter(
			s2c_ctx_remaining_ms(ctx), ctx->token->wait < 0 ? BLIND_MS : -1);
		int got = poll(all, (nfds_t)n + 1, shorter(own, most));

		if (got < 0 && errno != EINTR)
			return s2c_fail_errno(err, errno, "cannot wait");
		if (s2c_ctx_check(ctx, err) < 0)
			return -1;
		if (got > 0) {
			for (unsigned i = 0; i < n; i++)
				fds[i].revents = all[i].revents;
		} else if (timeout_ms < 0 || until(end) > 0) {
			continue;
		} else {
			for (unsigned i = 0; i < n; i++)
				fds[i].revents = 0;
			got = 0;
		}
		if (out_ready)
			*out_ready = got;
		return 0;
	}
}

static void emit(struct s2c_ctx *ctx, const struct s2c_event *event)
{
	s2c_monitor_enter(ctx->emitting);
	ctx->sink.emit(ctx->sink.self, event);
	s2c_monitor_leave(ctx->emitting);
}

/* A printable copy, NULL for NULL. */
static char *printable(const char *s)
{
	return s ? s2c_escape(s, strlen(s), EVENT_TEXT_MAX, true) : NULL;
}

void s2c_emit_log(struct s2c_ctx *ctx, enum s2c_level level, const char *fmt, ...)
{
	CLEAN_FREE char *raw = NULL;
	va_list ap;
	int n;

	if (!ctx->sink.emit)
		return;
	va_start(ap, fmt);
	n = vasprintf(&raw, fmt, ap);
	va_end(ap);
	if (n < 0)
		raw = s2c_must(NULL);

	CLEAN_FREE char *text = printable(raw);
	struct s2c_event event = {.kind = S2C_EVENT_LOG, .level = level, .text = text};

	emit(ctx, &event);
}

void s2c_emit_progress(struct s2c_ctx *ctx, const char *phase, const char *subject,
	uint64_t current, uint64_t total)
{
	if (!ctx->sink.emit)
		return;

	CLEAN_FREE char *safe = printable(subject);
	struct s2c_event event = {
		.kind = S2C_EVENT_PROGRESS,
		.level = S2C_INFO,
		.phase = phase,
		.subject = safe,
		.current = current,
		.total = total,
	};

	emit(ctx, &event);
}

void s2c_emit_output(struct s2c_ctx *ctx, const char *line, size_t len)
{
	if (!ctx->sink.emit)
		return;

	CLEAN_FREE char *text = s2c_escape(line, len, EVENT_TEXT_MAX, true);
	struct s2c_event event = {
		.kind = S2C_EVENT_OUTPUT, .level = S2C_INFO, .text = text};

	emit(ctx, &event);
}

static void emit_phase(const struct s2c_phase *phase, enum s2c_event_kind kind)
{
	if (!phase->ctx->sink.emit)
		return;

	CLEAN_FREE char *subject = printable(phase->subject);
	struct s2c_event event = {
		.kind = kind,
		.level = S2C_INFO,
		.phase = phase->name,
		.subject = subject,
	};

	if (kind == S2C_EVENT_PHASE_END) {
		event.text = phase->note;
		event.elapsed_ms = now_ms() - phase->started_ms;
	}
	emit(phase->ctx, &event);
}

struct s2c_phase s2c_phase_begin(
	struct s2c_ctx *ctx, const char *name, const char *subject)
{
	struct s2c_phase phase = {
		.ctx = ctx,
		.name = name,
		.subject = subject,
		.started_ms = now_ms(),
	};

	emit_phase(&phase, S2C_EVENT_PHASE_BEGIN);
	return phase;
}

void s2c_phase_end(struct s2c_phase *phase)
{
	if (!phase->ctx)
		return;
	emit_phase(phase, S2C_EVENT_PHASE_END);
	phase->ctx = NULL;
}

bool s2c_trace(const char *name)
{
	const char *list = getenv("S2C_TRACE");
	size_t n = strlen(name);

	while (list && *list) {
		size_t len = strcspn(list, ",");

		if ((len == n && memcmp(list, name, n) == 0) ||
			(len == 3 && memcmp(list, "all", 3) == 0))
			return true;
		list += len;
		list += *list == ',';
	}
	return false;
}

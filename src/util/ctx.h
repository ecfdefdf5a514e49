/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation context inside the library: emitting events, honouring cancel and
 * deadline, in any number of threads. Every wait of the program is s2c_ctx_poll(),
 * curl_multi_poll in http/client (with s2c_ctx_cancel_fd and s2c_ctx_remaining_ms) or
 * s2c_process_wait(). Threads wait for each other as util/pool.h says.
 */
#ifndef S2C_UTIL_CTX_H
#define S2C_UTIL_CTX_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <s2c/context.h>

#include "util/error.h"

/*
 * poll(2) that also ends when the context does: S2C_ECANCELED or S2C_ETIMEOUT. Returns 0
 * when an fd is ready or after timeout_ms (-1: none), with *out_ready the number of fds.
 */
S2C_CHECK int s2c_ctx_poll(struct s2c_ctx *ctx, struct pollfd *fds, unsigned n,
	int timeout_ms, int *out_ready, struct s2c_error **err);

/* Fails if the context is cancelled or past its deadline; cheap, for inner loops. */
S2C_CHECK int s2c_ctx_check(struct s2c_ctx *ctx, struct s2c_error **err);

/*
 * An fd that becomes readable on cancel; owned by the context, never to be read. -1 if
 * there was none to be had: then look with s2c_ctx_check() now and then.
 */
int s2c_ctx_cancel_fd(const struct s2c_ctx *ctx);

/* Milliseconds to the deadline, at least 0 and at most INT_MAX; -1 without deadline. */
int s2c_ctx_remaining_ms(const struct s2c_ctx *ctx);

/*
 * Bounds what happens under this very context by `seconds` more from now on, instead of
 * by an earlier stage (0: by nothing but its own deadline). For the phases of one thing
 * that keeps its context. Not while another thread works under it.
 */
void s2c_ctx_stage(struct s2c_ctx *ctx, unsigned seconds);

/*
 * A child that can be cancelled by itself: it ends with its parent, but cancelling it
 * ends only what runs under it. For work in other threads that is to be called off
 * (util/pool). Free with s2c_ctx_free(), before the parent.
 */
struct s2c_ctx *s2c_ctx_branch(struct s2c_ctx *parent, unsigned seconds);

/*
 * A child that ignores cancel and deadline of its parent and has `seconds` of its own:
 * for cleaning up after a cancelled operation. Free with s2c_ctx_free(), before the
 * parent.
 */
struct s2c_ctx *s2c_ctx_detached(struct s2c_ctx *parent, unsigned seconds);

/* Events. `subject` and `text` may be NULL. Unsafe bytes of peers are escaped here. */
void s2c_emit_log(struct s2c_ctx *ctx, enum s2c_level level, const char *fmt, ...)
	S2C_PRINTF(3, 4);
void s2c_emit_progress(struct s2c_ctx *ctx, const char *phase, const char *subject,
	uint64_t current, uint64_t total);
/* One line of a build script, of `len` bytes, without newline. */
void s2c_emit_output(struct s2c_ctx *ctx, const char *line, size_t len);

/*
 * A phase: PHASE_BEGIN now, PHASE_END with the elapsed time when it leaves scope.
 *     CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "layer", ref);
 * `note` may be set to a static string ("reused") that PHASE_END reports as text.
 */
struct s2c_phase {
	struct s2c_ctx *ctx;
	const char *name;
	const char *subject; /* borrowed, must outlive the phase; may be NULL */
	const char *note;
	uint64_t started_ms;
};
struct s2c_phase s2c_phase_begin(
	struct s2c_ctx *ctx, const char *name, const char *subject);
void s2c_phase_end(struct s2c_phase *phase);
/* Often only its scope is wanted, which clang takes for an unused variable. */
#define CLEAN_PHASE __attribute__((unused)) CLEAN(s2c_phase_end)

/* True if component `name` is listed in S2C_TRACE ("http,registry" or "all"). */
bool s2c_trace(const char *name);

S2C_DEFINE_CLEAN(ctx, struct s2c_ctx *, s2c_ctx_free)
#define CLEAN_CTX CLEAN(s2c_clean_ctx)

#endif

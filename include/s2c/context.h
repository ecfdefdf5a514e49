/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation context: events out, cancellation and deadline in. It is made by the
 * caller, passed down and never stored in a global. It carries nothing else.
 */
#ifndef S2C_CONTEXT_H
#define S2C_CONTEXT_H

#include <stdint.h>

#include <s2c/error.h>

enum s2c_event_kind {
	S2C_EVENT_PHASE_BEGIN, /* phase, subject */
	S2C_EVENT_PHASE_END,   /* phase, subject, elapsed_ms; text says "reused" and so on */
	S2C_EVENT_PROGRESS,    /* phase, subject, current, total (0 = unknown), in bytes */
	S2C_EVENT_OUTPUT,      /* text: one line of the build script, no newline */
	S2C_EVENT_LOG,	       /* level, text */
};

enum s2c_level { S2C_ERROR, S2C_WARN, S2C_INFO, S2C_DEBUG };

/* All strings are borrowed for the duration of the call and never hold a secret. */
struct s2c_event {
	enum s2c_event_kind kind;
	enum s2c_level level;
	const char *phase;   /* "resolve", "pull", "source", "assemble", "layer", ... */
	const char *subject; /* what the phase works on: a reference, a path, a digest */
	const char *text;
	uint64_t current;
	uint64_t total;
	uint64_t elapsed_ms;
};

/*
 * Receives events, one at a time, in whichever thread of the library they come up; so it
 * has to be quick, and must not call back into the library.
 */
struct s2c_sink {
	void (*emit)(void *self, const struct s2c_event *event);
	void *self;
};

struct s2c_ctx;

/* A context without deadline that sends its events to `sink` (copied; emit may be NULL). */
struct s2c_ctx *s2c_ctx_new(struct s2c_sink sink);

/*
 * A context that shares sink and cancel token with `parent` and ends at the earlier of
 * the parent's deadline and `seconds` from now (0: the parent's). `parent` must outlive it.
 */
struct s2c_ctx *s2c_ctx_child(struct s2c_ctx *parent, unsigned seconds);

void s2c_ctx_free(struct s2c_ctx *ctx);

/*
 * Asks every operation under the context to end with S2C_ECANCELED. Async-signal-safe, and
 * may be called in any thread.
 */
void s2c_ctx_cancel(struct s2c_ctx *ctx);

#endif

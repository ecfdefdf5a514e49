/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns what on the engine, and what state it is in: containers and images that came
 * to be through this gate. Nothing else on the engine exists for its users. Thread-safe;
 * what is returned are copies.
 */
#ifndef S2C_GATE_LEDGER_H
#define S2C_GATE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/json.h"
#include "util/ctx.h"

#define S2C_LEDGER_OWNER_MAX 160 /* bytes of a principal, "u:1000" or "s:/run/x" */
#define S2C_LEDGER_NAME_MAX 128  /* bytes of a container's name of the client's own */
#define S2C_LEDGER_IMAGES_MAX                                                            \
	1024 /* images and names of one; its oldest is forgotten                         \
	      */
/* A container that does not run and that nobody asks about is kept for so long. */
#define S2C_LEDGER_IDLE_SECONDS 3600

/* A container goes through them from top to bottom, and skips some. */
enum s2c_container_state {
	S2C_CONTAINER_CREATED = 1,
	S2C_CONTAINER_ATTACHED = 2,
	S2C_CONTAINER_RUNNING = 4,
	S2C_CONTAINER_EXITED = 8,
	S2C_CONTAINER_COMMITTED = 16,
	S2C_CONTAINER_BROKEN = 32, /* an archive was cut off: only good for removal */
};
#define S2C_CONTAINER_FRESH (S2C_CONTAINER_CREATED | S2C_CONTAINER_ATTACHED)
#define S2C_CONTAINER_ENDED (S2C_CONTAINER_EXITED | S2C_CONTAINER_COMMITTED)
#define S2C_CONTAINER_ANY 63
const char *s2c_container_state_name(enum s2c_container_state state);

struct s2c_container_record {
	char owner[S2C_LEDGER_OWNER_MAX];
	char name[S2C_LEDGER_NAME_MAX]; /* the client's for it, or "" */
	char id[65];
	char image[72];        /* id of its image, "sha256:..." */
	char destination[256]; /* where the builder image wants its source, or "" */
	uint32_t uid, gid;
	enum s2c_container_state state;
	int64_t until;     /* monotonic milliseconds: killed then; 0: not started */
	int64_t asked;     /* when somebody asked for it last */
	uint32_t deadline; /* seconds it may run */
	uint32_t attaches; /* streams that are open or were */
	bool has_input;    /* one of them with standard input */
	int exit_code;     /* when ended */
};

struct s2c_ledger;
/* `containers`: at most so many of all owners at a time. */
struct s2c_ledger *s2c_ledger_new(unsigned containers);
void s2c_ledger_free(struct s2c_ledger *ledger);
S2C_DEFINE_CLEAN(ledger, struct s2c_ledger *, s2c_ledger_free)

/*
 * A place for one more container of the owner, of whom there may be `most`. Waits for one
 * under ctx until `watch` hangs up (S2C_ECANCELED) or ctx ends. It is used up by
 * s2c_ledger_add() or given back.
 */
S2C_CHECK int s2c_ledger_reserve(struct s2c_ledger *ledger, struct s2c_ctx *ctx,
	const char *owner, unsigned most, int watch, struct s2c_error **err);
void s2c_ledger_give_back(struct s2c_ledger *ledger, const char *owner);
void s2c_ledger_add(
	struct s2c_ledger *ledger, const struct s2c_container_record *container);

/*
 * A container of the owner by its id, by at least 12 digits of it, or by its name.
 * False for everything that is not the owner's.
 */
bool s2c_ledger_find(struct s2c_ledger *ledger, const char *owner, const char *what,
	struct s2c_container_record *out);

/*
 * Changes the state if it is one of `from` (a set); false if it is not, the container is
 * gone, or it is held and would run. For whoever asks at the same time it happens once.
 */
bool s2c_ledger_move(struct s2c_ledger *ledger, const char *id, unsigned from,
	enum s2c_container_state to);
/* One more stream, of `most` over its life; `in`: with standard input, once. */
bool s2c_ledger_attach(struct s2c_ledger *ledger, const char *id, bool in, unsigned most);
/*
 * An engine is at its files, in one of the states; until it is released it does not
 * become S2C_CONTAINER_RUNNING, for then paths in it could be changed under the engine's
 * feet (CVE-2018-15664).
 */
bool s2c_ledger_hold(struct s2c_ledger *ledger, const char *id, unsigned states);
void s2c_ledger_release(struct s2c_ledger *ledger, const char *id);
/* It has ended by itself or was killed; false if that is no news. */
bool s2c_ledger_exited(struct s2c_ledger *ledger, const char *id, int exit_code);
/*
 * For a build of its own, which looks into its container between two processes: one that
 * has ended with status 0 can be started once more. False if it is no such one.
 */
bool s2c_ledger_renew(struct s2c_ledger *ledger, const char *id);
/* It runs from now on, for as long as it may. */
void s2c_ledger_started(struct s2c_ledger *ledger, const char *id);
/* It is not there any more; its place is free. */
void s2c_ledger_remove(struct s2c_ledger *ledger, const char *id);

/*
 * Some container whose time is up at `now`, or any if `all`; false if there is none. It
 * stays in the ledger.
 */
bool s2c_ledger_due(struct s2c_ledger *ledger, int64_t now, bool all,
	struct s2c_container_record *out);
/* Its time was up and it was told to end: it is not due again. */
void s2c_ledger_deadline_passed(struct s2c_ledger *ledger, const char *id);
/* It could not be told to end; it is due again in so many seconds. */
void s2c_ledger_postpone(struct s2c_ledger *ledger, const char *id, unsigned seconds);
/* Some container that nobody wants any more at `now`; false if there is none. */
bool s2c_ledger_forgotten(
	struct s2c_ledger *ledger, int64_t now, struct s2c_container_record *out);
/* How many are in one of the states. */
unsigned s2c_ledger_count_in(struct s2c_ledger *ledger, unsigned states);

/* Images: "sha256:..." ids of what the owner committed, and names that were given. */
void s2c_ledger_add_image(struct s2c_ledger *ledger, const char *owner, const char *id);
void s2c_ledger_add_name(
	struct s2c_ledger *ledger, const char *owner, const char *id, const char *name);
/*
 * Somebody is about to give a name: false while another owner is. Each claim that was
 * granted is to be dropped.
 */
bool s2c_ledger_claim(struct s2c_ledger *ledger, const char *owner, const char *name);
void s2c_ledger_unclaim(struct s2c_ledger *ledger, const char *owner, const char *name);
/*
 * All images and names, the oldest first: a list of objects with "owner", "id" and, for a
 * name, "name". Caller frees.
 */
struct s2c_json *s2c_ledger_images(struct s2c_ledger *ledger);
/* The id of an image of the owner by id or full name; false if it is none of theirs. */
bool s2c_ledger_find_image(
	struct s2c_ledger *ledger, const char *owner, const char *what, char out_id[72]);
/* Forgets the name, or the image with all its names. */
void s2c_ledger_remove_image(
	struct s2c_ledger *ledger, const char *owner, const char *what);

#endif

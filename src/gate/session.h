/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's side of one connection: takes asks from its worker, decides by the policy
 * and the ledger, writes down what it decided, does it, and answers. One thread each;
 * what they share (struct s2c_core) is thread-safe or does not change.
 */
#ifndef S2C_GATE_SESSION_H
#define S2C_GATE_SESSION_H

#include <stdatomic.h>
#include <sys/types.h>

#include "gate/audit.h"
#include "gate/instance.h"
#include "gate/ledger.h"
#include "gate/metrics.h"
#include "gate/upstream.h"
#include "gate/wire.h"
#include "policy/rules.h"
#include "util/pool.h"

#define S2C_PEER_GROUPS_MAX 256

/* A policy that is in use; the last who lets it go frees it. */
struct s2c_gate_policy {
	struct s2c_rules *rules;
	unsigned users; /* under the core's lock */
};

/* What all sessions share. */
struct s2c_core {
	struct s2c_ctx *ctx;
	struct s2c_upstream upstream;
	bool podman;   /* the engine's flavor */
	bool private_; /* for one build: see s2c_rules_private() */
	/* Of a private gate: an image that loses its name to the build is the build's. */
	bool takes_over;
	const char *hosts;    /* as gate/hosts.h has it; NULL: none */
	atomic_bool no_hosts; /* the engine does not see that file */
	struct s2c_ledger *ledger;
	struct s2c_audit *audit; /* NULL: none */
	struct s2c_metrics *metrics;
	struct s2c_monitor *lock; /* of `policy` */
	struct s2c_gate_policy *policy;
	struct s2c_gate_instance *instance;
	struct s2c_monitor *estate; /* one at a time writes down who owns which images */
	atomic_ulong requests, connections; /* numbers for the audit log */
};

/* The policy as it is now, to be let go. */
struct s2c_gate_policy *s2c_core_policy(struct s2c_core *core);
void s2c_core_let_go(struct s2c_core *core, struct s2c_gate_policy *policy);

/*
 * The images of the ledger have changed: they are written down, but for a private gate,
 * which nobody comes back to.
 */
void s2c_core_images_changed(struct s2c_core *core);

/* Who is at the other end, as the kernel says. */
struct s2c_gate_peer {
	pid_t pid;
	uint32_t uid, gid;
	uint32_t groups[S2C_PEER_GROUPS_MAX];
	size_t n_groups;
	const char *socket; /* a tenant's own; NULL: the common one */
};

struct s2c_session {
	struct s2c_core *core;
	struct s2c_ctx *ctx;
	struct s2c_gate_peer peer;
	char owner[S2C_LEDGER_OWNER_MAX];
	unsigned long connection, request;
	int client; /* of the client's connection, for an attach */
	struct s2c_wire wire;
	int wire_fd; /* hangs up with the worker, and it with the client */
	/* Of the request at hand: */
	const struct s2c_gate_ask *ask;
	struct s2c_gate_policy *policy;
	const struct s2c_subject *subject;
	enum s2c_gate_code code; /* why not, when a handler fails */
	char rule[S2C_RULE_MAX]; /* what of the policy decided */
	bool recorded;           /* an "allow" is in the audit log */
	bool answered;           /* a head has gone out */
	bool steady; /* what is under way is ended also if the client has gone */
};

/* Serves the worker behind `wire` (owned) until either is gone. Borrows the rest. */
void s2c_session_run(
	struct s2c_core *core, const struct s2c_gate_peer *peer, int client, int wire);

/* ---- for handlers ---- */

/*
 * One for each op of an ask: does it, answers, and returns 0; -1 with session->code and
 * *err when it cannot be done and nothing has been answered yet.
 */
S2C_CHECK int s2c_on_create(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_inspect(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_attach(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_start(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_wait(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_logs(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_kill(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_remove(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_archive_stat(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_archive_get(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_archive_put(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_image_inspect(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_image_pull(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_image_tag(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_image_push(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_image_export(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_image_delete(struct s2c_session *session, struct s2c_error **err);
S2C_CHECK int s2c_on_commit(struct s2c_session *session, struct s2c_error **err);

/* Says no: sets the code and the error; always -1. */
int s2c_deny(struct s2c_session *session, enum s2c_gate_code code, struct s2c_error **err,
	const char *fmt, ...) S2C_PRINTF(4, 5);
/* The same for what the policy said. */
int s2c_deny_by(struct s2c_session *session, const struct s2c_verdict *verdict,
	struct s2c_error **err);

/*
 * Writes down that the request is allowed, before it is done; what cannot be written down
 * is not done. The audit line names `container` and `image`, which may be NULL.
 */
S2C_CHECK int s2c_allow(struct s2c_session *session, const char *container,
	const char *image, struct s2c_error **err);

/* Writes down what came of it: an event beside the decision. Texts are borrowed. */
void s2c_session_note(struct s2c_session *session, const struct s2c_audit_entry *event);
/* A container was seen to have ended. */
void s2c_session_exited(struct s2c_session *session, const char *id, int exit_code);

/* The container of the client's that the ask names, in one of the states. */
S2C_CHECK int s2c_own_container(struct s2c_session *session, unsigned states,
	struct s2c_container_record *out, struct s2c_error **err);

/*
 * One exchange with the engine whose answer is JSON or nothing. A status of 400 and more
 * is UPSTREAM_REFUSED, or NOT_FOUND and STATE for 404 and 409, with the engine's words.
 * *out_json may be NULL; caller frees. `out_json` may be NULL.
 */
S2C_CHECK int s2c_session_engine(struct s2c_session *session,
	enum s2c_http1_method method, const char *target, const struct s2c_json *body,
	struct s2c_json **out_json, struct s2c_error **err);
/* Says no with the status and the words of an engine that did; always -1. */
int s2c_session_refused(
	struct s2c_session *session, struct s2c_gate_call *call, struct s2c_error **err);

/*
 * Looks whether a running container has ended by now, and changes the record and the
 * ledger if so.
 */
S2C_CHECK int s2c_session_refresh(struct s2c_session *session,
	struct s2c_container_record *container, struct s2c_error **err);
/* Removes a container with its volumes, by force; that it is gone already is fine. */
S2C_CHECK int s2c_session_remove(
	struct s2c_session *session, const char *id, struct s2c_error **err);

/* Answers. */
S2C_CHECK int s2c_answer_status(
	struct s2c_session *session, int status, struct s2c_error **err);
S2C_CHECK int s2c_answer_json(struct s2c_session *session, int status,
	const struct s2c_json *json, struct s2c_error **err);
/* A head and at most `most` bytes of a body; with more it is cut off. */
S2C_CHECK int s2c_answer_stream(struct s2c_session *session, struct s2c_gate_head *head,
	struct s2c_reader *body, uint64_t most, struct s2c_error **err);
S2C_CHECK int s2c_answer_body(struct s2c_session *session, const char *content_type,
	struct s2c_reader *body, uint64_t most, struct s2c_error **err);

#endif

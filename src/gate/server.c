/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "gate/estate.h"
#include "gate/hosts.h"
#include "gate/janitor.h"
#include "gate/listener.h"
#include "gate/policy_file.h"
#include "gate/sandbox.h"
#include "gate/zygote.h"

#define TICK_MS 500
#define ENGINE_SECONDS 10 /* for questions at the start */
#define END_SECONDS 30    /* for clearing away */
#define STACK_OF_BUSY 64
#define SCRAPE_MS 200 /* for the request of who reads metrics */

/* One connection and the thread that serves it. */
struct visit {
	struct s2c_job job;
	struct s2c_core *core;
	struct s2c_gate_peer peer;
	int client, wire;
	struct visit *next;
};

struct server {
	const struct s2c_gate_server *opts;
	struct s2c_ctx *ctx; /* of sessions; a branch that ends with the server */
	struct s2c_core core;
	struct s2c_gate_instance instance;
	struct s2c_zygote zygote;
	struct s2c_listener listeners[S2C_LISTENERS_MAX];
	struct s2c_listener scrape; /* where metrics are read */
	size_t n_listeners;
	struct s2c_strv paths; /* of listeners: the policy that named them may go */
	struct s2c_pool *pool;
	struct visit *visits;
	struct s2c_job janitor;
	char *upstream;
};

/* ---- visits ---- */

static int visit_run(struct s2c_job *job, struct s2c_error **err)
{
	struct visit *visit = (struct visit *)job;

	(void)err;
	s2c_session_run(&visit->core[0], &visit->peer, visit->client, visit->wire);
	(void)close(visit->client);
	return 0;
}

/* Frees those that are over. */
static void sweep(struct server *server, bool all)
{
	for (struct visit **link = &server->visits; *link;) {
		struct visit *visit = *link;

		if (!all && !s2c_job_done(&visit->job)) {
			link = &visit->next;
			continue;
		}
		(void)!s2c_job_wait(&visit->job, NULL);
		*link = visit->next;
		free(visit);
	}
}

static unsigned count(const struct server *server, const struct s2c_gate_peer *peer)
{
	unsigned n = 0;

	for (const struct visit *v = server->visits; v; v = v->next)
		n += !peer ||
		     (peer->socket ? v->peer.socket == peer->socket
				   : !v->peer.socket && v->peer.uid == peer->uid);
	return n;
}

/* What is of the gate itself, and not of a client; that it cannot be written is said. */
static void note_event(struct server *server, const struct s2c_audit_entry *entry)
{
	CLEAN_ERROR struct s2c_error *why = NULL;

	if (server->core.audit && s2c_audit_write(server->core.audit, entry, &why) < 0)
		s2c_emit_log(server->ctx, S2C_ERROR, "the audit log: %s",
			s2c_error_message(why));
}

/* Whom there is no room for is told so, without being listened to. */
static void turn_away(struct server *server, const struct s2c_gate_peer *from, int client)
{
	static const char text[] =
		"HTTP/1.1 429 Too Many Requests\r\n"
		"Content-Type: application/json\r\n"
		"S2c-Gate-Code: quota\r\n"
		"Connection: close\r\n"
		"Content-Length: 63\r\n\r\n"
		"{\"message\":\"s2c gate: quota: there are too many connections\"}\r\n";

	struct s2c_peer peer = {.uid = from->uid,
		.gid = from->gid,
		.groups = from->groups,
		.n_groups = from->n_groups,
		.socket = from->socket};

	note_event(server, &(struct s2c_audit_entry){.event = S2C_AUDIT_DECISION,
				   .peer = &peer,
				   .pid = (uint32_t)from->pid,
				   .code = s2c_gate_code_name(S2C_GATE_QUOTA),
				   .detail = "too many connections"});
	(void)!send(client, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(client, SHUT_WR);
}

static int admit(struct server *server, const struct s2c_listener *listener, int client,
	struct s2c_error **err)
{
	struct visit *visit = xcalloc(1, sizeof(*visit));
	struct s2c_gate_policy *policy = s2c_core_policy(&server->core);
	unsigned most = policy->rules->limits.connections;
	unsigned most_own = policy->rules->limits.connections_per_user;
	unsigned header_seconds = policy->rules->limits.header_timeout;

	s2c_core_let_go(&server->core, policy);
	/* One thread is the janitor's; a new policy may allow more than there are. */
	if (most >= s2c_pool_threads(server->pool))
		most = s2c_pool_threads(server->pool) - 1;
	visit->job.run = visit_run;
	visit->core = &server->core;
	visit->client = client;
	if (s2c_listener_peer(client, &visit->peer, err) < 0) {
		free(visit);
		return -1;
	}
	visit->peer.socket = listener->own ? listener->path : NULL;
	sweep(server, false);
	s2c_metrics_add(server->core.metrics, S2C_METRIC_CONNECTIONS_TOTAL, 0, 0, 1);
	s2c_metrics_set(
		server->core.metrics, S2C_METRIC_CONNECTIONS, 0, count(server, NULL));
	if (count(server, NULL) >= most || count(server, &visit->peer) >= most_own) {
		s2c_metrics_add(
			server->core.metrics, S2C_METRIC_CONNECTIONS_REFUSED, 0, 0, 1);
		turn_away(server, &visit->peer, client);
		free(visit);
		return s2c_fail(err, S2C_ELIMIT, "too many connections");
	}
	if (s2c_zygote_spawn(&server->zygote, client, header_seconds, &visit->wire, err) <
		0) {
		free(visit);
		return -1;
	}
	visit->next = server->visits;
	server->visits = visit;
	if (!s2c_pool_submit(server->pool, &visit->job)) {
		server->visits = visit->next;
		s2c_job_drop(&visit->job);
		(void)close(visit->wire);
		free(visit);
		return s2c_fail(err, S2C_EIO, "no thread for a connection");
	}
	return 0;
}

static void accept_all(struct server *server, const struct s2c_listener *listener)
{
	for (int i = 0; i < STACK_OF_BUSY; i++) {
		CLEAN_ERROR struct s2c_error *why = NULL;
		CLEAN_FD int client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			return;
		if (admit(server, listener, client, &why) == 0)
			(void)take_fd(&client);
		else
			s2c_emit_log(server->ctx, S2C_DEBUG, "a connection: %s",
				s2c_error_message(why));
	}
}

/* ---- the janitor ---- */

static void clear_orphans(struct server *server)
{
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_child(server->ctx, END_SECONDS);
	CLEAN_ERROR struct s2c_error *why = NULL;
	unsigned n = 0;

	if (s2c_janitor_remove_orphans(&server->core, ctx, &n, &why) < 0)
		s2c_emit_log(server->ctx, S2C_WARN,
			"what an earlier run may have left could not be removed: %s",
			s2c_error_message(why));
	else if (n)
		s2c_emit_log(server->ctx, S2C_INFO,
			"removed %u container%s that an earlier run had left", n,
			n == 1 ? "" : "s");
	s2c_metrics_add(server->core.metrics, S2C_METRIC_ORPHANS_REAPED, 0, 0, n);
	if (n)
		note_event(server, &(struct s2c_audit_entry){.event = S2C_AUDIT_REAP,
					   .detail = "containers of an earlier run"});
}

static void count_containers(struct server *server)
{
	static const unsigned states[] = {
		[S2C_METRIC_CREATED] = S2C_CONTAINER_FRESH,
		[S2C_METRIC_RUNNING] = S2C_CONTAINER_RUNNING,
		[S2C_METRIC_EXITED] = S2C_CONTAINER_ENDED | S2C_CONTAINER_BROKEN,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
		s2c_metrics_set(server->core.metrics, S2C_METRIC_CONTAINERS, i,
			s2c_ledger_count_in(server->core.ledger, states[i]));
}

static int janitor_run(struct s2c_job *job, struct s2c_error **err)
{
	struct server *server = (struct server *)((char *)job -
						  offsetof(struct server, janitor));
	int ready;

	/* Nobody has to wait for that. */
	clear_orphans(server);
	while (s2c_ctx_poll(server->ctx, NULL, 0, TICK_MS, &ready, err) == 0) {
		s2c_janitor_end_due(&server->core, server->ctx);
		s2c_janitor_remove_forgotten(&server->core, server->ctx);
		count_containers(server);
	}
	return -1;
}

/* ---- the policy ---- */

static struct s2c_gate_policy *policy_of(struct s2c_rules *rules)
{
	struct s2c_gate_policy *policy = xcalloc(1, sizeof(*policy));

	policy->rules = rules;
	policy->users = 1;
	return policy;
}

/* All or nothing: a bad file leaves the policy as it was. */
static void reload(struct server *server)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	struct s2c_rules *rules = NULL;
	uint64_t count;

	(void)!read(server->opts->reload_fd, &count, sizeof(count));
	if (!server->opts->policy)
		return;
	if (s2c_policy_file_load(server->opts->policy, true, &rules, &why) < 0) {
		note_event(server, &(struct s2c_audit_entry){.event = S2C_AUDIT_POLICY,
					   .code = "refused",
					   .detail = s2c_error_message(why)});
		s2c_emit_log(server->ctx, S2C_ERROR,
			"the policy stays as it was, the new one is bad: %s",
			s2c_error_message(why));
		return;
	}
	struct s2c_gate_policy *fresh = policy_of(rules);
	s2c_monitor_enter(server->core.lock);
	struct s2c_gate_policy *old = server->core.policy;
	server->core.policy = fresh;
	s2c_monitor_leave(server->core.lock);
	s2c_core_let_go(&server->core, old);
	s2c_metrics_set(server->core.metrics, S2C_METRIC_POLICY_RELOAD_FAILED, 0, 0);
	s2c_metrics_set(server->core.metrics, S2C_METRIC_POLICY_LOADED, 0, time(NULL));
	note_event(server, &(struct s2c_audit_entry){.event = S2C_AUDIT_POLICY});
	s2c_emit_log(server->ctx, S2C_INFO, "the policy was loaded anew");
}

/* ---- start ---- */

static int learn_flavor(struct server *server, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_child(server->ctx, ENGINE_SECONDS);

	return s2c_upstream_learn(ctx, &server->core.upstream, &server->core.podman, err);
}

static int add_listener(
	struct server *server, struct s2c_listener listener, struct s2c_error **err)
{
	if (server->n_listeners == S2C_LISTENERS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d sockets", S2C_LISTENERS_MAX);
	/* One that somebody else made may block, and then so would the whole gate. */
	if (fcntl(listener.fd, F_SETFL, fcntl(listener.fd, F_GETFL) | O_NONBLOCK) < 0)
		return s2c_fail_errno(err, errno, "a socket that was handed over");
	server->listeners[server->n_listeners++] = listener;
	return 0;
}

static int listen_at(
	struct server *server, const char *path, bool own, struct s2c_error **err)
{
	struct s2c_listener listener;

	s2c_strv_add(&server->paths, path);
	/* Who may do what is the policy's to say, so everybody may ask. */
	if (s2c_listener_open(
		    server->paths.items[server->paths.len - 1], 0666, &listener, err) < 0)
		return -1;
	listener.own = own;
	return add_listener(server, listener, err);
}

static int listen_everywhere(struct server *server, struct s2c_error **err)
{
	const struct s2c_gate_server *opts = server->opts;
	const struct s2c_rules *rules = server->core.policy->rules;

	for (size_t i = 0; i < opts->n_listen_fds; i++)
		if (add_listener(server, (struct s2c_listener){.fd = opts->listen_fds[i]},
			    err) < 0)
			return -1;
	if (opts->listen && listen_at(server, opts->listen, false, err) < 0)
		return -1;
	for (size_t i = 0; i < rules->n_subjects; i++)
		if (rules->subjects[i].kind == S2C_SUBJECT_SOCKET &&
			listen_at(server, rules->subjects[i].socket, true, err) < 0)
			return -1;
	if (rules->metrics_socket &&
		s2c_listener_open(rules->metrics_socket, 0660, &server->scrape, err) < 0)
		return -1;
	if (!server->n_listeners)
		return s2c_fail(
			err, S2C_EINVAL, "nowhere to listen: say --listen unix:///PATH");
	return 0;
}

/* A private gate has none: there is nobody to tell of whom. */
static int open_audit(struct server *server, struct s2c_error **err)
{
	const struct s2c_rules *rules = server->core.policy->rules;
	CLEAN_FREE char *note = NULL;
	struct s2c_audit_opts opts = {.path = rules->audit.path,
		.fsync = rules->audit.fsync,
		.max = rules->audit.max};
	struct s2c_audit_entry started = {.event = S2C_AUDIT_START};

	if (!opts.path)
		return 0;
	if (s2c_audit_open(&opts, &server->core.audit, &note, err) < 0)
		return s2c_wrap(err, "the audit log");
	if (note)
		s2c_emit_log(server->ctx, S2C_WARN, "%s", note);
	return s2c_audit_write(server->core.audit, &started, err);
}

/*
 * Before threads are there, since it is tried in a process of its own. A build's own gate
 * has no time for that: where it cannot be entered, its worker says so to every client.
 */
static int check_sandbox(struct server *server, struct s2c_error **err)
{
	struct s2c_sandbox layers = {0};

	if (server->core.private_)
		s2c_sandbox_look(&layers);
	else if (s2c_sandbox_probe(&layers, err) < 0)
		return -1;
	if (!layers.seccomp)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"this kernel has no seccomp, without which a gate does not work");
	if (layers.landlock || !server->core.policy->rules->sandbox_required)
		return 0;
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"this kernel has no Landlock, which the policy requires of the sandbox: "
		"say "
		"'sandbox: best-effort' to do without");
}

static int load(struct server *server, struct s2c_error **err)
{
	const struct s2c_gate_server *opts = server->opts;
	struct s2c_rules *rules = opts->rules;

	if (opts->policy && s2c_policy_file_load(opts->policy, true, &rules, err) < 0)
		return -1;
	server->core.policy = policy_of(rules);
	server->core.private_ = !opts->policy;
	server->core.takes_over = opts->takes_over;
	server->upstream = xstrdup(opts->upstream           ? opts->upstream
				   : rules->upstream.socket ? rules->upstream.socket
							    : "/run/docker.sock");
	server->core.upstream = (struct s2c_upstream){.socket = server->upstream,
		.owner = opts->policy ? rules->upstream.owner_uid : opts->owner};
	if (opts->remote)
		server->core.upstream = (struct s2c_upstream){.remote = *opts->remote};
	else
		server->core.hosts = s2c_gate_hosts();
	server->core.ledger = s2c_ledger_new(rules->limits.containers);
	server->core.metrics = s2c_metrics_new();
	s2c_metrics_set(server->core.metrics, S2C_METRIC_POLICY_LOADED, 0, time(NULL));
	return 0;
}

static int load_estate(struct server *server, struct s2c_error **err)
{
	if (server->core.private_)
		return 0;
	return s2c_estate_load(server->instance.state, server->core.ledger, err);
}

/* A connection has some descriptors; what a service is given at first is for a few. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int start(struct server *server, struct s2c_error **err)
{
	const struct s2c_gate_server *opts = server->opts;
	unsigned connections;

	raise_files();
	server->core.ctx = server->ctx;
	server->core.lock = s2c_monitor_new();
	server->core.estate = s2c_monitor_new();
	server->core.instance = &server->instance;
	if (load(server, err) < 0 || check_sandbox(server, err) < 0 ||
		s2c_gate_instance_open(opts->state, &server->instance, err) < 0 ||
		load_estate(server, err) < 0 || open_audit(server, err) < 0 ||
		learn_flavor(server, err) < 0 || listen_everywhere(server, err) < 0)
		return -1;
	/* And one for the janitor. */
	connections = server->core.policy->rules->limits.connections + 1;
	server->pool = s2c_pool_new_waiting(connections);
	server->janitor.run = janitor_run;
	if (!s2c_pool_submit(server->pool, &server->janitor))
		return s2c_fail(err, S2C_EIO, "no thread to be had");
	return 0;
}

/* ---- the loop ---- */

static int look_after_workers(struct server *server, struct s2c_error **err)
{
	int signal, rc;

	while ((rc = s2c_zygote_reap(&server->zygote, &signal, err)) > 0) {
		s2c_metrics_add(server->core.metrics, S2C_METRIC_WORKER_CRASHES,
			S2C_METRIC_SIGNAL, 0, 1);
		note_event(server, &(struct s2c_audit_entry){.event = S2C_AUDIT_WORKER,
					   .signal = (uint64_t)signal});
		s2c_emit_log(server->ctx, S2C_WARN,
			"a worker was ended by signal %d; its connection is closed",
			signal);
	}
	return rc;
}

/* Whoever may connect gets them, whatever it says. What does not fit at once is cut. */
static void show_metrics(struct server *server)
{
	CLEAN_FD int client = accept4(
		server->scrape.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_METRICS_TEXT_MAX);
	CLEAN_BUF struct s2c_buf answer = S2C_BUF_INIT(S2C_METRICS_TEXT_MAX + 256);
	int room = (int)S2C_METRICS_TEXT_MAX;

	struct pollfd asks = {.fd = client, .events = POLLIN};
	char request[4096];
	int ready;

	if (client < 0 || s2c_metrics_print(server->core.metrics, &text, NULL) < 0 ||
		s2c_ctx_poll(server->ctx, &asks, 1, SCRAPE_MS, &ready, NULL) < 0)
		return;
	/* What is not read would end the connection before the answer is. */
	(void)!recv(client, request, sizeof(request), MSG_DONTWAIT);
	s2c_buf_must_printf(&answer,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
		"Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
		text.len, s2c_buf_str(&text));
	(void)setsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	(void)!send(client, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(client, SHUT_WR);
}

enum { ZYGOTE, RELOAD, LIFE, SCRAPE, FIRST_LISTENER };

static int turn(struct server *server, bool *out_end, struct s2c_error **err)
{
	struct pollfd ready[FIRST_LISTENER + S2C_LISTENERS_MAX];
	unsigned n = FIRST_LISTENER;
	int n_ready;

	ready[ZYGOTE] = (struct pollfd){.fd = server->zygote.fd, .events = POLLIN};
	ready[RELOAD] = (struct pollfd){.fd = server->opts->reload_fd, .events = POLLIN};
	ready[LIFE] = (struct pollfd){
		.fd = server->opts->life_fd, .events = POLLIN | POLLRDHUP};
	ready[SCRAPE] = (struct pollfd){.fd = server->scrape.fd, .events = POLLIN};
	for (size_t i = 0; i < server->n_listeners; i++)
		ready[n++] = (struct pollfd){
			.fd = server->listeners[i].fd, .events = POLLIN};
	if (s2c_ctx_poll(server->ctx, ready, n, -1, &n_ready, err) < 0)
		return -1;
	if (ready[ZYGOTE].revents && look_after_workers(server, err) < 0)
		return -1;
	if (ready[RELOAD].revents)
		reload(server);
	if (ready[SCRAPE].revents)
		show_metrics(server);
	*out_end = ready[LIFE].revents != 0;
	for (size_t i = 0; i < server->n_listeners; i++)
		if (ready[FIRST_LISTENER + i].revents)
			accept_all(server, &server->listeners[i]);
	return 0;
}

static int serve(struct server *server, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	bool end = false;

	while (!end)
		if (turn(server, &end, &why) < 0) {
			/* To be told to end is how this ends. */
			if (s2c_error_code(why) == S2C_ECANCELED)
				return 0;
			s2c_error_move(err, &why);
			return -1;
		}
	return 0;
}

static void stop(struct server *server, struct s2c_ctx *parent)
{
	for (size_t i = 0; i < server->n_listeners; i++)
		s2c_listener_close(&server->listeners[i]);
	s2c_listener_close(&server->scrape);
	s2c_ctx_cancel(server->ctx);
	s2c_zygote_stop(&server->zygote);
	sweep(server, true);
	if (server->pool) {
		s2c_job_drop(&server->janitor);
		s2c_pool_free(server->pool);
	}
	if (server->core.ledger) {
		CLEAN_CTX struct s2c_ctx *last = s2c_ctx_detached(parent, END_SECONDS);

		s2c_janitor_remove_all(&server->core, last);
	}
	s2c_ledger_free(server->core.ledger);
	note_event(server, &(struct s2c_audit_entry){.event = S2C_AUDIT_STOP});
	s2c_audit_close(server->core.audit);
	s2c_metrics_free(server->core.metrics);
	if (server->core.policy)
		s2c_core_let_go(&server->core, server->core.policy);
	s2c_monitor_free(server->core.lock);
	s2c_monitor_free(server->core.estate);
	s2c_gate_instance_close(&server->instance);
	s2c_strv_release(&server->paths);
	free(server->upstream);
}

int s2c_gate_server_run(
	struct s2c_ctx *ctx, const struct s2c_gate_server *opts, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_branch(ctx, 0);
	struct server server = {
		.opts = opts,
		.ctx = own,
		.instance = S2C_GATE_INSTANCE_INIT,
		.zygote = S2C_ZYGOTE_INIT,
		.scrape.fd = -1,
	};
	int rc;

	/* Before there is anything in memory that workers must not have. */
	if (s2c_zygote_start(&server.zygote, err) < 0)
		return -1;
	rc = start(&server, err);
	if (rc == 0) {
		s2c_emit_log(own, S2C_INFO, "the gate is open: %s at '%s'",
			server.core.podman ? "podman" : "docker",
			s2c_upstream_name(&server.core.upstream));
		if (opts->ready)
			opts->ready(opts->ready_self);
		rc = serve(&server, err);
	}
	stop(&server, ctx);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container: from what the client asked for to the spec that the policy allows, and to
 * the certainty that the engine made that and nothing else.
 */
#include <ctype.h>
#include <stdio.h>

#include "gate/images.h"
#include "gate/inside.h"
#include "gate/session.h"
#include "gate/template.h"
#include "gate/user.h"

#define ENV_NAME_MAX 256
#define LOST_SECONDS 20   /* for removing what no answer came for */
#define DEFAULT_UID 1001u /* where neither client, label, image nor policy name one */

/* Everything that a spec borrows from. */
struct wish {
	struct s2c_gate_image image;
	struct s2c_gate_spec spec;
	struct s2c_strv unset, volumes;
};

static void wish_release(struct wish *wish)
{
	s2c_gate_image_release(&wish->image);
	s2c_strv_release(&wish->unset);
	s2c_strv_release(&wish->volumes);
}

/* ---- user ---- */

/*
 * A user that the builder image names by number. A name is not looked up: what it means
 * is the image's to say, and may be root.
 */
static bool image_user(const struct wish *wish, uint32_t *uid, uint32_t *gid)
{
	const struct s2c_json *config = s2c_json_get(wish->image.inspect, "Config");
	const struct s2c_json *labels = s2c_json_get(config, "Labels");
	const char *const sources[] = {
		s2c_json_str(s2c_json_get(labels, "io.openshift.s2i.assemble-user")),
		s2c_json_str(s2c_json_get(config, "User")),
	};

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (sources[i] && *sources[i])
			return s2c_gate_user_parse(sources[i], uid, gid) && *uid != 0;
	return false;
}

/* The policy's, where neither client nor image name one that is a number. */
static uint32_t default_uid(const struct s2c_session *session, const struct wish *wish)
{
	const struct s2c_uids *uids = &session->subject->values.uids;

	if (wish->image.builder && wish->image.builder->has_uid)
		return wish->image.builder->uid;
	if (s2c_uids_allow(uids, DEFAULT_UID) || !uids->n)
		return DEFAULT_UID;
	return uids->ranges[0].first;
}

static int choose_user(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	const char *asked = session->ask->user;

	if (asked && *asked) {
		if (s2c_gate_user_parse(asked, &wish->spec.uid, &wish->spec.gid))
			return 0;
		return s2c_deny(session, S2C_GATE_USER_DENIED, err,
			"user '%s': it has to be a number, as UID or UID:GID", asked);
	}
	if (!image_user(wish, &wish->spec.uid, &wish->spec.gid)) {
		wish->spec.uid = default_uid(session, wish);
		wish->spec.gid = 0;
	}
	return 0;
}

static int decide_user(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	struct s2c_verdict verdict = {0};

	if (choose_user(session, wish, err) < 0)
		return -1;
	if (!s2c_rules_user(session->subject, wish->image.builder, wish->spec.uid,
		    wish->spec.gid, &verdict))
		return s2c_deny_by(session, &verdict, err);
	return 0;
}

/* ---- the rest of the spec ---- */

static int decide_workdir(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	const struct s2c_json *config = s2c_json_get(wish->image.inspect, "Config");
	const char *own = s2c_json_str(s2c_json_get(config, "WorkingDir"));
	const char *asked = session->ask->workdir ? session->ask->workdir : "";
	const char *both[] = {asked, own ? own : ""};

	/* CVE-2024-21626: a working directory in /proc/self/fd was one of the host. */
	for (size_t i = 0; i < ARRAY_SIZE(both); i++)
		if (*both[i] && !s2c_gate_path_allowed(both[i]))
			return s2c_deny(session, S2C_GATE_WORKDIR_DENIED, err,
				"working directory '%s'", both[i]);
	wish->spec.workdir = asked;
	return 0;
}

static bool is_env_name(const char *assignment)
{
	const char *equal = strchr(assignment, '=');
	size_t len = equal ? (size_t)(equal - assignment) : 0;

	if (!len || len > ENV_NAME_MAX || isdigit((unsigned char)*assignment))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)assignment[i]) &&
			!strchr("_.-", assignment[i]))
			return false;
	return true;
}

static int decide_env(struct s2c_session *session, struct s2c_error **err)
{
	struct s2c_verdict verdict = {0};
	size_t bytes = 0;

	s2c_strv_foreach (assignment, &session->ask->env) {
		bytes += strlen(assignment);
		if (!is_env_name(assignment))
			return s2c_deny(session, S2C_GATE_FIELD_VALUE, err,
				"Env: a variable is NAME=VALUE");
	}
	if (!s2c_rules_env(session->subject, session->ask->env.len, bytes, &verdict))
		return s2c_deny_by(session, &verdict, err);
	return 0;
}

static bool image_sets(const struct s2c_json *config, const char *name)
{
	size_t len = strlen(name);

	s2c_json_foreach (item, s2c_json_get(config, "Env")) {
		const char *text = s2c_json_str(item);

		if (text && strncmp(text, name, len) == 0 && text[len] == '=')
			return true;
	}
	return false;
}

/* podman adds variables, which would come into the image that is committed. */
static void unset_podmans(struct s2c_session *session, struct wish *wish)
{
	static const char *const names[] = {"TERM", "container", "PATH"};
	const struct s2c_json *config = s2c_json_get(wish->image.inspect, "Config");

	if (!session->core->podman)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!s2c_env_get(&session->ask->env, names[i]) &&
			!image_sets(config, names[i]))
			s2c_strv_add(&wish->unset, names[i]);
	wish->spec.unset = &wish->unset;
}

static int decide_command(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	static const struct s2c_strv none = S2C_STRV_INIT;
	const struct s2c_gate_ask *ask = session->ask;
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	struct s2c_verdict verdict = {0};

	wish->spec.cmd = &ask->cmd;
	wish->spec.entrypoint = ask->has_entrypoint ? &ask->entrypoint : NULL;
	if (!ask->has_entrypoint &&
		session->subject->values.entrypoint == S2C_ENTRYPOINT_CLEAR)
		wish->spec.entrypoint = &none;
	/* What runs is both together. */
	s2c_strv_add_all(&argv, &ask->entrypoint);
	s2c_strv_add_all(&argv, &ask->cmd);
	if (!s2c_rules_command(session->subject, &argv, &verdict))
		return s2c_deny_by(session, &verdict, err);
	return 0;
}

/* At least one for what is little, and no less for what is far too much. */
static uint32_t milli(uint64_t nano)
{
	uint64_t value = nano / 1000000 + (nano % 1000000 != 0);

	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static int decide_resources(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	struct s2c_verdict verdict = {0};
	struct s2c_limits asked = {.memory = ask->memory,
		.milli_cpus = milli(ask->nano_cpus),
		.pids = ask->pids > UINT32_MAX ? UINT32_MAX : (uint32_t)ask->pids};

	if (!s2c_rules_network(session->subject, wish->image.builder, ask->network,
		    &wish->spec.network, &verdict) ||
		!s2c_rules_limits(session->subject, &asked, &wish->spec.limits, &verdict))
		return s2c_deny_by(session, &verdict, err);
	/* A build of its own reads along, and nobody asks later. */
	wish->spec.log_bytes = session->core->private_
				       ? 0
				       : session->subject->values.log_bytes;
	return 0;
}

/* Only dockerd takes long over no network at all. */
static void decide_hosts(struct s2c_session *session, struct wish *wish)
{
	struct s2c_core *core = session->core;

	if (!core->podman && !atomic_load(&core->no_hosts) &&
		streq(wish->spec.network, "none"))
		wish->spec.hosts = core->hosts;
}

static int decide_labels(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	const struct s2c_strv *labels = &session->ask->labels;

	for (size_t i = 0; i < labels->len; i += 2)
		if (starts_with(labels->items[i], S2C_GATE_LABEL))
			return s2c_deny(session, S2C_GATE_LABEL_RESERVED, err,
				"label '%s'", labels->items[i]);
	wish->spec.labels = labels;
	return 0;
}

static void note_volumes(struct wish *wish)
{
	const struct s2c_json *config = s2c_json_get(wish->image.inspect, "Config");

	s2c_json_foreach (volume, s2c_json_get(config, "Volumes"))
		s2c_strv_add(&wish->volumes, s2c_json_key(volume));
	wish->spec.volumes = &wish->volumes;
}

static int decide_all(
	struct s2c_session *session, struct wish *wish, struct s2c_error **err)
{
	const char *image = session->ask->image;

	if (!image || !*image)
		return s2c_deny(
			session, S2C_GATE_FIELD_VALUE, err, "Image: there is none");
	if (s2c_gate_image_find(session, image, &wish->image, err) < 0)
		return -1;
	wish->spec.image = wish->image.id;
	wish->spec.env = &session->ask->env;
	unset_podmans(session, wish);
	note_volumes(wish);
	if (decide_user(session, wish, err) < 0 ||
		decide_workdir(session, wish, err) < 0 || decide_env(session, err) < 0 ||
		decide_command(session, wish, err) < 0 ||
		decide_resources(session, wish, err) < 0)
		return -1;
	decide_hosts(session, wish);
	return decide_labels(session, wish, err);
}

/* ---- doing it ---- */

static bool is_id(const char *text)
{
	return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* The answer was lost, but perhaps not the container; it goes also if nobody waits. */
static void remove_lost(struct s2c_session *session, const char *name)
{
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_detached(session->ctx, LOST_SECONDS);
	CLEAN_JSON struct s2c_json *answer = NULL;
	char target[256];
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_DELETE, .target = target, .watch = -1};
	int status;

	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/containers/%s?v=1&force=1", name);
	(void)!s2c_upstream_ask(
		ctx, &session->core->upstream, &opts, &status, &answer, NULL);
}

static int post(struct s2c_session *session, const struct wish *wish, const char *name,
	struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *body = s2c_gate_template_create(&wish->spec);
	char target[256];

	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/containers/create?name=%s", name);
	session->code = S2C_GATE_OK;
	return s2c_session_engine(session, S2C_HTTP1_POST, target, body, out, err);
}

/* The file of hosts is of this machine, and an engine may look at the files of another
 * one: then it says so, and gets no file any more. */
static int post_either(struct s2c_session *session, struct wish *wish, const char *name,
	struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;

	if (post(session, wish, name, out, &why) == 0)
		return 0;
	if (!wish->spec.hosts || session->code != S2C_GATE_UPSTREAM_REFUSED) {
		s2c_error_move(err, &why);
		return -1;
	}
	wish->spec.hosts = NULL;
	if (post(session, wish, name, out, err) < 0)
		return -1;
	atomic_store(&session->core->no_hosts, true);
	return 0;
}

/* Makes it under a name that nobody else knows; *out has its id. */
static int make(struct s2c_session *session, struct wish *wish,
	struct s2c_container_record *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = NULL;
	char name[S2C_GATE_NAME_MAX];
	const char *id;

	s2c_gate_instance_name(session->core->instance, session->request, name);
	if (post_either(session, wish, name, &answer, err) < 0) {
		if (session->code == S2C_GATE_OK)
			remove_lost(session, name);
		return -1;
	}
	id = s2c_json_str(s2c_json_get(answer, "Id"));
	if (!is_id(id)) {
		remove_lost(session, name);
		session->code = S2C_GATE_UPSTREAM_DOWN;
		return s2c_fail(err, S2C_EPROTO, "the engine gave no id for a container");
	}
	(void)snprintf(out->id, sizeof(out->id), "%s", id);
	return 0;
}

/* Whether it is what was asked for; else it does not stay. */
static int verify(struct s2c_session *session, const struct wish *wish, const char *id,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *found = NULL;
	char target[S2C_UPSTREAM_TARGET_MAX];

	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/containers/%s/json", id);
	if (s2c_session_engine(session, S2C_HTTP1_GET, target, NULL, &found, err) < 0)
		return -1;
	if (s2c_gate_template_check(&wish->spec, found, err) < 0) {
		session->code = S2C_GATE_UPSTREAM_MISMATCH;
		return -1;
	}
	return 0;
}

static void describe(struct s2c_session *session, const struct wish *wish,
	struct s2c_container_record *out)
{
	const struct s2c_json *config = s2c_json_get(wish->image.inspect, "Config");
	const char *destination = s2c_json_str(s2c_json_get(
		s2c_json_get(config, "Labels"), "io.openshift.s2i.destination"));

	(void)snprintf(out->owner, sizeof(out->owner), "%s", session->owner);
	(void)snprintf(out->name, sizeof(out->name), "%s",
		session->ask->name ? session->ask->name : "");
	(void)snprintf(out->image, sizeof(out->image), "%s", wish->image.id);
	if (destination && s2c_gate_path_allowed(destination))
		(void)snprintf(
			out->destination, sizeof(out->destination), "%s", destination);
	out->uid = wish->spec.uid;
	out->gid = wish->spec.gid;
	out->state = S2C_CONTAINER_CREATED;
	out->deadline = session->subject->values.deadline;
}

/* An engine that did something else does not get to run it. */
static int undo(struct s2c_session *session, const char *id)
{
	enum s2c_gate_code code = session->code;

	if (s2c_session_remove(session, id, NULL) < 0)
		(void)s2c_ledger_move(session->core->ledger, id, S2C_CONTAINER_ANY,
			S2C_CONTAINER_BROKEN);
	session->code = code;
	return -1;
}

/* A name of the client's own is only for the client, but two would be a surprise. */
static int check_name(struct s2c_session *session, struct s2c_error **err)
{
	const char *name = session->ask->name;
	struct s2c_container_record other;

	if (!name || !*name)
		return 0;
	if (strlen(name) >= S2C_LEDGER_NAME_MAX ||
		name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.-")])
		return s2c_deny(session, S2C_GATE_FIELD_VALUE, err, "name '%s'", name);
	if (s2c_ledger_find(session->core->ledger, session->owner, name, &other))
		return s2c_deny(session, S2C_GATE_STATE, err,
			"the name '%s' is in use by container %s", name, other.id);
	return 0;
}

int s2c_on_create(struct s2c_session *session, struct s2c_error **err)
{
	struct s2c_ledger *ledger = session->core->ledger;
	CLEAN(wish_release) struct wish wish = {0};
	CLEAN_JSON struct s2c_json *answer = s2c_json_new_object();
	struct s2c_container_record container = {0};

	if (check_name(session, err) < 0 || decide_all(session, &wish, err) < 0)
		return -1;
	if (s2c_ledger_reserve(ledger, session->ctx, session->owner,
		    session->subject->values.containers, session->wire_fd, err) < 0)
		return -1;
	describe(session, &wish, &container);
	/* A client that goes now must not leave a container that nobody knows. */
	session->steady = true;
	if (s2c_allow(session, NULL, wish.image.id, err) < 0 ||
		make(session, &wish, &container, err) < 0) {
		s2c_ledger_give_back(ledger, session->owner);
		return -1;
	}
	s2c_ledger_add(ledger, &container);
	if (verify(session, &wish, container.id, err) < 0)
		return undo(session, container.id);
	s2c_json_set_str(answer, "Id", container.id);
	(void)s2c_json_array_at(answer, "Warnings");
	if (s2c_answer_json(session, 201, answer, err) < 0)
		return undo(session, container.id);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/janitor.h"

#include <stdio.h>

#include "gate/filtered.h"
#include "util/clock.h"

#define AGAIN_SECONDS 5 /* until what could not be ended is told again */
#define CONTAINERS "/v" S2C_UPSTREAM_VERSION "/containers"

/* A request whose answer is of no further interest; its status, or -1. */
static int tell(struct s2c_core *core, struct s2c_ctx *ctx, enum s2c_http1_method method,
	const char *target)
{
	CLEAN_JSON struct s2c_json *answer = NULL;
	struct s2c_gate_call_opts opts = {
		.method = method, .target = target, .watch = -1};
	int status;

	if (s2c_upstream_ask(ctx, &core->upstream, &opts, &status, &answer, NULL) < 0)
		return -1;
	return status;
}

static bool is_gone(int status)
{
	return (status >= 200 && status < 300) || status == 404;
}

static int remove_container(struct s2c_core *core, struct s2c_ctx *ctx, const char *id)
{
	char target[S2C_UPSTREAM_TARGET_MAX];

	(void)snprintf(target, sizeof(target), CONTAINERS "/%s?v=1&force=1", id);
	return tell(core, ctx, S2C_HTTP1_DELETE, target);
}

/* Whether it has ended by now, which the ledger is told as well. */
static bool has_ended(struct s2c_core *core, struct s2c_ctx *ctx, const char *id)
{
	CLEAN_JSON struct s2c_json *found = NULL;
	char target[S2C_UPSTREAM_TARGET_MAX];
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = target, .watch = -1};
	int status, exit_code;

	(void)snprintf(target, sizeof(target), CONTAINERS "/%s/json", id);
	if (s2c_upstream_ask(ctx, &core->upstream, &opts, &status, &found, NULL) < 0)
		return false;
	if (status == 404) {
		s2c_ledger_remove(core->ledger, id);
		return true;
	}
	if (status != 200 || !s2c_filtered_has_exited(found, &exit_code))
		return false;
	s2c_ledger_exited(core->ledger, id, exit_code);
	return true;
}

void s2c_janitor_end_due(struct s2c_core *core, struct s2c_ctx *ctx)
{
	struct s2c_container_record container;
	char target[S2C_UPSTREAM_TARGET_MAX];

	while (s2c_ledger_due(core->ledger, s2c_now_ms(), false, &container)) {
		(void)snprintf(target, sizeof(target),
			CONTAINERS "/%s/kill?signal=SIGKILL", container.id);
		(void)tell(core, ctx, S2C_HTTP1_POST, target);
		/* What the engine says to a kill differs; that it has ended does not. */
		if (has_ended(core, ctx, container.id))
			s2c_ledger_deadline_passed(core->ledger, container.id);
		else
			s2c_ledger_postpone(core->ledger, container.id, AGAIN_SECONDS);
	}
}

void s2c_janitor_remove_forgotten(struct s2c_core *core, struct s2c_ctx *ctx)
{
	struct s2c_container_record container;

	while (s2c_ledger_forgotten(core->ledger, s2c_now_ms(), &container)) {
		if (!is_gone(remove_container(core, ctx, container.id)))
			return;
		s2c_ledger_remove(core->ledger, container.id);
	}
}

void s2c_janitor_remove_all(struct s2c_core *core, struct s2c_ctx *ctx)
{
	struct s2c_container_record container;

	while (s2c_ledger_due(core->ledger, 0, true, &container)) {
		(void)remove_container(core, ctx, container.id);
		s2c_ledger_remove(core->ledger, container.id);
	}
}

static bool is_orphan(struct s2c_core *core, const struct s2c_json *container)
{
	char instance[S2C_GATE_INSTANCE_DIGITS + 1];

	s2c_json_foreach (item, s2c_json_get(container, "Names")) {
		const char *name = s2c_json_str(item);

		if (name && *name == '/')
			name++;
		if (name && s2c_gate_instance_known(core->instance, name, instance))
			return !s2c_gate_instance_lives(core->instance, instance);
	}
	return false;
}

int s2c_janitor_remove_orphans(struct s2c_core *core, struct s2c_ctx *ctx,
	unsigned *out_n, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	CLEAN_JSON struct s2c_json *list = NULL;
	struct s2c_gate_call_opts opts = {.method = S2C_HTTP1_GET, .watch = -1};
	int status;

	*out_n = 0;
	if (s2c_buf_puts(&target, CONTAINERS "/json?all=1", err) < 0 ||
		s2c_http1_query_add(&target, "filters",
			"{\"name\":[\"" S2C_GATE_NAME_PREFIX "\"]}", err) < 0)
		return -1;
	opts.target = s2c_buf_str(&target);
	if (s2c_upstream_ask(ctx, &core->upstream, &opts, &status, &list, err) < 0)
		return -1;
	if (status != 200 || !s2c_json_is_array(list))
		return s2c_fail(err, S2C_EPROTO,
			"the engine does not list its containers (status %d): %s", status,
			s2c_upstream_message(list));
	s2c_json_foreach (container, list) {
		const char *id = s2c_json_str(s2c_json_get(container, "Id"));

		if (id && strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64 &&
			is_orphan(core, container) &&
			is_gone(remove_container(core, ctx, id)))
			++*out_n;
	}
	return 0;
}

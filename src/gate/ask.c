/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/ask.h"

#include "gate/field.h"
#include "util/escape.h"

static const char *const names[S2C_GATE_OPS] = {
	[S2C_GATE_REFUSED] = "refused",
	[S2C_GATE_PING] = "ping",
	[S2C_GATE_VERSION_GET] = "version",
	[S2C_GATE_IMAGE_INSPECT] = "image.inspect",
	[S2C_GATE_IMAGE_PULL] = "image.pull",
	[S2C_GATE_IMAGE_TAG] = "image.tag",
	[S2C_GATE_IMAGE_PUSH] = "image.push",
	[S2C_GATE_IMAGE_EXPORT] = "image.export",
	[S2C_GATE_IMAGE_DELETE] = "image.delete",
	[S2C_GATE_CREATE] = "container.create",
	[S2C_GATE_INSPECT] = "container.inspect",
	[S2C_GATE_ATTACH] = "container.attach",
	[S2C_GATE_START] = "container.start",
	[S2C_GATE_WAIT] = "container.wait",
	[S2C_GATE_LOGS] = "container.logs",
	[S2C_GATE_KILL] = "container.kill",
	[S2C_GATE_REMOVE] = "container.remove",
	[S2C_GATE_ARCHIVE_STAT] = "archive.stat",
	[S2C_GATE_ARCHIVE_GET] = "archive.get",
	[S2C_GATE_ARCHIVE_PUT] = "archive.put",
	[S2C_GATE_COMMIT] = "commit",
};

const char *s2c_gate_op_name(enum s2c_gate_op op)
{
	return names[op];
}

static const struct s2c_gate_field fields[] = {
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, op),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, refused),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, detail),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, method),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, path),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, object),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, name),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, repo),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, tag),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, platform),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, signal),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, condition),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, inside),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, in),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, out),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, error),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, stream),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, logs),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, follow),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, force),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, upgrade),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, registry_auth),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, image),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, user),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, workdir),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, network),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, has_entrypoint),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, env),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, cmd),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, entrypoint),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, labels),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, ports),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, volumes),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, binds),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, hosts),
	S2C_GATE_FIELD(TEXT, struct s2c_gate_ask, stop_signal),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, health),
	S2C_GATE_FIELD(LIST, struct s2c_gate_ask, shell),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, health_interval),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, health_timeout),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, health_start_period),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, health_retries),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, no_triggers),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, memory),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, nano_cpus),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_ask, pids),
};

void s2c_gate_ask_release(struct s2c_gate_ask *ask)
{
	s2c_gate_fields_release(ask, fields, ARRAY_SIZE(fields));
	*ask = (struct s2c_gate_ask){0};
}

void s2c_gate_ask_set_detail(struct s2c_gate_ask *ask, const char *detail)
{
	free(ask->detail);
	ask->detail = s2c_escape(detail, strlen(detail), S2C_GATE_DETAIL_MAX, false);
}

int s2c_gate_ask_refuse(struct s2c_gate_ask *ask, enum s2c_gate_code *code,
	enum s2c_gate_code why, const char *detail, struct s2c_error **err)
{
	*code = why;
	s2c_gate_ask_set_detail(ask, detail);
	return s2c_fail(err, S2C_EDENIED, "%s: %s", s2c_gate_code_name(why), detail);
}

int s2c_gate_ask_encode(
	const struct s2c_gate_ask *ask, struct s2c_buf *out, struct s2c_error **err)
{
	return s2c_gate_fields_encode(ask, fields, ARRAY_SIZE(fields), out, err);
}

/* Whether handlers find what they count on: a method, and a name where one is meant. */
static bool is_complete(const struct s2c_gate_ask *ask)
{
	switch ((int)ask->op) {
	case S2C_GATE_REFUSED:
		return true;
	case S2C_GATE_PING:
	case S2C_GATE_VERSION_GET:
	case S2C_GATE_IMAGE_PULL:
	case S2C_GATE_CREATE:
	case S2C_GATE_COMMIT:
		return ask->method != NULL;
	default:
		return ask->method && ask->object;
	}
}

int s2c_gate_ask_decode(
	const void *data, size_t len, struct s2c_gate_ask *out, struct s2c_error **err)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};

	if (s2c_gate_fields_decode(data, len, fields, ARRAY_SIZE(fields), &ask, err) < 0)
		return -1;
	if (ask.op >= S2C_GATE_OPS || ask.refused >= S2C_GATE_CODES ||
		ask.labels.len % 2 ||
		(ask.op == S2C_GATE_REFUSED) != (ask.refused != S2C_GATE_OK) ||
		!is_complete(&ask))
		return s2c_fail(err, S2C_EPROTO, "the worker sent an ask that is none");
	*out = ask;
	ask = (struct s2c_gate_ask){0};
	return 0;
}

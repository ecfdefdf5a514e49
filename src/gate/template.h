/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate writes to an engine, and what it then wants to read there. A container is
 * always this template with a few values put in; nothing that is not named here can be
 * asked for. Pure.
 */
#ifndef S2C_GATE_TEMPLATE_H
#define S2C_GATE_TEMPLATE_H

#include "codec/json.h"
#include "gate/ask.h"
#include "policy/policy.h"

#define S2C_GATE_LABEL "dev.s2c.gate." /* prefix of labels that nobody else may set */

/* A container, decided. Everything is borrowed. */
struct s2c_gate_spec {
	const char *image; /* id */
	uint32_t uid, gid;
	const struct s2c_strv *env, *cmd;
	const struct s2c_strv *entrypoint; /* NULL: that of the image */
	const struct s2c_strv
		*unset;      /* variables that podman adds and must not; may be NULL */
	const char *workdir; /* "": that of the image */
	const char *network;
	/* Network "none", without the engine's help: the file that is /etc/hosts, as
	 * gate/hosts.h has it. NULL: the engine sees to it. */
	const char *hosts;
	struct s2c_limits limits;
	uint64_t log_bytes;            /* kept by the engine; 0: none */
	const struct s2c_strv *labels; /* key, value, ... */
	/* What the image declares: an engine makes them, and they go with it.
	 * NULL: none. */
	const struct s2c_strv *volumes;
};

/* The body of POST /containers/create. */
struct s2c_json *s2c_gate_template_create(const struct s2c_gate_spec *spec);

/*
 * Whether an engine's description of the container (GET .../json) is what was asked for;
 * S2C_EPROTO names the field that is not. An engine that ignores a field is caught here.
 */
S2C_CHECK int s2c_gate_template_check(const struct s2c_gate_spec *spec,
	const struct s2c_json *inspect, struct s2c_error **err);

/* The config of a commit, out of the ask. */
struct s2c_json *s2c_gate_template_commit(const struct s2c_gate_ask *ask);
/*
 * The same as lines for `changes`, for podman 4.3, which ignores the body and takes a
 * line as it is, without quotes. S2C_EINVAL for a value that no line can hold.
 */
S2C_CHECK int s2c_gate_template_changes(
	const struct s2c_gate_ask *ask, struct s2c_strv *out, struct s2c_error **err);
/* Whether an image (GET /images/../json) has what the ask gave; S2C_EPROTO. */
S2C_CHECK int s2c_gate_template_check_commit(const struct s2c_gate_ask *ask,
	const struct s2c_json *inspect, struct s2c_error **err);

#endif

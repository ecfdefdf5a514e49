/* SPDX-License-Identifier: Apache-2.0 */
#include "build/engine_gate.h"

#include "gate/private.h"
#include "runtime/engine_place.h"

#define DEADLINE (24u * 3600) /* seconds, where there is no --timeout */
#define GRACE                                                                            \
	60u /* seconds behind --timeout, in which the build ends a process itself        \
	     */

#define TCP "tcp://"

struct s2c_engine_gate {
	struct s2c_tunnel_opts remote; /* an engine elsewhere; url NULL: on a socket */
	char *url, *ca, *cert, *key;   /* of it */
	char *socket;                  /* of a platform's gate, or the engine's */
	struct s2c_private_gate *own;  /* NULL: a platform's */
};

/* The network by the name that the engine has for it. */
static int name_network(const char *asked, struct s2c_strv *out, struct s2c_error **err)
{
	static const char *const names[] = {
		[S2C_NETWORK_ISOLATED] = "default",
		[S2C_NETWORK_NONE] = "none",
		[S2C_NETWORK_HOST] = "host",
	};
	enum s2c_network network = S2C_NETWORK_ISOLATED;

	if (asked && s2c_network_parse(asked, &network, err) < 0)
		return -1;
	s2c_strv_add(out, names[network]);
	/* What is only looked into needs no network. */
	if (network != S2C_NETWORK_NONE)
		s2c_strv_add(out, names[S2C_NETWORK_NONE]);
	return 0;
}

/* $DOCKER_CERT_PATH/NAME if that is there and no file was given. */
static char *cert_file(const char *given, const char *name)
{
	const char *dir = getenv("DOCKER_CERT_PATH");
	CLEAN_FREE char *path = dir && *dir ? xasprintf("%s/%s", dir, name) : NULL;

	if (given)
		return xstrdup(given);
	return path && access(path, R_OK) == 0 ? TAKE(path) : NULL;
}

static int find_remote(struct s2c_ctx *ctx, const char *url,
	const struct s2c_build_options *options, struct s2c_engine_gate *gate,
	struct s2c_error **err)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY");
	bool tls = options->engine_tls || options->engine_ca || options->engine_cert ||
		   (verify && *verify);
	const char *host = url + strlen(TCP);

	gate->url = xasprintf("%s://%s", tls ? "https" : "http", host);
	if (tls) {
		gate->ca = cert_file(options->engine_ca, "ca.pem");
		gate->cert = cert_file(options->engine_cert, "cert.pem");
		gate->key = cert_file(options->engine_key, "key.pem");
	} else {
		s2c_emit_log(ctx, S2C_WARN,
			"'%s' is reached without encryption; whoever is on the way can "
			"be "
			"the engine: say --tlsverify",
			url);
	}
	if (!gate->cert != !gate->key)
		return s2c_fail(err, S2C_EINVAL, "--cert and --key go together");
	gate->remote = (struct s2c_tunnel_opts){.url = gate->url,
		.ca_file = gate->ca,
		.client_cert = gate->cert,
		.client_key = gate->key};
	return 0;
}

static int start(struct s2c_store *store, struct s2c_work *work,
	const struct s2c_build_options *options, struct s2c_engine_gate *gate,
	struct s2c_error **err)
{
	CLEAN_FREE char *state = xasprintf("%s/gate", s2c_store_path(store));
	CLEAN_UIDS struct s2c_uids uids = {.n = 0};
	CLEAN_STRV struct s2c_strv networks = S2C_STRV_INIT;
	struct s2c_private_gate_opts opts = {
		.upstream = gate->socket,
		.remote = gate->url ? &gate->remote : NULL,
		.state = state,
		.dir = s2c_work_fd(work),
		.uids = &uids,
		.networks = &networks,
		.deadline = options->timeout && options->timeout < DEADLINE
				    ? options->timeout + GRACE
				    : DEADLINE,
		.takes_over = options->incremental && options->remove_previous,
	};

	if (s2c_uids_parse(options->allowed_uids, &uids, err) < 0 ||
		name_network(options->network, &networks, err) < 0)
		return -1;
	return s2c_private_gate_start(&opts, &gate->own, err);
}

int s2c_engine_gate_open(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_work *work, const struct s2c_build_options *options,
	struct s2c_engine_gate **out, struct s2c_error **err)
{
	struct s2c_engine_gate *gate = xcalloc(1, sizeof(*gate));
	bool is_gate = false;
	int rc = s2c_engine_place(options->engine, &gate->socket, &is_gate, err);

	if (rc == 0 && starts_with(gate->socket, TCP))
		rc = find_remote(ctx, gate->socket, options, gate, err);
	if (rc == 0 && !is_gate)
		rc = start(store, work, options, gate, err);
	if (rc < 0) {
		s2c_engine_gate_close(gate);
		return s2c_wrap(err, "--engine");
	}
	*out = gate;
	return 0;
}

int s2c_engine_gate_await(
	struct s2c_ctx *ctx, const struct s2c_engine_gate *gate, struct s2c_error **err)
{
	if (!gate->own || s2c_private_gate_await(ctx, gate->own, err) == 0)
		return 0;
	return s2c_wrap(err, "--engine");
}

const char *s2c_engine_gate_socket(const struct s2c_engine_gate *gate)
{
	return gate->own ? s2c_private_gate_socket(gate->own) : gate->socket;
}

const char *s2c_engine_gate_name(const struct s2c_engine_gate *gate)
{
	return gate->own ? gate->socket : NULL;
}

void s2c_engine_gate_end(struct s2c_engine_gate *gate)
{
	if (gate && gate->own)
		s2c_private_gate_end(gate->own);
}

void s2c_engine_gate_close(struct s2c_engine_gate *gate)
{
	if (!gate)
		return;
	s2c_private_gate_stop(gate->own);
	free(gate->socket);
	free(gate->url);
	free(gate->ca);
	free(gate->cert);
	free(gate->key);
	free(gate);
}

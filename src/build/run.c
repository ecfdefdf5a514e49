/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c run: a container of an image in the foreground, gone with its process.
 */
#include <s2c/run.h>

#include <arpa/inet.h>
#include <errno.h>

#include "build/env.h"
#include "build/paths.h"
#include "build/users.h"
#include "runtime/runtime.h"

/* What is known of the container before it is made. */
struct trial {
	const struct s2c_run_options *options;
	struct s2c_image *image;
	struct s2c_runtime *runtime;
	struct s2c_container *container;
	struct s2c_user user;
	struct s2c_strv argv, env;
	struct s2c_port ports[S2C_PORTS_MAX];
	size_t n_ports;
	struct s2c_limits limits;
	enum s2c_network network;
};

static void trial_release(struct trial *t)
{
	s2c_container_destroy(t->container);
	s2c_runtime_close(t->runtime);
	s2c_image_free(t->image);
	s2c_strv_release(&t->argv);
	s2c_strv_release(&t->env);
}

static int parse_number(const char *text, size_t len, uint16_t *out)
{
	unsigned long value = 0;

	if (len == 0 || len > 5)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (unsigned long)(text[i] - '0');
	}
	if (value == 0 || value > UINT16_MAX)
		return -1;
	*out = (uint16_t)value;
	return 0;
}

/* An address without brackets, or "" for none. */
static int parse_ip(const char *text, size_t len, char out[INET6_ADDRSTRLEN])
{
	unsigned char ignored[sizeof(struct in6_addr)];
	bool six = len > 2 && text[0] == '[' && text[len - 1] == ']';

	if (six) {
		text++;
		len -= 2;
	}
	if (len >= INET6_ADDRSTRLEN)
		return -1;
	memcpy(out, text, len);
	out[len] = '\0';
	return len == 0 || inet_pton(six ? AF_INET6 : AF_INET, out, ignored) == 1 ? 0
										  : -1;
}

/* "HOST:CONT", "IP:HOST:CONT" or "[IP]:HOST:CONT". */
static int parse_port(const char *text, struct s2c_port *out, struct s2c_error **err)
{
	const char *last = strrchr(text, ':');
	const char *host = text;
	size_t ip_len = 0;

	if (last) {
		for (const char *p = text; p < last; p++)
			if (*p == ':')
				host = p + 1;
		ip_len = host == text ? 0 : (size_t)(host - text) - 1;
	}
	if (!last || (host != text && ip_len == 0) ||
		parse_ip(text, ip_len, out->host_ip) ||
		parse_number(host, (size_t)(last - host), &out->host) ||
		parse_number(last + 1, strlen(last + 1), &out->container))
		return s2c_fail(
			err, S2C_EINVAL, "--publish '%s' is not [IP:]HOST:CONT", text);
	return 0;
}

static int parse_options(struct trial *t, struct s2c_error **err)
{
	const struct s2c_run_options *o = t->options;
	struct s2c_limit_options asked = {
		.network = o->network,
		.memory = o->memory,
		.cpus = o->cpus,
		.pids = o->pids_limit,
	};

	for (; o->ports && o->ports[t->n_ports]; t->n_ports++) {
		if (t->n_ports == S2C_PORTS_MAX)
			return s2c_fail(
				err, S2C_ELIMIT, "more than %d ports", S2C_PORTS_MAX);
		if (parse_port(o->ports[t->n_ports], &t->ports[t->n_ports], err))
			return -1;
	}
	if (s2c_limits_parse(&asked, &t->network, &t->limits, err))
		return -1;
	if (t->n_ports && t->network != S2C_NETWORK_ISOLATED)
		return s2c_fail(err, S2C_EINVAL,
			"--publish needs the isolated network; with --network %s there "
			"is nothing to publish",
			o->network);
	return 0;
}

static int decide_user(struct s2c_ctx *ctx, struct trial *t, struct s2c_error **err)
{
	CLEAN(s2c_users_release) struct s2c_users users = {0};
	const char *spec = t->options->user;

	if (!spec)
		spec = s2c_config_user(t->image->config);
	if (s2c_users_read(ctx, t->runtime, t->image, &users, err))
		return -1;
	if (s2c_user_resolve(spec ? spec : "", s2c_buf_str(&users.passwd),
		    s2c_buf_str(&users.group), &t->user, err))
		return s2c_wrap(err, t->options->user ? "--user" : "USER of the image");
	return 0;
}

static int decide_process(struct trial *t, struct s2c_error **err)
{
	const struct s2c_config *config = t->image->config;
	const char *const *own = t->options->argv;

	s2c_config_entrypoint(config, &t->argv);
	for (size_t i = 0; own && own[i]; i++)
		s2c_strv_add(&t->argv, own[i]);
	if (!own)
		s2c_config_cmd(config, &t->argv);
	if (t->argv.len == 0)
		return s2c_fail(
			err, S2C_EINVAL, "the image has no command; name one after '--'");
	if (t->options->whole_env) {
		for (size_t i = 0; t->options->whole_env[i]; i++)
			s2c_strv_add(&t->env, t->options->whole_env[i]);
		return 0;
	}
	s2c_config_env(config, &t->env);
	for (size_t i = 0; t->options->env && t->options->env[i]; i++)
		if (s2c_env_parse_flag("--env", t->options->env[i], &t->env, err))
			return -1;
	s2c_env_default(&t->env, t->user.home);
	return 0;
}

static int find(struct s2c_ctx *ctx, struct s2c_store *store, struct trial *t,
	struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_runtime_opts opts = {
		.store = store,
		.oci_runtime = t->options->oci_runtime,
	};

	if (s2c_store_find(store, t->options->image, &desc, NULL, err) ||
		s2c_image_load(store, &desc, &t->image, err))
		return -1;
	return s2c_runtime_open(ctx, &opts, &t->runtime, err);
}

static int create(struct s2c_ctx *ctx, struct trial *t, struct s2c_error **err)
{
	struct s2c_container_opts opts = {
		.image = t->image,
		.network = t->network,
		/* Who publishes a port wants it to be there. */
		.network_required = t->options->network || t->n_ports,
		.limits = t->limits,
		.uid = t->user.uid,
		.gid = t->user.gid,
		.ports = t->ports,
		.n_ports = t->n_ports,
	};

	return s2c_container_create(ctx, t->runtime, &opts, &t->container, err);
}

int s2c_image_run(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_run_options *options, int *out_status, struct s2c_error **err)
{
	CLEAN(trial_release) struct trial t = {.options = options};
	struct s2c_exec_opts exec = {
		.argv = &t.argv,
		.env = &t.env,
		.fd_in = options->fd_in,
		.fd_out = options->fd_out,
		.fd_err = options->fd_err,
		.keep_privileges_of_root = true,
	};
	CLEAN_FREE char *workdir = NULL;

	if (parse_options(&t, err) || find(ctx, store, &t, err) ||
		s2c_inner_workdir(s2c_config_workdir(t.image->config), &workdir, err) ||
		decide_user(ctx, &t, err) || decide_process(&t, err) ||
		create(ctx, &t, err))
		return -1;
	exec.cwd = workdir;
	return s2c_container_run(ctx, t.container, &exec, out_status, err);
}

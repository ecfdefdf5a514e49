/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of runtimes and the checks that all of them share: arguments and policy are
 * looked at here, so that no backend can forget to. S2C_TRACE=runtime logs each
 * operation.
 */
#include "runtime/runtime.h"

#include <arpa/inet.h>

#include "codec/guard.h"
#include "runtime/backend.h"
#include "runtime/rootpath.h"

#define HOSTNAME_BYTES_MAX 64 /* of the container itself: the kernel's */
#define HOST_BYTES_MAX 253    /* of others: RFC 1035, 2.3.4 */
#define MOUNTS_MAX 256

static const struct s2c_runtime_ops *const backends[] = {
	&s2c_runtime_native,
	&s2c_runtime_engine,
};

static void trace(struct s2c_ctx *ctx, const char *what, const char *detail)
{
	if (s2c_trace("runtime"))
		s2c_emit_log(ctx, S2C_DEBUG, "runtime: %s %s", what, detail);
}

int s2c_runtime_open(struct s2c_ctx *ctx, const struct s2c_runtime_opts *opts,
	struct s2c_runtime **out, struct s2c_error **err)
{
	const char *name = opts->name ? opts->name : backends[0]->name;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (streq(backends[i]->name, name))
			return backends[i]->open(ctx, opts, out, err);
	return s2c_fail(err, S2C_EINVAL,
		"unknown runtime '%s'; there are 'native' and 'engine'", name);
}

void s2c_runtime_close(struct s2c_runtime *runtime)
{
	if (runtime)
		runtime->ops->close(runtime);
}

const char *s2c_runtime_name(const struct s2c_runtime *runtime)
{
	return runtime->ops->name;
}

struct s2c_runtime_traits s2c_runtime_traits(const struct s2c_runtime *runtime)
{
	return runtime->ops->traits(runtime);
}

/* A path of the inside that a build may use: absolute and not mounted over. */
static int check_path(const char *what, const char *path, struct s2c_error **err)
{
	if (path[0] != '/')
		return s2c_fail(
			err, S2C_EINVAL, "%s '%s' is not an absolute path", what, path);
	if (s2c_rootpath_covered(path))
		return s2c_fail(err, S2C_EINVAL,
			"%s '%s' lies in a directory that the container mounts over",
			what, path);
	return 0;
}

int s2c_runtime_read_image_file(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	trace(ctx, "read of the image", path);
	return runtime->ops->read_image_file(ctx, runtime, image, path, buf, err);
}

static int check_hostname(const char *name, size_t max, struct s2c_error **err)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-._";

	if (!*name || *name == '-' || *name == '.' || strlen(name) > max ||
		name[strspn(name, fine)] != '\0')
		return s2c_fail(err, S2C_EINVAL, "'%s' is not a host name", name);
	return 0;
}

static int check_mount(const struct s2c_mount *m, struct s2c_error **err)
{
	bool has_source = m->kind == S2C_MOUNT_HOST || m->kind == S2C_MOUNT_AGENT;

	if (has_source && m->source[0] != '/')
		return s2c_fail(err, S2C_EINVAL,
			"mount source '%s' is not an absolute path", m->source);
	return check_path("mount point", m->destination, err);
}

static int check_mounts(const struct s2c_container_opts *opts, struct s2c_error **err)
{
	size_t files = 0;

	if (opts->n_mounts > MOUNTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d mounts", MOUNTS_MAX);
	for (size_t i = 0; i < opts->n_mounts; i++) {
		if (check_mount(&opts->mounts[i], err) < 0)
			return -1;
		files += opts->mounts[i].n_files;
	}
	if (files > S2C_SECRET_FILES_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"more than %d secret files; give large directories with --volume",
			S2C_SECRET_FILES_MAX);
	return 0;
}

int s2c_host_check(const struct s2c_host *host, struct s2c_error **err)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (check_hostname(host->name, HOST_BYTES_MAX, err) < 0)
		return -1;
	if (inet_pton(AF_INET, host->ip, address) != 1 &&
		inet_pton(AF_INET6, host->ip, address) != 1)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is not an address, as of host '%s'", host->ip, host->name);
	return 0;
}

static int check_hosts(const struct s2c_container_opts *opts, struct s2c_error **err)
{
	if (opts->n_hosts > S2C_HOSTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d hosts", S2C_HOSTS_MAX);
	for (size_t i = 0; i < opts->n_hosts; i++)
		if (s2c_host_check(&opts->hosts[i], err) < 0)
			return -1;
	return 0;
}

/* What the caller allowed is decided in build; here it is that nothing asks for nonsense.
 */
static int check_policy(const struct s2c_container_opts *opts, struct s2c_error **err)
{
	CLEAN_UIDS struct s2c_uids any = {.n = 0};
	struct s2c_policy_request request = {
		.uid = opts->uid,
		.gid = opts->gid,
		.user_origin = "user",
		.host_network_asked = opts->network == S2C_NETWORK_HOST,
		.network = opts->network,
		.limits = opts->limits,
	};

	if (s2c_uids_parse("0-", &any, err) < 0)
		return -1;
	return s2c_policy_check(&any, &request, err);
}

int s2c_container_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err)
{
	trace(ctx, "create", s2c_image_id(opts->image)->str);
	if (check_hostname(opts->hostname ? opts->hostname : "s2c", HOSTNAME_BYTES_MAX,
		    err) < 0 ||
		check_mounts(opts, err) < 0 || check_hosts(opts, err) < 0 ||
		check_policy(opts, err) < 0)
		return -1;
	if (opts->n_ports > S2C_PORTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d ports", S2C_PORTS_MAX);
	if (opts->n_ports && opts->network == S2C_NETWORK_NONE)
		return s2c_fail(err, S2C_EINVAL,
			"a container without network cannot publish ports");
	return runtime->ops->create(ctx, runtime, opts, out, err);
}

int s2c_container_copy_as(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err)
{
	trace(ctx, "copy into", path);
	if (check_path("directory", path, err) < 0)
		return -1;
	return container->runtime->ops->copy_in(
		ctx, container, path, entries, owner, err);
}

int s2c_container_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, struct s2c_error **err)
{
	return s2c_container_copy_as(ctx, container, path, entries, NULL, err);
}

bool s2c_container_is_dir(struct s2c_container *container, const char *path)
{
	return container->runtime->ops->is_dir(container, path);
}

int s2c_container_read_file(struct s2c_container *container, const char *path,
	struct s2c_buf *buf, struct s2c_error **err)
{
	return container->runtime->ops->read_file(container, path, buf, err);
}

int s2c_container_copy_out(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_writer *out, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');

	trace(ctx, "copy out of", path);
	if (check_path("path", path, err) < 0)
		return -1;
	if (!slash[1] || streq(slash, "/.") || streq(slash, "/.."))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' does not end with the name of a file or directory", path);
	return container->runtime->ops->copy_out(ctx, container, path, out, err);
}

bool s2c_container_has_program(struct s2c_container *container, const char *path)
{
	return container->runtime->ops->has_program(container, path);
}

int s2c_container_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err)
{
	if (opts->argv->len == 0)
		return s2c_fail(err, S2C_EINVAL, "no program to run");
	trace(ctx, "run", opts->argv->items[0]);
	if (opts->cwd && check_path("working directory", opts->cwd, err) < 0)
		return -1;
	if (s2c_ctx_check(ctx, err) < 0)
		return -1;
	return container->runtime->ops->run(ctx, container, opts, out_status, err);
}

int s2c_container_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err)
{
	trace(ctx, "commit", opts->created_by);
	if (opts->forbidden && s2c_json_guard(opts->config->root, opts->forbidden,
				       "its configuration (variables, labels)", err) < 0)
		return -1;
	return container->runtime->ops->commit(ctx, container, opts, out, err);
}

void s2c_container_destroy(struct s2c_container *container)
{
	if (container)
		container->runtime->ops->destroy(container);
}

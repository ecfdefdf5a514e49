/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making containers by an engine, the same few fields each time, and comparing what was
 * made with what was asked for: an engine that passes over a field must not go unnoticed.
 *
 * With a shell in the image a container takes any process, which it learns of when it is
 * started (engine_script.c). Without one it is made for the process that is foreseen.
 */
#include "runtime/engine_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "runtime/rootpath.h"
#include "util/fs.h"

#define SHELL "/bin/sh"
#define MOUNT_BYTES_MAX (16u * 1024 * 1024)
/* What it says of itself in the image's history when nobody foresaw anything. */
#define TITLE "s2c"

/* ---- asking ---- */

static struct s2c_json *strings(const struct s2c_strv *v)
{
	struct s2c_json *array = s2c_json_new_array();

	s2c_strv_foreach (item, v)
		s2c_json_add_str(array, item);
	return array;
}

static struct s2c_json *one_string(const char *text)
{
	struct s2c_json *array = s2c_json_new_array();

	s2c_json_add_str(array, text);
	return array;
}

static const char *network_mode(enum s2c_network network)
{
	switch (network) {
	case S2C_NETWORK_NONE:
		return "none";
	case S2C_NETWORK_HOST:
		return "host";
	case S2C_NETWORK_ISOLATED:
		break;
	}
	return "default";
}

static bool is_bind(const struct s2c_mount *mount)
{
	return mount->kind == S2C_MOUNT_HOST && !mount->copy;
}

/* As s2c_bind_is_one_of() and a gate have them. */
static void list_binds(const struct s2c_container_opts *opts, struct s2c_strv *out)
{
	for (size_t i = 0; i < opts->n_mounts; i++)
		if (is_bind(&opts->mounts[i]))
			s2c_strv_addf(out, "%s:%s:%s", opts->mounts[i].source,
				opts->mounts[i].destination,
				opts->mounts[i].writable ? "rw" : "ro");
}

static void add_mounts(struct s2c_json *host, const struct s2c_container_opts *opts)
{
	CLEAN_STRV struct s2c_strv binds = S2C_STRV_INIT, hosts = S2C_STRV_INIT;

	list_binds(opts, &binds);
	for (size_t i = 0; i < opts->n_hosts; i++)
		s2c_strv_addf(&hosts, "%s:%s", opts->hosts[i].name, opts->hosts[i].ip);
	if (binds.len)
		s2c_json_set_strv(host, "Binds", &binds);
	if (hosts.len)
		s2c_json_set_strv(host, "ExtraHosts", &hosts);
}

static struct s2c_json *host_config(const struct s2c_container_opts *opts)
{
	struct s2c_json *host = s2c_json_new_object();
	struct s2c_json *log = s2c_json_object_at(host, "LogConfig");

	s2c_json_set_str(host, "NetworkMode", network_mode(opts->network));
	s2c_json_set(host, "CapDrop", one_string("ALL"));
	s2c_json_set(host, "SecurityOpt", one_string("no-new-privileges"));
	s2c_json_set_int(host, "PidsLimit",
		opts->limits.pids ? opts->limits.pids : S2C_PIDS_DEFAULT);
	if (opts->limits.memory) {
		s2c_json_set_int(host, "Memory", (int64_t)opts->limits.memory);
		s2c_json_set_int(host, "MemorySwap", (int64_t)opts->limits.memory);
	}
	if (opts->limits.milli_cpus)
		s2c_json_set_int(
			host, "NanoCpus", (int64_t)opts->limits.milli_cpus * 1000000);
	s2c_json_set_str(log, "Type", "none");
	add_mounts(host, opts);
	return host;
}

/* Variables that no shell can set, and without a shell all, but those of the image. */
static void plan_env(const struct s2c_engine_container *c,
	const struct s2c_exec_opts *first, struct s2c_strv *out)
{
	CLEAN_STRV struct s2c_strv image = S2C_STRV_INIT;

	if (!first)
		return;
	s2c_config_env(c->config, &image);
	s2c_strv_foreach (variable, first->env) {
		/* Engines have the same defaults, and do not keep them. */
		bool theirs = starts_with(variable, "HOME=") ||
			      starts_with(variable, "PATH=");

		if (s2c_strv_find(&image, variable) >= 0 ||
			(c->has_shell && s2c_engine_script_can_set(variable)) ||
			(theirs && !c->has_shell))
			continue;
		s2c_strv_add(out, variable);
	}
}

static bool has_path(const struct s2c_config *config)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	if (config)
		s2c_config_env(config, &env);
	return s2c_env_get(&env, "PATH") != NULL;
}

static struct s2c_json *make_body(const struct s2c_engine_container *c,
	const struct s2c_container_opts *opts, const struct s2c_strv *env)
{
	const struct s2c_container_foresight *f = opts->foresight;
	struct s2c_json *body = s2c_json_new_object();
	struct s2c_json *entry = s2c_json_array_at(body, "Entrypoint");
	CLEAN_FREE char *user = xasprintf("%u:%u", c->uid, c->gid);

	/*
	 * A platform's gate knows images by their names; that it is the one, check_made()
	 * sees.
	 */
	s2c_json_set_str(body, "Image",
		*opts->image->name && !c->runtime->engine->own_gate
			? opts->image->name
			: s2c_image_id(opts->image)->str);
	if (!c->is_probe || c->uid)
		s2c_json_set_str(body, "User", user);
	if (c->has_shell) {
		s2c_json_add_str(entry, SHELL);
		s2c_json_add_str(entry, "-c");
		s2c_json_add_str(entry, s2c_engine_script_loader);
		/* $0 of the shell; dockerd makes it the line of the history. */
		s2c_json_set(body, "Cmd",
			one_string(f && f->created_by ? f->created_by : TITLE));
	} else {
		s2c_json_set(body, "Entrypoint", strings(&c->argv));
		s2c_json_set(body, "Cmd", s2c_json_new_array());
	}
	if (env->len)
		s2c_json_set(body, "Env", strings(env));
	s2c_json_set_bool(body, "AttachStdin", true);
	s2c_json_set_bool(body, "AttachStdout", true);
	s2c_json_set_bool(body, "AttachStderr", true);
	s2c_json_set_bool(body, "OpenStdin", true);
	s2c_json_set_bool(body, "StdinOnce", true);
	s2c_json_set(body, "HostConfig", host_config(opts));
	/* podman would bring these into the image; a gate takes care of that. */
	if (c->runtime->engine->podman && !c->runtime->engine->gate) {
		struct s2c_json *unset = s2c_json_array_at(body, "unsetenv");

		s2c_json_add_str(unset, "TERM");
		s2c_json_add_str(unset, "container");
		if (!has_path(c->config))
			s2c_json_add_str(unset, "PATH");
	}
	return body;
}

static int read_id(const struct s2c_json *answer, char out_id[S2C_ENGINE_ID_MAX + 1],
	struct s2c_error **err)
{
	const char *id = NULL;

	if (s2c_json_get_str(answer, "Id", S2C_REQUIRED, &id, err) < 0)
		return -1;
	return s2c_engine_check_id(id, out_id, err);
}

static int post(struct s2c_ctx *ctx, struct s2c_engine_runtime *rt,
	const struct s2c_json *body, char out_id[S2C_ENGINE_ID_MAX + 1],
	struct s2c_error **err)
{
	CLEAN_FREE char *name = xasprintf(
		S2C_ENGINE_NAME_PREFIX "%s-%u", rt->build, rt->count++);
	CLEAN_FREE char *target = xasprintf("/containers/create?name=%s", name);
	CLEAN_JSON struct s2c_json *answer = NULL;
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_engine_request request = {.method = "POST",
		.target = target,
		.json = body,
		/* A gate lets it wait until there is room for a container. */
		.patient = rt->engine->gate,
		.what = "cannot create a container"};

	if (s2c_engine_ask(ctx, rt->engine, &request, &answer, &cause) == 0 &&
		read_id(answer, out_id, &cause) == 0)
		return 0;
	/* The answer was lost, but perhaps not the container. */
	if (!s2c_error_status(cause))
		s2c_engine_remove_container(ctx, rt->engine, name);
	s2c_error_move(err, &cause);
	return -1;
}

/* ---- comparing ---- */

static int differs(const struct s2c_engine *engine, const char *what, const char *is,
	const char *asked, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EDENIED,
		"the engine at '%s' made a container that is not what was asked for: %s "
		"is '%s' instead of '%s'; nothing was run in it",
		engine->name, what, is ? is : "", asked);
}

static int same_str(const struct s2c_engine *engine, const struct s2c_json *object,
	const char *key, const char *asked, struct s2c_error **err)
{
	const char *is = s2c_json_str(s2c_json_get(object, key));

	return is && streq(is, asked) ? 0 : differs(engine, key, is, asked, err);
}

/* The same when printed; absent, null and empty are the same. */
static int same_list(const struct s2c_engine *engine, const struct s2c_json *object,
	const char *key, const struct s2c_json *asked, struct s2c_error **err)
{
	const struct s2c_json *is = s2c_json_get(object, key);
	CLEAN_FREE char *shown = is && s2c_json_len(is)
					 ? s2c_json_print(is, S2C_JSON_COMPACT)
					 : xstrdup("[]");
	CLEAN_FREE char *wanted = asked ? s2c_json_print(asked, S2C_JSON_COMPACT)
					: xstrdup("[]");

	return streq(shown, wanted) ? 0 : differs(engine, key, shown, wanted, err);
}

/* Namespaces: nobody's but the container's own. */
static int check_modes(const struct s2c_engine *engine, const struct s2c_json *host,
	enum s2c_network network, struct s2c_error **err)
{
	static const char *const modes[] = {
		"NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode"};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		const char *is = s2c_json_str(s2c_json_get(host, modes[i]));
		bool asked = i == 0 && network == S2C_NETWORK_HOST;

		if (is && ((streq(is, "host") && !asked) || strchr(is, ':')))
			return differs(engine, modes[i], is, "private", err);
	}
	return network == S2C_NETWORK_ISOLATED ? 0
					       : same_str(engine, host, "NetworkMode",
							 network_mode(network), err);
}

/* podman lists what "ALL" took away; dockerd says ALL. */
static int check_rights(const struct s2c_engine *engine, const struct s2c_json *host,
	struct s2c_error **err)
{
	const struct s2c_json *drop = s2c_json_get(host, "CapDrop");
	const struct s2c_json *options = s2c_json_get(host, "SecurityOpt");
	const char *first = s2c_json_str(s2c_json_first(drop));
	bool privileged = true, nnp = false;

	if (!s2c_json_is_bool(s2c_json_get(host, "Privileged"), &privileged) ||
		privileged)
		return differs(engine, "Privileged", "true", "false", err);
	if (!first || (!engine->podman && !streq(first, "ALL")))
		return differs(engine, "CapDrop", first, "ALL", err);
	s2c_json_foreach (option, options) {
		const char *text = s2c_json_str(option);

		if (text && (streq(text, "no-new-privileges") ||
				    streq(text, "no-new-privileges=true") ||
				    streq(text, "no-new-privileges:true")))
			nnp = true;
		else
			return differs(
				engine, "SecurityOpt", text, "no-new-privileges", err);
	}
	return nnp ? 0 : differs(engine, "SecurityOpt", "", "no-new-privileges", err);
}

/* Volumes of the image are mounted whether asked for or not; else what was asked for. */
static int check_mounts(const struct s2c_engine_container *c,
	const struct s2c_container_opts *opts, const struct s2c_json *root,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv binds = S2C_STRV_INIT;
	static const char *const none[] = {
		"CapAdd", "Devices", "VolumesFrom", "GroupAdd"};
	const struct s2c_engine *engine = c->runtime->engine;
	const struct s2c_json *host = s2c_json_get(root, "HostConfig");
	CLEAN_STRV struct s2c_strv volumes = S2C_STRV_INIT;

	s2c_config_volumes(c->config, &volumes);
	list_binds(opts, &binds);
	s2c_json_foreach (item, s2c_json_get(host, "Binds")) {
		const char *bind = s2c_json_str(item);

		if (!bind || (!s2c_bind_is_volume_of(&volumes, bind) &&
				     !s2c_bind_is_one_of(&binds, bind)))
			return differs(engine, "Binds", bind, "", err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (s2c_json_len(s2c_json_get(host, none[i])))
			return same_list(engine, host, none[i], NULL, err);
	s2c_json_foreach (mount, s2c_json_get(root, "Mounts")) {
		const char *type = s2c_json_str(s2c_json_get(mount, "Type"));

		if ((!type || !streq(type, "volume")) &&
			!s2c_mount_is_one_of(&binds, mount))
			return differs(engine, "a mount", type, "volume", err);
	}
	return 0;
}

static int check_made(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_container_opts *opts, const struct s2c_json *body,
	struct s2c_error **err)
{
	CLEAN_FREE char *target = xasprintf("/containers/%s/json", c->id);
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_engine *engine = c->runtime->engine;
	struct s2c_engine_request request = {.method = "GET",
		.target = target,
		.what = "cannot look at the container"};
	char image[S2C_ENGINE_ID_MAX + 1], asked[S2C_ENGINE_ID_MAX + 1];

	if (s2c_engine_ask(ctx, engine, &request, &root, err) < 0 ||
		s2c_engine_check_id(
			s2c_json_str(s2c_json_get(root, "Image")), image, err) < 0 ||
		s2c_engine_check_id(s2c_image_id(opts->image)->str, asked, err) < 0)
		return -1;
	const struct s2c_json *config = s2c_json_get(root, "Config");
	const struct s2c_json *host = s2c_json_get(root, "HostConfig");
	if (!streq(image, asked))
		return differs(engine, "Image", image, asked, err);
	if (same_str(engine, config, "User", s2c_json_str(s2c_json_get(body, "User")),
		    err) < 0 ||
		same_list(engine, config, "Entrypoint", s2c_json_get(body, "Entrypoint"),
			err) < 0 ||
		same_list(engine, config, "Cmd", s2c_json_get(body, "Cmd"), err) < 0)
		return -1;
	if (check_modes(engine, host, opts->network, err) < 0 ||
		check_rights(engine, host, err) < 0)
		return -1;
	return check_mounts(c, opts, root, err);
}

/* ---- looking into images ---- */

void s2c_engine_probe_drop(struct s2c_engine_runtime *rt)
{
	if (*rt->probe.id)
		s2c_engine_remove_container(rt->ctx, rt->engine, rt->probe.id);
	s2c_facts_close(rt->probe.facts);
	s2c_json_free(rt->probe.body);
	rt->probe = (struct s2c_engine_probe){.image = ""};
}

/*
 * At a gate of many a build must not hold one container and wait for another: when all
 * places are held that way nobody goes on. What is known stays.
 */
static void let_probe_go(struct s2c_engine_runtime *rt)
{
	if (!*rt->probe.id || !rt->engine->gate || rt->engine->own_gate)
		return;
	s2c_engine_remove_container(rt->ctx, rt->engine, rt->probe.id);
	*rt->probe.id = '\0';
}

int s2c_engine_probe_make(
	struct s2c_ctx *ctx, struct s2c_engine_runtime *rt, struct s2c_error **err)
{
	return *rt->probe.id ? 0 : post(ctx, rt, rt->probe.body, rt->probe.id, err);
}

/* Its container never runs, but a gate looks at its user all the same. */
static int get_probe(struct s2c_ctx *ctx, struct s2c_engine_runtime *rt,
	const struct s2c_image *image, struct s2c_error **err)
{
	struct s2c_container_opts opts = {.image = image, .network = S2C_NETWORK_NONE};
	CLEAN_STRV struct s2c_strv none = S2C_STRV_INIT;
	struct s2c_engine_container c = {.runtime = rt,
		.is_probe = true,
		.has_shell = true,
		.uid = rt->engine->own_gate ? rt->look_uid : 0};
	char id[S2C_ENGINE_ID_MAX + 1];

	if (s2c_engine_check_id(s2c_image_id(image)->str, id, err) < 0)
		return -1;
	if (streq(rt->probe.image, id))
		return 0;
	s2c_engine_probe_drop(rt);
	rt->probe.body = make_body(&c, &opts, &none);
	rt->probe.facts = s2c_facts_open(
		ctx, rt->store, rt->engine->name, s2c_image_id(image));
	memcpy(rt->probe.image, id, sizeof(id));
	return 0;
}

int s2c_engine_rt_read_image_file(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	struct s2c_engine_runtime *rt = s2c_engine_runtime_of(runtime);
	struct s2c_engine_files files = {.runtime = rt};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(buf->max - buf->len);
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_facts_file fact = {.there = false};

	if (get_probe(ctx, rt, image, err) < 0)
		return -1;
	memcpy(files.image, rt->probe.image, sizeof(files.image));
	if (!s2c_facts_find_file(rt->probe.facts, path, &fact)) {
		fact.there = s2c_engine_read_file(ctx, &files, path, &text, &cause) == 0;
		if (cause && s2c_error_code(cause) != S2C_ENOENT) {
			s2c_error_move(err, &cause);
			return -1;
		}
		fact.text = s2c_buf_str(&text);
		fact.len = text.len;
		s2c_facts_note_file(rt->probe.facts, path, &fact);
	}
	if (!fact.there)
		return s2c_fail(err, S2C_ENOENT, "there is no '%s' in the image", path);
	return s2c_buf_add(buf, fact.text, fact.len, err);
}

static int find_shell(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_image *image, struct s2c_error **err)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	struct s2c_engine_files pristine = {.runtime = c->runtime};

	if (get_probe(ctx, c->runtime, image, err) < 0)
		return -1;
	memcpy(c->files.image, c->runtime->probe.image, sizeof(c->files.image));
	memcpy(pristine.image, c->files.image, sizeof(pristine.image));
	if (s2c_engine_stat(ctx, &pristine, SHELL, &st, err) < 0)
		return -1;
	c->has_shell = st.kind == S2C_ENGINE_FILE && st.mode & 0111;
	return c->has_shell ? s2c_engine_find_tar(ctx, &c->files, err) : 0;
}

/* ---- create and destroy ---- */

void s2c_engine_remove_container(
	struct s2c_ctx *ctx, struct s2c_engine *engine, const char *id)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_detached(ctx, S2C_ENGINE_CLEANUP_SECONDS);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *target = xasprintf("/containers/%s?v=1&force=1", id);
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_engine_request request = {.method = "DELETE",
		.target = target,
		.patient = true,
		.what = "cannot remove the container"};

	if (s2c_engine_call(own, engine, &request, &response, &cause) < 0 &&
		s2c_error_code(cause) != S2C_ENOENT)
		s2c_emit_log(ctx, S2C_WARN, "%s; it may be left as '%.30s'",
			s2c_error_message(cause), id);
}

static void remove_bad_image(const struct s2c_engine_container *c)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_detached(
		c->runtime->ctx, S2C_ENGINE_CLEANUP_SECONDS);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (c->bad_image &&
		s2c_engine_remove_image(own, c->runtime->engine, c->bad_image, &cause))
		s2c_emit_log(own, S2C_WARN, "%s", s2c_error_message(cause));
}

void s2c_engine_rt_destroy(struct s2c_container *container)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);

	if (*c->id)
		s2c_engine_remove_container(c->runtime->ctx, c->runtime->engine, c->id);
	remove_bad_image(c);
	s2c_channel_release(&c->ahead);
	free(c->bad_image);
	s2c_strv_release(&c->files.made);
	s2c_strv_release(&c->files.programs);
	s2c_engine_forget_pending(&c->files);
	free(c->files.tar);
	free(c->files.head);
	free(c->cwd);
	s2c_config_free(c->config);
	s2c_strv_release(&c->argv);
	s2c_strv_release(&c->excludes);
	s2c_strv_release(&c->own);
	s2c_strv_release(&c->left);
	s2c_engine_secrets_release(&c->secrets);
	s2c_engine_caches_release(c);
	free(c->kept.path);
	s2c_buf_release(&c->kept.text);
	for (size_t i = 0; i < S2C_ENGINE_ACCOUNTS; i++)
		s2c_buf_release(&c->accounts[i].text);
	free(c);
}

static void clean_container(struct s2c_engine_container **c)
{
	if (*c)
		s2c_engine_rt_destroy(&(*c)->base);
}

static void take_foresight(
	struct s2c_engine_container *c, const struct s2c_container_foresight *f)
{
	if (!f)
		return;
	if (f->first)
		s2c_strv_add_all(&c->argv, f->first->argv);
	if (f->excludes)
		s2c_strv_add_all(&c->excludes, f->excludes);
	if (f->read_after)
		c->kept.path = xstrdup(f->read_after);
}

static int check_opts(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_container_opts *opts, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv volumes = S2C_STRV_INIT;
	const struct s2c_exec_opts *first = opts->foresight ? opts->foresight->first
							    : NULL;

	if (opts->n_ports)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"a container of an engine publishes no ports");
	if (!c->has_shell && !first)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"image '%s' has no '" SHELL "', so that an engine has to know in "
			"advance what will run in it",
			opts->image->name);
	for (size_t i = 0; i < opts->n_mounts; i++)
		if (is_bind(&opts->mounts[i]) &&
			(strchr(opts->mounts[i].source, ':') ||
				strchr(opts->mounts[i].destination, ':')))
			return s2c_fail(err, S2C_EINVAL,
				"an engine takes no path with ':' for a volume ('%s', "
				"'%s')",
				opts->mounts[i].source, opts->mounts[i].destination);
	s2c_config_volumes(c->config, &volumes);
	s2c_strv_foreach (volume, &volumes) {
		if (first && first->cwd && s2c_rootpath_below(first->cwd, volume))
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"it declares volume '%s', in which the build works: an "
				"engine would leave all of it out of the image; build "
				"without --engine, or take another builder image",
				volume);
		s2c_emit_log(ctx, S2C_WARN,
			"the builder image declares volume '%s': an engine keeps what is "
			"written there out of the image",
			volume);
	}
	return 0;
}

static int fill_mount(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, struct s2c_error **err);

int s2c_engine_rt_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err)
{
	CLEAN(clean_container) struct s2c_engine_container *c = xcalloc(1, sizeof(*c));
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	CLEAN_JSON struct s2c_json *body = NULL;

	c->ahead = (struct s2c_channel)S2C_CHANNEL_INIT;
	c->base.runtime = runtime;
	c->runtime = c->files.runtime = s2c_engine_runtime_of(runtime);
	c->files.id = c->id;
	c->config = s2c_config_copy(opts->image->config);
	c->uid = opts->uid;
	c->gid = opts->gid;
	take_foresight(c, opts->foresight);
	if (find_shell(ctx, c, opts->image, err) < 0 || check_opts(ctx, c, opts, err) < 0)
		return s2c_wrap(err, "image '%s'", opts->image->name);
	plan_env(c, opts->foresight ? opts->foresight->first : NULL, &env);
	body = make_body(c, opts, &env);
	/* Its worker gets ready while the engine makes the container. */
	if (c->runtime->engine->own_gate)
		(void)!s2c_channel_dial(ctx, c->runtime->engine->socket, &c->ahead, NULL);
	let_probe_go(c->runtime);
	if (post(ctx, c->runtime, body, c->id, err) < 0)
		return -1;
	/* A gate of our own has compared all of it before it answered. */
	if (!c->runtime->engine->own_gate && check_made(ctx, c, opts, body, err) < 0)
		return -1;
	for (size_t i = 0; i < opts->n_mounts; i++)
		if (fill_mount(ctx, c, &opts->mounts[i], err) < 0)
			return -1;
	if (s2c_engine_secrets_place(ctx, c, opts, err) < 0)
		return -1;
	*out = &TAKE(c)->base;
	return 0;
}

/* ---- files ---- */

/* A file of the host, for the build alone: a copy that is removed after the run. */
static int copy_mount(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(MOUNT_BYTES_MAX);
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	const char *slash = strrchr(mount->destination, '/');
	CLEAN_FREE char *dir = xstrndup(
		mount->destination, (size_t)(slash - mount->destination));
	struct s2c_engine_file file = {
		.path = mount->destination, .mode = 0444, .uid = c->uid, .gid = c->gid};

	if (s2c_fs_read_file(AT_FDCWD, mount->source, &text, err) < 0 ||
		s2c_engine_stat(ctx, &c->files, *dir ? dir : "/", &st, err) < 0)
		return -1;
	file.data = s2c_buf_str(&text);
	file.len = text.len;
	s2c_strv_add(&c->own, st.kind == S2C_ENGINE_MISSING ? dir : mount->destination);
	return s2c_engine_put_file(ctx, &c->files, &file, err);
}

static int fill_mount(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, struct s2c_error **err)
{
	switch (mount->kind) {
	case S2C_MOUNT_HOST:
		return mount->copy ? copy_mount(ctx, c, mount, err) : 0;
	case S2C_MOUNT_CACHE:
		return s2c_engine_caches_place(ctx, c, mount, err);
	case S2C_MOUNT_AGENT:
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"an engine's container cannot use an SSH agent of this host: "
			"build without --engine, or without --ssh");
	case S2C_MOUNT_SECRET:
		break;
	}
	return 0;
}

int s2c_engine_rt_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);
	struct s2c_engine_put put = {
		.path = path,
		.entries = entries,
		.uid = owner ? owner->uid : c->uid,
		.gid = owner ? owner->gid : c->gid,
	};

	put.others = put.uid != c->uid || put.gid != c->gid;
	if (c->started)
		return s2c_fail(err, S2C_EINVAL,
			"files can be copied into a container before its first run only");
	return s2c_engine_put(ctx, &c->files, &put, err);
}

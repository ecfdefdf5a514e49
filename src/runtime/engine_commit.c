/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container that has stopped to an image of the engine. An engine merges what it
 * is told with what the container was made with, each in its own way, so what came out is
 * looked at again and compared.
 */
#include "runtime/engine_impl.h"

#include "http/http1.h"

/* ---- what is asked for ---- */

/* The parts of an image's configuration that a build decides. */
struct wish {
	const char *user, *workdir;
	struct s2c_strv env, entrypoint, cmd;
	const struct s2c_json *labels;
};

static const struct s2c_json *labels_of(const struct s2c_config *config)
{
	return s2c_json_get(s2c_json_get(config->root, "config"), "Labels");
}

static void wish_read(const struct s2c_config *config, struct wish *wish)
{
	wish->user = s2c_config_user(config);
	wish->workdir = s2c_config_workdir(config);
	wish->labels = labels_of(config);
	s2c_config_env(config, &wish->env);
	s2c_config_entrypoint(config, &wish->entrypoint);
	s2c_config_cmd(config, &wish->cmd);
}

static void wish_release(struct wish *wish)
{
	s2c_strv_release(&wish->env);
	s2c_strv_release(&wish->entrypoint);
	s2c_strv_release(&wish->cmd);
}

static struct s2c_json *wish_json(const struct wish *wish)
{
	struct s2c_json *body = s2c_json_new_object();

	s2c_json_set_str(body, "User", wish->user);
	s2c_json_set_str(body, "WorkingDir", wish->workdir);
	s2c_json_set_strv(body, "Env", &wish->env);
	s2c_json_set_strv(body, "Cmd", &wish->cmd);
	/* Empty and not absent: else the container's own would stay. */
	s2c_json_set_strv(body, "Entrypoint", &wish->entrypoint);
	s2c_json_set(body, "Labels",
		wish->labels ? s2c_json_copy(wish->labels) : s2c_json_new_object());
	return body;
}

/* ---- the same as changes ---- */

static int add_change(struct s2c_buf *target, struct s2c_error **err, const char *word,
	const char *value)
{
	CLEAN_FREE char *change = xasprintf("%s %s", word, value);

	return s2c_http1_query_add(target, "changes", change, err);
}

static int add_list(struct s2c_buf *target, struct s2c_error **err, const char *word,
	const struct s2c_strv *list)
{
	CLEAN_JSON struct s2c_json *array = s2c_json_new_array();
	CLEAN_FREE char *text = NULL;

	s2c_strv_foreach (item, list)
		s2c_json_add_str(array, item);
	text = s2c_json_print(array, S2C_JSON_COMPACT);
	return add_change(target, err, word, text);
}

/*
 * podman 4.3 passes over the body and takes Dockerfile lines. Each is a parameter of its
 * own, so that no value can end a line; a value that comes out different is found later.
 */
static int add_changes(struct s2c_buf *target, const struct wish *wish,
	const struct s2c_config *base, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv had = S2C_STRV_INIT;

	s2c_config_env(base, &had);
	s2c_strv_foreach (variable, &wish->env)
		if (s2c_strv_find(&had, variable) < 0 &&
			add_change(target, err, "ENV", variable) < 0)
			return -1;
	s2c_json_foreach (label, wish->labels) {
		const char *key = s2c_json_key(label), *value = s2c_json_str(label);
		const char *old = s2c_config_label(base, key);
		CLEAN_FREE char *both = xasprintf("%s=%s", key, value ? value : "");

		if ((!old || !value || !streq(old, value)) &&
			add_change(target, err, "LABEL", both) < 0)
			return -1;
	}
	if (*wish->workdir && add_change(target, err, "WORKDIR", wish->workdir) < 0)
		return -1;
	if (add_list(target, err, "ENTRYPOINT", &wish->entrypoint) < 0 ||
		add_list(target, err, "CMD", &wish->cmd) < 0)
		return -1;
	return *wish->user ? add_change(target, err, "USER", wish->user) : 0;
}

/* ---- comparing ---- */

static int differs(
	const char *what, const char *is, const char *asked, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO,
		"the engine committed an image that is not what was asked for: its %s is "
		"'%s' instead of '%s'",
		what, is ? is : "", asked ? asked : "");
}

static int same_list(const char *what, const struct s2c_strv *is,
	const struct s2c_strv *asked, struct s2c_error **err)
{
	for (size_t i = 0; i < is->len || i < asked->len; i++) {
		const char *a = i < is->len ? is->items[i] : NULL;
		const char *b = i < asked->len ? asked->items[i] : NULL;

		if (!a || !b || !streq(a, b))
			return differs(what, a, b, err);
	}
	return 0;
}

/* The order of variables means nothing. A value is not shown: it may be a secret. */
static int same_env(
	const struct s2c_strv *is, const struct s2c_strv *asked, struct s2c_error **err)
{
	s2c_strv_foreach (variable, asked)
		if (s2c_strv_find(is, variable) < 0)
			return s2c_fail(err, S2C_EPROTO,
				"the engine committed an image without variable '%.*s', "
				"or "
				"with another value of it",
				(int)strcspn(variable, "="), variable);
	s2c_strv_foreach (variable, is)
		if (s2c_strv_find(asked, variable) < 0)
			return s2c_fail(err, S2C_EPROTO,
				"the engine left variable '%.*s', which is for the build "
				"alone, in the image",
				(int)strcspn(variable, "="), variable);
	return 0;
}

static int same_labels(
	const struct s2c_json *is, const struct s2c_json *asked, struct s2c_error **err)
{
	s2c_json_foreach (label, asked) {
		const char *value = s2c_json_str(s2c_json_get(is, s2c_json_key(label)));

		if (!value || !streq(value, s2c_json_str(label)))
			return s2c_fail(err, S2C_EPROTO,
				"the engine committed an image whose label '%s' is '%s' "
				"instead of '%s'",
				s2c_json_key(label), value ? value : "",
				s2c_json_str(label));
	}
	s2c_json_foreach (label, is)
		if (!s2c_json_get(asked, s2c_json_key(label)))
			return s2c_fail(err, S2C_EPROTO,
				"the engine committed an image with label '%s', which "
				"nobody asked for",
				s2c_json_key(label));
	return 0;
}

static const char *root_if_empty(const char *dir)
{
	return *dir ? dir : "/";
}

static int compare(const struct s2c_config *made, const struct s2c_config *config,
	struct s2c_error **err)
{
	CLEAN(wish_release) struct wish is = {.user = NULL}, asked = {.user = NULL};

	wish_read(made, &is);
	wish_read(config, &asked);
	if (!streq(is.user, asked.user))
		return differs("user", is.user, asked.user, err);
	if (!streq(root_if_empty(is.workdir), root_if_empty(asked.workdir)))
		return differs("working directory", is.workdir, asked.workdir, err);
	if (same_list("command", &is.cmd, &asked.cmd, err) < 0 ||
		same_list("entrypoint", &is.entrypoint, &asked.entrypoint, err) < 0 ||
		same_env(&is.env, &asked.env, err) < 0)
		return -1;
	return same_labels(is.labels, asked.labels, err);
}

/* ---- the slot ---- */

static void warn_of_rest(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_commit_opts *opts)
{
	s2c_strv_foreach (path, &c->left)
		s2c_emit_log(ctx, S2C_WARN,
			"'%s' could not be removed as uid %u and is in the image", path,
			c->uid);
	if (!opts->excludes)
		return;
	s2c_strv_foreach (path, opts->excludes)
		if (!c->has_shell || s2c_strv_find(&c->excludes, path) < 0)
			s2c_emit_log(ctx, S2C_WARN,
				"'%s' may be in the image: an engine leaves nothing out, "
				"and %s",
				path,
				c->has_shell ? "it was not removed in the container"
					     : "the image has no shell to remove it");
}

static int post_commit(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_config *config, char out_id[S2C_ENGINE_ID_MAX + 1],
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_HTTP_URL_MAX);
	CLEAN(wish_release) struct wish wish = {.user = NULL};
	CLEAN_JSON struct s2c_json *body = NULL, *answer = NULL;
	struct s2c_engine_request request = {
		.method = "POST", .patient = true, .what = "cannot commit"};
	const char *id = NULL;

	wish_read(config, &wish);
	body = wish_json(&wish);
	s2c_engine_metadata_add(c, config, body);
	if (s2c_buf_printf(&target, err, "/commit?container=%s", c->id) < 0 ||
		(c->runtime->engine->podman && !c->runtime->engine->gate &&
			(add_changes(&target, &wish, c->config, err) < 0 ||
				s2c_engine_metadata_changes(body, &target, err) < 0)))
		return -1;
	request.target = s2c_buf_str(&target);
	request.json = body;
	if (s2c_engine_ask(ctx, c->runtime->engine, &request, &answer, err) < 0 ||
		s2c_json_get_str(answer, "Id", S2C_REQUIRED, &id, err) < 0)
		return -1;
	return s2c_engine_check_id(id, out_id, err);
}

static int check_committed(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_config *config, const char *id, struct s2c_error **err)
{
	CLEAN_IMAGE struct s2c_image *made = NULL;

	if (s2c_engine_image(ctx, c->runtime->engine, id, &made, err) < 0)
		return -1;
	if (made->config->n_diff_ids < c->config->n_diff_ids)
		return s2c_fail(err, S2C_EPROTO,
			"the engine committed an image with fewer layers than the "
			"builder image has");
	for (size_t i = 0; i < c->config->n_diff_ids; i++)
		if (!s2c_digest_equal(
			    &made->config->diff_ids[i], &c->config->diff_ids[i]))
			return s2c_fail(err, S2C_EPROTO,
				"the engine committed an image that is not made on top "
				"of the builder image");
	if (compare(made->config, config, err) < 0)
		return -1;
	return s2c_engine_metadata_check(ctx, c, made->config, config, err);
}

int s2c_engine_rt_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "layer", NULL);
	char hex[S2C_ENGINE_ID_MAX + 1];
	CLEAN_FREE char *id = NULL;

	warn_of_rest(ctx, c, opts);
	if (s2c_engine_put_pending(ctx, &c->files, err) < 0 ||
		s2c_engine_accounts_restore(ctx, c, err) < 0 ||
		s2c_engine_secrets_clear(ctx, c, err) < 0 ||
		post_commit(ctx, c, opts->config, hex, err) < 0)
		return -1;
	id = xasprintf("sha256:%s", hex);
	if (check_committed(ctx, c, opts->config, id, err) < 0 ||
		(opts->forbidden &&
			s2c_engine_scan(ctx, c, id, opts->forbidden, err) < 0)) {
		free(c->bad_image);
		c->bad_image = TAKE(id);
		return -1;
	}
	*out = (struct s2c_commit_result){.layer_size = 0};
	return s2c_digest_parse(id, &out->id, err);
}

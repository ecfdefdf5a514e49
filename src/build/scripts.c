/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding assemble, run and save-artifacts: three places in order, four URL schemes.
 */
#include "build/scripts.h"

#include <fcntl.h>

#include "http/client.h"
#include "util/fs.h"

/* Where a script may come from, in the order of S2I. */
#define ORIGIN_FLAG "--scripts-url"
#define ORIGIN_SOURCE ".s2i/bin"
#define ORIGIN_IMAGE "builder image"

static const char image_scheme[] = "image://";
static const char file_scheme[] = "file://";

static const struct {
	const char *name;
	bool required;
} scripts[S2C_SCRIPTS] = {
	[S2C_SCRIPT_ASSEMBLE] = {"assemble", true},
	[S2C_SCRIPT_RUN] = {"run", true},
	[S2C_SCRIPT_SAVE_ARTIFACTS] = {"save-artifacts", false},
};

const char *s2c_script_name(enum s2c_script script)
{
	return scripts[script].name;
}

void s2c_scripts_release(struct s2c_scripts *found)
{
	for (size_t i = 0; i < S2C_SCRIPTS; i++) {
		free(found->items[i].url);
		free(found->items[i].path);
		s2c_buf_release(&found->items[i].body);
	}
	*found = (struct s2c_scripts){0};
}

const char *s2c_builder_scripts_url(const struct s2c_config *config)
{
	static const char *const labels[] = {
		"io.openshift.s2i.scripts-url", "io.s2i.scripts-url"};
	const char *url = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(labels) && !url; i++)
		url = s2c_config_label(config, labels[i]);
	return url ? url : "";
}

/* STI_SCRIPTS_URL and STI_LOCATION of old images. */
static char *image_env(const struct s2c_config *config, const char *name)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	const char *value;

	s2c_config_env(config, &env);
	value = s2c_env_get(&env, name);
	return xstrdup(value ? value : "");
}

int s2c_builder_destination(const struct s2c_config *config, const char *flag, char **out,
	struct s2c_error **err)
{
	static const char *const labels[] = {
		"io.openshift.s2i.destination", "io.s2i.destination"};
	CLEAN_FREE char *location = image_env(config, "STI_LOCATION");
	const char *origin = "--destination", *value = flag;

	for (size_t i = 0; i < ARRAY_SIZE(labels) && !value; i++) {
		origin = labels[i];
		value = s2c_config_label(config, labels[i]);
	}
	if (!value)
		value = *location ? location : "/tmp";
	if (*value != '/' || strstr(value, "/../") || strlen(value) > 4096)
		return s2c_fail(err, S2C_EINVAL,
			"%s: destination '%s' is not an absolute path", origin, value);
	*out = xstrdup(value);
	for (size_t len = strlen(*out); len > 1 && (*out)[len - 1] == '/'; len--)
		(*out)[len - 1] = '\0';
	return 0;
}

/* What is being looked for, and with what. */
struct search {
	struct s2c_ctx *ctx;
	const struct s2c_scripts_opts *opts;
	struct s2c_http *http; /* made when first needed */
};

static void search_release(struct search *s)
{
	s2c_http_free(s->http);
}

/* A script that must be copied in lands in <destination>/scripts. */
static void place(const struct search *s, const char *name, const char *origin,
	const char *url, struct s2c_script_source *out)
{
	out->found = true;
	out->origin = origin;
	out->url = xstrdup(url);
	out->path = xasprintf("%s/scripts/%s", s->opts->destination, name);
}

static int fetch_http(struct search *s, const char *name, const char *url,
	const char *origin, struct s2c_script_source *out, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *shown = s2c_http_redact(url);
	struct s2c_http_request request = {
		.method = "GET",
		.url = url,
		.max_body = S2C_SCRIPT_MAX,
	};

	if (s->opts->dry_run) {
		place(s, name, origin, shown, out);
		return 0;
	}
	if (!s->http)
		s->http = s2c_http_new(
			&(struct s2c_http_opts){.ca_file = s->opts->ca_file});
	if (s2c_http_perform(s->ctx, s->http, &request, &response, err))
		return s2c_wrap(err, "script '%s'", shown);
	if (response.status == 404)
		return 0;
	if (response.status != 200)
		return s2c_fail_status(err, S2C_EPROTO, response.status,
			"script '%s': the server answered with status %d", shown,
			response.status);
	place(s, name, origin, shown, out);
	out->body = response.body;
	response.body = (struct s2c_buf){0};
	return 0;
}

static int fetch_file(struct search *s, const char *name, const char *path,
	const char *origin, struct s2c_script_source *out, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_SCRIPT_MAX);

	if (s2c_fs_read_file(AT_FDCWD, path, &body, &failure)) {
		if (s2c_error_code(failure) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &failure);
		return s2c_wrap(err, "script '%s'", name);
	}
	place(s, name, origin, path, out);
	out->body = body;
	body = (struct s2c_buf){0};
	return 0;
}

/* Looks below one scripts URL; not found is success. */
static int look_at_url(struct search *s, const char *name, const char *base,
	const char *origin, struct s2c_script_source *out, struct s2c_error **err)
{
	size_t len = strlen(base);
	CLEAN_FREE char *url = NULL;

	if (len > S2C_SCRIPTS_URL_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"%s: the scripts URL is longer than %d bytes", origin,
			S2C_SCRIPTS_URL_MAX);
	while (len && base[len - 1] == '/')
		len--;
	url = xasprintf("%.*s/%s", (int)len, base, name);
	if (starts_with(url, image_scheme)) {
		const char *path = url + strlen(image_scheme);

		if (*path != '/')
			return s2c_fail(err, S2C_EINVAL,
				"%s: '%s' names no absolute path in the image", origin,
				base);
		out->found = true;
		out->origin = origin;
		out->path = xstrdup(path);
		out->url = TAKE(url);
		return 0;
	}
	/* An image must not make the person who builds read files of this host. */
	if (starts_with(url, file_scheme) && streq(origin, ORIGIN_FLAG))
		return fetch_file(s, name, url + strlen(file_scheme), origin, out, err);
	if (starts_with(url, "https://") || starts_with(url, "http://"))
		return fetch_http(s, name, url, origin, out, err);
	return s2c_fail(err, S2C_EINVAL,
		"%s: '%s' is no scripts URL; use http, https, file or image", origin,
		base);
}

static int look_at_source(struct search *s, const char *name,
	struct s2c_script_source *out, struct s2c_error **err)
{
	static const char *const dirs[] = {".s2i/bin", ".sti/bin"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		CLEAN_ERROR struct s2c_error *failure = NULL;
		CLEAN_FREE char *path = xasprintf("%s/%s", dirs[i], name);
		CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_SCRIPT_MAX);

		if (s2c_source_read(s->opts->source, path, &body, &failure) == 0) {
			place(s, name, ORIGIN_SOURCE, path, out);
			out->body = body;
			body = (struct s2c_buf){0};
			return 0;
		}
		if (s2c_error_code(failure) != S2C_ENOENT) {
			s2c_error_move(err, &failure);
			return -1;
		}
	}
	return 0;
}

static int look(struct search *s, enum s2c_script which, struct s2c_script_source *out,
	struct s2c_error **err)
{
	const char *name = scripts[which].name;
	CLEAN_FREE char *old = image_env(s->opts->builder, "STI_SCRIPTS_URL");
	const char *image = s2c_builder_scripts_url(s->opts->builder);

	if (s->opts->scripts_url &&
		look_at_url(s, name, s->opts->scripts_url, ORIGIN_FLAG, out, err))
		return -1;
	if (!out->found && look_at_source(s, name, out, err))
		return -1;
	if (!*image)
		image = old;
	if (!out->found && *image && look_at_url(s, name, image, ORIGIN_IMAGE, out, err))
		return -1;
	if (!out->found && scripts[which].required)
		return s2c_fail(err, S2C_ENOENT,
			"no %s script: not in --scripts-url%s%s, not in the source's "
			".s2i/bin, and "
			"the builder image %s%s",
			name, s->opts->scripts_url ? " " : " (not given)",
			s->opts->scripts_url ? s->opts->scripts_url : "",
			*image ? "has none at "
			       : "has no label io.openshift.s2i.scripts-url",
			image);
	return 0;
}

int s2c_scripts_find(struct s2c_ctx *ctx, const struct s2c_scripts_opts *opts,
	struct s2c_scripts *out, struct s2c_error **err)
{
	CLEAN(search_release) struct search s = {.ctx = ctx, .opts = opts};
	CLEAN(s2c_scripts_release) struct s2c_scripts found = {0};

	for (size_t i = 0; i < S2C_SCRIPTS; i++) {
		found.items[i].body = (struct s2c_buf)S2C_BUF_INIT(S2C_SCRIPT_MAX);
		if (look(&s, (enum s2c_script)i, &found.items[i], err))
			return -1;
	}
	*out = found;
	found = (struct s2c_scripts){0};
	return 0;
}

/* ---- the scripts as entries ---- */

struct script_entries {
	struct s2c_entries base;
	const struct s2c_scripts *scripts;
	size_t next;  /* index of the script after the current one */
	size_t taken; /* bytes of the current one */
	struct s2c_entry entry;
};

static bool is_copied(const struct s2c_script_source *script)
{
	return script->found && !starts_with(script->url, image_scheme);
}

static int script_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct script_entries *self = (struct script_entries *)e;

	s2c_entry_release(&self->entry);
	while (self->next < S2C_SCRIPTS && !is_copied(&self->scripts->items[self->next]))
		self->next++;
	*out = NULL;
	if (self->next == S2C_SCRIPTS)
		return 0;
	self->entry.path = xstrdup(scripts[self->next].name);
	self->entry.type = S2C_ENTRY_FILE;
	self->entry.mode = 0755;
	self->entry.size = self->scripts->items[self->next].body.len;
	self->next++;
	self->taken = 0;
	*out = &self->entry;
	return 0;
}

static ssize_t script_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct script_entries *self = (struct script_entries *)e;
	const struct s2c_buf *body = &self->scripts->items[self->next - 1].body;
	size_t left = body->len - self->taken;

	if (len > left)
		len = left;
	if (len)
		memcpy(buf, body->data + self->taken, len);
	self->taken += len;
	return (ssize_t)len;
}

static void script_free(struct s2c_entries *e)
{
	struct script_entries *self = (struct script_entries *)e;

	s2c_entry_release(&self->entry);
	free(self);
}

static const struct s2c_entries_ops script_ops = {
	.next = script_next,
	.read = script_read,
	.free = script_free,
};

struct s2c_entries *s2c_scripts_entries(const struct s2c_scripts *found)
{
	struct script_entries *self;
	bool any = false;

	for (size_t i = 0; i < S2C_SCRIPTS; i++)
		any = any || is_copied(&found->items[i]);
	if (!any)
		return NULL;
	self = xcalloc(1, sizeof(*self));
	self->base.ops = &script_ops;
	self->scripts = found;
	return &self->base;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for scripts, place by place, and the scripts as entries. How a URL is read
 * is in scripts_url.c.
 */
#include "build/scripts.h"

#include "build/labels.h"
#include "build/paths.h"
#include "build/scripts_url.h"

static const char *const names[S2C_SCRIPTS] = {
	[S2C_SCRIPT_ASSEMBLE] = "assemble",
	[S2C_SCRIPT_RUN] = "run",
	[S2C_SCRIPT_SAVE_ARTIFACTS] = "save-artifacts",
	[S2C_SCRIPT_ASSEMBLE_RUNTIME] = "assemble-runtime",
	[S2C_SCRIPT_USAGE] = "usage",
};

static const enum s2c_script required[] = {S2C_SCRIPT_ASSEMBLE, S2C_SCRIPT_RUN};

#define ORIGIN_FLAG "--scripts-url"
#define ORIGIN_SOURCE ".s2i/bin"
#define ORIGIN_IMAGE "image label"

#define ENV_SCRIPTS_URL "STI_SCRIPTS_URL"
#define ENV_DESTINATION "STI_LOCATION"
#define DESTINATION_DEFAULT "/tmp"

const char *s2c_script_name(enum s2c_script script)
{
	return names[script];
}

static void release_source(struct s2c_script_source *item)
{
	free(item->url);
	free(item->path);
	s2c_buf_release(&item->body);
	*item = (struct s2c_script_source){0};
}

void s2c_scripts_release(struct s2c_scripts *scripts)
{
	for (size_t i = 0; i < S2C_SCRIPTS; i++)
		release_source(&scripts->items[i]);
}

/* ---- what the builder image says ---- */

/* The value of a variable of the image's Env inside its document, or NULL. Borrowed. */
static const char *image_env(const struct s2c_config *config, const char *name)
{
	size_t len = strlen(name);

	s2c_json_foreach (
		item, s2c_json_get(s2c_json_get(config->root, "config"), "Env")) {
		const char *text = s2c_json_str(item);

		if (text && strncmp(text, name, len) == 0 && text[len] == '=' &&
			text[len + 1])
			return text + len + 1;
	}
	return NULL;
}

const char *s2c_builder_scripts_url(const struct s2c_config *config)
{
	const char *url = s2c_builder_label(config, S2C_LABEL_SCRIPTS_URL, NULL);

	if (!url)
		url = image_env(config, ENV_SCRIPTS_URL);
	return url ? url : "";
}

int s2c_builder_destination(const struct s2c_config *config, const char *flag, char **out,
	struct s2c_error **err)
{
	CLEAN_FREE char *path = NULL;
	const char *from = "--destination", *text = flag;

	if (!text || !*text)
		text = config ? s2c_builder_label(config, S2C_LABEL_DESTINATION, &from)
			      : NULL;
	if (!text && config) {
		from = ENV_DESTINATION;
		text = image_env(config, ENV_DESTINATION);
	}
	if (s2c_inner_path(text ? text : DESTINATION_DEFAULT, &path, err) < 0)
		return s2c_wrap(err, "%s", from);
	if (s2c_inner_path_is_kernels(path))
		return s2c_fail(err, S2C_EINVAL,
			"%s: '%s' lies in a file system of the kernel; choose another "
			"directory",
			from, path);
	*out = TAKE(path);
	return 0;
}

/* ---- the search ---- */

/* What the search knows. */
struct search {
	struct s2c_ctx *ctx;
	const struct s2c_scripts_opts *opts;
	const char *flag;  /* --scripts-url, or NULL */
	const char *label; /* default URL of the builder image, or "" */
	bool flag_hit;     /* something came from --scripts-url */
};

static char *copied_path(const struct search *search, const char *name)
{
	const char *dest = search->opts->destination;

	return xasprintf("%s/scripts/%s", streq(dest, "/") ? "" : dest, name);
}

static int from_url(struct search *search, const char *name,
	const struct s2c_script_url *url, struct s2c_script_source *item,
	struct s2c_error **err)
{
	if (s2c_script_url_get(search->ctx, url, name, item, err) < 0)
		return s2c_wrap(err, "script '%s' from %s", name, item->origin);
	if (item->found && !item->path)
		item->path = copied_path(search, name);
	return 0;
}

static int from_flag(struct search *search, const char *name,
	struct s2c_script_source *item, struct s2c_error **err)
{
	struct s2c_script_url url = {
		.base = search->flag,
		.trusted = !search->opts->url_of_image,
		.ca_file = search->opts->ca_file,
		.dry_run = search->opts->dry_run,
	};

	item->origin = ORIGIN_FLAG;
	if (!search->flag)
		return 0;
	if (from_url(search, name, &url, item, err) < 0)
		return -1;
	search->flag_hit = search->flag_hit || item->found;
	return 0;
}

static int from_source(struct search *search, const char *name,
	struct s2c_script_source *item, struct s2c_error **err)
{
	static const char *const dirs[] = {".s2i/bin", ".sti/bin"};

	item->origin = ORIGIN_SOURCE;
	for (size_t i = 0; search->opts->source && i < ARRAY_SIZE(dirs); i++) {
		CLEAN_FREE char *path = xasprintf("%s/%s", dirs[i], name);
		CLEAN_ERROR struct s2c_error *cause = NULL;

		if (s2c_source_read(search->opts->source, path, &item->body, &cause) ==
			0) {
			item->found = true;
			item->url = TAKE(path);
			item->path = copied_path(search, name);
			return 0;
		}
		if (s2c_error_code(cause) != S2C_ENOENT) {
			s2c_error_move(err, &cause);
			return -1;
		}
	}
	return 0;
}

static int from_label(struct search *search, const char *name,
	struct s2c_script_source *item, struct s2c_error **err)
{
	struct s2c_script_url url = {
		.base = search->label,
		.ca_file = search->opts->ca_file,
		.dry_run = search->opts->dry_run,
	};

	item->origin = ORIGIN_IMAGE;
	return *search->label ? from_url(search, name, &url, item, err) : 0;
}

static int find_one(struct search *search, const char *name,
	struct s2c_script_source *item, struct s2c_error **err)
{
	static int (*const places[])(struct search *, const char *,
		struct s2c_script_source *, struct s2c_error **) = {
		from_flag,
		from_source,
		from_label,
	};

	for (size_t i = 0; i < ARRAY_SIZE(places) && !item->found; i++) {
		item->body.max = S2C_SCRIPT_MAX;
		if (places[i](search, name, item, err) < 0)
			return -1;
	}
	if (!item->found || starts_with(item->url, S2C_SCRIPT_URL_IMAGE))
		return 0;
	/* What is copied in has a body (unless nothing is downloaded). */
	if (!item->body.len && !search->opts->dry_run)
		return s2c_fail(err, S2C_EINVAL,
			"script '%s' (%s) is empty and cannot be executed", item->url,
			item->origin);
	return 0;
}

/* Nobody needs save-artifacts in a clean build: that it cannot be had is no failure. */
static int find_optional(struct search *search, enum s2c_script script,
	struct s2c_script_source *item, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (find_one(search, names[script], item, &cause) == 0)
		return 0;
	release_source(item);
	if (s2c_ctx_check(search->ctx, err) < 0)
		return -1;
	s2c_emit_log(search->ctx, S2C_DEBUG, "%s", s2c_error_message(cause));
	return 0;
}

static int not_found(
	const struct search *search, enum s2c_script script, struct s2c_error **err)
{
	return s2c_fail(err, S2C_ENOENT,
		"there is no %s script: %sthe builder image %s; name a place with "
		"--scripts-url, such as image:///usr/libexec/s2i",
		names[script],
		search->opts->source ? "not in '" ORIGIN_SOURCE "' of the source, and "
				     : "",
		*search->label ? "has none at its scripts URL"
			       : "has no label '" S2C_LABEL_PREFIX S2C_LABEL_SCRIPTS_URL
				 "'");
}

static int check_found(const struct search *search, const struct s2c_scripts *scripts,
	struct s2c_error **err)
{
	if (search->flag && !search->flag_hit)
		return s2c_fail(err, S2C_ENOENT,
			"--scripts-url '%s' has neither assemble nor run nor "
			"save-artifacts",
			search->flag);
	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (!scripts->items[required[i]].found && !search->opts->optional)
			return not_found(search, required[i], err);
	return 0;
}

static struct search search_new(struct s2c_ctx *ctx, const struct s2c_scripts_opts *opts)
{
	return (struct search){
		.ctx = ctx,
		.opts = opts,
		.flag = opts->scripts_url && *opts->scripts_url ? opts->scripts_url
								: NULL,
		.label = s2c_builder_scripts_url(opts->builder),
	};
}

int s2c_scripts_find_one(struct s2c_ctx *ctx, const struct s2c_scripts_opts *opts,
	enum s2c_script script, struct s2c_scripts *out, struct s2c_error **err)
{
	CLEAN(s2c_scripts_release) struct s2c_scripts found = {0};
	struct search search = search_new(ctx, opts);

	if (find_one(&search, names[script], &found.items[script], err) < 0)
		return -1;
	if (!found.items[script].found)
		return not_found(&search, script, err);
	*out = found;
	found = (struct s2c_scripts){0};
	return 0;
}

int s2c_scripts_find(struct s2c_ctx *ctx, const struct s2c_scripts_opts *opts,
	struct s2c_scripts *out, struct s2c_error **err)
{
	CLEAN(s2c_scripts_release) struct s2c_scripts found = {0};
	struct search search = search_new(ctx, opts);

	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (find_one(&search, names[required[i]], &found.items[required[i]],
			    err) < 0)
			return -1;
	if ((!opts->optional &&
		    find_optional(&search, S2C_SCRIPT_SAVE_ARTIFACTS,
			    &found.items[S2C_SCRIPT_SAVE_ARTIFACTS], err) < 0) ||
		check_found(&search, &found, err) < 0)
		return -1;
	*out = found;
	found = (struct s2c_scripts){0};
	return 0;
}

int s2c_scripts_find_runtime(struct s2c_ctx *ctx, const struct s2c_scripts_opts *opts,
	struct s2c_scripts *out, struct s2c_error **err)
{
	static const enum s2c_script wanted[] = {
		S2C_SCRIPT_ASSEMBLE_RUNTIME, S2C_SCRIPT_RUN};
	CLEAN(s2c_scripts_release) struct s2c_scripts found = {0};
	struct search search = search_new(ctx, opts);

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (find_one(&search, names[wanted[i]], &found.items[wanted[i]], err) < 0)
			return -1;
	*out = found;
	found = (struct s2c_scripts){0};
	return 0;
}

/* ---- scripts as entries ---- */

struct script_entries {
	struct s2c_entries base;
	const struct s2c_scripts *scripts;
	size_t next; /* index of the script behind the current one */
	size_t done; /* bytes read of the current one */
	struct s2c_entry entry;
};

static int next_script(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct script_entries *s = (struct script_entries *)e;

	s2c_entry_release(&s->entry);
	s->done = 0;
	*out = NULL;
	while (s->next < S2C_SCRIPTS && !*out) {
		const struct s2c_script_source *item = &s->scripts->items[s->next];

		if (item->body.len) {
			/* No time: what was fetched has none that means anything. */
			s->entry.path = xstrdup(names[s->next]);
			s->entry.type = S2C_ENTRY_FILE;
			s->entry.mode = 0755;
			s->entry.size = item->body.len;
			*out = &s->entry;
		}
		s->next++;
	}
	return 0;
}

static ssize_t read_script(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct script_entries *s = (struct script_entries *)e;
	const struct s2c_buf *body = &s->scripts->items[s->next - 1].body;
	size_t left = body->len - s->done;

	len = len < left ? len : left;
	memcpy(buf, body->data + s->done, len);
	s->done += len;
	return (ssize_t)len;
}

static void free_scripts(struct s2c_entries *e)
{
	struct script_entries *s = (struct script_entries *)e;

	s2c_entry_release(&s->entry);
	free(s);
}

static const struct s2c_entries_ops script_entries_ops = {
	.next = next_script,
	.read = read_script,
	.free = free_scripts,
};

struct s2c_entries *s2c_scripts_entries(const struct s2c_scripts *scripts)
{
	bool any = false;

	for (size_t i = 0; i < S2C_SCRIPTS; i++)
		any = any || scripts->items[i].body.len;
	if (!any)
		return NULL;
	struct script_entries *s = xcalloc(1, sizeof(*s));
	s->base.ops = &script_entries_ops;
	s->scripts = scripts;
	return &s->base;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where credentials are kept, and in which order places are asked. The order of reading
 * is that of podman, with docker's file at its place; writing goes where reading finds it
 * first.
 */
#include "registry/credentials.h"

#include <errno.h>
#include <fcntl.h>

#include "registry/authfile.h"
#include "registry/dirs.h"
#include "registry/helper.h"
#include "util/fs.h"

void s2c_credentials_release(struct s2c_credentials *creds)
{
	s2c_secret_free(creds->username);
	s2c_secret_free(creds->password);
	s2c_secret_free(creds->identity_token);
	*creds = (struct s2c_credentials){0};
}

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void s2c_credentials_copy(struct s2c_credentials *to, const struct s2c_credentials *from)
{
	*to = (struct s2c_credentials){
		.username = dup_or_null(from->username),
		.password = dup_or_null(from->password),
		.identity_token = dup_or_null(from->identity_token),
	};
}

bool s2c_credentials_empty(const struct s2c_credentials *creds)
{
	return !creds->username && !creds->identity_token;
}

/* ---- files ---- */

void s2c_credentials_files(const char *authfile, struct s2c_strv *out)
{
	CLEAN_FREE char *config = s2c_config_home();
	CLEAN_FREE char *own_run = xasprintf(
		"/run/containers/%u/auth.json", s2c_outer_uid());
	const char *runtime = s2c_env_value("XDG_RUNTIME_DIR");

	if (!authfile)
		authfile = s2c_env_value("REGISTRY_AUTH_FILE");
	if (authfile) {
		s2c_strv_add(out, authfile);
		return;
	}
	if (runtime)
		s2c_strv_addf(out, "%s/containers/auth.json", runtime);
	else if (access(own_run, F_OK) == 0)
		s2c_strv_add(out, own_run);
	if (config)
		s2c_strv_addf(out, "%s/containers/auth.json", config);
	if (s2c_env_value("DOCKER_CONFIG"))
		s2c_strv_addf(out, "%s/config.json", s2c_env_value("DOCKER_CONFIG"));
	else if (s2c_env_value("HOME"))
		s2c_strv_addf(out, "%s/.docker/config.json", s2c_env_value("HOME"));
}

static bool is_named(const char *authfile)
{
	return authfile || s2c_env_value("REGISTRY_AUTH_FILE");
}

/*
 * Reads a file. One of the usual places that is not there, or is not for us, leaves
 * *text empty and *out_there false.
 */
static int read_file(struct s2c_ctx *ctx, const char *path, bool named,
	struct s2c_buf *text, bool *out_there, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	int reason;

	*out_there = true;
	if (s2c_fs_read_file(AT_FDCWD, path, text, &cause) == 0)
		return 0;
	*out_there = false;
	reason = s2c_error_errno(cause);
	if (!named && (reason == ENOENT || reason == ENOTDIR) && access(path, F_OK) < 0)
		return 0;
	if (!named && s2c_error_code(cause) == S2C_EDENIED) {
		s2c_emit_log(ctx, S2C_WARN, "%s", s2c_error_message(cause));
		return 0;
	}
	s2c_error_move(err, &cause);
	return -1;
}

/* ---- lookup ---- */

static int look_in(struct s2c_ctx *ctx, const char *path, bool named,
	const struct s2c_login_place *place, struct s2c_credentials *out,
	struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(S2C_AUTHFILE_MAX);
	CLEAN(s2c_authfile_entry_release) struct s2c_authfile_entry entry = {0};
	CLEAN_CREDENTIALS struct s2c_credentials found = {0};
	bool there;

	if (read_file(ctx, path, named, &text, &there, err) < 0)
		return -1;
	if (!there)
		return 0;
	if (s2c_authfile_parse(s2c_buf_str(&text), text.len, place->registry, place->path,
		    &entry, err) < 0)
		return s2c_wrap(err, "auth file '%s'", path);
	if (entry.helper &&
		s2c_helper_get(ctx, entry.helper, place->registry, &found, err) < 0)
		return -1;
	struct s2c_credentials *chosen = s2c_credentials_empty(&found) ? &entry.creds
								       : &found;
	if (s2c_credentials_empty(chosen))
		return 0;
	*out = *chosen;
	*chosen = (struct s2c_credentials){0};
	return 0;
}

int s2c_credentials_find(struct s2c_ctx *ctx, const char *authfile, const char *registry,
	const char *repository, struct s2c_credentials *out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv files = S2C_STRV_INIT;
	CLEAN_CREDENTIALS struct s2c_credentials found = {0};
	struct s2c_login_place place = {registry, repository};

	s2c_credentials_files(authfile, &files);
	for (size_t i = 0; i < files.len && s2c_credentials_empty(&found); i++)
		if (look_in(ctx, files.items[i], is_named(authfile), &place, &found,
			    err) < 0)
			return s2c_wrap(err, "credentials for '%s'", registry);
	*out = found;
	found = (struct s2c_credentials){0};
	return 0;
}

/* ---- login ---- */

/* The file that credentials go to if none before it has something for the registry. */
static size_t default_file(const struct s2c_strv *files)
{
	const char *runtime = s2c_env_value("XDG_RUNTIME_DIR");
	struct stat st;

	if (files->len == 1 || (runtime && stat(runtime, &st) == 0))
		return 0;
	return files->len - 1;
}

/*
 * Whether a file has an entry for exactly this place, or a helper for its registry, whose
 * name then is in *out_helper.
 */
static int claims(struct s2c_ctx *ctx, const char *path,
	const struct s2c_login_place *place, bool *out_claims, char **out_helper,
	struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(S2C_AUTHFILE_MAX);
	CLEAN(s2c_authfile_entry_release) struct s2c_authfile_entry entry = {0};
	struct s2c_authfile_change removal = {place->registry, place->path, NULL};
	CLEAN(s2c_clean_secret) char *without = NULL;
	bool there;

	/* One that is not there yet is made, also if it was named. */
	if (read_file(ctx, path, false, &text, &there, err) < 0)
		return -1;
	if (text.len == 0)
		return 0;
	if (s2c_authfile_parse(s2c_buf_str(&text), text.len, place->registry, place->path,
		    &entry, err) < 0 ||
		s2c_authfile_edit(s2c_buf_str(&text), text.len, &removal, &without, err) <
			0)
		return s2c_wrap(err, "auth file '%s'", path);
	*out_claims = without || entry.helper;
	*out_helper = TAKE(entry.helper);
	return 0;
}

static int store_in(struct s2c_ctx *ctx, const char *path, const char *helper,
	const struct s2c_login_place *place, const struct s2c_credentials *creds,
	char **out_where, struct s2c_error **err)
{
	struct s2c_authfile_change change = {place->registry, place->path, creds};

	if (helper && place->path)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' names the credential helper '%s' for '%s', which keeps "
			"one login a registry; leave out the path '%s'",
			path, helper, place->registry, place->path);
	if (helper) {
		if (s2c_helper_store(ctx, helper, place->registry, creds, err) < 0)
			return -1;
		/* What the file itself had is out of date now, and readable. */
		change.creds = NULL;
	}
	if (s2c_authfile_update(ctx, path, &change, NULL, err) < 0)
		return -1;
	*out_where = helper ? xasprintf("credential helper '%s'", helper)
			    : xasprintf("'%s'", path);
	return 0;
}

int s2c_credentials_store(struct s2c_ctx *ctx, const char *authfile,
	const struct s2c_login_place *place, const struct s2c_credentials *creds,
	char **out_where, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv files = S2C_STRV_INIT;
	size_t last;

	s2c_credentials_files(authfile, &files);
	if (files.len == 0)
		return s2c_fail(err, S2C_ENOENT,
			"there is no place for credentials: HOME is not set; name a file "
			"with --authfile");
	last = default_file(&files);
	for (size_t i = 0; i <= last; i++) {
		CLEAN_FREE char *helper = NULL;
		bool taken = false;

		if (claims(ctx, files.items[i], place, &taken, &helper, err) < 0)
			return -1;
		if (taken || i == last)
			return store_in(ctx, files.items[i], helper, place, creds,
				out_where, err);
	}
	return 0;
}

/* ---- logout ---- */

/* Erases what a helper has for a registry, or (NULL) everything in its list. */
static int forget_helper(struct s2c_ctx *ctx, const char *helper, const char *registry,
	bool *found, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv servers = S2C_STRV_INIT;
	bool erased = false;

	if (registry)
		s2c_strv_add(&servers, registry);
	else if (s2c_helper_list(ctx, helper, &servers, err) < 0)
		return -1;
	s2c_strv_foreach (server, &servers) {
		if (s2c_helper_erase(ctx, helper, server, &erased, err) < 0)
			return -1;
		*found |= erased;
	}
	return 0;
}

static int forget_all_helpers(struct s2c_ctx *ctx, const struct s2c_buf *text,
	bool *found, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv helpers = S2C_STRV_INIT;

	if (s2c_authfile_helpers(s2c_buf_str(text), text->len, &helpers, err) < 0)
		return -1;
	s2c_strv_foreach (helper, &helpers) {
		const char *equals = strchr(helper, '=');
		CLEAN_FREE char *host = xstrndup(helper, (size_t)(equals - helper));

		if (forget_helper(ctx, equals + 1, *host ? host : NULL, found, err) < 0)
			return -1;
	}
	return 0;
}

static int forget_in(struct s2c_ctx *ctx, const char *path, bool named,
	const struct s2c_login_place *place, bool *found, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(S2C_AUTHFILE_MAX);
	CLEAN(s2c_authfile_entry_release) struct s2c_authfile_entry entry = {0};
	struct s2c_authfile_change change = {
		place ? place->registry : NULL, place ? place->path : NULL, NULL};
	bool there, changed = false;

	if (read_file(ctx, path, named, &text, &there, err) < 0)
		return -1;
	if (text.len == 0)
		return 0;
	if (place && s2c_authfile_parse(s2c_buf_str(&text), text.len, place->registry,
			     place->path, &entry, err) < 0)
		return s2c_wrap(err, "auth file '%s'", path);
	if (!place && forget_all_helpers(ctx, &text, found, err) < 0)
		return s2c_wrap(err, "auth file '%s'", path);
	if (entry.helper && !place->path &&
		forget_helper(ctx, entry.helper, place->registry, found, err) < 0)
		return -1;
	if (s2c_authfile_update(ctx, path, &change, &changed, err) < 0)
		return -1;
	*found |= changed;
	return 0;
}

int s2c_credentials_forget(struct s2c_ctx *ctx, const char *authfile,
	const struct s2c_login_place *place, bool *out_found, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv files = S2C_STRV_INIT;
	bool found = false;

	s2c_credentials_files(authfile, &files);
	s2c_strv_foreach (path, &files)
		if (forget_in(ctx, path, is_named(authfile), place, &found, err) < 0)
			return -1;
	*out_found = found;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c login and logout. Credentials are shown to the registry before they are kept, so
 * that a slip of the finger does not replace what worked.
 */
#include <s2c/login.h>

#include <stdio.h>

#include "build/remote.h"
#include "registry/conf.h"
#include "registry/places.h"

/* Where a login is for. */
struct where {
	struct s2c_place place;
	struct s2c_login_place login; /* the same, borrowed */
};

static void where_release(struct where *where)
{
	s2c_place_release(&where->place);
}

static int parse_where(const char *text, struct where *out, struct s2c_error **err)
{
	if (s2c_place_parse(text, false, &out->place, err))
		return s2c_wrap(err, "REGISTRY");
	out->login.registry = out->place.registry;
	out->login.path = *out->place.path ? out->place.path : NULL;
	return 0;
}

static int take_credentials(const struct s2c_login_options *o,
	struct s2c_credentials *out, struct s2c_error **err)
{
	bool token = streq(o->username, S2C_TOKEN_USER);

	if (!*o->username || !*o->password)
		return s2c_fail(err, S2C_EINVAL, "the %s is empty",
			*o->username ? "password" : "user name");
	if (strlen(o->username) > S2C_USERNAME_MAX)
		return s2c_fail(err, S2C_ELIMIT, "the user name is longer than %d bytes",
			S2C_USERNAME_MAX);
	if (strlen(o->password) > S2C_PASSWORD_MAX)
		return s2c_fail(err, S2C_ELIMIT, "the password is longer than %u bytes",
			S2C_PASSWORD_MAX);
	/* RFC 7617: the first colon ends the user name. */
	for (const char *p = o->username; *p; p++)
		if (*p == ':' || (unsigned char)*p < 0x20 || *p == 0x7f)
			return s2c_fail(err, S2C_EINVAL,
				"the user name '%s' holds a ':' or a control character",
				o->username);
	if (!token)
		out->username = xstrdup(o->username);
	*(token ? &out->identity_token : &out->password) = xstrdup(o->password);
	return 0;
}

/* Whether the registry lets them in. */
static int check(struct s2c_ctx *ctx, const struct s2c_login_options *o,
	const struct where *where, const struct s2c_credentials *creds,
	struct s2c_error **err)
{
	CLEAN_PLACES struct s2c_places *places = NULL;
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_registry_opts opts = s2c_remote_opts(&o->remote);
	struct s2c_reference ref = {.tag = ""};
	bool asked = false;

	opts.credentials = creds;
	(void)snprintf(ref.registry, sizeof(ref.registry), "%s", where->place.registry);
	(void)snprintf(ref.repository, sizeof(ref.repository), "%s", where->place.path);
	if (s2c_places_open(ctx, &ref, S2C_PUSHING, &opts, &places, err))
		return -1;
	if (s2c_registry_check_login(ctx, s2c_places_current(places), &asked, &cause)) {
		if (s2c_error_code(cause) != S2C_EAUTH || !s2c_error_status(cause)) {
			s2c_error_move(err, &cause);
			return -1;
		}
		return s2c_fail_status(err, S2C_EAUTH, s2c_error_status(cause),
			"'%s' refused user '%s', nothing was kept; check the user name "
			"and the password or token",
			o->registry, o->username);
	}
	if (!asked)
		s2c_emit_log(ctx, S2C_WARN,
			"'%s' asks for no login; whether the password is right shows "
			"when it is used",
			o->registry);
	return 0;
}

int s2c_login(struct s2c_ctx *ctx, const struct s2c_login_options *options,
	char **out_where, struct s2c_error **err)
{
	CLEAN(where_release) struct where where = {.place = {.registry = NULL}};
	CLEAN_CREDENTIALS struct s2c_credentials creds = {.username = NULL};

	if (parse_where(options->registry, &where, err) ||
		take_credentials(options, &creds, err) ||
		check(ctx, options, &where, &creds, err) ||
		s2c_credentials_store(ctx, options->remote.authfile, &where.login, &creds,
			out_where, err))
		return s2c_wrap(err, "login");
	return 0;
}

int s2c_logout(struct s2c_ctx *ctx, const char *registry, const char *authfile,
	struct s2c_error **err)
{
	CLEAN(where_release) struct where where = {.place = {.registry = NULL}};
	bool found = false;

	if ((registry && parse_where(registry, &where, err)) ||
		s2c_credentials_forget(
			ctx, authfile, registry ? &where.login : NULL, &found, err))
		return s2c_wrap(err, "logout");
	if (found)
		return 0;
	return s2c_fail(err, S2C_ENOENT, "logout: nobody is logged in%s%s%s",
		registry ? " to '" : "", registry ? registry : "", registry ? "'" : "");
}

int s2c_login_user(struct s2c_ctx *ctx, const char *registry, const char *authfile,
	char **out_user, struct s2c_error **err)
{
	CLEAN(where_release) struct where where = {.place = {.registry = NULL}};
	CLEAN_CREDENTIALS struct s2c_credentials creds = {.username = NULL};

	if (parse_where(registry, &where, err) ||
		s2c_credentials_find(ctx, authfile, where.login.registry,
			where.login.path, &creds, err))
		return -1;
	if (s2c_credentials_empty(&creds))
		return s2c_fail(err, S2C_ENOENT, "nobody is logged in to '%s'", registry);
	*out_user = xstrdup(creds.username ? creds.username : S2C_TOKEN_USER);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of scripts URLs as a table.
 */
#include "build/scripts_url.h"

#include <fcntl.h>

#include "build/paths.h"
#include "http/client.h"
#include "http/url.h"
#include "util/fs.h"

/* The URL of one script: the base without trailing slashes, and the name. */
static char *join(const char *base, const char *name)
{
	size_t len = strlen(base);

	while (len && base[len - 1] == '/')
		len--;
	return xasprintf("%.*s/%s", (int)len, base, name);
}

static int get_image(struct s2c_ctx *ctx, const struct s2c_script_url *url,
	const char *name, struct s2c_script_source *item, struct s2c_error **err)
{
	CLEAN_FREE char *full = join(url->base, name);
	CLEAN_FREE char *path = NULL;

	if (s2c_inner_path(full + strlen(S2C_SCRIPT_URL_IMAGE), &path, err) < 0)
		return s2c_wrap(err, "'%s'", url->base);
	item->found = true;
	item->url = TAKE(full);
	item->path = TAKE(path);
	return 0;
}

static int get_file(struct s2c_ctx *ctx, const struct s2c_script_url *url,
	const char *name, struct s2c_script_source *item, struct s2c_error **err)
{
	CLEAN_FREE char *full = join(url->base, name);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (!url->trusted)
		return s2c_fail(err, S2C_EDENIED,
			"the image asks for '%s' of this host, which it must "
			"not; name the scripts with --scripts-url",
			url->base);
	if (s2c_fs_read_file(AT_FDCWD, full + strlen("file://"), &item->body, &cause) <
		0) {
		if (s2c_error_code(cause) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &cause);
		return -1;
	}
	item->found = true;
	item->url = TAKE(full);
	return 0;
}

static int check_http(
	const struct s2c_script_url *url, const char *full, struct s2c_error **err)
{
	struct s2c_url parsed;

	if (s2c_url_parse(full, &parsed, err) < 0)
		return -1;
	if (parsed.has_userinfo || strchr(full, '?'))
		return s2c_fail(
			err, S2C_EINVAL, "a scripts URL can have no password and no '?'");
	if (url->trusted)
		return 0;
	switch (s2c_host_kind(parsed.host)) {
	case S2C_HOST_NAME:
	case S2C_HOST_PUBLIC:
		return 0;
	case S2C_HOST_LOOPBACK:
	case S2C_HOST_PRIVATE:
		return s2c_fail(err, S2C_EDENIED,
			"the image asks for '%s', an address of this host or its "
			"networks; if that is meant, say --scripts-url %s",
			url->base, url->base);
	}
	return 0;
}

static int get_http(struct s2c_ctx *ctx, const struct s2c_script_url *url,
	const char *name, struct s2c_script_source *item, struct s2c_error **err)
{
	CLEAN_FREE char *full = join(url->base, name);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_http_opts opts = {.ca_file = url->ca_file};
	struct s2c_http_request request = {
		.method = "GET",
		.url = full,
		.max_body = S2C_SCRIPT_MAX,
	};

	if (check_http(url, full, err) < 0)
		return -1;
	if (!url->dry_run) {
		CLEAN(s2c_clean_http) struct s2c_http *http = s2c_http_new(&opts);

		if (s2c_http_perform(ctx, http, &request, &response, err) < 0)
			return -1;
		if (response.status == 404 || response.status == 410)
			return 0;
		if (response.status != 200 && response.status != 201)
			return s2c_fail_status(err, S2C_EPROTO, response.status,
				"the server of '%s' answered with status %d", full,
				response.status);
		if (s2c_buf_add(&item->body, s2c_buf_str(&response.body),
			    response.body.len, err) < 0)
			return -1;
	}
	item->found = true;
	item->url = TAKE(full);
	return 0;
}

static const struct {
	const char *prefix;
	int (*get)(struct s2c_ctx *, const struct s2c_script_url *, const char *,
		struct s2c_script_source *, struct s2c_error **);
} kinds[] = {
	{S2C_SCRIPT_URL_IMAGE, get_image},
	{"file://", get_file},
	{"https://", get_http},
	{"http://", get_http},
};

int s2c_script_url_get(struct s2c_ctx *ctx, const struct s2c_script_url *url,
	const char *name, struct s2c_script_source *item, struct s2c_error **err)
{
	if (strlen(url->base) > S2C_SCRIPTS_URL_MAX)
		return s2c_fail(err, S2C_ELIMIT, "a scripts URL of more than %d bytes",
			S2C_SCRIPTS_URL_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (starts_with(url->base, kinds[i].prefix))
			return kinds[i].get(ctx, url, name, item, err);
	return s2c_fail(err, S2C_EINVAL,
		"'%s' is no scripts URL; it must begin with image://, file://, https:// "
		"or "
		"http://",
		url->base);
}

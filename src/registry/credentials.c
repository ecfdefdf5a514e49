/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Auth files of docker and of containers/image, and credential helpers. Nothing here ever
 * puts a byte of a file or of a helper's answer into an error: both hold secrets.
 */
#include "registry/credentials.h"

#include <ctype.h>
#include <fcntl.h>
#include <strings.h>

#include "codec/json.h"
#include "registry/base64.h"
#include "util/fs.h"
#include "util/subprocess.h"

void s2c_credentials_release(struct s2c_credentials *creds)
{
	s2c_secret_free(creds->username);
	s2c_secret_free(creds->password);
	s2c_secret_free(creds->identity_token);
	*creds = (struct s2c_credentials){0};
}

void s2c_authfile_entry_release(struct s2c_authfile_entry *entry)
{
	s2c_credentials_release(&entry->creds);
	free(entry->helper);
	*entry = (struct s2c_authfile_entry){0};
}

/* ---- one auth file ---- */

static bool is_docker_io(const char *host, size_t len)
{
	static const char *const names[] = {
		"docker.io", "index.docker.io", "registry-1.docker.io"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && strncasecmp(host, names[i], len) == 0)
			return true;
	return false;
}

/* A key of an auth file without scheme, API version and slashes at the end. */
static const char *strip_key(const char *key, size_t *len)
{
	static const char *const tails[] = {"/", "/v1", "/v2"};

	if (strncasecmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncasecmp(key, "http://", 7) == 0)
		key += 7;
	*len = strlen(key);
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		size_t n = strlen(tails[i]);
		if (*len > n && strncasecmp(key + *len - n, tails[i], n) == 0)
			*len -= n;
	}
	return key;
}

/*
 * How well a key fits "registry/repository": 0 not at all, else the bytes of it that
 * matched, so that the longest wins. `repository` NULL: keys with a path do not fit.
 */
static size_t key_fits(const char *key, const char *registry, const char *repository)
{
	size_t len, host;

	key = strip_key(key, &len);
	const char *slash = memchr(key, '/', len);
	host = slash ? (size_t)(slash - key) : len;
	bool same = host == strlen(registry) && strncasecmp(key, registry, host) == 0;
	if (!same &&
		!(is_docker_io(key, host) && is_docker_io(registry, strlen(registry))))
		return 0;
	if (!slash)
		return 1;
	size_t path = len - host - 1;
	if (!repository || strncmp(slash + 1, repository, path) != 0 || path == 0)
		return 0;
	return repository[path] == '\0' || repository[path] == '/' ? path + 1 : 0;
}

/* "user:password" in base64, as docker login writes it. */
static int take_auth(
	const char *text, struct s2c_credentials *out, struct s2c_error **err)
{
	CLEAN(s2c_clean_secret) char *plain = NULL;
	size_t len;

	if (s2c_base64_decode(text, &plain, &len, NULL) < 0)
		return s2c_fail(err, S2C_EPROTO, "'auth' is no base64 text");
	while (len && plain[len - 1] == '\0')
		len--; /* old docker versions padded with NUL */
	if (memchr(plain, '\0', len))
		return s2c_fail(err, S2C_EPROTO, "'auth' holds a NUL byte");
	const char *colon = memchr(plain, ':', len);
	if (!colon)
		return s2c_fail(
			err, S2C_EPROTO, "'auth' is not of the form user:password");
	out->username = xstrndup(plain, (size_t)(colon - plain));
	out->password = xstrndup(colon + 1, len - (size_t)(colon + 1 - plain));
	return 0;
}

static int take_entry(
	const struct s2c_json *node, struct s2c_credentials *out, struct s2c_error **err)
{
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};
	const char *auth = NULL, *user = NULL, *password = NULL, *token = NULL;

	if (s2c_json_get_str(node, "auth", S2C_OPTIONAL, &auth, err) < 0 ||
		s2c_json_get_str(node, "username", S2C_OPTIONAL, &user, err) < 0 ||
		s2c_json_get_str(node, "password", S2C_OPTIONAL, &password, err) < 0 ||
		s2c_json_get_str(node, "identitytoken", S2C_OPTIONAL, &token, err) < 0)
		return -1;
	if (auth && *auth) {
		if (take_auth(auth, &creds, err) < 0)
			return -1;
	} else if (user && *user) {
		creds.username = xstrdup(user);
		creds.password = xstrdup(password ? password : "");
	}
	if (token && *token)
		creds.identity_token = xstrdup(token);
	*out = creds;
	creds = (struct s2c_credentials){0};
	return 0;
}

static int check_helper_name(const char *name, struct s2c_error **err)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			len = 0;
	if (len == 0 || len > S2C_HELPER_NAME_MAX)
		return s2c_fail(err, S2C_EPROTO,
			"credential helper '%s' has no valid name", name);
	return 0;
}

static int find_helper(const struct s2c_json *root, const char *registry, char **out,
	struct s2c_error **err)
{
	const struct s2c_json *helpers = NULL;
	const char *name = NULL;

	if (s2c_json_get_object(root, "credHelpers", S2C_OPTIONAL, &helpers, err) < 0)
		return -1;
	s2c_json_foreach (item, helpers)
		if (key_fits(s2c_json_key(item), registry, NULL)) {
			name = s2c_json_str(item);
			if (!name)
				return s2c_fail(err, S2C_EPROTO,
					"an entry of 'credHelpers' must be a string");
		}
	if (!name && s2c_json_get_str(root, "credsStore", S2C_OPTIONAL, &name, err) < 0)
		return -1;
	if (!name || !*name)
		return 0;
	if (check_helper_name(name, err) < 0)
		return -1;
	*out = xstrdup(name);
	return 0;
}

int s2c_authfile_parse(const char *text, size_t len, const char *registry,
	const char *repository, struct s2c_authfile_entry *out, struct s2c_error **err)
{
	CLEAN(s2c_authfile_entry_release) struct s2c_authfile_entry entry = {0};
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *auths = NULL, *best = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_AUTHFILE_MAX};
	size_t best_fit = 0;

	if (s2c_json_parse(text, len, limits, &root, err) < 0)
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EPROTO, "it must be a JSON object");
	if (s2c_json_get_object(root, "auths", S2C_OPTIONAL, &auths, err) < 0)
		return -1;
	s2c_json_foreach (item, auths) {
		size_t fit = key_fits(s2c_json_key(item), registry, repository);
		if (fit <= best_fit)
			continue;
		if (!s2c_json_is_object(item))
			return s2c_fail(
				err, S2C_EPROTO, "an entry of 'auths' must be an object");
		best = item;
		best_fit = fit;
	}
	if (best && take_entry(best, &entry.creds, err) < 0)
		return -1;
	if (find_helper(root, registry, &entry.helper, err) < 0)
		return -1;
	*out = entry;
	entry = (struct s2c_authfile_entry){0};
	return 0;
}

/* ---- helpers ---- */

static int helper_answer(const char *text, size_t len, struct s2c_credentials *out)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_HELPER_OUTPUT_MAX};
	const char *user = NULL, *secret = NULL;

	if (s2c_json_parse(text, len, limits, &root, NULL) < 0 ||
		s2c_json_get_str(root, "Username", S2C_REQUIRED, &user, NULL) < 0 ||
		s2c_json_get_str(root, "Secret", S2C_REQUIRED, &secret, NULL) < 0)
		return -1;
	if (streq(user, "<token>")) {
		out->identity_token = xstrdup(secret);
	} else if (*user || *secret) {
		out->username = xstrdup(user);
		out->password = xstrdup(secret);
	}
	return 0;
}

static void wipe_buf(struct s2c_buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	s2c_buf_release(buf);
}

/*
 * Asks a helper. "Not found" leaves *out empty; any other failure is an error, for it
 * must not look like an absence of credentials.
 */
static int ask_helper(struct s2c_ctx *ctx, const char *name, const char *registry,
	struct s2c_credentials *out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN(wipe_buf) struct s2c_buf answer = S2C_BUF_INIT(S2C_HELPER_OUTPUT_MAX);
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, S2C_HELPER_SECONDS);
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	const char *host = registry;
	int status = 0;

	if (is_docker_io(registry, strlen(registry)))
		host = "https://index.docker.io/v1/";
	s2c_strv_addf(&argv, "docker-credential-%s", name);
	s2c_strv_add(&argv, "get");
	opts.argv = &argv;
	opts.die_with_parent = true;
	/* The host goes in by standard input: an argument would be there for all to see.
	 */
	struct s2c_run_io io = {.input = host, .input_len = strlen(host), .out = &answer};
	if (s2c_process_run(child, &opts, &io, &status, err) < 0)
		return s2c_wrap(err, "credential helper '%s' for '%s'", name, registry);
	if (status == 0) {
		if (helper_answer(answer.data ? answer.data : "", answer.len, out) == 0)
			return 0;
		return s2c_fail(err, S2C_EAUTH,
			"credential helper '%s' gave no valid answer for '%s'", name,
			registry);
	}
	if (answer.data &&
		strstr(answer.data, "credentials not found in native keychain"))
		return 0;
	return s2c_fail_status(err, S2C_EAUTH, status,
		"credential helper '%s' failed for '%s' with status %d; run "
		"'docker-credential-%s get' to see why",
		name, registry, status, name);
}

/* ---- lookup ---- */

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

void s2c_credentials_files(const char *authfile, struct s2c_strv *out)
{
	if (!authfile)
		authfile = env("REGISTRY_AUTH_FILE");
	if (authfile) {
		s2c_strv_add(out, authfile);
		return;
	}
	if (env("XDG_RUNTIME_DIR"))
		s2c_strv_addf(out, "%s/containers/auth.json", env("XDG_RUNTIME_DIR"));
	if (env("DOCKER_CONFIG"))
		s2c_strv_addf(out, "%s/config.json", env("DOCKER_CONFIG"));
	else if (env("HOME"))
		s2c_strv_addf(out, "%s/.docker/config.json", env("HOME"));
}

static bool is_empty(const struct s2c_credentials *creds)
{
	return !creds->username && !creds->identity_token;
}

static int look_in(struct s2c_ctx *ctx, const char *path, const char *registry,
	const char *repository, struct s2c_credentials *out, struct s2c_error **err)
{
	CLEAN(wipe_buf) struct s2c_buf text = S2C_BUF_INIT(S2C_AUTHFILE_MAX);
	CLEAN(s2c_authfile_entry_release) struct s2c_authfile_entry entry = {0};
	CLEAN_CREDENTIALS struct s2c_credentials found = {0};

	if (s2c_fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	if (s2c_authfile_parse(
		    s2c_buf_str(&text), text.len, registry, repository, &entry, err) < 0)
		return s2c_wrap(err, "auth file '%s'", path);
	if (entry.helper && ask_helper(ctx, entry.helper, registry, &found, err) < 0)
		return -1;
	struct s2c_credentials *chosen = is_empty(&found) ? &entry.creds : &found;
	if (is_empty(chosen))
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
	bool named = authfile || env("REGISTRY_AUTH_FILE");

	s2c_credentials_files(authfile, &files);
	s2c_strv_foreach (path, &files) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		if (!is_empty(&found))
			break;
		if (look_in(ctx, path, registry, repository, &found, &cause) == 0)
			continue;
		if (s2c_error_code(cause) == S2C_ENOENT && !named &&
			access(path, F_OK) < 0)
			continue;
		if (s2c_error_code(cause) == S2C_EDENIED && !named) {
			s2c_emit_log(ctx, S2C_WARN, "%s", s2c_error_message(cause));
			continue;
		}
		s2c_error_move(err, &cause);
		return s2c_wrap(err, "credentials for '%s'", registry);
	}
	*out = found;
	found = (struct s2c_credentials){0};
	return 0;
}

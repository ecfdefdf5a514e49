/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Auth files as documents. Nothing here ever puts a byte of one into an error: they hold
 * secrets.
 */
#include "registry/authfile.h"

#include <ctype.h>
#include <strings.h>

#include "codec/base64.h"
#include "codec/json.h"

void s2c_authfile_entry_release(struct s2c_authfile_entry *entry)
{
	s2c_credentials_release(&entry->creds);
	free(entry->helper);
	*entry = (struct s2c_authfile_entry){0};
}

/* ---- keys ---- */

static bool is_hub(const char *host, size_t len)
{
	static const char *const names[] = {
		"docker.io", "index.docker.io", "registry-1.docker.io"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && strncasecmp(host, names[i], len) == 0)
			return true;
	return false;
}

bool s2c_is_docker_io(const char *registry)
{
	return is_hub(registry, strlen(registry));
}

/*
 * A key of an auth file without scheme and slash at the end, and, where there is a scheme
 * (it is a URL then and no place), without API version.
 */
static const char *strip_key(const char *key, size_t *len)
{
	static const char *const tails[] = {"/", "/v1", "/v2"};
	size_t n_tails = ARRAY_SIZE(tails);

	if (strncasecmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncasecmp(key, "http://", 7) == 0)
		key += 7;
	else
		n_tails = 1;
	*len = strlen(key);
	for (size_t i = 0; i < n_tails; i++) {
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
	if (!same && !(is_hub(key, host) && s2c_is_docker_io(registry)))
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
	if (token && *token) {
		creds.identity_token = xstrdup(token);
	} else if (creds.username && streq(creds.username, S2C_TOKEN_USER)) {
		creds.identity_token = TAKE(creds.password);
		s2c_secret_free(TAKE(creds.username));
	}
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

static int parse_document(
	const char *text, size_t len, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_AUTHFILE_MAX};

	if (s2c_json_parse(text, len, limits, &root, err) < 0)
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EPROTO, "it must be a JSON object");
	*out = TAKE(root);
	return 0;
}

/* The form of .dockercfg, docker's before 1.7: entries are not below "auths". */
static bool is_old_form(const struct s2c_json *root)
{
	if (s2c_json_get(root, "auths"))
		return false;
	s2c_json_foreach (item, root)
		if (s2c_json_is_object(item) &&
			s2c_json_is_string(s2c_json_get(item, "auth")))
			return true;
	return false;
}

int s2c_authfile_parse(const char *text, size_t len, const char *registry,
	const char *repository, struct s2c_authfile_entry *out, struct s2c_error **err)
{
	CLEAN(s2c_authfile_entry_release) struct s2c_authfile_entry entry = {0};
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	const struct s2c_json *auths = NULL, *best = NULL;
	size_t best_fit = 0;

	if (parse_document(text, len, &root, err) < 0)
		return -1;
	if (s2c_json_get_object(root, "auths", S2C_OPTIONAL, &auths, err) < 0)
		return -1;
	if (is_old_form(root))
		auths = root;
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

/* ---- editing ---- */

/* True if a key is for exactly this place, however it is spelt. */
static bool same_key(const char *key, const struct s2c_authfile_change *change)
{
	size_t fit = key_fits(key, change->registry, change->path);

	return fit == (change->path ? strlen(change->path) + 1 : 1);
}

/* Removes what there is for the place; true if there was something. */
static bool remove_entries(
	struct s2c_json *auths, const struct s2c_authfile_change *change)
{
	CLEAN_STRV struct s2c_strv keys = S2C_STRV_INIT;

	s2c_json_foreach (item, auths)
		if (!change->registry || same_key(s2c_json_key(item), change))
			s2c_strv_add(&keys, s2c_json_key(item));
	s2c_strv_foreach (key, &keys)
		s2c_json_remove(auths, key);
	return keys.len > 0;
}

static void add_entry(struct s2c_json *auths, const struct s2c_authfile_change *change)
{
	const struct s2c_credentials *creds = change->creds;
	bool token = creds->identity_token != NULL;
	CLEAN(s2c_clean_secret)
	char *pair = xasprintf("%s:%s",
		creds->username ? creds->username : S2C_TOKEN_USER,
		token ? "" : creds->password);
	CLEAN(s2c_clean_secret) char *coded = s2c_base64_encode(pair, strlen(pair));
	CLEAN_FREE char *key = NULL;

	if (change->path)
		key = xasprintf("%s/%s", change->registry, change->path);
	else
		key = xstrdup(s2c_is_docker_io(change->registry) ? S2C_HUB_KEY
								 : change->registry);
	struct s2c_json *entry = s2c_json_object_at(auths, key);
	s2c_json_set_str(entry, "auth", coded);
	if (token)
		s2c_json_set_str(entry, "identitytoken", creds->identity_token);
}

int s2c_authfile_edit(const char *text, size_t len,
	const struct s2c_authfile_change *change, char **out, struct s2c_error **err)
{
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	const struct s2c_json *auths = NULL;
	struct s2c_json *mutable;
	bool changed;

	if (len == 0)
		root = s2c_json_new_object();
	else if (parse_document(text, len, &root, err) < 0)
		return -1;
	/* With "auths" in it nothing else of it would be read any more. */
	if (is_old_form(root))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"it has the old form of .dockercfg, which is read but not "
			"written: name another file with --authfile");
	if (s2c_json_get_object(root, "auths", S2C_OPTIONAL, &auths, err) < 0)
		return -1;
	*out = NULL;
	if (!auths && !change->creds)
		return 0;
	mutable = s2c_json_object_at(root, "auths");
	changed = remove_entries(mutable, change);
	if (change->creds)
		add_entry(mutable, change);
	if (changed || change->creds)
		*out = s2c_json_print(root, S2C_JSON_PRETTY);
	return 0;
}

int s2c_authfile_helpers(
	const char *text, size_t len, struct s2c_strv *out, struct s2c_error **err)
{
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	const struct s2c_json *helpers = NULL;
	const char *name = NULL;

	if (parse_document(text, len, &root, err) < 0 ||
		s2c_json_get_object(root, "credHelpers", S2C_OPTIONAL, &helpers, err) <
			0 ||
		s2c_json_get_str(root, "credsStore", S2C_OPTIONAL, &name, err) < 0)
		return -1;
	s2c_json_foreach (item, helpers) {
		size_t host;
		const char *key = strip_key(s2c_json_key(item), &host);

		if (!s2c_json_str(item))
			return s2c_fail(err, S2C_EPROTO,
				"an entry of 'credHelpers' must be a string");
		if (check_helper_name(s2c_json_str(item), err) < 0)
			return -1;
		s2c_strv_addf(out, "%.*s=%s", (int)host, key, s2c_json_str(item));
	}
	if (!name || !*name)
		return 0;
	if (check_helper_name(name, err) < 0)
		return -1;
	s2c_strv_addf(out, "=%s", name);
	return 0;
}

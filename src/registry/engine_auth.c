/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/engine_auth.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "registry/credentials.h"

/* From base64 to the alphabet for URLs, or back. */
static void swap_alphabet(char *text, bool to_url)
{
	for (; *text; text++)
		if (to_url)
			*text = *text == '+' ? '-' : *text == '/' ? '_' : *text;
		else
			*text = *text == '-' ? '+' : *text == '_' ? '/' : *text;
}

static char *encode(struct s2c_json *object)
{
	CLEAN(s2c_clean_secret)
	char *text = s2c_json_print(object, S2C_JSON_COMPACT);
	char *out = s2c_base64_encode(text, strlen(text));

	swap_alphabet(out, true);
	return out;
}

static int decode(const char *value, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_secret) char *standard = NULL;
	CLEAN(s2c_clean_secret) char *text = NULL;
	struct s2c_json_limits limits = {
		.bytes = S2C_ENGINE_AUTH_MAX, .depth = 2, .nodes = 16};
	size_t len = strlen(value), padding = (4 - len % 4) % 4;

	if (len > S2C_ENGINE_AUTH_MAX || padding == 3)
		return s2c_fail(err, S2C_EPROTO, "credentials that are no base64");
	/* Clients leave the padding away, or do not. */
	standard = xasprintf("%s%.*s", value, (int)padding, "==");
	swap_alphabet(standard, false);
	if (s2c_base64_decode(standard, &text, &len, err) < 0 ||
		s2c_json_parse(text, len, limits, out, err) < 0)
		return s2c_wrap(err, "credentials");
	return 0;
}

int s2c_engine_auth_rewrite(const char *value, char **out, struct s2c_error **err)
{
	static const char *const keys[] = {"username", "password", "serveraddress",
		"identitytoken", "registrytoken"};
	CLEAN_JSON_SECRET struct s2c_json *given = NULL;
	CLEAN_JSON_SECRET struct s2c_json *clean = s2c_json_new_object();

	*out = NULL;
	if (!*value)
		return 0;
	if (decode(value, &given, err) < 0)
		return -1;
	if (s2c_json_is_null(given))
		return 0;
	if (!s2c_json_is_object(given))
		return s2c_fail(err, S2C_EPROTO, "credentials that are no object");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = NULL;

		if (s2c_json_get_str(given, keys[i], S2C_OPTIONAL, &text, err) < 0)
			return -1;
		if (text && *text)
			s2c_json_set_str(clean, keys[i], text);
	}
	if (s2c_json_get(clean, "username") || s2c_json_get(clean, "identitytoken") ||
		s2c_json_get(clean, "registrytoken"))
		*out = encode(clean);
	return 0;
}

int s2c_engine_auth_find(struct s2c_ctx *ctx, const char *authfile,
	const struct s2c_reference *name, char **out, struct s2c_error **err)
{
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};
	CLEAN_JSON_SECRET struct s2c_json *object = s2c_json_new_object();

	if (s2c_credentials_find(
		    ctx, authfile, name->registry, name->repository, &creds, err) < 0)
		return -1;
	*out = NULL;
	if (s2c_credentials_empty(&creds))
		return 0;
	if (creds.identity_token) {
		s2c_json_set_str(object, "identitytoken", creds.identity_token);
	} else {
		s2c_json_set_str(object, "username", creds.username);
		s2c_json_set_str(object, "password", creds.password);
	}
	s2c_json_set_str(object, "serveraddress", name->registry);
	*out = encode(object);
	return 0;
}

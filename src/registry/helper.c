/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to credential helpers. What they print is never shown: answers hold secrets,
 * and what one prints instead of an answer may, too.
 */
#include "registry/helper.h"

#include "codec/json.h"
#include "registry/authfile.h"
#include "util/subprocess.h"

/* The name that a helper keeps a registry under. */
static const char *server_url(const char *registry)
{
	return s2c_is_docker_io(registry) ? S2C_HUB_KEY : registry;
}

struct question {
	const char *name, *verb, *input;
	const char *registry; /* for messages; NULL: all */
};

/* Runs it. A status that is not 0 is an error, unless it says that it has nothing. */
static int ask(struct s2c_ctx *ctx, const struct question *q, struct s2c_buf *answer,
	bool *out_found, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, S2C_HELPER_SECONDS);
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	const char *registry = q->registry ? q->registry : "all registries";
	struct s2c_run_io io = {
		.input = q->input, .input_len = strlen(q->input), .out = answer};
	int status = 0;

	s2c_strv_addf(&argv, "docker-credential-%s", q->name);
	s2c_strv_add(&argv, q->verb);
	opts.argv = &argv;
	opts.die_with_parent = true;
	if (s2c_process_run(child, &opts, &io, &status, err) < 0)
		return s2c_wrap(
			err, "credential helper '%s' for '%s'", q->name, registry);
	*out_found = status == 0;
	if (status == 0 ||
		strstr(s2c_buf_str(answer), "credentials not found in native keychain"))
		return 0;
	return s2c_fail_status(err, S2C_EAUTH, status,
		"credential helper '%s' failed for '%s' with status %d; run "
		"'docker-credential-%s %s' to see why",
		q->name, registry, status, q->name, q->verb);
}

static int get_answer(const char *text, size_t len, struct s2c_credentials *out)
{
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_HELPER_OUTPUT_MAX};
	const char *user = NULL, *secret = NULL;

	if (s2c_json_parse(text, len, limits, &root, NULL) < 0 ||
		s2c_json_get_str(root, "Username", S2C_REQUIRED, &user, NULL) < 0 ||
		s2c_json_get_str(root, "Secret", S2C_REQUIRED, &secret, NULL) < 0)
		return -1;
	if (streq(user, S2C_TOKEN_USER)) {
		out->identity_token = xstrdup(secret);
	} else if (*user || *secret) {
		out->username = xstrdup(user);
		out->password = xstrdup(secret);
	}
	return 0;
}

int s2c_helper_get(struct s2c_ctx *ctx, const char *name, const char *registry,
	struct s2c_credentials *out, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf answer = S2C_BUF_INIT(S2C_HELPER_OUTPUT_MAX);
	struct question q = {name, "get", server_url(registry), registry};
	bool found = false;

	if (ask(ctx, &q, &answer, &found, err) < 0)
		return -1;
	if (!found || get_answer(s2c_buf_str(&answer), answer.len, out) == 0)
		return 0;
	return s2c_fail(err, S2C_EAUTH,
		"credential helper '%s' gave no valid answer for '%s'", name, registry);
}

int s2c_helper_store(struct s2c_ctx *ctx, const char *name, const char *registry,
	const struct s2c_credentials *creds, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf answer = S2C_BUF_INIT(S2C_HELPER_OUTPUT_MAX);
	CLEAN_JSON_SECRET struct s2c_json *root = s2c_json_new_object();
	CLEAN(s2c_clean_secret) char *input = NULL;
	const char *token = creds->identity_token;
	bool found = false;

	s2c_json_set_str(root, "ServerURL", server_url(registry));
	s2c_json_set_str(root, "Username", token ? S2C_TOKEN_USER : creds->username);
	s2c_json_set_str(root, "Secret", token ? token : creds->password);
	input = s2c_json_print(root, S2C_JSON_COMPACT);
	struct question q = {name, "store", input, registry};
	if (ask(ctx, &q, &answer, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	return s2c_fail(err, S2C_EAUTH, "credential helper '%s' kept nothing for '%s'",
		name, registry);
}

int s2c_helper_erase(struct s2c_ctx *ctx, const char *name, const char *registry,
	bool *out_found, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf answer = S2C_BUF_INIT(S2C_HELPER_OUTPUT_MAX);
	CLEAN_CREDENTIALS struct s2c_credentials creds = {.username = NULL};
	struct question q = {name, "erase", server_url(registry), registry};

	/* Many helpers are happy to erase what they do not have. */
	if (s2c_helper_get(ctx, name, registry, &creds, err) < 0)
		return -1;
	*out_found = !s2c_credentials_empty(&creds);
	if (!*out_found)
		return 0;
	return ask(ctx, &q, &answer, out_found, err);
}

int s2c_helper_list(struct s2c_ctx *ctx, const char *name, struct s2c_strv *out,
	struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf answer = S2C_BUF_INIT(S2C_HELPER_OUTPUT_MAX);
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {
		.bytes = S2C_HELPER_OUTPUT_MAX, .mixed_case = true};
	struct question q = {name, "list", "", NULL};
	bool found = false;

	if (ask(ctx, &q, &answer, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (s2c_json_parse(s2c_buf_str(&answer), answer.len, limits, &root, NULL) < 0 ||
		!s2c_json_is_object(root) || s2c_json_len(root) > S2C_HELPER_LIST_MAX)
		return s2c_fail(err, S2C_EAUTH,
			"credential helper '%s' gave no valid list", name);
	s2c_json_foreach (item, root)
		s2c_strv_add(out, s2c_json_key(item));
	return 0;
}

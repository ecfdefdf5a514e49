/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single changes to a configuration, written as the Dockerfile instructions of the same
 * names. Nothing is expanded: a '$' is a '$'. A change is understood as a whole before
 * any of it is applied.
 */
#include <strings.h>

#include "image/config.h"
#include "image/passwd.h"

static const char blanks[] = " \t\r\n";

/* --- words ------------------------------------------------------------------------ */

/* One word of shell-like quoting at *at; false if a quote is open at the end. */
static bool next_word(const char **at, struct s2c_strv *out)
{
	CLEAN_FREE char *word = xmalloc(strlen(*at) + 1);
	const char *p = *at;
	size_t len = 0;
	char quote = 0;

	for (; *p && (quote || !strchr(blanks, *p)); p++) {
		if (*p == '\\' && quote != '\'' && p[1])
			word[len++] = *++p;
		else if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? 0 : *p;
		else
			word[len++] = *p;
	}
	word[len] = '\0';
	s2c_strv_add(out, word);
	*at = p + strspn(p, blanks);
	return quote == 0;
}

static int split(const char *rest, struct s2c_strv *out, struct s2c_error **err)
{
	while (*rest)
		if (!next_word(&rest, out))
			return s2c_fail(err, S2C_EINVAL, "a quote is not closed");
	return 0;
}

/* A JSON array of strings. */
static int parse_array(const char *rest, struct s2c_strv *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *node = NULL;
	CLEAN_ERROR struct s2c_error *wrong = NULL;

	if (s2c_json_parse(
		    rest, strlen(rest), (struct s2c_json_limits){0}, &node, &wrong) < 0)
		return s2c_fail(err, S2C_EINVAL, "no JSON array of strings: %s",
			s2c_error_message(wrong));
	s2c_json_foreach (item, node)
		if (!s2c_json_is_string(item))
			return s2c_fail(
				err, S2C_EINVAL, "the array must hold strings only");
	s2c_json_foreach (item, node)
		s2c_strv_add(out, s2c_json_str(item));
	return 0;
}

/* A lone word. */
static int single(const char *rest, struct s2c_strv *out, struct s2c_error **err)
{
	if (split(rest, out, err) < 0)
		return -1;
	if (out->len != 1 || !out->items[0][0])
		return s2c_fail(err, S2C_EINVAL, "it takes one word");
	return 0;
}

/* --- instructions ------------------------------------------------------------------ */

static int change_user(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;

	if (single(rest, &words, err) < 0)
		return -1;
	if (strlen(words.items[0]) > S2C_USER_SPEC_MAX)
		return s2c_fail(err, S2C_EINVAL, "the user is longer than %d bytes",
			S2C_USER_SPEC_MAX);
	s2c_config_set_user(config, words.items[0]);
	return 0;
}

/* Appends `path` to an absolute path without '.', '..' and empty parts. */
static void walk(char *out, const char *path)
{
	size_t len = strlen(out);

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (len > 0 && out[len - 1] != '/')
				len--;
			len -= len > 0;
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	out[len] = '\0';
}

static int change_workdir(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	const char *before = s2c_config_workdir(config);
	CLEAN_FREE char *path = xcalloc(1, strlen(before) + strlen(rest) + 4);
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;

	if (single(rest, &words, err) < 0)
		return -1;
	if (words.items[0][0] != '/')
		walk(path, before);
	walk(path, words.items[0]);
	s2c_config_set_workdir(config, *path ? path : "/");
	return 0;
}

/* K=V words, or "K rest of the line", as assignments. */
static int assignments(const char *rest, struct s2c_strv *out, struct s2c_error **err)
{
	size_t name = strcspn(rest, blanks);

	if (!memchr(rest, '=', name)) {
		const char *value = rest + name + strspn(rest + name, blanks);

		if (!*value)
			return s2c_fail(err, S2C_EINVAL, "it takes NAME=VALUE");
		s2c_strv_addf(out, "%.*s=%s", (int)name, rest, value);
	} else if (split(rest, out, err) < 0) {
		return -1;
	}
	s2c_strv_foreach (word, out)
		if (*word == '=' || !strchr(word, '='))
			return s2c_fail(err, S2C_EINVAL, "it takes NAME=VALUE");
	return 0;
}

static int change_env(struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT, env = S2C_STRV_INIT;

	if (assignments(rest, &words, err) < 0)
		return -1;
	s2c_config_env(config, &env);
	if (env.len + words.len > S2C_CONFIG_ENV_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d environment variables",
			S2C_CONFIG_ENV_MAX);
	s2c_strv_foreach (word, &words)
		s2c_config_set_env(config, word);
	return 0;
}

static int change_label(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;

	if (assignments(rest, &words, err) < 0)
		return -1;
	s2c_config_set_labels(config, &words);
	return 0;
}

/* A command as an array, or as a line for the shell. */
static int parse_argv(const char *rest, struct s2c_strv *out, struct s2c_error **err)
{
	if (*rest == '[')
		return parse_array(rest, out, err);
	s2c_strv_add(out, "/bin/sh");
	s2c_strv_add(out, "-c");
	s2c_strv_add(out, rest);
	return 0;
}

static int change_cmd(struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	if (parse_argv(rest, &argv, err) < 0)
		return -1;
	s2c_config_set_cmd(config, &argv);
	return 0;
}

static int change_entrypoint(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	if (parse_argv(rest, &argv, err) < 0)
		return -1;
	s2c_config_set_entrypoint(config, &argv);
	return 0;
}

/* PORT[/PROTOCOL] as "PORT/protocol"; NULL if it is none. Caller frees. */
static char *normal_port(const char *word)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	size_t digits = strspn(word, "0123456789");
	const char *protocol = word[digits] == '/' ? word + digits + 1 : "tcp";
	unsigned long number = strtoul(word, NULL, 10);

	if (digits == 0 || digits > 5 || number == 0 || number > 65535 ||
		(word[digits] && word[digits] != '/'))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (strcasecmp(protocol, protocols[i]) == 0)
			return xasprintf("%lu/%s", number, protocols[i]);
	return NULL;
}

static int change_expose(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT, ports = S2C_STRV_INIT;

	if (split(rest, &words, err) < 0)
		return -1;
	s2c_strv_foreach (word, &words) {
		char *port = normal_port(word);

		if (!port)
			return s2c_fail(err, S2C_EINVAL,
				"'%.100s' is no port, as '8080' or '53/udp'", word);
		s2c_strv_add_take(&ports, port);
	}
	s2c_strv_foreach (port, &ports)
		s2c_config_add_port(config, port);
	return 0;
}

static int change_volume(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv paths = S2C_STRV_INIT;

	if ((*rest == '[' ? parse_array(rest, &paths, err) : split(rest, &paths, err)) <
		0)
		return -1;
	s2c_strv_foreach (path, &paths)
		if (*path != '/')
			return s2c_fail(
				err, S2C_EINVAL, "'%.200s' is no absolute path", path);
	s2c_strv_foreach (path, &paths)
		s2c_config_add_volume(config, path);
	return 0;
}

static int change_stop_signal(
	struct s2c_config *config, const char *rest, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;
	size_t len;

	if (single(rest, &words, err) < 0)
		return -1;
	len = strlen(words.items[0]);
	if (len > 32 || strspn(words.items[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					       "0123456789+-") != len)
		return s2c_fail(err, S2C_EINVAL, "it takes a signal, as SIGTERM or 15");
	s2c_config_set_stop_signal(config, words.items[0]);
	return 0;
}

int s2c_config_change(
	struct s2c_config *config, const char *change, struct s2c_error **err)
{
	static const struct {
		const char *name;
		int (*apply)(struct s2c_config *config, const char *rest,
			struct s2c_error **err);
	} instructions[] = {
		{"USER", change_user},
		{"WORKDIR", change_workdir},
		{"ENV", change_env},
		{"LABEL", change_label},
		{"CMD", change_cmd},
		{"ENTRYPOINT", change_entrypoint},
		{"EXPOSE", change_expose},
		{"VOLUME", change_volume},
		{"STOPSIGNAL", change_stop_signal},
	};
	const char *start = change + strspn(change, blanks);
	size_t name = strcspn(start, blanks);
	const char *rest = start + name + strspn(start + name, blanks);

	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		if (strlen(instructions[i].name) != name ||
			strncasecmp(instructions[i].name, start, name) != 0)
			continue;
		if (!*rest)
			return s2c_fail(err, S2C_EINVAL,
				"change '%.200s': the value is missing", change);
		if (instructions[i].apply(config, rest, err) < 0)
			return s2c_wrap(err, "change '%.200s'", change);
		return 0;
	}
	return s2c_fail(err, S2C_EINVAL,
		"change '%.200s' is none of USER, WORKDIR, ENV, LABEL, CMD, ENTRYPOINT, "
		"EXPOSE, VOLUME and STOPSIGNAL",
		change);
}

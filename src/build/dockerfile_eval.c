/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function for each instruction. All variables of an instruction have the values from
 * before it. What only makes values out of text is in dockerfile_values.c.
 */
#include "build/dockerfile_eval.h"

#include "build/dockerfile_values.h"
#include "build/dockerfile_words.h"
#include "build/paths.h"
#include "image/passwd.h"

/* What an instruction works with. */
struct step {
	struct s2c_eval *eval;
	const struct s2c_instruction *item;
	struct s2c_words words;
};

static const char *const no_flags[] = {NULL};

void s2c_eval_release(struct s2c_eval *eval)
{
	s2c_strv_release(&eval->args);
}

/* ---- text to values ---- */

static int one(const struct step *s, const char *text, char **out, struct s2c_error **err)
{
	return s2c_words_one(&s->words, text, out, err);
}

/* The lone argument, which may not be empty. Caller frees *out. */
static int argument(const struct step *s, char **out, struct s2c_error **err)
{
	CLEAN_FREE char *word = NULL;

	if (one(s, s->item->rest, &word, err) < 0)
		return -1;
	if (!*word)
		return s2c_fail(err, S2C_EINVAL, "'%.200s' is empty", s->item->rest);
	*out = TAKE(word);
	return 0;
}

/* Words of an array, or those of the text; each expanded, but not split by that. */
static int arguments(const struct step *s, struct s2c_strv *out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv raw = S2C_STRV_INIT;

	if (s->item->exec_form)
		s2c_strv_add_all(&raw, &s->item->words);
	else if (s2c_words_raw(s->item->rest, s->words.escape, &raw, err) < 0)
		return -1;
	s2c_strv_foreach (text, &raw) {
		char *word;

		if (one(s, text, &word, err) < 0)
			return -1;
		s2c_strv_add_take(out, word);
	}
	return 0;
}

static int put_assignment(const struct step *s, const char *name, const char *value,
	struct s2c_strv *out, struct s2c_error **err)
{
	CLEAN_FREE char *key = NULL, *text = NULL;

	if (one(s, name, &key, err) < 0 || one(s, value, &text, err) < 0)
		return -1;
	if (!*key || strchr(key, '='))
		return s2c_fail(err, S2C_EINVAL, "it takes NAME=VALUE");
	s2c_strv_addf(out, "%s=%s", key, text);
	return 0;
}

/* NAME=VALUE words, or "NAME the rest of the line", as assignments. */
static int assignments(const struct step *s, struct s2c_strv *out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv raw = S2C_STRV_INIT;
	const char *rest = s->item->rest;
	size_t name = strcspn(rest, " \t");
	CLEAN_FREE char *old = xstrndup(rest, name);

	if (!strchr(old, '=')) {
		rest += name + strspn(rest + name, " \t");
		if (!*rest)
			return s2c_fail(err, S2C_EINVAL, "it takes NAME=VALUE");
		return put_assignment(s, old, rest, out, err);
	}
	if (s2c_words_raw(rest, s->words.escape, &raw, err) < 0)
		return -1;
	for (size_t i = 0; i < raw.len; i++) {
		char *equals = strchr(raw.items[i], '=');

		if (!equals)
			return s2c_fail(err, S2C_EINVAL,
				"'%.100s' has no '='; it takes NAME=VALUE", raw.items[i]);
		*equals = '\0';
		if (put_assignment(s, raw.items[i], equals + 1, out, err) < 0)
			return -1;
	}
	return 0;
}

/* A command: its array, or the shell with the text as it stands. */
static void command_of(
	const struct step *s, const struct s2c_instruction *item, struct s2c_strv *out)
{
	if (item->exec_form) {
		s2c_strv_add_all(out, &item->words);
		return;
	}
	s2c_config_shell(s->eval->config, out);
	if (!out->len) {
		s2c_strv_add(out, "/bin/sh");
		s2c_strv_add(out, "-c");
	}
	s2c_strv_add(out, item->rest);
}

/* ---- instructions that only change the configuration ---- */

static int eval_env(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT, env = S2C_STRV_INIT;

	if (assignments(s, &words, err) < 0)
		return -1;
	s2c_config_env(s->eval->config, &env);
	if (env.len + words.len > S2C_CONFIG_ENV_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d environment variables",
			S2C_CONFIG_ENV_MAX);
	s2c_strv_foreach (word, &words)
		s2c_config_set_env(s->eval->config, word);
	return 0;
}

static int eval_label(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;

	if (assignments(s, &words, err) < 0)
		return -1;
	s2c_config_set_labels(s->eval->config, &words);
	return 0;
}

/*
 * The value that ARG gives a name: from outside, its default, or what an ARG of before
 * the first FROM has; NULL: none. Borrowed. `text` is NULL without a default.
 */
static const char *arg_value(
	const struct s2c_eval *eval, const char *name, const char *text)
{
	const char *given = eval->given ? s2c_env_get(eval->given, name) : NULL;

	if (given || text)
		return given ? given : text;
	return eval->before_from ? s2c_env_get(eval->before_from, name) : NULL;
}

static int eval_arg(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv raw = S2C_STRV_INIT;

	if (s2c_words_raw(s->item->rest, s->words.escape, &raw, err) < 0)
		return -1;
	for (size_t i = 0; i < raw.len; i++) {
		char *equals = strchr(raw.items[i], '=');
		CLEAN_FREE char *name = NULL, *text = NULL;
		const char *value;

		if (equals)
			*equals = '\0';
		if (one(s, raw.items[i], &name, err) < 0 ||
			(equals && one(s, equals + 1, &text, err) < 0))
			return -1;
		if (!*name || strchr(name, '='))
			return s2c_fail(err, S2C_EINVAL, "it takes NAME or NAME=VALUE");
		value = arg_value(s->eval, name, text);
		if (!value)
			continue;
		s2c_env_set(&s->eval->args, name, value);
		if (s->eval->args.len > S2C_CONFIG_ENV_MAX)
			return s2c_fail(err, S2C_ELIMIT, "more than %d variables",
				S2C_CONFIG_ENV_MAX);
	}
	return 0;
}

static int eval_cmd(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	command_of(s, s->item, &argv);
	s2c_config_set_cmd(s->eval->config, &argv);
	s->eval->cmd_set = true;
	(void)err;
	return 0;
}

/* A CMD that was inherited was meant for the entrypoint that was inherited with it. */
static int eval_entrypoint(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT, none = S2C_STRV_INIT;

	command_of(s, s->item, &argv);
	s2c_config_set_entrypoint(s->eval->config, &argv);
	if (!s->eval->cmd_set)
		s2c_config_set_cmd(s->eval->config, &none);
	(void)err;
	return 0;
}

static int eval_shell(const struct step *s, struct s2c_error **err)
{
	if (!s->item->exec_form || !s->item->words.len)
		return s2c_fail(err, S2C_EINVAL,
			"it takes a JSON array, as [\"/bin/bash\", \"-c\"]");
	s2c_config_set_shell(s->eval->config, &s->item->words);
	return 0;
}

static int eval_expose(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT, ports = S2C_STRV_INIT;

	if (s2c_words_split(&s->words, s->item->rest, &words, err) < 0)
		return -1;
	s2c_strv_foreach (word, &words)
		if (s2c_ports_parse(word, &ports, err) < 0)
			return -1;
	s2c_strv_foreach (port, &ports)
		s2c_config_add_port(s->eval->config, port);
	return 0;
}

static int eval_volume(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv paths = S2C_STRV_INIT;

	if (arguments(s, &paths, err) < 0)
		return -1;
	s2c_strv_foreach (path, &paths)
		if (*path != '/')
			return s2c_fail(
				err, S2C_EINVAL, "'%.200s' is no absolute path", path);
	s2c_strv_foreach (path, &paths)
		s2c_config_add_volume(s->eval->config, path);
	return 0;
}

static int eval_stop_signal(const struct step *s, struct s2c_error **err)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-";
	CLEAN_FREE char *signal = NULL;

	if (argument(s, &signal, err) < 0)
		return -1;
	if (strlen(signal) > 32 || signal[strspn(signal, fine)])
		return s2c_fail(err, S2C_EINVAL, "it takes a signal, as SIGTERM or 15");
	s2c_config_set_stop_signal(s->eval->config, signal);
	return 0;
}

static int eval_maintainer(const struct step *s, struct s2c_error **err)
{
	(void)err;
	s2c_config_set_author(s->eval->config, s->item->rest);
	return 0;
}

/* The command behind HEALTHCHECK, which is a CMD instruction within this one. */
static int health_test(
	const struct step *s, struct s2c_healthcheck *check, struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *inner = NULL;

	if (streq(s->item->rest, "NONE") || streq(s->item->rest, "none")) {
		s2c_strv_add(&check->test, "NONE");
		return 0;
	}
	if (s2c_dockerfile_parse_one(s->item->rest, &inner, err) < 0)
		return -1;
	if (inner->items[0].kind != S2C_INSTRUCTION_CMD)
		return s2c_fail(err, S2C_EINVAL, "it takes CMD and a command, or NONE");
	s2c_strv_add(&check->test, inner->items[0].exec_form ? "CMD" : "CMD-SHELL");
	if (inner->items[0].exec_form)
		s2c_strv_add_all(&check->test, &inner->items[0].words);
	else
		s2c_strv_add(&check->test, inner->items[0].rest);
	return 0;
}

static void check_release(struct s2c_healthcheck *check)
{
	s2c_strv_release(&check->test);
}

static int eval_healthcheck(const struct step *s, struct s2c_error **err)
{
	CLEAN(check_release) struct s2c_healthcheck check = {.retries = 0};
	const struct {
		const char *name;
		int64_t *out;
	} times[] = {
		{"interval", &check.interval},
		{"timeout", &check.timeout},
		{"start-period", &check.start_period},
		{"start-interval", &check.start_interval},
	};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		const char *text = s2c_instruction_flag(s->item, times[i].name);

		if (text && s2c_duration_parse(text, times[i].out, err) < 0)
			return s2c_wrap(err, "--%s", times[i].name);
	}
	const char *retries = s2c_instruction_flag(s->item, "retries");

	if (retries && s2c_retries_parse(retries, &check.retries, err) < 0)
		return s2c_wrap(err, "--retries");
	if (health_test(s, &check, err) < 0)
		return -1;
	s2c_config_set_healthcheck(s->eval->config, &check);
	return 0;
}

/* ---- instructions that do something ---- */

static int eval_user(const struct step *s, struct s2c_error **err)
{
	CLEAN_FREE char *user = NULL;

	if (argument(s, &user, err) < 0)
		return -1;
	if (strlen(user) > S2C_USER_SPEC_MAX)
		return s2c_fail(err, S2C_EINVAL, "the user is longer than %d bytes",
			S2C_USER_SPEC_MAX);
	if (s->eval->ops->user(s->eval->self, user, err) < 0)
		return -1;
	s2c_config_set_user(s->eval->config, user);
	return 0;
}

/* The directory in force. Caller frees *out. */
static int workdir_of(const struct step *s, char **out, struct s2c_error **err)
{
	return s2c_inner_workdir(s2c_config_workdir(s->eval->config), out, err);
}

static int eval_workdir(const struct step *s, struct s2c_error **err)
{
	CLEAN_FREE char *before = NULL, *word = NULL, *path = NULL, *checked = NULL;

	if (argument(s, &word, err) < 0 || workdir_of(s, &before, err) < 0)
		return -1;
	path = s2c_inner_join(before, word);
	if (s2c_inner_workdir(path, &checked, err) < 0 ||
		s->eval->ops->workdir(s->eval->self, checked, err) < 0)
		return -1;
	s2c_config_set_workdir(s->eval->config, checked);
	return 0;
}

/* ENV wins over ARG of the same name. */
static void run_env(const struct s2c_eval *eval, struct s2c_strv *out)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	s2c_strv_add_all(out, &eval->args);
	s2c_config_env(eval->config, &env);
	s2c_strv_foreach (variable, &env)
		s2c_env_put(out, variable);
}

/* What the flags of a RUN ask for, all of which are mounts. */
static int run_mounts(
	const struct step *s, struct s2c_run_mounts *out, struct s2c_error **err)
{
	s2c_strv_foreach (flag, &s->item->flags) {
		CLEAN_FREE char *text = NULL;

		if (!s->eval->whole_file || !starts_with(flag, "--mount="))
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"the flag '%.100s' is not supported: take it off", flag);
		if (one(s, flag + strlen("--mount="), &text, err) < 0 ||
			s2c_run_mounts_add(out, text, err) < 0)
			return s2c_wrap(err, "--mount");
	}
	return 0;
}

static int eval_run(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT, env = S2C_STRV_INIT;
	CLEAN(s2c_run_mounts_release) struct s2c_run_mounts mounts = {.n = 0};
	CLEAN_FREE char *cwd = NULL;
	struct s2c_eval_run run = {
		.argv = &argv,
		.env = &env,
		.user = s2c_config_user(s->eval->config),
	};

	if (run_mounts(s, &mounts, err) < 0 || workdir_of(s, &cwd, err) < 0)
		return -1;
	run.cwd = cwd;
	run.mounts = mounts.items;
	run.n_mounts = mounts.n;
	command_of(s, s->item, &argv);
	if (!argv.len || !*argv.items[0])
		return s2c_fail(err, S2C_EINVAL, "there is no program to run");
	run_env(s->eval, &env);
	return s->eval->ops->run(s->eval->self, &run, err);
}

/* Where files go; takes the last word off. Caller frees *out. */
static int take_destination(
	const struct step *s, struct s2c_strv *words, char **out, struct s2c_error **err)
{
	CLEAN_FREE char *base = NULL, *path = NULL;
	const char *last;
	size_t len;
	bool dir;

	if (words->len < 2)
		return s2c_fail(err, S2C_EINVAL, "it takes sources and a destination");
	last = words->items[words->len - 1];
	len = strlen(last);
	if (!len)
		return s2c_fail(err, S2C_EINVAL, "the destination is empty");
	dir = last[len - 1] == '/' || streq(last, ".") || streq(last, "..") ||
	      (len > 1 && streq(last + len - 2, "/.")) ||
	      (len > 2 && streq(last + len - 3, "/.."));
	if (workdir_of(s, &base, err) < 0)
		return -1;
	path = s2c_inner_join(base, last);
	*out = xasprintf("%s%s", path, dir && !streq(path, "/") ? "/" : "");
	s2c_strv_remove(words, words->len - 1);
	return 0;
}

static int check_sources(const struct s2c_strv *sources, struct s2c_error **err)
{
	s2c_strv_foreach (source, sources) {
		if (!*source)
			return s2c_fail(err, S2C_EINVAL, "a source is empty");
		if (strstr(source, "://") || starts_with(source, "git@"))
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"'%.200s' is no file of the source: download it in a "
				"RUN, "
				"where its digest can be checked, or put it into the "
				"source",
				source);
	}
	return 0;
}

/* --from, which needs stages. Caller frees *out; NULL: there is no such flag. */
static int copy_from(const struct step *s, char **out, struct s2c_error **err)
{
	const char *from = s2c_instruction_flag(s->item, "from");

	if (!from)
		return 0;
	if (!s->eval->whole_file || s->item->kind == S2C_INSTRUCTION_ADD)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"--from is not supported: there are no other stages or images to "
			"copy from, put the files into the image itself");
	if (one(s, from, out, err) < 0)
		return s2c_wrap(err, "--from");
	return 0;
}

static int eval_copy(const struct step *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;
	CLEAN_FREE char *destination = NULL, *owner = NULL, *mode = NULL, *from = NULL;
	const char *chown = s2c_instruction_flag(s->item, "chown");
	const char *chmod = s2c_instruction_flag(s->item, "chmod");
	struct s2c_eval_copy copy = {
		.sources = &words,
		.mode = -1,
		.unpack = s->item->kind == S2C_INSTRUCTION_ADD,
	};

	if (copy_from(s, &from, err) < 0)
		return -1;
	if (chown && one(s, chown, &owner, err) < 0)
		return s2c_wrap(err, "--chown");
	if (chmod && (one(s, chmod, &mode, err) < 0 ||
			     s2c_mode_parse(mode, &copy.mode, err) < 0))
		return s2c_wrap(err, "--chmod");
	if (arguments(s, &words, err) < 0 ||
		take_destination(s, &words, &destination, err) < 0 ||
		check_sources(&words, err) < 0)
		return -1;
	copy.destination = destination;
	copy.owner = owner;
	copy.from = from;
	return s->eval->ops->copy(s->eval->self, &copy, err);
}

/* ---- the table ---- */

static int refuse(const struct step *s, struct s2c_error **err)
{
	(void)s;
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"it cannot stand here: only instructions "
		"that change one image are run");
}

static const char *const copy_flags[] = {"chown", "chmod", "from", "link", NULL};
static const char *const health_flags[] = {
	"interval", "timeout", "start-period", "start-interval", "retries", NULL};

static const struct {
	int (*apply)(const struct step *s, struct s2c_error **err);
	const char *const *flags; /* NULL: looked at by itself */
} table[S2C_INSTRUCTION_KINDS] = {
	[S2C_INSTRUCTION_ADD] = {eval_copy, copy_flags},
	[S2C_INSTRUCTION_ARG] = {eval_arg, no_flags},
	[S2C_INSTRUCTION_CMD] = {eval_cmd, no_flags},
	[S2C_INSTRUCTION_COPY] = {eval_copy, copy_flags},
	[S2C_INSTRUCTION_ENTRYPOINT] = {eval_entrypoint, no_flags},
	[S2C_INSTRUCTION_ENV] = {eval_env, no_flags},
	[S2C_INSTRUCTION_EXPOSE] = {eval_expose, no_flags},
	[S2C_INSTRUCTION_FROM] = {refuse, NULL},
	[S2C_INSTRUCTION_HEALTHCHECK] = {eval_healthcheck, health_flags},
	[S2C_INSTRUCTION_LABEL] = {eval_label, no_flags},
	[S2C_INSTRUCTION_MAINTAINER] = {eval_maintainer, no_flags},
	[S2C_INSTRUCTION_ONBUILD] = {refuse, NULL},
	[S2C_INSTRUCTION_RUN] = {eval_run, NULL},
	[S2C_INSTRUCTION_SHELL] = {eval_shell, no_flags},
	[S2C_INSTRUCTION_STOPSIGNAL] = {eval_stop_signal, no_flags},
	[S2C_INSTRUCTION_USER] = {eval_user, no_flags},
	[S2C_INSTRUCTION_VOLUME] = {eval_volume, no_flags},
	[S2C_INSTRUCTION_WORKDIR] = {eval_workdir, no_flags},
};

int s2c_eval_apply(struct s2c_eval *eval, const struct s2c_instruction *instruction,
	char escape, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct step step = {
		.eval = eval,
		.item = instruction,
		.words = {.env = &env, .args = &eval->args, .escape = escape},
	};

	s2c_config_env(eval->config, &env);
	if (table[instruction->kind].flags &&
		s2c_instruction_check_flags(
			instruction, table[instruction->kind].flags, err) < 0)
		return -1;
	if (table[instruction->kind].apply(&step, err) < 0)
		return s2c_wrap(err, "%s", s2c_instruction_name(instruction->kind));
	return 0;
}

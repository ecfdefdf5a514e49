/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a plan to a Dockerfile, stage by stage. Quoting is done in three ways: words of
 * instructions (double quotes, escapes), words of a shell (single quotes), and JSON.
 */
#include "build/dockerfile_write.h"

#include <ctype.h>

#include "build/paths.h"
#include "codec/json.h"

#define SYNTAX "docker/dockerfile:1" /* the first that has mounts without "labs" */
#define ARTIFACTS_TAR "/tmp/artifacts.tar"

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789_@%+=:,./-";

/* ---- quoting ---- */

/* No line of a Dockerfile can hold them, however they are quoted. */
static int check_text(const char *what, const char *text, struct s2c_error **err)
{
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return s2c_fail(err, S2C_EINVAL,
				"%s holds a control character (%#04x), which a "
				"Dockerfile "
				"cannot",
				what, (unsigned)(unsigned char)*p);
	return 0;
}

/* The text with a backslash before each of `special`. Caller frees. */
static char *escaped(const char *text, const char *special)
{
	char *out = xmalloc(2 * strlen(text) + 1), *p = out;

	for (; *text; text++) {
		if (strchr(special, *text))
			*p++ = '\\';
		*p++ = *text;
	}
	*p = '\0';
	return out;
}

/* A word for a shell. Caller frees. */
static char *shell_word(const char *text)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(4 * strlen(text) + 4);

	if (*text && !text[strspn(text, plain)])
		return xstrdup(text);
	s2c_buf_must_printf(&buf, "'");
	for (; *text; text++)
		s2c_buf_must_printf(&buf, *text == '\'' ? "'\\''" : "%c", *text);
	s2c_buf_must_printf(&buf, "'");
	return s2c_buf_take(&buf);
}

/* ---- pieces ---- */

struct writing {
	const struct s2c_dockerfile_plan *plan;
	struct s2c_buf *out;
};

static int put_from(const struct writing *w, const struct s2c_dockerfile_stage *stage,
	const char *name, struct s2c_error **err)
{
	const char *platform = w->plan->platform;

	if (check_text("an image's name", stage->image, err) < 0)
		return -1;
	if (platform && (!*platform || platform[strspn(platform, plain)]))
		return s2c_fail(err, S2C_EINVAL,
			"platform '%.100s' cannot be written in a Dockerfile", platform);
	return s2c_buf_printf(w->out, err, "\nFROM %s%s%s%s%s%s\n",
		platform ? "--platform=" : "", platform ? platform : "",
		platform ? " " : "", stage->image, name ? " AS " : "", name ? name : "");
}

/* COPY of one thing, as words where they are plain ones, else as an array. */
static int put_copy(const struct writing *w, const char *flags, const char *from,
	const char *to, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *words = NULL;
	CLEAN_FREE char *array = NULL, *a = NULL, *b = NULL;

	if (check_text("a path", from, err) < 0 || check_text("a path", to, err) < 0)
		return -1;
	if (!from[strspn(from, plain)] && !to[strspn(to, plain)])
		return s2c_buf_printf(w->out, err, "COPY %s %s %s\n", flags, from, to);
	a = escaped(from, "\\\"'$");
	b = escaped(to, "\\\"'$");
	words = s2c_json_new_array();
	s2c_json_add_str(words, a);
	s2c_json_add_str(words, b);
	array = s2c_json_print(words, S2C_JSON_COMPACT);
	return s2c_buf_printf(w->out, err, "COPY %s %s\n", flags, array);
}

static int put_copy_own(const struct writing *w, const struct s2c_dockerfile_stage *stage,
	const char *from, const char *to, struct s2c_error **err)
{
	CLEAN_FREE char *flags = xasprintf("--chown=%s", stage->owner);

	return put_copy(w, flags, from, to, err);
}

static int put_scripts(const struct writing *w, const struct s2c_dockerfile_stage *stage,
	struct s2c_error **err)
{
	const char *dest = w->plan->destination;
	CLEAN_FREE char *dir = s2c_inner_join(dest, "scripts");

	const char *from = stage == &w->plan->runtime
				   ? "upload/" S2C_DOCKERFILE_RUNTIME_SCRIPTS
				   : "upload/scripts";

	return stage->copies_script ? put_copy_own(w, stage, from, dir, err) : 0;
}

/* The name of a variable, without its value. Caller frees. */
static int name_of(const char *assignment, char **out, struct s2c_error **err)
{
	size_t len = strcspn(assignment, "=");
	CLEAN_FREE char *name = xstrndup(assignment, len);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			len = 0;
	if (!len || isdigit((unsigned char)*name) || !assignment[len])
		return s2c_fail(err, S2C_EINVAL,
			"a Dockerfile cannot hold a variable with the name '%.100s'",
			name);
	*out = TAKE(name);
	return 0;
}

static int put_variables(const struct writing *w, const char *instruction,
	const struct s2c_strv *variables, struct s2c_error **err)
{
	for (size_t i = 0; variables && i < variables->len; i++) {
		const char *item = variables->items[i];
		CLEAN_FREE char *name = NULL, *what = NULL, *value = NULL;

		if (name_of(item, &name, err) < 0)
			return -1;
		what = xasprintf("variable '%s'", name);
		value = escaped(item + strlen(name) + 1, "\\\"$");
		if (check_text(what, value, err) < 0 ||
			s2c_buf_printf(w->out, err, "%s %s=\"%s\"\n", instruction, name,
				value) < 0)
			return -1;
	}
	return 0;
}

static int put_labels(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_strv *labels = w->plan->labels;

	for (size_t i = 0; labels && i < labels->len; i++) {
		const char *equals = strchr(labels->items[i], '=');
		CLEAN_FREE char *raw = xstrndup(labels->items[i],
			equals ? (size_t)(equals - labels->items[i]) : 0);
		CLEAN_FREE char *key = escaped(raw, "\\\"$"), *what = NULL, *value = NULL;

		if (!*key)
			return s2c_fail(err, S2C_EINVAL, "a label has no name");
		what = xasprintf("label '%s'", raw);
		value = escaped(equals + 1, "\\\"$");
		if (check_text("the name of a label", key, err) < 0 ||
			check_text(what, value, err) < 0 ||
			s2c_buf_printf(w->out, err, "%s\"%s\"=\"%s\"%s\n",
				i ? "      " : "LABEL ", key, value,
				i + 1 < labels->len ? " \\" : "") < 0)
			return -1;
	}
	return 0;
}

static int put_user(const struct writing *w, const char *user, struct s2c_error **err)
{
	CLEAN_FREE char *word = escaped(user, "\\\"'$ ");

	if (check_text("a user", word, err) < 0)
		return -1;
	return s2c_buf_printf(w->out, err, "USER %s\n", word);
}

/* ---- stages ---- */

/* How to hand the secrets over, since the file does not have them. */
static int put_head(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_plan *plan = w->plan;
	bool secrets = false;

	if (plan->n_mounts && s2c_buf_puts(w->out, "# syntax=" SYNTAX "\n", err) < 0)
		return -1;
	if (s2c_buf_printf(w->out, err,
		    S2C_DOCKERFILE_MARK "%s; what it is built from is in 'upload'.\n",
		    plan->by) < 0)
		return -1;
	for (size_t i = 0; i < plan->n_mounts; i++) {
		if (plan->mounts[i].kind != S2C_DOCKERFILE_SECRET)
			continue;
		if (!secrets &&
			s2c_buf_puts(w->out, "# Its secrets are given to the build:\n",
				err) < 0)
			return -1;
		secrets = true;
		if (check_text("the id of a secret", plan->mounts[i].id, err) < 0 ||
			s2c_buf_printf(w->out, err, "#     --secret id=%s,src=FILE\n",
				plan->mounts[i].id) < 0)
			return -1;
	}
	return 0;
}

/* Artifacts of the image so far: none are as good as some, so nothing here can fail. */
static int put_saving(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_stage *stage = &w->plan->saving;
	CLEAN_FREE char *script = NULL;

	if (!stage->image)
		return 0;
	script = shell_word(stage->script);
	if (check_text("the path of save-artifacts", script, err) < 0 ||
		put_from(w, stage, "cached", err) < 0 || put_scripts(w, stage, err) < 0 ||
		put_user(w, stage->user, err) < 0)
		return -1;
	return s2c_buf_printf(w->out, err,
		"RUN if [ -x %s ] && %s > " ARTIFACTS_TAR "; then :; "
		"else : > " ARTIFACTS_TAR "; fi\n",
		script, script);
}

static int put_restoring(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_plan *plan = w->plan;
	CLEAN_FREE char *flags = xasprintf("--from=cached --chown=%s", plan->build.owner);

	if (!plan->saving.image)
		return 0;
	return put_copy(w, flags, ARTIFACTS_TAR, ARTIFACTS_TAR, err);
}

static int put_unpacking(const struct writing *w, struct s2c_error **err)
{
	const char *dest = w->plan->destination;
	CLEAN_FREE char *dir = s2c_inner_join(dest, "artifacts");
	CLEAN_FREE char *word = shell_word(dir);

	if (!w->plan->saving.image)
		return 0;
	return s2c_buf_printf(w->out, err,
		"RUN if [ -s " ARTIFACTS_TAR " ]; then mkdir -p %s && "
		"tar -xf " ARTIFACTS_TAR " -C %s; fi && rm -f " ARTIFACTS_TAR "\n",
		word, word);
}

/* Digits of a "uid:gid", for options of mounts that take numbers alone. */
static char *number_of(const char *user)
{
	return xstrndup(user, strspn(user, "0123456789"));
}

static bool is_plain(const char *text)
{
	/* A comma would begin the next option. */
	return !text[strspn(text, plain)] && !strchr(text, ',');
}

static int put_mounts(const struct writing *w, struct s2c_error **err)
{
	static const struct {
		const char *type, *mode, *rest;
	} kinds[] = {
		[S2C_DOCKERFILE_SECRET] = {"secret", "0400", ",required=true"},
		[S2C_DOCKERFILE_CACHE] = {"cache", "0755", ""},
		[S2C_DOCKERFILE_AGENT] = {"ssh", "0600", ""},
	};
	const struct s2c_dockerfile_plan *plan = w->plan;
	CLEAN_FREE char *uid = number_of(plan->build.user);

	for (size_t i = 0; i < plan->n_mounts; i++) {
		const struct s2c_dockerfile_mount *m = &plan->mounts[i];
		const char *target = m->target ? m->target : "";

		if (!is_plain(m->id) || !is_plain(target))
			return s2c_fail(err, S2C_EINVAL,
				"mount '%.200s' at '%.200s' cannot be written in a "
				"Dockerfile: take plain letters, digits and -_./",
				m->id, target);
		if (s2c_buf_printf(w->out, err,
			    "--mount=type=%s,id=%s%s%s,uid=%s,mode=%s%s \\\n    ",
			    kinds[m->kind].type, m->id, *target ? ",target=" : "", target,
			    *uid ? uid : "0", kinds[m->kind].mode,
			    kinds[m->kind].rest) < 0)
			return -1;
	}
	return 0;
}

/* What may be left where the user may not write in the directory above it, but empty. */
static int put_removal(const struct writing *w, const struct s2c_dockerfile_stage *stage,
	struct s2c_error **err)
{
	const struct s2c_strv *excludes = stage->excludes;

	if (!excludes || !excludes->len)
		return s2c_buf_puts(w->out, "\n", err);
	if (s2c_buf_puts(w->out, " && { rm -rf", err) < 0)
		return -1;
	s2c_strv_foreach (path, excludes) {
		CLEAN_FREE char *word = shell_word(path);

		if (check_text("a path", path, err) < 0 ||
			s2c_buf_printf(w->out, err, " %s", word) < 0)
			return -1;
	}
	return s2c_buf_puts(w->out, " 2>/dev/null || :; }\n", err);
}

static int put_build(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_plan *plan = w->plan;
	CLEAN_FREE char *src = s2c_inner_join(plan->destination, "src");
	CLEAN_FREE char *script = shell_word(plan->build.script);

	if (check_text("the path of assemble", script, err) < 0 ||
		put_from(w, &plan->build, plan->runtime.image ? "built" : NULL, err) <
			0 ||
		put_variables(w, "ENV", plan->env, err) < 0 ||
		put_variables(w, "ARG", plan->build_env, err) < 0 ||
		put_restoring(w, err) < 0 || put_scripts(w, &plan->build, err) < 0)
		return -1;
	if (plan->copies_source &&
		put_copy_own(w, &plan->build, "upload/src", src, err) < 0)
		return -1;
	if (put_user(w, plan->build.user, err) < 0 || put_unpacking(w, err) < 0 ||
		s2c_buf_puts(w->out, "RUN ", err) < 0 || put_mounts(w, err) < 0 ||
		s2c_buf_puts(w->out, script, err) < 0)
		return -1;
	return put_removal(w, &plan->build, err);
}

static int put_artifacts(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_plan *plan = w->plan;
	CLEAN_FREE char *flags = xasprintf(
		"--from=built --chown=%s", plan->runtime.owner);

	for (size_t i = 0; i < plan->n_artifacts; i++) {
		const struct s2c_dockerfile_artifact *a = &plan->artifacts[i];

		if (a->from[strcspn(a->from, "*?[\\")])
			return s2c_fail(err, S2C_EINVAL,
				"artifact '%.200s' would be a pattern in a Dockerfile",
				a->from);
		if (put_copy(w, flags, a->from, a->to, err) < 0)
			return -1;
	}
	return 0;
}

static int put_runtime(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_stage *stage = &w->plan->runtime;
	CLEAN_FREE char *script = NULL;

	if (!stage->image)
		return 0;
	if (put_from(w, stage, NULL, err) < 0 ||
		put_variables(w, "ENV", w->plan->env, err) < 0 ||
		put_scripts(w, stage, err) < 0 || put_artifacts(w, err) < 0 ||
		put_user(w, stage->user, err) < 0)
		return -1;
	if (!stage->script)
		return 0;
	script = shell_word(stage->script);
	if (check_text("the path of assemble-runtime", script, err) < 0)
		return -1;
	if ((stage->optional ? s2c_buf_printf(w->out, err,
				       "RUN if [ -x %s ]; then %s; fi", script, script)
			     : s2c_buf_printf(w->out, err, "RUN %s", script)) < 0)
		return -1;
	return put_removal(w, stage, err);
}

/* What the image says of itself. Labels last: they change with every commit. */
static int put_end(const struct writing *w, struct s2c_error **err)
{
	const struct s2c_dockerfile_plan *plan = w->plan;
	const char *last = plan->runtime.image ? plan->runtime.user : plan->build.user;
	CLEAN_JSON struct s2c_json *cmd = s2c_json_new_array();
	CLEAN_FREE char *text = NULL;

	if (plan->image_user && !streq(plan->image_user, last) &&
		put_user(w, plan->image_user, err) < 0)
		return -1;
	s2c_json_add_str(cmd, plan->run);
	text = s2c_json_print(cmd, S2C_JSON_COMPACT);
	if (check_text("the path of run", plan->run, err) < 0 ||
		s2c_buf_printf(w->out, err, "CMD %s\n", text) < 0)
		return -1;
	return put_labels(w, err);
}

int s2c_dockerfile_write(const struct s2c_dockerfile_plan *plan, struct s2c_buf *out,
	struct s2c_error **err)
{
	static int (*const parts[])(const struct writing *, struct s2c_error **) = {
		put_head,
		put_saving,
		put_build,
		put_runtime,
		put_end,
	};
	struct writing w = {.plan = plan, .out = out};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i](&w, err) < 0)
			return -1;
	return 0;
}

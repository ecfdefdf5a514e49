/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the instructions. ARG before the first FROM is applied by the evaluator,
 * to a configuration that nobody sees.
 */
#include "build/dockerfile_stages.h"

#include <ctype.h>
#include <strings.h>

#include "build/dockerfile_eval.h"
#include "build/dockerfile_words.h"

static void stage_release(struct s2c_stage_text *stage)
{
	free(stage->image);
	free(stage->platform);
	free(stage->name);
}

void s2c_stages_release(struct s2c_stages *stages)
{
	for (size_t i = 0; i < stages->n; i++)
		stage_release(&stages->items[i]);
	free(stages->items);
	s2c_strv_release(&stages->before_from);
	s2c_strv_release(&stages->unused);
	*stages = (struct s2c_stages){.n = 0};
}

struct reading {
	const struct s2c_dockerfile *file;
	const struct s2c_strv *given;
	struct s2c_stages *out;
};

/* ---- names ---- */

static const struct s2c_stage_text *named(
	const struct s2c_stages *stages, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (stages->items[i].name && strcasecmp(stages->items[i].name, name) == 0)
			return &stages->items[i];
	return NULL;
}

/* A letter, then what docker allows. */
static int check_name(
	const struct s2c_stages *stages, const char *name, struct s2c_error **err)
{
	bool fine = islower((unsigned char)*name) && strlen(name) <= S2C_STAGE_NAME_MAX;

	for (const char *p = name; *p; p++)
		fine = fine && (islower((unsigned char)*p) ||
				       isdigit((unsigned char)*p) || strchr("-_.", *p));
	if (!fine)
		return s2c_fail(err, S2C_EINVAL,
			"'%.100s' is no name of a stage: begin with a letter and use "
			"letters, digits and -_.",
			name);
	if (named(stages, stages->n, name))
		return s2c_fail(err, S2C_EINVAL, "there is a stage '%s' already", name);
	return 0;
}

int s2c_stages_find(const struct s2c_stages *stages, size_t of, const char *text,
	size_t *out, struct s2c_error **err)
{
	const struct s2c_stage_text *stage = named(stages, of, text);
	size_t digits = strspn(text, "0123456789");

	if (stage) {
		*out = (size_t)(stage - stages->items);
		return 0;
	}
	/* Three digits are more than there can be stages. */
	if (digits && digits <= 3 && !text[digits] && strtoul(text, NULL, 10) < of) {
		*out = strtoul(text, NULL, 10);
		return 0;
	}
	return s2c_fail(err, S2C_EINVAL,
		"'%.200s' is no stage before this one; files of an image are copied by "
		"way of a stage: write 'FROM %.200s AS other'",
		text, text);
}

/* ---- FROM ---- */

static int check_image(const struct reading *r, const char *image, struct s2c_error **err)
{
	if (!*image)
		return s2c_fail(err, S2C_EINVAL,
			"the image's name is empty: an ARG in it has no value, which "
			"--build-arg can give");
	if (streq(image, "scratch"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'scratch' is not supported: begin with an image");
	if (named(r->out, r->out->n, image))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'%s' is a stage, and stages on top of stages are not supported: "
			"write its instructions into this one",
			image);
	return 0;
}

/* IMAGE, or IMAGE AS NAME. */
static int read_words(const struct reading *r, const struct s2c_words *words,
	const struct s2c_instruction *item, struct s2c_stage_text *stage,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv raw = S2C_STRV_INIT;

	if (s2c_words_raw(item->rest, r->file->escape, &raw, err) < 0)
		return -1;
	if (raw.len != 1 && (raw.len != 3 || strcasecmp(raw.items[1], "AS") != 0))
		return s2c_fail(err, S2C_EINVAL, "it takes IMAGE or IMAGE AS NAME");
	if (s2c_words_one(words, raw.items[0], &stage->image, err) < 0 ||
		check_image(r, stage->image, err) < 0)
		return -1;
	if (raw.len == 1)
		return 0;
	stage->name = xstrdup(raw.items[2]);
	for (char *p = stage->name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return check_name(r->out, stage->name, err);
}

static int read_from(const struct reading *r, const struct s2c_instruction *item,
	struct s2c_error **err)
{
	static const char *const flags[] = {"platform", NULL};
	struct s2c_stages *out = r->out;
	CLEAN(stage_release)
	struct s2c_stage_text stage = {.line = item->line, .items = item + 1};
	const struct s2c_words words = {
		.args = &out->before_from, .escape = r->file->escape};
	const char *platform = s2c_instruction_flag(item, "platform");

	if (out->n == S2C_STAGES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d stages", S2C_STAGES_MAX);
	if (s2c_instruction_check_flags(item, flags, err) < 0 ||
		(platform && s2c_words_one(&words, platform, &stage.platform, err) < 0) ||
		read_words(r, &words, item, &stage, err) < 0)
		return -1;
	out->items = xreallocarray(out->items, out->n + 1, sizeof(*out->items));
	out->items[out->n++] = stage;
	stage = (struct s2c_stage_text){.line = 0};
	return 0;
}

/* ---- the rest ---- */

/* ARG alone may stand before the first FROM. */
static int read_before(const struct reading *r, const struct s2c_instruction *item,
	struct s2c_error **err)
{
	static const struct s2c_eval_ops no_ops = {.run = NULL};
	struct s2c_platform platform;
	CLEAN_CONFIG struct s2c_config *nobody = NULL;
	struct s2c_eval eval = {.ops = &no_ops, .given = r->given};
	int rc;

	if (item->kind != S2C_INSTRUCTION_ARG)
		return s2c_fail(err, S2C_EINVAL,
			"%s stands before the first FROM, where only ARG may: begin with "
			"FROM and an image",
			s2c_instruction_name(item->kind));
	s2c_platform_host(&platform);
	nobody = s2c_config_new(&platform);
	eval.config = nobody;
	eval.args = r->out->before_from;
	rc = s2c_eval_apply(&eval, item, r->file->escape, err);
	r->out->before_from = eval.args;
	return rc;
}

static int read_one(const struct reading *r, const struct s2c_instruction *item,
	struct s2c_error **err)
{
	if (item->kind == S2C_INSTRUCTION_FROM) {
		if (read_from(r, item, err) < 0)
			return s2c_wrap(err, "FROM");
		return 0;
	}
	if (!r->out->n)
		return read_before(r, item, err);
	if (item->kind == S2C_INSTRUCTION_ONBUILD)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"ONBUILD is not supported: write its instruction into the "
			"Dockerfiles that begin with the image");
	r->out->items[r->out->n - 1].n++;
	return 0;
}

/* True if an ARG of the file declares the name. */
static bool is_declared(const struct s2c_dockerfile *file, const char *name, size_t len)
{
	for (size_t i = 0; i < file->n; i++) {
		CLEAN_STRV struct s2c_strv raw = S2C_STRV_INIT;

		if (file->items[i].kind != S2C_INSTRUCTION_ARG ||
			s2c_words_raw(file->items[i].rest, file->escape, &raw, NULL) < 0)
			continue;
		s2c_strv_foreach (word, &raw)
			if (strncmp(word, name, len) == 0 &&
				(!word[len] || word[len] == '='))
				return true;
	}
	return false;
}

static void note_unused(const struct reading *r)
{
	for (size_t i = 0; r->given && i < r->given->len; i++) {
		const char *text = r->given->items[i];
		size_t len = strcspn(text, "=");

		if (!is_declared(r->file, text, len))
			s2c_strv_add_take(&r->out->unused, xstrndup(text, len));
	}
}

int s2c_stages_read(const struct s2c_dockerfile *file, const struct s2c_strv *given,
	struct s2c_stages *out, struct s2c_error **err)
{
	CLEAN(s2c_stages_release) struct s2c_stages stages = {.n = 0};
	struct reading r = {.file = file, .given = given, .out = &stages};

	for (size_t i = 0; i < file->n; i++)
		if (read_one(&r, &file->items[i], err) < 0)
			return s2c_wrap(err, "line %u", file->items[i].line);
	if (!stages.n)
		return s2c_fail(err, S2C_EINVAL,
			"there is no FROM, which says what image to begin with");
	note_unused(&r);
	*out = stages;
	stages = (struct s2c_stages){.n = 0};
	return 0;
}

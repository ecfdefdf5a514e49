/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive reader: a word ends at the end of the text, at a blank (when it splits), or
 * at the brace that closes the variable which it is the default of.
 */
#include "build/dockerfile_words.h"

#include <ctype.h>
#include <stdbool.h>

#include "util/buf.h"

static const char blanks[] = " \t\r\n\v\f";

struct expansion {
	const struct s2c_words *words;
	const char *at;
	unsigned depth;
	struct s2c_strv *split; /* finished words go here; NULL: everything is one */
	struct s2c_buf word;
	bool begun;  /* the word has something in it, perhaps only quotes */
	bool quoted; /* within double quotes */
};

/* What of the depth a piece belongs to. */
enum ending { AT_END, AT_BRACE };

static int expand(struct expansion *e, enum ending ending, struct s2c_error **err);

static bool name_start(char c)
{
	return c == '_' || isalpha((unsigned char)c);
}

static bool name_char(char c)
{
	return c == '_' || isalnum((unsigned char)c);
}

static const char *value_of(const struct s2c_words *words, const char *name)
{
	const char *value = words->env ? s2c_env_get(words->env, name) : NULL;

	return value || !words->args ? value : s2c_env_get(words->args, name);
}

static int add(struct expansion *e, const char *text, size_t len, struct s2c_error **err)
{
	e->begun = true;
	return s2c_buf_add(&e->word, text, len, err);
}

static int end_word(struct expansion *e, struct s2c_error **err)
{
	if (!e->begun)
		return 0;
	if (e->split->len == S2C_WORDS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d words", S2C_WORDS_MAX);
	s2c_strv_add(e->split, s2c_buf_str(&e->word));
	s2c_buf_clear(&e->word);
	e->begun = false;
	return 0;
}

/* What a variable brings: its blanks end words, unless it is quoted. */
static int add_value(struct expansion *e, const char *value, struct s2c_error **err)
{
	if (!e->split || e->quoted)
		return add(e, value, strlen(value), err);
	for (; *value; value++)
		if (strchr(blanks, *value) ? end_word(e, err) : add(e, value, 1, err))
			return -1;
	return 0;
}

/*
 * The name at e->at: letters, a number of an argument ($1), or a special sign ($?), both
 * of which are never set here. Caller frees; "" if there is none.
 */
static char *take_name(struct expansion *e)
{
	const char *start = e->at;

	if (name_start(*e->at))
		while (name_char(*e->at))
			e->at++;
	else if (isdigit((unsigned char)*e->at))
		while (isdigit((unsigned char)*e->at))
			e->at++;
	else if (*e->at && strchr("@*#?-$!", *e->at))
		e->at++;
	return xstrndup(start, (size_t)(e->at - start));
}

/* What stands between the modifier and the closing brace, expanded. Caller frees. */
static int take_default(struct expansion *e, char **out, struct s2c_error **err)
{
	struct expansion inner = {
		.words = e->words,
		.at = e->at,
		.depth = e->depth + 1,
		.word = S2C_BUF_INIT(S2C_WORDS_BYTES_MAX),
	};
	int rc;

	if (inner.depth > S2C_WORDS_DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT, "variables are nested deeper than %d",
			S2C_WORDS_DEPTH_MAX);
	rc = expand(&inner, AT_BRACE, err);
	*out = s2c_buf_take(&inner.word);
	e->at = inner.at;
	if (rc < 0)
		free(TAKE(*out));
	return rc;
}

/* The modifier at e->at, which is behind a name in braces. */
static int take_modified(struct expansion *e, const char *name, struct s2c_error **err)
{
	const char *value = value_of(e->words, name);
	bool colon = *e->at == ':';
	CLEAN_FREE char *word = NULL;
	char modifier;
	bool use_value;

	e->at += colon;
	modifier = *e->at;
	if (!modifier || !strchr("-+?", modifier))
		return s2c_fail(err, S2C_EINVAL,
			"'${%.100s%s%.1s...}' is not supported: of a shell's modifiers "
			"there are -, + and ?, each with or without a colon",
			name, colon ? ":" : "", e->at);
	e->at++;
	if (take_default(e, &word, err) < 0)
		return -1;
	use_value = value && (!colon || *value);
	if (modifier == '?' && !use_value)
		return s2c_fail(err, S2C_EINVAL, "variable '%.100s' has no value: %s",
			name, *word ? word : "it must be set");
	if (modifier == '+')
		return use_value ? add_value(e, word, err) : 0;
	return add_value(e, use_value ? value : word, err);
}

/* A variable; e->at is behind its '$'. */
static int take_variable(struct expansion *e, struct s2c_error **err)
{
	bool braces = *e->at == '{';
	CLEAN_FREE char *name = NULL;
	const char *value;

	e->at += braces;
	name = take_name(e);
	if (braces && !*name)
		return s2c_fail(err, S2C_EINVAL, "'${' without the name of a variable");
	if (!*name)
		return add(e, "$", 1, err);
	if (braces && *e->at != '}') {
		if (!*e->at)
			return s2c_fail(
				err, S2C_EINVAL, "'${%.100s' is not closed", name);
		return take_modified(e, name, err);
	}
	e->at += braces;
	value = value_of(e->words, name);
	return value ? add_value(e, value, err) : 0;
}

static int take_single(struct expansion *e, struct s2c_error **err)
{
	const char *start = ++e->at, *stop = strchr(start, '\'');

	if (!stop)
		return s2c_fail(err, S2C_EINVAL, "a quote (') is not closed");
	e->at = stop + 1;
	return add(e, start, (size_t)(stop - start), err);
}

static int take_double(struct expansion *e, struct s2c_error **err)
{
	char escape = e->words->escape;
	int rc = 0;

	e->at++;
	e->begun = true;
	e->quoted = true;
	while (rc == 0 && *e->at && *e->at != '"') {
		if (*e->at == '$') {
			e->at++;
			rc = take_variable(e, err);
			continue;
		}
		if (*e->at == escape && e->at[1] &&
			(e->at[1] == '"' || e->at[1] == '$' || e->at[1] == escape))
			e->at++;
		rc = add(e, e->at++, 1, err);
	}
	e->quoted = false;
	if (rc < 0)
		return -1;
	if (*e->at != '"')
		return s2c_fail(err, S2C_EINVAL, "a quote (\") is not closed");
	e->at++;
	return 0;
}

/* One character, or one quoted piece, or one variable. */
static int take_piece(struct expansion *e, struct s2c_error **err)
{
	char c = *e->at;

	if (c == '\'')
		return take_single(e, err);
	if (c == '"')
		return take_double(e, err);
	if (c == '$') {
		e->at++;
		return take_variable(e, err);
	}
	if (c == e->words->escape) {
		e->at++;
		return *e->at ? add(e, e->at++, 1, err) : 0;
	}
	if (e->split && strchr(blanks, c)) {
		e->at++;
		return end_word(e, err);
	}
	return add(e, e->at++, 1, err);
}

static int expand(struct expansion *e, enum ending ending, struct s2c_error **err)
{
	while (*e->at && !(ending == AT_BRACE && *e->at == '}'))
		if (take_piece(e, err) < 0)
			return -1;
	if (ending == AT_BRACE) {
		if (!*e->at)
			return s2c_fail(err, S2C_EINVAL, "a '${' is not closed");
		e->at++;
	}
	return 0;
}

static void expansion_release(struct expansion *e)
{
	s2c_buf_release(&e->word);
}

int s2c_words_one(const struct s2c_words *words, const char *text, char **out,
	struct s2c_error **err)
{
	CLEAN(expansion_release)
	struct expansion e = {
		.words = words, .at = text, .word = S2C_BUF_INIT(S2C_WORDS_BYTES_MAX)};

	if (expand(&e, AT_END, err) < 0)
		return -1;
	*out = s2c_buf_take(&e.word);
	return 0;
}

int s2c_words_split(const struct s2c_words *words, const char *text, struct s2c_strv *out,
	struct s2c_error **err)
{
	CLEAN(expansion_release)
	struct expansion e = {.words = words,
		.at = text,
		.split = out,
		.word = S2C_BUF_INIT(S2C_WORDS_BYTES_MAX)};

	if (expand(&e, AT_END, err) < 0)
		return -1;
	return end_word(&e, err);
}

int s2c_words_raw(
	const char *text, char escape, struct s2c_strv *out, struct s2c_error **err)
{
	const char *p = text + strspn(text, blanks);

	while (*p) {
		const char *start = p;
		char quote = 0;

		for (; *p && (quote || !strchr(blanks, *p)); p++) {
			if (*p == escape && quote != '\'' && p[1])
				p++;
			else if (quote ? *p == quote : *p == '"' || *p == '\'')
				quote = quote ? 0 : *p;
		}
		if (quote)
			return s2c_fail(
				err, S2C_EINVAL, "a quote (%c) is not closed", quote);
		if (out->len == S2C_WORDS_MAX)
			return s2c_fail(
				err, S2C_ELIMIT, "more than %d words", S2C_WORDS_MAX);
		s2c_strv_add_take(out, xstrndup(start, (size_t)(p - start)));
		p += strspn(p, blanks);
	}
	return 0;
}

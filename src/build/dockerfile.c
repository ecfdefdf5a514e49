/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to instructions, in two steps: physical lines are joined to the text of one
 * instruction, then that text is taken apart into name, flags and the rest.
 */
#include "build/dockerfile.h"

#include <ctype.h>
#include <strings.h>

#include "codec/json.h"
#include "util/buf.h"
#include "util/escape.h"

static const char blanks[] = " \t\r\v\f";

/* Which instructions may be written as a JSON array. */
static const struct {
	const char *name;
	bool exec_form;
} kinds[S2C_INSTRUCTION_KINDS] = {
	[S2C_INSTRUCTION_ADD] = {"ADD", true},
	[S2C_INSTRUCTION_ARG] = {"ARG", false},
	[S2C_INSTRUCTION_CMD] = {"CMD", true},
	[S2C_INSTRUCTION_COPY] = {"COPY", true},
	[S2C_INSTRUCTION_ENTRYPOINT] = {"ENTRYPOINT", true},
	[S2C_INSTRUCTION_ENV] = {"ENV", false},
	[S2C_INSTRUCTION_EXPOSE] = {"EXPOSE", false},
	[S2C_INSTRUCTION_FROM] = {"FROM", false},
	[S2C_INSTRUCTION_HEALTHCHECK] = {"HEALTHCHECK", false},
	[S2C_INSTRUCTION_LABEL] = {"LABEL", false},
	[S2C_INSTRUCTION_MAINTAINER] = {"MAINTAINER", false},
	[S2C_INSTRUCTION_ONBUILD] = {"ONBUILD", false},
	[S2C_INSTRUCTION_RUN] = {"RUN", true},
	[S2C_INSTRUCTION_SHELL] = {"SHELL", true},
	[S2C_INSTRUCTION_STOPSIGNAL] = {"STOPSIGNAL", false},
	[S2C_INSTRUCTION_USER] = {"USER", false},
	[S2C_INSTRUCTION_VOLUME] = {"VOLUME", true},
	[S2C_INSTRUCTION_WORKDIR] = {"WORKDIR", false},
};

const char *s2c_instruction_name(enum s2c_instruction_kind kind)
{
	return kinds[kind].name;
}

void s2c_dockerfile_free(struct s2c_dockerfile *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->n; i++) {
		s2c_strv_release(&file->items[i].flags);
		s2c_strv_release(&file->items[i].words);
		free(file->items[i].rest);
	}
	free(file->items);
	free(file->syntax);
	free(file);
}

/* ---- lines ---- */

/* Where reading is, and the instruction that is being joined. */
struct reading {
	struct s2c_dockerfile *file;
	const char *at, *end;
	unsigned line;   /* of what `at` points to, from 1 */
	bool directives; /* the next line may still be a directive */
	bool seen_escape;
	struct s2c_buf text;
	unsigned first; /* line where `text` begins */
};

struct line {
	const char *text;
	size_t len;
};

static bool blank(char c)
{
	return c && strchr(blanks, c);
}

static struct line trim(struct line l)
{
	while (l.len && blank(*l.text)) {
		l.text++;
		l.len--;
	}
	while (l.len && blank(l.text[l.len - 1]))
		l.len--;
	return l;
}

/* Takes the next physical line, without its end; false at the end of the text. */
static bool next_line(struct reading *r, struct line *out)
{
	const char *stop;

	if (r->at >= r->end)
		return false;
	stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
	*out = (struct line){r->at, (size_t)((stop ? stop : r->end) - r->at)};
	r->at = stop ? stop + 1 : r->end;
	return true;
}

/* ---- directives ---- */

static int set_escape(struct reading *r, struct line value, struct s2c_error **err)
{
	if (value.len != 1 || (*value.text != '\\' && *value.text != '`'))
		return s2c_fail(err, S2C_EINVAL,
			"the escape directive takes \\ or `, not '%.*s'",
			(int)(value.len < 100 ? value.len : 100), value.text);
	if (r->seen_escape)
		return s2c_fail(err, S2C_EINVAL, "the escape directive is there twice");
	r->seen_escape = true;
	r->file->escape = *value.text;
	return 0;
}

/*
 * A comment of the first lines that has the form "# name=value" with a known name, in any
 * case. The first line that is something else ends them.
 */
static int take_directive(
	struct reading *r, struct line comment, bool *out_taken, struct s2c_error **err)
{
	struct line name = trim((struct line){comment.text + 1, comment.len - 1});
	const char *equals = memchr(name.text, '=', name.len);
	struct line value;

	*out_taken = false;
	if (!equals)
		return 0;
	value = trim(
		(struct line){equals + 1, (size_t)(name.text + name.len - equals - 1)});
	name = trim((struct line){name.text, (size_t)(equals - name.text)});
	if (name.len == 6 && strncasecmp(name.text, "escape", 6) == 0) {
		*out_taken = true;
		return set_escape(r, value, err);
	}
	if (name.len == 6 && strncasecmp(name.text, "syntax", 6) == 0 &&
		!r->file->syntax) {
		*out_taken = true;
		r->file->syntax = xstrndup(value.text, value.len);
		return 0;
	}
	*out_taken = name.len == 5 && strncasecmp(name.text, "check", 5) == 0;
	return 0;
}

/* ---- one instruction ---- */

/* Takes the word at *at off, up to a blank. */
static struct line take_word(const char **at)
{
	struct line word = {*at, 0};

	while ((*at)[word.len] && !blank((*at)[word.len]))
		word.len++;
	*at += word.len;
	while (blank(**at))
		(*at)++;
	return word;
}

static int find_kind(
	struct line word, enum s2c_instruction_kind *out, struct s2c_error **err)
{
	for (size_t i = 0; i < S2C_INSTRUCTION_KINDS; i++) {
		if (strlen(kinds[i].name) != word.len ||
			strncasecmp(kinds[i].name, word.text, word.len) != 0)
			continue;
		*out = (enum s2c_instruction_kind)i;
		return 0;
	}
	return s2c_fail(err, S2C_EINVAL, "'%.*s' is no instruction of a Dockerfile",
		(int)(word.len < 100 ? word.len : 100), word.text);
}

/*
 * A flag at *at, its quotes taken off, as docker's builder reads them: a quote or the
 * escape character keeps blanks in it. Caller frees; NULL if a quote is open at the end.
 */
static char *take_flag(const char **at, char escape)
{
	CLEAN_FREE char *flag = xmalloc(strlen(*at) + 1);
	const char *p = *at;
	size_t len = 0;
	char quote = 0;

	for (; *p && (quote || !blank(*p)); p++) {
		if (*p == escape && p[1])
			flag[len++] = *++p;
		else if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? 0 : *p;
		else
			flag[len++] = *p;
	}
	flag[len] = '\0';
	while (blank(*p))
		p++;
	*at = p;
	return quote ? NULL : TAKE(flag);
}

static int take_flags(struct s2c_instruction *item, const char **at, char escape,
	struct s2c_error **err)
{
	while (starts_with(*at, "--")) {
		char *flag = take_flag(at, escape);

		if (!flag)
			return s2c_fail(err, S2C_EINVAL, "a quote is not closed");
		if (streq(flag, "--")) {
			free(flag);
			return 0;
		}
		s2c_strv_add_take(&item->flags, flag);
		if (item->flags.len > S2C_DOCKERFILE_FLAGS_MAX)
			return s2c_fail(err, S2C_ELIMIT, "more than %d flags",
				S2C_DOCKERFILE_FLAGS_MAX);
	}
	return 0;
}

/*
 * An array of strings, if it is one: "[ -f x ] && y" is a shell's. An array of something
 * else is nobody's, so it is refused as docker does.
 */
static int read_exec_form(struct s2c_instruction *item, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *no_json = NULL;
	CLEAN_JSON struct s2c_json *node = NULL;

	if (*item->rest != '[' ||
		s2c_json_parse(item->rest, strlen(item->rest),
			(struct s2c_json_limits){0}, &node, &no_json) < 0)
		return 0;
	s2c_json_foreach (element, node)
		if (!s2c_json_is_string(element))
			return s2c_fail(
				err, S2C_EINVAL, "the array must hold strings only");
	s2c_json_foreach (element, node)
		s2c_strv_add(&item->words, s2c_json_str(element));
	item->exec_form = true;
	return 0;
}

/* BuildKit's "<<EOF", "<<-'EOF'", "0<<EOF" as a word of its own. */
static bool is_heredoc(const char *word, size_t len)
{
	size_t i = 0;

	while (i < len && isdigit((unsigned char)word[i]))
		i++;
	if (len - i < 3 || word[i] != '<' || word[i + 1] != '<')
		return false;
	i += 2;
	i += i < len && word[i] == '-';
	i += i < len && (word[i] == '"' || word[i] == '\'');
	return i < len && (isalpha((unsigned char)word[i]) || word[i] == '_');
}

static int refuse_heredoc(const struct s2c_instruction *item, struct s2c_error **err)
{
	const char *at = item->rest;

	if (item->exec_form || (item->kind != S2C_INSTRUCTION_RUN &&
				       item->kind != S2C_INSTRUCTION_COPY &&
				       item->kind != S2C_INSTRUCTION_ADD))
		return 0;
	while (*at) {
		struct line word = take_word(&at);

		if (is_heredoc(word.text, word.len))
			return s2c_fail(err, S2C_EINVAL,
				"%s with a heredoc ('%.*s') is not supported: write the "
				"lines with '\\' at their ends, or copy a script",
				kinds[item->kind].name,
				(int)(word.len < 100 ? word.len : 100), word.text);
	}
	return 0;
}

static int read_instruction(struct s2c_instruction *item, const char *text, char escape,
	struct s2c_error **err)
{
	const char *at = text;

	if (find_kind(take_word(&at), &item->kind, err) < 0)
		return -1;
	if (item->kind != S2C_INSTRUCTION_ONBUILD &&
		take_flags(item, &at, escape, err) < 0)
		return s2c_wrap(err, "%s", kinds[item->kind].name);
	item->rest = xstrdup(at);
	if (!*item->rest)
		return s2c_fail(
			err, S2C_EINVAL, "%s needs an argument", kinds[item->kind].name);
	if (kinds[item->kind].exec_form && read_exec_form(item, err) < 0)
		return s2c_wrap(err, "%s", kinds[item->kind].name);
	return refuse_heredoc(item, err);
}

/* What was joined so far is an instruction. */
static int end_instruction(struct reading *r, struct s2c_error **err)
{
	struct s2c_dockerfile *file = r->file;
	struct line text = trim((struct line){r->text.data, r->text.len});
	CLEAN_FREE char *copy = xstrndup(text.len ? text.text : "", text.len);

	s2c_buf_clear(&r->text);
	if (!text.len)
		return 0;
	if (file->n == S2C_DOCKERFILE_INSTRUCTIONS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d instructions",
			S2C_DOCKERFILE_INSTRUCTIONS_MAX);
	file->items = xreallocarray(file->items, file->n + 1, sizeof(*file->items));
	file->items[file->n] = (struct s2c_instruction){.line = r->first};
	return read_instruction(&file->items[file->n++], copy, file->escape, err);
}

/* True if the line goes on; its escape character is taken off then. */
static bool goes_on(const struct reading *r, struct line *l)
{
	size_t len = l->len;

	while (len && blank(l->text[len - 1]))
		len--;
	if (!len || l->text[len - 1] != r->file->escape)
		return false;
	/* One that is escaped itself is a character as any other. */
	if (len > 1 && l->text[len - 2] == r->file->escape)
		return false;
	l->len = len - 1;
	return true;
}

static int take_line(struct reading *r, struct line l, struct s2c_error **err)
{
	struct line bare = trim(l);
	bool taken = false;

	if (r->directives && bare.len && *bare.text == '#') {
		if (take_directive(r, bare, &taken, err) < 0)
			return -1;
		r->directives = taken;
		return 0;
	}
	r->directives = false;
	/* Neither ends an instruction that goes on. */
	if (!bare.len || *bare.text == '#')
		return 0;
	if (!r->text.len) {
		r->first = r->line;
		l = (struct line){bare.text, (size_t)(l.text + l.len - bare.text)};
	}
	taken = goes_on(r, &l);
	if (s2c_buf_add(&r->text, l.text, l.len, err) < 0)
		return -1;
	if (taken && !r->text.len)
		return s2c_buf_puts(&r->text, " ", err); /* it has begun */
	return taken ? 0 : end_instruction(r, err);
}

static void reading_release(struct reading *r)
{
	s2c_buf_release(&r->text);
}

static int read_all(
	struct s2c_dockerfile *file, const char *text, size_t len, struct s2c_error **err)
{
	CLEAN(reading_release)
	struct reading r = {
		.file = file,
		.at = text,
		.end = text + len,
		.directives = true,
		.text = S2C_BUF_INIT(S2C_DOCKERFILE_LINE_MAX),
	};
	struct line l;

	while (next_line(&r, &l)) {
		r.line++;
		if (take_line(&r, l, err) < 0)
			return s2c_wrap(err, "line %u", r.first ? r.first : r.line);
		if (!r.text.len)
			r.first = 0;
	}
	if (end_instruction(&r, err) < 0)
		return s2c_wrap(err, "line %u", r.first);
	return 0;
}

int s2c_dockerfile_parse(
	const char *text, size_t len, struct s2c_dockerfile **out, struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = xcalloc(1, sizeof(*file));
	static const char mark[] = "\xef\xbb\xbf";

	file->escape = '\\';
	if (len > S2C_DOCKERFILE_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "larger than %u bytes", S2C_DOCKERFILE_MAX);
	if (!s2c_utf8_valid(text, len))
		return s2c_fail(err, S2C_EINVAL, "it is no UTF-8 text");
	if (len >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (read_all(file, text, len, err) < 0)
		return -1;
	*out = TAKE(file);
	return 0;
}

int s2c_dockerfile_parse_one(
	const char *text, struct s2c_dockerfile **out, struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;

	if (s2c_dockerfile_parse(text, strlen(text), &file, err) < 0)
		return -1;
	if (file->n != 1)
		return s2c_fail(err, S2C_EINVAL,
			"it holds %zu instructions instead of one", file->n);
	*out = TAKE(file);
	return 0;
}

/* ---- flags ---- */

/* The value in a flag of this name, or NULL if it has another one. */
static const char *flag_value(const char *flag, const char *name)
{
	size_t len = strlen(name);

	flag += 2;
	if (strncmp(flag, name, len) != 0)
		return NULL;
	return flag[len] == '=' ? flag + len + 1 : flag[len] ? NULL : flag + len;
}

const char *s2c_instruction_flag(
	const struct s2c_instruction *instruction, const char *name)
{
	s2c_strv_foreach (flag, &instruction->flags)
		if (flag_value(flag, name))
			return flag_value(flag, name);
	return NULL;
}

int s2c_instruction_check_flags(const struct s2c_instruction *instruction,
	const char *const *known, struct s2c_error **err)
{
	const struct s2c_strv *flags = &instruction->flags;

	for (size_t i = 0; i < flags->len; i++) {
		const char *const *name = known;

		while (*name && !flag_value(flags->items[i], *name))
			name++;
		if (!*name)
			return s2c_fail(err, S2C_EINVAL, "%s has no flag '%.100s'",
				s2c_instruction_name(instruction->kind), flags->items[i]);
		for (size_t k = 0; k < i; k++)
			if (flag_value(flags->items[k], *name))
				return s2c_fail(err, S2C_EINVAL,
					"%s has the flag --%s twice",
					s2c_instruction_name(instruction->kind), *name);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option parsing from the tables: --name VALUE, --name=VALUE, -n VALUE, -nVALUE,
 * -n=VALUE, flags bundled as -ab, --flag=true|false, "--" ends options. Values land in
 * the command's argument struct by offset; there is no switch over option names anywhere.
 */
#include "cli/command.h"

#include <errno.h>
#include <limits.h>

#include "util/error.h"

static const struct s2c_option *find_long(
	const struct s2c_option *table, const char *name, size_t len)
{
	for (const struct s2c_option *o = table; o && o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct s2c_option *find_letter(const struct s2c_option *table, char letter)
{
	for (const struct s2c_option *o = table; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

const struct s2c_option *s2c_option_find(
	const struct s2c_command *command, const char *name)
{
	const struct s2c_option *o = find_long(command->options, name, strlen(name));

	return o ? o : find_long(command->shared, name, strlen(name));
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);
	const char *p = choices;

	for (;;) {
		size_t n = strcspn(p, "|");

		if (n == len && memcmp(p, value, len) == 0)
			return true;
		if (!p[n])
			return false;
		p += n + 1;
	}
}

static int parse_number(const struct s2c_option *o, const char *value, unsigned least,
	unsigned *out, struct s2c_error **err)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || n < least || n > UINT_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"option '--%s': '%s' is not a whole number from %u to %u",
			o->name, value, least, UINT_MAX);
	*out = (unsigned)n;
	return 0;
}

static int set_more(unsigned *slot, const struct s2c_option *o, const char *value,
	struct s2c_error **err)
{
	unsigned n = 0;

	if (parse_number(o, value, 0, &n, err))
		return -1;
	*slot = n < UINT_MAX ? n + 1 : n;
	return 0;
}

static int set_flag(
	bool *slot, const struct s2c_option *o, const char *value, struct s2c_error **err)
{
	/* S2I's flags take all of these. */
	static const char *const words[2][6] = {
		{"false", "0", "f", "F", "FALSE", "False"},
		{"true", "1", "t", "T", "TRUE", "True"},
	};

	for (int truth = 0; value && truth < 2; truth++) {
		for (size_t i = 0; i < ARRAY_SIZE(words[0]); i++) {
			if (streq(words[truth][i], value)) {
				*slot = truth;
				return 0;
			}
		}
	}
	if (value)
		return s2c_fail(err, S2C_EINVAL,
			"option '--%s' takes no value but 'true' or 'false'", o->name);
	*slot = true;
	return 0;
}

static int set_value(
	void *base, const struct s2c_option *o, const char *value, struct s2c_error **err)
{
	void *slot = (char *)base + o->offset;

	if (o->choices && !is_choice(o->choices, value))
		return s2c_fail(err, S2C_EINVAL, "option '--%s': '%s' is none of %s",
			o->name, value, o->choices);
	switch (o->kind) {
	case S2C_OPT_FLAG:
		return set_flag(slot, o, value, err);
	case S2C_OPT_STR:
		*(const char **)slot = value;
		return 0;
	case S2C_OPT_UINT:
		return parse_number(o, value, 1, slot, err);
	case S2C_OPT_MORE:
		return set_more(slot, o, value, err);
	case S2C_OPT_LIST:
		s2c_strv_add(slot, value);
		return 0;
	}
	return 0;
}

bool s2c_option_same(const struct s2c_option *a, const struct s2c_option *b)
{
	return a->offset == b->offset && a->kind == b->kind;
}

/* Where an option was found: its table entry and the struct its value goes to. */
struct match {
	const struct s2c_option *option;
	void *base;
};

static struct match lookup(const struct s2c_parse *p, const char *name, size_t len)
{
	const struct s2c_option *const tables[] = {
		p->command ? p->command->options : NULL,
		p->command ? p->command->shared : NULL,
		s2c_global_options,
	};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct s2c_option *o = len == 1 ? find_letter(tables[i], *name)
						      : find_long(tables[i], name, len);

		if (o)
			return (struct match){o, tables[i] == s2c_global_options
							 ? (void *)p->global
							 : p->args};
	}
	return (struct match){0};
}

static int take(const struct s2c_parse *p, const struct match *m, const char *value,
	struct s2c_error **err)
{
	if (set_value(m->base, m->option, value, err))
		return -1;
	if (p->given)
		s2c_strv_addf(p->given, "%s=%s", m->option->name, value ? value : "true");
	return 0;
}

static int unknown(const struct s2c_parse *p, const char *dashes, const char *name,
	int len, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL, "unknown option '%s%.*s'; see 's2c%s%s --help'",
		dashes, len, name, p->command ? " " : "",
		p->command ? p->command->name : "");
}

/* --name or --name=VALUE at argv[0]; returns how many words it took, or -1. */
static int parse_long(const struct s2c_parse *p, char **argv, struct s2c_error **err)
{
	const char *name = argv[0] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	struct match m = lookup(p, name, len);

	if (!m.option || len < 2)
		return unknown(p, "--", name, (int)len, err);
	if (m.option->kind == S2C_OPT_FLAG || value)
		return take(p, &m, value, err) ? -1 : 1;
	if (!argv[1])
		return s2c_fail(err, S2C_EINVAL, "option '--%s' needs a value (%s)",
			m.option->name, m.option->metavar);
	return take(p, &m, argv[1], err) ? -1 : 2;
}

/* -a, -abc, -nVALUE, -n=VALUE or -n VALUE at argv[0]; returns how many words it took, or
 * -1. */
static int parse_short(const struct s2c_parse *p, char **argv, struct s2c_error **err)
{
	for (const char *c = argv[0] + 1; *c; c++) {
		struct match m = lookup(p, c, 1);

		if (!m.option)
			return unknown(p, "-", c, 1, err);
		/* "-e=A=B" and "-q=false" are S2I's; no value here begins with "=". */
		if (c[1] == '=')
			return take(p, &m, c + 2, err) ? -1 : 1;
		if (m.option->kind == S2C_OPT_FLAG) {
			if (take(p, &m, NULL, err))
				return -1;
			continue;
		}
		if (c[1])
			return take(p, &m, c + 1, err) ? -1 : 1;
		if (!argv[1])
			return s2c_fail(err, S2C_EINVAL,
				"option '-%c' needs a value (%s)", *c, m.option->metavar);
		return take(p, &m, argv[1], err) ? -1 : 2;
	}
	return 1;
}

/* One option at argv[0], which begins with '-'. */
static int parse_option(const struct s2c_parse *p, char **argv, struct s2c_error **err)
{
	return argv[0][1] == '-' ? parse_long(p, argv, err) : parse_short(p, argv, err);
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

int s2c_options_apply(const struct s2c_parse *p, const char *name, const char *value,
	struct s2c_error **err)
{
	struct match m = lookup(p, name, strlen(name));

	if (!m.option || strlen(name) < 2)
		return unknown(p, "--", name, (int)strlen(name), err);
	return take(p, &m, value, err);
}

int s2c_options_parse_global(
	struct s2c_global *global, char **argv, size_t *out_used, struct s2c_error **err)
{
	struct s2c_parse p = {.global = global};
	char **at = argv;

	while (*at && is_option(*at)) {
		int used = parse_option(&p, at, err);

		if (used < 0)
			return -1;
		at += used;
	}
	*out_used = (size_t)(at - argv);
	return 0;
}

static int check_count(const struct s2c_parse *p, struct s2c_error **err)
{
	const struct s2c_command *c = p->command;
	int n = (int)p->operands->len;
	bool few = n < c->min_operands;

	if (p->global->help || (!few && (c->max_operands < 0 || n <= c->max_operands)))
		return 0;
	return s2c_fail(err, S2C_EINVAL, "too %s arguments; usage: s2c %s [OPTIONS]%s%s",
		few ? "few" : "many", c->name, *c->operands ? " " : "", c->operands);
}

int s2c_options_parse(const struct s2c_parse *parse, char **argv, struct s2c_error **err)
{
	bool only_operands = false;

	while (*argv) {
		int used = 1;

		if (only_operands || !is_option(*argv)) {
			s2c_strv_add(parse->operands, *argv);
		} else if (streq(*argv, "--")) {
			only_operands = true;
		} else {
			used = parse_option(parse, argv, err);
			if (used < 0)
				return -1;
		}
		argv += used;
	}
	return check_count(parse, err);
}

static void free_lists(const struct s2c_option *table, void *args)
{
	for (const struct s2c_option *o = table; o && o->name; o++)
		if (o->kind == S2C_OPT_LIST)
			s2c_strv_release((void *)((char *)args + o->offset));
}

void s2c_args_free(const struct s2c_command *command, void *args)
{
	if (!args)
		return;
	free_lists(command->options, args);
	free_lists(command->shared, args);
	free(args);
}

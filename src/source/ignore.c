/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .s2iignore and .dockerignore rules and the --exclude expression, applied to paths.
 * Everything here works on names alone: nothing is opened, listed or removed, so that a
 * rule can at most leave something of the source out.
 */
#include "source/ignore.h"

#include <regex.h>
#include <stdint.h>
#include <string.h>

#include "source/glob.h"
#include "util/escape.h"
#include "util/strv.h"

/* Product of the repeat counts of an expression: regcomp(3) unrolls them in memory. */
#define EXCLUDE_REPEATS_MAX 1000
/* "+" behind a group or another repeat. Five around an "x|$" keep glibc busy for ten
 * seconds, each more doubles the memory. */
#define EXCLUDE_NESTED_MAX 4

struct rule {
	bool take_back;        /* "!" */
	struct s2c_strv parts; /* components; "**" stands for any number of them */
};

struct s2c_ignore {
	const char *file; /* that the rules are of */
	bool docker;      /* with docker's meaning */
	bool takes_back;  /* one of them does */
	struct rule *rules;
	size_t n_rules;
	size_t cap;
	bool exclude_git; /* the default expression, without the cost of regexec */
	bool has_regex;
	regex_t regex;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
}

/*
 * Splits a pattern into components and folds "", "." and "..", as joining it to the root
 * would. Returns false if the pattern leaves the tree, or names its root.
 */
static bool split_pattern(const char *pattern, size_t len, struct s2c_strv *parts)
{
	const char *end = pattern + len;

	while (pattern < end) {
		const char *slash = memchr(pattern, '/', (size_t)(end - pattern));
		size_t n = (size_t)((slash ? slash : end) - pattern);

		if (n == 2 && memcmp(pattern, "..", 2) == 0) {
			if (parts->len == 0)
				return false;
			s2c_strv_remove(parts, parts->len - 1);
		} else if (n > 0 && !(n == 1 && *pattern == '.')) {
			s2c_strv_add_take(parts, xstrndup(pattern, n));
		}
		pattern += n + 1;
	}
	return parts->len > 0;
}

static int add_rule(struct s2c_ignore *ignore, const char *text, size_t len, size_t line,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv parts = S2C_STRV_INIT;
	bool take_back = *text == '!';

	if (take_back) {
		text++;
		len--;
		trim(&text, &len);
	}
	if (memchr(text, '\0', len))
		return s2c_fail(err, S2C_EINVAL, "%s line %zu holds a NUL byte",
			ignore->file, line);
	if (len > S2C_IGNORE_PATTERN_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%s line %zu is longer than %d bytes",
			ignore->file, line, S2C_IGNORE_PATTERN_MAX);
	if (ignore->n_rules >= S2C_IGNORE_RULES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%s has more than %d patterns",
			ignore->file, S2C_IGNORE_RULES_MAX);
	bool inside = split_pattern(text, len, &parts);
	s2c_strv_foreach (part, &parts) {
		const char *wrong = s2c_glob_error(part);

		if (wrong)
			return s2c_fail(err, S2C_EINVAL, "%s line %zu: '%.*s': %s",
				ignore->file, line, (int)len, text, wrong);
	}
	if (!inside)
		return 0;
	ignore->takes_back = ignore->takes_back || take_back;
	if (ignore->n_rules == ignore->cap) {
		ignore->cap = ignore->cap ? 2 * ignore->cap : 16;
		ignore->rules = xreallocarray(
			ignore->rules, ignore->cap, sizeof(*ignore->rules));
	}
	ignore->rules[ignore->n_rules++] = (struct rule){
		.take_back = take_back,
		.parts = parts,
	};
	parts = (struct s2c_strv)S2C_STRV_INIT;
	return 0;
}

static int parse_lines(
	struct s2c_ignore *ignore, const char *text, size_t len, struct s2c_error **err)
{
	const char *end = text + len;
	size_t line = 0;

	if (len > S2C_IGNORE_BYTES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%s is larger than %u bytes",
			ignore->file, S2C_IGNORE_BYTES_MAX);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline ? newline + 1 : end;
		const char *start = text;
		size_t n = (size_t)((newline ? newline : end) - text);

		line++;
		text = next;
		if (ignore->docker && *start == '#')
			continue;
		trim(&start, &n);
		if (n == 0 || (!ignore->docker && *start == '#'))
			continue;
		if (add_rule(ignore, start, n, line, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * What regcomp takes but must not be given: back references, whose matching takes
 * exponential time, and repeat counts that multiply to a huge automaton.
 */
static const char *exclude_error(const char *exclude)
{
	uint64_t product = 1;
	int nested = 0;

	for (const char *p = exclude; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			if (*p >= '1' && *p <= '9')
				return "back references are not supported";
		} else if (*p == '+' && p > exclude && strchr(")+*?}", p[-1])) {
			if (++nested > EXCLUDE_NESTED_MAX)
				return "repeats are nested too deep";
		} else if (*p == '{') {
			uint64_t count = 0;
			uint64_t largest = 1;

			for (; p[1] && p[1] != '}'; p++) {
				if (p[1] < '0' || p[1] > '9') {
					count = 0;
					continue;
				}
				count = count * 10 + (uint64_t)(p[1] - '0');
				if (count > EXCLUDE_REPEATS_MAX)
					return "repeat counts are too large";
				if (count > largest)
					largest = count;
			}
			product *= largest;
			if (product > EXCLUDE_REPEATS_MAX)
				return "repeat counts are too large";
		}
	}
	return NULL;
}

static int set_exclude(
	struct s2c_ignore *ignore, const char *exclude, struct s2c_error **err)
{
	if (!exclude || streq(exclude, S2C_EXCLUDE_DEFAULT)) {
		ignore->exclude_git = true;
		return 0;
	}
	if (!*exclude)
		return 0;
	if (strlen(exclude) > S2C_EXCLUDE_MAX)
		return s2c_fail(err, S2C_EINVAL, "--exclude is longer than %d bytes",
			S2C_EXCLUDE_MAX);
	const char *wrong = exclude_error(exclude);
	if (wrong)
		return s2c_fail(err, S2C_EINVAL, "--exclude '%s': %s", exclude, wrong);
	int rc = regcomp(&ignore->regex, exclude, REG_EXTENDED | REG_NOSUB);
	if (rc != 0) {
		char text[128] = "";

		(void)regerror(rc, &ignore->regex, text, sizeof(text));
		return s2c_fail(err, S2C_EINVAL,
			"--exclude '%s' is no POSIX extended regular expression: %s",
			exclude, text);
	}
	ignore->has_regex = true;
	return 0;
}

int s2c_ignore_new(const char *text, size_t len, const char *exclude,
	struct s2c_ignore **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = xcalloc(1, sizeof(*ignore));

	ignore->file = ".s2iignore";
	if (text && parse_lines(ignore, text, len, err) < 0)
		return -1;
	if (set_exclude(ignore, exclude, err) < 0)
		return -1;
	*out = TAKE(ignore);
	return 0;
}

int s2c_ignore_new_docker(
	const char *text, size_t len, struct s2c_ignore **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = xcalloc(1, sizeof(*ignore));

	ignore->file = ".dockerignore";
	ignore->docker = true;
	if (text && parse_lines(ignore, text, len, err) < 0)
		return -1;
	*out = TAKE(ignore);
	return 0;
}

bool s2c_ignore_takes_back(const struct s2c_ignore *ignore)
{
	return ignore->docker && ignore->takes_back;
}

void s2c_ignore_free(struct s2c_ignore *ignore)
{
	if (!ignore)
		return;
	for (size_t i = 0; i < ignore->n_rules; i++)
		s2c_strv_release(&ignore->rules[i].parts);
	free(ignore->rules);
	if (ignore->has_regex)
		regfree(&ignore->regex);
	free(ignore);
}

/* End of the component that starts at `p`. */
static const char *component_end(const char *p, const char *end)
{
	const char *slash = memchr(p, '/', (size_t)(end - p));

	return slash ? slash : end;
}

/*
 * Matches components against a whole path; "**" is to components what '*' is to bytes,
 * and a "**" at the end needs at least one. As there, only the last one is gone back to.
 */
static bool rule_matches(const struct rule *rule, const char *path, size_t len)
{
	const char *end = path + len;
	size_t part = 0;
	size_t star = SIZE_MAX;
	const char *star_path = NULL;

	while (path < end) {
		const char *stop = component_end(path, end);

		if (part < rule->parts.len && streq(rule->parts.items[part], "**")) {
			star = ++part;
			if (star == rule->parts.len)
				return true;
			star_path = path;
			continue;
		}
		if (part < rule->parts.len && s2c_glob_match(rule->parts.items[part],
						      path, (size_t)(stop - path))) {
			part++;
			path = stop < end ? stop + 1 : end;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		star_path = component_end(star_path, end);
		if (star_path == end)
			return false;
		star_path++;
		path = star_path;
		part = star;
	}
	return part == rule->parts.len;
}

static bool regex_matches(const struct s2c_ignore *ignore, const char *path, size_t len)
{
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)len};

	return regexec(&ignore->regex, path, 1, &range, REG_STARTEND) == 0;
}

/* The path as it is; for a directory the expression may also end in '/'. */
static bool exclude_matches(
	const struct s2c_ignore *ignore, const char *path, size_t len, bool is_dir)
{
	CLEAN_FREE char *copy = NULL;

	if (ignore->exclude_git) {
		const char *name = memrchr(path, '/', len);

		name = name ? name + 1 : path;
		return (size_t)(path + len - name) == 4 && memcmp(name, ".git", 4) == 0;
	}
	if (!ignore->has_regex)
		return false;
	if (regex_matches(ignore, path, len))
		return true;
	if (!is_dir)
		return false;
	if (path[len] == '/')
		return regex_matches(ignore, path, len + 1);
	copy = xasprintf("%.*s/", (int)len, path);
	return regex_matches(ignore, copy, len + 1);
}

/* The path or something above it. */
static bool rule_matches_above(const struct rule *rule, const char *path, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (path[i] == '/' && rule_matches(rule, path, i))
			return true;
	return rule_matches(rule, path, len);
}

/* Without regard to what is above it. The last rule that matches decides. */
static bool excludes(
	const struct s2c_ignore *ignore, const char *path, size_t len, bool is_dir)
{
	if (exclude_matches(ignore, path, len, is_dir))
		return true;
	for (size_t i = ignore->n_rules; i > 0; i--) {
		const struct rule *rule = &ignore->rules[i - 1];

		if (ignore->docker ? rule_matches_above(rule, path, len)
				   : rule_matches(rule, path, len))
			return !rule->take_back;
	}
	return false;
}

bool s2c_ignore_match_name(const struct s2c_ignore *ignore, const char *path, bool is_dir)
{
	return excludes(ignore, path, strlen(path), is_dir);
}

bool s2c_ignore_match(const struct s2c_ignore *ignore, const char *path, bool is_dir)
{
	size_t len = strlen(path);

	for (const char *p = path; !ignore->docker && (p = strchr(p, '/')); p++) {
		if (excludes(ignore, path, (size_t)(p - path), true))
			return true;
	}
	return excludes(ignore, path, len, is_dir);
}

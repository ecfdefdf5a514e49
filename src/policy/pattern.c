/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of image names. Whether a pattern is sound is decided by the parser of
 * references, which gets it with plain segments in the place of wildcards: so a pattern
 * can only mean names that exist.
 */
#include "policy/pattern.h"

void s2c_pattern_release(struct s2c_pattern *pattern)
{
	free(pattern->text);
	free(pattern->registry);
	s2c_strv_release(&pattern->segments);
	*pattern = (struct s2c_pattern){.wild = false};
}

/* Puts the segments of `path` into `out`; false with *why if a wildcard is misplaced. */
static bool split(const char *path, struct s2c_pattern *out, const char **why)
{
	for (const char *p = path;;) {
		size_t len = strcspn(p, "/");
		CLEAN_FREE char *segment = xstrndup(p, len);
		bool rest = streq(segment, "**");

		if (rest && p[len]) {
			*why = "'**' can only be the last segment";
			return false;
		}
		if (!rest && !streq(segment, "*") && strchr(segment, '*')) {
			*why = "'*' can only be a whole segment";
			return false;
		}
		out->wild = out->wild || *segment == '*';
		s2c_strv_add_take(&out->segments, TAKE(segment));
		if (!p[len])
			return true;
		p += len + 1;
	}
}

/* The pattern as a name: "x" for every wildcard. Caller frees. */
static char *plain_name(const char *registry, const struct s2c_strv *segments)
{
	char *name = xstrdup(registry);

	s2c_strv_foreach (segment, segments) {
		char *longer = xasprintf("%s/%s", name, *segment == '*' ? "x" : segment);

		free(name);
		name = longer;
	}
	return name;
}

int s2c_pattern_parse(const char *text, struct s2c_pattern *out, struct s2c_error **err)
{
	CLEAN(s2c_pattern_release) struct s2c_pattern pattern = {.wild = false};
	const char *slash = strchr(text, '/'), *why = NULL;
	struct s2c_reference ref;

	if (strlen(text) > S2C_REPOSITORY_MAX)
		return s2c_fail(err, S2C_EINVAL, "'%.64s...' is longer than %d bytes",
			text, S2C_REPOSITORY_MAX);
	if (!slash)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' has no registry: write REGISTRY/REPOSITORY", text);
	if (strchr(slash, ':') || strchr(text, '@'))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' must have neither tag nor digest: they have keys of their "
			"own",
			text);
	CLEAN_FREE char *registry = xstrndup(text, (size_t)(slash - text));

	if (strchr(registry, '*'))
		return s2c_fail(
			err, S2C_EINVAL, "'%s': a registry cannot have a '*'", text);
	if (!split(slash + 1, &pattern, &why))
		return s2c_fail(err, S2C_EINVAL, "'%s': %s", text, why);
	CLEAN_FREE char *name = plain_name(registry, &pattern.segments);

	if (s2c_reference_parse(name, &ref, err) < 0)
		return s2c_wrap(err, "'%s'", text);
	if (!*ref.registry)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' has no registry: the first part must be HOST.DOMAIN, "
			"HOST:PORT or localhost",
			text);
	if (pattern.segments.len == 1 && !streq(pattern.segments.items[0], "**") &&
		starts_with(ref.repository, "library/") && strchr(ref.repository, '/')) {
		CLEAN_FREE char *only = TAKE(pattern.segments.items[0]);

		pattern.segments.len = 0;
		s2c_strv_add(&pattern.segments, "library");
		s2c_strv_add(&pattern.segments, only);
	}
	pattern.text = xstrdup(text);
	pattern.registry = xstrdup(ref.registry);
	*out = pattern;
	pattern = (struct s2c_pattern){.wild = false};
	return 0;
}

bool s2c_pattern_match(const struct s2c_pattern *pattern, const struct s2c_reference *ref)
{
	const char *at = ref->repository;

	if (!*ref->registry || !streq(pattern->registry, ref->registry))
		return false;
	for (size_t i = 0; i < pattern->segments.len; i++) {
		const char *segment = pattern->segments.items[i];
		size_t len = strcspn(at, "/");
		bool last = i + 1 == pattern->segments.len;

		if (streq(segment, "**"))
			return true;
		if (!streq(segment, "*") &&
			(strlen(segment) != len || memcmp(segment, at, len) != 0))
			return false;
		if (last || !at[len])
			return last && !at[len];
		at += len + 1;
	}
	return false;
}

static bool tag_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

int s2c_tag_glob_check(const char *glob, struct s2c_error **err)
{
	size_t len = strlen(glob);
	bool good = len > 0 && len <= S2C_TAG_GLOB_MAX && *glob != '.' && *glob != '-';

	for (const char *p = glob; good && *p; p++)
		good = tag_byte(*p) || *p == '*';
	if (good)
		return 0;
	return s2c_fail(err, S2C_EINVAL,
		"'%.*s' is no pattern of tags: it is made of letters, digits, '_', '.', "
		"'-' and '*' for any of them",
		S2C_TAG_GLOB_MAX, glob);
}

bool s2c_tag_glob_match(const char *glob, const char *tag)
{
	const char *star = NULL, *from = NULL;

	/* The last '*' takes one byte more whenever what is behind it does not fit. */
	while (*tag) {
		if (*glob == '*') {
			star = ++glob;
			from = tag;
		} else if (*glob == *tag) {
			glob++;
			tag++;
		} else if (star) {
			glob = star;
			tag = ++from;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

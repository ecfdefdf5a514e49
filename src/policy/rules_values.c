/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the gate's policy out of their nodes in the file. Numbers of bytes and times
 * have a unit, always: who forgets one learns it before it matters.
 */
#include "policy/rules_impl.h"

#include <inttypes.h>

static int no_text(const char *what, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL, "it must be %s", what);
}

int s2c_rules_size(const struct s2c_json *node, uint64_t *out, struct s2c_error **err)
{
	const char *text = s2c_json_str(node);
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return no_text("a size with its unit, as in 64Mi", err);
	if (len > 2 && text[len - 1] == 'i' && strchr("KMGT", text[len - 2]))
		len--;
	CLEAN_FREE char *plain = xstrndup(text, len);
	uint64_t n = 0;

	if (len == 0 || (plain[len - 1] >= '0' && plain[len - 1] <= '9') ||
		s2c_size_parse(plain, &n, NULL) < 0)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is no size: write a whole number with its unit, Ki, Mi, Gi "
			"or Ti",
			text);
	*out = n;
	return 0;
}

int s2c_rules_seconds(const struct s2c_json *node, uint64_t *out, struct s2c_error **err)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *text = s2c_json_str(node);
	const char *p = text;
	uint64_t n = 0;

	if (!text)
		return no_text("a time with its unit, as in 30m", err);
	for (; *p >= '0' && *p <= '9' && n < 1000000000u; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	for (size_t i = 0; p > text && i < ARRAY_SIZE(units); i++) {
		if (p[0] == units[i].unit && !p[1]) {
			*out = n * units[i].seconds;
			return 0;
		}
	}
	return s2c_fail(err, S2C_EINVAL,
		"'%s' is no time: write a whole number with its unit, s, m, h or d",
		text);
}

int s2c_rules_count(const struct s2c_json *node, uint64_t min, uint64_t max,
	uint64_t *out, struct s2c_error **err)
{
	const char *text = s2c_json_number(node);
	const char *p = text ? text : "";
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9' && n <= max; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (!text || *p || n < min || n > max)
		return s2c_fail(err, S2C_EINVAL,
			"it must be a whole number from %" PRIu64 " to %" PRIu64, min,
			max);
	*out = n;
	return 0;
}

int s2c_rules_word(const struct s2c_json *node, const char *const *words, uint32_t *out,
	struct s2c_error **err)
{
	const char *text = s2c_json_str(node);
	CLEAN_FREE char *all = xstrdup(words[0]);

	for (uint32_t i = 0; words[i]; i++) {
		if (text && streq(text, words[i])) {
			*out = i;
			return 0;
		}
		if (i > 0) {
			char *longer = xasprintf("%s, %s", all, words[i]);

			free(all);
			all = longer;
		}
	}
	return s2c_fail(err, S2C_EINVAL, "it must be one of: %s", all);
}

int s2c_rules_network_name(const char *name, struct s2c_error **err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
				      "YZ0123456789_.-";
	static const char *const refused[] = {"host", "default", "container", "ns"};
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (streq(name, refused[i]))
			return s2c_fail(err, S2C_EINVAL,
				"'%s' can be no network of a build: use none, or the "
				"name of a network of the engine",
				name);
	if (len == 0 || len > S2C_RULES_NAME_MAX || strspn(name, letters) != len ||
		strchr("_.-", *name))
		return s2c_fail(err, S2C_EINVAL,
			"'%.*s' is no name of a network: letters, digits, '_', '.' and "
			"'-', at most %d bytes",
			S2C_RULES_NAME_MAX, name, S2C_RULES_NAME_MAX);
	return 0;
}

/* ---- lists ---- */

/* One range: a text, or a plain number. Borrowed text. */
static const char *range_text(const struct s2c_json *item)
{
	const char *text = s2c_json_str(item);

	return text ? text : s2c_json_number(item);
}

static int set_ids(const struct s2c_json *node, uint64_t min, struct s2c_uids *out,
	struct s2c_error **err)
{
	CLEAN_FREE char *all = xstrdup("");
	CLEAN_UIDS struct s2c_uids ids = {0};
	size_t n = 0;

	if (!s2c_json_is_array(node) || s2c_json_len(node) == 0 ||
		s2c_json_len(node) > S2C_UID_RANGES_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"it must be a list of 1 to %d ranges, as in [1001, "
			"\"100000-165535\"]",
			S2C_UID_RANGES_MAX);
	s2c_json_foreach (item, node) {
		const char *text = range_text(item);

		if (!text || !*text || strchr(text, ','))
			return s2c_fail(err, S2C_EINVAL,
				"[%zu] is no range: write 'n', 'n-' or 'n-m'", n);
		char *longer = xasprintf("%s%s%s", all, *all ? "," : "", text);

		free(all);
		all = longer;
		n++;
	}
	if (s2c_uids_parse(all, &ids, err) < 0)
		return -1;
	if (min > 0 && s2c_uids_allow(&ids, 0))
		return s2c_fail(err, S2C_EINVAL,
			"user 0 (root) never builds through the gate: begin the range "
			"at 1 or above");
	s2c_uids_release(out);
	*out = ids;
	ids = (struct s2c_uids){0};
	return 0;
}

static int set_networks(
	const struct s2c_json *node, struct s2c_strv *out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (!s2c_json_is_array(node) || s2c_json_len(node) == 0 ||
		s2c_json_len(node) > S2C_RULES_ITEMS_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"it must be a list of 1 to %d names of networks",
			S2C_RULES_ITEMS_MAX);
	s2c_json_foreach (item, node) {
		const char *name = s2c_json_str(item);

		if (!name)
			return s2c_fail(err, S2C_EINVAL, "[%zu] is no text", names.len);
		if (s2c_strv_find(&names, name) >= 0)
			return s2c_fail(err, S2C_EINVAL, "'%s' is there twice", name);
		if (s2c_rules_network_name(name, err) < 0)
			return -1;
		s2c_strv_add(&names, name);
	}
	s2c_strv_release(out);
	*out = names;
	names = (struct s2c_strv)S2C_STRV_INIT;
	return 0;
}

static int set_cpus(const struct s2c_json *node, uint32_t *out, struct s2c_error **err)
{
	const char *number = s2c_json_str(node);

	/* In YAML 2 is a number and 1.5 is a text: see codec/yaml.h. */
	if (!number)
		number = s2c_json_number(node);
	if (!number)
		return no_text("a number of CPUs, as in 1.5", err);
	return s2c_cpus_parse(number, out, err);
}

/* ---- all kinds ---- */

static int in_range(
	const struct s2c_value_field *field, uint64_t n, struct s2c_error **err)
{
	if (n >= field->min && n <= field->max)
		return 0;
	return s2c_fail(err, S2C_EINVAL,
		"it must be %" PRIu64 " to %" PRIu64 " %s, not %" PRIu64, field->min,
		field->max, field->kind == S2C_VALUE_SIZE ? "bytes" : "seconds", n);
}

int s2c_value_set(const struct s2c_value_field *field, const struct s2c_json *node,
	struct s2c_rules_values *values, struct s2c_error **err)
{
	void *at = (char *)values + field->offset;
	uint64_t n = 0;

	switch (field->kind) {
	case S2C_VALUE_IDS:
		return set_ids(node, field->min, at, err);
	case S2C_VALUE_NETWORKS:
		return set_networks(node, at, err);
	case S2C_VALUE_SIZE:
		if (s2c_rules_size(node, &n, err) < 0 || in_range(field, n, err) < 0)
			return -1;
		*(uint64_t *)at = n;
		return 0;
	case S2C_VALUE_CPUS:
		return set_cpus(node, at, err);
	case S2C_VALUE_SECONDS:
		if (s2c_rules_seconds(node, &n, err) < 0 || in_range(field, n, err) < 0)
			return -1;
		*(uint32_t *)at = (uint32_t)n;
		return 0;
	case S2C_VALUE_COUNT:
		if (s2c_rules_count(node, field->min, field->max, &n, err) < 0)
			return -1;
		*(uint32_t *)at = (uint32_t)n;
		return 0;
	case S2C_VALUE_WORD:
		return s2c_rules_word(node, field->words, at, err);
	}
	return s2c_fail(err, S2C_EINVAL, "'%s' has no kind", field->key);
}

/* The table's text of a value as a node; caller frees. */
static struct s2c_json *normal_node(const struct s2c_value_field *field)
{
	struct s2c_json *node = NULL;
	bool list = field->kind == S2C_VALUE_IDS || field->kind == S2C_VALUE_NETWORKS;
	bool number = field->kind == S2C_VALUE_CPUS || field->kind == S2C_VALUE_COUNT;

	if (!list && !number)
		return s2c_json_new_str(field->normal);
	if (number) {
		(void)!s2c_json_parse(field->normal, strlen(field->normal),
			(struct s2c_json_limits){0}, &node, NULL);
		return s2c_must(node);
	}
	node = s2c_json_new_array();
	for (const char *p = field->normal;;) {
		size_t len = strcspn(p, ",");
		CLEAN_FREE char *item = xstrndup(p, len);

		s2c_json_add_str(node, item);
		if (!p[len])
			return node;
		p += len + 1;
	}
}

void s2c_values_defaults(struct s2c_rules_values *values)
{
	for (size_t i = 0; i < s2c_n_value_fields; i++) {
		const struct s2c_value_field *field = &s2c_value_fields[i];
		CLEAN_JSON struct s2c_json *node = normal_node(field);
		CLEAN_ERROR struct s2c_error *err = NULL;

		/* The table is ours; test_rules looks at every row. */
		(void)s2c_must(
			s2c_value_set(field, node, values, &err) < 0 ? NULL : values);
	}
}

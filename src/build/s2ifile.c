/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .s2ifile, read and written. It may be part of somebody else's source tree: what it
 * says is bounded here, and what its flags mean is checked as on a command line.
 */
#include <s2c/s2ifile.h>

#include <fcntl.h>

#include "codec/json.h"
#include "source/spec.h"
#include "util/error.h"
#include "util/fs.h"

/* Flags of which S2I writes all values as one, without numbers. */
static const struct {
	const char *name;
	bool brackets; /* "[a,b]", else "a,b" */
} joined[] = {
	{"volume", true},
	{"add-host", true},
	{"cap-drop", true},
	{"inject", false},
	{"runtime-artifact", false},
};

struct s2c_s2ifile *s2c_s2ifile_new(void)
{
	struct s2c_s2ifile *file = xcalloc(1, sizeof(*file));

	file->source = xstrdup("");
	file->builder = xstrdup("");
	file->tag = xstrdup("");
	return file;
}

void s2c_s2ifile_free(struct s2c_s2ifile *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->n_flags; i++) {
		free(file->flags[i].name);
		free(file->flags[i].value);
	}
	free(file->flags);
	free(file->source);
	free(file->builder);
	free(file->tag);
	free(file);
}
S2C_DEFINE_CLEAN(s2ifile, struct s2c_s2ifile *, s2c_s2ifile_free)

void s2c_s2ifile_add(
	struct s2c_s2ifile *file, const char *name, const char *value, int index)
{
	file->flags = xreallocarray(file->flags, file->n_flags + 1, sizeof(*file->flags));
	file->flags[file->n_flags++] = (struct s2c_s2ifile_flag){
		.name = xstrdup(name), .value = xstrdup(value), .index = index};
}

/* ---- read ---- */

static int add(struct s2c_s2ifile *file, const char *name, const char *value, int index,
	struct s2c_error **err)
{
	if (file->n_flags == S2C_S2IFILE_FLAGS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d flags", S2C_S2IFILE_FLAGS_MAX);
	s2c_s2ifile_add(file, name, value, index);
	return 0;
}

/* One field of a line of CSV, quoted or not; *out is NULL for a bad one. */
static const char *read_field(const char *text, const char *end, char **out)
{
	CLEAN_FREE char *field = xcalloc(1, (size_t)(end - text) + 1);
	size_t n = 0;

	if (text == end || *text != '"') {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma ? comma : end;

		*out = xstrndup(text, (size_t)(stop - text));
		return stop;
	}
	for (text++; text < end; text++) {
		if (*text == '"' && (text + 1 == end || text[1] != '"'))
			break;
		text += *text == '"';
		field[n++] = *text;
	}
	if (text == end || (text + 1 != end && text[1] != ','))
		return end;
	*out = TAKE(field);
	return text + 1;
}

/* "a,b" as separate values. */
static int split(struct s2c_s2ifile *file, const char *name, const char *text, size_t len,
	struct s2c_error **err)
{
	const char *end = text + len;

	for (int index = 0;; index++) {
		CLEAN_FREE char *field = NULL;

		text = read_field(text, end, &field);
		if (!field)
			return s2c_fail(err, S2C_EPROTO,
				"the quotes in the value of flag '%s' are wrong", name);
		if (*field && add(file, name, field, index, err))
			return -1;
		if (text == end)
			return 0;
		text++;
	}
}

static int add_plain(struct s2c_s2ifile *file, const char *name, const char *value,
	struct s2c_error **err)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < ARRAY_SIZE(joined); i++) {
		if (!streq(joined[i].name, name))
			continue;
		if (!joined[i].brackets)
			return split(file, name, value, len, err);
		if (len >= 2 && value[0] == '[' && value[len - 1] == ']')
			return split(file, name, value + 1, len - 2, err);
	}
	return add(file, name, value, -1, err);
}

/* Splits "NAME-12"; *out_index is -1 for a name without number. */
static char *split_name(const char *key, int *out_index)
{
	const char *dash = strrchr(key, '-');
	size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;

	*out_index = -1;
	if (!dash || dash == key || digits == 0 || digits > 5 || dash[1 + digits])
		return xstrdup(key);
	*out_index = 0;
	for (const char *digit = dash + 1; *digit; digit++)
		*out_index = *out_index * 10 + (*digit - '0');
	return xstrndup(key, (size_t)(dash - key));
}

static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && !name[len] && len <= S2C_S2IFILE_NAME_MAX && *name != '-';
}

static int read_flag(
	struct s2c_s2ifile *file, const struct s2c_json *flag, struct s2c_error **err)
{
	const char *key = s2c_json_key(flag), *value = s2c_json_str(flag);
	CLEAN_FREE char *name = NULL;
	int index;

	if (!is_name(key))
		return s2c_fail(err, S2C_EPROTO, "'%.100s' is no name of a flag", key);
	if (!value)
		return s2c_fail(err, S2C_EPROTO, "flag '%s' must be a string", key);
	name = split_name(key, &index);
	return index < 0 ? add_plain(file, name, value, err)
			 : add(file, name, value, index, err);
}

static int by_name(const void *a, const void *b)
{
	const struct s2c_s2ifile_flag *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : (one->index > other->index) - (one->index < other->index);
}

static int read_text(
	const struct s2c_json *root, const char *key, char **slot, struct s2c_error **err)
{
	const char *value = NULL;

	if (s2c_json_get_str(root, key, S2C_OPTIONAL, &value, err))
		return -1;
	if (value) {
		free(*slot);
		*slot = xstrdup(value);
	}
	return 0;
}

int s2c_s2ifile_parse(
	const char *text, size_t len, struct s2c_s2ifile **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_s2ifile) struct s2c_s2ifile *file = s2c_s2ifile_new();
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *flags = NULL;

	if (len > S2C_S2IFILE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %u bytes", S2C_S2IFILE_MAX);
	if (s2c_json_parse(text, len, (struct s2c_json_limits){0}, &root, err))
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EPROTO, "the document must be an object");
	if (read_text(root, "source", &file->source, err) ||
		read_text(root, "builderImage", &file->builder, err) ||
		read_text(root, "tag", &file->tag, err) ||
		s2c_json_get_object(root, "flags", S2C_OPTIONAL, &flags, err))
		return -1;
	s2c_json_foreach (flag, flags) {
		if (read_flag(file, flag, err))
			return -1;
	}
	if (file->n_flags)
		qsort(file->flags, file->n_flags, sizeof(*file->flags), by_name);
	*out = TAKE(file);
	return 0;
}

/* ---- write ---- */

/* "https://user:password@host/" without what stands before "@". Caller frees. */
static char *without_secret(const char *source)
{
	CLEAN_SPEC struct s2c_spec spec = {0};
	const char *host = strstr(source, "://");
	const char *at;

	if (!host || s2c_spec_parse(source, &spec, NULL) || !spec.userinfo)
		return xstrdup(source);
	host += strlen("://");
	at = memrchr(host, '@', strcspn(host, "/?#"));
	return at ? xasprintf("%.*s%s", (int)(host - source), source, at + 1)
		  : xstrdup(source);
}

char *s2c_s2ifile_print(const struct s2c_s2ifile *file)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_FREE char *source = without_secret(file->source);
	struct s2c_json *flags;

	s2c_json_set_str(root, "source", source);
	s2c_json_set_str(root, "builderImage", file->builder);
	s2c_json_set_str(root, "tag", file->tag);
	flags = s2c_json_object_at(root, "flags");
	for (size_t i = 0; i < file->n_flags; i++) {
		const struct s2c_s2ifile_flag *flag = &file->flags[i];
		CLEAN_FREE char *key = flag->index < 0 ? xstrdup(flag->name)
						       : xasprintf("%s-%d", flag->name,
								 flag->index);

		s2c_json_set_str(flags, key, flag->value);
	}
	return s2c_json_print(root, S2C_JSON_PRETTY);
}

/* ---- the file ---- */

int s2c_s2ifile_read(struct s2c_s2ifile **out, struct s2c_error **err)
{
	static const char *const names[] = {S2C_S2IFILE, S2C_S2IFILE_OLD};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_S2IFILE_MAX);
		CLEAN_ERROR struct s2c_error *cause = NULL;

		if (s2c_fs_read_file(AT_FDCWD, names[i], &text, &cause)) {
			if (s2c_error_code(cause) == S2C_ENOENT)
				continue;
			s2c_error_move(err, &cause);
			return -1;
		}
		if (s2c_s2ifile_parse(s2c_buf_str(&text), text.len, out, err))
			return s2c_wrap(err, "'%s'", names[i]);
		return 0;
	}
	return s2c_fail(err, S2C_ENOENT, "there is no '%s' in this directory", names[0]);
}

int s2c_s2ifile_write(const struct s2c_s2ifile *file, struct s2c_error **err)
{
	CLEAN_FREE char *text = s2c_s2ifile_print(file);
	CLEAN_FREE char *line = xasprintf("%s\n", text);

	if (strlen(line) > S2C_S2IFILE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%s' would have more than %u bytes",
			S2C_S2IFILE, S2C_S2IFILE_MAX);
	return s2c_fs_write_file(AT_FDCWD, S2C_S2IFILE, line, strlen(line), 0644, err);
}

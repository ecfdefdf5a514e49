/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two rounds over the fields: the first finds the kind, which may stand anywhere, the
 * second what the kind's row of the table knows.
 */
#include "build/dockerfile_mount.h"

#include <ctype.h>

#include "build/mount_spec.h"
#include "image/passwd.h"
#include "util/mem.h"

static void mount_release(struct s2c_run_mount *mount)
{
	free(mount->id);
	free(mount->target);
}

void s2c_run_mounts_release(struct s2c_run_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++)
		mount_release(&mounts->items[i]);
	free(mounts->items);
	*mounts = (struct s2c_run_mounts){.n = 0};
}

/* A field at *at, which is moved behind it; false at the end. Caller frees both. */
static bool next_field(const char **at, char **out_name, char **out_value)
{
	size_t len = strcspn(*at, ","), name;

	if (!**at)
		return false;
	name = strcspn(*at, "=,");
	*out_name = xstrndup(*at, name);
	*out_value = name < len ? xstrndup(*at + name + 1, len - name - 1) : NULL;
	*at += len + ((*at)[len] == ',');
	return true;
}

/* ---- kinds ---- */

static const struct kind {
	const char *name;
	const char *mode;
	bool can_be_required;
	bool needs_target;
} kinds[] = {
	[S2C_RUN_SECRET] = {"secret", "0400", true, false},
	[S2C_RUN_CACHE] = {"cache", "0755", false, true},
	[S2C_RUN_AGENT] = {"ssh", "0600", true, false},
};

static int find_kind(
	const char *text, enum s2c_run_mount_kind *out, struct s2c_error **err)
{
	CLEAN_FREE char *type = NULL;

	for (bool more = true; more && !type;) {
		CLEAN_FREE char *name = NULL, *value = NULL;

		more = next_field(&text, &name, &value);
		if (more && streq(name, "type"))
			type = xstrdup(value ? value : "");
	}
	for (size_t i = 0; type && i < ARRAY_SIZE(kinds); i++)
		if (streq(kinds[i].name, type)) {
			*out = (enum s2c_run_mount_kind)i;
			return 0;
		}
	if (!type || streq(type, "bind"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"a bind of the context is not supported: COPY the files");
	if (streq(type, "tmpfs"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"type=tmpfs is not supported: remove the files in the same RUN");
	return s2c_fail(err, S2C_EINVAL,
		"type '%.100s' is not known; there are secret, cache and ssh", type);
}

/* ---- fields ---- */

static int set_text(char **slot, const char *value, struct s2c_error **err)
{
	if (*slot)
		return s2c_fail(err, S2C_EINVAL, "it is there twice");
	if (!value || !*value)
		return s2c_fail(err, S2C_EINVAL, "it is empty");
	*slot = xstrdup(value);
	return 0;
}

static int set_id(struct s2c_run_mount *m, const char *value, struct s2c_error **err)
{
	if (set_text(&m->id, value, err) < 0)
		return -1;
	if (m->kind == S2C_RUN_AGENT && !streq(m->id, "default"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"there is one agent, 'default', and not '%.100s'", m->id);
	return s2c_mount_id_check(m->id, err);
}

static int set_target(struct s2c_run_mount *m, const char *value, struct s2c_error **err)
{
	return set_text(&m->target, value, err);
}

static int set_required(
	struct s2c_run_mount *m, const char *value, struct s2c_error **err)
{
	if (!kinds[m->kind].can_be_required)
		return s2c_fail(
			err, S2C_EINVAL, "it is not for type=%s", kinds[m->kind].name);
	/* As docker has it: the name alone means that it is. */
	m->required = !value || streq(value, "true") || streq(value, "1");
	if (m->required || streq(value, "false") || streq(value, "0"))
		return 0;
	return s2c_fail(err, S2C_EINVAL, "it takes true or false, not '%.100s'", value);
}

static int set_uid(struct s2c_run_mount *m, const char *value, struct s2c_error **err)
{
	struct s2c_user user;

	if (!value || !*value || value[strspn(value, "0123456789")])
		return s2c_fail(err, S2C_EINVAL, "it takes a number");
	if (s2c_user_resolve(value, NULL, NULL, &user, err) < 0)
		return -1;
	m->has_uid = true;
	m->uid = user.uid;
	return 0;
}

static int set_mode(struct s2c_run_mount *m, const char *value, struct s2c_error **err)
{
	const char *is = kinds[m->kind].mode;

	/* With or without its leading zero. */
	if (value && (streq(value, is) || streq(value, is + 1)))
		return 0;
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"a mount of type=%s has mode %s: leave it out", kinds[m->kind].name, is);
}

static int skip(struct s2c_run_mount *m, const char *value, struct s2c_error **err)
{
	(void)m;
	(void)value;
	(void)err;
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct s2c_run_mount *m, const char *value, struct s2c_error **err);
} fields[] = {
	{"type", skip},
	{"id", set_id},
	{"target", set_target},
	{"dst", set_target},
	{"destination", set_target},
	{"required", set_required},
	{"uid", set_uid},
	{"mode", set_mode},
};

static int set_field(struct s2c_run_mount *m, const char *name, const char *value,
	struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!streq(fields[i].name, name))
			continue;
		if (fields[i].set(m, value, err) < 0)
			return s2c_wrap(err, "'%s'", name);
		return 0;
	}
	return s2c_fail(
		err, S2C_EUNSUPPORTED, "'%.100s' is not supported: take it off", name);
}

/* What was left out. */
static int settle(struct s2c_run_mount *m, struct s2c_error **err)
{
	if (kinds[m->kind].needs_target && !m->target)
		return s2c_fail(
			err, S2C_EINVAL, "type=%s needs a target", kinds[m->kind].name);
	if (m->id)
		return 0;
	if (m->kind == S2C_RUN_SECRET)
		return s2c_fail(err, S2C_EINVAL, "type=secret needs an id");
	m->id = xstrdup(m->kind == S2C_RUN_AGENT ? "default" : m->target);
	return 0;
}

int s2c_run_mounts_add(
	struct s2c_run_mounts *mounts, const char *text, struct s2c_error **err)
{
	CLEAN(mount_release) struct s2c_run_mount m = {.id = NULL};

	if (mounts->n == S2C_RUN_MOUNTS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d mounts", S2C_RUN_MOUNTS_MAX);
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p) || *p == '"')
			return s2c_fail(err, S2C_EINVAL,
				"'%.100s' holds a quote or a control character", text);
	if (find_kind(text, &m.kind, err) < 0)
		return -1;
	for (;;) {
		CLEAN_FREE char *name = NULL, *value = NULL;

		if (!next_field(&text, &name, &value))
			break;
		if (set_field(&m, name, value, err) < 0)
			return -1;
	}
	if (settle(&m, err) < 0)
		return -1;
	mounts->items = xreallocarray(
		mounts->items, mounts->n + 1, sizeof(*mounts->items));
	mounts->items[mounts->n++] = m;
	m = (struct s2c_run_mount){.id = NULL};
	return 0;
}

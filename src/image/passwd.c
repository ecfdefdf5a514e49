/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER of an image to numbers. Two readings of one string have made root of an ordinary
 * user more than once: a number that overflows to 0 (CVE-2024-40635), one that atoi()
 * stops reading, one that passwd lists as the name of somebody else. So a string of
 * digits is a number and nothing else, and what is neither number nor name is refused.
 */
#include "image/passwd.h"

#include <stdbool.h>
#include <stdio.h>

/* A piece of a text. */
struct field {
	const char *at;
	size_t len;
};

static bool field_is(struct field f, const char *text)
{
	return strlen(text) == f.len && memcmp(f.at, text, f.len) == 0;
}

/* A decimal number up to S2C_UID_MAX, without anything around it. */
static bool field_number(struct field f, uint32_t *out)
{
	uint64_t value = 0;

	if (f.len == 0 || f.len > 10 || (f.at[0] == '0' && f.len > 1))
		return false;
	for (size_t i = 0; i < f.len; i++) {
		if (f.at[i] < '0' || f.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(f.at[i] - '0');
	}
	if (value > S2C_UID_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* A login or group name: [A-Za-z_][A-Za-z0-9_.-]*, and a '$' may end it. */
static bool field_name(struct field f)
{
	for (size_t i = 0; i < f.len; i++) {
		char c = f.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			      c == '_';
		bool inner = (c >= '0' && c <= '9') || c == '.' || c == '-' ||
			     (c == '$' && i + 1 == f.len);

		if (!letter && (i == 0 || !inner))
			return false;
	}
	return f.len > 0;
}

/* --- the files -------------------------------------------------------------------- */

#define FIELDS 7 /* of passwd; group has 4 */

/* The next line in `fields` (missing ones are empty); false at the end of the text. */
static bool next_line(const char **text, struct field fields[FIELDS])
{
	const char *p = *text, *end = p + strcspn(p, "\n");

	if (!*p)
		return false;
	*text = *end ? end + 1 : end;
	for (size_t i = 0; i < FIELDS; i++) {
		const char *colon = memchr(p, ':', (size_t)(end - p));
		const char *stop = colon ? colon : end;

		fields[i] = (struct field){p, (size_t)(stop - p)};
		p = colon ? colon + 1 : end;
	}
	return true;
}

/* Which line is wanted: that of a name, or if name is NULL that of a number. */
struct wanted {
	const char *name;
	uint32_t number;
};

/* The first line for it, as getpwnam() and getpwuid() have it. */
static bool find(
	const char *text, const struct wanted *wanted, struct field fields[FIELDS])
{
	uint32_t number;

	while (next_line(&text, fields)) {
		if (wanted->name ? field_is(fields[0], wanted->name)
				 : field_number(fields[2], &number) &&
					   number == wanted->number)
			return true;
	}
	return false;
}

/* --- the parts of a spec ----------------------------------------------------------- */

/* Decides between number and name; `what` is "user" or "group". */
static int parse_part(
	const char *part, const char *what, struct wanted *out, struct s2c_error **err)
{
	struct field f = {part, strlen(part)};

	*out = (struct wanted){0};
	if (field_number(f, &out->number))
		return 0;
	if (!field_name(f))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is neither a number from 0 to %u nor the name of a %s",
			part, S2C_UID_MAX, what);
	out->name = part;
	return 0;
}

/* What passwd tells of the user. */
static int resolve_user(const struct wanted *wanted, const char *passwd,
	struct s2c_user *user, struct s2c_error **err)
{
	struct field line[FIELDS];

	if (!find(passwd, wanted, line)) {
		if (wanted->name)
			return s2c_fail(err, S2C_ENOENT,
				"'%s' is not in /etc/passwd of the image: name a user by "
				"number",
				wanted->name);
		user->uid = wanted->number;
		return 0;
	}
	if (!field_number(line[2], &user->uid) || !field_number(line[3], &user->gid))
		return s2c_fail(err, S2C_EPROTO,
			"uid or gid in the line '%.*s' of the image's /etc/passwd is no "
			"number from 0 to %u",
			(int)(line[0].len < 64 ? line[0].len : 64), line[0].at,
			S2C_UID_MAX);
	if (field_name(line[0]) && line[0].len < sizeof(user->name))
		memcpy(user->name, line[0].at, line[0].len);
	if (line[5].len > 0 && line[5].at[0] == '/' && line[5].len < sizeof(user->home)) {
		memcpy(user->home, line[5].at, line[5].len);
		user->home[line[5].len] = '\0';
	}
	return 0;
}

static int resolve_group(const struct wanted *wanted, const char *group, uint32_t *gid,
	struct s2c_error **err)
{
	struct field line[FIELDS];

	if (!wanted->name) {
		*gid = wanted->number;
		return 0;
	}
	if (!find(group, wanted, line))
		return s2c_fail(err, S2C_ENOENT,
			"'%s' is not in /etc/group of the image: name a group by number",
			wanted->name);
	if (!field_number(line[2], gid))
		return s2c_fail(err, S2C_EPROTO,
			"gid in the line '%s' of the image's /etc/group is no number "
			"from 0 to %u",
			wanted->name, S2C_UID_MAX);
	return 0;
}

static int resolve(const char *spec, const char *passwd, const char *group,
	struct s2c_user *user, struct s2c_error **err)
{
	CLEAN_FREE char *user_part = xstrdup(*spec ? spec : "0");
	char *group_part = strchr(user_part, ':');
	struct wanted wanted_user, wanted_group;

	if (group_part)
		*group_part++ = '\0';
	if (parse_part(user_part, "user", &wanted_user, err) < 0 ||
		(group_part && parse_part(group_part, "group", &wanted_group, err) < 0) ||
		resolve_user(&wanted_user, passwd, user, err) < 0)
		return -1;
	return group_part ? resolve_group(&wanted_group, group, &user->gid, err) : 0;
}

int s2c_user_resolve(const char *spec, const char *passwd, const char *group,
	struct s2c_user *out, struct s2c_error **err)
{
	struct s2c_user user = {.home = "/"};

	passwd = passwd ? passwd : "";
	group = group ? group : "";
	if (strlen(spec) > S2C_USER_SPEC_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"user '%.32s...' is longer than %d bytes", spec,
			S2C_USER_SPEC_MAX);
	if (strnlen(passwd, S2C_PASSWD_BYTES_MAX + 1) > S2C_PASSWD_BYTES_MAX ||
		strnlen(group, S2C_PASSWD_BYTES_MAX + 1) > S2C_PASSWD_BYTES_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"/etc/passwd or /etc/group of the image is larger than %u bytes",
			S2C_PASSWD_BYTES_MAX);
	if (resolve(spec, passwd, group, &user, err) < 0)
		return s2c_wrap(err, "user '%s'", spec);
	/* An empty spec is root whatever passwd says its group is. */
	if (!*spec)
		user.gid = 0;
	*out = user;
	return 0;
}

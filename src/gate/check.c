/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `s2c gate check` and the files of `explain` and `diff`: what is on this host (files,
 * users, groups) comes together here with what is pure.
 */
#include "gate/check.h"

#include <s2c/gate.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>

#include "gate/policy_file.h"
#include "util/fs.h"

/* A policy of the largest size says each thing a few times at most. */
#define TEXT_MAX (256u * 1024 * 1024)
#define REQUEST_MAX (256u * 1024)
#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

/* ---- check ---- */

static bool is_used(const struct s2c_rules *rules, size_t index, bool builder)
{
	for (size_t i = 0; i < rules->n_subjects; i++) {
		const struct s2c_subject *s = &rules->subjects[i];
		const size_t *list = builder ? s->builders : s->pushes;
		size_t n = builder ? s->n_builders : s->n_pushes;

		for (size_t k = 0; k < n; k++)
			if (list[k] == index)
				return true;
	}
	return false;
}

void s2c_check_warnings(const struct s2c_rules *rules, struct s2c_buf *out)
{
	bool group_seen = false;

	if (rules->n_subjects == 0)
		s2c_buf_must_printf(
			out, "warning: there are no subjects, so all are denied\n");
	for (size_t i = 0; i < rules->n_subjects; i++) {
		const struct s2c_subject *s = &rules->subjects[i];

		if (s->n_builders == 0)
			s2c_buf_must_printf(out,
				"warning: %s (%s) has no builders and can build "
				"nothing\n",
				s->path, s->who);
		if (s->kind == S2C_SUBJECT_USER && group_seen)
			s2c_buf_must_printf(out,
				"warning: %s (%s) comes behind a group: if the user is "
				"in "
				"it, the group decides\n",
				s->path, s->who);
		group_seen = group_seen || s->kind == S2C_SUBJECT_GROUP;
	}
	for (size_t i = 0; i < rules->n_builders; i++)
		if (!is_used(rules, i, true))
			s2c_buf_must_printf(out,
				"warning: builder '%s' is of no subject\n",
				rules->builders[i].name);
	for (size_t i = 0; i < rules->n_pushes; i++)
		if (!is_used(rules, i, false))
			s2c_buf_must_printf(out,
				"warning: push rule '%s' is of no subject\n",
				rules->pushes[i].name);
}

/* Credentials: for the gate's user only. */
static void check_auth_files(const struct s2c_rules *rules, struct s2c_buf *out)
{
	for (size_t i = 0; i < rules->n_pushes; i++) {
		const struct s2c_rule_push *push = &rules->pushes[i];
		struct stat st;

		if (!push->auth)
			continue;
		if (lstat(push->auth, &st) < 0)
			s2c_buf_must_printf(out,
				"warning: push rule '%s': '%s' cannot be looked at\n",
				push->name, push->auth);
		else if (!S_ISREG(st.st_mode))
			s2c_buf_must_printf(out,
				"warning: push rule '%s': '%s' is no regular file\n",
				push->name, push->auth);
		else if (st.st_mode & 077)
			s2c_buf_must_printf(out,
				"warning: push rule '%s': '%s' can be read by others "
				"(mode %04o)\n",
				push->name, push->auth, st.st_mode & 07777);
	}
}

int s2c_gate_check(const char *file, char **out_text, struct s2c_error **err)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;
	CLEAN_ERROR struct s2c_error *distrust = NULL;
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(TEXT_MAX);

	if (s2c_policy_file_load(file, false, &rules, err) < 0)
		return -1;
	s2c_buf_must_printf(&out,
		"%s: %zu subjects, %zu builders, %zu aliases, %zu push rules\n", file,
		rules->n_subjects, rules->n_builders, rules->n_aliases, rules->n_pushes);
	if (s2c_policy_file_trusted(file, &distrust) < 0)
		s2c_buf_must_printf(&out, "warning: the gate would refuse it: %s\n",
			s2c_error_message(distrust));
	s2c_check_warnings(rules, &out);
	check_auth_files(rules, &out);
	*out_text = s2c_buf_take(&out);
	return 0;
}

/* ---- explain ---- */

/* Groups as the kernel would show them for a fresh login; caller frees *out. */
static int find_groups(
	const struct passwd *user, uint32_t **out, size_t *out_n, struct s2c_error **err)
{
	int n = GROUPS_MAX;
	CLEAN_FREE gid_t *groups = xcalloc(GROUPS_MAX, sizeof(*groups));

	_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "ids have 32 bits");
	if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
		return s2c_fail(err, S2C_ELIMIT, "user '%s' has more than %d groups",
			user->pw_name, GROUPS_MAX);
	*out = TAKE(groups);
	*out_n = (size_t)n;
	return 0;
}

/* A user by name or number; a number that nobody has is a user without groups. */
static int find_peer(const char *as, struct s2c_peer *peer, uint32_t **out_groups,
	struct s2c_error **err)
{
	CLEAN_FREE char *buffer = xmalloc(TEXT_MAX / 256);
	struct passwd user, *found = NULL;
	CLEAN_UIDS struct s2c_uids number = {0};
	bool is_number = strspn(as, "0123456789") == strlen(as) && *as;

	if (is_number && s2c_uids_parse(as, &number, err) < 0)
		return s2c_wrap(err, "--as");
	if (is_number)
		(void)getpwuid_r(
			number.ranges[0].first, &user, buffer, TEXT_MAX / 256, &found);
	else
		(void)getpwnam_r(as, &user, buffer, TEXT_MAX / 256, &found);
	if (!found && !is_number)
		return s2c_fail(
			err, S2C_ENOENT, "--as: user '%s' is not known on this host", as);
	peer->uid = found ? found->pw_uid : number.ranges[0].first;
	peer->gid = found ? found->pw_gid : S2C_OVERFLOW_ID;
	if (!found)
		return 0;
	if (find_groups(found, out_groups, &peer->n_groups, err) < 0)
		return -1;
	peer->groups = *out_groups;
	return 0;
}

static int parse_reference(const char *option, const char *text,
	struct s2c_reference *ref, const struct s2c_reference **out,
	struct s2c_error **err)
{
	if (!text)
		return 0;
	if (s2c_reference_parse(text, ref, err) < 0)
		return s2c_wrap(err, "%s", option);
	*out = ref;
	return 0;
}

int s2c_gate_explain(const struct s2c_gate_explain_options *options, char **out_text,
	bool *out_allowed, struct s2c_error **err)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;
	CLEAN_FREE uint32_t *groups = NULL;
	CLEAN_BUF struct s2c_buf request = S2C_BUF_INIT(REQUEST_MAX);
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(TEXT_MAX);
	struct s2c_peer peer = {.socket = options->socket};
	struct s2c_reference builder, push;
	struct s2c_explain_query query = {.builder = NULL};

	if (!options->as == !options->socket)
		return s2c_fail(
			err, S2C_EINVAL, "either --as USER or --socket PATH says who");
	if (s2c_policy_file_load(options->file, false, &rules, err) < 0 ||
		(options->as && find_peer(options->as, &peer, &groups, err) < 0) ||
		parse_reference("--builder", options->builder, &builder, &query.builder,
			err) < 0 ||
		parse_reference("--push", options->push, &push, &query.push, err) < 0)
		return -1;
	if (options->request) {
		if (s2c_fs_read_file(AT_FDCWD, options->request, &request, err) < 0)
			return s2c_wrap(err, "--request");
		query.create = s2c_buf_str(&request);
		query.create_len = request.len;
	}
	*out_allowed = s2c_explain(rules, &peer, &query, &out);
	*out_text = s2c_buf_take(&out);
	return 0;
}

/* ---- diff ---- */

int s2c_gate_diff(const char *old_file, const char *new_file, char **out_text,
	bool *out_same, struct s2c_error **err)
{
	CLEAN_RULES struct s2c_rules *before = NULL, *after = NULL;
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(TEXT_MAX);

	if (s2c_policy_file_load(old_file, false, &before, err) < 0 ||
		s2c_policy_file_load(new_file, false, &after, err) < 0)
		return -1;
	*out_same = s2c_rules_diff(before, after, &out);
	*out_text = s2c_buf_take(&out);
	return 0;
}

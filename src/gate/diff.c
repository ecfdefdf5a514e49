/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two policies as who gains and who loses what. A right is compared as what it means (the
 * image, its digest, tags, user and network), never by its name; a subject by the ids it
 * is, never by how it is written.
 */
#include "gate/check.h"

#include <inttypes.h>

/* The subject of the other policy that is the same one; NULL: none. */
static const struct s2c_subject *find_subject(
	const struct s2c_rules *rules, const struct s2c_subject *like)
{
	for (size_t i = 0; i < rules->n_subjects; i++) {
		const struct s2c_subject *s = &rules->subjects[i];

		if (s->kind != like->kind)
			continue;
		if (s->kind == S2C_SUBJECT_SOCKET ? streq(s->socket, like->socket)
						  : s->id == like->id)
			return s;
	}
	return NULL;
}

/* ---- rights as texts ---- */

static void put_tags(struct s2c_buf *out, const struct s2c_strv *tags)
{
	s2c_strv_foreach (tag, tags)
		s2c_buf_must_printf(
			out, "%s%s", tag == tags->items[0] ? " with tags " : ",", tag);
}

static char *builder_text(const struct s2c_rule_builder *b)
{
	struct s2c_buf out = S2C_BUF_INIT(1024 * 1024);

	s2c_buf_must_printf(&out, "builder %s%s%s", b->ref.text,
		*b->digest.str ? "@" : "", b->digest.str);
	put_tags(&out, &b->tags);
	if (b->has_uid)
		s2c_buf_must_printf(&out, " as user %" PRIu32, b->uid);
	if (b->network)
		s2c_buf_must_printf(&out, " on network %s", b->network);
	return s2c_buf_take(&out);
}

static char *push_text(const struct s2c_rule_push *p)
{
	struct s2c_buf out = S2C_BUF_INIT(1024 * 1024);

	s2c_buf_must_printf(&out, "push to %s", p->to.text);
	put_tags(&out, &p->tags);
	s2c_buf_must_printf(&out, " %s%s",
		p->auth ? "with credentials of " : "without credentials",
		p->auth ? p->auth : "");
	return s2c_buf_take(&out);
}

/* Everything a subject may use; NULL: nothing. */
static void rights_of(const struct s2c_rules *rules, const struct s2c_subject *subject,
	struct s2c_strv *out)
{
	for (size_t i = 0; subject && i < subject->n_builders; i++)
		s2c_strv_add_take(
			out, builder_text(&rules->builders[subject->builders[i]]));
	for (size_t i = 0; subject && i < subject->n_pushes; i++)
		s2c_strv_add_take(out, push_text(&rules->pushes[subject->pushes[i]]));
}

/* Items of `all` that are in `other` too, in the order of `all`. */
static void common(
	const struct s2c_strv *all, const struct s2c_strv *other, struct s2c_strv *out)
{
	s2c_strv_foreach (item, all)
		if (s2c_strv_find(other, item) >= 0)
			s2c_strv_add(out, item);
}

static bool same_order(const struct s2c_strv *a, const struct s2c_strv *b)
{
	CLEAN_STRV struct s2c_strv left = S2C_STRV_INIT, right = S2C_STRV_INIT;

	common(a, b, &left);
	common(b, a, &right);
	for (size_t i = 0; i < left.len && i < right.len; i++)
		if (!streq(left.items[i], right.items[i]))
			return false;
	return left.len == right.len;
}

static void put_missing(struct s2c_buf *out, const char *who, const char *verb,
	const struct s2c_strv *of, const struct s2c_strv *in)
{
	s2c_strv_foreach (item, of)
		if (s2c_strv_find(in, item) < 0)
			s2c_buf_must_printf(out, "%s %s %s\n", who, verb, item);
}

/* ---- values ---- */

/* Whether all ids of `a` are in `b`. */
static bool covers(const struct s2c_uids *b, const struct s2c_uids *a)
{
	for (size_t i = 0; i < a->n; i++) {
		uint64_t at = a->ranges[i].first;

		while (at <= a->ranges[i].last) {
			uint64_t next = at;

			for (size_t k = 0; k < b->n; k++)
				if (b->ranges[k].first <= at && at <= b->ranges[k].last &&
					next <= b->ranges[k].last)
					next = (uint64_t)b->ranges[k].last + 1;
			if (next == at)
				return false;
			at = next;
		}
	}
	return true;
}

static bool has_all(const struct s2c_strv *b, const struct s2c_strv *a)
{
	s2c_strv_foreach (item, a)
		if (s2c_strv_find(b, item) < 0)
			return false;
	return true;
}

static uint64_t number_of(const struct s2c_value_field *field, const void *at)
{
	return field->kind == S2C_VALUE_SIZE ? *(const uint64_t *)at
					     : *(const uint32_t *)at;
}

/* Whether everything that `a` allows is allowed by `b`. */
static bool allows_all(const struct s2c_value_field *field,
	const struct s2c_rules_values *b, const struct s2c_rules_values *a)
{
	const void *in_a = (const char *)a + field->offset;
	const void *in_b = (const char *)b + field->offset;

	switch (field->kind) {
	case S2C_VALUE_IDS:
		return covers(in_b, in_a);
	case S2C_VALUE_NETWORKS:
		return has_all(in_b, in_a);
	case S2C_VALUE_SIZE:
	case S2C_VALUE_CPUS:
	case S2C_VALUE_SECONDS:
	case S2C_VALUE_COUNT:
		return number_of(field, in_a) <= number_of(field, in_b);
	case S2C_VALUE_WORD:
		/* Whose entrypoint runs is no matter of more or less. */
		return streq(field->key, "entrypoint")
			       ? number_of(field, in_a) == number_of(field, in_b)
			       : number_of(field, in_a) <= number_of(field, in_b);
	}
	return false;
}

static void diff_values(struct s2c_buf *out, const char *who,
	const struct s2c_rules_values *before, const struct s2c_rules_values *after)
{
	static const char *const words[2][2] = {
		{"other", "less"}, {"more", "the same, the first is another"}};

	for (size_t i = 0; i < s2c_n_value_fields; i++) {
		const struct s2c_value_field *field = &s2c_value_fields[i];
		CLEAN_FREE char *old = s2c_value_format(field, before);
		CLEAN_FREE char *new = s2c_value_format(field, after);
		bool grows = allows_all(field, after, before);
		bool shrinks = allows_all(field, before, after);
		bool networks = field->kind == S2C_VALUE_NETWORKS;

		if (streq(old, new) ||
			(grows && shrinks &&
				(!networks || streq(before->networks.items[0],
						      after->networks.items[0]))))
			continue;
		s2c_buf_must_printf(out, "%s: %s from %s to %s (%s)\n", who, field->key,
			old, new, words[grows][shrinks]);
	}
}

/* ---- subjects ---- */

static void diff_subject(struct s2c_buf *out, const struct s2c_rules *before,
	const struct s2c_rules *after, const struct s2c_subject *was,
	const struct s2c_subject *is)
{
	CLEAN_STRV struct s2c_strv old = S2C_STRV_INIT, new = S2C_STRV_INIT;
	const char *who = is ? is->who : was->who;

	rights_of(before, was, &old);
	rights_of(after, is, &new);
	if (!was)
		s2c_buf_must_printf(out, "%s is new\n", who);
	if (!is)
		s2c_buf_must_printf(out, "%s is gone\n", who);
	put_missing(out, who, "loses", &old, &new);
	put_missing(out, who, "gains", &new, &old);
	if (!same_order(&old, &new))
		s2c_buf_must_printf(out, "%s: its rules come in another order\n", who);
	if (was && is)
		diff_values(out, who, &was->values, &is->values);
}

/* "0:1000": a subject as the ids it is. */
static void subject_keys(const struct s2c_rules *rules, struct s2c_strv *out)
{
	for (size_t i = 0; i < rules->n_subjects; i++) {
		const struct s2c_subject *s = &rules->subjects[i];

		s2c_strv_addf(out, "%d:%" PRIu32 ":%s", (int)s->kind, s->id,
			s->socket ? s->socket : "");
	}
}

static void diff_subjects(struct s2c_buf *out, const struct s2c_rules *before,
	const struct s2c_rules *after)
{
	CLEAN_STRV struct s2c_strv old = S2C_STRV_INIT, new = S2C_STRV_INIT;

	for (size_t i = 0; i < before->n_subjects; i++) {
		const struct s2c_subject *was = &before->subjects[i];

		diff_subject(out, before, after, was, find_subject(after, was));
	}
	for (size_t i = 0; i < after->n_subjects; i++) {
		const struct s2c_subject *is = &after->subjects[i];

		if (!find_subject(before, is))
			diff_subject(out, before, after, NULL, is);
	}
	subject_keys(before, &old);
	subject_keys(after, &new);
	if (!same_order(&old, &new))
		s2c_buf_must_printf(out,
			"subjects come in another order: who is several of them may be "
			"another one\n");
}

/* ---- the rest ---- */

static void aliases_of(const struct s2c_rules *rules, struct s2c_strv *out)
{
	for (size_t i = 0; i < rules->n_aliases; i++) {
		CLEAN_FREE char *to = builder_text(
			&rules->builders[rules->aliases[i].builder]);

		s2c_strv_addf(
			out, "alias %s of %s", rules->aliases[i].name.repository, to);
	}
}

/* Settings of the gate itself as "name value", in a fixed order. */
static void settings_of(const struct s2c_rules *r, struct s2c_strv *out)
{
	static const char *const flavors[] = {"auto", "docker", "podman"};
	static const char *const fsyncs[] = {"never", "denials", "always"};

	s2c_strv_addf(out, "upstream.socket %s",
		r->upstream.socket ? r->upstream.socket : "(none)");
	s2c_strv_addf(out, "upstream.owner_uid %" PRIu32, r->upstream.owner_uid);
	s2c_strv_addf(out, "upstream.flavor %s", flavors[r->upstream.flavor]);
	s2c_strv_addf(out, "limits.connections %" PRIu32, r->limits.connections);
	s2c_strv_addf(out, "limits.connections_per_user %" PRIu32,
		r->limits.connections_per_user);
	s2c_strv_addf(out, "limits.containers %" PRIu32, r->limits.containers);
	s2c_strv_addf(
		out, "limits.header_timeout %" PRIu32 "s", r->limits.header_timeout);
	s2c_strv_addf(out, "audit.path %s", r->audit.path ? r->audit.path : "(none)");
	s2c_strv_addf(out, "audit.fsync %s", fsyncs[r->audit.fsync]);
	s2c_strv_addf(out, "audit.max %" PRIu64, r->audit.max);
	s2c_strv_addf(out, "metrics.socket %s",
		r->metrics_socket ? r->metrics_socket : "(none)");
	s2c_strv_addf(out, "sandbox %s", r->sandbox_required ? "require" : "best-effort");
}

static void diff_settings(struct s2c_buf *out, const struct s2c_rules *before,
	const struct s2c_rules *after)
{
	CLEAN_STRV struct s2c_strv old = S2C_STRV_INIT, new = S2C_STRV_INIT;

	settings_of(before, &old);
	settings_of(after, &new);
	for (size_t i = 0; i < old.len; i++)
		if (!streq(old.items[i], new.items[i]))
			s2c_buf_must_printf(out, "gate: %s becomes %s\n", old.items[i],
				strchr(new.items[i], ' ') + 1);
}

bool s2c_rules_diff(const struct s2c_rules *before, const struct s2c_rules *after,
	struct s2c_buf *out)
{
	CLEAN_STRV struct s2c_strv old = S2C_STRV_INIT, new = S2C_STRV_INIT;
	size_t start = out->len;

	diff_settings(out, before, after);
	aliases_of(before, &old);
	aliases_of(after, &new);
	put_missing(out, "everybody", "loses", &old, &new);
	put_missing(out, "everybody", "gains", &new, &old);
	diff_subjects(out, before, after);
	return out->len == start;
}

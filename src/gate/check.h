/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as people look at it before it holds: what is odd about it, what it says to
 * one user, and how it differs from another one. Pure, on loaded policies; the commands
 * of s2c/gate.h find files and users for it.
 */
#ifndef S2C_GATE_CHECK_H
#define S2C_GATE_CHECK_H

#include "policy/rules.h"
#include "util/buf.h"

/* Appends a line for everything that is allowed but hardly meant. */
void s2c_check_warnings(const struct s2c_rules *rules, struct s2c_buf *out);

/* What a subject is asked about; NULL: not. */
struct s2c_explain_query {
	const struct s2c_reference *builder, *push;
	const char *create; /* JSON of a container's creation, as clients send it */
	size_t create_len;
};

/*
 * Appends what the policy says to a peer. False if the peer is nobody or something that
 * was asked about is denied.
 */
bool s2c_explain(const struct s2c_rules *rules, const struct s2c_peer *peer,
	const struct s2c_explain_query *query, struct s2c_buf *out);
/* The part of it that is about `query->create`. */
bool s2c_explain_create(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_explain_query *query, struct s2c_buf *out);

/* "denied by RULE: CODE: REASON" or "allowed by RULE", with what was decided before. */
void s2c_explain_verdict(
	struct s2c_buf *out, const char *what, const struct s2c_verdict *verdict);

/* Appends a line for every difference; true if there is none. */
bool s2c_rules_diff(const struct s2c_rules *before, const struct s2c_rules *after,
	struct s2c_buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gate's policy share: see rules.h. */
#ifndef S2C_POLICY_RULES_IMPL_H
#define S2C_POLICY_RULES_IMPL_H

#include "policy/rules.h"

/* What holds if the file does not say it. */
#define S2C_RULES_CONNECTIONS 128
#define S2C_RULES_CONNECTIONS_PER_USER 16
#define S2C_RULES_CONTAINERS 32
#define S2C_RULES_HEADER_TIMEOUT 10 /* seconds */
#define S2C_RULES_AUDIT_MAX (100ull * 1024 * 1024)

void s2c_values_release(struct s2c_rules_values *values);
/* Deep; `to` is overwritten. */
void s2c_values_copy(const struct s2c_rules_values *from, struct s2c_rules_values *to);

/* Sets a value from its node in the file; on failure the old one stays. */
S2C_CHECK int s2c_value_set(const struct s2c_value_field *field,
	const struct s2c_json *node, struct s2c_rules_values *values,
	struct s2c_error **err);
/* Fills `values` with what holds without a file. */
void s2c_values_defaults(struct s2c_rules_values *values);

/* "64Mi" or "64m": a size with its unit. */
S2C_CHECK int s2c_rules_size(
	const struct s2c_json *node, uint64_t *out, struct s2c_error **err);
/* "10s", "30m", "24h" or "7d" as seconds. */
S2C_CHECK int s2c_rules_seconds(
	const struct s2c_json *node, uint64_t *out, struct s2c_error **err);
/* A whole number from min to max. */
S2C_CHECK int s2c_rules_count(const struct s2c_json *node, uint64_t min, uint64_t max,
	uint64_t *out, struct s2c_error **err);
/* The index of a word in an array ended by NULL. */
S2C_CHECK int s2c_rules_word(const struct s2c_json *node, const char *const *words,
	uint32_t *out, struct s2c_error **err);
/* A name of a network as engines take it, but for those that are none of their own. */
S2C_CHECK int s2c_rules_network_name(const char *name, struct s2c_error **err);

/* Policy with defaults and nothing allowed. */
struct s2c_rules *s2c_rules_new(void);

#endif

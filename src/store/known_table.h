/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of the file "known": what store/known.h promises, without a file. Pure,
 * time comes from the caller. No other room includes it.
 */
#ifndef S2C_STORE_KNOWN_TABLE_H
#define S2C_STORE_KNOWN_TABLE_H

#include "store/known.h"

/* A layer's content and a blob that it comes out of. */
struct s2c_known_form_entry {
	int64_t when; /* milliseconds since 1970 */
	struct s2c_digest diff_id;
	struct s2c_known_form form;
};

/* A blob and a repository that has it. */
struct s2c_known_place_entry {
	int64_t when;
	struct s2c_digest digest;
	char *registry, *repository;
};

struct s2c_known_table {
	struct s2c_known_form_entry *forms;
	size_t n_forms, forms_cap;
	struct s2c_known_place_entry *places;
	size_t n_places, places_cap;
};
void s2c_known_table_release(struct s2c_known_table *table);
#define CLEAN_KNOWN_TABLE CLEAN(s2c_known_table_release)

/* What is noted at once; equal for all that is put or dropped with it. */
struct s2c_known_place {
	const struct s2c_digest *digest;
	const char *registry, *repository;
};

/*
 * Puts an entry in, or makes one that is there as young as `when`. True if that is worth
 * writing: one that is less than a day older than `when` does not count as changed.
 */
bool s2c_known_put_form(struct s2c_known_table *table, int64_t when,
	const struct s2c_digest *diff_id, const struct s2c_known_form *form);
bool s2c_known_put_place(
	struct s2c_known_table *table, int64_t when, const struct s2c_known_place *place);
/* True if it was there. */
bool s2c_known_drop_place(
	struct s2c_known_table *table, const struct s2c_known_place *place);

/* Drops the oldest above the maxima of store/known.h. */
void s2c_known_bound(struct s2c_known_table *table);
/* Drops what `keep` does not want. True if that was anything. */
bool s2c_known_filter(
	struct s2c_known_table *table, const struct s2c_known_filter *filter);

/*
 * Reads the text of the file; entries from the future are of `now`. S2C_EPROTO for
 * anything that s2c_known_print() does not write, S2C_ELIMIT above twice the maxima.
 * *table must be zeroed.
 */
S2C_CHECK int s2c_known_parse(const char *text, size_t len, int64_t now,
	struct s2c_known_table *table, struct s2c_error **err);
/* The text; `buf` must have room for S2C_KNOWN_BYTES_MAX. */
void s2c_known_print(const struct s2c_known_table *table, struct s2c_buf *buf);

#endif

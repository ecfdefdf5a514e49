/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine has told about the files of an image. An image's id is a digest of its
 * content, so what was true once stays true; and each question costs an engine the mount
 * of a file system, or a process.
 *
 * It lives in "engine/<hex of the id>" below the store, a directory of the user's alone
 * (0700): what stands there takes part in deciding which user a build has. Another
 * engine's word does not count, and neither does a file that is damaged, too large or
 * somebody else's: it is as if there were none. What cannot be written is forgotten.
 */
#ifndef S2C_STORE_FACTS_H
#define S2C_STORE_FACTS_H

#include "store/store.h"

#define S2C_FACTS_BYTES_MAX S2C_JSON_BYTES_MAX /* of the file */
#define S2C_FACTS_FILES_MAX 8
#define S2C_FACTS_FILE_MAX (1024u * 1024) /* bytes of a text */
#define S2C_FACTS_PATHS_MAX 256
#define S2C_FACTS_PATH_MAX 4095 /* bytes */

struct s2c_facts;

/* What is known of image `id`, by the word of `engine`. ctx and store must outlive it. */
struct s2c_facts *s2c_facts_open(struct s2c_ctx *ctx, struct s2c_store *store,
	const char *engine, const struct s2c_digest *id);
/* Writes it, if something was noted that was not there. NULL is fine. */
void s2c_facts_close(struct s2c_facts *facts);
S2C_DEFINE_CLEAN(facts, struct s2c_facts *, s2c_facts_close)
#define CLEAN_FACTS CLEAN(s2c_clean_facts)

/* The text of a file. */
struct s2c_facts_file {
	bool there;
	const char *text; /* NUL behind it; borrowed from the facts */
	size_t len;
};
bool s2c_facts_find_file(
	const struct s2c_facts *facts, const char *path, struct s2c_facts_file *out);
/* Copies the text. Beyond a limit, or for an odd path, nothing is noted. */
void s2c_facts_note_file(
	struct s2c_facts *facts, const char *path, const struct s2c_facts_file *file);

/* What a path is, no link followed at its end. */
struct s2c_facts_path {
	bool there;
	uint32_t mode; /* bits as the engine has them */
	uint64_t size;
	const char *target; /* of a link, absolute; NULL: none. Borrowed from the facts */
};
bool s2c_facts_find_path(
	const struct s2c_facts *facts, const char *path, struct s2c_facts_path *out);
void s2c_facts_note_path(
	struct s2c_facts *facts, const char *path, const struct s2c_facts_path *look);

/* For prune: forgets everything. Best effort as all the rest. */
void s2c_facts_prune(struct s2c_ctx *ctx, struct s2c_store *store);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries and documents on their way into an image, looked through for secrets: nothing
 * that is recognised (codec/needles.h) passes, be it in a file's data, a name, the target
 * of a link, an attribute, or a string of a configuration.
 */
#ifndef S2C_CODEC_GUARD_H
#define S2C_CODEC_GUARD_H

#include "codec/entry.h"
#include "codec/json.h"
#include "codec/needles.h"

/*
 * Hands on all of `entries` (owned) and fails with S2C_EDENIED, naming the secret and the
 * path in the image but nothing of the content, as soon as there is some of a secret.
 * Data that the caller skips is read and looked through all the same. `needles` is
 * borrowed and must outlive it.
 */
struct s2c_entries *s2c_entries_guard(
	struct s2c_entries *entries, const struct s2c_needles *needles);

/* The same for all keys and strings of a document; `where` names it ("its config"). */
S2C_CHECK int s2c_json_guard(const struct s2c_json *node,
	const struct s2c_needles *needles, const char *where, struct s2c_error **err);

#endif

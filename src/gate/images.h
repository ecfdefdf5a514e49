/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images on the engine, as far as a client may know of them: builder images of its
 * policy, and what it committed itself.
 */
#ifndef S2C_GATE_IMAGES_H
#define S2C_GATE_IMAGES_H

#include "gate/session.h"

struct s2c_gate_image {
	char id[72];                            /* "sha256:..." */
	char name[S2C_REFERENCE_MAX + 1];       /* as it is called on the engine, or "" */
	const struct s2c_rule_builder *builder; /* by which it is allowed, or NULL */
	bool own;
	struct s2c_json *inspect; /* what the engine says of it */
};
void s2c_gate_image_release(struct s2c_gate_image *image);
#define CLEAN_GATE_IMAGE CLEAN(s2c_gate_image_release)

/*
 * The image that a client means by a name or an id. IMAGE_NOT_ALLOWED and NOT_FOUND say
 * the same about what is not there and what is another one's.
 */
S2C_CHECK int s2c_gate_image_find(struct s2c_session *session, const char *what,
	struct s2c_gate_image *out, struct s2c_error **err);

/*
 * The one spelling of a reference: with the registry and the "library" that engines add
 * to short names. `out` has S2C_REFERENCE_MAX + 1 bytes.
 */
void s2c_gate_canonical(const struct s2c_reference *ref, char *out);

/* Of an id "sha256:<hex>" or "<hex>" the former; false for anything else. */
bool s2c_gate_image_id(const char *text, char out[72]);

#endif

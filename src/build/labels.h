/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels with which a builder image tells its wishes, those that S2I gives an image,
 * and those that a build leaves behind in /tmp/.s2i/image_metadata.json. Pure.
 */
#ifndef S2C_BUILD_LABELS_H
#define S2C_BUILD_LABELS_H

#include "image/config.h"
#include "source/source.h"

#define S2C_LABEL_PREFIX "io.openshift.s2i."
#define S2C_LABEL_PREFIX_OLD "io.s2i."
#define S2C_LABEL_SCRIPTS_URL "scripts-url"
#define S2C_LABEL_DESTINATION "destination"
#define S2C_LABEL_ASSEMBLE_USER "assemble-user"
#define S2C_LABEL_ASSEMBLE_RUNTIME_USER "assemble-runtime-user"
#define S2C_LABEL_ASSEMBLE_INPUT_FILES "assemble-input-files"

/* What a build was told by options, for the next one of the same image. */
#define S2C_LABEL_TOLD_PREFIX "io.s2c.build."
#define S2C_LABEL_TOLD_SCRIPTS_URL S2C_LABEL_TOLD_PREFIX "scripts-url"
#define S2C_LABEL_TOLD_DESTINATION S2C_LABEL_TOLD_PREFIX "destination"
#define S2C_LABEL_TOLD_USER S2C_LABEL_TOLD_PREFIX "assemble-user"
#define S2C_LABEL_TOLD_RUNTIME S2C_LABEL_TOLD_PREFIX "runtime-image"
#define S2C_LABEL_TOLD_ARTIFACTS S2C_LABEL_TOLD_PREFIX "runtime-artifacts"
#define S2C_LABEL_TOLD_RUNTIME_USER S2C_LABEL_TOLD_PREFIX "assemble-runtime-user"

#define S2C_IMAGE_METADATA_DIR "/tmp/.s2i"
#define S2C_IMAGE_METADATA_PATH S2C_IMAGE_METADATA_DIR "/image_metadata.json"
#define S2C_IMAGE_METADATA_MAX (1024u * 1024) /* bytes */
#define S2C_ANNOTATIONS_BYTES_MAX 65536       /* sum of key and value bytes */

/*
 * A label of a builder image by its name behind the prefix: "io.openshift.s2i.<name>",
 * else "io.s2i.<name>". NULL when neither is there or both are empty. *out_key (may be
 * NULL) is "label '<key>'", a static string for messages. Both borrowed.
 */
const char *s2c_builder_label(
	const struct s2c_config *config, const char *name, const char **out_key);

struct s2c_label_facts {
	const char *builder_name;
	const char *tag;              /* as the user typed it; NULL: none */
	const char *application_name; /* for people, instead of it; NULL: none */
	const char *description;      /* NULL: that of the builder image */
	const struct s2c_source_info *source;
	/* Options; NULL: not given. Several artifacts have ';' between. */
	const char *scripts_url, *destination, *assemble_user;
	const char *runtime_image, *runtime_artifacts, *assemble_runtime_user;
};

/*
 * Sets io.openshift.s2i.build.*, io.s2c.build.*, io.k8s.display-name and
 * io.k8s.description. What a builder image that was built itself says of its own build is
 * emptied where there is nothing to put in its place.
 */
void s2c_labels_generate(struct s2c_config *config, const struct s2c_label_facts *facts);

/* Labels that `config` has and `base` has not, or not so, as KEY=VALUE; appended. */
void s2c_labels_new(const struct s2c_config *config, const struct s2c_config *base,
	struct s2c_strv *out);

/*
 * Sets labels that a user wrote as "KEY=VALUE" (NULL-terminated, or NULL); later ones
 * win. S2C_EINVAL for one without "=" or key, for blanks and control characters in a key,
 * and for what is not UTF-8. config may be NULL, then they are only checked.
 */
S2C_CHECK int s2c_labels_add(
	struct s2c_config *config, const char *const *labels, struct s2c_error **err);

/*
 * Annotations of a manifest in the same form, with the same rules, as an object; NULL
 * when there are none. S2C_ELIMIT beyond S2C_ANNOTATIONS_BYTES_MAX. Caller frees *out.
 */
S2C_CHECK int s2c_annotations_make(
	const char *const *annotations, struct s2c_json **out, struct s2c_error **err);

/*
 * Merges {"labels":[{"key":"value"},...]} of a script; S2C_EINVAL for another shape.
 */
S2C_CHECK int s2c_labels_merge_metadata(
	struct s2c_config *config, const char *text, size_t len, struct s2c_error **err);

/* S2C_ELIMIT when keys and values add up to more than S2C_LABELS_BYTES_MAX bytes. */
S2C_CHECK int s2c_labels_check(const struct s2c_config *config, struct s2c_error **err);

#endif

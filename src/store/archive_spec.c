/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text forms of places that images are saved to and loaded from. Pure parsing.
 */
#include <ctype.h>

#include "store/archive.h"

static const struct {
	const char *prefix;
	enum s2c_archive_kind kind;
} kinds[] = {
	{"oci:", S2C_ARCHIVE_OCI_DIR},
	{"oci-archive:", S2C_ARCHIVE_OCI},
	{"docker-archive:", S2C_ARCHIVE_DOCKER},
};

/* What the image-spec allows in a ref.name, which other tools rely on. */
static bool valid_tag(const char *tag)
{
	size_t len = strlen(tag);

	if (len == 0 || len > S2C_REFERENCE_MAX || !isalnum((unsigned char)tag[0]))
		return false;
	for (const char *p = tag; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-._:@/+", *p))
			return false;
	}
	return true;
}

static int check_tag(const char *text, enum s2c_archive_kind kind, const char *tag,
	struct s2c_error **err)
{
	struct s2c_reference ref;

	if (kind == S2C_ARCHIVE_DOCKER) {
		if (s2c_reference_parse(tag, &ref, err) < 0)
			return s2c_wrap(err, "'%s'", text);
		if (!ref.tag[0])
			return s2c_fail(err, S2C_EINVAL,
				"'%s': a docker-archive takes a name with a tag, no "
				"digest",
				text);
		return 0;
	}
	if (!valid_tag(tag))
		return s2c_fail(err, S2C_EINVAL,
			"'%s': the tag must begin with a letter or digit and have only "
			"those "
			"and any of - . _ : @ / +",
			text);
	return 0;
}

int s2c_archive_spec_parse(
	const char *text, struct s2c_archive_spec *out, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *rest = text + strlen(kinds[i].prefix);
		const char *colon;

		if (!starts_with(text, kinds[i].prefix))
			continue;
		colon = strchr(rest, ':');
		if (*rest == '\0' || colon == rest)
			return s2c_fail(err, S2C_EINVAL, "'%s': a path is missing", text);
		if (colon && check_tag(text, kinds[i].kind, colon + 1, err) < 0)
			return -1;
		*out = (struct s2c_archive_spec){
			.kind = kinds[i].kind,
			.path = colon ? xstrndup(rest, (size_t)(colon - rest))
				      : xstrdup(rest),
			.tag = colon ? xstrdup(colon + 1) : NULL,
		};
		return 0;
	}
	return s2c_fail(err, S2C_EINVAL,
		"'%s' is none of oci:DIR[:TAG], oci-archive:FILE[:TAG] and "
		"docker-archive:FILE[:NAME:TAG]",
		text);
}

void s2c_archive_spec_release(struct s2c_archive_spec *spec)
{
	free(spec->path);
	free(spec->tag);
	*spec = (struct s2c_archive_spec){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which platform an image is for, and whether this host runs its programs: those of its
 * own architecture, and those that the kernel hands to an interpreter (binfmt_misc) which
 * needs no file of the image.
 */
#ifndef S2C_BUILD_PLATFORM_H
#define S2C_BUILD_PLATFORM_H

#include "image/config.h"

#define S2C_PLATFORM_TEXT 100
#define S2C_BINFMT_ENTRY_MAX 4096 /* bytes of a file below binfmt_misc */
#define S2C_BINFMT_ENTRIES_MAX 1000

/*
 * What --platform asks for: *out is `room`, or NULL when `text` is. S2C_EINVAL for what
 * is no platform.
 */
S2C_CHECK int s2c_platform_option(const char *text, struct s2c_platform *room,
	const struct s2c_platform **out, struct s2c_error **err);

/* "linux/arm64[/v8]" for people; returns out. */
const char *s2c_platform_text(
	const struct s2c_platform *platform, char out[S2C_PLATFORM_TEXT]);

/*
 * True if an image is for a platform: operating system and architecture are equal, and so
 * is the variant if both name one. A NULL platform, and a config that names no
 * architecture, fit always.
 */
bool s2c_platform_serves(
	const struct s2c_platform *platform, const struct s2c_config *config);

/*
 * True if this entry of binfmt_misc (as the kernel shows it) takes programs of an
 * architecture and was registered with its interpreter opened ("F"). Pure.
 */
bool s2c_binfmt_takes(const char *entry, const char *architecture);

/*
 * S2C_EUNSUPPORTED with a remedy when the programs of an image cannot run here. `name`
 * is that of the image.
 */
S2C_CHECK int s2c_platform_check_host(
	const struct s2c_config *config, const char *name, struct s2c_error **err);

#endif

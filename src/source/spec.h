/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of a source argument: standard input, a path, a URL, "[user@]host:path",
 * each but the first with "#ref" or "#ref:subdir". Pure: whether a path exists is not
 * known here. What git will see is rebuilt from checked parts, so that neither options
 * nor other transports can be smuggled in (CVE-2017-1000117, 2018-17456, 2019-13139).
 */
#ifndef S2C_SOURCE_SPEC_H
#define S2C_SOURCE_SPEC_H

#include <stdbool.h>

#include "util/error.h"

#define S2C_SOURCE_REF_MAX 255 /* bytes of a ref */

enum s2c_spec_form {
	S2C_SPEC_STDIN, /* "-" */
	S2C_SPEC_PATH,  /* also "file:" URLs */
	S2C_SPEC_URL,   /* https, http, ssh, git */
	S2C_SPEC_SCP,   /* "[user@]host:path" */
};

struct s2c_spec {
	enum s2c_spec_form form;
	const char *scheme; /* "https", "http", "ssh", "git", "file"; static string */
	/*
	 * PATH: the path without fragment. URL: for git, without userinfo but the login
	 * name of ssh, and without fragment. SCP: as it is, without fragment. STDIN: "-".
	 */
	char *address;
	char *userinfo; /* of http and https, percent-decoded "user:password"; or NULL */
	char *ref;      /* of the fragment, or NULL */
	char *subdir;   /* of the fragment, or NULL */
};

/*
 * S2C_EINVAL with one sentence that never shows a secret: control characters, blanks in
 * URLs, unknown schemes, hosts, users or refs that begin with "-", malformed escapes.
 */
S2C_CHECK int s2c_spec_parse(
	const char *text, struct s2c_spec *out, struct s2c_error **err);
void s2c_spec_release(struct s2c_spec *spec);
#define CLEAN_SPEC CLEAN(s2c_spec_release)

/*
 * Checks a branch, tag or commit id by the rules of git-check-ref-format(1), so that it
 * is neither an option nor a revision expression. `origin` is for the message.
 */
S2C_CHECK int s2c_spec_check_ref(
	const char *ref, const char *origin, struct s2c_error **err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One script out of a scripts URL. A URL of the user may name anything; one of an image
 * label may not name files of this host, nor servers of this host or its private networks
 * by address: the image is not trusted with what only we can reach.
 */
#ifndef S2C_BUILD_SCRIPTS_URL_H
#define S2C_BUILD_SCRIPTS_URL_H

#include "build/scripts.h"

#define S2C_SCRIPT_URL_IMAGE "image://"

struct s2c_script_url {
	const char *base; /* "image:///dir", "file:///dir", "http(s)://host/dir" */
	bool trusted;     /* it was the user who named it */
	const char *ca_file;
	bool dry_run; /* do not download: assume it is there */
};

/*
 * Looks for `name` below the URL. Found: item->found, item->url, and either item->path
 * (image://) or item->body. Not there: success with nothing set. S2C_EINVAL for other
 * kinds of URL, S2C_EDENIED for those an image may not name.
 */
S2C_CHECK int s2c_script_url_get(struct s2c_ctx *ctx, const struct s2c_script_url *url,
	const char *name, struct s2c_script_source *item, struct s2c_error **err);

#endif

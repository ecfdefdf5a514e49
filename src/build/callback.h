/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling somebody that a build is over, as S2I does: a POST of
 * {"labels":{...},"success":true} and a newline.
 */
#ifndef S2C_BUILD_CALLBACK_H
#define S2C_BUILD_CALLBACK_H

#include "codec/json.h"
#include "util/ctx.h"

#define S2C_CALLBACK_TRIES 3
#define S2C_CALLBACK_SECONDS 30       /* for all tries together */
#define S2C_CALLBACK_TRY_SECONDS 10   /* for one */
#define S2C_CALLBACK_ANSWER_MAX 65536 /* bytes; nobody reads it */

struct s2c_callback {
	const char *url;
	const struct s2c_json *labels; /* object, or NULL; left out when empty */
	bool success;
	const char *ca_file; /* trusted besides the system's; NULL */
	bool insecure_tls;
};

/* S2C_EINVAL unless it is NULL or a URL that can be told of a build. */
S2C_CHECK int s2c_callback_check(const char *url, struct s2c_error **err);

/*
 * Sends it, again after failures of the network and of the server, within
 * S2C_CALLBACK_SECONDS, whether ctx is cancelled or not. That it was in vain is a
 * warning.
 */
void s2c_callback_send(struct s2c_ctx *ctx, const struct s2c_callback *callback);

#endif

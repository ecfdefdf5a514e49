/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the http client.
 */
#ifndef S2C_HTTP_CLIENT_IMPL_H
#define S2C_HTTP_CLIENT_IMPL_H

#include "http/url.h"

/*
 * The error for a CURLcode of a transfer with `url`; `detail` is curl's error buffer.
 * Always -1.
 */
int s2c_http_explain(
	int rc, const struct s2c_url *url, const char *detail, struct s2c_error **err);

/* True if curl's words about a failed handshake mean that the peer speaks no TLS. */
bool s2c_http_says_no_tls(const char *detail);

#endif

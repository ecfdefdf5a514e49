/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of http1 share; nobody else includes it. */
#ifndef S2C_HTTP_HTTP1_IMPL_H
#define S2C_HTTP_HTTP1_IMPL_H

#include "http/http1.h"

/* Where a parse reports to, so that each refusal is one line. */
struct s2c_http1_report {
	enum s2c_http1_fault *fault; /* may be NULL */
	struct s2c_error **err;
};

/* Sets fault and error; S2C_ELIMIT for TOO_LARGE, else S2C_EPROTO. Always -1. */
int s2c_http1_refuse(struct s2c_http1_report report, enum s2c_http1_fault fault,
	const char *fmt, ...) S2C_PRINTF(3, 4);
#define s2c_http1_refuse(...) s2c_failed(s2c_http1_refuse(__VA_ARGS__))

/* Borrowed bytes of a head. */
struct s2c_http1_span {
	const char *at;
	size_t len;
};

/* A request-target into path and query of *out, which are filled in any case. */
S2C_CHECK int s2c_http1_target_parse(struct s2c_http1_span target,
	struct s2c_http1_request *out, struct s2c_http1_report report);

void s2c_http1_query_release(struct s2c_http1_query *query);

#endif

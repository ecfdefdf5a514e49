/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the http room: the lanes of a client. Each is a curl multi handle with the
 * connections that it keeps, and carries one transfer at a time. So several threads share
 * a client and its settings without waiting for each other, and one thread that makes one
 * request after the other stays on one connection.
 */
#ifndef S2C_HTTP_CLIENT_LANE_H
#define S2C_HTTP_CLIENT_LANE_H

#include <curl/curl.h>

#include "util/ctx.h"

struct s2c_lane {
	CURLM *multi; /* owns the connections */
	CURL *easy;   /* a fresh one for each transfer */
	struct s2c_lane *next;
};

struct s2c_lanes {
	struct s2c_monitor *lock;
	struct s2c_lane *idle; /* the one used last comes first */
};

void s2c_lanes_init(struct s2c_lanes *lanes);
/* All lanes must have been given back. */
void s2c_lanes_release(struct s2c_lanes *lanes);

/* A lane for one exchange, which is to be given back; never NULL. */
struct s2c_lane *s2c_lane_take(struct s2c_lanes *lanes);
void s2c_lane_give(struct s2c_lanes *lanes, struct s2c_lane *lane);

/* A new handle for one transfer, which is the lane's. */
CURL *s2c_lane_renew(struct s2c_lane *lane);

/*
 * Runs the lane's handle to its end, under ctx: 0 with *out_result and curl's words about
 * it in `detail` (CURL_ERROR_SIZE bytes, "" so far); -1 when the context ended.
 */
S2C_CHECK int s2c_lane_run(struct s2c_ctx *ctx, struct s2c_lane *lane, char *detail,
	CURLcode *out_result, struct s2c_error **err);

/*
 * The same for a handle that only connects: it stays with the lane, and what is connected
 * can be used, until s2c_lane_hang_up().
 */
S2C_CHECK int s2c_lane_connect(struct s2c_ctx *ctx, struct s2c_lane *lane, char *detail,
	CURLcode *out_result, struct s2c_error **err);
void s2c_lane_hang_up(struct s2c_lane *lane);

#endif

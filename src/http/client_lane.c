/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All waiting of transfers: curl_multi_poll with the context's cancel fd beside curl's
 * own, and the deadline as timeout.
 */
#include "http/client_lane.h"

#include "util/mem.h"
#include "util/pool.h"

void s2c_lanes_init(struct s2c_lanes *lanes)
{
	*lanes = (struct s2c_lanes){.lock = s2c_monitor_new()};
}

void s2c_lanes_release(struct s2c_lanes *lanes)
{
	while (lanes->idle) {
		struct s2c_lane *lane = lanes->idle;

		lanes->idle = lane->next;
		curl_easy_cleanup(lane->easy);
		curl_multi_cleanup(lane->multi);
		free(lane);
	}
	s2c_monitor_free(lanes->lock);
	lanes->lock = NULL;
}

struct s2c_lane *s2c_lane_take(struct s2c_lanes *lanes)
{
	s2c_monitor_enter(lanes->lock);
	struct s2c_lane *lane = lanes->idle;
	if (lane)
		lanes->idle = lane->next;
	s2c_monitor_leave(lanes->lock);
	if (!lane) {
		lane = xcalloc(1, sizeof(*lane));
		lane->multi = s2c_must(curl_multi_init());
	}
	return lane;
}

void s2c_lane_give(struct s2c_lanes *lanes, struct s2c_lane *lane)
{
	s2c_monitor_enter(lanes->lock);
	lane->next = lanes->idle;
	lanes->idle = lane;
	s2c_monitor_leave(lanes->lock);
}

/* After a failed connect curl 7.88 keeps buffers that a reset does not let go. */
CURL *s2c_lane_renew(struct s2c_lane *lane)
{
	curl_easy_cleanup(lane->easy);
	lane->easy = s2c_must(curl_easy_init());
	return lane->easy;
}

static int run_to_end(struct s2c_ctx *ctx, struct s2c_lane *lane, CURLcode *out_result,
	struct s2c_error **err)
{
	struct curl_waitfd cancel = {
		.fd = s2c_ctx_cancel_fd(ctx), .events = CURL_WAIT_POLLIN};
	CURLMsg *msg;
	int running = 1, left;

	while (running) {
		CURLMcode mc = curl_multi_perform(lane->multi, &running);
		if (mc == CURLM_OK && running) {
			int ms = s2c_ctx_remaining_ms(ctx);
			if (ms < 0 || ms > 1000)
				ms = 1000;
			if (s2c_ctx_check(ctx, err) < 0)
				return -1;
			mc = curl_multi_poll(
				lane->multi, &cancel, cancel.fd >= 0 ? 1 : 0, ms, NULL);
		}
		if (mc != CURLM_OK)
			return s2c_fail(err, S2C_EIO, "transfer loop: %s",
				curl_multi_strerror(mc));
	}
	*out_result = CURLE_FAILED_INIT;
	while ((msg = curl_multi_info_read(lane->multi, &left)))
		if (msg->msg == CURLMSG_DONE && msg->easy_handle == lane->easy)
			*out_result = msg->data.result;
	return 0;
}

int s2c_lane_connect(struct s2c_ctx *ctx, struct s2c_lane *lane, char *detail,
	CURLcode *out_result, struct s2c_error **err)
{
	if (curl_easy_setopt(lane->easy, CURLOPT_ERRORBUFFER, detail) != CURLE_OK ||
		curl_multi_add_handle(lane->multi, lane->easy) != CURLM_OK)
		return s2c_fail(err, S2C_EIO, "cannot start a transfer");
	int rc = run_to_end(ctx, lane, out_result, err);
	/* The handle must not point at the caller's frame any more. */
	(void)curl_easy_setopt(lane->easy, CURLOPT_ERRORBUFFER, NULL);
	return rc;
}

void s2c_lane_hang_up(struct s2c_lane *lane)
{
	if (lane->easy)
		(void)curl_multi_remove_handle(lane->multi, lane->easy);
}

int s2c_lane_run(struct s2c_ctx *ctx, struct s2c_lane *lane, char *detail,
	CURLcode *out_result, struct s2c_error **err)
{
	int rc = s2c_lane_connect(ctx, lane, detail, out_result, err);

	s2c_lane_hang_up(lane);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's bytes all the way to an ask: head, route, body. Whatever comes out can be
 * sent to the core and arrives as the same; whatever does not is refused with a code and
 * a detail that can be sent as well.
 */
#include <stdint.h>

#include "gate/filter.h"
#include "gate/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sent(const struct s2c_gate_ask *ask)
{
	CLEAN_GATE_ASK struct s2c_gate_ask again = {0};
	CLEAN_BUF struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);
	CLEAN_BUF struct s2c_buf twice = S2C_BUF_INIT(S2C_GATE_ASK_MAX);

	if (s2c_gate_ask_encode(ask, &bytes, NULL) < 0 ||
		s2c_gate_ask_decode(bytes.data, bytes.len, &again, NULL) < 0 ||
		s2c_gate_ask_encode(&again, &twice, NULL) < 0 || bytes.len != twice.len ||
		memcmp(bytes.data, twice.data, bytes.len) != 0)
		abort();
}

static void check_refusal(struct s2c_gate_ask *ask, enum s2c_gate_code code)
{
	struct s2c_gate_ask no = {.op = S2C_GATE_REFUSED,
		.refused = code,
		.detail = ask->detail,
		.method = ask->method,
		.path = ask->path};

	if (code == S2C_GATE_OK || code >= S2C_GATE_CODES || !ask->detail)
		abort();
	check_sent(&no);
}

/* The same as a build's own gate reads it. */
static void filter_own(enum s2c_gate_body body, const struct s2c_http1_request *request,
	const char *text, size_t len)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	enum s2c_gate_code code = S2C_GATE_OK;
	enum s2c_gate_body again;

	if (s2c_gate_route(request, &ask, &again, &code, NULL) < 0)
		abort();
	if (s2c_gate_filter(body == S2C_GATE_BODY_CREATE ? S2C_GATE_BODY_CREATE_OWN
							 : S2C_GATE_BODY_COMMIT_OWN,
		    text, len, &ask, &code, NULL) < 0)
		check_refusal(&ask, code);
	else
		check_sent(&ask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	ssize_t head = s2c_http1_head_end(text, size, S2C_HTTP1_REQUEST_MAX, NULL, NULL);
	CLEAN_HTTP1_REQUEST struct s2c_http1_request request = {0};
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	enum s2c_gate_code code = S2C_GATE_OK;
	enum s2c_gate_body body = S2C_GATE_NO_BODY;

	if (head <= 0 ||
		s2c_http1_request_parse(text, (size_t)head, &request, NULL, NULL) < 0)
		return 0;
	if (s2c_gate_route(&request, &ask, &body, &code, NULL) < 0) {
		check_refusal(&ask, code);
		return 0;
	}
	if (body == S2C_GATE_BODY_CREATE || body == S2C_GATE_BODY_COMMIT)
		filter_own(body, &request, text + head, size - (size_t)head);
	if ((body == S2C_GATE_BODY_CREATE || body == S2C_GATE_BODY_COMMIT) &&
		s2c_gate_filter(
			body, text + head, size - (size_t)head, &ask, &code, NULL) < 0) {
		check_refusal(&ask, code);
		return 0;
	}
	check_sent(&ask);
	return 0;
}

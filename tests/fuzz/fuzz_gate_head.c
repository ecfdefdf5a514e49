/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the head of an answer, or a grant, from the core: taken only if they are
 * written the same way again, and a head that is taken is a head of HTTP or refused.
 */
#include <stdint.h>

#include "gate/wire.h"
#include "http/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {0};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_HTTP1_RESPONSE_MAX);
	CLEAN_HTTP1_RESPONSE struct s2c_http1_response response = {0};
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_gate_grant grant;

	if (s2c_gate_grant_decode(data, size, &grant, NULL) == 0 && size != 40)
		abort();
	if (s2c_gate_head_decode(data, size, &head, &err) < 0) {
		if (!err || head.headers.items)
			abort();
		return 0;
	}
	if (head.status < 100 || head.status > 599 || head.follow >= S2C_FOLLOWS)
		abort();
	if (s2c_http1_write_response(&text, (int)head.status, &head.headers, NULL) < 0)
		return 0;
	/* No header of it is two, and none is another one's framing. */
	if (s2c_http1_response_parse(text.data, text.len,
		    (struct s2c_http1_asked){.method = S2C_HTTP1_POST, .upgrade = true},
		    &response, NULL, NULL) == 0 &&
		response.headers.len != head.headers.len)
		abort();
	return 0;
}

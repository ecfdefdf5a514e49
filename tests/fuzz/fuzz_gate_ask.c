/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an ask of a worker. What is taken is written the same way again, and has
 * what handlers count on.
 */
#include <stdint.h>

#include "gate/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_BUF struct s2c_buf again = S2C_BUF_INIT(S2C_GATE_ASK_MAX);
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (size > S2C_GATE_ASK_MAX)
		return 0;
	if (s2c_gate_ask_decode(data, size, &ask, &err) < 0) {
		if (s2c_error_code(err) != S2C_EPROTO || ask.method || ask.env.items)
			abort();
		return 0;
	}
	if (ask.op >= S2C_GATE_OPS || ask.labels.len % 2 ||
		(ask.op != S2C_GATE_REFUSED && !ask.method))
		abort();
	if (s2c_gate_ask_encode(&ask, &again, NULL) < 0 || again.len != size ||
		memcmp(again.data, data, size) != 0)
		abort();
	return 0;
}

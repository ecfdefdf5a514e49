/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of JSON objects, one after the other, with white space between them or not:
 * what engines send while they pull or push. It is no list of lines.
 */
#ifndef S2C_CODEC_JSON_VALUES_H
#define S2C_CODEC_JSON_VALUES_H

#include "codec/json.h"
#include "util/stream.h"

#define S2C_JSON_VALUE_MAX (256u * 1024) /* bytes of one object */
#define S2C_JSON_VALUES_MAX 2000000      /* objects of a stream */

/* Takes one object; an error ends the stream with it. */
typedef int s2c_json_value_fn(
	void *self, const struct s2c_json *object, struct s2c_error **err);

/*
 * A writer that parses what is written. Anything but an object is S2C_EPROTO, larger or
 * more ones are S2C_ELIMIT. finish fails (S2C_EPROTO) inside of an object.
 */
struct s2c_writer *s2c_json_values(s2c_json_value_fn *take, void *self);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict TOML 1.0 in, as the tree of codec/json.h, so that one kind of validator serves
 * both: tables become objects, arrays of tables arrays of objects. It is what programs
 * around containers are configured in; s2c never writes it.
 *
 * Not supported, each with an error of its own: dates and times, inf and nan, NUL in
 * strings. A table that dotted keys meet must have been made by dotted keys of the same
 * section; the specification leaves that open and other readers differ.
 */
#ifndef S2C_CODEC_TOML_H
#define S2C_CODEC_TOML_H

#include "codec/json.h"

#define S2C_TOML_BYTES_MAX (1024u * 1024)
#define S2C_TOML_DEPTH_MAX 16
#define S2C_TOML_NODES_MAX 10000

/*
 * Parses one document; *out is an object and belongs to the caller (s2c_json_free).
 * S2C_EPROTO names the line, S2C_EUNSUPPORTED the line and what is not supported,
 * S2C_ELIMIT the limit. Limits of 0 are the ones above; keys are never folded.
 */
S2C_CHECK int s2c_toml_parse(const char *text, size_t len, struct s2c_json_limits limits,
	struct s2c_json **out, struct s2c_error **err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict subset of YAML in, as the tree of codec/json.h, so that one kind of validator
 * serves both. It is what people write policies in; s2c never writes it. This is the only
 * module that knows libyaml.
 *
 * One document in UTF-8, without directives, anchors, aliases, tags and merge keys, with
 * each key once, in lines that end with LF or CR LF, without tabs. Keys are strings,
 * plain or quoted. Of plain scalars in one line
 *
 *     true false                     are booleans
 *     -?(0|[1-9][0-9]{0,15})         are integers
 *     null ~ and nothing at all      are null
 *
 * and everything else is a string, as is everything in quotes: yes, on, 0777, 1_000,
 * 1:30, 1.5 and .inf too, which readers of YAML 1.1 and 1.2 take for this and that. So a
 * validator that wants a boolean refuses "yes" instead of guessing.
 */
#ifndef S2C_CODEC_YAML_H
#define S2C_CODEC_YAML_H

#include "codec/json.h"

#define S2C_YAML_BYTES_MAX (1024u * 1024)
#define S2C_YAML_DEPTH_MAX 16
#define S2C_YAML_NODES_MAX 20000
#define S2C_YAML_MEMBERS_MAX 1000 /* of one mapping */

/*
 * Parses one document; *out is any value and belongs to the caller (s2c_json_free).
 * S2C_EPROTO "line L, column C: ..." (columns count characters), S2C_ELIMIT names the
 * limit. Limits of 0 are the ones above; keys are never folded.
 */
S2C_CHECK int s2c_yaml_parse(const char *text, size_t len, struct s2c_json_limits limits,
	struct s2c_json **out, struct s2c_error **err);

#endif

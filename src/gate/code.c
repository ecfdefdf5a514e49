/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/code.h"

#include "util/mem.h"

static const struct {
	const char *name;
	int status;
} codes[S2C_GATE_CODES] = {
	[S2C_GATE_OK] = {"ok", 200},
	[S2C_GATE_FRAMING] = {"framing", 400},
	[S2C_GATE_METHOD] = {"method", 405},
	[S2C_GATE_TARGET_FORM] = {"target_form", 400},
	[S2C_GATE_PATH_SYNTAX] = {"path_syntax", 400},
	[S2C_GATE_VERSION] = {"version", 400},
	[S2C_GATE_QUERY_SYNTAX] = {"query_syntax", 400},
	[S2C_GATE_QUERY_DUP] = {"query_dup", 400},
	[S2C_GATE_QUERY_UNKNOWN] = {"query_unknown", 403},
	[S2C_GATE_HEAD_SIZE] = {"head_size", 431},
	[S2C_GATE_BODY_SIZE] = {"body_size", 413},
	[S2C_GATE_BODY_NOT_ALLOWED] = {"body_not_allowed", 400},
	[S2C_GATE_CONTENT_TYPE] = {"content_type", 400},
	[S2C_GATE_TIMEOUT] = {"timeout", 408},
	[S2C_GATE_ROUTE_DENIED] = {"route_denied", 403},
	[S2C_GATE_JSON_SYNTAX] = {"json_syntax", 400},
	[S2C_GATE_KEY_CASE] = {"key_case", 400},
	[S2C_GATE_KEY_SYNTAX] = {"key_syntax", 400},
	[S2C_GATE_JSON_TYPE] = {"json_type", 400},
	[S2C_GATE_FIELD_UNKNOWN] = {"field_unknown", 403},
	[S2C_GATE_FIELD_DENIED] = {"field_denied", 403},
	[S2C_GATE_FIELD_VALUE] = {"field_value", 400},
	[S2C_GATE_SUBJECT_UNKNOWN] = {"subject_unknown", 403},
	[S2C_GATE_COMMAND_DENIED] = {"command_denied", 403},
	[S2C_GATE_USER_DENIED] = {"user_denied", 403},
	[S2C_GATE_NETWORK_DENIED] = {"network_denied", 403},
	[S2C_GATE_WORKDIR_DENIED] = {"workdir_denied", 403},
	[S2C_GATE_LABEL_RESERVED] = {"label_reserved", 403},
	[S2C_GATE_IMAGE_NOT_ALLOWED] = {"image_not_allowed", 403},
	[S2C_GATE_OUTPUT_NOT_ALLOWED] = {"output_not_allowed", 403},
	[S2C_GATE_COMMIT_CONFIG] = {"commit_config", 403},
	[S2C_GATE_AUTH_DENIED] = {"auth_denied", 403},
	[S2C_GATE_ARCHIVE_PATH] = {"archive_path", 403},
	[S2C_GATE_TAR] = {"tar", 403},
	[S2C_GATE_QUOTA_MEMORY] = {"quota_memory", 403},
	[S2C_GATE_QUOTA_ENV] = {"quota_env", 403},
	[S2C_GATE_QUOTA] = {"quota", 429},
	[S2C_GATE_DEADLINE] = {"deadline", 504},
	[S2C_GATE_NOT_FOUND] = {"not_found", 404},
	[S2C_GATE_STATE] = {"state", 409},
	[S2C_GATE_AUDIT_FAILED] = {"audit_failed", 503},
	[S2C_GATE_UPSTREAM_DOWN] = {"upstream_down", 502},
	[S2C_GATE_UPSTREAM_REFUSED] = {"upstream_refused", 502},
	[S2C_GATE_UPSTREAM_MISMATCH] = {"upstream_mismatch", 502},
	[S2C_GATE_INTERNAL] = {"internal", 500},
};

const char *s2c_gate_code_name(enum s2c_gate_code code)
{
	return codes[code].name;
}

int s2c_gate_code_status(enum s2c_gate_code code)
{
	return codes[code].status;
}

enum s2c_gate_code s2c_gate_code_find(const char *name)
{
	for (int i = 0; i < S2C_GATE_CODES; i++)
		if (streq(codes[i].name, name))
			return (enum s2c_gate_code)i;
	return S2C_GATE_INTERNAL;
}

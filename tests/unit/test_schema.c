/* SPDX-License-Identifier: Apache-2.0 */
/* Objects into structs: what is taken, and what is refused with which path and fault. */
#include "helper.h"

#include "codec/schema.h"
#include "codec/yaml.h"

struct mount {
	char *target;
	bool read_only;
};

struct host {
	int64_t memory;
	char *network;
	struct s2c_schema_array mounts;
};

struct create {
	char *image, *user;
	bool tty, has_cmd, has_host;
	int64_t timeout;
	struct s2c_strv env, cmd;
	struct s2c_schema_map labels;
	struct host host;
};

static const struct s2c_schema_field mount_fields[] = {
	S2C_SCHEMA_STRING("Target", struct mount, target, .presence = S2C_REQUIRED),
	S2C_SCHEMA_BOOL("ReadOnly", struct mount, read_only),
};
static const struct s2c_schema mount_schema = S2C_SCHEMA(
	mount_fields, struct mount, .closed = true);

static const struct s2c_schema_field host_fields[] = {
	S2C_SCHEMA_INT("Memory", struct host, memory),
	S2C_SCHEMA_STRING("NetworkMode", struct host, network),
	S2C_SCHEMA_OBJECTS("Mounts", struct host, mounts, &mount_schema),
	S2C_SCHEMA_ZERO("Binds"),
	S2C_SCHEMA_ZERO("Privileged"),
	S2C_SCHEMA_ZEROS("LogConfig"),
	S2C_SCHEMA_NULL("MaskedPaths"),
	S2C_SCHEMA_IGNORE("ConsoleSize"),
};
static const struct s2c_schema host_schema = S2C_SCHEMA(host_fields, struct host);

static const struct s2c_schema_field create_fields[] = {
	S2C_SCHEMA_STRING("Image", struct create, image, .presence = S2C_REQUIRED),
	S2C_SCHEMA_STRING("User", struct create, user),
	S2C_SCHEMA_BOOL("Tty", struct create, tty),
	S2C_SCHEMA_INT("StopTimeout", struct create, timeout),
	S2C_SCHEMA_STRINGS("Env", struct create, env),
	S2C_SCHEMA_STRINGS("Cmd", struct create, cmd,
		.present = S2C_SCHEMA_PRESENT(struct create, has_cmd)),
	S2C_SCHEMA_MAP("Labels", struct create, labels),
	S2C_SCHEMA_ZERO("Volumes"),
	S2C_SCHEMA_OBJECT("HostConfig", struct create, host, struct host, &host_schema,
		.present = S2C_SCHEMA_PRESENT(struct create, has_host)),
};
static const struct s2c_schema create_schema = S2C_SCHEMA(create_fields, struct create);

static void create_release(struct create *c)
{
	s2c_schema_release(&create_schema, c);
}

#define CLEAN_CREATE CLEAN(create_release)

static int parse(const char *text, struct create *out, enum s2c_schema_fault *fault)
{
	return s2c_schema_parse(&create_schema, text, strlen(text), out, fault, &terr);
}

static void test_take(void **state)
{
	CLEAN_CREATE struct create c = {0}, none = {0};
	enum s2c_schema_fault fault = S2C_SCHEMA_BAD_JSON;
	const struct mount *mounts;

	assert_ok(parse("{\"Image\":\"sha256:ab\",\"User\":\"1001\",\"Tty\":true,"
			"\"StopTimeout\":-9999999999999999,\"Env\":[\"A=b\",\"\"],"
			"\"Cmd\":[],\"Labels\":{\"a=b\":\"c\",\"A=B\":\"\"},"
			"\"HostConfig\":{\"Memory\":2147483648,\"NetworkMode\":\"none\","
			"\"Mounts\":[{\"Target\":\"/a\"},"
			"{\"Target\":\"/b\",\"ReadOnly\":true}],\"Binds\":null,"
			"\"Privileged\":false,\"MaskedPaths\":null,"
			"\"ConsoleSize\":[24,80]}}",
		&c, &fault));
	assert_int_equal(fault, S2C_SCHEMA_OK);
	assert_string_equal(c.image, "sha256:ab");
	assert_string_equal(c.user, "1001");
	assert_true(c.tty && c.has_cmd && c.has_host);
	assert_true(c.timeout == -9999999999999999);
	assert_int_equal(c.env.len, 2);
	assert_string_equal(c.env.items[0], "A=b");
	assert_int_equal(c.cmd.len, 0);
	assert_int_equal(c.labels.keys.len, 2);
	assert_string_equal(c.labels.keys.items[1], "A=B");
	assert_string_equal(c.labels.values.items[0], "c");
	assert_true(c.host.memory == 2147483648);
	assert_string_equal(c.host.network, "none");
	assert_int_equal(c.host.mounts.len, 2);
	mounts = c.host.mounts.items;
	assert_string_equal(mounts[1].target, "/b");
	assert_true(!mounts[0].read_only && mounts[1].read_only);
	/* Missing and null are the same. */
	assert_ok(parse("{\"Image\":\"\",\"User\":null,\"Tty\":null,\"Env\":null,"
			"\"StopTimeout\":null,\"Cmd\":null,\"Labels\":null,"
			"\"HostConfig\":null}",
		&none, NULL));
	assert_string_equal(none.image, "");
	assert_null(none.user);
	assert_true(!none.has_cmd && !none.has_host);
}

/* What says nothing, in members that are denied, or that nobody knows. */
static void test_zero(void **state)
{
	static const char *const good[] = {
		"\"Volumes\":{}",
		"\"Volumes\":null",
		"\"Volumes\":[]",
		"\"Volumes\":\"\"",
		"\"Volumes\":0",
		"\"Volumes\":-0",
		"\"Volumes\":false",
		"\"HostConfig\":{\"Binds\":[],\"Privileged\":0}",
		"\"HostConfig\":{}",
		"\"HostConfig\":{\"LogConfig\":{\"Type\":\"\",\"Config\":{}}}",
		"\"HostConfig\":{\"LogConfig\":{\"a\":{\"b\":[],\"c\":null}}}",
		"\"HostConfig\":{\"LogConfig\":null}",
		"\"HostConfig\":{\"ConsoleSize\":{\"a\":[1]},\"MaskedPaths\":null}",
		"\"New\":null,\"New1\":false,\"New2\":0,\"New3\":\"\",\"New4\":[]",
		"\"New\":{}",
		"\"New\":{\"a\":0,\"b\":{\"c\":[],\"d\":\"\"},\"A\":null}",
		"\"HostConfig\":{\"New\":{\"a\":false}}",
		"\"new\":0,\"NEW\":0",
		"\"Imag\":\"\",\"Imagee\":\"\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEAN_FREE char *text = xasprintf("{\"Image\":\"x\",%s}", good[i]);
		CLEAN_CREATE struct create c = {0};

		assert_ok(parse(text, &c, NULL));
	}
}

/* In the place of a member behind "Image", or a whole document. */
static const struct {
	const char *text;
	enum s2c_schema_fault fault;
	const char *message; /* its start */
} bad[] = {
	/* Denied. */
	{"\"Volumes\":{\"/data\":{}}", S2C_SCHEMA_FIELD_DENIED, "Volumes is not allowed"},
	{"\"Volumes\":{\"\":null}", S2C_SCHEMA_FIELD_DENIED, "Volumes is not allowed"},
	{"\"Volumes\":[0]", S2C_SCHEMA_FIELD_DENIED, "Volumes "},
	{"\"Volumes\":\"0\"", S2C_SCHEMA_FIELD_DENIED, "Volumes "},
	{"\"Volumes\":true", S2C_SCHEMA_FIELD_DENIED, "Volumes "},
	{"\"HostConfig\":{\"Binds\":[\"/:/h\"]}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.Binds is not allowed and must be left out"},
	{"\"HostConfig\":{\"Binds\":[null]}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.Binds "},
	{"\"HostConfig\":{\"Privileged\":true}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.Privileged "},
	{"\"HostConfig\":{\"Privileged\":1}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.Privileged "},
	{"\"HostConfig\":{\"MaskedPaths\":[]}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.MaskedPaths is not allowed and must be null"},
	{"\"HostConfig\":{\"MaskedPaths\":\"\"}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.MaskedPaths "},
	{"\"HostConfig\":{\"MaskedPaths\":false}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.MaskedPaths "},
	{"\"HostConfig\":{\"LogConfig\":{\"Type\":\"x\"}}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.LogConfig is not allowed"},
	{"\"HostConfig\":{\"LogConfig\":{\"Config\":{\"a\":1}}}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.LogConfig is not allowed"},
	{"\"HostConfig\":{\"LogConfig\":[{}]}", S2C_SCHEMA_FIELD_DENIED,
		"HostConfig.LogConfig is not allowed"},
	/* Not known. */
	{"\"New\":true", S2C_SCHEMA_FIELD_UNKNOWN, "New is not known"},
	{"\"New\":[0]", S2C_SCHEMA_FIELD_UNKNOWN, "New is not known"},
	{"\"New\":[[]]", S2C_SCHEMA_FIELD_UNKNOWN, "New is not known"},
	{"\"New\":{\"a\":{\"b\":[{}]}}", S2C_SCHEMA_FIELD_UNKNOWN, "New is not known"},
	{"\"Privileged\":true", S2C_SCHEMA_FIELD_UNKNOWN, "Privileged is not known"},
	{"\"\":1", S2C_SCHEMA_FIELD_UNKNOWN, "'' is not known"},
	{"\"HostConfig\":{\"New\":{\"a\":1}}", S2C_SCHEMA_FIELD_UNKNOWN,
		"HostConfig.New is not known"},
	{"\"HostConfig\":{\"Mounts\":[{\"Target\":\"/a\"},{\"Target\":\"/b\",\"x\":0}]}",
		S2C_SCHEMA_FIELD_UNKNOWN, "HostConfig.Mounts[1].x is not known"},
	/* Known in another case: whatever it says. */
	{"\"hostconfig\":{\"Privileged\":true}", S2C_SCHEMA_KEY_CASE,
		"hostconfig must be spelt 'HostConfig'"},
	{"\"hostConfig\":null", S2C_SCHEMA_KEY_CASE, "hostConfig must be"},
	{"\"image\":\"y\"", S2C_SCHEMA_KEY_CASE, "image must be spelt 'Image'"},
	{"\"IMAGE\":\"\"", S2C_SCHEMA_KEY_CASE, "IMAGE must be spelt 'Image'"},
	{"\"VOLUMES\":{}", S2C_SCHEMA_KEY_CASE, "VOLUMES must be"},
	{"\"HostConfig\":{\"binds\":[]}", S2C_SCHEMA_KEY_CASE,
		"HostConfig.binds must be spelt 'Binds'"},
	{"\"HostConfig\":{\"consolesize\":0}", S2C_SCHEMA_KEY_CASE,
		"HostConfig.consolesize must be"},
	{"\"HostConfig\":{\"Mounts\":[{\"Target\":\"/\",\"readonly\":true}]}",
		S2C_SCHEMA_KEY_CASE, "HostConfig.Mounts[0].readonly must be"},
	/* Of another type. */
	{"\"User\":1", S2C_SCHEMA_FIELD_TYPE, "User must be a string"},
	{"\"User\":[]", S2C_SCHEMA_FIELD_TYPE, "User must be a string"},
	{"\"Tty\":0", S2C_SCHEMA_FIELD_TYPE, "Tty must be true or false"},
	{"\"Tty\":\"true\"", S2C_SCHEMA_FIELD_TYPE, "Tty must be true or false"},
	{"\"StopTimeout\":\"1\"", S2C_SCHEMA_FIELD_TYPE,
		"StopTimeout must be an integer"},
	{"\"StopTimeout\":true", S2C_SCHEMA_FIELD_TYPE, "StopTimeout must be an integer"},
	{"\"Env\":\"A=b\"", S2C_SCHEMA_FIELD_TYPE, "Env must be an array"},
	{"\"Env\":{}", S2C_SCHEMA_FIELD_TYPE, "Env must be an array"},
	{"\"Env\":[\"a\",1]", S2C_SCHEMA_FIELD_TYPE, "Env[1] must be a string"},
	{"\"Cmd\":[null]", S2C_SCHEMA_FIELD_TYPE, "Cmd[0] must be a string"},
	{"\"Labels\":[]", S2C_SCHEMA_FIELD_TYPE, "Labels must be an object"},
	{"\"Labels\":{\"a\":\"b\",\"c.d\":null}", S2C_SCHEMA_FIELD_TYPE,
		"Labels.c.d must be a string"},
	{"\"HostConfig\":[]", S2C_SCHEMA_FIELD_TYPE, "HostConfig must be an object"},
	{"\"HostConfig\":\"\"", S2C_SCHEMA_FIELD_TYPE, "HostConfig must be an object"},
	{"\"HostConfig\":{\"Mounts\":{}}", S2C_SCHEMA_FIELD_TYPE,
		"HostConfig.Mounts must be an array"},
	{"\"HostConfig\":{\"Mounts\":[null]}", S2C_SCHEMA_FIELD_TYPE,
		"HostConfig.Mounts[0] must be an object"},
	{"\"HostConfig\":{\"Mounts\":[{\"Target\":\"a\",\"ReadOnly\":1}]}",
		S2C_SCHEMA_FIELD_TYPE, "HostConfig.Mounts[0].ReadOnly must be true"},
	/* Missing. */
	{"\"HostConfig\":{\"Mounts\":[{}]}", S2C_SCHEMA_FIELD_MISSING,
		"HostConfig.Mounts[0].Target is missing"},
	{"\"HostConfig\":{\"Mounts\":[{\"Target\":null}]}", S2C_SCHEMA_FIELD_MISSING,
		"HostConfig.Mounts[0].Target is missing"},
	/* JSON that others read in another way. */
	{"\"User\":\"a\",\"User\":\"b\"", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"Image\":\"y\"", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"U\\u0073er\":\"a\"", S2C_SCHEMA_BAD_JSON, "line 1, column 14: an escape"},
	{"\"a\\/b\":0", S2C_SCHEMA_BAD_JSON, "line 1, column 14: an escape"},
	{"\"Labels\":{\"a\\nb\":\"\"}", S2C_SCHEMA_BAD_JSON,
		"line 1, column 24: an escape"},
	{"\"ho\xc5\xbftconfig\":null", S2C_SCHEMA_BAD_JSON,
		"line 1, column 14: a key that"},
	{"\"\xe2\x84\xaa\":null", S2C_SCHEMA_BAD_JSON, "line 1, column 14: a key that"},
	{"\"a\x7f\":null", S2C_SCHEMA_BAD_JSON, "line 1, column 14: a key that"},
	{"\"StopTimeout\":1.0", S2C_SCHEMA_BAD_JSON, "line 1, column 28: a number that"},
	{"\"StopTimeout\":1e3", S2C_SCHEMA_BAD_JSON, "line 1, column 28: a number that"},
	{"\"StopTimeout\":10000000000000000", S2C_SCHEMA_BAD_JSON,
		"line 1, column 28: a n"},
	{"\"New\":0.0", S2C_SCHEMA_BAD_JSON, "line 1, column 20: a number that"},
	{"\"New\":0e0", S2C_SCHEMA_BAD_JSON, "line 1, column 20: a number that"},
	{"\"StopTimeout\":01", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"StopTimeout\":+1", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"User\":\"\\u0000\"", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"User\":\"\\ud800\"", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"User\":\"\xff\"", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"User\":NaN", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\"User\":\"a\",", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"/* */\"User\":\"a\"", S2C_SCHEMA_BAD_JSON, "line 1"},
};

static const struct {
	const char *text;
	enum s2c_schema_fault fault;
	const char *message;
} bad_documents[] = {
	{"", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"null", S2C_SCHEMA_FIELD_TYPE, "the document must be an object"},
	{"[]", S2C_SCHEMA_FIELD_TYPE, "the document must be an object"},
	{"\"x\"", S2C_SCHEMA_FIELD_TYPE, "the document must be an object"},
	{"{}", S2C_SCHEMA_FIELD_MISSING, "Image is missing"},
	{"{\"Image\":null}", S2C_SCHEMA_FIELD_MISSING, "Image is missing"},
	{"{\"Image\":\"x\"}{}", S2C_SCHEMA_BAD_JSON, "line 1, column 14: more bytes"},
	{"{\"Image\":\"x\"} x", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"\xef\xbb\xbf{\"Image\":\"x\"}", S2C_SCHEMA_BAD_JSON, "line 1"},
	{"{\"Image\":\"x\"", S2C_SCHEMA_BAD_JSON, "line 1"},
};

static void assert_bad(
	const char *text, enum s2c_schema_fault wanted, const char *message)
{
	static const struct create empty;
	struct create c = {0};
	enum s2c_schema_fault fault = S2C_SCHEMA_OK;
	bool denied = wanted == S2C_SCHEMA_FIELD_DENIED ||
		      wanted == S2C_SCHEMA_FIELD_UNKNOWN;

	if (parse(text, &c, &fault) == 0)
		fail_msg("taken: %s", text);
	if (fault != wanted || !starts_with(s2c_error_message(terr), message))
		fail_msg("%s '%s' instead of %s '%s' for %s",
			s2c_schema_fault_name(fault), s2c_error_message(terr),
			s2c_schema_fault_name(wanted), message, text);
	assert_int_equal(s2c_error_code(terr), denied ? S2C_EDENIED : S2C_EPROTO);
	assert_memory_equal(&c, &empty, sizeof(c));
	s2c_error_free(TAKE(terr));
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEAN_FREE char *text = xasprintf("{\"Image\":\"x\",%s}", bad[i].text);

		assert_bad(text, bad[i].fault, bad[i].message);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_documents); i++)
		assert_bad(bad_documents[i].text, bad_documents[i].fault,
			bad_documents[i].message);
}

/* `n` times `unit` between `start` and `end`; caller frees. */
static char *repeat(const char *start, const char *unit, size_t n, const char *end)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(16u << 20);

	assert_ok(s2c_buf_puts(&text, start, &terr));
	for (size_t i = 0; i < n; i++)
		assert_ok(s2c_buf_puts(&text, unit, &terr));
	assert_ok(s2c_buf_puts(&text, end, &terr));
	return s2c_buf_take(&text);
}

static void test_limits(void **state)
{
	static const struct {
		const char *start, *unit;
		size_t n;
		const char *end, *why; /* NULL: taken */
	} rows[] = {
		{"{\"Image\":\"", "a", S2C_SCHEMA_STRING_MAX, "\"}", NULL},
		{"{\"Image\":\"", "a", S2C_SCHEMA_STRING_MAX + 1, "\"}", "65536 bytes"},
		/* Decoded bytes count. */
		{"{\"Image\":\"", "\\n", S2C_SCHEMA_STRING_MAX, "\"}", NULL},
		{"{\"Image\":\"x\",\"", "a", S2C_SCHEMA_STRING_MAX + 1, "\":0}",
			"65536 bytes"},
		/* Two values: the document and the image. */
		{"{\"Env\":[\"\"", ",\"\"", S2C_SCHEMA_VALUES_MAX - 4,
			"],\"Image\":\"x\"}", NULL},
		{"{\"Env\":[\"\"", ",\"\"", S2C_SCHEMA_VALUES_MAX - 3,
			"],\"Image\":\"x\"}", "more than 4096 values"},
		{"{\"Image\":\"x\"", " ", S2C_SCHEMA_BYTES_MAX - 13, "}", NULL},
		{"{\"Image\":\"x\"", " ", S2C_SCHEMA_BYTES_MAX - 12, "}", "262144 bytes"},
		{"{\"Image\":\"x\",\"a\":", "{\"b\":", 14, "{}}}}}}}}}}}}}}}}", NULL},
		{"{\"Image\":\"x\",\"a\":", "[", 100000, "", "deeper than 16"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *text = repeat(
			rows[i].start, rows[i].unit, rows[i].n, rows[i].end);
		CLEAN_CREATE struct create c = {0};
		enum s2c_schema_fault fault;

		if (!rows[i].why) {
			assert_ok(parse(text, &c, &fault));
			continue;
		}
		assert_fails(parse(text, &c, &fault), S2C_ELIMIT, rows[i].why);
		assert_int_equal(fault, S2C_SCHEMA_JSON_LIMIT);
	}
}

/* Of YAML, whose keys may be anything: the same fold, the same paths. */
static void test_yaml(void **state)
{
	static const struct {
		const char *text;
		enum s2c_schema_fault fault;
		const char *message;
	} rows[] = {
		{"Image: x\nTty: yes", S2C_SCHEMA_FIELD_TYPE,
			"Tty must be true or false"},
		{"Image: x\nStopTimeout: 010", S2C_SCHEMA_FIELD_TYPE,
			"StopTimeout must be"},
		{"Image: x\nHo\xc5\xbftConfig:", S2C_SCHEMA_KEY_CASE,
			"Ho\xc5\xbftConfig must be spelt 'HostConfig'"},
		{"Image: x\nHostConfig: {Networ\xe2\x84\xaaMode: a}", S2C_SCHEMA_KEY_CASE,
			"HostConfig.Networ\xe2\x84\xaaMode must be"},
		{"Image: x\nHostConfig:\n  Mounts:\n  - Target: a\n  - ReadOnly: true\n",
			S2C_SCHEMA_FIELD_MISSING,
			"HostConfig.Mounts[1].Target is missing"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *root = NULL;
		struct create c = {0};
		enum s2c_schema_fault fault;

		assert_ok(s2c_yaml_parse(rows[i].text, strlen(rows[i].text),
			(struct s2c_json_limits){0}, &root, &terr));
		assert_fails(s2c_schema_decode(&create_schema, root, &c, &fault, &terr),
			S2C_EPROTO, rows[i].message);
		assert_int_equal(fault, rows[i].fault);
	}
}

static void test_paths(void **state)
{
	CLEAN_FREE char *text = repeat("{\"Image\":\"x\",\"", "\x1b[0m", 1, "\":1}");
	CLEAN_FREE char *name = repeat("{\"Image\":\"x\",\"", "n", 30000, "\":1}");
	struct create c = {0};

	/* No control byte even gets as far as a message; long names are cut. */
	assert_fails(parse(text, &c, NULL), S2C_EPROTO, "control byte");
	assert_int_equal(parse(name, &c, NULL), -1);
	assert_true(strlen(s2c_error_message(terr)) < 200);
	s2c_error_free(TAKE(terr));
	assert_string_equal(s2c_schema_fault_name(S2C_SCHEMA_KEY_CASE), "key_case");
	assert_string_equal(s2c_schema_fault_name((enum s2c_schema_fault)77), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

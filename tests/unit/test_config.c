/* SPDX-License-Identifier: Apache-2.0 */
/* Image configurations: what survives, what is refused, history, changes. */
#include "helper.h"

#include "image/config.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D "sha256:" HEX
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D "\"]}"

static struct s2c_config *parse_ok(const char *text)
{
	struct s2c_config *config = NULL;

	assert_ok(s2c_config_parse(text, strlen(text), &config, &terr));
	return config;
}

static void test_untouched(void **state)
{
	static const char text[] =
		"{\"zzz\":[1,2.50,{\"a\":null}],\"architecture\":\"arm\",\"variant\":"
		"\"v7\","
		"\"os\":\"linux\",\"os.features\":[\"x\"],\"created\":\"2024-01-02T03:04:"
		"05."
		"678901234Z\",\"config\":{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],"
		"\"Interval\":30000000000},\"ArgsEscaped\":true,\"User\":\"1001\","
		"\"Env\":[\"A=1\",\"B=\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\",\"d\"],"
		"\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGQUIT\","
		"\"Labels\":{\"Vendor\":\"x\",\"vendor\":\"y\",\"nl\":\"a\\nb\"},"
		"\"Volumes\":{\"/v\":{}},\"ExposedPorts\":{\"8080/tcp\":{},\"53/"
		"udp\":{}},"
		"\"OnBuild\":[\"RUN x\"],\"Shell\":null}," ROOTFS ","
		"\"history\":[{\"created_by\":\"a\"},{\"created_by\":\"b\",\"empty_"
		"layer\":"
		"true}],\"container_config\":{\"user\":1,\"User\":2}}";
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, entry = S2C_STRV_INIT,
				   cmd = S2C_STRV_INIT, volumes = S2C_STRV_INIT,
				   ports = S2C_STRV_INIT, onbuild = S2C_STRV_INIT;
	CLEAN_CONFIG struct s2c_config *config = parse_ok(text), *copy = NULL;
	CLEAN_FREE char *printed = s2c_config_print(config), *again = NULL;
	struct s2c_platform platform;

	assert_string_equal(printed, text);
	copy = s2c_config_copy(config);
	s2c_config_free(TAKE(config));
	again = s2c_config_print(copy);
	assert_string_equal(again, text);
	assert_int_equal(copy->n_diff_ids, 1);
	assert_string_equal(copy->diff_ids[0].str, D);
	assert_string_equal(s2c_config_user(copy), "1001");
	assert_string_equal(s2c_config_workdir(copy), "/w");
	assert_string_equal(s2c_config_stop_signal(copy), "SIGQUIT");
	assert_string_equal(s2c_config_created(copy), "2024-01-02T03:04:05.678901234Z");
	assert_string_equal(s2c_config_label(copy, "vendor"), "y");
	assert_string_equal(s2c_config_label(copy, "nl"), "a\nb");
	assert_null(s2c_config_label(copy, "VENDOR"));
	s2c_config_platform(copy, &platform);
	assert_string_equal(platform.os, "linux");
	assert_string_equal(platform.architecture, "arm");
	assert_string_equal(platform.variant, "v7");
	s2c_config_env(copy, &env);
	s2c_config_entrypoint(copy, &entry);
	s2c_config_cmd(copy, &cmd);
	s2c_config_volumes(copy, &volumes);
	s2c_config_exposed_ports(copy, &ports);
	s2c_config_onbuild(copy, &onbuild);
	assert_int_equal(env.len, 2);
	assert_string_equal(env.items[1], "B=");
	assert_string_equal(entry.items[0], "/e");
	assert_string_equal(cmd.items[1], "d");
	assert_string_equal(volumes.items[0], "/v");
	assert_string_equal(ports.items[1], "53/udp");
	assert_string_equal(onbuild.items[0], "RUN x");
}

static void test_empty(void **state)
{
	static const char *const texts[] = {
		"{\"rootfs\":{}}",
		"{\"config\":null,\"history\":null,\"rootfs\":{\"diff_ids\":null}}",
		"{\"config\":{\"Env\":null,\"Cmd\":null,\"Labels\":null,\"Volumes\":null,"
		"\"User\":null},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEAN_CONFIG struct s2c_config *config = parse_ok(texts[i]);
		CLEAN_STRV struct s2c_strv v = S2C_STRV_INIT;

		assert_string_equal(s2c_config_user(config), "");
		assert_string_equal(s2c_config_workdir(config), "");
		assert_string_equal(s2c_config_created(config), "");
		assert_null(s2c_config_label(config, "a"));
		s2c_config_env(config, &v);
		s2c_config_volumes(config, &v);
		assert_int_equal(v.len, 0);
		assert_int_equal(config->n_diff_ids, 0);
		/* null members become what they must be */
		s2c_config_set_label(config, "a", "b");
		s2c_config_set_env(config, "A=1");
		s2c_config_add_volume(config, "/v");
		assert_string_equal(s2c_config_label(config, "a"), "b");
		s2c_config_volumes(config, &v);
		assert_int_equal(v.len, 1);
	}
}

#define CONFIG(members) "{\"config\":{" members "}," ROOTFS "}"

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{"", "ends too early"},
		{"[]", "must be a JSON object"},
		{"{}", "'rootfs' is missing"},
		{"{\"rootfs\":{\"type\":\"other\"}}", "is not 'layers'"},
		{"{\"rootfs\":{\"diff_ids\":[1]}}", "array of strings"},
		{"{\"rootfs\":{\"diff_ids\":\"x\"}}", "must be an array"},
		{"{\"rootfs\":{\"diff_ids\":[\"sha256:../../etc\"]}}",
			"diff_ids: digest"},
		{"{\"rootfs\":{\"diff_ids\":[],\"Diff_Ids\":[]}}", "must be spelt"},
		{"{\"Rootfs\":{}," ROOTFS "}", "must be spelt"},
		{"{\"config\":{},\"Config\":{}," ROOTFS "}", "must be spelt"},
		{"{\"config\":7," ROOTFS "}", "'config' must be an object"},
		{"{\"os\":7," ROOTFS "}", "'os' must be a string"},
		{"{\"os\":\"01234567890123456789012345678901\"," ROOTFS "}",
			"'os' is too long"},
		{"{\"created\":7," ROOTFS "}", "'created' must be a string"},
		{"{\"history\":{}," ROOTFS "}", "'history' must be an array"},
		{"{\"history\":[1]," ROOTFS "}", "must hold objects"},
		{"{\"history\":[{\"empty_layer\":1}]," ROOTFS "}", "must be a boolean"},
		{"{\"Config\":{\"User\":\"0\"}," ROOTFS "}", "must be spelt 'config'"},
		{"{\"rootf\u017f\":{}," ROOTFS "}", "must be spelt 'rootfs'"},
		{"{\"history\":[{\"Empty_Layer\":true}]," ROOTFS "}", "must be spelt"},
		{CONFIG("\"user\":\"0\""), "must be spelt 'User'"},
		{CONFIG("\"ONBUILD\":[]"), "must be spelt 'OnBuild'"},
		{CONFIG("\"User\":0"), "'User' must be a string"},
		{CONFIG("\"User\":\"1001\",\"user\":\"0\""), "must be spelt"},
		{CONFIG("\"U\\u017fer\":\"1001\",\"User\":\"0\""), "must be spelt"},
		{CONFIG("\"Zz\":\"1\",\"zZ\":\"0\""), "is there twice"},
		{CONFIG("\"User\":\"1\",\"User\":\"0\""), "duplicate key"},
		{CONFIG("\"User\":\"0\\u0000\""), "NUL in a string"},
		{CONFIG("\"WorkingDir\":[]"), "must be a string"},
		{CONFIG("\"StopSignal\":9"), "must be a string"},
		{CONFIG("\"Env\":\"A=1\""), "must be an array"},
		{CONFIG("\"Env\":[1]"), "array of strings"},
		{CONFIG("\"Cmd\":\"x\""), "must be an array"},
		{CONFIG("\"Entrypoint\":[null]"), "array of strings"},
		{CONFIG("\"OnBuild\":{}"), "must be an array"},
		{CONFIG("\"Labels\":[]"), "must be an object"},
		{CONFIG("\"Labels\":{\"a\":1}"), "label 'a' is no string"},
		{CONFIG("\"Volumes\":[\"/v\"]"), "must be an object"},
		{CONFIG("\"ExposedPorts\":8080"), "must be an object"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_config *config = NULL;

		assert_fails(s2c_config_parse(
				     rows[i].text, strlen(rows[i].text), &config, &terr),
			S2C_EPROTO, rows[i].words);
		assert_null(config);
	}
}

static void test_limits(void **state)
{
	static const struct {
		const char *head, *item, *tail;
		unsigned max;
		const char *words;
	} rows[] = {
		{"{\"rootfs\":{\"diff_ids\":[\"" D "\"", ",\"" D "\"", "]}}",
			S2C_LAYERS_MAX, "128 layers"},
		{"{\"config\":{\"Env\":[\"A=\"", ",\"A=\"", "]}," ROOTFS "}",
			S2C_CONFIG_ENV_MAX, "environment variables"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (unsigned extra = 0; extra < 2; extra++) {
			CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(1u << 20);
			CLEAN_CONFIG struct s2c_config *config = NULL;

			s2c_buf_must_printf(&buf, "%s", rows[i].head);
			for (unsigned j = 1; j < rows[i].max + extra; j++)
				s2c_buf_must_printf(&buf, "%s", rows[i].item);
			s2c_buf_must_printf(&buf, "%s", rows[i].tail);
			if (extra)
				assert_fails(s2c_config_parse(
						     buf.data, buf.len, &config, &terr),
					S2C_ELIMIT, rows[i].words);
			else
				assert_ok(s2c_config_parse(
					buf.data, buf.len, &config, &terr));
		}
	}
}

/* What a base has, what is added ('L' layer, 'E' empty layer), what comes out. */
static void test_history(void **state)
{
	static const struct {
		const char *history; /* of a base with one layer, with its comma */
		const char *add;
		size_t entries, layers;
	} rows[] = {
		{"\"history\":[{}],", "L", 2, 2},
		{"\"history\":[{}],", "LEL", 4, 3},
		{"\"history\":[{\"empty_layer\":true},{}],", "E", 3, 1},
		{"\"history\":[{\"empty_layer\":false}],", "L", 2, 2},
		{"", "L", 0, 2},
		{"", "EL", 0, 2},
		{"\"history\":null,", "E", 0, 1},
		{"\"history\":[],", "LL", 0, 3},
		{"\"history\":[{},{}],", "L", 0, 2},
		{"\"history\":[{\"empty_layer\":true}],", "E", 0, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *text = xasprintf("{%s%s}", rows[i].history, ROOTFS);
		CLEAN_CONFIG struct s2c_config *config = parse_ok(text), *again = NULL;
		struct s2c_history history = {"2024-01-01T00:00:00Z", "s2c", NULL};
		CLEAN_FREE char *printed = NULL;
		struct s2c_digest digest;

		s2c_digest_of("x", 1, &digest);
		for (const char *p = rows[i].add; *p; p++)
			s2c_config_add_layer(
				config, *p == 'L' ? &digest : NULL, &history);
		assert_int_equal(config->n_diff_ids, rows[i].layers);
		assert_int_equal(s2c_json_len(s2c_json_get(config->root, "history")),
			rows[i].entries);
		if (rows[i].entries == 0)
			assert_null(s2c_json_get(config->root, "history"));
		printed = s2c_config_print(config);
		again = parse_ok(printed);
		assert_int_equal(again->n_diff_ids, config->n_diff_ids);
		for (size_t j = 0; j < again->n_diff_ids; j++)
			assert_true(s2c_digest_equal(
				&again->diff_ids[j], &config->diff_ids[j]));
	}
}

static void test_same_but_times(void **state)
{
#define NO_LAYERS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}"
#define PLAIN "{\"os\":\"linux\",\"architecture\":\"amd64\"," NO_LAYERS
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{PLAIN "}", PLAIN "}", true},
		{PLAIN ",\"created\":\"2020-01-01T00:00:00Z\"}", PLAIN "}", true},
		{"{\"architecture\":\"amd64\",\"os\":\"linux\"," NO_LAYERS "}", PLAIN "}",
			true},
		{PLAIN ",\"history\":[{\"created\":\"2020-01-01T00:00:00Z\","
		       "\"created_by\":\"x\",\"empty_layer\":true}]}",
			PLAIN
			",\"history\":[{\"created_by\":\"x\",\"empty_layer\":true}]}",
			true},
		{PLAIN ",\"history\":[{\"created_by\":\"x\",\"empty_layer\":true}]}",
			PLAIN
			",\"history\":[{\"created_by\":\"y\",\"empty_layer\":true}]}",
			false},
		{PLAIN ",\"history\":[{\"created_by\":\"x\",\"empty_layer\":true}]}",
			PLAIN "}", false},
		{PLAIN ",\"author\":\"me\"}", PLAIN "}", false},
		{PLAIN ",\"config\":{\"User\":\"1\"}}",
			PLAIN ",\"config\":{\"User\":\"2\"}}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CONFIG struct s2c_config *a = NULL, *b = NULL;

		assert_ok(s2c_config_parse(rows[i].a, strlen(rows[i].a), &a, &terr));
		assert_ok(s2c_config_parse(rows[i].b, strlen(rows[i].b), &b, &terr));
		assert_int_equal(s2c_config_same_but_times(a, b), rows[i].same);
		assert_int_equal(s2c_config_same_but_times(b, a), rows[i].same);
	}
}

static void test_new(void **state)
{
	struct s2c_platform platform = {"linux", "arm", "v7"};
	CLEAN_CONFIG struct s2c_config *config = s2c_config_new(&platform);
	struct s2c_history history = {"2024-01-01T00:00:00Z", "s2c build", "c"};
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT, none = S2C_STRV_INIT;
	CLEAN_FREE char *text = NULL;
	struct s2c_digest digest;

	assert_ok(s2c_digest_parse(D, &digest, &terr));
	s2c_strv_add(&argv, "/usr/libexec/s2i/run");
	s2c_config_set_cmd(config, &argv);
	s2c_config_set_entrypoint(config, &argv);
	s2c_config_set_user(config, "1001");
	s2c_config_set_workdir(config, "/opt");
	s2c_config_set_env(config, "A=1");
	s2c_config_set_env(config, "B=2");
	s2c_config_set_env(config, "A=3");
	s2c_config_set_label(config, "k", "v\xff");
	s2c_config_add_port(config, "8080/tcp");
	s2c_config_add_port(config, "8080/tcp");
	s2c_config_set_stop_signal(config, "SIGINT");
	s2c_config_set_created(config, "2024-01-01T00:00:00Z");
	s2c_config_set_entrypoint(config, &none);
	s2c_config_clear_onbuild(config);
	s2c_config_add_layer(config, &digest, &history);
	text = s2c_config_print(config);
	assert_string_equal(text,
		"{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\","
		"\"config\":{"
		"\"Cmd\":[\"/usr/libexec/s2i/run\"],\"User\":\"1001\",\"WorkingDir\":\"/"
		"opt\",\"Env\":[\"A=3\",\"B=2\"],\"Labels\":{\"k\":\"v\xef\xbf\xbd\"},"
		"\"ExposedPorts\":{\"8080/tcp\":{}},\"StopSignal\":\"SIGINT\"},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D "\"]},"
		"\"created\":\"2024-01-01T00:00:00Z\",\"history\":[{\"created\":\"2024-"
		"01-"
		"01T00:00:00Z\",\"created_by\":\"s2c build\",\"comment\":\"c\"}]}");
}

/* Changes to {"WorkingDir":"/w","Env":["P=/bin"]} and the whole "config" behind them. */
static void test_change(void **state)
{
	static const char base[] = CONFIG("\"WorkingDir\":\"/w\",\"Env\":[\"P=/bin\"]");
	static const struct {
		const char *change, *added; /* behind WorkingDir and Env */
	} rows[] = {
		{"USER 1001", ",\"User\":\"1001\""},
		{"user 1001:0", ",\"User\":\"1001:0\""},
		{" USER \t app ", ",\"User\":\"app\""},
		{"CMD [\"a\",\"b c\"]", ",\"Cmd\":[\"a\",\"b c\"]"},
		{"CMD []", ""},
		{"CMD a \"b c\" $D",
			",\"Cmd\":[\"/bin/sh\",\"-c\",\"a \\\"b c\\\" $D\"]"},
		{"ENTRYPOINT [\"/e\"]", ",\"Entrypoint\":[\"/e\"]"},
		{"ENTRYPOINT run", ",\"Entrypoint\":[\"/bin/sh\",\"-c\",\"run\"]"},
		{"LABEL a=b", ",\"Labels\":{\"a\":\"b\"}"},
		{"LABEL a=b=c \"d e\"='f g' h=",
			",\"Labels\":{\"a\":\"b=c\",\"d e\":\"f g\","
			"\"h\":\"\"}"},
		{"LABEL a b c", ",\"Labels\":{\"a\":\"b c\"}"},
		{"LABEL a=\"x\\\"y\" b='x\\y' c=x\\ y",
			",\"Labels\":{\"a\":\"x\\\"y\","
			"\"b\":\"x\\\\y\",\"c\":\"x y\"}"},
		{"EXPOSE 8080", ",\"ExposedPorts\":{\"8080/tcp\":{}}"},
		{"EXPOSE 8080/tcp 53/UDP 9/sctp", ",\"ExposedPorts\":{\"8080/tcp\":{},"
						  "\"53/udp\":{},\"9/sctp\":{}}"},
		{"VOLUME /a", ",\"Volumes\":{\"/a\":{}}"},
		{"VOLUME /a '/b c'", ",\"Volumes\":{\"/a\":{},\"/b c\":{}}"},
		{"VOLUME [\"/a\",\"/b\"]", ",\"Volumes\":{\"/a\":{},\"/b\":{}}"},
		{"STOPSIGNAL SIGINT", ",\"StopSignal\":\"SIGINT\""},
		{"STOPSIGNAL 9", ",\"StopSignal\":\"9\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CONFIG struct s2c_config *config = parse_ok(base);
		CLEAN_FREE char *text = NULL, *wanted = NULL;

		assert_ok(s2c_config_change(config, rows[i].change, &terr));
		text = s2c_config_print(config);
		wanted = xasprintf("{\"config\":{\"WorkingDir\":\"/w\","
				   "\"Env\":[\"P=/bin\"]%s},%s}",
			rows[i].added, ROOTFS);
		assert_string_equal(text, wanted);
	}
}

static void test_change_in_place(void **state)
{
	static const struct {
		const char *before, *change, *after;
	} workdirs[] = {
		{"/w", "WORKDIR /a/b", "/a/b"},
		{"/w", "WORKDIR a", "/w/a"},
		{"/w", "WORKDIR ..", "/"},
		{"/w/x", "WORKDIR ../y/", "/w/y"},
		{"", "WORKDIR a", "/a"},
		{"w", "WORKDIR a", "/w/a"},
		{"/", "WORKDIR ../../..", "/"},
		{"/w", "WORKDIR //a/./b//", "/a/b"},
		{"/w", "WORKDIR /", "/"},
		{"/w", "WORKDIR \"a b\"", "/w/a b"},
	};
	static const struct {
		const char *change, *env;
	} envs[] = {
		{"ENV P=/x", "[\"P=/x\"]"},
		{"ENV P=/x Q=\"a b\" R=$P", "[\"P=/x\",\"Q=a b\",\"R=$P\"]"},
		{"ENV Q a b", "[\"P=/bin\",\"Q=a b\"]"},
		{"ENV Q=", "[\"P=/bin\",\"Q=\"]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(workdirs); i++) {
		CLEAN_CONFIG struct s2c_config *config = parse_ok("{" ROOTFS "}");

		s2c_config_set_workdir(config, workdirs[i].before);
		assert_ok(s2c_config_change(config, workdirs[i].change, &terr));
		assert_string_equal(s2c_config_workdir(config), workdirs[i].after);
	}
	for (size_t i = 0; i < ARRAY_SIZE(envs); i++) {
		CLEAN_CONFIG struct s2c_config *config = parse_ok(
			CONFIG("\"Env\":[\"P=/bin\"]"));
		CLEAN_FREE char *env = NULL;

		assert_ok(s2c_config_change(config, envs[i].change, &terr));
		env = s2c_json_print(
			s2c_json_get(s2c_json_get(config->root, "config"), "Env"),
			S2C_JSON_COMPACT);
		assert_string_equal(env, envs[i].env);
	}
}

static void test_change_refused(void **state)
{
	static const struct {
		const char *change, *words;
	} rows[] = {
		{"", "is none of USER"},
		{"RUN x", "is none of USER"},
		{"ONBUILD USER 0", "is none of USER"},
		{"USERX 1", "is none of USER"},
		{"USER", "the value is missing"},
		{"USER  ", "the value is missing"},
		{"USER a b", "it takes one word"},
		{"USER \"\"", "it takes one word"},
		{"USER 'a", "quote is not closed"},
		{"WORKDIR a b", "it takes one word"},
		{"ENV A", "it takes NAME=VALUE"},
		{"ENV =b", "it takes NAME=VALUE"},
		{"ENV A=b c", "it takes NAME=VALUE"},
		{"ENV A=b =c", "it takes NAME=VALUE"},
		{"ENV A=\"b", "quote is not closed"},
		{"LABEL a", "it takes NAME=VALUE"},
		{"CMD [\"a\"", "no JSON array of strings"},
		{"CMD ['a']", "no JSON array of strings"},
		{"CMD [\"a\"] x", "no JSON array of strings"},
		{"CMD [1]", "strings only"},
		{"ENTRYPOINT [[]]", "strings only"},
		{"EXPOSE 0", "'0' is no port"},
		{"EXPOSE 65536", "is no port"},
		{"EXPOSE 8080/xyz", "is no port"},
		{"EXPOSE 8080/", "is no port"},
		{"EXPOSE 1 x", "'x' is no port"},
		{"EXPOSE -1", "is no port"},
		{"EXPOSE 99999999999999999999", "is no port"},
		{"VOLUME data", "is no absolute path"},
		{"VOLUME [\"/a\",\"b\"]", "is no absolute path"},
		{"STOPSIGNAL sig int", "it takes one word"},
		{"STOPSIGNAL sigint", "it takes a signal"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CONFIG struct s2c_config *config = parse_ok(CONFIG(""));
		CLEAN_FREE char *text = NULL;

		assert_fails(s2c_config_change(config, rows[i].change, &terr), S2C_EINVAL,
			rows[i].words);
		text = s2c_config_print(config);
		assert_string_equal(text, CONFIG(""));
	}
}

static void volumes_of_an_engines_container(void **state)
{
	CLEAN_STRV struct s2c_strv declared = S2C_STRV_INIT;
	static const char id[] = "0123456789abcdef0123456789abcdef"
				 "0123456789abcdef0123456789abcdef";
	static const char *const strange[] = {
		"/:/data", "data:/data", ":/data", "", "/data", "0123456789abcdef:/data"};

	s2c_strv_add(&declared, "/data");
	s2c_strv_add(&declared, "/srv/x y");
	CLEAN_FREE char *bare = xasprintf("%s:/data", id);
	CLEAN_FREE char *options = xasprintf("%s:/srv/x y:rprivate,rw,nodev", id);
	assert_true(s2c_bind_is_volume_of(&declared, bare));
	assert_true(s2c_bind_is_volume_of(&declared, options));
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
		assert_false(s2c_bind_is_volume_of(&declared, strange[i]));
	CLEAN_FREE char *elsewhere = xasprintf("%s:/etc:rw", id);
	CLEAN_FREE char *below = xasprintf("%s:/data/x", id);
	CLEAN_FREE char *longer = xasprintf("%s0:/data", id);
	CLEAN_FREE char *alone = xasprintf("%s", id);
	assert_false(s2c_bind_is_volume_of(&declared, elsewhere));
	assert_false(s2c_bind_is_volume_of(&declared, below));
	assert_false(s2c_bind_is_volume_of(&declared, longer));
	assert_false(s2c_bind_is_volume_of(&declared, alone));
}

static void binds_of_an_engines_container(void **state)
{
	static const struct {
		const char *bind;
		bool fine;
	} cases[] = {
		{"/a:/b:ro", true},
		{"/a:/b:rprivate,ro,rbind", true},
		{"/c d:/e:rw", true},
		{"/c d:/e", true},
		{"/c d:/e:rprivate,nosuid,rbind", true},
		{"/a:/b", false},
		{"/a:/b:rw", false},
		{"/c d:/e:ro", false},
		{"/a:/e:ro", false},
		{"/:/b:ro", false},
		{"/a", false},
		{"", false},
	};
	static const struct {
		const char *mount;
		bool fine;
	} mounts[] = {
		{"{\"Type\":\"bind\",\"Source\":\"/a\",\"Destination\":\"/b\","
		 "\"RW\":false}",
			true},
		{"{\"Type\":\"bind\",\"Source\":\"/c d\",\"Destination\":\"/e\","
		 "\"RW\":true}",
			true},
		{"{\"Type\":\"bind\",\"Source\":\"/a\",\"Destination\":\"/b\","
		 "\"RW\":true}",
			false},
		{"{\"Type\":\"bind\",\"Source\":\"/a\",\"Destination\":\"/b\"}", false},
		{"{\"Type\":\"volume\",\"Source\":\"/a\",\"Destination\":\"/b\","
		 "\"RW\":false}",
			false},
		{"{\"Type\":\"bind\",\"Source\":\"/\",\"Destination\":\"/b\","
		 "\"RW\":false}",
			false},
		{"{}", false},
	};
	CLEAN_STRV struct s2c_strv asked = S2C_STRV_INIT;

	s2c_strv_add(&asked, "/a:/b:ro");
	s2c_strv_add(&asked, "/c d:/e:rw");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (s2c_bind_is_one_of(&asked, cases[i].bind) != cases[i].fine)
			fail_msg("'%s'", cases[i].bind);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		CLEAN_JSON struct s2c_json *mount = NULL;

		assert_ok(s2c_json_parse(mounts[i].mount, strlen(mounts[i].mount),
			(struct s2c_json_limits){0}, &mount, &terr));
		if (s2c_mount_is_one_of(&asked, mount) != mounts[i].fine)
			fail_msg("'%s'", mounts[i].mount);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binds_of_an_engines_container),
		cmocka_unit_test(volumes_of_an_engines_container),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_same_but_times),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_change_in_place),
		cmocka_unit_test(test_change_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

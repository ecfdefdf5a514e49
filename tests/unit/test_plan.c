/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding: who assembles, with which environment, what the result is, what is refused.
 * All of it is a function of options and facts.
 */
#include "helper.h"

#include "build/plan.h"

#define USER_LABEL "io.openshift.s2i.assemble-user"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "app:x:1001:0:app:/home/app:/bin/sh\n"
			     "sneaky:x:0:0::/:/bin/sh\n"
			     "1002:x:0:0:looks like a number:/:/bin/sh\n"
			     "other:x:2000:2000::/:/bin/sh\n";
static const char group[] = "root:x:0:\napps:x:3000:\n";

/* Everything a plan is made of, for one test. */
struct setup {
	struct s2c_config *builder;
	struct s2c_scripts scripts;
	struct s2c_source_info source;
	struct s2c_plan_facts facts;
	struct s2c_build_options options;
	struct s2c_plan *plan;
};

static void set_script(
	struct setup *s, enum s2c_script which, const char *url, const char *path)
{
	struct s2c_script_source *item = &s->scripts.items[which];

	free(item->url);
	free(item->path);
	item->found = true;
	item->origin = "test";
	item->url = xstrdup(url);
	item->path = xstrdup(path);
}

static void setup_init(struct setup *s)
{
	struct s2c_platform platform = {.os = "linux", .architecture = "amd64"};

	s->builder = s2c_config_new(&platform);
	s2c_config_set_user(s->builder, "1001");
	s2c_config_set_workdir(s->builder, "/srv");
	set_script(s, S2C_SCRIPT_ASSEMBLE, "image:///s/assemble", "/s/assemble");
	set_script(s, S2C_SCRIPT_RUN, "image:///s/run", "/s/run");
	s->source = (struct s2c_source_info){
		.location = (char *)"/src/app",
		.context_dir = (char *)"",
		.ref = (char *)"",
		.commit_id = (char *)"",
		.author = (char *)"",
		.date = (char *)"",
		.message = (char *)"",
	};
	s->facts = (struct s2c_plan_facts){
		.builder = s->builder,
		.builder_name = "builder/x:latest",
		.builder_digest = "sha256:00",
		.source = &s->source,
		.source_kind = "directory",
		.scripts = &s->scripts,
		.passwd = passwd,
		.group = group,
	};
	s->options = (struct s2c_build_options){
		.source = "/src/app", .builder = "builder/x"};
}

static void setup_release(struct setup *s)
{
	s2c_plan_free(s->plan);
	s2c_scripts_release(&s->scripts);
	s2c_config_free(s->builder);
}
#define CLEAN_SETUP CLEAN(setup_release)

static int plan(struct setup *s)
{
	s2c_plan_free(TAKE(s->plan));
	return s2c_plan_make(&s->options, &s->facts, &s->plan, &terr);
}

/* ---- users ---- */

enum how { BY_OPTION, BY_LABEL, BY_OLD_LABEL, BY_IMAGE, HOWS };

static void set_user(struct setup *s, enum how how, const char *spec)
{
	if (how == BY_OPTION)
		s->options.assemble_user = spec;
	else if (how == BY_LABEL)
		s2c_config_set_label(s->builder, USER_LABEL, spec);
	else if (how == BY_OLD_LABEL)
		s2c_config_set_label(s->builder, "io.s2i.assemble-user", spec);
	else
		s2c_config_set_user(s->builder, spec);
}

static void test_users(void **state)
{
	static const struct {
		const char *spec;
		uint32_t uid, gid;
	} cases[] = {
		{"1001", 1001, 0},
		{"1002", 1002, 0}, /* a number is never looked up as a name */
		{"4711", 4711, 0},
		{"2000", 2000, 2000},
		{"app", 1001, 0},
		{"other", 2000, 2000},
		{"app:apps", 1001, 3000},
		{"1001:5", 1001, 5},
		{"1001:root", 1001, 0},
		{"2147483647", 2147483647, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int how = 0; how < HOWS; how++) {
			CLEAN_SETUP struct setup s = {0};

			setup_init(&s);
			set_user(&s, (enum how)how, cases[i].spec);
			assert_ok(plan(&s));
			assert_int_equal(s.plan->user.uid, cases[i].uid);
			assert_int_equal(s.plan->user.gid, cases[i].gid);
			assert_string_equal(s.plan->user_spec, cases[i].spec);
		}
	}
}

/* Root in every disguise, and what is no user at all. */
static void test_bad_users(void **state)
{
	static const char *const specs[] = {
		"root",
		"0",
		"00",
		"+0",
		"-0",
		"-1",
		"0x0",
		"0:0",
		"0:1001",
		"root:app",
		"sneaky",
		"sneaky:apps",
		" 0",
		"0 ",
		" 1001",
		"1001 ",
		"01001",
		"1e3",
		"4294967296",
		"4294967295",
		"2147483648",
		"18446744073709551616",
		"nobody-there",
		"1001:nobody-there",
		"1001:",
		":1001",
		"1001:0:0",
		"1001:-1",
		"../root",
		"a b",
	};
	static const char *const names[HOWS] = {
		[BY_OPTION] = "--assemble-user",
		[BY_LABEL] = "label 'io.openshift.s2i.assemble-user'",
		[BY_OLD_LABEL] = "label 'io.s2i.assemble-user'",
		[BY_IMAGE] = "USER of the builder image",
	};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		for (int how = 0; how < HOWS; how++) {
			CLEAN_SETUP struct setup s = {0};

			setup_init(&s);
			set_user(&s, (enum how)how, specs[i]);
			if (plan(&s) == 0)
				fail_msg("'%s' may assemble (%s)", specs[i], names[how]);
			if (!strstr(s2c_error_message(terr), names[how]))
				fail_with_error(specs[i], __FILE__, __LINE__);
			s2c_error_free(TAKE(terr));
			assert_null(s.plan);
		}
	}
}

static void test_no_user(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s2c_config_set_user(s.builder, "");
	assert_fails(plan(&s), S2C_EDENIED, "has no USER");
	/* An empty option or label is as if it were not there. */
	s.options.assemble_user = "";
	s2c_config_set_label(s.builder, USER_LABEL, "");
	assert_fails(plan(&s), S2C_EDENIED, "--assemble-user");
	s.options.allowed_uids = "0-";
	assert_ok(plan(&s));
	assert_int_equal(s.plan->user.uid, 0);
}

static void test_precedence_of_users(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	set_user(&s, BY_IMAGE, "1");
	set_user(&s, BY_OLD_LABEL, "2");
	assert_ok(plan(&s));
	assert_int_equal(s.plan->user.uid, 2);
	set_user(&s, BY_LABEL, "3");
	assert_ok(plan(&s));
	assert_int_equal(s.plan->user.uid, 3);
	assert_string_equal(s.plan->user_origin, "label '" USER_LABEL "'");
	set_user(&s, BY_OPTION, "4");
	assert_ok(plan(&s));
	assert_int_equal(s.plan->user.uid, 4);
	assert_string_equal(s.plan->user_origin, "--assemble-user");
}

/* An image that is built again has a user, which counts where the builder's is refused.
 */
static void test_kept_user(void **state)
{
	static const struct {
		const char *builder, *kept, *allowed;
		unsigned uid;       /* 0: refused */
		const char *origin; /* or what the refusal says */
	} cases[] = {
		{"0", "1001:0", NULL, 1001, "USER of the image that is built again"},
		{"", "1001:0", NULL, 1001, "USER of the image that is built again"},
		{"nobody-there", "7", NULL, 7, "USER of the image that is built again"},
		{"1002", "1001", NULL, 1002, "USER of the builder image"},
		{"0", "1001", "0", 0, NULL},
		{"1002", "1001", "1001", 1001, "USER of the image that is built again"},
		{"0", "0", NULL, 0, "USER of the image that is built again"},
		{"0", "root", NULL, 0, "USER of the image that is built again"},
		{"0", "1001", "2000-", 0, "USER of the image that is built again"},
		{"0", "", NULL, 0, "USER of the builder image"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SETUP struct setup s = {0};

		setup_init(&s);
		s2c_config_set_user(s.builder, cases[i].builder);
		s.options.kept_user = cases[i].kept;
		s.options.allowed_uids = cases[i].allowed;
		if (!cases[i].uid && cases[i].origin) {
			assert_fails(plan(&s), S2C_EDENIED, cases[i].origin);
			continue;
		}
		assert_ok(plan(&s));
		assert_int_equal(s.plan->user.uid, cases[i].uid);
		if (cases[i].origin)
			assert_string_equal(s.plan->user_origin, cases[i].origin);
		/* Labels and options come first, as ever. */
		set_user(&s, BY_LABEL, "1001");
		assert_int_equal(plan(&s) < 0, cases[i].allowed && cases[i].uid == 0);
		s2c_error_free(TAKE(terr));
	}
}

static void test_allowed(void **state)
{
	static const struct {
		const char *user, *allowed;
		bool good;
	} cases[] = {
		{"1001", NULL, true},
		{"1001", "1001", true},
		{"1001:7", "1001", true},   /* S2I stumbles over the group */
		{"app", "1000-1002", true}, /* and over names */
		{"1001", "5,1001", true},
		{"1001", "2000-", false},
		{"1001", "-1000", false},
		{"0", "1001", false},
		{"0", "0", true},
		{"root", "-5", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SETUP struct setup s = {0};

		setup_init(&s);
		s.options.assemble_user = cases[i].user;
		s.options.allowed_uids = cases[i].allowed;
		if (cases[i].good)
			assert_ok(plan(&s));
		else
			assert_fails(plan(&s), S2C_EDENIED, "--assemble-user");
	}
}

/* USER of the result: the builder's when it may run, else who assembled. */
static void test_image_user(void **state)
{
	static const struct {
		const char *image, *assemble, *allowed, *result;
	} cases[] = {
		{"1001", NULL, NULL, "1001"},
		{"app", "2000", NULL, "app"},
		{"other:apps", "1001", NULL, "other:apps"},
		{"", "1001", NULL, "1001:0"},
		{"0", "1001", NULL, "1001:0"},
		{"root", "app:apps", NULL, "1001:3000"},
		{"sneaky", "2000", NULL, "2000:2000"},
		{"nobody-there", "1001", NULL, "1001:0"},
		{"4294967296", "1001", NULL, "1001:0"},
		{"2000", "1001", "1001", "1001:0"},
		{"0", "1001", "0-", "0"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SETUP struct setup s = {0};

		setup_init(&s);
		s2c_config_set_user(s.builder, cases[i].image);
		s.options.assemble_user = cases[i].assemble;
		s.options.allowed_uids = cases[i].allowed;
		assert_ok(plan(&s));
		assert_string_equal(s.plan->image_user, cases[i].result);
		assert_string_equal(s2c_config_user(s.plan->config), cases[i].result);
	}
}

/* ---- environment ---- */

static void test_env(void **state)
{
	static const char source_env[] = "A=source\nB=source\nC=source\n";
	static const char *const flags[] = {"B=flag", "C=flag", NULL};
	static const struct s2c_plan_file files[] = {
		{"one", "C=one\nD=one\n", 12}, {"two", "D=two\n", 6}};
	CLEAN_SETUP struct setup s = {0};
	CLEAN_STRV struct s2c_strv host = S2C_STRV_INIT, env = S2C_STRV_INIT;
	static const char *const build[][2] = {
		{"A", "source"},
		{"B", "flag"},
		{"C", "one"},
		{"D", "two"},
		{"I", "image"},
		{"http_proxy", "http://p"},
		{"HOME", "/home/app"},
	};

	setup_init(&s);
	s2c_config_set_env(s.builder, "A=image");
	s2c_config_set_env(s.builder, "I=image");
	s2c_strv_add(&host, "http_proxy=http://p");
	s2c_strv_add(&host, "D=host");
	s.facts.source_env = source_env;
	s.facts.source_env_len = sizeof(source_env) - 1;
	s.options.env = flags;
	s.facts.env_files = files;
	s.facts.n_env_files = 2;
	s.facts.host_env = &host;
	assert_ok(plan(&s));
	for (size_t i = 0; i < ARRAY_SIZE(build); i++)
		assert_string_equal(
			s2c_env_get(&s.plan->build_env, build[i][0]), build[i][1]);
	assert_non_null(strstr(s2c_env_get(&s.plan->build_env, "PATH"), "/usr/bin"));

	/* The image gets what S2I keeps, and nothing of the host or the user. */
	s2c_config_env(s.plan->config, &env);
	assert_string_equal(s2c_env_get(&env, "A"), "source");
	assert_string_equal(s2c_env_get(&env, "D"), "two");
	assert_string_equal(s2c_env_get(&env, "I"), "image");
	assert_null(s2c_env_get(&env, "http_proxy"));
	assert_null(s2c_env_get(&env, "HOME"));
	assert_null(s2c_env_get(&env, "PATH"));
}

static void test_bad_env(void **state)
{
	static const char *const flags[] = {"B", NULL};
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s.facts.source_env = "A=1\nB\n";
	s.facts.source_env_len = 6;
	assert_fails(plan(&s), S2C_EINVAL, "'.s2i/environment', line 2");
	s.facts.source_env = NULL;
	s.options.env = flags;
	assert_fails(plan(&s), S2C_EINVAL, "--env");
}

/* ---- scripts, and what stays out of the layer ---- */

static void test_excludes(void **state)
{
	static const struct {
		bool keep, assemble_copied, run_copied;
		const char *destination, *excludes;
	} cases[] = {
		{false, false, false, NULL,
			"/tmp/.s2i /tmp/src /tmp/artifacts /tmp/scripts"},
		{false, true, false, NULL,
			"/tmp/.s2i /tmp/src /tmp/artifacts /tmp/scripts"},
		/* The image's command lies there. */
		{false, false, true, NULL, "/tmp/.s2i /tmp/src /tmp/artifacts"},
		{false, true, true, "/opt/d/", "/tmp/.s2i /opt/d/src /opt/d/artifacts"},
		{false, false, false, "/", "/tmp/.s2i /src /artifacts /scripts"},
		{true, true, true, NULL, ""},
		{true, false, false, NULL, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SETUP struct setup s = {0};
		CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(4096);

		setup_init(&s);
		s.options.keep_build_files = cases[i].keep;
		s.options.destination = cases[i].destination;
		if (cases[i].assemble_copied)
			set_script(&s, S2C_SCRIPT_ASSEMBLE, ".s2i/bin/assemble",
				"/tmp/scripts/assemble");
		if (cases[i].run_copied)
			set_script(
				&s, S2C_SCRIPT_RUN, "https://h/run", "/tmp/scripts/run");
		assert_ok(plan(&s));
		s2c_strv_foreach (path, &s.plan->excludes)
			s2c_buf_must_printf(&text, "%s%s", text.len ? " " : "", path);
		assert_string_equal(s2c_buf_str(&text), cases[i].excludes);
	}
}

/* Scripts of an image may lie where those of a build would: they stay all the same. */
static void test_image_scripts_in_the_destination(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	set_script(&s, S2C_SCRIPT_RUN, "image:///tmp/scripts/run", "/tmp/scripts/run");
	assert_ok(plan(&s));
	assert_int_equal(s2c_strv_find(&s.plan->excludes, "/tmp/scripts"), 3);
	assert_string_equal(s.plan->run.items[0], "/tmp/scripts/run");
}

static void test_result(void **state)
{
	CLEAN_SETUP struct setup s = {0};
	CLEAN_STRV struct s2c_strv entry = S2C_STRV_INIT, own = S2C_STRV_INIT,
				   cmd = S2C_STRV_INIT;

	setup_init(&s);
	s.options.tag = "team/app:v1";
	s2c_strv_add(&own, "/bin/echo");
	s2c_config_set_entrypoint(s.builder, &own);
	s2c_config_set_cmd(s.builder, &own);
	s2c_config_set_label(s.builder, "vendor", "v");
	assert_ok(plan(&s));
	s2c_config_entrypoint(s.plan->config, &entry);
	s2c_config_cmd(s.plan->config, &cmd);
	/* ENTRYPOINT stays in the image and never meets assemble. */
	assert_string_equal(entry.items[0], "/bin/echo");
	assert_int_equal(s.plan->assemble.len, 1);
	assert_string_equal(s.plan->assemble.items[0], "/s/assemble");
	assert_int_equal(cmd.len, 1);
	assert_string_equal(cmd.items[0], "/s/run");
	assert_string_equal(s.plan->workdir, "/srv");
	assert_string_equal(s2c_config_label(s.plan->config, "vendor"), "v");
	assert_string_equal(
		s2c_config_label(s.plan->config, "io.k8s.display-name"), "team/app:v1");
	assert_string_equal(
		s2c_config_label(s.plan->config, "io.openshift.s2i.build.image"),
		"builder/x:latest");
	assert_string_equal(s2c_config_user(s.builder), "1001");
}

static void test_bad_builders(void **state)
{
	CLEAN_SETUP struct setup s = {0};
	CLEAN_FREE char *big = xmalloc(S2C_LABELS_BYTES_MAX + 2);
	struct s2c_digest digest;

	setup_init(&s);
	s2c_config_set_workdir(s.builder, "/proc/self/fd/7");
	assert_fails(plan(&s), S2C_EINVAL, "/proc/self/fd/7");
	s2c_config_set_workdir(s.builder, "/srv");

	memset(big, 'x', S2C_LABELS_BYTES_MAX + 1);
	big[S2C_LABELS_BYTES_MAX + 1] = '\0';
	s2c_config_set_label(s.builder, "big", big);
	assert_fails(plan(&s), S2C_ELIMIT, "labels");
	s2c_config_set_label(s.builder, "big", "");

	s2c_digest_of("x", 1, &digest);
	while (s.builder->n_diff_ids < S2C_LAYERS_MAX - 1)
		s2c_config_add_layer(s.builder, &digest,
			&(struct s2c_history){.created = "", .created_by = ""});
	assert_ok(plan(&s));
	s2c_config_add_layer(s.builder, &digest,
		&(struct s2c_history){.created = "", .created_by = ""});
	assert_fails(plan(&s), S2C_ELIMIT, "127 layers");
}

static void test_onbuild(void **state)
{
	static const char text[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1\","
		"\"OnBuild\":[\"RUN id\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
		"[]}}";
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s2c_config_free(s.builder);
	assert_ok(s2c_config_parse(text, sizeof(text) - 1, &s.builder, &terr));
	s.facts.builder = s.builder;
	/* Who writes a Dockerfile has them run by others. */
	assert_ok(plan(&s));
	assert_int_equal(s.plan->triggers.len, 0);
	s2c_plan_free(TAKE(s.plan));
	s.facts.run_triggers = true;
	/* They are run, and the image that comes of it has none. */
	assert_ok(plan(&s));
	assert_null(
		s2c_json_get(s2c_json_get(s.plan->config->root, "config"), "OnBuild"));
}

/* ---- building again ---- */

static void test_kept_env(void **state)
{
	static const char *const kept[] = {
		"PATH=/old", "SAME=1", "MINE=kept", "FILE=old", "FLAG=old", NULL};
	static const char *const given[] = {"FLAG=new", NULL};
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s2c_config_set_env(s.builder, "PATH=/new");
	s2c_config_set_env(s.builder, "SAME=1");
	s.facts.source_env = "FILE=new\n";
	s.facts.source_env_len = strlen(s.facts.source_env);
	s.options.kept_env = kept;
	s.options.env = given;
	assert_ok(plan(&s));
	assert_string_equal(s2c_env_get(&s.plan->build_env, "PATH"), "/new");
	assert_string_equal(s2c_env_get(&s.plan->env, "MINE"), "kept");
	assert_string_equal(s2c_env_get(&s.plan->env, "FILE"), "new");
	assert_string_equal(s2c_env_get(&s.plan->env, "FLAG"), "new");
	assert_null(s2c_env_get(&s.plan->env, "SAME"));
	assert_int_equal(s.plan->not_kept.len, 1);
	assert_string_equal(s.plan->not_kept.items[0], "PATH");
}

static void test_labels_of_the_user(void **state)
{
	static const char *const labels[] = {"io.k8s.display-name=mine", "a=b", NULL};
	static const char *const annotations[] = {"x=y", NULL};
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s.options.tag = "app";
	s.options.labels = labels;
	s.options.annotations = annotations;
	assert_ok(plan(&s));
	assert_string_equal(
		s2c_config_label(s.plan->config, "io.k8s.display-name"), "mine");
	assert_string_equal(s2c_json_str(s2c_json_get(s.plan->annotations, "x")), "y");
	s.options.engine = "docker";
	assert_fails(plan(&s), S2C_EUNSUPPORTED, "--annotation");
}

/* ---- options ---- */

static int check(struct s2c_build_options *options)
{
	CLEAN(s2c_clean_plan) struct s2c_plan *scratch = xcalloc(1, sizeof(*scratch));

	return s2c_plan_check_options(options, scratch, &terr);
}

static void test_tags(void **state)
{
	static const char *const bad[] = {"", "UPPER", "a b", "x:y:z", "../x", "a//b",
		"x@sha256:12", "-x", "x:",
		"x@sha256:"
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_build_options o = {.tag = bad[i]};

		assert_fails(check(&o), S2C_EINVAL, "TAG");
	}
	assert_ok(check(&(struct s2c_build_options){.tag = "a/b:c"}));
	assert_ok(check(&(struct s2c_build_options){.tag = NULL}));
}

static void test_outputs(void **state)
{
	static const char *const good[] = {
		"oci:/d:t", "oci-archive:f", "registry", "docker-archive:f", NULL};
	static const char *const registry[] = {"registry", NULL};
	static const char *const unknown[] = {"/just/a/path", NULL};
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s.options.tag = "h.example/app";
	s.options.outputs = good;
	assert_ok(plan(&s));
	assert_int_equal(s.plan->n_outputs, 3);
	assert_true(s.plan->push);
	s.options.outputs = unknown;
	assert_fails(plan(&s), S2C_EINVAL, "--output");
	assert_fails(check(&(struct s2c_build_options){.outputs = registry}), S2C_EINVAL,
		"without TAG");
	assert_fails(check(&(struct s2c_build_options){.push = true}), S2C_EINVAL,
		"without TAG");
	assert_fails(check(&(struct s2c_build_options){.push = true, .tag = "app"}),
		S2C_EINVAL, "names no registry");
}

static void test_bad_options(void **state)
{
	static const struct {
		struct s2c_build_options o;
		const char *part;
	} cases[] = {
		{{.network = "container:x"}, "--network"},
		{{.memory = "lots"}, "--memory"},
		{{.cpus = "-1"}, "--cpus"},
		{{.allowed_uids = "5-4"}, "--allowed-uids"},
		{{.allowed_uids = "x"}, "--allowed-uids"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_build_options o = cases[i].o;

		assert_fails(check(&o), S2C_EINVAL, cases[i].part);
	}
}

static void test_limits(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	assert_ok(plan(&s));
	assert_int_equal(s.plan->network, S2C_NETWORK_ISOLATED);
	assert_false(s.plan->network_asked);
	assert_int_equal(s.plan->limits.pids, S2C_PIDS_DEFAULT);
	s.options.network = "host";
	s.options.memory = "512m";
	s.options.cpus = "1.5";
	s.options.pids_limit = 7;
	assert_ok(plan(&s));
	assert_int_equal(s.plan->network, S2C_NETWORK_HOST);
	assert_true(s.plan->network_asked);
	assert_int_equal(s.plan->limits.memory, 512u << 20);
	assert_int_equal(s.plan->limits.milli_cpus, 1500);
	assert_int_equal(s.plan->limits.pids, 7);
}

static void test_compression(void **state)
{
	static const struct {
		const char *option;
		enum s2c_compression kind;
		int level;
	} rows[] = {
		{NULL, S2C_COMPRESS_GZIP, 0},
		{"gzip:9", S2C_COMPRESS_GZIP, 9},
		{"zstd", S2C_COMPRESS_ZSTD, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_SETUP struct setup s = {0};

		setup_init(&s);
		s.options.compression = rows[i].option;
		assert_ok(plan(&s));
		assert_int_equal(s.plan->compression, rows[i].kind);
		assert_int_equal(s.plan->compression_level, rows[i].level);
	}

	CLEAN_SETUP struct setup s = {0};

	setup_init(&s);
	s.options.compression = "xz";
	assert_fails(plan(&s), S2C_EINVAL, "--compression: compression 'xz'");
}

/* ---- the plan as JSON ---- */

/* For assemble alone, and there before what the image gets. */
static void test_build_env(void **state)
{
	static const char *const env[] = {"A=image", NULL};
	static const char *const only[] = {"A=build", "B= 2 ", NULL};
	static const char *const bad[] = {"novalue", NULL};
	CLEAN_SETUP struct setup s = {0};
	CLEAN_STRV struct s2c_strv made = S2C_STRV_INIT;
	struct s2c_build_options o = {.build_env = bad};

	setup_init(&s);
	s.options.env = env;
	s.options.build_env = only;
	assert_ok(plan(&s));
	assert_string_equal(s2c_env_get(&s.plan->build_env, "A"), "build");
	assert_string_equal(s2c_env_get(&s.plan->build_env, "B"), "2");
	s2c_config_env(s.plan->config, &made);
	assert_string_equal(s2c_env_get(&made, "A"), "image");
	assert_null(s2c_env_get(&made, "B"));
	assert_fails(check(&o), S2C_EINVAL, "--build-env");
}

static void test_json(void **state)
{
	CLEAN_SETUP struct setup s = {0};
	CLEAN_STRV struct s2c_strv host = S2C_STRV_INIT;
	CLEAN_JSON struct s2c_json *root = NULL;
	static const char *const keys[] = {"assemble", "buildOnlyEnv", "builder",
		"compression", "destination", "image", "limits", "mounts", "network",
		"outputs", "push", "scripts", "source", "triggers", "user", "workdir"};
	size_t i = 0;

	setup_init(&s);
	s2c_strv_add(&host, "https_proxy=http://user:hunter2@p");
	s.facts.host_env = &host;
	assert_ok(plan(&s));
	CLEAN_FREE char *text = s2c_plan_json(s.plan, &s.facts);
	assert_null(strstr(text, "hunter2"));
	assert_ok(s2c_json_parse(
		text, strlen(text), (struct s2c_json_limits){0}, &root, &terr));
	/* Sorted, and these are all. */
	assert_int_equal(s2c_json_len(root), ARRAY_SIZE(keys));
	s2c_json_foreach (member, root)
		assert_string_equal(s2c_json_key(member), keys[i++]);
	assert_string_equal(
		s2c_json_number(s2c_json_get(s2c_json_get(root, "user"), "uid")), "1001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_bad_users),
		cmocka_unit_test(test_no_user),
		cmocka_unit_test(test_precedence_of_users),
		cmocka_unit_test(test_kept_user),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_image_user),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_bad_env),
		cmocka_unit_test(test_build_env),
		cmocka_unit_test(test_excludes),
		cmocka_unit_test(test_image_scripts_in_the_destination),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_bad_builders),
		cmocka_unit_test(test_onbuild),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_compression),
		cmocka_unit_test(test_kept_env),
		cmocka_unit_test(test_labels_of_the_user),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

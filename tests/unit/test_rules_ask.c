/* SPDX-License-Identifier: Apache-2.0 */
/* What the gate's policy decides, with the code and the rule of each decision. */
#include "rules_helper.h"

static struct s2c_rules *example(void)
{
	struct s2c_rules *rules = NULL;

	assert_ok(load_rules(EXAMPLE, &rules));
	return rules;
}

/* The verdict of a question: `code` NULL is yes. */
static void check(const char *what, bool yes, const struct s2c_verdict *verdict,
	const char *code, const char *rule)
{
	if (yes != !code || !!verdict->code != !!code ||
		(code && !streq(verdict->code, code)) || !streq(verdict->rule, rule) ||
		!*verdict->reason != !code)
		fail_msg("%s: %s by '%s': %s; wanted %s by '%s'", what,
			verdict->code ? verdict->code : "yes", verdict->rule,
			verdict->reason, code ? code : "yes", rule);
}

static struct s2c_reference reference(const char *text)
{
	struct s2c_reference ref;

	assert_ok(s2c_reference_parse(text, &ref, &terr));
	return ref;
}

static void test_subject(void **state)
{
	static const struct {
		struct s2c_peer peer;
		uint32_t groups[2];
		const char *path; /* NULL: nobody */
	} rows[] = {
		{{.uid = 1000, .gid = 100}, {0}, "subjects[0]"},
		/* The first one that matches, although he is of the group too. */
		{{.uid = 1000, .gid = 2000}, {0}, "subjects[0]"},
		{{.uid = 1001, .gid = 2000}, {0}, "subjects[1]"},
		{{.uid = 1001, .gid = 100, .n_groups = 2}, {7, 2000}, "subjects[1]"},
		{{.uid = 1500, .gid = 100, .n_groups = 2}, {7, 2000}, "subjects[1]"},
		{{.uid = 1500, .gid = 100}, {0}, "subjects[2]"},
		{{.uid = 1501, .gid = 1500}, {0}, NULL},
		{{.uid = 2000, .gid = 1000}, {0}, NULL},
		/* Root and the overflow id are nobody unless named as users. */
		{{.uid = 0, .gid = 0}, {0}, NULL},
		{{.uid = 0, .gid = 2000}, {0}, NULL},
		{{.uid = 65534, .gid = 2000}, {0}, NULL},
		{{.uid = 65534, .gid = 65534}, {0}, NULL},
		/* But the group of root may be named. */
		{{.uid = 1600, .gid = 0}, {0}, "subjects[4]"},
		/* A socket of its own is who comes by it, and the only way to it. */
		{{.uid = 1000, .socket = "/run/s2c/ci.sock"}, {0}, "subjects[3]"},
		{{.uid = 0, .socket = "/run/s2c/ci.sock"}, {0}, "subjects[3]"},
		{{.uid = 1000, .socket = "/run/s2c/other.sock"}, {0}, NULL},
		{{.uid = 1000, .socket = ""}, {0}, NULL},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct s2c_subject *subject = NULL;
		struct s2c_verdict verdict = {0};
		struct s2c_peer peer = rows[i].peer;
		CLEAN_FREE char *what = xasprintf("row %zu", i);
		bool yes;

		peer.groups = rows[i].groups;
		yes = s2c_rules_subject(rules, &peer, &subject, &verdict);
		check(what, yes, &verdict, rows[i].path ? NULL : "subject_unknown",
			rows[i].path ? rows[i].path : "subjects");
		assert_int_equal(yes, subject != NULL);
	}
}

/* Named as users they are somebody. */
static void test_special_ids(void **state)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;
	const struct s2c_subject *subject = NULL;
	struct s2c_verdict verdict = {0};

	assert_ok(load_rules("{" BASE ",'subjects':[{'gid':7},{'user':'root'},"
			     "{'uid':65534}]}",
		&rules));
	assert_true(s2c_rules_subject(
		rules, &(struct s2c_peer){.uid = 0}, &subject, &verdict));
	assert_string_equal(verdict.rule, "subjects[1]");
	assert_true(s2c_rules_subject(rules,
		&(struct s2c_peer){.uid = 65534, .gid = 65534}, &subject, &verdict));
	assert_string_equal(verdict.rule, "subjects[2]");
	assert_false(s2c_rules_subject(rules,
		&(struct s2c_peer){.uid = 1000, .gid = 65534}, &subject, &verdict));
}

static void test_builder(void **state)
{
	static const struct {
		size_t subject;
		const char *asked, *code, *rule, *pulled;
	} rows[] = {
		/* Pinned: whatever tag, one digest. */
		{0, "registry.example/builder/python", NULL,
			"subjects[0]/builders.pinned",
			"registry.example/builder/python:latest@" DIGEST_A},
		{0, "REGISTRY.example/builder/python:3", NULL,
			"subjects[0]/builders.pinned",
			"registry.example/builder/python:3@" DIGEST_A},
		{0, "registry.example/builder/python@" DIGEST_A, NULL,
			"subjects[0]/builders.pinned",
			"registry.example/builder/python@" DIGEST_A},
		{0, "registry.example/builder/python@" DIGEST_B, S2C_DENY_BUILDER,
			"subjects[0]/builders.pinned", NULL},
		/* A wider rule behind a pin does not help. */
		{1, "registry.example/builder/python@" DIGEST_B, S2C_DENY_BUILDER,
			"subjects[1]/builders.pinned", NULL},
		/* By tag. */
		{0, "registry.example/builder/ruby:3.12", NULL,
			"subjects[0]/builders.tagged",
			"registry.example/builder/ruby:3.12"},
		{0, "registry.example/builder/ruby", NULL, "subjects[0]/builders.tagged",
			"registry.example/builder/ruby:latest"},
		{0, "registry.example/builder/ruby:2.7", S2C_DENY_BUILDER,
			"subjects[0]/builders.tagged", NULL},
		{0, "registry.example/builder/ruby:3.1@" DIGEST_A, S2C_DENY_BUILDER,
			"subjects[0]/builders.tagged", NULL},
		/* Aliases, as they are written and as clients send them. */
		{0, "builder/python", NULL, "subjects[0]/builders.pinned",
			"registry.example/builder/python:latest@" DIGEST_A},
		{0, "docker.io/builder/python:9", NULL, "subjects[0]/builders.pinned",
			"registry.example/builder/python:9@" DIGEST_A},
		{0, "builder/python@" DIGEST_B, S2C_DENY_BUILDER,
			"subjects[0]/builders.pinned", NULL},
		{0, "ruby:3.3", NULL, "subjects[0]/builders.tagged",
			"registry.example/builder/ruby:3.3"},
		{0, "docker.io/ruby:3.3", NULL, "subjects[0]/builders.tagged",
			"registry.example/builder/ruby:3.3"},
		{0, "library/ruby:3.3", NULL, "subjects[0]/builders.tagged",
			"registry.example/builder/ruby:3.3"},
		{0, "ruby:1", S2C_DENY_BUILDER, "subjects[0]/builders.tagged", NULL},
		{0, "quay.example/builder/python", S2C_DENY_BUILDER,
			"subjects[0]/builders", NULL},
		/* Whose alias it is not. */
		{1, "ruby", S2C_DENY_BUILDER, "subjects[1]/builders", NULL},
		{0, "python", S2C_DENY_BUILDER, "subjects[0]/builders", NULL},
		/* Docker Hub's library. */
		{0, "docker.io/perl:5", NULL, "subjects[0]/builders.hub",
			"docker.io/library/perl:5"},
		{0, "perl:5", S2C_DENY_BUILDER, "subjects[0]/builders", NULL},
		{0, "docker.io/x/perl", S2C_DENY_BUILDER, "subjects[0]/builders", NULL},
		/* One segment, and all the rest. */
		{2, "registry.example/ubi9/python", NULL, "subjects[2]/builders.ubi",
			"registry.example/ubi9/python:latest"},
		{2, "registry.example/ubi9/python@" DIGEST_B, NULL,
			"subjects[2]/builders.ubi",
			"registry.example/ubi9/python@" DIGEST_B},
		{2, "registry.example/ubi9/python/x", S2C_DENY_BUILDER,
			"subjects[2]/builders", NULL},
		{2, "registry.example/ubi9", S2C_DENY_BUILDER, "subjects[2]/builders",
			NULL},
		{2, "registry.example/ubi8/python", S2C_DENY_BUILDER,
			"subjects[2]/builders", NULL},
		{2, "registry.example:443/ubi9/python", S2C_DENY_BUILDER,
			"subjects[2]/builders", NULL},
		{2, "registry.example.org/ubi9/python", S2C_DENY_BUILDER,
			"subjects[2]/builders", NULL},
		{3, "registry.example/a", NULL, "subjects[3]/builders.wide",
			"registry.example/a:latest"},
		{3, "registry.example/a/b/c", NULL, "subjects[3]/builders.wide",
			"registry.example/a/b/c:latest"},
		{3, "other.example/a", S2C_DENY_BUILDER, "subjects[3]/builders", NULL},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_reference asked = reference(rows[i].asked);
		struct s2c_builder_choice choice = {.rule = NULL};
		struct s2c_verdict verdict = {0};
		char pulled[S2C_REFERENCE_MAX + 1];
		bool yes = s2c_rules_builder(rules, &rules->subjects[rows[i].subject],
			&asked, &choice, &verdict);

		check(rows[i].asked, yes, &verdict, rows[i].code, rows[i].rule);
		assert_int_equal(yes, choice.rule != NULL);
		if (!yes)
			continue;
		s2c_reference_format(&choice.ref, pulled);
		assert_string_equal(pulled, rows[i].pulled);
	}
}

static void test_push(void **state)
{
	static const struct {
		size_t subject;
		const char *to, *code, *rule;
	} rows[] = {
		{0, "registry.example/team/app:v1", NULL, "subjects[0]/push.team"},
		{0, "registry.example/team/a/b/c", NULL, "subjects[0]/push.team"},
		{0, "registry.example/team/app:dev", S2C_DENY_OUTPUT,
			"subjects[0]/push.team"},
		{0, "registry.example/team/app@" DIGEST_A, S2C_DENY_OUTPUT,
			"subjects[0]/push.team"},
		{0, "registry.example/team", S2C_DENY_OUTPUT, "subjects[0]/push"},
		{0, "registry.example/teams/app", S2C_DENY_OUTPUT, "subjects[0]/push"},
		{0, "registry.example/other/app", S2C_DENY_OUTPUT, "subjects[0]/push"},
		{0, "team/app:v1", S2C_DENY_OUTPUT, "subjects[0]/push"},
		{0, "docker.io/team/app:v1", S2C_DENY_OUTPUT, "subjects[0]/push"},
		{1, "registry.example/other/app:dev", NULL, "subjects[1]/push.any"},
		{1, "registry.example/other/x", S2C_DENY_OUTPUT, "subjects[1]/push"},
		/* The first that matches decides. */
		{1, "registry.example/team/app:dev", NULL, "subjects[1]/push.any"},
		{1, "registry.example/team/x:dev", S2C_DENY_OUTPUT,
			"subjects[1]/push.team"},
		{2, "registry.example/team/app:v1", S2C_DENY_OUTPUT, "subjects[2]/push"},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_reference to = reference(rows[i].to);
		const struct s2c_rule_push *rule = NULL;
		struct s2c_verdict verdict = {0};
		bool yes = s2c_rules_push(
			rules, &rules->subjects[rows[i].subject], &to, &rule, &verdict);

		check(rows[i].to, yes, &verdict, rows[i].code, rows[i].rule);
		assert_int_equal(yes, rule != NULL);
	}
	assert_string_equal(rules->pushes[0].auth, "/etc/s2c/team.json");
	assert_null(rules->pushes[1].auth);
}

static void test_output(void **state)
{
	static const struct {
		size_t subject;
		const char *name, *code, *rule;
	} rows[] = {
		{2, "myapp", NULL, "subjects[2]"},
		{2, "docker.io/library/myapp:latest", NULL, "subjects[2]"},
		{2, "team/app:v3", NULL, "subjects[2]"},
		{0, "registry.example/team/app:v1", NULL, "subjects[0]/push.team"},
		{1, "registry.example/other/app", NULL, "subjects[1]/push.any"},
		/* Names of builders, in every spelling. */
		{2, "registry.example/builder/python:latest", S2C_DENY_OUTPUT,
			"builders.pinned"},
		{2, "perl", S2C_DENY_OUTPUT, "builders.hub"},
		{2, "docker.io/perl:7", S2C_DENY_OUTPUT, "builders.hub"},
		{2, "library/perl:7", S2C_DENY_OUTPUT, "builders.hub"},
		{2, "ruby", S2C_DENY_OUTPUT, "aliases"},
		{2, "docker.io/ruby", S2C_DENY_OUTPUT, "aliases"},
		{2, "builder/python:mine", S2C_DENY_OUTPUT, "aliases"},
		{2, "docker.io/builder/python", S2C_DENY_OUTPUT, "aliases"},
		{2, "registry.example/any/thing", S2C_DENY_OUTPUT, "builders.wide"},
		{2, "myapp@" DIGEST_A, S2C_DENY_OUTPUT, "subjects[2]"},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_reference name = reference(rows[i].name);
		struct s2c_verdict verdict = {0};
		bool yes = s2c_rules_output(
			rules, &rules->subjects[rows[i].subject], &name, &verdict);

		check(rows[i].name, yes, &verdict, rows[i].code, rows[i].rule);
	}
}

/* Names that only others may push to. */
static void test_output_of_others(void **state)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;
	struct s2c_reference name = reference("registry.example/team/app");
	struct s2c_verdict verdict = {0};

	assert_ok(load_rules("{" BASE
			     ",'push':[{'name':'team','to':'registry.example/team/**'}],"
			     "'subjects':[{'uid':1,'push':['team']},{'uid':2}]}",
		&rules));
	assert_true(s2c_rules_output(rules, &rules->subjects[0], &name, &verdict));
	assert_false(s2c_rules_output(rules, &rules->subjects[1], &name, &verdict));
	check("other's", false, &verdict, S2C_DENY_OUTPUT, "push.team");
}

static void test_user(void **state)
{
	static const struct {
		int builder; /* -1: none */
		uint32_t uid, gid;
		const char *code, *rule;
	} rows[] = {
		{-1, 1001, 0, NULL, "defaults.uids"},
		{-1, 100000, 165535, NULL, "defaults.uids"},
		{-1, 0, 0, S2C_DENY_USER, "defaults.uids"},
		{-1, 1002, 0, S2C_DENY_USER, "defaults.uids"},
		{-1, 165536, 0, S2C_DENY_USER, "defaults.uids"},
		{-1, 4294967295u, 0, S2C_DENY_USER, "defaults.uids"},
		{-1, 1001, 1001, S2C_DENY_USER, "defaults.gids"},
		{0, 1001, 0, NULL, "defaults.uids"},
		{1, 5000, 0, NULL, "builders.tagged.uid"},
		{1, 1001, 0, S2C_DENY_USER, "builders.tagged.uid"},
		{1, 0, 0, S2C_DENY_USER, "builders.tagged.uid"},
		{1, 5000, 999, S2C_DENY_USER, "defaults.gids"},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct s2c_rule_builder *builder =
			rows[i].builder < 0 ? NULL : &rules->builders[rows[i].builder];
		CLEAN_FREE char *what = xasprintf("%u:%u", rows[i].uid, rows[i].gid);
		struct s2c_verdict verdict = {0};
		bool yes = s2c_rules_user(
			&rules->subjects[0], builder, rows[i].uid, rows[i].gid, &verdict);

		check(what, yes, &verdict, rows[i].code, rows[i].rule);
	}
}

static void test_network(void **state)
{
	static const struct {
		int builder;
		const char *asked, *given, *rule;
	} rows[] = {
		{-1, NULL, "none", "defaults.networks"},
		{-1, "", "none", "defaults.networks"},
		{-1, "default", "none", "defaults.networks"},
		{-1, "none", "none", "defaults.networks"},
		{-1, "egress", "egress", "defaults.networks"},
		{0, "egress", "egress", "defaults.networks"},
		{-1, "host", NULL, "defaults.networks"},
		{-1, "bridge", NULL, "defaults.networks"},
		{-1, "None", NULL, "defaults.networks"},
		{-1, "container:abc", NULL, "defaults.networks"},
		{-1, "build", NULL, "defaults.networks"},
		{1, NULL, "build", "builders.tagged.network"},
		{1, "default", "build", "builders.tagged.network"},
		{1, "build", "build", "builders.tagged.network"},
		{1, "none", NULL, "builders.tagged.network"},
		{1, "egress", NULL, "builders.tagged.network"},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct s2c_rule_builder *builder =
			rows[i].builder < 0 ? NULL : &rules->builders[rows[i].builder];
		struct s2c_verdict verdict = {0};
		const char *given = NULL;
		bool yes = s2c_rules_network(
			&rules->subjects[0], builder, rows[i].asked, &given, &verdict);

		check(rows[i].asked ? rows[i].asked : "(none)", yes, &verdict,
			rows[i].given ? NULL : S2C_DENY_NETWORK, rows[i].rule);
		if (yes)
			assert_string_equal(given, rows[i].given);
	}
}

static void test_limits(void **state)
{
	static const struct {
		struct s2c_limits asked, given;
	} rows[] = {
		{{0}, {4ull << 30, 1500, 512, 0}},
		{{.memory = 1ull << 30}, {1ull << 30, 1500, 512, 0}},
		{{.memory = 1ull << 40, .milli_cpus = 9000, .pids = 100000, .disk = 5},
			{4ull << 30, 1500, 512, 0}},
		{{.memory = UINT64_MAX, .milli_cpus = UINT32_MAX, .pids = UINT32_MAX},
			{4ull << 30, 1500, 512, 0}},
		{{.milli_cpus = 100, .pids = 20}, {4ull << 30, 100, 20, 0}},
	};
	CLEAN_RULES struct s2c_rules *rules = example();
	struct s2c_limits got;
	struct s2c_verdict verdict = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(s2c_rules_limits(
			&rules->subjects[0], &rows[i].asked, &got, &verdict));
		assert_int_equal(got.memory, rows[i].given.memory);
		assert_int_equal(got.milli_cpus, rows[i].given.milli_cpus);
		assert_int_equal(got.pids, rows[i].given.pids);
		assert_int_equal(got.disk, 0);
	}
	assert_false(s2c_rules_limits(&rules->subjects[0],
		&(struct s2c_limits){.memory = 4096}, &got, &verdict));
	check("4 KiB", false, &verdict, S2C_DENY_MEMORY, "subjects[0].memory");
}

static void test_env(void **state)
{
	static const struct {
		size_t vars, bytes;
		const char *code, *rule;
	} rows[] = {
		{0, 0, NULL, "defaults.env_bytes"},
		{3, 1024, NULL, "defaults.env_bytes"},
		{4, 10, S2C_DENY_ENV, "defaults.env_vars"},
		{3, 1025, S2C_DENY_ENV, "defaults.env_bytes"},
		{SIZE_MAX, SIZE_MAX, S2C_DENY_ENV, "defaults.env_vars"},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_verdict verdict = {0};
		bool yes = s2c_rules_env(
			&rules->subjects[1], rows[i].vars, rows[i].bytes, &verdict);

		check("env", yes, &verdict, rows[i].code, rows[i].rule);
	}
}

static void test_command(void **state)
{
	static const struct {
		const char *argv[4];
		bool script;
	} rows[] = {
		{{"/usr/libexec/s2i/assemble"}, true},
		{{"/usr/libexec/s2i/save-artifacts"}, true},
		{{"/tmp/scripts/assemble-runtime"}, true},
		{{"/usr/libexec/s2i/usage"}, true},
		{{"/run"}, true},
		{{"/bin/sh", "-c", "/usr/libexec/s2i/assemble"}, true},
		{{"/bin/sh", "-c", "tar -C /tmp -xf - && /usr/libexec/s2i/assemble"},
			true},
		{{NULL}, false},
		{{""}, false},
		{{"assemble"}, false},
		{{"/usr/libexec/s2i/"}, false},
		{{"/usr/libexec/s2i/assemble", "x"}, false},
		{{"/usr/libexec/s2i/assemble "}, false},
		{{"/usr/libexec/../assemble"}, false},
		{{"/usr/./assemble"}, false},
		{{"//assemble"}, false},
		{{"/bin/sh"}, false},
		{{"/bin/sh", "-c"}, false},
		{{"/bin/sh", "-c", "id"}, false},
		{{"/bin/sh", "-c", "/x/assemble; id"}, false},
		{{"/bin/sh", "-c", "/x/assemble\nid"}, false},
		{{"/bin/sh", "-c", "id && /x/assemble"}, false},
		{{"/bin/sh", "-c", "tar -C /tmp -xf - && id"}, false},
		{{"/bin/sh", "-c", "tar -C /tmp -xf - &&  /x/assemble"}, false},
		{{"/bin/sh", "-c", "tar -C /t$(id) -xf - && /x/assemble"}, false},
		{{"/bin/sh", "-c", "tar -C /tmp -xf - && /x/`id`/assemble"}, false},
		{{"/bin/sh", "-c", "tar -C tmp -xf - && /x/assemble"}, false},
		{{"/bin/sh", "-x", "/x/assemble"}, false},
		{{"/bin/bash", "-c", "/x/assemble"}, false},
		{{"/bin/sh", "-c", "/x/assemble", "y"}, false},
	};
	CLEAN_RULES struct s2c_rules *rules = example();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
		CLEAN_FREE char *what = xasprintf("row %zu", i);
		struct s2c_verdict verdict = {0};

		for (size_t k = 0; k < 4 && rows[i].argv[k]; k++)
			s2c_strv_add(&argv, rows[i].argv[k]);
		check(what, s2c_rules_command(&rules->subjects[1], &argv, &verdict),
			&verdict, rows[i].script ? NULL : S2C_DENY_COMMAND,
			"defaults.cmd");
		/* Her subject says `any`. */
		check(what, s2c_rules_command(&rules->subjects[0], &argv, &verdict),
			&verdict, NULL, "subjects[0].cmd");
	}
}

static void test_tag_globs(void **state)
{
	static const struct {
		const char *glob, *tag;
		bool match;
	} rows[] = {
		{"*", "x", true},
		{"*", "latest", true},
		{"latest", "latest", true},
		{"latest", "latest2", false},
		{"latest", "lates", false},
		{"v*", "v", true},
		{"v*", "v1.2", true},
		{"v*", "1v", false},
		{"*-rc", "1.0-rc", true},
		{"*-rc", "1.0-rc1", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "axxbyybzzc", true},
		{"a*b*c", "axxcyyb", false},
		{"**", "x", true},
		{"a*a*a*a*a*a*a*a*b",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (s2c_tag_glob_match(rows[i].glob, rows[i].tag) != rows[i].match)
			fail_msg("'%s' and '%s'", rows[i].glob, rows[i].tag);
}

static void test_private(void **state)
{
	CLEAN_UIDS struct s2c_uids uids = {0};
	CLEAN_STRV struct s2c_strv networks = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv volumes = S2C_STRV_INIT;
	struct s2c_private_rules asked = {
		.uid = 1234, .uids = &uids, .networks = &networks, .volumes = &volumes};
	CLEAN_RULES struct s2c_rules *rules = NULL;
	const struct s2c_subject *subject = NULL;
	struct s2c_verdict verdict = {0};
	struct s2c_reference ref = reference("any/thing:x");
	struct s2c_builder_choice choice = {.rule = NULL};
	const struct s2c_rule_push *push = NULL;
	struct s2c_limits limits;
	const char *network = NULL;

	assert_ok(s2c_uids_parse("0-10", &uids, &terr));
	s2c_strv_add(&networks, "bridge");
	s2c_strv_add(&volumes, "/srv/a:ro");
	s2c_strv_add(&volumes, "/srv/b:rw");
	rules = s2c_rules_private(&asked);
	assert_false(s2c_rules_subject(
		rules, &(struct s2c_peer){.uid = 1235, .gid = 1234}, &subject, &verdict));
	assert_false(s2c_rules_subject(
		rules, &(struct s2c_peer){.uid = 0}, &subject, &verdict));
	assert_true(s2c_rules_subject(
		rules, &(struct s2c_peer){.uid = 1234}, &subject, &verdict));
	assert_true(s2c_rules_builder(rules, subject, &ref, &choice, &verdict));
	check("builder", true, &verdict, NULL, "private/builders");
	assert_string_equal(choice.ref.repository, "any/thing");
	assert_true(s2c_rules_push(rules, subject, &ref, &push, &verdict));
	assert_null(push);
	assert_true(s2c_rules_output(rules, subject, &ref, &verdict));
	assert_true(s2c_rules_user(subject, NULL, 0, 77, &verdict));
	assert_false(s2c_rules_user(subject, NULL, 11, 77, &verdict));
	check("user", false, &verdict, S2C_DENY_USER, "private.uids");
	assert_true(s2c_rules_network(subject, NULL, NULL, &network, &verdict));
	assert_string_equal(network, "bridge");
	assert_false(s2c_rules_network(subject, NULL, "host", &network, &verdict));
	assert_true(s2c_rules_limits(
		subject, &(struct s2c_limits){.memory = 1ull << 40}, &limits, &verdict));
	assert_int_equal(limits.memory, 1ull << 40);
	assert_int_equal(limits.milli_cpus, 0);
	assert_int_equal(limits.pids, S2C_PIDS_DEFAULT);
	assert_null(rules->audit.path);
	assert_true(subject->any_host);
	assert_true(s2c_rules_volume(subject, "/srv/a", false));
	assert_true(s2c_rules_volume(subject, "/srv/b", true));
	assert_false(s2c_rules_volume(subject, "/srv/a", true));
	assert_false(s2c_rules_volume(subject, "/srv/b", false));
	assert_false(s2c_rules_volume(subject, "/srv", true));
	assert_false(s2c_rules_volume(subject, "/srv/b/c", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subject),
		cmocka_unit_test(test_special_ids),
		cmocka_unit_test(test_builder),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_output_of_others),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_tag_globs),
		cmocka_unit_test(test_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

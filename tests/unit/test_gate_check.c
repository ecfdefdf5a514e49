/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as people look at them: warnings, explanations, differences. */
#include "rules_helper.h"

#include "gate/check.h"

static struct s2c_rules *rules_of(const char *text)
{
	struct s2c_rules *rules = NULL;

	assert_ok(load_rules(text, &rules));
	return rules;
}

static void test_warnings(void **state)
{
	static const struct {
		const char *text, *lines;
	} rows[] = {
		{"{" BASE "}", "warning: there are no subjects, so all are denied\n"},
		{"{" BASE ",'subjects':[{'uid':1}]}",
			"warning: subjects[0] (uid 1) has no builders and can build "
			"nothing\n"},
		{"{" BASE ",'builders':[{'name':'a','ref':'r.e/a'},"
		 "{'name':'b','ref':'r.e/b'}],'push':[{'name':'p','to':'r.e/**'}],"
		 "'subjects':[{'gid':5,'builders':['a']},{'uid':5,'builders':['a']}]}",
			"warning: subjects[1] (uid 5) comes behind a group: if the user "
			"is in it, the group decides\n"
			"warning: builder 'b' is of no subject\n"
			"warning: push rule 'p' is of no subject\n"},
		{"{" BASE ",'builders':[{'name':'a','ref':'r.e/a'}],"
		 "'subjects':[{'uid':5,'builders':['a']},{'gid':5,'builders':['a']}]}",
			""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_RULES struct s2c_rules *rules = rules_of(rows[i].text);
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(65536);

		s2c_check_warnings(rules, &out);
		assert_string_equal(s2c_buf_str(&out), rows[i].lines);
	}
}

static void test_explain(void **state)
{
	static const struct {
		struct s2c_peer peer;
		const char *builder, *push;
		bool yes;
		const char *parts[4];
	} rows[] = {
		{{.uid = 1000}, NULL, NULL, true,
			{"subject: subjects[0] (user alice)\n",
				"may build with registry.example/builder/python (pinned) "
				"only as " DIGEST_A "\n",
				"may push to registry.example/team/** (team)\n",
				"  memory          4294967296  (subjects[0])\n"}},
		{{.uid = 1000}, NULL, NULL, true,
			{"  uids            1001,100000-165535  (defaults)\n",
				"  cmd             any  (subjects[0])\n",
				"  networks        none,egress  (defaults)\n",
				"  deadline        1800s  (defaults)\n"}},
		{{.uid = 7, .gid = 7}, "ruby", NULL, false,
			{"subject: denied by subjects: subject_unknown: no subject of "
			 "the policy is user 7 or one of its groups\n"}},
		{{.uid = 1000}, "ruby", NULL, true,
			{"builder: allowed by subjects[0]/builders.tagged\n"
			 "  image     registry.example/builder/ruby:latest\n"
			 "  user      5000\n"
			 "  network   build\n"}},
		{{.uid = 1000}, "ruby:1", NULL, false,
			{"builder: denied by subjects[0]/builders.tagged: "
			 "image_not_allowed: builder 'tagged' is not allowed with tag "
			 "'1'\n"}},
		{{.uid = 1000}, NULL, "registry.example/team/x:v1", true,
			{"push: allowed by subjects[0]/push.team\n"
			 "  auth      /etc/s2c/team.json\n"}},
		{{.uid = 1000}, "ruby", "r.e/x", false,
			{"builder: allowed", "push: denied by subjects[0]/push: "
					     "output_not_allowed: user alice may not "
					     "push to 'r.e/x'\n"}},
		{{.uid = 1000}, "ruby:1", "registry.example/team/x:v1", false,
			{"builder: denied", "push: allowed"}},
	};
	CLEAN_RULES struct s2c_rules *rules = rules_of(EXAMPLE);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(65536);
		struct s2c_reference builder, push;
		struct s2c_explain_query query = {.builder = NULL};

		if (rows[i].builder) {
			assert_ok(s2c_reference_parse(rows[i].builder, &builder, &terr));
			query.builder = &builder;
		}
		if (rows[i].push) {
			assert_ok(s2c_reference_parse(rows[i].push, &push, &terr));
			query.push = &push;
		}
		assert_int_equal(
			s2c_explain(rules, &rows[i].peer, &query, &out), rows[i].yes);
		for (size_t k = 0; k < 4 && rows[i].parts[k]; k++)
			if (!strstr(s2c_buf_str(&out), rows[i].parts[k]))
				fail_msg("row %zu lacks '%s':\n%s", i, rows[i].parts[k],
					s2c_buf_str(&out));
	}
}

#define TWO                                                                              \
	"'builders':[{'name':'a','ref':'r.e/a'},{'name':'b','ref':'r.e/b'}],"            \
	"'push':[{'name':'p','to':'r.e/p/**','auth':'/k'}],"

static void test_diff(void **state)
{
	static const struct {
		const char *before, *after, *lines;
	} rows[] = {
		/* Written otherwise, the same. */
		{"{" BASE "," TWO
		 "'subjects':[{'uid':1000,'builders':['a'],'push':['p']},"
		 "{'group':'team'}]}",
			"{'subjects':[{'push':['q'],'builders':['x'],'user':'alice'},"
			"{'gid':2000}],'push':[{'to':'r.e/p/**','name':'q','auth':'/k'}],"
			"'builders':[{'name':'y','ref':'r.e/b'},{'name':'x',"
			"'ref':'r.e/a'}]," BASE "}",
			""},
		{"{" BASE ",'defaults':{'memory':'1Gi'},'subjects':[{'uid':1}]}",
			"{" BASE ",'subjects':[{'uid':1,'memory':'1024Mi'}]}", ""},
		{"{" BASE ",'subjects':[{'uid':1,'uids':['5-9']}]}",
			"{" BASE ",'subjects':[{'uid':1,'uids':[9,'5-8']}]}", ""},
		/* Rights. */
		{"{" BASE "," TWO "'subjects':[{'uid':1,'builders':['a']}]}",
			"{" BASE "," TWO
			"'subjects':[{'uid':1,'builders':['b'],'push':['p']}]}",
			"uid 1 loses builder r.e/a\n"
			"uid 1 gains builder r.e/b\n"
			"uid 1 gains push to r.e/p/** with credentials of /k\n"},
		{"{" BASE ",'builders':[{'name':'a','ref':'r.e/a'}],"
		 "'subjects':[{'uid':1,'builders':['a']}]}",
			"{" BASE
			",'builders':[{'name':'a','ref':'r.e/a','digest':'" DIGEST_A
			"','tags':['v*','w'],'uid':7,'network':'n'}],"
			"'subjects':[{'uid':1,'builders':['a']}]}",
			"uid 1 loses builder r.e/a\n"
			"uid 1 gains builder r.e/a@" DIGEST_A
			" with tags v*,w as user 7 on network n\n"},
		{"{" BASE "," TWO "'subjects':[{'uid':1,'builders':['a','b']}]}",
			"{" BASE "," TWO "'subjects':[{'uid':1,'builders':['b','a']}]}",
			"uid 1: its rules come in another order\n"},
		/* Subjects. */
		{"{" BASE "," TWO "'subjects':[{'uid':1,'builders':['a']}]}",
			"{" BASE "," TWO "'subjects':[{'gid':1,'builders':['a']}]}",
			"uid 1 is gone\nuid 1 loses builder r.e/a\n"
			"gid 1 is new\ngid 1 gains builder r.e/a\n"},
		{"{" BASE ",'subjects':[{'uid':1},{'gid':1}]}",
			"{" BASE ",'subjects':[{'gid':1},{'uid':1}]}",
			"subjects come in another order: who is several of them may be "
			"another one\n"},
		{"{" BASE ",'subjects':[{'socket':'/a'}]}",
			"{" BASE ",'subjects':[{'socket':'/b'}]}",
			"socket /a is gone\nsocket /b is new\n"},
		/* Values: of whom, and in which direction. */
		{"{" BASE ",'subjects':[{'uid':1},{'uid':2,'memory':'2Gi'}]}",
			"{" BASE ",'defaults':{'memory':'4Gi'},"
			"'subjects':[{'uid':1},{'uid':2,'memory':'1Gi'}]}",
			"uid 1: memory from 2147483648 to 4294967296 (more)\n"
			"uid 2: memory from 2147483648 to 1073741824 (less)\n"},
		{"{" BASE ",'subjects':[{'uid':1,'cmd':'any','client_auth':'deny'}]}",
			"{" BASE
			",'subjects':[{'uid':1,'cmd':'s2i','client_auth':'allow'}]}",
			"uid 1: cmd from any to s2i (less)\n"
			"uid 1: client_auth from deny to allow (more)\n"},
		{"{" BASE ",'subjects':[{'uid':1,'uids':['5-9',20]}]}",
			"{" BASE ",'subjects':[{'uid':1,'uids':['1-6','7-30']}]}",
			"uid 1: uids from 5-9,20 to 1-6,7-30 (more)\n"},
		{"{" BASE ",'subjects':[{'uid':1,'uids':['5-9']}]}",
			"{" BASE ",'subjects':[{'uid':1,'uids':['6-10']}]}",
			"uid 1: uids from 5-9 to 6-10 (other)\n"},
		{"{" BASE ",'subjects':[{'uid':1,'networks':['a','b']}]}",
			"{" BASE ",'subjects':[{'uid':1,'networks':['b','a']}]}",
			"uid 1: networks from a,b to b,a (the same, the first is "
			"another)\n"},
		{"{" BASE ",'subjects':[{'uid':1,'networks':['a','b']}]}",
			"{" BASE ",'subjects':[{'uid':1,'networks':['a']}]}",
			"uid 1: networks from a,b to a (less)\n"},
		{"{" BASE ",'subjects':[{'uid':1,'entrypoint':'image'}]}",
			"{" BASE ",'subjects':[{'uid':1,'entrypoint':'clear'}]}",
			"uid 1: entrypoint from image to clear (other)\n"},
		/* The gate, and what is for all. */
		{"{" BASE "}",
			"{'version':1,'audit':{'path':'/b','fsync':'never'},"
			"'upstream':{'socket':'/s'},'sandbox':'best-effort'}",
			"gate: upstream.socket (none) becomes /s\n"
			"gate: audit.path /var/log/audit becomes /b\n"
			"gate: audit.fsync denials becomes never\n"
			"gate: sandbox require becomes best-effort\n"},
		{"{" BASE "," TWO "'aliases':{'x':'a'}}",
			"{" BASE "," TWO "'aliases':{'x':'b'}}",
			"everybody loses alias x of builder r.e/a\n"
			"everybody gains alias x of builder r.e/b\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_RULES struct s2c_rules *before = rules_of(rows[i].before);
		CLEAN_RULES struct s2c_rules *after = rules_of(rows[i].after);
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(65536);
		bool same = s2c_rules_diff(before, after, &out);

		if (!streq(s2c_buf_str(&out), rows[i].lines))
			fail_msg("row %zu:\n%s", i, s2c_buf_str(&out));
		assert_int_equal(same, !*rows[i].lines);
		s2c_buf_clear(&out);
		assert_true(s2c_rules_diff(after, after, &out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_diff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the gate's policy: what is taken, and the sentence for everything else. */
#include "rules_helper.h"

static void test_example(void **state)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;
	const struct s2c_subject *alice, *team;

	assert_ok(load_rules(EXAMPLE, &rules));
	assert_string_equal(rules->upstream.socket, "/run/docker.sock");
	assert_int_equal(rules->upstream.flavor, S2C_FLAVOR_DOCKER);
	assert_int_equal(rules->upstream.owner_uid, 0);
	assert_string_equal(rules->audit.path, "/var/log/audit");
	assert_int_equal(rules->audit.fsync, S2C_AUDIT_DENIALS);
	assert_true(rules->sandbox_required);
	assert_null(rules->metrics_socket);
	assert_int_equal(rules->n_builders, 5);
	assert_string_equal(rules->builders[0].digest.str, DIGEST_A);
	assert_int_equal(rules->builders[1].uid, 5000);
	assert_int_equal(rules->n_subjects, 5);
	alice = &rules->subjects[0];
	team = &rules->subjects[1];
	assert_int_equal(alice->id, 1000);
	assert_int_equal(alice->values.memory, 4ull << 30);
	assert_int_equal(team->values.memory, 1ull << 30);
	assert_int_equal(team->values.milli_cpus, 1500);
	assert_int_equal(alice->values.command, S2C_COMMAND_ANY);
	assert_int_equal(team->values.command, S2C_COMMAND_S2I);
	assert_int_equal(team->values.source_bytes, 1ull << 30);
	assert_int_equal(team->n_pushes, 2);
	assert_int_equal(team->pushes[0], 1);
}

/* Every value by itself, and what it reads as. */
static void test_values(void **state)
{
	static const struct {
		const char *text, *key, *formatted;
	} rows[] = {
		{"'uids':[1001]", "uids", "1001"},
		{"'uids':['1-5',7]", "uids", "1-5,7"},
		{"'uids':['1-']", "uids", "1-"},
		{"'gids':['0-']", "gids", "0-"},
		{"'networks':['none','build-egress']", "networks", "none,build-egress"},
		{"'memory':'2Gi'", "memory", "2147483648"},
		{"'memory':'512m'", "memory", "536870912"},
		{"'memory':'1T'", "memory", "1099511627776"},
		{"'cpus':2.0", "cpus", "2.000"},
		{"'cpus':0.25", "cpus", "0.250"},
		{"'cpus':'1.5'", "cpus", "1.500"},
		{"'pids':100", "pids", "100"},
		{"'deadline':'90s'", "deadline", "90s"},
		{"'deadline':'30m'", "deadline", "1800s"},
		{"'deadline':'24h'", "deadline", "86400s"},
		{"'deadline':'7d'", "deadline", "604800s"},
		{"'containers':9", "containers", "9"},
		{"'source_bytes':'10Mi'", "source_bytes", "10485760"},
		{"'source_entries':77", "source_entries", "77"},
		{"'log_bytes':'1Ki'", "log_bytes", "1024"},
		{"'copy_out_bytes':'2Ki'", "copy_out_bytes", "2048"},
		{"'env_vars':0", "env_vars", "0"},
		{"'env_bytes':'64Ki'", "env_bytes", "65536"},
		{"'entrypoint':'clear'", "entrypoint", "clear"},
		{"'cmd':'any'", "cmd", "any"},
		{"'client_auth':'allow'", "client_auth", "allow"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_RULES struct s2c_rules *rules = NULL;
		CLEAN_FREE char *text = xasprintf("{" BASE ",'defaults':{%s},"
						  "'subjects':[{'uid':7},{'uid':8,%s}]}",
			rows[i].text, rows[i].text);
		bool found = false;

		assert_ok(load_rules(text, &rules));
		for (size_t k = 0; k < s2c_n_value_fields; k++) {
			const struct s2c_value_field *field = &s2c_value_fields[k];
			CLEAN_FREE char *a = s2c_value_format(field, &rules->defaults);
			CLEAN_FREE char *b = s2c_value_format(
				field, &rules->subjects[0].values);
			CLEAN_FREE char *c = s2c_value_format(
				field, &rules->subjects[1].values);
			bool own = streq(field->key, rows[i].key);

			assert_string_equal(a, b);
			assert_string_equal(a, c);
			if (own)
				assert_string_equal(a, rows[i].formatted);
			assert_int_equal(rules->subjects[1].own >> k & 1, own);
			found = found || own;
		}
		assert_int_equal(rules->subjects[0].own, 0);
		assert_true(found);
	}
}

/* What a policy without a word about it means. */
static void test_defaults(void **state)
{
	static const char *const normal[] = {"1001", "0,1001", "none", "2147483648",
		"2.000", "512", "1800s", "4", "1073741824", "200000", "67108864",
		"1073741824", "256", "262144", "image", "s2i", "deny"};
	CLEAN_RULES struct s2c_rules *rules = NULL;

	assert_ok(load_rules("{" BASE "}", &rules));
	assert_int_equal(s2c_n_value_fields, ARRAY_SIZE(normal));
	for (size_t i = 0; i < s2c_n_value_fields; i++) {
		CLEAN_FREE char *text = s2c_value_format(
			&s2c_value_fields[i], &rules->defaults);

		assert_string_equal(text, normal[i]);
	}
	assert_int_equal(rules->n_subjects, 0);
	assert_int_equal(rules->limits.connections, 128);
	assert_int_equal(rules->limits.header_timeout, 10);
	assert_null(rules->upstream.socket);
}

static void test_settings(void **state)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;

	assert_ok(load_rules(
		"{'version':1,'audit':{'path':'/a/b','fsync':'always','max':'1Mi'},"
		"'upstream':{'socket':'/run/podman/podman.sock','owner_uid':12,"
		"'flavor':'podman'},'metrics':{'socket':'/run/m.sock'},"
		"'sandbox':'best-effort','limits':{'connections':3,"
		"'connections_per_user':2,'containers':1,'header_timeout':'5s'}}",
		&rules));
	assert_int_equal(rules->audit.fsync, S2C_AUDIT_ALWAYS);
	assert_int_equal(rules->audit.max, 1 << 20);
	assert_int_equal(rules->upstream.owner_uid, 12);
	assert_int_equal(rules->upstream.flavor, S2C_FLAVOR_PODMAN);
	assert_string_equal(rules->metrics_socket, "/run/m.sock");
	assert_false(rules->sandbox_required);
	assert_int_equal(rules->limits.connections, 3);
	assert_int_equal(rules->limits.connections_per_user, 2);
	assert_int_equal(rules->limits.containers, 1);
	assert_int_equal(rules->limits.header_timeout, 5);
}

static const struct {
	const char *text, *part;
} bad[] = {
	/* The whole. */
	{"[]", "it must be a map of keys and values"},
	{"{}", "'version' is missing"},
	{"{'version':1}", "'audit' is missing"},
	{"{'version':2,'audit':{'path':'/a'}}", "version: it must be 1"},
	{"{'version':'1','audit':{'path':'/a'}}", "version: it must be 1"},
	{"{'version':1.0,'audit':{'path':'/a'}}", "version: it must be 1"},
	{"{" BASE ",'bulders':[]}", "key 'bulders' is not known"},
	{"{" BASE ",'Builders':[]}", "'Builders'"},
	{"{" BASE ",'builders':null}", "key 'builders' has no value"},
	{"{" BASE ",'builders':{}}", "builders: it must be a list"},
	{"{" BASE ",'subjects':'all'}", "subjects: it must be a list"},
	{"{" BASE ",'cache':{}}", "key 'cache' is not known"},
	/* Upstream, limits, audit, metrics, sandbox. */
	{"{" BASE ",'upstream':'/run/docker.sock'}", "upstream: it must be a map"},
	{"{" BASE ",'upstream':{'url':'tcp://x'}}", "upstream: key 'url' is not known"},
	{"{" BASE ",'upstream':{'socket':'run/x'}}", "upstream: socket: 'run/x' must be"},
	{"{" BASE ",'upstream':{'socket':'/run/../x'}}", "must be an absolute path"},
	{"{" BASE ",'upstream':{'socket':'/run/./x'}}", "must be an absolute path"},
	{"{" BASE ",'upstream':{'socket':'/run//x'}}", "must be an absolute path"},
	{"{" BASE ",'upstream':{'socket':'/run/x/'}}", "must be an absolute path"},
	{"{" BASE ",'upstream':{'socket':'/a\\nb'}}", "holds a control character"},
	{"{" BASE ",'upstream':{'socket':7}}", "'socket' must be a string"},
	{"{" BASE ",'upstream':{'socket':"
	 "'/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}",
		"of at most 107 bytes"},
	{"{" BASE ",'upstream':{'owner_uid':-1}}", "owner_uid: it must be a whole"},
	{"{" BASE ",'upstream':{'owner_uid':'0'}}", "owner_uid: it must be a whole"},
	{"{" BASE ",'upstream':{'flavor':'rkt'}}",
		"upstream: flavor: it must be one of: auto, docker, podman"},
	{"{" BASE ",'limits':{'connections':0}}",
		"limits: connections: it must be a whole number from 1 to 4096"},
	{"{" BASE ",'limits':{'connections':'9'}}", "connections: it must be a whole"},
	{"{" BASE ",'limits':{'containers':1.5}}", "containers: it must be a whole"},
	{"{" BASE ",'limits':{'header_timeout':10}}",
		"header_timeout: it must be a time with its unit"},
	{"{" BASE ",'limits':{'header_timeout':'0s'}}", "it must be 1s to 600s"},
	{"{" BASE ",'limits':{'memory':'1Gi'}}", "limits: key 'memory' is not known"},
	{"{'version':1,'audit':{}}", "audit: 'path' is missing"},
	{"{'version':1,'audit':{'path':'/a','fsync':true}}", "audit: fsync: it must be"},
	{"{'version':1,'audit':{'path':'/a','max':1048576}}", "max: it must be a size"},
	{"{'version':1,'audit':{'path':'/a','max':'1Ki'}}", "max: it must be 64Ki"},
	{"{" BASE ",'metrics':{}}", "metrics: 'socket' is missing"},
	{"{" BASE ",'sandbox':true}", "sandbox: it must be one of: best-effort, require"},
	/* Values. */
	{"{" BASE ",'defaults':{'memroy':'1Gi'}}", "defaults: key 'memroy'"},
	{"{" BASE ",'defaults':{'user':'alice'}}", "defaults: key 'user'"},
	{"{" BASE ",'defaults':{'memory':1073741824}}", "memory: it must be a size with"},
	{"{" BASE ",'defaults':{'memory':'1073741824'}}", "'1073741824' is no size"},
	{"{" BASE ",'defaults':{'memory':'1Gb'}}", "'1Gb' is no size"},
	{"{" BASE ",'defaults':{'memory':'1gi'}}", "'1gi' is no size"},
	{"{" BASE ",'defaults':{'memory':'-1Gi'}}", "'-1Gi' is no size"},
	{"{" BASE ",'defaults':{'memory':'i'}}", "'i' is no size"},
	{"{" BASE ",'defaults':{'memory':''}}", "'' is no size"},
	{"{" BASE ",'defaults':{'memory':'99999999999999Ti'}}", "is no size"},
	{"{" BASE ",'defaults':{'memory':'1Ki'}}", "memory: it must be 8388608 to"},
	{"{" BASE ",'defaults':{'memory':'0Mi'}}", "memory: it must be 8388608 to"},
	{"{" BASE ",'defaults':{'deadline':'30'}}", "'30' is no time"},
	{"{" BASE ",'defaults':{'deadline':'m'}}", "'m' is no time"},
	{"{" BASE ",'defaults':{'deadline':'1h30m'}}", "'1h30m' is no time"},
	{"{" BASE ",'defaults':{'deadline':'99999999999999999999s'}}", "is no time"},
	{"{" BASE ",'defaults':{'deadline':'0s'}}", "deadline: it must be 1 to 604800"},
	{"{" BASE ",'defaults':{'deadline':'8d'}}", "deadline: it must be 1 to 604800"},
	{"{" BASE ",'defaults':{'cpus':true}}", "cpus: it must be a number of CPUs"},
	{"{" BASE ",'defaults':{'cpus':'2x'}}", "cpus: '2x' is no number of CPUs"},
	{"{" BASE ",'defaults':{'cpus':0}}", "cpus: '0' is no number of CPUs"},
	{"{" BASE ",'defaults':{'cpus':1e2}}", "is no number of CPUs"},
	{"{" BASE ",'defaults':{'pids':0}}", "pids: it must be a whole number from 16"},
	{"{" BASE ",'defaults':{'pids':-1}}", "pids: it must be a whole number from 16"},
	{"{" BASE ",'defaults':{'uids':'1001'}}", "uids: it must be a list of 1 to"},
	{"{" BASE ",'defaults':{'uids':[]}}", "uids: it must be a list of 1 to"},
	{"{" BASE ",'defaults':{'uids':['']}}", "uids: [0] is no range"},
	{"{" BASE ",'defaults':{'uids':[1,'2,3']}}", "uids: [1] is no range"},
	{"{" BASE ",'defaults':{'uids':[true]}}", "uids: [0] is no range"},
	{"{" BASE ",'defaults':{'uids':['5-2']}}", "'5-2'"},
	{"{" BASE ",'defaults':{'uids':[1.5]}}", "'1.5'"},
	{"{" BASE ",'defaults':{'uids':[-1]}}", "user 0 (root) never builds"},
	{"{" BASE ",'defaults':{'uids':[0]}}", "uids: user 0 (root) never builds"},
	{"{" BASE ",'defaults':{'uids':[5,'0-3']}}", "user 0 (root) never builds"},
	{"{" BASE ",'defaults':{'networks':'none'}}", "networks: it must be a list"},
	{"{" BASE ",'defaults':{'networks':[]}}", "networks: it must be a list of 1"},
	{"{" BASE ",'defaults':{'networks':['host']}}", "'host' can be no network"},
	{"{" BASE ",'defaults':{'networks':['default']}}", "'default' can be no"},
	{"{" BASE ",'defaults':{'networks':['container:x']}}", "is no name of a network"},
	{"{" BASE ",'defaults':{'networks':['ns:/proc']}}", "is no name of a network"},
	{"{" BASE ",'defaults':{'networks':['']}}", "'' is no name of a network"},
	{"{" BASE ",'defaults':{'networks':['-x']}}", "'-x' is no name of a network"},
	{"{" BASE ",'defaults':{'networks':['a','a']}}", "'a' is there twice"},
	{"{" BASE ",'defaults':{'networks':[1]}}", "networks: [0] is no text"},
	{"{" BASE ",'defaults':{'cmd':'sh'}}", "cmd: it must be one of: s2i, any"},
	{"{" BASE ",'defaults':{'entrypoint':null}}", "'entrypoint' has no value"},
	{"{" BASE ",'defaults':{'client_auth':true}}", "client_auth: it must be one of"},
	/* Builders. */
	{"{" BASE ",'builders':['x']}", "builders[0]: it must be a map"},
	{"{" BASE ",'builders':[{}]}", "builders[0]: 'name' is missing"},
	{"{" BASE ",'builders':[{'name':'a b','ref':'r.e/x'}]}",
		"name: 'a b' is no name"},
	{"{" BASE ",'builders':[{'name':'','ref':'r.e/x'}]}", "name: '' is no name"},
	{"{" BASE ",'builders':[{'name':'a'}]}", "builders[0]: 'ref' is missing"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x'},{'name':'a','ref':'r.e/y'}]}",
		"builders[1]: name 'a' is that of [0]"},
	{"{" BASE ",'builders':[{'name':'a','ref':'python'}]}", "has no registry"},
	{"{" BASE ",'builders':[{'name':'a','ref':'team/python'}]}", "has no registry"},
	{"{" BASE ",'builders':[{'name':'a','ref':'*.e/python'}]}",
		"a registry cannot have a '*'"},
	{"{" BASE ",'builders':[{'name':'a','ref':'**/x'}]}", "cannot have a '*'"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/py*'}]}", "only be a whole"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/***'}]}", "only be a whole"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/**/x'}]}", "only be the last"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x:1'}]}",
		"neither tag nor digest"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x@" DIGEST_A "'}]}",
		"neither tag nor digest"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/X'}]}", "in lower case"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e//x'}]}", "is empty"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/'}]}", "is missing"},
	{"{" BASE ",'builders':[{'name':'a','ref':'https://r.e/x'}]}",
		"must not have a scheme"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/*','digest':'" DIGEST_A "'}]}",
		"digest: one image has it"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','digest':'sha256:1'}]}",
		"builders[0]: digest: "},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','tags':[]}]}",
		"tags: it is empty"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','tags':'*'}]}",
		"tags: it must be a list"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','tags':['[a]']}]}",
		"tags: '[a]' is no pattern of tags"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','tags':['']}]}",
		"'' is no pattern of tags"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','tags':[3]}]}",
		"tags: [0] is no text"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','uid':0}]}",
		"uid: it must be a whole number from 1"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','network':'host'}]}",
		"network: 'host' can be no network"},
	{"{" BASE ",'builders':[{'name':'a','ref':'r.e/x','require_signature':'/k'}]}",
		"key 'require_signature' is not known"},
	/* Aliases. */
	{"{" BASE ",'aliases':['x']}", "aliases: it must be a map"},
	{"{" BASE ",'aliases':{'x':'a'}}", "aliases: 'x': 'a' is no name of 'builders'"},
	{"{" BASE ",'aliases':{'x':null}}", "it must be a name of 'builders'"},
	{"{" BASE ",'aliases':{'r.e/x':'a'}}", "an alias is a name without registry"},
	{"{" BASE ",'aliases':{'x:1':'a'}}", "an alias is a name without registry"},
	{"{" BASE ",'aliases':{'X':'a'}}", "in lower case"},
	{"{" BASE ",'aliases':{'x':'a'},'builders':[{'name':'a','ref':'r.e/*'}]}",
		"is a pattern of several images"},
	{"{" BASE ",'aliases':{'x':'a','library/x':'a'},"
	 "'builders':[{'name':'a','ref':'r.e/x'}]}",
		"'library/x' is there twice"},
	/* Push. */
	{"{" BASE ",'push':[{'name':'a','to':'team'}]}", "push[0]: to: 'team' has no"},
	{"{" BASE ",'push':[{'to':'r.e/**'}]}", "push[0]: 'name' is missing"},
	{"{" BASE ",'push':[{'name':'a','to':'r.e/**','auth':'team.json'}]}",
		"auth: 'team.json' must be an absolute path"},
	{"{" BASE ",'push':[{'name':'a','to':'r.e/**','tags':['^a$']}]}",
		"'^a$' is no pattern of tags"},
	{"{" BASE ",'push':[{'name':'a','to':'r.e/**'},{'name':'a','to':'r.e/x'}]}",
		"push[1]: name 'a' is that of [0]"},
	/* Subjects. */
	{"{" BASE ",'subjects':[{}]}", "subjects[0]: one of user, uid, group, gid and"},
	{"{" BASE ",'subjects':[{'user':'alice','uid':1000}]}",
		"'user' and 'uid' exclude each other"},
	{"{" BASE ",'subjects':[{'user':'carol'}]}",
		"subjects[0]: user: 'carol' is not known on this host"},
	{"{" BASE ",'subjects':[{'group':'alice'}]}", "group: 'alice' is not known"},
	{"{" BASE ",'subjects':[{'user':1000}]}", "an id is written 'uid'"},
	{"{" BASE ",'subjects':[{'group':true}]}", "an id is written 'gid'"},
	{"{" BASE ",'subjects':[{'user':''}]}", "user: a name has 1 to 64 bytes"},
	{"{" BASE ",'subjects':[{'uid':'alice'}]}", "uid: it must be a whole number"},
	{"{" BASE ",'subjects':[{'uid':4294967295}]}", "uid: it must be a whole number"},
	{"{" BASE ",'subjects':[{'gid':65534}]}",
		"subjects[0]: gid 65534: 65534 is what every group of another"},
	{"{" BASE ",'subjects':[{'uid':-1}]}", "uid: it must be a whole number"},
	{"{" BASE ",'subjects':[{'socket':'ci.sock'}]}", "must be an absolute path"},
	{"{" BASE ",'subjects':[{'socket':7}]}", "'socket' must be a string"},
	{"{" BASE ",'subjects':[{'uid':1000},{'user':'alice'}]}",
		"subjects[1]: user alice is [0] already"},
	{"{" BASE ",'subjects':[{'socket':'/a'},{'socket':'/a'}]}",
		"subjects[1]: socket /a is [0] already"},
	{"{" BASE ",'subjects':[{'uid':1,'builders':['x']}]}",
		"subjects[0]: builders: 'x' is no name of 'builders'"},
	{"{" BASE ",'subjects':[{'uid':1,'builders':['*']}]}", "'*' is no name of"},
	{"{" BASE ",'subjects':[{'uid':1,'builders':'x'}]}", "builders: it must be a"},
	{"{" BASE ",'subjects':[{'uid':1,'builders':[1]}]}", "builders: [0] is no text"},
	{"{" BASE ",'subjects':[{'uid':1,'builders':['a','a']}],"
	 "'builders':[{'name':'a','ref':'r.e/x'}]}",
		"builders: 'a' is there twice"},
	{"{" BASE ",'subjects':[{'uid':1,'push':['r.e/**']}]}",
		"push: 'r.e/**' is no name of 'push'"},
	{"{" BASE ",'subjects':[{'uid':1,'uids':[0]}]}", "subjects[0]: uids: user 0"},
	{"{" BASE ",'subjects':[{'uid':1,'memory':'2x'}]}",
		"subjects[0]: memory: '2x' is no size"},
	{"{" BASE ",'subjects':[{'uid':1,'privileged':true}]}",
		"subjects[0]: key 'privileged' is not known"},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_rules *rules = NULL;

		if (load_rules(bad[i].text, &rules) == 0)
			fail_msg("taken: %s", bad[i].text);
		if (!strstr(s2c_error_message(terr), bad[i].part))
			fail_with_error(bad[i].text, __FILE__, __LINE__);
		assert_null(strstr(s2c_error_message(terr), "test's own text"));
		s2c_error_free(TAKE(terr));
		assert_null(rules);
	}
}

static void test_many(void **state)
{
	CLEAN_RULES struct s2c_rules *rules = NULL;
	struct s2c_buf text = S2C_BUF_INIT(SIZE_MAX / 2);
	CLEAN_FREE char *full = NULL, *over = NULL;

	s2c_buf_must_printf(&text, "{" BASE ",'subjects':[{'uid':0}");
	for (int i = 1; i < S2C_RULES_ENTRIES_MAX; i++)
		s2c_buf_must_printf(&text, ",{'uid':%d}", i);
	full = xasprintf("%s]}", s2c_buf_str(&text));
	over = xasprintf("%s,{'uid':5000}]}", s2c_buf_str(&text));
	s2c_buf_release(&text);
	assert_ok(load_rules(full, &rules));
	assert_int_equal(rules->n_subjects, S2C_RULES_ENTRIES_MAX);
	s2c_rules_free(TAKE(rules));
	assert_fails(load_rules(over, &rules), S2C_ELIMIT, "more than 1024 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

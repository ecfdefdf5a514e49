/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of engines, word by word, and that anything else is noticed. */
#include "helper.h"

#include "gate/template.h"
#include "gate_helper.h"

#define ID "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static void quote(char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			*text = '"';
}

/* JSON with ' for ". */
static struct s2c_json *json_of(const char *quoted)
{
	CLEAN_FREE char *text = xstrdup(quoted);
	struct s2c_json *root = NULL;

	quote(text);
	assert_ok(s2c_json_parse(
		text, strlen(text), (struct s2c_json_limits){0}, &root, &terr));
	return root;
}

/* A spec with its lists. */
struct made {
	struct s2c_gate_spec spec;
	struct s2c_strv env, cmd, entrypoint, labels;
};

static void make(struct made *made)
{
	*made = (struct made){0};
	s2c_strv_add(&made->env, "A=\"1\"\n2");
	s2c_strv_add(&made->cmd, "/usr/libexec/s2i/assemble");
	s2c_strv_add(&made->cmd, "it's");
	s2c_strv_add(&made->labels, "HostConfig");
	s2c_strv_add(&made->labels, "}],{");
	made->spec = (struct s2c_gate_spec){.image = ID,
		.uid = 1001,
		.gid = 7,
		.env = &made->env,
		.cmd = &made->cmd,
		.entrypoint = &made->entrypoint,
		.workdir = "/w",
		.network = "none",
		.limits = {.memory = 1ull << 30, .milli_cpus = 1500, .pids = 512},
		.log_bytes = 1048576,
		.labels = &made->labels};
}

static void made_release(struct made *made)
{
	s2c_strv_release(&made->env);
	s2c_strv_release(&made->cmd);
	s2c_strv_release(&made->entrypoint);
	s2c_strv_release(&made->labels);
}

static void test_create(void **state)
{
	static const char golden[] =
		"{'Image':'" ID "','User':'1001:7','Env':['A=\\'1\\'\\n2'],"
		"'Cmd':['/usr/libexec/s2i/assemble','it`s'],'Entrypoint':[],"
		"'WorkingDir':'/w','Tty':false,'OpenStdin':true,'StdinOnce':true,"
		"'AttachStdin':true,'AttachStdout':true,'AttachStderr':true,"
		"'Healthcheck':{'Test':['NONE']},'Labels':{'HostConfig':'}],{'},"
		"'HostConfig':{'RestartPolicy':{'Name':'no','MaximumRetryCount':0},"
		"'Binds':[],'NetworkMode':'none','Privileged':false,'CapAdd':[],"
		"'CapDrop':['ALL'],'SecurityOpt':['no-new-privileges'],'PidMode':'',"
		"'IpcMode':'private','UTSMode':'','UsernsMode':'',"
		"'CgroupnsMode':'private','AutoRemove':false,'PublishAllPorts':false,"
		"'PortBindings':{},'GroupAdd':[],'MaskedPaths':null,"
		"'ReadonlyPaths':null,"
		"'Memory':1073741824,'MemorySwap':1073741824,'NanoCpus':1500000000,"
		"'PidsLimit':512,'ShmSize':67108864,'LogConfig':{'Config':{"
		"'max-size':'1048576','max-file':'1'},'Type':'json-file'}}}";
	CLEAN(made_release) struct made made;
	CLEAN_FREE char *wanted = xstrdup(golden);

	make(&made);
	CLEAN_JSON struct s2c_json *root = s2c_gate_template_create(&made.spec);
	CLEAN_FREE char *text = s2c_json_print(root, S2C_JSON_COMPACT);
	quote(wanted);
	*strchr(wanted, '`') = '\'';
	assert_string_equal(text, wanted);
	/* The image's own entrypoint is asked for by saying nothing of one. */
	made.spec.entrypoint = NULL;
	CLEAN_JSON struct s2c_json *other = s2c_gate_template_create(&made.spec);
	assert_null(s2c_json_get(other, "Entrypoint"));
}

/* What dockerd and podman say of that container. */
static const char dockerd[] =
	"{'Image':'" ID "','Config':{'User':'1001:7','Env':['A=\\'1\\'\\n2'],"
	"'Cmd':['/usr/libexec/s2i/assemble','it`s'],'Entrypoint':null,"
	"'WorkingDir':'/w','Tty':false},'HostConfig':{'Binds':[],"
	"'NetworkMode':'none','Privileged':false,'CapAdd':null,'CapDrop':['ALL'],"
	"'SecurityOpt':['no-new-privileges'],'PidMode':'','UTSMode':'',"
	"'UsernsMode':'','GroupAdd':[],'Devices':[],'DeviceCgroupRules':null,"
	"'VolumesFrom':null,'PortBindings':{},'PublishAllPorts':false,"
	"'AutoRemove':false,'CgroupParent':'','Cgroup':'','ExtraHosts':null,"
	"'Links':null,'Sysctls':null,'IpcMode':'private','Tmpfs':null}}";
static const char podman[] =
	"{'Image':'1111111111111111111111111111111111111111111111111111111111111111',"
	"'EffectiveCaps':[],'Config':{'User':'1001:7','Env':['A=\\'1\\'\\n2'],"
	"'Cmd':['/usr/libexec/s2i/assemble','it`s'],'Entrypoint':[],"
	"'WorkingDir':'/w'},'HostConfig':{'Binds':[],'NetworkMode':'none',"
	"'Privileged':false,'CapAdd':[],'CapDrop':['CAP_CHOWN','CAP_KILL'],"
	"'SecurityOpt':['no-new-privileges'],'PortBindings':{'80/tcp':null}}}";

static struct s2c_json *inspect(const char *text)
{
	CLEAN_FREE char *copy = xstrdup(text);
	struct s2c_json *root = NULL;

	quote(copy);
	*strchr(copy, '`') = '\'';
	assert_ok(s2c_json_parse(
		copy, strlen(copy), (struct s2c_json_limits){0}, &root, &terr));
	return root;
}

static void test_check(void **state)
{
	CLEAN(made_release) struct made made;
	CLEAN_JSON struct s2c_json *a = inspect(dockerd);
	CLEAN_JSON struct s2c_json *b = inspect(podman);

	make(&made);
	assert_ok(s2c_gate_template_check(&made.spec, a, &terr));
	assert_ok(s2c_gate_template_check(&made.spec, b, &terr));
}

/* Every single thing that could be otherwise. */
static void test_check_finds(void **state)
{
	static const struct {
		const char *object, *field, *value;
	} rows[] = {
		{"HostConfig", "Binds", "['/:/h']"},
		{"HostConfig", "Mounts", "[{'Type':'bind'}]"},
		{"HostConfig", "CapAdd", "['CAP_SYS_ADMIN']"},
		{"HostConfig", "CapDrop", "[]"},
		{"HostConfig", "CapDrop", "null"},
		{"HostConfig", "CapDrop", "['KILL']"},
		{"HostConfig", "CapDrop", "['ALL','x']"},
		{"HostConfig", "SecurityOpt", "null"},
		{"HostConfig", "SecurityOpt", "[]"},
		{"HostConfig", "SecurityOpt", "['no-new-privileges','label=disable']"},
		{"HostConfig", "SecurityOpt", "['no-new-privileges=false']"},
		{"HostConfig", "NetworkMode", "'host'"},
		{"HostConfig", "NetworkMode", "null"},
		{"HostConfig", "Privileged", "true"},
		{"HostConfig", "Privileged", "1"},
		{"HostConfig", "PidMode", "'host'"},
		{"HostConfig", "IpcMode", "'host'"},
		{"HostConfig", "IpcMode", "'container:x'"},
		{"HostConfig", "UTSMode", "'host'"},
		{"HostConfig", "UsernsMode", "'host'"},
		{"HostConfig", "GroupAdd", "['0']"},
		{"HostConfig", "Devices", "[{}]"},
		{"HostConfig", "DeviceRequests", "[{}]"},
		{"HostConfig", "DeviceCgroupRules", "['a']"},
		{"HostConfig", "VolumesFrom", "['x']"},
		{"HostConfig", "PortBindings", "{'80/tcp':[]}"},
		{"HostConfig", "PortBindings", "{'80/tcp':null,'81/tcp':[{}]}"},
		{"HostConfig", "PortBindings", "[null]"},
		{"HostConfig", "PortBindings", "'80/tcp'"},
		{"HostConfig", "PublishAllPorts", "true"},
		{"HostConfig", "AutoRemove", "true"},
		{"HostConfig", "Sysctls", "{'a':'b'}"},
		{"HostConfig", "Cgroup", "'x'"},
		{"HostConfig", "CgroupParent", "'/x'"},
		{"HostConfig", "ExtraHosts", "['a:b']"},
		{"HostConfig", "Links", "['a']"},
		{"HostConfig", "Tmpfs", "{'/x':''}"},
		{"HostConfig", "MaskedPaths", "[]"},
		{"HostConfig", "ReadonlyPaths", "[]"},
		{"Config", "User", "'0:0'"},
		{"Config", "User", "'1001'"},
		{"Config", "User", "null"},
		{"Config", "Tty", "true"},
		{"Config", "Cmd", "['/usr/libexec/s2i/assemble']"},
		{"Config", "Cmd", "['/usr/libexec/s2i/assemble','it`s','more']"},
		{"Config", "Cmd", "null"},
		{"Config", "Entrypoint", "['/bin/sh']"},
		{"Config", "WorkingDir", "'/proc/self/fd/7'"},
		{NULL, "Image", "'sha256:2222'"},
		{NULL, "Image", "null"},
		{NULL, "HostConfig", "null"},
		{NULL, "HostConfig", "[]"},
		{NULL, "Config", "null"},
	};
	CLEAN(made_release) struct made made;

	make(&made);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *root = inspect(dockerd);
		CLEAN_FREE char *value = xasprintf("[%s]", rows[i].value);
		struct s2c_json *where = rows[i].object ? s2c_json_object_at(
								  root, rows[i].object)
							: root;
		CLEAN_JSON struct s2c_json *list = json_of(value);

		s2c_json_set(where, rows[i].field, s2c_json_copy(s2c_json_first(list)));
		if (s2c_gate_template_check(&made.spec, root, &terr) == 0)
			fail_msg("%s: %s is not noticed", rows[i].field, rows[i].value);
		assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
		s2c_error_free(TAKE(terr));
	}
	/* Capabilities that are left, though some were dropped. */
	CLEAN_JSON struct s2c_json *root = inspect(podman);
	s2c_json_add_str(s2c_json_array_at(root, "EffectiveCaps"), "CAP_CHOWN");
	assert_fails(
		s2c_gate_template_check(&made.spec, root, &terr), S2C_EPROTO, "CapDrop");
}

/* Mounts and hosts of a build: there as asked, or it is noticed. */
static void test_check_mounts(void **state)
{
	CLEAN(made_release) struct made made;
	CLEAN_STRV struct s2c_strv binds = S2C_STRV_INIT, hosts = S2C_STRV_INIT;
	CLEAN_JSON struct s2c_json *root = inspect(dockerd), *body = NULL;
	struct s2c_json *host = s2c_json_object_at(root, "HostConfig");
	struct s2c_json *mount = s2c_json_new_object();

	make(&made);
	s2c_strv_add(&binds, "/a:/b:ro");
	s2c_strv_add(&hosts, "db:192.0.2.1");
	made.spec.binds = &binds;
	made.spec.extra_hosts = &hosts;
	body = s2c_gate_template_create(&made.spec);
	const struct s2c_json *asked = s2c_json_get(body, "HostConfig");
	assert_string_equal(
		s2c_json_str(s2c_json_first(s2c_json_get(asked, "Binds"))), "/a:/b:ro");
	assert_string_equal(
		s2c_json_str(s2c_json_first(s2c_json_get(asked, "ExtraHosts"))),
		"db:192.0.2.1");
	assert_fails(s2c_gate_template_check(&made.spec, root, &terr), S2C_EPROTO,
		"ExtraHosts");
	s2c_json_set_strv(host, "ExtraHosts", &hosts);
	assert_fails(
		s2c_gate_template_check(&made.spec, root, &terr), S2C_EPROTO, "Binds");
	s2c_json_set_strv(host, "Binds", &binds);
	assert_ok(s2c_gate_template_check(&made.spec, root, &terr));
	s2c_json_set_str(mount, "Type", "bind");
	s2c_json_set_str(mount, "Source", "/a");
	s2c_json_set_str(mount, "Destination", "/b");
	s2c_json_set_bool(mount, "RW", false);
	s2c_json_add(s2c_json_array_at(root, "Mounts"), mount);
	assert_ok(s2c_gate_template_check(&made.spec, root, &terr));
	s2c_json_set_bool(mount, "RW", true);
	assert_fails(
		s2c_gate_template_check(&made.spec, root, &terr), S2C_EPROTO, "Mounts");
	s2c_json_set_bool(mount, "RW", false);
	s2c_json_add_str(s2c_json_array_at(host, "Binds"), "/:/host:ro");
	assert_fails(
		s2c_gate_template_check(&made.spec, root, &terr), S2C_EPROTO, "Binds");
}

/* ---- the file of hosts ---- */

#define HOSTS_FILE "/usr/share/s2c/hosts"

static void test_hosts(void **state)
{
	static const char mount[] = "'NetworkDisabled':true,'Tty':false,'OpenStdin':true";
	static const char asked[] = "'Mounts':[{'Type':'bind','Source':'" HOSTS_FILE
				    "','Target':'/etc/hosts','ReadOnly':true}]}}";
	CLEAN(made_release) struct made made;

	make(&made);
	CLEAN_JSON struct s2c_json *without = s2c_gate_template_create(&made.spec);
	assert_null(s2c_json_get(without, "NetworkDisabled"));
	assert_null(s2c_json_get(s2c_json_get(without, "HostConfig"), "Mounts"));
	made.spec.hosts = HOSTS_FILE;
	CLEAN_JSON struct s2c_json *with = s2c_gate_template_create(&made.spec);
	CLEAN_FREE char *text = s2c_json_print(with, S2C_JSON_COMPACT);
	for (char *at = text; *at; at++)
		*at = *at == '"' ? '\'' : *at;
	assert_non_null(strstr(text, mount));
	assert_non_null(strstr(text, asked));
}

/* The mount as an engine shows it: what it was asked for, and what it made. */
static void test_check_hosts(void **state)
{
#define ASKED                                                                            \
	"{'Type':'bind','Source':'" HOSTS_FILE "','Target':'/etc/"                       \
	"hosts','ReadOnly':true}"
#define MADE                                                                             \
	"{'Type':'bind','Source':'" HOSTS_FILE                                           \
	"','Destination':'/etc/hosts','Mode':'','RW':false,'Propagation':'rprivate'}"
	static const struct {
		const char *hosts, *asked, *made;
		bool fine;
	} rows[] = {
		{HOSTS_FILE, "[" ASKED "]", "[" MADE "]", true},
		{HOSTS_FILE, "[" ASKED "]", "[]", true},
		{NULL, "[" ASKED "]", "[" MADE "]", false},
		{NULL, "[]", "[" MADE "]", false},
		{HOSTS_FILE, "[]", "[]", false},
		{HOSTS_FILE, "null", "[" MADE "]", false},
		{HOSTS_FILE, "[" ASKED "," ASKED "]", "[" MADE "]", false},
		{HOSTS_FILE, "[" ASKED ",{}]", "[" MADE "]", false},
		{HOSTS_FILE, "[" ASKED "]", "[" MADE ",{'Type':'bind'}]", false},
		{"/etc/passwd", "[" ASKED "]", "[" MADE "]", false},
		{HOSTS_FILE,
			"[{'Type':'bind','Source':'" HOSTS_FILE
			"','Target':'/etc/hosts'}]",
			"[]", false},
		{HOSTS_FILE,
			"[{'Type':'bind','Source':'" HOSTS_FILE
			"','Target':'/etc/hosts','ReadOnly':false}]",
			"[]", false},
		{HOSTS_FILE,
			"[{'Type':'bind','Source':'/','Target':'/etc/hosts','ReadOnly':"
			"true}]",
			"[]", false},
		{HOSTS_FILE,
			"[{'Type':'bind','Source':'" HOSTS_FILE
			"','Target':'/etc','ReadOnly':true}]",
			"[]", false},
		{HOSTS_FILE, "[" ASKED "]",
			"[{'Type':'bind','Source':'" HOSTS_FILE
			"','Destination':'/etc/hosts','RW':true}]",
			false},
		{HOSTS_FILE, "[" ASKED "]",
			"[{'Type':'bind','Source':'" HOSTS_FILE
			"','Destination':'/etc/hosts'}]",
			false},
		{HOSTS_FILE, "[" ASKED "]",
			"[{'Type':'bind','Source':'/etc/shadow','Destination':'/etc/"
			"hosts','RW':false}]",
			false},
	};
	CLEAN(made_release) struct made made;

	make(&made);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *root = inspect(dockerd);
		CLEAN_FREE char *value = xasprintf(
			"[%s,%s]", rows[i].asked, rows[i].made);
		CLEAN_JSON struct s2c_json *both = json_of(value);
		const struct s2c_json *asked = s2c_json_first(both);

		made.spec.hosts = rows[i].hosts;
		s2c_json_set(s2c_json_object_at(root, "HostConfig"), "Mounts",
			s2c_json_copy(asked));
		s2c_json_set(root, "Mounts", s2c_json_copy(s2c_json_next(asked)));
		int rc = s2c_gate_template_check(&made.spec, root, &terr);
		if ((rc == 0) != rows[i].fine)
			fail_msg("row %zu: %s", i, rc == 0 ? "passes" : "does not pass");
		if (rc < 0)
			assert_non_null(strstr(s2c_error_message(terr), "Mounts"));
		s2c_error_free(TAKE(terr));
	}
}

/* ---- commit ---- */

static void commit_ask(struct s2c_gate_ask *ask)
{
	*ask = (struct s2c_gate_ask){.op = S2C_GATE_COMMIT, .has_entrypoint = 1};
	ask->user = xstrdup("1001");
	ask->workdir = xstrdup("/w");
	ask->stop_signal = xstrdup("SIGTERM");
	s2c_strv_add(&ask->env, "A=b \"c\" \\ $d");
	s2c_strv_add(&ask->cmd, "/usr/libexec/s2i/run");
	s2c_strv_add(&ask->cmd, "with \"quotes\"\nand a line");
	s2c_strv_add(&ask->labels, "io.k8s.display-name");
	s2c_strv_add(&ask->labels, "My App");
	s2c_strv_add(&ask->ports, "8080/tcp");
	s2c_strv_add(&ask->volumes, "/data");
}

static void test_commit(void **state)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_FREE char *wanted = xstrdup(
		"{'User':'1001','Env':['A=b \\'c\\' \\\\ $d'],"
		"'Cmd':['/usr/libexec/s2i/run','with \\'quotes\\'\\nand a line'],"
		"'Entrypoint':[],'WorkingDir':'/w','StopSignal':'SIGTERM',"
		"'Labels':{'io.k8s.display-name':'My App'},"
		"'ExposedPorts':{'8080/tcp':{}},'Volumes':{'/data':{}}}");

	commit_ask(&ask);
	quote(wanted);
	CLEAN_JSON struct s2c_json *root = s2c_gate_template_commit(&ask);
	CLEAN_FREE char *text = s2c_json_print(root, S2C_JSON_COMPACT);
	assert_string_equal(text, wanted);
	CLEAN_GATE_ASK struct s2c_gate_ask nothing = {0};
	CLEAN_JSON struct s2c_json *empty = s2c_gate_template_commit(&nothing);
	CLEAN_FREE char *none = s2c_json_print(empty, S2C_JSON_COMPACT);
	assert_string_equal(none, "{}");
}

static void test_changes(void **state)
{
	static const char *const wanted[] = {"USER 1001", "WORKDIR /w",
		"CMD [\"/usr/libexec/s2i/run\",\"with \\\"quotes\\\"\\nand a line\"]",
		"ENTRYPOINT []", "STOPSIGNAL SIGTERM", "ENV A=b \"c\" \\ $d",
		"LABEL io.k8s.display-name=My App", "EXPOSE 8080/tcp", "VOLUME /data"};
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;

	commit_ask(&ask);
	assert_ok(s2c_gate_template_changes(&ask, &lines, &terr));
	assert_int_equal(lines.len, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < lines.len; i++)
		assert_string_equal(lines.items[i], wanted[i]);
}

/* What podman's lines have no words for. */
static void own_ask(struct s2c_gate_ask *ask)
{
	s2c_strv_add(&ask->health, "CMD");
	s2c_strv_add(&ask->health, "x y");
	ask->health_interval = 3000000000;
	ask->health_retries = 2;
	s2c_strv_add(&ask->shell, "/bin/sh");
	ask->no_triggers = 1;
}

static void test_own_commit(void **state)
{
	static const struct {
		const char *text; /* of a Config; the first is right */
		const char *differs;
	} rows[] = {
		{"{'Healthcheck':{'Test':['CMD','x y'],'Interval':3000000000,"
		 "'Timeout':7,'Retries':2},'Shell':['/bin/sh'],'OnBuild':null}",
			NULL},
		{"{'Healthcheck':{'Test':['NONE'],'Interval':3000000000,'Retries':2},"
		 "'Shell':['/bin/sh']}",
			"Healthcheck"},
		{"{'Healthcheck':{'Test':['CMD','x y'],'Interval':3000000000},"
		 "'Shell':['/bin/sh']}",
			"Healthcheck"},
		{"{'Shell':['/bin/sh']}", "Healthcheck"},
		{"{'Healthcheck':{'Test':['CMD','x y'],'Interval':3000000000,"
		 "'Retries':2},'Shell':null}",
			"Shell"},
		{"{'Healthcheck':{'Test':['CMD','x y'],'Interval':3000000000,"
		 "'Retries':2},'Shell':['/bin/sh'],'OnBuild':['RUN x']}",
			"OnBuild"},
	};
	CLEAN_FREE char *wanted = xstrdup(
		"{'Healthcheck':{'Test':['CMD','x y'],'Interval':3000000000,"
		"'Retries':2},'Shell':['/bin/sh']}");
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0}, shell = {0};
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;

	own_ask(&ask);
	quote(wanted);
	CLEAN_JSON struct s2c_json *root = s2c_gate_template_commit(&ask);
	CLEAN_FREE char *text = s2c_json_print(root, S2C_JSON_COMPACT);
	assert_string_equal(text, wanted);
	assert_fails(s2c_gate_template_changes(&ask, &lines, &terr), S2C_EINVAL,
		"cannot commit a HEALTHCHECK");
	s2c_strv_add(&shell.shell, "/bin/sh");
	assert_fails(s2c_gate_template_changes(&shell, &lines, &terr), S2C_EINVAL,
		"cannot commit a SHELL");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *document = xasprintf("{'Config':%s}", rows[i].text);
		CLEAN_JSON struct s2c_json *inspect = json_of(document);

		if (rows[i].differs)
			assert_fails(s2c_gate_template_check_commit(&ask, inspect, &terr),
				S2C_EPROTO, rows[i].differs);
		else
			assert_ok(s2c_gate_template_check_commit(&ask, inspect, &terr));
	}
}

/* Engines take away the container's command with its entrypoint; podman has to be told.
 */
static void test_entrypoint_alone(void **state)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {.has_entrypoint = 1};
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;
	CLEAN_JSON struct s2c_json *good = json_of(
		"{'Config':{'Entrypoint':['./run'],'Cmd':null}}");
	CLEAN_JSON struct s2c_json *bad = json_of(
		"{'Config':{'Entrypoint':['./run'],'Cmd':['of the container']}}");

	s2c_strv_add(&ask.entrypoint, "./run");
	assert_ok(s2c_gate_template_changes(&ask, &lines, &terr));
	assert_int_equal(lines.len, 2);
	assert_string_equal(lines.items[0], "CMD []");
	assert_string_equal(lines.items[1], "ENTRYPOINT [\"./run\"]");
	assert_ok(s2c_gate_template_check_commit(&ask, good, &terr));
	assert_fails(s2c_gate_template_check_commit(&ask, bad, &terr), S2C_EPROTO, "Cmd");
}

/* podman writes the number of a signal; it is the same one. */
static void test_stop_signal(void **state)
{
	static const struct {
		const char *asked, *is;
		bool same;
	} rows[] = {{"SIGINT", "2", true}, {"int", "SIGINT", true},
		{"RTMIN+3", "37", true}, {"SIGINT", "15", false}, {"SIGINT", "", false},
		{"odd", "odd", true}, {"odd", "2", false}, {"odd", "other", false}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
		CLEAN_FREE char *document = xasprintf(
			"{'Config':{'StopSignal':'%s'}}", rows[i].is);
		CLEAN_JSON struct s2c_json *inspect = json_of(document);

		ask.stop_signal = xstrdup(rows[i].asked);
		if (rows[i].same)
			assert_ok(s2c_gate_template_check_commit(&ask, inspect, &terr));
		else
			assert_fails(s2c_gate_template_check_commit(&ask, inspect, &terr),
				S2C_EPROTO, "StopSignal");
	}
}

/* A value that would be another line, or another word of its line. */
static void test_changes_refused(void **state)
{
	static const struct {
		const char *env, *label, *value, *port, *volume, *user, *workdir;
	} rows[] = {
		{.env = "A=b\nUSER root"},
		{.env = "A=b\rUSER root"},
		{.env = "A\nUSER root=b"},
		{.env = "A B=c"},
		{.env = "A\"B=c"},
		{.env = "novalue"},
		{.env = "=x"},
		{.label = "a", .value = "x\ny"},
		{.label = "a b", .value = "x"},
		{.label = "a\nUSER 0", .value = "x"},
		{.label = "a=b", .value = "x"},
		{.label = "a$b", .value = "x"},
		{.label = "", .value = "x"},
		{.port = "80/tcp 90/tcp"},
		{.port = "$PATH"},
		{.volume = "/a /b"},
		{.volume = "[\"/a\"]"},
		{.volume = "/a\nUSER 0"},
		{.user = "1 2"},
		{.user = "$HOME"},
		{.workdir = "/a\nUSER 0"},
		{.workdir = "/$HOME"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
		CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;

		if (rows[i].env)
			s2c_strv_add(&ask.env, rows[i].env);
		if (rows[i].label) {
			s2c_strv_add(&ask.labels, rows[i].label);
			s2c_strv_add(&ask.labels, rows[i].value);
		}
		if (rows[i].port)
			s2c_strv_add(&ask.ports, rows[i].port);
		if (rows[i].volume)
			s2c_strv_add(&ask.volumes, rows[i].volume);
		if (rows[i].user)
			ask.user = xstrdup(rows[i].user);
		if (rows[i].workdir)
			ask.workdir = xstrdup(rows[i].workdir);
		if (s2c_gate_template_changes(&ask, &lines, &terr) == 0)
			fail_msg("row %zu: %s", i, lines.items[0]);
		assert_int_equal(s2c_error_code(terr), S2C_EINVAL);
		s2c_error_free(TAKE(terr));
	}
}

static void test_check_commit(void **state)
{
	static const struct {
		const char *field, *value;
	} rows[] = {
		{"User", "'0'"},
		{"User", "null"},
		{"Cmd", "['x']"},
		{"Cmd", "null"},
		{"Entrypoint", "['/bin/sh']"},
		{"WorkingDir", "'/x'"},
		{"Env", "['B=c']"},
		{"Env", "null"},
		{"Labels", "{}"},
		{"Labels", "{'io.k8s.display-name':'Other'}"},
		{"StopSignal", "'SIGKILL'"},
		{"ExposedPorts", "null"},
		{"Volumes", "{'/other':{}}"},
	};
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};

	commit_ask(&ask);
	for (size_t i = 0; i <= ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *root = s2c_json_new_object();

		s2c_json_set(root, "Config", s2c_gate_template_commit(&ask));
		/* Engines add what the builder image has. */
		s2c_json_add_str(
			s2c_json_array_at(s2c_json_object_at(root, "Config"), "Env"),
			"PATH=/bin");
		if (i == ARRAY_SIZE(rows)) {
			assert_ok(s2c_gate_template_check_commit(&ask, root, &terr));
			break;
		}
		CLEAN_FREE char *value = xasprintf("[%s]", rows[i].value);
		CLEAN_JSON struct s2c_json *list = json_of(value);
		s2c_json_set(s2c_json_object_at(root, "Config"), rows[i].field,
			s2c_json_copy(s2c_json_first(list)));
		if (s2c_gate_template_check_commit(&ask, root, &terr) == 0)
			fail_msg("%s: %s is not noticed", rows[i].field, rows[i].value);
		s2c_error_free(TAKE(terr));
	}
	CLEAN_JSON struct s2c_json *nothing = s2c_json_new_object();
	assert_fails(s2c_gate_template_check_commit(&ask, nothing, &terr), S2C_EPROTO,
		"Config");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_finds),
		cmocka_unit_test(test_check_mounts),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_check_hosts),
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_own_commit),
		cmocka_unit_test(test_entrypoint_alone),
		cmocka_unit_test(test_stop_signal),
		cmocka_unit_test(test_changes_refused),
		cmocka_unit_test(test_check_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

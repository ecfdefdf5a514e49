/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of create and commit: what clients send, and every field that could do harm. */
#include "helper.h"

#include "gate/filter.h"
#include "gate_helper.h"

struct result {
	struct s2c_gate_ask ask;
	enum s2c_gate_code code;
	int rc;
};

static void filter(enum s2c_gate_body kind, const char *text, struct result *out)
{
	*out = (struct result){.code = S2C_GATE_OK};
	out->ask.op = kind == S2C_GATE_BODY_CREATE ? S2C_GATE_CREATE : S2C_GATE_COMMIT;
	out->ask.method = xstrdup("POST");
	out->rc = s2c_gate_filter(kind, text, strlen(text), &out->ask, &out->code, &terr);
	if (out->rc == 0) {
		CLEAN_BUF struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);
		CLEAN_GATE_ASK struct s2c_gate_ask again = {0};

		/* What is accepted here is an ask for the core as well. */
		assert_ok(s2c_gate_ask_encode(&out->ask, &bytes, &terr));
		assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr));
		return;
	}
	assert_non_null(out->ask.detail);
	s2c_error_free(TAKE(terr));
}

/* With ' for ". */
static char *quoted(const char *text)
{
	char *out = xstrdup(text);

	for (char *p = out; *p; p++)
		if (*p == '\'')
			*p = '"';
	return out;
}

static void takes(enum s2c_gate_body kind, const char *text, struct result *out)
{
	CLEAN_FREE char *json = quoted(text);

	filter(kind, json, out);
	if (out->rc < 0)
		fail_msg("%s: %s %s", text, s2c_gate_code_name(out->code),
			out->ask.detail);
}

static void refuses(enum s2c_gate_body kind, const char *text, enum s2c_gate_code code)
{
	CLEAN_FREE char *json = quoted(text);
	struct result r;

	filter(kind, json, &r);
	if (r.rc == 0 || r.code != code)
		fail_msg("%s: %s %s", text, s2c_gate_code_name(r.code),
			r.ask.detail ? r.ask.detail : "");
	s2c_gate_ask_release(&r.ask);
}

/* What the docker client 28 sends for `docker create`. */
static const char cli[] =
	"{'Hostname':'','Domainname':'','User':'1001','AttachStdin':true,"
	"'AttachStdout':true,'AttachStderr':true,'Tty':false,'OpenStdin':true,"
	"'StdinOnce':true,'Env':['A=1'],'Cmd':['/usr/libexec/s2i/assemble'],"
	"'Image':'builder/bb','Volumes':{},'WorkingDir':'','Entrypoint':null,"
	"'OnBuild':null,'Labels':{'a':'b'},'HostConfig':{'Binds':null,"
	"'ContainerIDFile':'','LogConfig':{'Type':'','Config':{}},"
	"'NetworkMode':'default','PortBindings':{},'RestartPolicy':{'Name':'no',"
	"'MaximumRetryCount':0},'AutoRemove':false,'VolumeDriver':'','VolumesFrom':null,"
	"'ConsoleSize':[24,80],'CapAdd':null,'CapDrop':null,'CgroupnsMode':'','Dns':[],"
	"'DnsOptions':[],'DnsSearch':[],'ExtraHosts':null,'GroupAdd':null,'IpcMode':'',"
	"'Cgroup':'','Links':null,'OomScoreAdj':0,'PidMode':'','Privileged':false,"
	"'PublishAllPorts':false,'ReadonlyRootfs':false,'SecurityOpt':null,'UTSMode':'',"
	"'UsernsMode':'','ShmSize':0,'Isolation':'','CpuShares':0,'Memory':1073741824,"
	"'NanoCpus':1500000000,'CgroupParent':'','BlkioWeight':0,'BlkioWeightDevice':[],"
	"'BlkioDeviceReadBps':[],'BlkioDeviceWriteBps':[],'BlkioDeviceReadIOps':[],"
	"'BlkioDeviceWriteIOps':[],'CpuPeriod':0,'CpuQuota':0,'CpuRealtimePeriod':0,"
	"'CpuRealtimeRuntime':0,'CpusetCpus':'','CpusetMems':'','Devices':[],"
	"'DeviceCgroupRules':null,'DeviceRequests':null,'MemoryReservation':0,"
	"'MemorySwap':0,'MemorySwappiness':-1,'OomKillDisable':false,'PidsLimit':0,"
	"'Ulimits':[],'CpuCount':0,'CpuPercent':0,'IOMaximumIOps':0,"
	"'IOMaximumBandwidth':0,'MaskedPaths':null,'ReadonlyPaths':null},"
	"'NetworkingConfig':{'EndpointsConfig':{'default':{'IPAMConfig':null,"
	"'Links':null,'Aliases':null,'DriverOpts':null,'GwPriority':0,'NetworkID':'',"
	"'EndpointID':'','Gateway':'','IPAddress':'','MacAddress':'','IPPrefixLen':0,"
	"'IPv6Gateway':'','GlobalIPv6Address':'','GlobalIPv6PrefixLen':0,"
	"'DNSNames':null}}}}";

/* And what S2I sends. */
static const char s2i[] =
	"{'Hostname':'','Domainname':'','User':'1001','AttachStdin':false,"
	"'AttachStdout':true,'AttachStderr':false,'Tty':false,'OpenStdin':true,"
	"'StdinOnce':true,'Env':['APP_NAME=x','B=c d'],'Cmd':['/bin/sh','-c',"
	"'tar -C /tmp -xf - && /usr/libexec/s2i/assemble'],"
	"'Image':'docker.io/builder/bb:latest','Volumes':null,'WorkingDir':'',"
	"'Entrypoint':null,'OnBuild':null,'Labels':null,'HostConfig':{'Binds':null,"
	"'ContainerIDFile':'','LogConfig':{'Type':'','Config':null},'NetworkMode':'',"
	"'PortBindings':null,'RestartPolicy':{'Name':'','MaximumRetryCount':0},"
	"'AutoRemove':false,'VolumeDriver':'','VolumesFrom':null,'CapAdd':null,"
	"'CapDrop':['KILL','MKNOD','SETGID','SETUID'],'CgroupnsMode':'','Dns':null,"
	"'DnsOptions':null,'DnsSearch':null,'ExtraHosts':null,'GroupAdd':null,"
	"'IpcMode':'','Cgroup':'','Links':null,'OomScoreAdj':0,'PidMode':'',"
	"'Privileged':false,'PublishAllPorts':false,'ReadonlyRootfs':false,"
	"'SecurityOpt':null,'UTSMode':'','UsernsMode':'','ShmSize':67108864,"
	"'ConsoleSize':[0,0],'Isolation':'','CpuShares':0,'Memory':0,'NanoCpus':0,"
	"'CgroupParent':'','BlkioWeight':0,'BlkioWeightDevice':null,"
	"'BlkioDeviceReadBps':null,'BlkioDeviceWriteBps':null,"
	"'BlkioDeviceReadIOps':null,'BlkioDeviceWriteIOps':null,'CpuPeriod':0,"
	"'CpuQuota':0,'CpuRealtimePeriod':0,'CpuRealtimeRuntime':0,'CpusetCpus':'',"
	"'CpusetMems':'','Devices':null,'DeviceCgroupRules':null,'DeviceRequests':null,"
	"'KernelMemory':0,'KernelMemoryTCP':0,'MemoryReservation':0,'MemorySwap':0,"
	"'MemorySwappiness':null,'OomKillDisable':null,'PidsLimit':null,'Ulimits':null,"
	"'CpuCount':0,'CpuPercent':0,'IOMaximumIOps':0,'IOMaximumBandwidth':0,"
	"'MaskedPaths':null,'ReadonlyPaths':null},'NetworkingConfig':null}";

static void test_clients(void **state)
{
	struct result r;

	takes(S2C_GATE_BODY_CREATE, cli, &r);
	assert_string_equal(r.ask.image, "builder/bb");
	assert_string_equal(r.ask.user, "1001");
	assert_string_equal(r.ask.network, "default");
	assert_null(r.ask.workdir);
	assert_int_equal(r.ask.has_entrypoint, 0);
	assert_int_equal(r.ask.memory, 1073741824);
	assert_int_equal(r.ask.nano_cpus, 1500000000);
	assert_int_equal(r.ask.labels.len, 2);
	s2c_gate_ask_release(&r.ask);
	takes(S2C_GATE_BODY_CREATE, s2i, &r);
	assert_int_equal(r.ask.cmd.len, 3);
	assert_string_equal(r.ask.env.items[1], "B=c d");
	assert_null(r.ask.network);
	s2c_gate_ask_release(&r.ask);
	takes(S2C_GATE_BODY_COMMIT,
		"{'User':'1001','Env':['A=b'],'Cmd':['/usr/libexec/s2i/run'],"
		"'Entrypoint':[],'Labels':{'io.k8s.display-name':'x'},"
		"'ExposedPorts':{'8080/tcp':{}},'Volumes':{'/data':{}},"
		"'StopSignal':'SIGTERM','Image':'x'}",
		&r);
	assert_int_equal(r.ask.has_entrypoint, 1);
	assert_int_equal(r.ask.entrypoint.len, 0);
	assert_string_equal(r.ask.ports.items[0], "8080/tcp");
	assert_string_equal(r.ask.volumes.items[0], "/data");
	assert_string_equal(r.ask.stop_signal, "SIGTERM");
	assert_null(r.ask.image);
	s2c_gate_ask_release(&r.ask);
	takes(S2C_GATE_BODY_COMMIT, "", &r);
	s2c_gate_ask_release(&r.ask);
	takes(S2C_GATE_BODY_COMMIT, "null", &r);
	s2c_gate_ask_release(&r.ask);
}

/* A build's own gate hands mounts and hosts on, and nothing else more. */
static void test_own_fields(void **state)
{
	static const char text[] = "{'Image':'x','HostConfig':{'Binds':['/a:/b:ro'],"
				   "'ExtraHosts':['a:192.0.2.1','b:::1']}}";
	struct result r;

	takes(S2C_GATE_BODY_CREATE_OWN, text, &r);
	assert_int_equal(r.ask.binds.len, 1);
	assert_string_equal(r.ask.binds.items[0], "/a:/b:ro");
	assert_int_equal(r.ask.hosts.len, 2);
	assert_string_equal(r.ask.hosts.items[1], "b:::1");
	s2c_gate_ask_release(&r.ask);
	refuses(S2C_GATE_BODY_CREATE, text, S2C_GATE_FIELD_DENIED);
	refuses(S2C_GATE_BODY_CREATE_OWN, "{'HostConfig':{'Binds':'/a:/b'}}",
		S2C_GATE_JSON_TYPE);
	refuses(S2C_GATE_BODY_CREATE_OWN, "{'HostConfig':{'Mounts':[{}]}}",
		S2C_GATE_FIELD_DENIED);
	refuses(S2C_GATE_BODY_CREATE_OWN, "{'HostConfig':{'Privileged':true}}",
		S2C_GATE_FIELD_DENIED);
	refuses(S2C_GATE_BODY_CREATE_OWN, "{'HostConfig':{'Tmpfs':{'/x':''}}}",
		S2C_GATE_FIELD_DENIED);
}

/* And so for the image of a build: a health check, a shell, and triggers that go. */
static void test_own_commit(void **state)
{
	static const char text[] =
		"{'Healthcheck':{'Test':['CMD','x'],'Interval':3000000000,'Timeout':1,"
		"'StartPeriod':2,'Retries':4},'Shell':['/bin/sh','-ec'],'OnBuild':[],"
		"'StopSignal':'SIGINT'}";
	static const struct {
		const char *text;
		enum s2c_gate_code code;
	} rows[] = {
		{"{'OnBuild':['RUN x']}", S2C_GATE_FIELD_DENIED},
		{"{'OnBuild':['']}", S2C_GATE_FIELD_DENIED},
		{"{'OnBuild':'RUN x'}", S2C_GATE_JSON_TYPE},
		{"{'Healthcheck':{'Interval':-1}}", S2C_GATE_FIELD_VALUE},
		{"{'Healthcheck':{'Retries':-1}}", S2C_GATE_FIELD_VALUE},
		{"{'Healthcheck':{'Interval':1e9}}", S2C_GATE_JSON_SYNTAX},
		{"{'Healthcheck':{'Interval':'3s'}}", S2C_GATE_JSON_TYPE},
		{"{'Healthcheck':{'Test':'x'}}", S2C_GATE_JSON_TYPE},
		{"{'Healthcheck':{'test':['CMD','x']}}", S2C_GATE_KEY_CASE},
		{"{'Healthcheck':{'StartInterval':5}}", S2C_GATE_FIELD_UNKNOWN},
		{"{'Healthcheck':{'Test':['CMD','\\u0001']}}", S2C_GATE_FIELD_VALUE},
		{"{'Healthcheck':['x']}", S2C_GATE_JSON_TYPE},
		{"{'Shell':'/bin/sh'}", S2C_GATE_JSON_TYPE},
		{"{'shell':['/bin/sh']}", S2C_GATE_KEY_CASE},
		{"{'Tty':true}", S2C_GATE_FIELD_DENIED},
		{"{'HostConfig':{'Privileged':true}}", S2C_GATE_FIELD_UNKNOWN},
	};
	struct result r;

	takes(S2C_GATE_BODY_COMMIT_OWN, text, &r);
	assert_int_equal(r.ask.health.len, 2);
	assert_string_equal(r.ask.health.items[1], "x");
	assert_int_equal(r.ask.health_interval, 3000000000);
	assert_int_equal(r.ask.health_timeout, 1);
	assert_int_equal(r.ask.health_start_period, 2);
	assert_int_equal(r.ask.health_retries, 4);
	assert_int_equal(r.ask.shell.len, 2);
	assert_int_equal(r.ask.no_triggers, 1);
	s2c_gate_ask_release(&r.ask);
	takes(S2C_GATE_BODY_COMMIT_OWN, "{'OnBuild':null,'Healthcheck':null}", &r);
	assert_int_equal(r.ask.no_triggers, 0);
	assert_int_equal(r.ask.health.len, 0);
	s2c_gate_ask_release(&r.ask);
	takes(S2C_GATE_BODY_COMMIT_OWN, "null", &r);
	s2c_gate_ask_release(&r.ask);
	refuses(S2C_GATE_BODY_COMMIT, text, S2C_GATE_FIELD_DENIED);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuses(S2C_GATE_BODY_COMMIT_OWN, rows[i].text, rows[i].code);
}

/* Fields of HostConfig that ask for something; each in all spellings of a value. */
static void test_host_fields(void **state)
{
	static const struct {
		const char *name, *value;
	} denied[] = {
		{"Privileged", "true"},
		{"Binds", "['/:/host']"},
		{"Binds", "['']"},
		{"Mounts", "[{'Type':'bind','Source':'/','Target':'/h'}]"},
		{"Mounts", "[{}]"},
		{"VolumesFrom", "['x']"},
		{"VolumeDriver", "'local'"},
		{"Tmpfs", "{'/x':''}"},
		{"StorageOpt", "{'size':'1'}"},
		{"Devices", "[{'PathOnHost':'/dev/sda'}]"},
		{"DeviceRequests", "[{}]"},
		{"DeviceCgroupRules", "['a *:* rwm']"},
		{"CapAdd", "['SYS_ADMIN']"},
		{"CapAdd", "['']"},
		{"Capabilities", "['ALL']"},
		{"PidMode", "'host'"},
		{"PidMode", "'container:x'"},
		{"PidMode", "'private'"},
		{"IpcMode", "'host'"},
		{"IpcMode", "'container:x'"},
		{"IpcMode", "'Private'"},
		{"UTSMode", "'host'"},
		{"UsernsMode", "'host'"},
		{"CgroupnsMode", "'host'"},
		{"Cgroup", "'x'"},
		{"CgroupParent", "'/x'"},
		{"Links", "['a:b']"},
		{"Dns", "['1.1.1.1']"},
		{"DnsOptions", "['x']"},
		{"DnsSearch", "['x']"},
		{"ExtraHosts", "['a:1']"},
		{"PortBindings", "{'80/tcp':[]}"},
		{"PortBindings", "{'80/tcp':null}"},
		{"PublishAllPorts", "true"},
		{"Sysctls", "{'a':'b'}"},
		{"OomScoreAdj", "-1000"},
		{"OomScoreAdj", "1"},
		{"OomKillDisable", "true"},
		{"Ulimits", "[{'Name':'nofile'}]"},
		{"Runtime", "'x'"},
		{"Isolation", "'x'"},
		{"Annotations", "{'run.oci.keep_original_groups':'1'}"},
		{"Annotations", "{'':''}"},
		{"GroupAdd", "['docker']"},
		{"MaskedPaths", "[]"},
		{"ReadonlyPaths", "[]"},
		{"MaskedPaths", "['/x']"},
		{"MaskedPaths", "''"},
		{"BlkioWeight", "10"},
		{"BlkioWeightDevice", "[{}]"},
		{"BlkioDeviceReadBps", "[{}]"},
		{"BlkioDeviceWriteBps", "[{}]"},
		{"BlkioDeviceReadIOps", "[{}]"},
		{"BlkioDeviceWriteIOps", "[{}]"},
		{"CpuShares", "2"},
		{"CpuPeriod", "2"},
		{"CpuQuota", "-1"},
		{"CpuRealtimePeriod", "2"},
		{"CpuRealtimeRuntime", "2"},
		{"CpusetCpus", "'0'"},
		{"CpusetMems", "'0'"},
		{"CpuCount", "1"},
		{"CpuPercent", "1"},
		{"IOMaximumIOps", "1"},
		{"IOMaximumBandwidth", "1"},
		{"KernelMemory", "1"},
		{"KernelMemoryTCP", "1"},
		{"MemoryReservation", "1"},
		{"SecurityOpt", "['seccomp=unconfined']"},
		{"SecurityOpt", "['seccomp:unconfined']"},
		{"SecurityOpt", "['apparmor=unconfined']"},
		{"SecurityOpt", "['no-new-privileges=false']"},
		{"SecurityOpt", "['no-new-privileges','no-new-privileges=false']"},
		{"SecurityOpt", "['no-new-privileges:false']"},
		{"SecurityOpt", "['No-New-Privileges']"},
		{"SecurityOpt", "['label=disable']"},
		{"SecurityOpt", "['systempaths=unconfined']"},
		{"SecurityOpt", "['writable-cgroups=true']"},
		{"SecurityOpt", "['']"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
		CLEAN_FREE char *text = xasprintf("{'Image':'x','HostConfig':{'%s':%s}}",
			denied[i].name, denied[i].value);
		CLEAN_FREE char *top = xasprintf(
			"{'Image':'x','%s':%s}", denied[i].name, denied[i].value);
		CLEAN_FREE char *lower = xstrdup(denied[i].name);
		CLEAN_FREE char *cased = NULL;

		refuses(S2C_GATE_BODY_CREATE, text, S2C_GATE_FIELD_DENIED);
		/* At the top some engines take it for HostConfig's. What is left there
		 * may only say nothing, as any field that is not known. */
		struct result r;
		CLEAN_FREE char *json = quoted(top);
		filter(S2C_GATE_BODY_CREATE, json, &r);
		if (r.rc == 0 && !strstr(top, ":[]") && !strstr(top, ":''") &&
			!strstr(top, ":null}"))
			fail_msg("%s", top);
		s2c_gate_ask_release(&r.ask);
		lower[0] = (char)(lower[0] + 32);
		cased = xasprintf(
			"{'Image':'x','HostConfig':{'%s':%s}}", lower, denied[i].value);
		refuses(S2C_GATE_BODY_CREATE, cased, S2C_GATE_KEY_CASE);
	}
}

static void test_host_zero(void **state)
{
	static const char *const zeros[] = {"null", "false", "0", "''", "[]", "{}"};
	static const char *const fields[] = {"Binds", "Mounts", "Privileged", "PidMode",
		"CapAdd", "Devices", "Sysctls", "OomScoreAdj", "SomethingNew"};

	for (size_t i = 0; i < ARRAY_SIZE(fields) * ARRAY_SIZE(zeros); i++) {
		CLEAN_FREE char *text = xasprintf("{'Image':'x','HostConfig':{'%s':%s}}",
			fields[i / ARRAY_SIZE(zeros)], zeros[i % ARRAY_SIZE(zeros)]);
		struct result r;

		takes(S2C_GATE_BODY_CREATE, text, &r);
		s2c_gate_ask_release(&r.ask);
	}
	static const char *const fine[] = {"'SecurityOpt':['no-new-privileges']",
		"'SecurityOpt':['no-new-privileges=true','no-new-privileges:true']",
		"'IpcMode':'private'", "'CgroupnsMode':'private'", "'PidsLimit':-1",
		"'CapDrop':['ALL']", "'AutoRemove':true", "'Init':true",
		"'LogConfig':{'Type':'syslog','Config':{'syslog-address':'x'}}",
		"'RestartPolicy':{'Name':'always'}", "'MaskedPaths':null"};
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		CLEAN_FREE char *text = xasprintf(
			"{'Image':'x','HostConfig':{%s}}", fine[i]);
		struct result r;

		takes(S2C_GATE_BODY_CREATE, text, &r);
		assert_int_equal(r.ask.pids, 0);
		s2c_gate_ask_release(&r.ask);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		enum s2c_gate_code code;
	} rows[] = {
		{"", S2C_GATE_JSON_SYNTAX},
		{"null", S2C_GATE_JSON_TYPE},
		{"[]", S2C_GATE_JSON_TYPE},
		{"'x'", S2C_GATE_JSON_TYPE},
		{"{}x", S2C_GATE_JSON_SYNTAX},
		{"{} {}", S2C_GATE_JSON_SYNTAX},
		{"{'Image':'x',}", S2C_GATE_JSON_SYNTAX},
		{"{'Image':'x','Image':'y'}", S2C_GATE_KEY_SYNTAX},
		{"{'Image':'x','image':'y'}", S2C_GATE_KEY_CASE},
		{"{'hostconfig':{'Privileged':true}}", S2C_GATE_KEY_CASE},
		{"{'HostConfig':{'privileged':true}}", S2C_GATE_KEY_CASE},
		{"{'HostConfig':null,'Privileged':true}", S2C_GATE_FIELD_UNKNOWN},
		{"{'Image':1}", S2C_GATE_JSON_TYPE},
		{"{'Env':{}}", S2C_GATE_JSON_TYPE},
		{"{'Env':[1]}", S2C_GATE_JSON_TYPE},
		{"{'Cmd':'/bin/sh'}", S2C_GATE_JSON_TYPE},
		{"{'Labels':{'a':1}}", S2C_GATE_JSON_TYPE},
		{"{'HostConfig':[]}", S2C_GATE_JSON_TYPE},
		{"{'HostConfig':{'Memory':'1'}}", S2C_GATE_JSON_TYPE},
		{"{'HostConfig':{'Memory':1e9}}", S2C_GATE_JSON_SYNTAX},
		{"{'HostConfig':{'Memory':1.5}}", S2C_GATE_JSON_SYNTAX},
		{"{'HostConfig':{'Memory':99999999999999999999}}", S2C_GATE_JSON_SYNTAX},
		{"{'HostConfig':{'Memory':-1}}", S2C_GATE_FIELD_VALUE},
		{"{'HostConfig':{'NanoCpus':-1}}", S2C_GATE_FIELD_VALUE},
		{"{'Tty':true}", S2C_GATE_FIELD_DENIED},
		{"{'Volumes':{'/x':{}}}", S2C_GATE_FIELD_DENIED},
		{"{'ExposedPorts':{'80/tcp':{}}}", S2C_GATE_FIELD_DENIED},
		{"{'MacAddress':'02:42:00:00:00:01'}", S2C_GATE_FIELD_DENIED},
		{"{'NetworkDisabled':true}", S2C_GATE_FIELD_DENIED},
		{"{'OnBuild':['RUN x']}", S2C_GATE_FIELD_DENIED},
		{"{'Shell':['/x']}", S2C_GATE_FIELD_DENIED},
		{"{'StopTimeout':1}", S2C_GATE_FIELD_DENIED},
		{"{'Healthcheck':{'Test':['CMD','x']}}", S2C_GATE_FIELD_DENIED},
		{"{'Healthcheck':{'Interval':1}}", S2C_GATE_FIELD_DENIED},
		{"{'ArgsEscaped':true}", S2C_GATE_FIELD_DENIED},
		{"{'NetworkingConfig':{'EndpointsConfig':{'x':{'Aliases':['y']}}}}",
			S2C_GATE_FIELD_DENIED},
		{"{'NetworkingConfig':{'EndpointsConfig':{'x':{'IPAMConfig':"
		 "{'IPv4Address':'1.2.3.4'}}}}}",
			S2C_GATE_FIELD_DENIED},
		{"{'Platform':'linux/arm64'}", S2C_GATE_FIELD_DENIED},
		{"{'Future':1}", S2C_GATE_FIELD_UNKNOWN},
		{"{'Future':{'a':{'b':1}}}", S2C_GATE_FIELD_UNKNOWN},
		{"{'HostConfig':{'Future':'x'}}", S2C_GATE_FIELD_UNKNOWN},
		/* Values that no line of an audit log, and no head, can hold. */
		{"{'Image':'a\\nb'}", S2C_GATE_FIELD_VALUE},
		{"{'User':'1001\\u0000'}", S2C_GATE_JSON_SYNTAX},
		{"{'User':'1001\\u0007'}", S2C_GATE_FIELD_VALUE},
		{"{'WorkingDir':'/a\\u007f'}", S2C_GATE_FIELD_VALUE},
		{"{'Env':['A=\\u0001']}", S2C_GATE_FIELD_VALUE},
		{"{'Labels':{'a':'\\u0008'}}", S2C_GATE_FIELD_VALUE},
		{"{'HostConfig':{'NetworkMode':'a\\tb'}}", S2C_GATE_FIELD_VALUE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuses(S2C_GATE_BODY_CREATE, rows[i].text, rows[i].code);
	/* U+017F and U+212A are letters of other decoders' keys. */
	refuses(S2C_GATE_BODY_CREATE, "{'ho\xc5\xbftconfig':{'Privileged':true}}",
		S2C_GATE_KEY_SYNTAX);
	refuses(S2C_GATE_BODY_CREATE, "{'Im\\u0061ge':'x'}", S2C_GATE_KEY_SYNTAX);
}

static void test_bad_commit(void **state)
{
	static const struct {
		const char *text;
		enum s2c_gate_code code;
	} rows[] = {
		{"{'HostConfig':{'Privileged':true}}", S2C_GATE_FIELD_UNKNOWN},
		{"{'OnBuild':['RUN x']}", S2C_GATE_FIELD_DENIED},
		{"{'Healthcheck':{'Test':['CMD','x']}}", S2C_GATE_FIELD_DENIED},
		{"{'Shell':['x']}", S2C_GATE_FIELD_DENIED},
		{"{'ExposedPorts':['x']}", S2C_GATE_JSON_TYPE},
		{"{'ExposedPorts':{'80/tcp':{'a':1}}}", S2C_GATE_JSON_TYPE},
		{"{'Volumes':{'/x':{'a':1}}}", S2C_GATE_JSON_TYPE},
		{"{'Volumes':'x'}", S2C_GATE_JSON_TYPE},
		{"{'user':'0'}", S2C_GATE_KEY_CASE},
		{"{'StopSignal':'a\\nb'}", S2C_GATE_FIELD_VALUE},
		{"[]", S2C_GATE_JSON_TYPE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuses(S2C_GATE_BODY_COMMIT, rows[i].text, rows[i].code);
}

/* A body with a long list or text; what is too much is said, and not left unsaid. */
static char *many(const char *before, const char *item, size_t n, const char *after)
{
	size_t len = strlen(item);
	char *out = xmalloc(strlen(before) + n * len + strlen(after) + 1), *p = out;

	p = stpcpy(p, before);
	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, item);
	(void)stpcpy(p, after);
	return out;
}

static void test_limits(void **state)
{
	CLEAN_FREE char *list = many("{'Cmd':[", "'x',", 1024, "'x']}");
	CLEAN_FREE char *text = many("{'User':'", "9", 4097, "'}");
	CLEAN_FREE char *item = many("{'Cmd':['", "x", 32769, "']}");
	CLEAN_FREE char *string = many("{'Cmd':['", "x", 65537, "']}");
	CLEAN_FREE char *deep = many("{'x':", "[", 20, "]]]]]]]]]]]]]]]]]]]]}");
	CLEAN_FREE char *all = many("{'x':'", "y", 300000, "'}");

	refuses(S2C_GATE_BODY_CREATE, list, S2C_GATE_BODY_SIZE);
	refuses(S2C_GATE_BODY_CREATE, text, S2C_GATE_BODY_SIZE);
	refuses(S2C_GATE_BODY_CREATE, item, S2C_GATE_BODY_SIZE);
	/* What no text within the limits may be is no JSON, whatever its length. */
	struct result r;
	CLEAN_FREE char *json = quoted(string);
	filter(S2C_GATE_BODY_CREATE, json, &r);
	assert_true(r.rc < 0 &&
		    (r.code == S2C_GATE_BODY_SIZE || r.code == S2C_GATE_JSON_SYNTAX));
	s2c_gate_ask_release(&r.ask);
	CLEAN_FREE char *nested = quoted(deep);
	filter(S2C_GATE_BODY_CREATE, nested, &r);
	assert_true(r.rc < 0 &&
		    (r.code == S2C_GATE_BODY_SIZE || r.code == S2C_GATE_JSON_SYNTAX));
	s2c_gate_ask_release(&r.ask);
	refuses(S2C_GATE_BODY_CREATE, all, S2C_GATE_BODY_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_own_commit),
		cmocka_unit_test(test_host_fields),
		cmocka_unit_test(test_own_fields),
		cmocka_unit_test(test_host_zero),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bad_commit),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

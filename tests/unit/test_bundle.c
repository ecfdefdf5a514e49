/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of an OCI bundle, and the system call filter in it. That the kernel agrees
 * is asserted in tests/contract, from inside a container.
 */
#include "helper.h"

#include "codec/json.h"
#include "runtime/bundle.h"
#include "runtime/seccomp.h"

struct bundle_test {
	struct s2c_strv args, env;
	struct s2c_bundle_bind bind;
	struct s2c_bundle bundle;
};

static char source[] = "/w/hosts", destination[] = "/etc/hosts";

static void bundle_init(struct bundle_test *t)
{
	*t = (struct bundle_test){.bind = {source, destination}};
	s2c_strv_add(&t->args, "/.s2c-init");
	s2c_strv_add(&t->args, "a b");
	s2c_strv_add(&t->env, "PATH=/bin");
	t->bundle = (struct s2c_bundle){
		.rootfs = "/w/rootfs",
		.hostname = "box",
		.uid = 1001,
		.gid = 7,
		.args = &t->args,
		.env = &t->env,
		.binds = &t->bind,
		.n_binds = 1,
		.hard = {1024, 500},
	};
}

static void bundle_release(struct bundle_test *t)
{
	s2c_strv_release(&t->args);
	s2c_strv_release(&t->env);
}

static struct s2c_json *print(const struct s2c_bundle *bundle)
{
	CLEAN_FREE char *text = NULL;
	struct s2c_json *root;

	assert_ok(s2c_bundle_print(bundle, &text, &terr));
	assert_ok(s2c_json_parse(
		text, strlen(text), (struct s2c_json_limits){.bytes = 0}, &root, &terr));
	return root;
}

/* Compact text of the value at "a.b.c"; "" when there is none. Caller frees. */
static char *at(const struct s2c_json *node, const char *path)
{
	while (node && *path) {
		size_t len = strcspn(path, ".");
		CLEAN_FREE char *key = xstrndup(path, len);

		node = s2c_json_get(node, key);
		path += len + (path[len] == '.');
	}
	return node ? s2c_json_print(node, S2C_JSON_COMPACT) : xstrdup("");
}

static void expect(const struct s2c_json *root, const char *path, const char *text)
{
	CLEAN_FREE char *got = at(root, path);

	assert_string_equal(got, text);
}

static void nothing_is_allowed_by_default(void **state)
{
	CLEAN(bundle_release) struct bundle_test t;
	CLEAN_JSON struct s2c_json *root = NULL;

	bundle_init(&t);
	root = print(&t.bundle);
	expect(root, "process.capabilities",
		"{\"inheritable\":[],\"ambient\":[],\"bounding\":[],\"effective\":[],"
		"\"permitted\":[]}");
	expect(root, "process.noNewPrivileges", "true");
	expect(root, "process.terminal", "false");
	expect(root, "process.user", "{\"uid\":1001,\"gid\":7,\"umask\":18}");
	expect(root, "process.args", "[\"/.s2c-init\",\"a b\"]");
	expect(root, "process.cwd", "\"/\"");
	expect(root, "root", "{\"path\":\"/w/rootfs\",\"readonly\":false}");
	expect(root, "linux.namespaces",
		"[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":"
		"\"mount\"}]");
	expect(root, "linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\"");
	expect(root, "hooks", "");
	expect(root, "linux.devices", "");
	expect(root, "linux.resources", "");
	expect(root, "linux.cgroupsPath", "");
}

static void rlimits_stay_below_our_own(void **state)
{
	CLEAN(bundle_release) struct bundle_test t;
	CLEAN_JSON struct s2c_json *root = NULL;

	bundle_init(&t);
	root = print(&t.bundle);
	expect(root, "process.rlimits",
		"[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024},"
		"{\"type\":\"RLIMIT_CORE\",\"hard\":0,\"soft\":0},"
		"{\"type\":\"RLIMIT_NPROC\",\"hard\":500,\"soft\":500}]");
}

static void limits_go_to_the_cgroup(void **state)
{
	CLEAN(bundle_release) struct bundle_test t;
	CLEAN_JSON struct s2c_json *root = NULL;

	bundle_init(&t);
	t.bundle.cgroup = "/s2c-x";
	t.bundle.limits = (struct s2c_limits){.memory = 64u << 20, .milli_cpus = 1500};
	root = print(&t.bundle);
	expect(root, "linux.cgroupsPath", "\"/s2c-x\"");
	expect(root, "linux.resources",
		"{\"pids\":{\"limit\":4096},\"memory\":{\"limit\":67108864,\"swap\":"
		"67108864},\"cpu\":{\"period\":100000,\"quota\":150000}}");
	expect(root, "process.rlimits",
		"[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024},"
		"{\"type\":\"RLIMIT_CORE\",\"hard\":0,\"soft\":0}]");
}

static void single_id_is_mapped_to_the_user(void **state)
{
	CLEAN(bundle_release) struct bundle_test t;
	CLEAN_JSON struct s2c_json *root = NULL;

	bundle_init(&t);
	t.bundle.map_single = true;
	root = print(&t.bundle);
	expect(root, "linux.uidMappings",
		"[{\"containerID\":1001,\"hostID\":0,\"size\":1}]");
	expect(root, "linux.gidMappings",
		"[{\"containerID\":7,\"hostID\":0,\"size\":1}]");
}

static void mounts_are_read_only_or_private(void **state)
{
	CLEAN(bundle_release) struct bundle_test t;
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_FREE char *mounts = NULL;

	bundle_init(&t);
	root = print(&t.bundle);
	mounts = at(root, "mounts");
	assert_non_null(strstr(mounts,
		"{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/w/"
		"hosts\","
		"\"options\":[\"rbind\",\"rprivate\",\"nosuid\",\"nodev\",\"ro\"]}"));
	assert_non_null(strstr(mounts, "\"source\":\"/sys\",\"options\":[\"rbind\","
				       "\"nosuid\",\"noexec\",\"nodev\",\"ro\"]"));
	assert_int_equal(s2c_json_len(s2c_json_get(root, "mounts")), 7);
}

static void root_gets_a_usual_set(void **state)
{
	CLEAN(bundle_release) struct bundle_test t;
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_FREE char *caps = NULL;

	bundle_init(&t);
	t.bundle.capabilities = S2C_BUNDLE_ROOT_CAPS;
	root = print(&t.bundle);
	expect(root, "process.capabilities.inheritable", "[]");
	expect(root, "process.capabilities.ambient", "[]");
	caps = at(root, "process.capabilities.bounding");
	assert_non_null(strstr(caps, "CAP_CHOWN"));
	assert_null(strstr(caps, "CAP_NET_RAW"));
	assert_null(strstr(caps, "CAP_MKNOD"));
	assert_null(strstr(caps, "CAP_SYS_"));
}

static void dangerous_calls_are_not_allowed(void **state)
{
	/* CVE-2022-0185, CVE-2022-0492, CVE-2019-10144 and what their like would need. */
	static const char *const calls[] = {"acct", "add_key", "bpf", "chroot", "clone",
		"clone3", "clock_settime", "delete_module", "fanotify_init",
		"finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
		"io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl",
		"kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
		"memfd_secret", "migrate_pages", "modify_ldt", "mount", "mount_setattr",
		"move_mount", "move_pages", "name_to_handle_at", "open_by_handle_at",
		"open_tree", "perf_event_open", "personality", "pidfd_getfd",
		"pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev",
		"quotactl", "reboot", "request_key", "setdomainname", "sethostname",
		"setns", "settimeofday", "socket", "swapoff", "swapon", "syslog",
		"umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat",
		"vhangup", "vmsplice", ""};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (s2c_seccomp_allows(calls[i]))
			fail_msg("%s is allowed", calls[i]);
	assert_true(s2c_seccomp_allows("openat"));
	assert_true(s2c_seccomp_allows("execve"));
}

static void filter_rules_have_arguments(void **state)
{
	CLEAN_JSON struct s2c_json *seccomp = s2c_seccomp_json();
	CLEAN_FREE char *text = s2c_json_print(seccomp, S2C_JSON_COMPACT);

	assert_non_null(strstr(text,
		"{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
		"\"index\":0,"
		"\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}"));
	assert_non_null(
		strstr(text, "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\","
			     "\"errnoRet\":38}"));
	/* AF_ALG and AF_VSOCK, the usual suspects */
	assert_null(strstr(text, "\"value\":38,"));
	assert_null(strstr(text, "\"value\":40,"));
	expect(seccomp, "flags", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allowed_by_default),
		cmocka_unit_test(rlimits_stay_below_our_own),
		cmocka_unit_test(limits_go_to_the_cgroup),
		cmocka_unit_test(single_id_is_mapped_to_the_user),
		cmocka_unit_test(mounts_are_read_only_or_private),
		cmocka_unit_test(root_gets_a_usual_set),
		cmocka_unit_test(dangerous_calls_are_not_allowed),
		cmocka_unit_test(filter_rules_have_arguments),
	};

	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}

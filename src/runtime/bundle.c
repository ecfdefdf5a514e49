/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json after the OCI runtime-spec 1.0.2. What is the same for all containers is
 * data at the top; the functions below put in what differs. The network is not here: the
 * container joins the network namespace that its keeper made.
 */
#include "runtime/bundle.h"

#include "codec/json.h"
#include "runtime/seccomp.h"

#define NOFILE_MAX 65536u
#define OOM_SCORE 500
#define CPU_PERIOD_US 100000

struct fixed_mount {
	const char *destination, *type, *source;
	const char *options[8];
};

static const struct fixed_mount fixed_mounts[] = {
	{"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
	{"/dev", "tmpfs", "tmpfs",
		{"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}},
	{"/dev/pts", "devpts", "devpts",
		{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
	{"/dev/shm", "tmpfs", "shm",
		{"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{"/sys", "bind", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}},
};

static const char *const namespaces[] = {"pid", "ipc", "uts", "mount"};

/* Besides the list every runtime uses, what later kernels and CVEs added. */
static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
	"/sys/fs/cgroup",
	"/sys/fs/selinux",
	"/sys/kernel/debug",
	"/sys/kernel/tracing",
};

static const char *const readonly_paths[] = {
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",
};

/* By number, as in linux/capability.h. */
static const char *const capability_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void add_rlimit(struct s2c_json *rlimits, const char *type, uint64_t value)
{
	struct s2c_json *r = s2c_json_new_object();

	s2c_json_set_str(r, "type", type);
	s2c_json_set_int(r, "hard", (int64_t)value);
	s2c_json_set_int(r, "soft", (int64_t)value);
	s2c_json_add(rlimits, r);
}

/* Never above our own hard limits: raising one needs CAP_SYS_RESOURCE. */
static void put_rlimits(const struct s2c_bundle *b, struct s2c_json *process)
{
	struct s2c_json *rlimits = s2c_json_array_at(process, "rlimits");
	uint32_t pids = b->limits.pids ? b->limits.pids : S2C_PIDS_DEFAULT;

	add_rlimit(rlimits, "RLIMIT_NOFILE", smaller(NOFILE_MAX, b->hard.nofile));
	add_rlimit(rlimits, "RLIMIT_CORE", 0);
	if (b->cgroup)
		return;
	add_rlimit(rlimits, "RLIMIT_NPROC", smaller(pids, b->hard.nproc));
}

static void put_capabilities(const struct s2c_bundle *b, struct s2c_json *process)
{
	static const char *const empty[] = {"inheritable", "ambient"};
	static const char *const full[] = {"bounding", "effective", "permitted"};
	struct s2c_json *caps = s2c_json_object_at(process, "capabilities");

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		(void)s2c_json_array_at(caps, empty[i]);
	for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
		struct s2c_json *set = s2c_json_array_at(caps, full[i]);

		for (size_t cap = 0; cap < ARRAY_SIZE(capability_names); cap++)
			if (b->capabilities & 1ull << cap)
				s2c_json_add_str(set, capability_names[cap]);
	}
}

static void put_process(const struct s2c_bundle *b, struct s2c_json *root)
{
	struct s2c_json *process = s2c_json_object_at(root, "process");
	struct s2c_json *user = s2c_json_object_at(process, "user");

	s2c_json_set_bool(process, "terminal", false);
	s2c_json_set_int(user, "uid", b->uid);
	s2c_json_set_int(user, "gid", b->gid);
	s2c_json_set_int(user, "umask", 022);
	s2c_json_set_strv(process, "args", b->args);
	s2c_json_set_strv(process, "env", b->env);
	/* The init goes to the real one, after it let go of every other descriptor. */
	s2c_json_set_str(process, "cwd", "/");
	put_capabilities(b, process);
	put_rlimits(b, process);
	s2c_json_set_bool(process, "noNewPrivileges", true);
	s2c_json_set_int(process, "oomScoreAdj", OOM_SCORE);
}

static struct s2c_json *add_mount(struct s2c_json *mounts, const char *destination,
	const char *type, const char *source)
{
	struct s2c_json *m = s2c_json_new_object();
	struct s2c_json *options;

	s2c_json_set_str(m, "destination", destination);
	s2c_json_set_str(m, "type", type);
	s2c_json_set_str(m, "source", source);
	options = s2c_json_array_at(m, "options");
	s2c_json_add(mounts, m);
	return options;
}

static void put_mounts(const struct s2c_bundle *b, struct s2c_json *root)
{
	static const char *const bind_options[] = {
		"rbind", "rprivate", "nosuid", "nodev"};
	struct s2c_json *mounts = s2c_json_array_at(root, "mounts");

	for (size_t i = 0; i < ARRAY_SIZE(fixed_mounts); i++) {
		const struct fixed_mount *f = &fixed_mounts[i];
		struct s2c_json *options = add_mount(
			mounts, f->destination, f->type, f->source);

		for (size_t o = 0; o < ARRAY_SIZE(f->options) && f->options[o]; o++)
			s2c_json_add_str(options, f->options[o]);
	}
	for (size_t i = 0; i < b->n_binds; i++) {
		struct s2c_json *options = add_mount(
			mounts, b->binds[i].destination, "bind", b->binds[i].source);

		for (size_t o = 0; o < ARRAY_SIZE(bind_options); o++)
			s2c_json_add_str(options, bind_options[o]);
		s2c_json_add_str(options, b->binds[i].writable ? "rw" : "ro");
	}
}

static void put_resources(const struct s2c_bundle *b, struct s2c_json *linux_)
{
	struct s2c_json *resources;

	if (!b->cgroup)
		return;
	s2c_json_set_str(linux_, "cgroupsPath", b->cgroup);
	resources = s2c_json_object_at(linux_, "resources");
	s2c_json_set_int(s2c_json_object_at(resources, "pids"), "limit",
		b->limits.pids ? b->limits.pids : S2C_PIDS_DEFAULT);
	if (b->limits.memory) {
		struct s2c_json *memory = s2c_json_object_at(resources, "memory");

		/* "swap" is memory and swap together: equal means none. */
		s2c_json_set_int(memory, "limit", (int64_t)b->limits.memory);
		s2c_json_set_int(memory, "swap", (int64_t)b->limits.memory);
	}
	if (b->limits.milli_cpus) {
		struct s2c_json *cpu = s2c_json_object_at(resources, "cpu");

		s2c_json_set_int(cpu, "period", CPU_PERIOD_US);
		s2c_json_set_int(cpu, "quota",
			(int64_t)b->limits.milli_cpus * (CPU_PERIOD_US / 1000));
	}
}

static void add_single_map(struct s2c_json *linux_, const char *key, uint32_t id)
{
	struct s2c_json *range = s2c_json_new_object();

	s2c_json_set_int(range, "containerID", id);
	s2c_json_set_int(range, "hostID", 0);
	s2c_json_set_int(range, "size", 1);
	s2c_json_add(s2c_json_array_at(linux_, key), range);
}

static void add_namespace(struct s2c_json *list, const char *type)
{
	struct s2c_json *n = s2c_json_new_object();

	s2c_json_set_str(n, "type", type);
	s2c_json_add(list, n);
}

static void add_strings(
	struct s2c_json *object, const char *key, const char *const *strings, size_t n)
{
	struct s2c_json *list = s2c_json_array_at(object, key);

	for (size_t i = 0; i < n; i++)
		s2c_json_add_str(list, strings[i]);
}

int s2c_bundle_print(const struct s2c_bundle *b, char **out_json, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_json *seccomp = s2c_seccomp_json();
	struct s2c_json *section, *list;

	if (!seccomp)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"no system call filter is known for this machine's architecture");
	s2c_json_set_str(root, "ociVersion", "1.0.2");
	put_process(b, root);
	section = s2c_json_object_at(root, "root");
	s2c_json_set_str(section, "path", b->rootfs);
	s2c_json_set_bool(section, "readonly", false);
	s2c_json_set_str(root, "hostname", b->hostname);
	put_mounts(b, root);
	section = s2c_json_object_at(root, "linux");
	list = s2c_json_array_at(section, "namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		add_namespace(list, namespaces[i]);
	if (b->map_single) {
		add_namespace(list, "user");
		add_single_map(section, "uidMappings", b->uid);
		add_single_map(section, "gidMappings", b->gid);
	}
	put_resources(b, section);
	s2c_json_set_str(section, "rootfsPropagation", "private");
	add_strings(section, "maskedPaths", masked_paths, ARRAY_SIZE(masked_paths));
	add_strings(section, "readonlyPaths", readonly_paths, ARRAY_SIZE(readonly_paths));
	s2c_json_set(section, "seccomp", seccomp);
	*out_json = s2c_json_print(root, S2C_JSON_COMPACT);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of allowed system calls, grouped by what they are for, and its rendering.
 *
 * What is not here answers EPERM: namespaces and mounts (unshare, setns, mount, fsopen,
 * pivot_root, chroot), kernel attack surface that builds do not need (io_uring, bpf,
 * userfaultfd, perf_event_open, keyctl, vmsplice, fanotify), other processes' memory
 * (process_vm_*, pidfd_getfd, kcmp), handles that leave a root (open_by_handle_at), and
 * the host (reboot, modules, clocks, swap, syslog). clone3 answers ENOSYS, because its
 * flags lie in memory where a filter cannot see them; C libraries then use clone.
 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <sys/socket.h>

static const char *const allowed[] = {
	/* files by name */
	"access",
	"chdir",
	"chmod",
	"chown",
	"creat",
	"faccessat",
	"faccessat2",
	"fchmodat",
	"fchmodat2",
	"fchownat",
	"fstatat64",
	"futimesat",
	"getcwd",
	"lchown",
	"link",
	"linkat",
	"lstat",
	"mkdir",
	"mkdirat",
	"mknod",
	"mknodat",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"readlink",
	"readlinkat",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"statfs",
	"statx",
	"symlink",
	"symlinkat",
	"truncate",
	"umask",
	"unlink",
	"unlinkat",
	"utime",
	"utimensat",
	"utimes",
	/* files by descriptor */
	"close",
	"close_range",
	"copy_file_range",
	"dup",
	"dup2",
	"dup3",
	"fadvise64",
	"fallocate",
	"fchdir",
	"fchmod",
	"fchown",
	"fcntl",
	"fdatasync",
	"flock",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getdents",
	"getdents64",
	"ioctl",
	"lseek",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readv",
	"sendfile",
	"splice",
	"sync",
	"sync_file_range",
	"syncfs",
	"tee",
	"write",
	"writev",
	/* extended attributes */
	"fgetxattr",
	"flistxattr",
	"fremovexattr",
	"fsetxattr",
	"getxattr",
	"getxattrat",
	"lgetxattr",
	"listxattr",
	"listxattrat",
	"llistxattr",
	"lremovexattr",
	"lsetxattr",
	"removexattr",
	"removexattrat",
	"setxattr",
	"setxattrat",
	/* waiting and events */
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"eventfd",
	"eventfd2",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"pipe",
	"pipe2",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"signalfd",
	"signalfd4",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	/* old asynchronous I/O; io_uring stays out */
	"io_cancel",
	"io_destroy",
	"io_getevents",
	"io_pgetevents",
	"io_setup",
	"io_submit",
	/* memory */
	"brk",
	"cachestat",
	"get_mempolicy",
	"madvise",
	"map_shadow_stack",
	"mbind",
	"membarrier",
	"memfd_create",
	"mincore",
	"mlock",
	"mlock2",
	"mlockall",
	"mmap",
	"mprotect",
	"mremap",
	"mseal",
	"msync",
	"munlock",
	"munlockall",
	"munmap",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"remap_file_pages",
	"set_mempolicy",
	"set_mempolicy_home_node",
	/* processes and threads; clone is among the rules with arguments */
	"arch_prctl",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"fork",
	"get_robust_list",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrlimit",
	"getrusage",
	"getsid",
	"gettid",
	"pidfd_open",
	"pidfd_send_signal",
	"prctl",
	"prlimit64",
	"process_mrelease",
	"ptrace",
	"restart_syscall",
	"rseq",
	"set_robust_list",
	"set_tid_address",
	"setpgid",
	"setpriority",
	"setrlimit",
	"setsid",
	"times",
	"vfork",
	"wait4",
	"waitid",
	/* futexes */
	"futex",
	"futex_requeue",
	"futex_wait",
	"futex_waitv",
	"futex_wake",
	/* scheduling */
	"getcpu",
	"ioprio_get",
	"ioprio_set",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"sched_yield",
	/* signals */
	"kill",
	"pause",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigqueueinfo",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_tgsigqueueinfo",
	"sigaltstack",
	"tgkill",
	"tkill",
	/* identity: without capabilities these can only give rights up */
	"capget",
	"capset",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getresgid",
	"getresuid",
	"getuid",
	"setfsgid",
	"setfsuid",
	"setgid",
	"setgroups",
	"setregid",
	"setresgid",
	"setresuid",
	"setreuid",
	"setuid",
	/* sandboxing oneself further */
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"seccomp",
	/* time; setting a clock needs a capability and stays out */
	"adjtimex",
	"alarm",
	"clock_adjtime",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"getitimer",
	"gettimeofday",
	"nanosleep",
	"setitimer",
	"time",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_settime",
	/* sockets; socket is among the rules with arguments */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"socketpair",
	/* System V and POSIX IPC, private to the container */
	"mq_getsetattr",
	"mq_notify",
	"mq_open",
	"mq_timedreceive",
	"mq_timedsend",
	"mq_unlink",
	"msgctl",
	"msgget",
	"msgrcv",
	"msgsnd",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"shmat",
	"shmctl",
	"shmdt",
	"shmget",
	/* the system */
	"getrandom",
	"sysinfo",
	"uname",
};

/* Allowed when argument `index` matches; several rows of a name are alternatives. */
struct arg_rule {
	const char *name;
	unsigned index;
	const char *op;
	int64_t value, value_two;
};

static const struct arg_rule arg_rules[] = {
	{"clone", 0, "SCMP_CMP_MASKED_EQ", S2C_SECCOMP_CLONE_NS_FLAGS, 0},
	/* PER_LINUX, PER_LINUX32, UNAME26 of both, and the query */
	{"personality", 0, "SCMP_CMP_EQ", 0x0, 0},
	{"personality", 0, "SCMP_CMP_EQ", 0x8, 0},
	{"personality", 0, "SCMP_CMP_EQ", 0x20000, 0},
	{"personality", 0, "SCMP_CMP_EQ", 0x20008, 0},
	{"personality", 0, "SCMP_CMP_EQ", 0xffffffff, 0},
	/* no AF_ALG, AF_VSOCK, AF_PACKET and what else a kernel has modules for */
	{"socket", 0, "SCMP_CMP_EQ", AF_UNIX, 0},
	{"socket", 0, "SCMP_CMP_EQ", AF_INET, 0},
	{"socket", 0, "SCMP_CMP_EQ", AF_INET6, 0},
	{"socket", 0, "SCMP_CMP_EQ", AF_NETLINK, 0},
};

#if defined(__x86_64__)
#define SECCOMP_ARCH "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define SECCOMP_ARCH "SCMP_ARCH_AARCH64"
#else
#define SECCOMP_ARCH NULL
#endif

bool s2c_seccomp_allows(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (streq(allowed[i], name))
			return true;
	return false;
}

static struct s2c_json *rule(const char *action)
{
	struct s2c_json *r = s2c_json_new_object();

	s2c_json_set(r, "names", s2c_json_new_array());
	s2c_json_set_str(r, "action", action);
	return r;
}

static void add_arg_rule(struct s2c_json *rules, const struct arg_rule *row)
{
	struct s2c_json *r = rule("SCMP_ACT_ALLOW");
	struct s2c_json *arg = s2c_json_new_object();

	s2c_json_add_str(s2c_json_array_at(r, "names"), row->name);
	s2c_json_set_int(arg, "index", row->index);
	s2c_json_set_int(arg, "value", row->value);
	s2c_json_set_int(arg, "valueTwo", row->value_two);
	s2c_json_set_str(arg, "op", row->op);
	s2c_json_add(s2c_json_array_at(r, "args"), arg);
	s2c_json_add(rules, r);
}

struct s2c_json *s2c_seccomp_json(void)
{
	const char *arch = SECCOMP_ARCH;
	struct s2c_json *seccomp, *rules, *all, *clone3;

	if (!arch)
		return NULL;
	seccomp = s2c_json_new_object();
	s2c_json_set_str(seccomp, "defaultAction", "SCMP_ACT_ERRNO");
	s2c_json_add_str(s2c_json_array_at(seccomp, "architectures"), arch);
	rules = s2c_json_array_at(seccomp, "syscalls");
	all = rule("SCMP_ACT_ALLOW");
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		s2c_json_add_str(s2c_json_array_at(all, "names"), allowed[i]);
	s2c_json_add(rules, all);
	for (size_t i = 0; i < ARRAY_SIZE(arg_rules); i++)
		add_arg_rule(rules, &arg_rules[i]);
	clone3 = rule("SCMP_ACT_ERRNO");
	s2c_json_add_str(s2c_json_array_at(clone3, "names"), "clone3");
	s2c_json_set_int(clone3, "errnoRet", ENOSYS);
	s2c_json_add(rules, clone3);
	return seccomp;
}

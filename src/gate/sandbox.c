/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "util/fault.h"

/* Newer than the headers that this may be built with (Landlock ABI 3 to 6). */
#define ACCESS_FS_ABI1 0x1fffull
#define ACCESS_FS_REFER (1ull << 13)
#define ACCESS_FS_TRUNCATE (1ull << 14)
#define ACCESS_FS_IOCTL_DEV (1ull << 15)
#define ACCESS_NET_TCP 3ull
#define SCOPE_ABSTRACT_AND_SIGNAL 3ull
struct ruleset {
	uint64_t fs, net, scoped;
};

#define MEMORY_MAX (256ul * 1024 * 1024)

static int limit(int resource, rlim_t value, struct s2c_error **err)
{
	struct rlimit both = {.rlim_cur = value, .rlim_max = value}, now;

	/* A lower hard limit that holds already is fine. */
	if (getrlimit((__rlimit_resource_t)resource, &now) == 0 &&
		now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
		return 0;
	if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
		return s2c_fail_errno(err, errno, "cannot limit a worker");
	return 0;
}

static int limit_all(struct s2c_error **err)
{
	if (limit(RLIMIT_CORE, 0, err) < 0 || limit(RLIMIT_FSIZE, 0, err) < 0 ||
		limit(RLIMIT_NOFILE, 16, err) < 0)
		return -1;
#ifndef __SANITIZE_ADDRESS__
	/* The shadow memory of the address sanitizer has terabytes of addresses. */
	if (limit(RLIMIT_AS, MEMORY_MAX, err) < 0)
		return -1;
#endif
	/* Counts all processes of the uid, so not before it is a uid of its own. */
	return limit(RLIMIT_NPROC, 0, err);
}

/* Gives up the uid of root; an ordinary user has no other one. */
static int give_up_uid(bool *out_other, struct s2c_error **err)
{
	if (geteuid() != 0)
		return 0;
	if (syscall(SYS_setgroups, 0, NULL) < 0 ||
		syscall(SYS_setresgid, S2C_SANDBOX_UID, S2C_SANDBOX_UID,
			S2C_SANDBOX_UID) < 0 ||
		syscall(SYS_setresuid, S2C_SANDBOX_UID, S2C_SANDBOX_UID,
			S2C_SANDBOX_UID) < 0)
		return s2c_fail_errno(err, errno, "a worker cannot give up its uid");
	*out_other = true;
	return 0;
}

static long landlock_abi(void)
{
	return syscall(
		SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static int landlock(int *out_abi, struct s2c_error **err)
{
	struct ruleset all = {.fs = ACCESS_FS_ABI1};
	size_t size = sizeof(all.fs);
	long abi = landlock_abi();

	if (abi < 1)
		return 0;
	if (abi >= 2)
		all.fs |= ACCESS_FS_REFER;
	if (abi >= 3)
		all.fs |= ACCESS_FS_TRUNCATE;
	if (abi >= 4) {
		all.net = ACCESS_NET_TCP;
		size = 2 * sizeof(uint64_t);
	}
	if (abi >= 5)
		all.fs |= ACCESS_FS_IOCTL_DEV;
	if (abi >= 6) {
		all.scoped = SCOPE_ABSTRACT_AND_SIGNAL;
		size = sizeof(all);
	}
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot make a Landlock ruleset");
	long rc = syscall(SYS_landlock_restrict_self, fd, 0);
	int failure = errno;
	(void)close(fd);
	if (rc < 0)
		return s2c_fail_errno(err, failure, "cannot enter Landlock");
	*out_abi = (int)abi;
	return 0;
}

/* What a worker calls; everything else kills it. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(shutdown),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
#endif
};

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory, but none that could be executed (4 is PROT_EXEC). */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
	/* Whether a descriptor blocks. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, F_GETFL));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, F_SETFL));
	return rc;
}

static int filter_calls(struct s2c_error **err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? add_rules(filter) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc < 0)
		return s2c_fail_as(err, S2C_EUNSUPPORTED, -rc,
			"the kernel does not take the seccomp filter of a worker: %s",
			strerror(-rc));
	return 0;
}

void s2c_sandbox_look(struct s2c_sandbox *out)
{
	uint32_t kill = SECCOMP_RET_KILL_PROCESS;
	long abi = landlock_abi();

	*out = (struct s2c_sandbox){
		.seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill) == 0,
		.landlock = abi > 0 ? (int)abi : 0,
		.other_uid = geteuid() == 0,
	};
}

int s2c_sandbox_enter(struct s2c_sandbox *out, struct s2c_error **err)
{
	struct s2c_sandbox made = {0};

	if (s2c_fault_point("gate.sandbox", err) < 0)
		return -1;
	if (give_up_uid(&made.other_uid, err) < 0)
		return -1;
	/* Behind the change of the uid, which sets it again. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return s2c_fail_errno(err, errno, "a worker cannot be confined");
	if (limit_all(err) < 0 || landlock(&made.landlock, err) < 0 ||
		filter_calls(err) < 0)
		return -1;
	made.seccomp = true;
	if (out)
		*out = made;
	return 0;
}

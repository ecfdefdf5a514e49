/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a part of a test in a forked child under other conditions: system calls taken
 * away, another uid, a mount namespace of its own. The child tells by its exit status.
 */
#ifndef S2C_TESTS_UNIT_SANDBOX_H
#define S2C_TESTS_UNIT_SANDBOX_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* What a child returns when the machine does not let it try. */
#define SANDBOX_SKIP 77

/* Makes system call `nr` fail with `errnum` in this process, for good. */
__attribute__((unused)) static int deny_syscall(unsigned nr, unsigned errnum)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Runs f(arg) in a child and gives what it returned; 200 when it died of a signal. */
__attribute__((unused)) static int in_child(int (*f)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 201;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

#endif

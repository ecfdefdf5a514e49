/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process in a container: a tiny static program without a C library, so that
 * it depends on nothing in the image and nothing in the image can disturb it.
 *
 * It checks, whatever the OCI runtime claims, that it is who s2c asked for: uid, gid,
 * groups, capabilities, no_new_privs, seccomp. Then it runs the program as its child,
 * hands signals on, reaps orphans, and ends with the program's status; its own end makes
 * the kernel kill everything else in the container. It is no supervisor and has no state.
 */
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/wait.h>

#include "runtime/init_protocol.h"
#include "runtime/init_sys.h"

#define GROUPS_MAX 65536
#define PATH_BYTES 4096
#define ALL_SIGNALS (~0ul)
#define SIGNAL_BIT(n) (1ul << ((n)-1))
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

__attribute__((noreturn)) void s2c_init_main(long *stack);

/* gcc calls these even in freestanding code. */
void *memset(void *to, int byte, unsigned long n);
void *memcpy(void *to, const void *from, unsigned long n);

void *memset(void *to, int byte, unsigned long n)
{
	volatile unsigned char *p = to;

	while (n--)
		*p++ = (unsigned char)byte;
	return to;
}

void *memcpy(void *to, const void *from, unsigned long n)
{
	volatile unsigned char *p = to;
	const unsigned char *q = from;

	while (n--)
		*p++ = *q++;
	return to;
}

__attribute__((noreturn)) static void quit(int status)
{
	for (;;)
		SYS1(__NR_exit_group, status);
}

static void report(int stage, long value)
{
	struct s2c_init_report r = {stage, (int)value};

	SYS3(__NR_write, S2C_INIT_FD, &r, sizeof(r));
}

/* The file of reports instead of a socket; without it no one would know of us. */
static void open_reports(void)
{
	long fd = SYS4(__NR_openat, AT_FDCWD, S2C_INIT_REPORTS_PATH,
		O_WRONLY | O_APPEND | O_CLOEXEC, 0);

	if (fd < 0)
		quit(125);
	if (fd != S2C_INIT_FD)
		SYS3(__NR_dup3, fd, S2C_INIT_FD, 0);
}

__attribute__((noreturn)) static void refuse(int stage, long value)
{
	report(stage, value);
	quit(125);
}

static int has_flag(const char *flags, char flag)
{
	for (; *flags; flags++)
		if (*flags == flag)
			return 1;
	return 0;
}

static int number(const char *text, unsigned base, unsigned long *out)
{
	unsigned long n = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		unsigned digit;

		if (*text >= '0' && *text <= '9')
			digit = (unsigned)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			digit = (unsigned)(*text - 'a') + 10;
		else
			return -1;
		if (digit >= base || n > (~0ul - digit) / base)
			return -1;
		n = n * base + digit;
	}
	*out = n;
	return 0;
}

static void check_ids(unsigned long uid, unsigned long gid, const char *flags)
{
	static unsigned groups[GROUPS_MAX];
	unsigned r = 0, e = 0, s = 0;
	long n;

	SYS3(__NR_getresuid, &r, &e, &s);
	if (r != uid || e != uid || s != uid)
		refuse(S2C_INIT_UID, e != uid ? e : r != uid ? r : s);
	SYS3(__NR_getresgid, &r, &e, &s);
	if (r != gid || e != gid || s != gid)
		refuse(S2C_INIT_GID, e != gid ? e : r != gid ? r : s);
	n = SYS2(__NR_getgroups, GROUPS_MAX, groups);
	if (n < 0)
		refuse(S2C_INIT_GROUPS, -1);
	for (long i = 0; i < n; i++) {
		if (groups[i] == gid)
			continue;
		if (groups[i] == S2C_INIT_OVERFLOW_GID &&
			has_flag(flags, S2C_INIT_OVERFLOW_GROUPS))
			continue;
		refuse(S2C_INIT_GROUPS, groups[i]);
	}
}

/* Bounding and ambient sets bit by bit: there is no call that gives them whole. */
static void check_caps(unsigned long allowed)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {0};
	unsigned long held;

	if (SYS2(__NR_capget, &head, data) < 0)
		refuse(S2C_INIT_CAPS, -1);
	held = data[0].effective | data[0].permitted | data[0].inheritable;
	held |= (unsigned long)(data[1].effective | data[1].permitted |
				data[1].inheritable)
		<< 32;
	for (unsigned cap = 0; cap < 64; cap++) {
		long bounding = SYS5(__NR_prctl, PR_CAPBSET_READ, cap, 0, 0, 0);
		long ambient = SYS5(
			__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);

		if (bounding == 1 || ambient == 1)
			held |= 1ul << cap;
	}
	for (unsigned cap = 0; cap < 64; cap++)
		if (held & ~allowed & 1ul << cap)
			refuse(S2C_INIT_CAPS, cap);
}

static void check_confinement(const char *flags)
{
	long mode;

	if (SYS5(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		refuse(S2C_INIT_NNP, 0);
	if (has_flag(flags, S2C_INIT_NO_SECCOMP))
		return;
	mode = SYS5(__NR_prctl, PR_GET_SECCOMP, 0, 0, 0, 0);
	if (mode != 2)
		refuse(S2C_INIT_SECCOMP, mode);
}

static const char *path_of(char **env)
{
	for (; *env; env++) {
		const char *e = *env;

		if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' &&
			e[4] == '=')
			return e + 5;
	}
	return DEFAULT_PATH;
}

/* execve, and as execvp(3) does a script without "#!" by the image's /bin/sh. */
static long try_exec(char *path, char **argv, char **env)
{
	long failed = -SYS3(__NR_execve, path, argv, env);
	char **slot = argv - 1; /* CWD of our own argv, no longer needed */

	if (failed != ENOEXEC)
		return failed;
	slot[0] = (char *)"/bin/sh";
	argv[0] = path;
	SYS3(__NR_execve, slot[0], slot, env);
	return failed;
}

/* Returns the errno that tells most: a program that is there but may not be run wins. */
static long exec_program(char **argv, char **env)
{
	static char path[PATH_BYTES];
	const char *name = argv[0];
	const char *dir = path_of(env);
	long result = ENOENT;

	for (const char *c = name; *c; c++)
		if (*c == '/')
			return try_exec(argv[0], argv, env);
	if (!*name)
		return ENOENT;
	while (*dir) {
		unsigned long n = 0;
		long failed;

		for (; *dir && *dir != ':'; dir++)
			if (n < PATH_BYTES)
				path[n++] = *dir;
		if (*dir)
			dir++;
		if (n == 0)
			path[n++] = '.';
		if (n < PATH_BYTES)
			path[n++] = '/';
		for (const char *c = name; *c; c++)
			if (n < PATH_BYTES)
				path[n++] = *c;
		if (n >= PATH_BYTES)
			continue;
		path[n] = 0;
		failed = try_exec(path, argv, env);
		if (failed != ENOENT && failed != ENOTDIR)
			result = failed;
		if (failed != ENOENT && failed != ENOTDIR && failed != EACCES)
			return failed;
	}
	return result;
}

__attribute__((noreturn)) static void run_program(
	char **argv, char **env, unsigned long data)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} dfl = {0};
	unsigned long none = 0, limit[2] = {data, data};

	/* Here and not in config.json: it would starve an OCI runtime written in Go. */
	if (data && SYS4(__NR_prlimit64, 0, RLIMIT_DATA, limit, 0) < 0)
		refuse(S2C_INIT_USAGE, 0);
	/* What the caller of s2c ignored (SIGPIPE) is no business of the program. */
	for (int sig = 1; sig < 32; sig++)
		SYS4(__NR_rt_sigaction, sig, &dfl, 0, sizeof(dfl.mask));
	SYS4(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof(none));
	refuse(S2C_INIT_EXEC, exec_program(argv, env));
}

/* Status of the program once it has ended; reaps whoever else ended. */
static int reap(long program, int *out_status)
{
	for (;;) {
		int status = 0;
		long pid = SYS4(__NR_wait4, -1, &status, WNOHANG, 0);

		if (pid <= 0)
			return 0;
		if (pid != program)
			continue;
		*out_status = status & 0x7f ? 128 + (status & 0x7f)
					    : (status >> 8) & 0xff;
		return 1;
	}
}

__attribute__((noreturn)) static void mind(long program)
{
	unsigned long all = ALL_SIGNALS;
	int status = 0;

	while (!reap(program, &status)) {
		long sig = SYS4(__NR_rt_sigtimedwait, &all, 0, 0, sizeof(all));

		if (sig > 0 && sig != SIGCHLD)
			SYS2(__NR_kill, program, sig);
	}
	quit(status);
}

void s2c_init_main(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);
	char **env = argv + argc + 1;
	unsigned long uid, gid, caps, data, all = ALL_SIGNALS;
	long pid, failed;
	char go;

	if (argc > 1 && has_flag(argv[1], S2C_INIT_STREAMS))
		for (long fd = 0; fd < 3; fd++)
			SYS3(__NR_dup3, S2C_INIT_FD + 1 + fd, fd, 0);
	if (argc > 1 && has_flag(argv[1], S2C_INIT_REPORTS))
		open_reports();
	/* No descriptor but 0 to 3 gets into the container, whatever was left open. */
	SYS3(__NR_close_range, S2C_INIT_FD + 1, ~0u, 0);
	SYS3(__NR_fcntl, S2C_INIT_FD, F_SETFD, FD_CLOEXEC);
	if (argc < 8 || number(argv[2], 10, &uid) < 0 || number(argv[3], 10, &gid) < 0 ||
		number(argv[4], 16, &caps) < 0 || number(argv[5], 10, &data) < 0)
		refuse(S2C_INIT_USAGE, 0);
	check_ids(uid, gid, argv[1]);
	check_caps(caps);
	check_confinement(argv[1]);
	failed = SYS1(__NR_chdir, argv[6]);
	if (failed < 0)
		refuse(S2C_INIT_CWD, -failed);
	SYS4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof(all));
	report(S2C_INIT_READY, 0);
	/* The end instead of a byte: s2c has changed its mind. */
	if (SYS3(__NR_read, S2C_INIT_FD, &go, 1) == 0)
		quit(125);
	pid = SYS5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		refuse(S2C_INIT_FORK, -pid);
	if (pid == 0)
		run_program(argv + 7, env, data);
	SYS1(__NR_close, S2C_INIT_FD);
	mind(pid);
}

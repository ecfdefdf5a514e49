/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs in a container and makes each system call that the filter forbids. Prints what did
 * not answer as it should, so a good filter prints nothing. Arguments are such that an
 * allowed call would fail with another errno or do no harm.
 *
 * probe agent SOCKET NUMBER...: see ask_agent().
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	const char *name;
	long nr;
	long args[3];
	int expect;
};

#define BAD (-1L)
#define CALL(name, ...)                                                                  \
	{                                                                                \
#name, SYS_##name, {__VA_ARGS__ }, EPERM                                 \
	}

static const struct call calls[] = {
	CALL(acct, BAD),
	CALL(add_key, BAD, BAD),
	CALL(bpf, BAD, BAD, BAD),
	CALL(chroot, BAD),
	CALL(clock_settime, BAD, BAD),
	CALL(delete_module, BAD),
	CALL(fanotify_init, BAD, BAD),
	CALL(finit_module, BAD, BAD, BAD),
	CALL(fsconfig, BAD, BAD),
	CALL(fsmount, BAD, BAD),
	CALL(fsopen, BAD, BAD),
	CALL(fspick, BAD, BAD, BAD),
	CALL(init_module, BAD, BAD, BAD),
	CALL(io_uring_enter, BAD),
	CALL(io_uring_register, BAD),
	CALL(io_uring_setup, 1, BAD),
	CALL(kcmp, BAD, BAD, BAD),
	CALL(kexec_load, BAD),
	CALL(keyctl, BAD),
	CALL(lookup_dcookie, BAD),
	CALL(migrate_pages, BAD),
	CALL(mount, BAD, BAD, BAD),
	CALL(mount_setattr, BAD, BAD, BAD),
	CALL(move_mount, BAD, BAD, BAD),
	CALL(move_pages, BAD),
	CALL(name_to_handle_at, BAD, BAD, BAD),
	CALL(open_by_handle_at, BAD, BAD),
	CALL(open_tree, BAD, BAD),
	CALL(perf_event_open, BAD, BAD),
	CALL(personality, 0x0040000), /* ADDR_NO_RANDOMIZE */
	CALL(pidfd_getfd, BAD, BAD),
	CALL(pivot_root, BAD, BAD),
	CALL(process_madvise, BAD),
	CALL(process_vm_readv, BAD),
	CALL(process_vm_writev, BAD),
	CALL(quotactl, BAD, BAD),
	CALL(reboot, BAD, BAD),
	CALL(request_key, BAD),
	CALL(setdomainname, BAD),
	CALL(sethostname, BAD),
	CALL(setns, BAD, BAD),
	CALL(settimeofday, BAD, BAD),
	CALL(swapoff, BAD),
	CALL(swapon, BAD),
	CALL(syslog, 10),
	CALL(umount2, BAD),
	CALL(unshare, 0),
	CALL(userfaultfd, BAD),
	CALL(vhangup, 0),
	CALL(vmsplice, BAD),
#ifdef SYS_iopl
	CALL(ioperm, BAD),
	CALL(iopl, 0),
	CALL(modify_ldt, BAD),
	CALL(uselib, BAD),
	CALL(ustat, BAD),
#endif
#ifdef SYS_kexec_file_load
	CALL(kexec_file_load, BAD),
#endif
#ifdef SYS_memfd_secret
	CALL(memfd_secret, BAD),
#endif
	{"clone3", SYS_clone3, {0, 0, 0}, ENOSYS},
	{"clone(CLONE_NEWUSER)", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, EPERM},
	{"clone(CLONE_NEWNS)", SYS_clone, {CLONE_NEWNS | SIGCHLD}, EPERM},
	{"clone(CLONE_NEWNET)", SYS_clone, {CLONE_NEWNET | SIGCHLD}, EPERM},
	{"socket(AF_ALG)", SYS_socket, {AF_ALG, SOCK_SEQPACKET}, EPERM},
	{"socket(AF_VSOCK)", SYS_socket, {AF_VSOCK, SOCK_STREAM}, EPERM},
	{"socket(AF_PACKET)", SYS_socket, {AF_PACKET, SOCK_RAW}, EPERM},
	{"socket(AF_KEY)", SYS_socket, {AF_KEY, SOCK_RAW}, EPERM},
	{"socket(AF_INET)", SYS_socket, {AF_INET, SOCK_STREAM}, 0},
	{"socket(AF_UNIX)", SYS_socket, {AF_UNIX, SOCK_STREAM}, 0},
	{"personality(0)", SYS_personality, {0}, 0},
	{"getpid", SYS_getpid, {0}, 0},
};

/* Sends requests of one byte to an SSH agent and prints the first byte of each answer. */
static int ask_agent(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[0]);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		printf("cannot connect: %s\n", strerror(errno));
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		unsigned char request[] = {
			0, 0, 0, 1, (unsigned char)strtoul(argv[i], NULL, 10)};
		unsigned char head[5], rest[256];

		if (write(fd, request, sizeof(request)) != sizeof(request) ||
			read(fd, head, sizeof(head)) != sizeof(head) ||
			(head[3] > 1 && read(fd, rest, head[3] - 1u) != head[3] - 1))
			return 1;
		printf("%d\n", head[4]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "agent") == 0)
		return ask_agent(argc - 2, argv + 2);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *c = &calls[i];
		long got = syscall(c->nr, c->args[0], c->args[1], c->args[2], 0, 0, 0);
		int answer = got < 0 ? errno : 0;

		/* A clone that worked: the child must not go on. */
		if (c->nr == SYS_clone && got == 0)
			_exit(0);
		if (answer != c->expect)
			printf("%s: %s instead of %s\n", c->name, strerror(answer),
				strerror(c->expect));
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warden and keeper, after the fork. See keeper.h for who they are. Nothing here returns
 * into the code of s2c, emits an event or uses its context; failures go to s2c as text.
 *
 * The namespaces made here are s2c's own second skin: mounts that no one else sees, a pid
 * namespace whose end kills, a network namespace that the helper can be pointed at. The
 * container's isolation is the OCI runtime's work, inside of them.
 */
#include "runtime/keeper_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/keeper_memory.h"
#include "runtime/network.h"
#include "util/subprocess.h"

#define KEEP_MAX 512 /* descriptors that survive the fork: layers and a few more */

struct keeper {
	const struct s2c_keeper_opts *opts;
	int control, signals;
	int go; /* writing starts the network helper's process; -1 without one */
	pid_t net, runtime;
	int net_ready; /* ready pipe of slirp4netns; -1 */
	int net_log;   /* what the helper says on standard error */
	bool net_done;
};

/* ---- what both need ---- */

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/*
 * Closes all but `keep`. What s2c has open must not live on here: its view is a mount of
 * the same upper directory, its pipes would never end, its locks would stay locked.
 */
static void close_others(int *keep, size_t n)
{
	unsigned next = 3;

	qsort(keep, n, sizeof(*keep), compare_ints);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)next)
			continue;
		if ((unsigned)keep[i] > next)
			(void)syscall(SYS_close_range, next, keep[i] - 1, 0);
		next = (unsigned)keep[i] + 1;
	}
	(void)syscall(SYS_close_range, next, ~0U, 0);
}

static void quiet_standard_fds(bool keep_error)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	if (!keep_error)
		(void)dup2(null, 2);
	if (null > 2)
		close(null);
}

static void default_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- the keeper ---- */

static void tell(const struct keeper *k, int event, int value, const char *text)
{
	struct s2c_keeper_message m = {.event = event, .value = value};

	(void)snprintf(m.text, sizeof(m.text), "%s", text);
	if (send(k->control, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		_exit(1);
}

__attribute__((noreturn)) static void give_up(
	const struct keeper *k, const char *what, int errnum)
{
	char text[S2C_KEEPER_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(errnum));
	tell(k, S2C_KEEPER_FAILED, errnum, text);
	_exit(1);
}

static void set_up_mounts(const struct keeper *k)
{
	const struct s2c_cgroups *cgroups = k->opts->cgroups;

	if (unshare(CLONE_NEWNS) < 0)
		give_up(k, "cannot make a mount namespace", errno);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		give_up(k, "cannot make mounts private", errno);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		give_up(k,
			"cannot mount '/proc' for a new pid namespace (is s2c itself in "
			"a "
			"container that masks it?)",
			errno);
	if (k->opts->hide_cgroups) {
		/* Where there is no such directory there is nothing to hide. */
		(void)mount("tmpfs", "/sys/fs/cgroup", "tmpfs",
			MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0755");
	} else if (cgroups->usable && s2c_cgroups_hybrid(cgroups)) {
		(void)umount2(cgroups->v2, MNT_DETACH);
	}
}

static void loopback_up(const struct keeper *k)
{
	CLEAN_FD int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	if (s < 0 || ioctl(s, SIOCGIFFLAGS, &request) < 0)
		give_up(k, "cannot look at the loopback interface", errno);
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &request) < 0)
		give_up(k, "cannot bring up the loopback interface", errno);
}

/*
 * A tap interface that outlives its user. It goes with the network namespace, in the
 * background; one of the helper's own making would make its exit wait for the kernel to
 * take it down, which is most of the time that an isolated network costs. When this fails
 * the helper makes its own.
 */
static void make_interface(void)
{
	struct ifreq request = {
		.ifr_name = S2C_NET_INTERFACE, .ifr_flags = IFF_TAP | IFF_NO_PI};
	CLEAN_FD int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0)
		(void)ioctl(tun, TUNSETPERSIST, 1);
}

/* The helper's process: starts in the outer network, waits for the inner one. */
__attribute__((noreturn)) static void net_child(
	const struct keeper *k, int wait_fd, int ready_fd, int log_fd)
{
	char go;

	if (read(wait_fd, &go, 1) != 1)
		_exit(1);
	(void)dup2(log_fd, 1);
	(void)dup2(log_fd, 2);
	if (ready_fd != S2C_NET_READY_FD)
		(void)dup3(ready_fd, S2C_NET_READY_FD, 0);
	else
		(void)fcntl(ready_fd, F_SETFD, 0);
	(void)syscall(SYS_close_range, S2C_NET_READY_FD + 1, ~0U, 0);
	default_signals();
	execve(k->opts->net_argv->items[0], k->opts->net_argv->items,
		(char *[]){(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL});
	_exit(127);
}

static void fork_net_child(struct keeper *k)
{
	int go[2], ready[2], log[2];

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
		pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0)
		give_up(k, "cannot make a pipe", errno);
	k->net = fork();
	if (k->net < 0)
		give_up(k, "cannot start a process", errno);
	if (k->net == 0)
		net_child(k, go[0], ready[1], log[1]);
	close(go[0]);
	close(ready[1]);
	close(log[1]);
	k->go = go[1];
	k->net_ready = ready[0];
	k->net_log = log[0];
}

static void set_up_network(struct keeper *k)
{
	CLEAN_FREE char *path = xasprintf("%s/" S2C_KEEPER_NETNS, k->opts->work_path);
	int fd;

	if (!k->opts->private_network)
		return;
	if (k->opts->net_argv)
		fork_net_child(k);
	if (unshare(CLONE_NEWNET) < 0)
		give_up(k, "cannot make a network namespace", errno);
	loopback_up(k);
	if (!k->opts->net_argv)
		return;
	make_interface();
	/* By a path, because the helper drops the rights to look into /proc/PID/ns. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		give_up(k, "cannot make a mount point for the network namespace", errno);
	close(fd);
	if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		give_up(k, "cannot bind the network namespace", errno);
	if (write(k->go, "g", 1) != 1)
		give_up(k, "the network helper has died", errno);
	close(take_fd(&k->go));
}

static void net_result(struct keeper *k, int status)
{
	char text[S2C_KEEPER_TEXT_MAX] = "";
	ssize_t n = read(k->net_log, text, sizeof(text) - 1);
	size_t start = 0;

	if (k->net_done)
		return;
	text[n > 0 ? n : 0] = '\0';
	/* The last line says why. */
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	for (size_t i = 0; text[i]; i++)
		if (text[i] == '\n')
			start = i + 1;
	tell(k, S2C_KEEPER_NET, status, text + start);
	k->net_done = true;
	s2c_clean_fd(&k->net_ready);
	s2c_clean_fd(&k->net_log);
	k->net_ready = k->net_log = -1;
}

static void start_runtime(struct keeper *k, const int fds[4])
{
	CLEAN_FREE char *rootfs = xasprintf("%s/" S2C_KEEPER_ROOTFS, k->opts->work_path);
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_process process = S2C_PROCESS_INIT;
	struct s2c_process_opts spawn = S2C_PROCESS_OPTS_INIT;

	if (mkdir(rootfs, 0755) < 0 && errno != EEXIST)
		give_up(k, "cannot make the mount point of the container", errno);
	if (s2c_overlay_mount(k->opts->overlay, rootfs, &err) < 0) {
		tell(k, S2C_KEEPER_FAILED, 0, s2c_error_message(err));
		_exit(1);
	}
	/* Nothing of s2c's environment: it may hold credentials. */
	s2c_strv_add(&env,
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	s2c_strv_add(&env, "HOME=/");
	/* crun and runc bind themselves to a file there for an instant (CVE-2019-5736);
	 * killed in that instant they leave it, and /tmp is not ours to sweep. */
	s2c_strv_addf(&env, "_LIBCONTAINER_STATEDIR=%s", k->opts->work_path);
	spawn.argv = k->opts->run_argv;
	spawn.env = &env;
	spawn.cwd = k->opts->work_path;
	spawn.fd_in = fds[0];
	spawn.fd_out = fds[1];
	spawn.fd_err = fds[2];
	spawn.extra_fds[0] = fds[3];
	spawn.n_extra_fds = 1;
	if (k->opts->init_takes_streams) {
		/* The runtime must not read what is meant for the program. */
		spawn.fd_in = -1;
		for (size_t i = 0; i < 3; i++)
			spawn.extra_fds[spawn.n_extra_fds++] = fds[i];
	}
	if (s2c_process_spawn(&spawn, &process, &err) < 0) {
		tell(k, S2C_KEEPER_FAILED, 0, s2c_error_message(err));
		_exit(1);
	}
	k->runtime = process.pid;
	s2c_clean_fd(&process.pidfd);
}

/* One order from s2c; its end of the socket gone means that s2c is. */
static void obey(struct keeper *k)
{
	struct s2c_keeper_message m;
	struct iovec iov = {.iov_base = &m, .iov_len = sizeof(m)};
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	int fds[4];

	if (recvmsg(k->control, &msg, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(m))
		_exit(0);
	if (m.event == S2C_KEEPER_ORDER_SIGNAL && k->runtime > 0)
		(void)kill(k->runtime, m.value);
	if (m.event != S2C_KEEPER_ORDER_RUN)
		return;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fds)))
		_exit(1);
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	start_runtime(k, fds);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/*
 * The runtime has ended, and with it the container. The upper directory must be free
 * before s2c hears of it, as s2c goes on at once; the end of process 1 then ends whatever
 * is left, while s2c has better things to do than to wait for it.
 */
__attribute__((noreturn)) static void finish(struct keeper *k, int status)
{
	CLEAN_FREE char *rootfs = xasprintf("%s/" S2C_KEEPER_ROOTFS, k->opts->work_path);

	(void)umount2(rootfs, MNT_DETACH);
	tell(k, S2C_KEEPER_EXIT, status, "");
	_exit(0);
}

static void reap(struct keeper *k)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(k->signals, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					       : WEXITSTATUS(status);

		if (pid == k->net)
			net_result(k, code);
		if (pid == k->runtime)
			finish(k, code);
	}
}

/* slirp4netns stays in the foreground and writes a byte when it is ready. */
static void net_ready(struct keeper *k)
{
	char byte;
	ssize_t n = read(k->net_ready, &byte, 1);

	if (n == 1) {
		net_result(k, 0);
		return;
	}
	/* The end: pasta closed it going to the background; its exit status tells. */
	s2c_clean_fd(&k->net_ready);
	k->net_ready = -1;
}

__attribute__((noreturn)) static void keep(struct keeper *k)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = k->control, .events = POLLIN},
			{.fd = k->signals, .events = POLLIN},
			{.fd = k->net_ready, .events = POLLIN},
		};

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			_exit(1);
		if (fds[2].revents)
			net_ready(k);
		if (fds[1].revents)
			reap(k);
		if (fds[0].revents)
			obey(k);
	}
}

__attribute__((noreturn)) static void keeper_main(
	const struct s2c_keeper_opts *opts, int control_fd)
{
	struct keeper k = {.opts = opts,
		.control = control_fd,
		.signals = -1,
		.go = -1,
		.net = -1,
		.runtime = -1,
		.net_ready = -1,
		.net_log = -1};
	int keep_fds[KEEP_MAX];
	struct s2c_error *err = NULL;
	size_t n = 0;
	sigset_t child;

	/* The warden's death is ours; it may have died before this line. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	keep_fds[n++] = control_fd;
	keep_fds[n++] = opts->work_fd;
	for (size_t i = 0; i < opts->overlay->n_lowers && n < KEEP_MAX; i++)
		keep_fds[n++] = opts->overlay->lower_fds[i];
	opts->overlay->view_fd = -1;
	close_others(keep_fds, n);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &child, NULL);
	k.signals = signalfd(-1, &child, SFD_CLOEXEC);
	if (k.signals < 0)
		give_up(&k, "cannot watch for signals", errno);
	set_up_mounts(&k);
	if (s2c_overlay_rehome(opts->overlay, &err) < 0) {
		tell(&k, S2C_KEEPER_FAILED, 0, s2c_error_message(err));
		_exit(1);
	}
	if (s2c_keeper_memory_make(opts->memory, opts->work_path, &err) < 0) {
		tell(&k, S2C_KEEPER_FAILED, 0, s2c_error_message(err));
		_exit(1);
	}
	set_up_network(&k);
	keep(&k);
}

/* ---- the warden ---- */

static void warn_of_death(int control_fd, const char *what, int errnum)
{
	struct keeper k = {.control = control_fd};

	give_up(&k, what, errnum);
}

/* The OCI runtime does it itself, unless it was killed. */
static void remove_cgroups(const struct s2c_keeper_opts *opts)
{
	CLEAN_STRV struct s2c_strv dirs = S2C_STRV_INIT;

	if (!opts->cgroups->usable)
		return;
	s2c_cgroups_dirs(opts->cgroups, strrchr(opts->work_path, '/') + 1, &dirs);
	s2c_strv_foreach (dir, &dirs)
		(void)rmdir(dir);
}

void s2c_keeper_child(const struct s2c_keeper_opts *opts, int life_fd, int control_fd)
{
	struct pollfd fds[2] = {{.fd = life_fd, .events = POLLIN}};
	int keep_fds[KEEP_MAX];
	size_t n = 0;
	pid_t keeper;

	keep_fds[n++] = life_fd;
	keep_fds[n++] = control_fd;
	keep_fds[n++] = opts->work_fd;
	for (size_t i = 0; i < opts->memory->n_held && n < KEEP_MAX; i++)
		keep_fds[n++] = opts->memory->held[i];

	default_signals();
	/* A Ctrl-C at the terminal is for s2c, which then decides what ends when. */
	(void)setsid();
	quiet_standard_fds(opts->verbose);
	if (unshare(CLONE_NEWPID) < 0)
		warn_of_death(control_fd, "cannot make a pid namespace", errno);
	keeper = fork();
	if (keeper < 0)
		warn_of_death(control_fd, "cannot start a process", errno);
	if (keeper == 0)
		keeper_main(opts, control_fd);
	close(control_fd);
	close_others(keep_fds, n);
	fds[1] = (struct pollfd){.fd = pidfd_open(keeper, 0), .events = POLLIN};
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	(void)kill(keeper, SIGKILL);
	/* Returns when all processes of its pid namespace are gone. */
	while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
		;
	remove_cgroups(opts);
	_exit(0);
}

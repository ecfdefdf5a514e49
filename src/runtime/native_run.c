/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running one process: the bundle is written, the keeper mounts and starts the OCI
 * runtime, its init reports, output flows. What the exit status means is known from the
 * init's report, not guessed: without READY the container failed, with EXEC the program
 * could not be executed, else the status is the program's.
 */
#include "runtime/native.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/init_image.h"
#include "runtime/init_protocol.h"
#include "runtime/rootpath.h"
#include "util/fs.h"

#define BUNDLE_CONFIG "config.json"
#define HOST_FILE_MAX (64u * 1024)
#define LOG_MAX (256u * 1024)
/* An output line is cut into pieces of this size: as much as an event holds. */
#define LINE_MAX_BYTES (16u * 1024)
/* Between SIGTERM and SIGKILL when the context ends. */
#define STOP_GRACE_SECONDS 2

/* ---- keeper ---- */

static void plan_net(struct s2c_native_container *c)
{
	CLEAN_FREE char *netns = xasprintf(
		"%s/" S2C_KEEPER_NETNS, s2c_work_path(c->work));
	struct s2c_net_command command = {
		.choice = &c->net,
		.netns = netns,
		.host_root = c->native->userns.kind == S2C_USERNS_NONE,
		.ports = c->ports,
		.n_ports = c->n_ports,
	};

	if (c->net.helper != S2C_NET_HELPER_NONE)
		s2c_net_args(&command, &c->net_argv);
}

static void plan_runtime(struct s2c_native_container *c)
{
	const struct s2c_native *native = c->native;
	const char *work = s2c_work_path(c->work);
	struct s2c_strv *v = &c->run_argv;

	s2c_strv_add(v, native->oci);
	s2c_strv_addf(v, "--root=%s/oci", work);
	s2c_strv_addf(v, "--log=%s/" S2C_NATIVE_LOG, work);
	if (native->oci_kind == S2C_OCI_CRUN && !native->cgroups.usable)
		s2c_strv_add(v, "--cgroup-manager=disabled");
	s2c_strv_add(v, "run");
	s2c_strv_addf(v, "--bundle=%s", work);
	if (native->oci_kind != S2C_OCI_OTHER)
		s2c_strv_add(v, "--preserve-fds=4");
	s2c_strv_add(v, s2c_work_name(c->work));
}

int s2c_native_start_keeper(struct s2c_native_container *c, struct s2c_error **err)
{
	struct s2c_keeper_opts opts = {
		.overlay = &c->overlay,
		.work_fd = s2c_work_fd(c->work),
		.work_path = s2c_work_path(c->work),
		.cgroups = &c->native->cgroups,
		.hide_cgroups = c->native->oci_kind == S2C_OCI_CRUN &&
				!c->native->cgroups.usable,
		.private_network = c->network != S2C_NETWORK_HOST,
		.run_argv = &c->run_argv,
		.init_takes_streams = c->native->oci_kind != S2C_OCI_OTHER,
		.memory = &c->memory,
		.verbose = s2c_trace("runtime"),
	};

	if (c->run_argv.len == 0) {
		plan_runtime(c);
		plan_net(c);
	}
	if (c->network == S2C_NETWORK_ISOLATED)
		opts.net_argv = &c->net_argv;
	c->net_known = c->network != S2C_NETWORK_ISOLATED;
	c->keeper_spent = false;
	if (s2c_keeper_start(&opts, &c->keeper, err) < 0)
		return -1;
	/* The number that its copy of the overlay has is for its own mount. */
	c->overlay.serial++;
	return 0;
}

/* What the helper said. Without a network that is a must, the container does without. */
static int network_result(struct s2c_ctx *ctx, struct s2c_native_container *c,
	const struct s2c_keeper_message *m, struct s2c_error **err)
{
	c->net_known = true;
	if (m->value == 0)
		return 0;
	if (c->network_required || c->n_ports)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"no isolated network: %s failed: %s",
			s2c_net_helper_name(c->net.helper), m->text);
	s2c_emit_log(ctx, S2C_WARN, "no network for this container: %s failed: %s",
		s2c_net_helper_name(c->net.helper), m->text);
	c->network = S2C_NETWORK_NONE;
	return 0;
}

/* ---- bundle ---- */

/* What the host says, "" when it says nothing. */
static char *host_file(const char *path)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(HOST_FILE_MAX);
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	if (s2c_fs_read_file(AT_FDCWD, path, &text, &ignored) < 0)
		s2c_buf_clear(&text);
	return s2c_buf_take(&text);
}

static int put_file(const struct s2c_native_container *c, const char *name,
	const void *data, size_t len, struct s2c_error **err)
{
	mode_t mode = streq(name, S2C_NATIVE_INIT)      ? 0555
		      : streq(name, S2C_NATIVE_REPORTS) ? 0666
							: 0444;
	CLEAN_FD int fd = -1;

	(void)unlinkat(s2c_work_fd(c->work), name, 0);
	if (s2c_fs_open(s2c_work_fd(c->work), name, O_WRONLY | O_CREAT | O_EXCL, mode,
		    &fd, err) < 0 ||
		s2c_fs_write_all(fd, data, len, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return s2c_fail_errno(err, errno, "cannot set the mode of '%s'", name);
	return 0;
}

static int put_texts(const struct s2c_native_container *c, struct s2c_error **err)
{
	CLEAN_FREE char *host = host_file("/etc/resolv.conf");
	CLEAN_FREE char *real = host_file("/run/systemd/resolve/resolv.conf");
	CLEAN_FREE char *resolv = s2c_net_resolv_conf(
		host, real, c->network, c->net.helper);
	CLEAN_FREE char *name = xasprintf("%s\n", c->hostname);

	if (c->native->oci_kind == S2C_OCI_OTHER &&
		put_file(c, S2C_NATIVE_REPORTS, "", 0, err) < 0)
		return -1;
	if (put_file(c, S2C_NATIVE_INIT, s2c_init_image, s2c_init_image_len, err) < 0 ||
		put_file(c, S2C_NATIVE_HOSTS, c->hosts, strlen(c->hosts), err) < 0 ||
		put_file(c, S2C_NATIVE_HOSTNAME, name, strlen(name), err) < 0)
		return -1;
	return put_file(c, S2C_NATIVE_RESOLV, resolv, strlen(resolv), err);
}

static uint64_t hard_limit(int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0 ||
		limit.rlim_max == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_max;
}

/*
 * Without a control group: private writable memory. What RLIMIT_AS would count breaks
 * managed languages, which reserve far more than they use.
 */
static uint64_t data_limit(const struct s2c_native_container *c)
{
	uint64_t hard = hard_limit(RLIMIT_DATA);

	if (c->native->cgroups.usable || c->limits.memory == 0)
		return 0;
	return c->limits.memory < hard ? c->limits.memory : hard;
}

/* The init's command line: see init_protocol.h. */
static void init_args(const struct s2c_native_container *c,
	const struct s2c_exec_opts *opts, uint64_t caps, struct s2c_strv *out)
{
	bool single = c->native->userns.kind == S2C_USERNS_SINGLE;
	bool other = c->native->oci_kind == S2C_OCI_OTHER;

	s2c_strv_add(out, S2C_INIT_PATH);
	s2c_strv_addf(out, "-%s%s", single ? "g" : "", other ? "nf" : "s");
	s2c_strv_addf(out, "%u", c->uid);
	s2c_strv_addf(out, "%u", c->gid);
	s2c_strv_addf(out, "%llx", (unsigned long long)caps);
	s2c_strv_addf(out, "%llu", (unsigned long long)data_limit(c));
	s2c_strv_add(out, opts->cwd ? opts->cwd : "/");
	s2c_strv_add_all(out, opts->argv);
}

static int put_bundle(const struct s2c_native_container *c,
	const struct s2c_exec_opts *opts, struct s2c_error **err)
{
	const char *work = s2c_work_path(c->work);
	CLEAN_FREE char *rootfs = xasprintf("%s/" S2C_KEEPER_ROOTFS, work);
	CLEAN_FREE char *cgroup = xasprintf(
		S2C_CGROUP_PREFIX "%s", s2c_work_name(c->work));
	CLEAN_FREE char *json = NULL;
	CLEAN_STRV struct s2c_strv args = S2C_STRV_INIT;
	bool root_caps = opts->keep_privileges_of_root && c->uid == 0;
	bool single = c->native->userns.kind == S2C_USERNS_SINGLE;
	struct s2c_bundle bundle = {
		.rootfs = rootfs,
		.hostname = c->hostname,
		.uid = c->uid,
		.gid = c->gid,
		.args = &args,
		.env = opts->env,
		.capabilities = root_caps ? S2C_BUNDLE_ROOT_CAPS : 0,
		.binds = c->binds,
		.n_binds = c->n_binds,
		.limits = c->limits,
		.hard = {.nofile = hard_limit(RLIMIT_NOFILE),
			.nproc = hard_limit(RLIMIT_NPROC)},
		.cgroup = c->native->cgroups.usable ? cgroup : NULL,
		.map_single = single && (c->uid || c->gid),
	};

	init_args(c, opts, bundle.capabilities, &args);
	if (put_texts(c, err) < 0 || s2c_bundle_print(&bundle, &json, err) < 0)
		return -1;
	return put_file(c, BUNDLE_CONFIG, json, strlen(json), err);
}

/* Makes the working directory as others do: owned by root, part of the layer. */
static int make_cwd(
	struct s2c_native_container *c, const char *cwd, struct s2c_error **err)
{
	CLEAN_FREE char *resolved = NULL;
	bool exists;
	int view;

	if (!cwd)
		return 0;
	if (s2c_overlay_view(&c->overlay, &view, err) < 0 ||
		s2c_rootpath_resolve(view, cwd, &resolved, &exists, err) < 0)
		return -1;
	if (s2c_rootpath_covered(resolved))
		return s2c_fail(err, S2C_EINVAL,
			"working directory '%s' leads to '%s' in the image, which the "
			"container mounts over",
			cwd, resolved);
	if (exists)
		return 0;
	return s2c_fs_mkdir_in(view, resolved, 0755, NULL, err);
}

/* ---- output ---- */

struct pump {
	struct s2c_ctx *ctx;
	int fd; /* -1: the caller takes the output itself, or it has ended */
	char line[LINE_MAX_BYTES];
	size_t len;
};

static void pump_line(struct pump *p)
{
	s2c_emit_output(p->ctx, p->line, p->len);
	p->len = 0;
}

/* Reads what is there and emits whole lines; over-long ones in pieces. */
static void pump_read(struct pump *p)
{
	char piece[16384];
	ssize_t n = read(p->fd, piece, sizeof(piece));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (p->len)
			pump_line(p);
		s2c_clean_fd(&p->fd);
		p->fd = -1;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] == '\n') {
			pump_line(p);
			continue;
		}
		if (p->len == sizeof(p->line))
			pump_line(p);
		p->line[p->len++] = piece[i];
	}
}

/* ---- the run ---- */

struct run {
	struct s2c_native_container *c;
	struct pump pump;
	int report; /* our end of the init's socket; -1 after its end */
	struct s2c_init_report ready, failed;
	bool released; /* the init may go on and execute the program */
	int status;    /* of the OCI runtime; -1 while it runs */
};

static void run_release(struct run *run)
{
	s2c_clean_fd(&run->pump.fd);
	s2c_clean_fd(&run->report);
}

static void report_take(struct run *run, const struct s2c_init_report *r)
{
	if (r->stage == S2C_INIT_READY)
		run->ready = *r;
	else
		run->failed = *r;
}

static void report_read(struct run *run)
{
	struct s2c_init_report r;
	ssize_t n = read(run->report, &r, sizeof(r));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(r)) {
		s2c_clean_fd(&run->report);
		run->report = -1;
		return;
	}
	report_take(run, &r);
}

/* What the init of a runtime left that hands no descriptors on: two reports at most. */
static void reports_collect(struct run *run)
{
	CLEAN_FD int fd = openat(s2c_work_fd(run->c->work), S2C_NATIVE_REPORTS,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct s2c_init_report r;

	for (int i = 0; i < 2 && fd >= 0 && read(fd, &r, sizeof(r)) == sizeof(r); i++)
		report_take(run, &r);
}

/* What the keeper tells; its end without having told the end of the run is an error. */
static int keeper_event(struct run *run, struct s2c_ctx *ctx, struct s2c_error **err)
{
	struct s2c_keeper_message m;

	s2c_keeper_next(&run->c->keeper, &m);
	switch ((enum s2c_keeper_event)m.event) {
	case S2C_KEEPER_NET:
		return network_result(ctx, run->c, &m, err);
	case S2C_KEEPER_EXIT:
		run->status = m.value;
		run->c->keeper_spent = true;
		return 0;
	case S2C_KEEPER_FAILED:
		return s2c_fail(err, S2C_EUNSUPPORTED, "container: %s", m.text);
	case S2C_KEEPER_NONE:
		break;
	}
	return s2c_fail(err, S2C_EIO, "the container's keeper has died");
}

/* Lets the init go on once it is ready and the network is. */
static void release_init(struct run *run)
{
	if (run->released || run->ready.stage != S2C_INIT_READY || !run->c->net_known)
		return;
	run->released = true;
	/* An init that has died meanwhile shows by its end. */
	if (send(run->report, "g", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* One round of waiting; run->status tells when the runtime has ended. */
static int run_step(struct run *run, struct s2c_ctx *ctx, struct s2c_error **err)
{
	struct pollfd fds[] = {
		{.fd = run->pump.fd, .events = POLLIN},
		{.fd = run->report, .events = POLLIN},
		{.fd = run->c->keeper.control, .events = POLLIN},
	};
	int ready;

	if (s2c_ctx_poll(ctx, fds, ARRAY_SIZE(fds), -1, &ready, err) < 0)
		return -1;
	if (fds[0].revents)
		pump_read(&run->pump);
	if (fds[1].revents)
		report_read(run);
	if (fds[2].revents && keeper_event(run, ctx, err) < 0)
		return -1;
	release_init(run);
	return 0;
}

/* For runtimes whose init cannot wait for the network itself. */
static int await_network(struct run *run, struct s2c_ctx *ctx, struct s2c_error **err)
{
	while (run->c->native->oci_kind == S2C_OCI_OTHER && !run->c->net_known)
		if (run_step(run, ctx, err) < 0)
			return -1;
	return 0;
}

/* The context has ended: SIGTERM, some time to obey it, and then the caller kills. */
static void run_stop(struct run *run, struct s2c_ctx *ctx)
{
	CLEAN_CTX struct s2c_ctx *grace = s2c_ctx_detached(ctx, STOP_GRACE_SECONDS);
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	s2c_keeper_signal(&run->c->keeper, SIGTERM);
	while (run->status < 0 && run_step(run, grace, &ignored) == 0)
		;
}

/* All processes are dead: what is still in the pipes is all there will ever be. */
static void run_drain(struct run *run)
{
	while (run->pump.fd >= 0)
		pump_read(&run->pump);
	while (run->report >= 0)
		report_read(run);
}

static int make_pipe(int *out_read, int *out_write, struct s2c_error **err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	*out_read = pair[0];
	*out_write = pair[1];
	return 0;
}

static int run_start(
	struct run *run, const struct s2c_exec_opts *opts, struct s2c_error **err)
{
	CLEAN_FD int output = -1;
	CLEAN_FD int report = -1;
	CLEAN_FD int null = -1;
	int fds[4], pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket pair");
	run->report = pair[0];
	report = pair[1];
	if ((opts->fd_out < 0 || opts->fd_err < 0) &&
		make_pipe(&run->pump.fd, &output, err) < 0)
		return -1;
	if (s2c_fs_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, &null, err) < 0)
		return -1;
	fds[0] = opts->fd_in >= 0 ? opts->fd_in : null;
	fds[1] = opts->fd_out >= 0 ? opts->fd_out : output;
	fds[2] = opts->fd_err >= 0 ? opts->fd_err : output;
	fds[3] = report;
	return s2c_keeper_run(&run->c->keeper, fds, err);
}

/* ---- what it meant ---- */

/* The last line of what the OCI runtime logged; caller frees. */
static char *runtime_words(const struct s2c_native_container *c)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(LOG_MAX);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	char *line;

	if (s2c_fs_read_file(s2c_work_fd(c->work), S2C_NATIVE_LOG, &text, &ignored) < 0 ||
		text.len == 0)
		return xstrdup("it said nothing");
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	line = strrchr(text.data, '\n');
	return xstrdup(line ? line + 1 : text.data);
}

static int fail_check(
	const struct s2c_native_container *c, const char *what, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EDENIED,
		"'%s' made a container that is not what was asked for: %s; nothing was "
		"run in "
		"it",
		c->native->oci, what);
}

/* The sentences of the init's stages. */
static int fail_report(const struct s2c_native_container *c,
	const struct s2c_exec_opts *opts, const struct s2c_init_report *r,
	struct s2c_error **err)
{
	CLEAN_FREE char *what = NULL;

	switch ((enum s2c_init_stage)r->stage) {
	case S2C_INIT_UID:
		what = xasprintf(
			"it runs as uid %u instead of %u", (unsigned)r->value, c->uid);
		return fail_check(c, what, err);
	case S2C_INIT_GID:
		what = xasprintf(
			"it runs as gid %u instead of %u", (unsigned)r->value, c->gid);
		return fail_check(c, what, err);
	case S2C_INIT_GROUPS:
		what = xasprintf("it is in group %u", (unsigned)r->value);
		return fail_check(c, what, err);
	case S2C_INIT_CAPS:
		what = xasprintf("it has capability %d", r->value);
		return fail_check(c, what, err);
	case S2C_INIT_NNP:
		return fail_check(
			c, "it could gain privileges (no_new_privs is off)", err);
	case S2C_INIT_SECCOMP:
		return fail_check(c, "its system calls are not filtered", err);
	case S2C_INIT_CWD:
		return s2c_fail(err, S2C_EINVAL,
			"cannot go to directory '%s' as uid %u: %s",
			opts->cwd ? opts->cwd : "/", c->uid, strerror(r->value));
	case S2C_INIT_EXEC:
		return s2c_fail(err, r->value == ENOENT ? S2C_ENOENT : S2C_EINVAL,
			"cannot execute '%s' in the container: %s", opts->argv->items[0],
			r->value == ENOENT ? "it or its interpreter does not exist"
					   : strerror(r->value));
	case S2C_INIT_FORK:
		return s2c_fail(err, S2C_ELIMIT,
			"cannot start a process in the container: %s",
			strerror(r->value));
	case S2C_INIT_READY:
	case S2C_INIT_USAGE:
		break;
	}
	return s2c_fail(err, S2C_EIO, "the container's init was started wrongly");
}

/* Another uid out of a single id takes one more user namespace, which may be forbidden.
 */
static const char *hint_of(const struct s2c_native_container *c, const char *words)
{
	if (c->native->userns.kind == S2C_USERNS_SINGLE && (c->uid || c->gid) &&
		strstr(words, "clone"))
		return "; perhaps no user namespace can be made in this one: see sysctl "
		       "user.max_user_namespaces, or run s2c outside of it";
	return "";
}

static int judge(const struct run *run, const struct s2c_exec_opts *opts, int *out_status,
	struct s2c_error **err)
{
	const struct s2c_native_container *c = run->c;
	CLEAN_FREE char *words = NULL;

	if (run->failed.stage)
		return fail_report(c, opts, &run->failed, err);
	if (run->ready.stage == S2C_INIT_READY) {
		*out_status = run->status;
		return 0;
	}
	words = runtime_words(c);
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"'%s' could not start the container (status %d): %s%s", c->native->oci,
		run->status, words, hint_of(c, words));
}

int s2c_native_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err)
{
	struct s2c_native_container *c = s2c_native_container_of(container);
	CLEAN(run_release)
	struct run run = {
		.c = c, .pump = {.ctx = ctx, .fd = -1}, .report = -1, .status = -1};
	int rc = 0;

	if (make_cwd(c, opts->cwd, err) < 0)
		return -1;
	s2c_overlay_drop_view(&c->overlay);
	if (c->keeper_spent)
		s2c_keeper_stop(&c->keeper);
	if (c->keeper.warden < 0 && s2c_native_start_keeper(c, err) < 0)
		return -1;
	if (await_network(&run, ctx, err) < 0 || put_bundle(c, opts, err) < 0 ||
		run_start(&run, opts, err) < 0) {
		s2c_keeper_stop(&c->keeper);
		return -1;
	}
	while (rc == 0 && run.status < 0)
		rc = run_step(&run, ctx, err);
	if (rc < 0 && run.status < 0)
		run_stop(&run, ctx);
	/* Unless the runtime has ended orderly, only the keeper's end ends all. */
	if (run.status < 0 || c->native->oci_kind == S2C_OCI_OTHER)
		s2c_keeper_stop(&c->keeper);
	run_drain(&run);
	if (c->native->oci_kind == S2C_OCI_OTHER)
		reports_collect(&run);
	return rc < 0 ? -1 : judge(&run, opts, out_status, err);
}

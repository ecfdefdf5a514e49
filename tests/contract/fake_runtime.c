/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fake_runtime.h. A container is two copies of the unpacked image: one that is worked
 * in and one to compare with. What a program deletes is therefore not noticed.
 */
#include "fake_runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "codec/extract.h"
#include "codec/tar.h"
#include "codec/walk.h"
#include "layer/diff.h"
#include "layer/unpack.h"
#include "layer/writer.h"
#include "store/blob.h"
#include "store/work.h"
#include "util/fs.h"

#define LINE_BYTES (16u * 1024)

struct fake {
	struct s2c_runtime base;
	struct s2c_store *store;
};

struct fake_container {
	struct s2c_container base;
	struct s2c_store *store;
	struct s2c_work *work;
	struct s2c_manifest *manifest;
	int root, pristine;
	uint32_t uid, gid;
};

static int fake_open(struct s2c_ctx *ctx, const struct s2c_runtime_opts *opts,
	struct s2c_runtime **out, struct s2c_error **err)
{
	struct fake *fake = xcalloc(1, sizeof(*fake));

	fake->base.ops = &s2c_runtime_fake;
	fake->store = opts->store;
	*out = &fake->base;
	return 0;
}

static void fake_close(struct s2c_runtime *runtime)
{
	free(runtime);
}

static int unpack(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_manifest *manifest, int dir, struct s2c_error **err)
{
	struct s2c_unpack_opts opts = {.xattr_prefix = "trusted.overlay."};

	for (size_t i = 0; i < manifest->n_layers; i++) {
		const struct s2c_descriptor *layer = &manifest->layers[i];
		struct s2c_unpack_input input = {.own = true};
		enum s2c_compression kind;
		struct s2c_reader *blob;

		(void)s2c_media_kind(layer->media_type, &kind);
		if (s2c_blob_open(store, &layer->digest, layer->size, &blob, err) < 0)
			return -1;
		input.tar = s2c_decompress(kind, blob, true);
		if (s2c_layer_unpack(ctx, input, dir, &opts, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int unpack_new(struct s2c_ctx *ctx, struct fake_container *c, const char *name,
	int *out_fd, struct s2c_error **err)
{
	if (s2c_fs_mkdir_p(s2c_work_fd(c->work), name, 0755, err) < 0 ||
		s2c_fs_open(s2c_work_fd(c->work), name, O_RDONLY | O_DIRECTORY, 0, out_fd,
			err) < 0)
		return -1;
	return unpack(ctx, c->store, c->manifest, *out_fd, err);
}

static void fake_destroy(struct s2c_container *container)
{
	struct fake_container *c = (struct fake_container *)container;

	s2c_clean_fd(&c->root);
	s2c_clean_fd(&c->pristine);
	s2c_work_free(c->work);
	s2c_manifest_free(c->manifest);
	free(c);
}

static int fake_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err)
{
	struct fake_container *c = xcalloc(1, sizeof(*c));

	c->base.runtime = runtime;
	c->store = ((struct fake *)runtime)->store;
	c->manifest = s2c_manifest_copy(opts->image->manifest);
	c->root = c->pristine = -1;
	c->uid = opts->uid;
	c->gid = opts->gid;
	if (s2c_work_create(c->store, "fake", &c->work, err) < 0 ||
		unpack_new(ctx, c, "root", &c->root, err) < 0 ||
		unpack_new(ctx, c, "pristine", &c->pristine, err) < 0) {
		fake_destroy(&c->base);
		return -1;
	}
	*out = &c->base;
	return 0;
}

static int read_in(
	int root, const char *path, struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	if (s2c_fs_open_in(root, path, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	return s2c_fs_read_fd(fd, buf, err);
}

static int fake_read_file(struct s2c_container *container, const char *path,
	struct s2c_buf *buf, struct s2c_error **err)
{
	return read_in(((struct fake_container *)container)->root, path, buf, err);
}

static int fake_copy_out(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_writer *out, struct s2c_error **err)
{
	struct fake_container *c = (struct fake_container *)container;
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *above = xasprintf("%.*s/", (int)(slash - path), path);
	const struct s2c_walk_opts walk = {
		.what = "it", .remedy = "none", .only = slash + 1, .skip_special = true};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_FD int dir = -1;

	if (s2c_fs_open_in(c->root, above, O_RDONLY | O_DIRECTORY, 0, &dir, err) < 0)
		return -1;
	if (faccessat(dir, slash + 1, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return s2c_fail(err, S2C_ENOENT, "there is no '%s'", path);
	if (s2c_walk(dir, &walk, &entries, err) < 0)
		return -1;
	return s2c_tar_write_all(ctx, entries, out, err);
}

static int fake_read_image_file(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	struct s2c_container_opts opts = {.image = image};
	struct s2c_container *c;
	int rc;

	if (fake_create(ctx, runtime, &opts, &c, err) < 0)
		return -1;
	rc = fake_read_file(c, path, buf, err);
	fake_destroy(c);
	return rc;
}

static bool fake_has_program(struct s2c_container *container, const char *path)
{
	struct fake_container *c = (struct fake_container *)container;
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_FD int fd = -1;
	struct stat st;

	return s2c_fs_open_in(c->root, path, O_PATH, 0, &fd, &ignored) == 0 &&
	       fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

static bool fake_is_dir(struct s2c_container *container, const char *path)
{
	struct fake_container *c = (struct fake_container *)container;
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_FD int fd = -1;
	struct stat st;

	return s2c_fs_open_in(c->root, path, O_PATH, 0, &fd, &ignored) == 0 &&
	       fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static struct s2c_runtime_traits fake_traits(const struct s2c_runtime *runtime)
{
	(void)runtime;
	return (struct s2c_runtime_traits){.owners = true, .mixes = true};
}

static int fake_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err)
{
	struct fake_container *c = (struct fake_container *)container;
	struct s2c_extract_opts opts = {.force_owner = true,
		.uid = owner ? owner->uid : c->uid,
		.gid = owner ? owner->gid : c->gid,
		.no_special = true};
	CLEAN_ERROR struct s2c_error *missing = NULL;
	CLEAN_FD int dir = -1;
	bool fresh = s2c_fs_open_in(c->root, path, O_PATH, 0, &dir, &missing) < 0;

	s2c_clean_fd(&dir);
	if (s2c_fs_mkdir_in(c->root, path, 0755, &dir, err) < 0)
		return -1;
	if (fresh && fchownat(dir, "", opts.uid, opts.gid, AT_EMPTY_PATH) < 0)
		return s2c_fail_errno(err, errno, "cannot set the owner of '%s'", path);
	return s2c_extract_all(ctx, entries, dir, &opts, NULL, err);
}

/* ---- running ---- */

struct pump {
	struct s2c_ctx *ctx;
	int fd;
	char line[LINE_BYTES];
	size_t len;
};

static void pump_read(struct pump *p)
{
	char c;
	ssize_t n = read(p->fd, &c, 1);

	if (n == 1 && c != '\n' && p->len < sizeof(p->line)) {
		p->line[p->len++] = c;
		return;
	}
	if (n == 1 || p->len)
		s2c_emit_output(p->ctx, p->line, p->len);
	p->len = 0;
	if (n == 1 && c != '\n')
		p->line[p->len++] = c;
	if (n <= 0) {
		s2c_clean_fd(&p->fd);
		p->fd = -1;
	}
}

__attribute__((noreturn)) static void child(struct fake_container *c,
	const struct s2c_exec_opts *opts, const int fds[3], int report)
{
	(void)setsid();
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			(void)dup2(fds[i], i);
	if (fchdir(c->root) == 0 && chroot(".") == 0 &&
		chdir(opts->cwd ? opts->cwd : "/") == 0 && setgroups(0, NULL) == 0 &&
		setresgid(c->gid, c->gid, c->gid) == 0 &&
		setresuid(c->uid, c->uid, c->uid) == 0) {
		environ = opts->env->items;
		execvp(opts->argv->items[0], opts->argv->items);
	}
	if (write(report, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

/* SIGTERM first when the context has ended, so that the program can say something. */
static void stop(struct s2c_ctx *ctx, pid_t pid, struct pump *pump, int pidfd)
{
	CLEAN_CTX struct s2c_ctx *grace = s2c_ctx_detached(ctx, 2);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct pollfd fds[] = {
		{.fd = pump->fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	int ready;

	(void)kill(pid, SIGTERM);
	while (!fds[1].revents && s2c_ctx_poll(grace, fds, 2, -1, &ready, &ignored) == 0)
		if (fds[0].revents && pump->fd >= 0)
			pump_read(pump);
}

static int fake_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err)
{
	struct fake_container *c = (struct fake_container *)container;
	struct pump pump = {.ctx = ctx};
	int out[2], report[2], status = 0, failed = 0, rc = 0, ready;
	CLEAN_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEAN_FD int pidfd = -1;
	struct pollfd fds[2];
	pid_t pid;

	if (opts->cwd && s2c_fs_mkdir_in(c->root, opts->cwd, 0755, NULL, err) < 0)
		return -1;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		int targets[3] = {opts->fd_in >= 0 ? opts->fd_in : null,
			opts->fd_out >= 0 ? opts->fd_out : out[1],
			opts->fd_err >= 0 ? opts->fd_err : out[1]};

		child(c, opts, targets, report[1]);
	}
	close(out[1]);
	close(report[1]);
	pump.fd = out[0];
	pidfd = pidfd_open(pid, 0);
	fds[0] = (struct pollfd){.fd = pump.fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = pidfd, .events = POLLIN};
	while (rc == 0 && !fds[1].revents) {
		rc = s2c_ctx_poll(ctx, fds, 2, -1, &ready, err);
		if (rc == 0 && fds[0].revents && pump.fd >= 0)
			pump_read(&pump);
		fds[0].fd = pump.fd;
	}
	if (rc < 0)
		stop(ctx, pid, &pump, pidfd);
	(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	while (pump.fd >= 0)
		pump_read(&pump);
	if (read(report[0], &failed, sizeof(failed)) != sizeof(failed))
		failed = 0;
	close(report[0]);
	if (rc < 0)
		return -1;
	if (failed)
		return s2c_fail(err, failed == ENOENT ? S2C_ENOENT : S2C_EINVAL,
			"cannot execute '%s' in the container: %s", opts->argv->items[0],
			strerror(failed));
	*out_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

/* ---- commit ---- */

static int fake_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err)
{
	struct fake_container *c = (struct fake_container *)container;
	CLEAN_MANIFEST struct s2c_manifest *manifest = s2c_manifest_copy(c->manifest);
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(opts->config);
	CLEAN_STRV struct s2c_strv excludes = S2C_STRV_INIT;
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	struct s2c_layer_opts how = {.compression = opts->compression,
		.level = opts->level,
		.earlier_fd = -1};
	struct s2c_layer_result layer = {.entries = 0};
	struct s2c_history history = {
		.created = opts->created, .created_by = opts->created_by};
	struct s2c_diff_opts diff = {.upper_fd = c->root,
		.lower_fds = &c->pristine,
		.n_lowers = 1,
		.xattr_prefix = "trusted.overlay.",
		.excludes = &excludes};

	if (opts->excludes)
		s2c_strv_foreach (path, opts->excludes)
			s2c_strv_add(&excludes, path + strspn(path, "/"));
	if (s2c_layer_diff(ctx, &diff, &entries, err) < 0 ||
		s2c_ingest_begin(c->store, &ingest, err) < 0 ||
		s2c_layer_write(
			ctx, entries, &how, s2c_ingest_writer(ingest), &layer, err) < 0)
		return -1;
	if (layer.entries) {
		struct s2c_ingest_expect expect = {&layer.digest, layer.size};
		size_t n = manifest->n_layers;

		if (s2c_ingest_commit(ingest, &expect, NULL, NULL, err) < 0)
			return -1;
		manifest->layers = xreallocarray(
			manifest->layers, n + 1, sizeof(*manifest->layers));
		manifest->layers[n] = (struct s2c_descriptor){
			.digest = layer.digest, .size = layer.size};
		memcpy(manifest->layers[n].media_type, layer.media_type,
			strlen(layer.media_type) + 1);
		manifest->n_layers++;
	}
	s2c_config_add_layer(config, layer.entries ? &layer.diff_id : NULL, &history);
	*out = (struct s2c_commit_result){.layer_size = layer.entries ? layer.size : 0,
		.layer_entries = layer.entries};
	if (s2c_image_put(c->store, manifest, config, &out->desc, err) < 0)
		return -1;
	out->id = manifest->config.digest;
	return 0;
}

const struct s2c_runtime_ops s2c_runtime_fake = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.read_image_file = fake_read_image_file,
	.create = fake_create,
	.copy_in = fake_copy_in,
	.read_file = fake_read_file,
	.copy_out = fake_copy_out,
	.has_program = fake_has_program,
	.is_dir = fake_is_dir,
	.traits = fake_traits,
	.run = fake_run,
	.commit = fake_commit,
	.destroy = fake_destroy,
};

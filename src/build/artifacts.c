/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script's output is read in a thread of its own while the script runs, entry by
 * entry, and handed on as it comes.
 */
#include "build/artifacts.h"

#include <errno.h>
#include <fcntl.h>

#include "build/env.h"
#include "build/paths.h"
#include "build/rooted.h"
#include "codec/tar.h"
#include "util/pool.h"

/* What an archive may have around its files: headers, names, padding. */
#define ENVELOPE_MAX (S2C_ARTIFACTS_BYTES_MAX / 4)
#define PIPE_BYTES (1024 * 1024)

static const struct s2c_tar_limits limits = {
	.entries = S2C_ARTIFACTS_ENTRIES_MAX,
	.bytes = S2C_ARTIFACTS_BYTES_MAX,
	.whole = true,
};

/* ---- reading what the script writes ---- */

struct counting {
	struct s2c_reader base;
	struct s2c_reader *from; /* owned */
	uint64_t bytes;
};

static ssize_t counting_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct counting *c = (struct counting *)r;
	ssize_t n = s2c_read(c->from, buf, len, err);

	c->bytes += n > 0 ? (uint64_t)n : 0;
	return n;
}

static void counting_free(struct s2c_reader *r)
{
	s2c_reader_free(((struct counting *)r)->from);
	free(r);
}

/* `from` is owned. */
static struct counting *counting_new(struct s2c_reader *from)
{
	static const struct s2c_reader_ops ops = {
		.read = counting_read, .free = counting_free};
	struct counting *counting = xcalloc(1, sizeof(*counting));

	counting->base.ops = &ops;
	counting->from = from;
	return counting;
}

/* What may be an artifact. The first entry is read before somebody takes them. */
struct plain {
	struct s2c_entries base;
	struct s2c_entries *tar; /* owned */
	const struct s2c_entry *first;
	bool waits; /* the first was read, and is yet to be given */
};

static int plain_read_next(struct plain *plain, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	static const unsigned special = 1u << S2C_ENTRY_CHARDEV |
					1u << S2C_ENTRY_BLOCKDEV | 1u << S2C_ENTRY_FIFO |
					1u << S2C_ENTRY_SOCKET;

	do {
		if (s2c_entries_next(plain->tar, ctx, out, err))
			return -1;
	} while (*out && (1u << (*out)->type & special));
	return 0;
}

static int plain_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct plain *plain = (struct plain *)e;

	if (!plain->waits)
		return plain_read_next(plain, ctx, out, err);
	plain->waits = false;
	*out = plain->first;
	return 0;
}

static ssize_t plain_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct plain *)e)->tar, buf, len, err);
}

static void plain_free(struct s2c_entries *e)
{
	s2c_entries_free(((struct plain *)e)->tar);
	free(e);
}

/* `from` is owned. */
static struct plain *plain_new(struct s2c_reader *from)
{
	static const struct s2c_entries_ops ops = {
		.next = plain_next, .read = plain_read, .free = plain_free};
	struct plain *plain = xcalloc(1, sizeof(*plain));

	plain->base.ops = &ops;
	plain->tar = s2c_tar_reader(from, true, limits);
	return plain;
}

struct s2c_entries *s2c_artifacts_entries(int fd)
{
	(void)lseek(fd, 0, SEEK_SET);
	return &plain_new(s2c_reader_fd(fd, false))->base;
}

struct intake {
	struct s2c_job job;
	struct s2c_ctx *ctx;
	int from; /* the read end; closed when the job ends, so that the script notices */
	const struct s2c_artifacts_taker *taker;
};

/* Hands on what comes to its end, which must be the end of a whole archive. */
static int take_in(struct s2c_job *job, struct s2c_error **err)
{
	struct intake *in = (struct intake *)job;
	CLEAN_FD int from = take_fd(&in->from);
	struct counting *counting = counting_new(s2c_reader_limit(
		s2c_reader_pipe(in->ctx, from, false), true,
		S2C_ARTIFACTS_BYTES_MAX + ENVELOPE_MAX, "what save-artifacts wrote"));
	struct plain *plain = plain_new(&counting->base);
	CLEAN_ENTRIES struct s2c_entries *entries = &plain->base;
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (plain_read_next(plain, in->ctx, &plain->first, &cause) == 0) {
		plain->waits = true;
		if (in->taker->take(in->taker->self, in->ctx, entries, &cause) == 0)
			return 0;
	} else if (counting->bytes == 0 && s2c_ctx_check(in->ctx, NULL) == 0) {
		/* Nothing at all is no archive, but it is an answer. */
		return 0;
	}
	s2c_error_move(err, &cause);
	return s2c_wrap(err, "what save-artifacts wrote to standard output, where a tar "
			     "and nothing else belongs");
}

/* ---- running it ---- */

static int open_container(struct s2c_ctx *ctx, const struct s2c_artifacts_opts *opts,
	const struct s2c_exec_opts *first, struct s2c_container **out,
	struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *scripts = s2c_scripts_entries(opts->scripts);
	CLEAN_FREE char *bin = s2c_inner_join(opts->destination, "scripts");
	struct s2c_container_foresight foresight = {.first = first};
	struct s2c_container_opts container = {
		.image = opts->image,
		.network = S2C_NETWORK_NONE,
		.mounts = opts->volumes,
		.n_mounts = opts->n_volumes,
		.limits = opts->limits,
		.uid = opts->user->uid,
		.gid = opts->user->gid,
		.foresight = &foresight,
	};

	if (s2c_container_create(ctx, opts->runtime, &container, out, err))
		return -1;
	if (scripts) {
		scripts = s2c_rooted(TAKE(scripts), 0, 0);
		if (s2c_container_copy_in(ctx, *out, bin, scripts, err))
			return -1;
	}
	if (!s2c_container_has_program(*out, opts->script->path))
		return s2c_fail(err, S2C_ENOENT, "the image has no executable file '%s'",
			opts->script->path);
	return 0;
}

/* Both at once: the script writes, the job reads. */
static int run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *exec, struct intake *in, struct s2c_error **err)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new_waiting(1);
	CLEAN_ERROR struct s2c_error *failure = NULL, *reading = NULL;
	CLEAN_CTX struct s2c_ctx *branch = s2c_ctx_branch(ctx, 0);
	struct s2c_exec_opts how = *exec;
	CLEAN_FD int to = -1;
	int ends[2], rc, status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	/* So that script and reader wait less for each other; smaller is right, too. */
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	in->ctx = branch;
	in->from = ends[0];
	how.fd_out = to = ends[1];
	if (!s2c_pool_submit(pool, &in->job)) {
		s2c_job_drop(&in->job);
		s2c_clean_fd(&in->from);
		return s2c_fail(err, S2C_ELIMIT, "no thread can be started");
	}
	rc = s2c_container_run(ctx, container, &how, &status, &failure);
	/* While our end is open nobody has reached the other's: then reading was given
	 * up, and whatever else has failed since failed for that. */
	bool given_up = s2c_job_done(&in->job);

	(void)close(take_fd(&to));
	if (rc && !given_up)
		s2c_ctx_cancel(branch);
	if (s2c_job_wait(&in->job, &reading) && (!rc || given_up)) {
		s2c_error_move(err, &reading);
		return -1;
	}
	if (rc) {
		s2c_error_move(err, &failure);
		return -1;
	}
	return status ? s2c_fail_status(err, S2C_ECHILD, status,
				"save-artifacts failed with status %d", status)
		      : 0;
}

int s2c_artifacts_save(struct s2c_ctx *ctx, const struct s2c_artifacts_opts *opts,
	const struct s2c_artifacts_taker *taker, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT, env = S2C_STRV_INIT;
	CLEAN(s2c_clean_container) struct s2c_container *container = NULL;
	CLEAN_FREE char *workdir = NULL;
	struct s2c_exec_opts exec = {
		.argv = &argv, .env = &env, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	struct intake in = {.job.run = take_in, .from = -1, .taker = taker};

	s2c_strv_add(&argv, opts->script->path);
	s2c_config_env(opts->image->config, &env);
	s2c_env_default(&env, opts->user->home);
	if (s2c_inner_workdir(s2c_config_workdir(opts->image->config), &workdir, err))
		return -1;
	exec.cwd = workdir;
	if (open_container(ctx, opts, &exec, &container, err))
		return -1;
	return run(ctx, container, &exec, &in, err);
}

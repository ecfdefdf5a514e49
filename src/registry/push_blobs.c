/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blobs of a push: a job for each, as many at a time as transfers may be. The first
 * that fails ends the others.
 */
#include "registry/push_impl.h"

#include "registry/relay.h"
#include "store/blob.h"
#include "util/pool.h"

struct batch;

struct blob_job {
	struct s2c_job job;
	struct batch *batch;
	const struct s2c_descriptor *desc;
};

struct batch {
	struct s2c_pushing *pushing;
	struct s2c_ctx *ctx; /* a branch that the first failure cancels */
	struct s2c_reference came_from;
	bool anew;
	struct s2c_monitor *lock;      /* of what follows */
	const struct blob_job *failed; /* the first one */
	bool no_mounts;                /* the registry refuses them */
	/* The first mount goes alone: it brings the token, or shows that there are none.
	 */
	struct s2c_monitor *first_mount;
	bool mount_tried;
};

/* ---- sources ---- */

struct stored_blob {
	struct s2c_store *store;
	const struct s2c_descriptor *desc;
};

static int open_stored(
	void *self, uint64_t offset, struct s2c_reader **out, struct s2c_error **err)
{
	const struct stored_blob *blob = self;

	return s2c_blob_open_at(blob->store, blob->desc, offset, out, err);
}

static int upload(struct batch *batch, const struct s2c_descriptor *desc,
	const char *session, struct s2c_error **err)
{
	const struct s2c_push *push = batch->pushing->push;
	struct stored_blob stored = {.store = push->store, .desc = desc};
	CLEAN_RELAY struct s2c_relay relay = {.ctx = batch->ctx,
		.known = push->known,
		.opts = push->opts,
		.desc = desc};
	struct s2c_blob_upload how = {.desc = desc,
		.source = {.open = open_stored, .self = &stored},
		.session = session,
		.chunk_size = push->chunk_size};
	CLEAN_ERROR struct s2c_error *missing = NULL;
	uint64_t size;

	if (s2c_blob_stat(push->store, &desc->digest, &size, &missing) < 0) {
		if (s2c_error_code(missing) != S2C_ENOENT) {
			s2c_error_move(err, &missing);
			return -1;
		}
		if (!s2c_relay_begin(&relay, batch->pushing->to))
			return s2c_fail(err, S2C_ENOENT,
				"blob '%s' is not in the store, the registry has not got "
				"it, and nobody else is known to have it: pull or build "
				"the image again",
				desc->digest.str);
		how.source = s2c_relay_source(&relay);
	}
	return s2c_registry_put_blob(batch->ctx, batch->pushing->registry, &how, err);
}

/* ---- mounts ---- */

/* A repository of the same registry that is known to have it, or may have it. */
static bool find_mount(
	struct batch *batch, const struct s2c_descriptor *desc, struct s2c_reference *out)
{
	const struct s2c_reference *to = batch->pushing->to;
	struct s2c_reference found[2];
	size_t n = s2c_known_find_places(
		batch->pushing->push->known, &desc->digest, to->registry, found, 2);

	for (size_t i = 0; i < n; i++) {
		if (streq(found[i].repository, to->repository))
			continue;
		*out = found[i];
		return true;
	}
	*out = batch->came_from;
	return *batch->came_from.repository != '\0';
}

static bool mounts_work(struct batch *batch)
{
	s2c_monitor_enter(batch->lock);
	bool work = !batch->no_mounts;
	s2c_monitor_leave(batch->lock);
	return work;
}

static int mount_from(struct batch *batch, const struct s2c_descriptor *desc,
	const struct s2c_reference *from, struct s2c_blob_mount *mount,
	struct s2c_error **err)
{
	struct s2c_reference places[2];

	if (!mounts_work(batch))
		return 0;
	if (s2c_registry_mount_blob(batch->ctx, batch->pushing->registry, &desc->digest,
		    from->repository, mount, err) < 0)
		return -1;
	if (mount->mounted)
		return 0;
	if (mount->session) {
		/* It may be there all the same; but another place may be a better one. */
		if (s2c_known_find_places(batch->pushing->push->known, &desc->digest,
			    NULL, places, ARRAY_SIZE(places)) > 1)
			s2c_known_forget_place(
				batch->pushing->push->known, from, &desc->digest);
		return 0;
	}
	/* Not only this one: an answer that is an error is about mounts at large. */
	s2c_monitor_enter(batch->lock);
	batch->no_mounts = true;
	s2c_monitor_leave(batch->lock);
	return 0;
}

static int try_mount(struct batch *batch, const struct s2c_descriptor *desc,
	struct s2c_blob_mount *mount, struct s2c_error **err)
{
	struct s2c_reference from;
	bool first;
	int rc = 0;

	if (!find_mount(batch, desc, &from))
		return 0;
	s2c_monitor_enter(batch->first_mount);
	first = !batch->mount_tried;
	if (first) {
		rc = mount_from(batch, desc, &from, mount, err);
		batch->mount_tried = true;
	}
	s2c_monitor_leave(batch->first_mount);
	return first ? rc : mount_from(batch, desc, &from, mount, err);
}

/* ---- one blob ---- */

/* *out_how is for people. */
static int bring(struct batch *batch, const struct s2c_descriptor *desc,
	const char **out_how, struct s2c_error **err)
{
	CLEAN(s2c_blob_mount_release) struct s2c_blob_mount mount = {0};
	bool there = false;

	if (!batch->anew) {
		if (s2c_registry_has_blob(batch->ctx, batch->pushing->registry,
			    &desc->digest, &there, err) < 0)
			return -1;
		*out_how = "is there already";
		if (there)
			return 0;
		if (try_mount(batch, desc, &mount, err) < 0)
			return -1;
		*out_how = "is mounted";
		if (mount.mounted)
			return 0;
	}
	*out_how = "is sent";
	return upload(batch, desc, mount.session, err);
}

static int run(struct s2c_job *job, struct s2c_error **err)
{
	struct blob_job *blob = (struct blob_job *)job;
	struct batch *batch = blob->batch;
	const char *how = "";

	if (s2c_ctx_check(batch->ctx, err) == 0 &&
		bring(batch, blob->desc, &how, err) == 0) {
		s2c_emit_progress(batch->ctx, "push", blob->desc->digest.str,
			blob->desc->size, blob->desc->size);
		s2c_emit_log(batch->ctx, S2C_DEBUG, "blob '%s' %s",
			blob->desc->digest.str, how);
		return 0;
	}
	s2c_monitor_enter(batch->lock);
	if (!batch->failed)
		batch->failed = blob;
	s2c_monitor_leave(batch->lock);
	s2c_ctx_cancel(batch->ctx);
	return -1;
}

/* ---- all of them ---- */

static void find_origin(struct batch *batch)
{
	const char *name = batch->pushing->push->came_from;
	const struct s2c_reference *to = batch->pushing->to;
	struct s2c_reference *from = &batch->came_from;

	if (!name || !*name || s2c_reference_parse(name, from, NULL) < 0 ||
		!streq(from->registry, to->registry) ||
		streq(from->repository, to->repository))
		*from = (struct s2c_reference){0};
}

/* Waits for all, and hands on why the first one failed; the others were called off. */
static int wait_all(
	struct batch *batch, struct blob_job *jobs, size_t n, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *first = NULL;
	bool failed = false;

	for (size_t i = 0; i < n; i++) {
		CLEAN_ERROR struct s2c_error *cause = NULL;

		if (s2c_job_wait(&jobs[i].job, &cause) == 0)
			continue;
		failed = true;
		if (batch->failed == &jobs[i])
			s2c_error_move(&first, &cause);
	}
	if (!failed)
		return 0;
	s2c_error_move(err, &first);
	return -1;
}

static int push_by(
	struct s2c_pushing *pushing, unsigned threads, bool anew, struct s2c_error **err)
{
	const struct s2c_parcel *parcel = &pushing->parcel;
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_branch(pushing->ctx, 0);
	CLEAN_MONITOR struct s2c_monitor *lock = s2c_monitor_new();
	CLEAN_MONITOR struct s2c_monitor *first_mount = s2c_monitor_new();
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(threads);
	CLEAN_FREE struct blob_job *jobs = xcalloc(parcel->n_blobs, sizeof(*jobs));
	struct batch batch = {.pushing = pushing,
		.ctx = ctx,
		.anew = anew,
		.lock = lock,
		.first_mount = first_mount};

	find_origin(&batch);
	for (size_t i = 0; i < parcel->n_blobs; i++) {
		jobs[i] = (struct blob_job){
			.job.run = run, .batch = &batch, .desc = &parcel->blobs[i]};
		/* Without threads it runs while it is waited for. */
		(void)s2c_pool_submit(pool, &jobs[i].job);
	}
	return wait_all(&batch, jobs, parcel->n_blobs, err);
}

int s2c_push_blobs(struct s2c_pushing *pushing, bool anew, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (push_by(pushing, S2C_TRANSFERS_MAX, anew, &cause) == 0)
		return 0;
	/*
	 * The registry talked to us before and refuses our login now. Where a token is
	 * good for a single request, those who share one spend it for each other.
	 */
	if (s2c_error_code(cause) == S2C_EAUTH && s2c_error_status(cause) == 401)
		return push_by(pushing, 1, anew, err);
	s2c_error_move(err, &cause);
	return -1;
}

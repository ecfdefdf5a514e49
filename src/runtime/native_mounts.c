/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mounted into a container, and on what.
 *
 * The mount points that every container needs (/proc, /etc/hosts, ...) and those of what
 * was asked for are a lower layer of their own below the image, made for this container:
 * what the image lacks shows through from there, so nothing has to be created in the
 * upper directory, and nothing of it can end up in a layer (buildah#4242, buildkit#1739).
 *
 * Secrets are files on a tmpfs that the keeper makes in its own mount namespace, one
 * mount for each: they are on no disk, and end with the keeper however that ends.
 */
#include "runtime/native.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/init_protocol.h"
#include "runtime/rootpath.h"
#include "util/fs.h"

#define SECRET_MODE 0400
#define PROGRAM_MODE 0500

static const char *const fixed[] = {"/proc", "/sys", "/dev"};

/* ---- binds ---- */

static struct s2c_bundle_bind *add_bind(
	struct s2c_native_container *c, char *source, char *destination)
{
	struct s2c_bundle_bind *bind;

	c->binds = xreallocarray(c->binds, c->n_binds + 1, sizeof(*c->binds));
	bind = &c->binds[c->n_binds++];
	*bind = (struct s2c_bundle_bind){.source = source, .destination = destination};
	return bind;
}

static void plan_own(struct s2c_native_container *c)
{
	static const char *const texts[][2] = {
		{S2C_NATIVE_INIT, S2C_INIT_PATH},
		{S2C_NATIVE_HOSTS, "/etc/hosts"},
		{S2C_NATIVE_HOSTNAME, "/etc/hostname"},
		{S2C_NATIVE_RESOLV, "/etc/resolv.conf"},
	};
	const char *work = s2c_work_path(c->work);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!streq(texts[i][0], S2C_NATIVE_RESOLV) ||
			c->network != S2C_NETWORK_NONE)
			add_bind(c, xasprintf("%s/%s", work, texts[i][0]),
				xstrdup(texts[i][1]));
	if (c->native->oci_kind == S2C_OCI_OTHER)
		add_bind(c, xasprintf("%s/" S2C_NATIVE_REPORTS, work),
			xstrdup(S2C_INIT_REPORTS_PATH))
			->writable = true;
	c->n_own_binds = c->n_binds;
}

static int plan_host(
	struct s2c_native_container *c, const struct s2c_mount *m, struct s2c_error **err)
{
	struct s2c_bundle_bind *bind = add_bind(
		c, xstrdup(m->source), xstrdup(m->destination));
	struct stat st;

	if (stat(m->source, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot mount '%s'", m->source);
	bind->is_dir = S_ISDIR(st.st_mode);
	bind->writable = m->writable;
	return 0;
}

static void plan_secret(struct s2c_native_container *c, const struct s2c_mount *m)
{
	struct s2c_keeper_memory *memory = &c->memory;

	memory->files = xreallocarray(
		memory->files, memory->n_files + m->n_files, sizeof(*memory->files));
	for (size_t i = 0; i < m->n_files; i++) {
		const struct s2c_secret_file *f = &m->files[i];
		struct s2c_bundle_bind *bind = add_bind(c,
			xasprintf("%s/" S2C_KEEPER_MEMORY "/%zu", s2c_work_path(c->work),
				memory->n_files),
			*f->path ? xasprintf("%s/%s", m->destination, f->path)
				 : xstrdup(m->destination));

		if (!*f->path)
			bind->name = m->name;
		memory->files[memory->n_files++] = (struct s2c_keeper_file){
			.data = f->data,
			.len = f->len,
			.mode = f->program ? PROGRAM_MODE : SECRET_MODE,
		};
	}
}

static void plan_agent(struct s2c_native_container *c, const struct s2c_mount *m)
{
	add_bind(c,
		xasprintf("%s/" S2C_KEEPER_MEMORY "/agent-%zu", s2c_work_path(c->work),
			c->memory.agents.len),
		xstrdup(m->destination));
	s2c_strv_add(&c->memory.agents, m->source);
}

/* Another build has it: this one gets a directory that goes with the container. */
static int scratch_cache(
	struct s2c_native_container *c, const struct s2c_mount *m, struct s2c_error **err)
{
	CLEAN_FREE char *name = xasprintf("cache-%zu", c->n_binds);
	struct s2c_bundle_bind *bind;

	if (s2c_fs_mkdir_p(s2c_work_fd(c->work), name, 0755, err) < 0)
		return -1;
	if (fchmodat(s2c_work_fd(c->work), name, 0755, 0) < 0 ||
		(c->memory.chown &&
			fchownat(s2c_work_fd(c->work), name, c->uid, c->gid, 0) < 0))
		return s2c_fail_errno(err, errno, "cannot make a cache");
	bind = add_bind(c, xasprintf("%s/%s", s2c_work_path(c->work), name),
		xstrdup(m->destination));
	bind->writable = bind->is_dir = true;
	return 0;
}

static int plan_cache(struct s2c_ctx *ctx, struct s2c_native_container *c,
	const struct s2c_mount *m, struct s2c_error **err)
{
	struct s2c_cache_opts opts = {.key = m->key,
		.about = m->about,
		.chown = c->memory.chown,
		.uid = c->uid,
		.gid = c->gid};
	struct s2c_keeper_memory *memory = &c->memory;
	struct s2c_cache *cache;
	struct s2c_bundle_bind *bind;

	if (s2c_cache_open(c->native->store, &opts, &cache, err) < 0)
		return -1;
	if (!cache) {
		s2c_emit_log(ctx, S2C_INFO,
			"cache '%s' is used by another build; this one gets an empty one",
			m->about);
		return scratch_cache(c, m, err);
	}
	c->caches = xreallocarray(c->caches, c->n_caches + 1, sizeof(struct s2c_cache *));
	c->caches[c->n_caches++] = cache;
	memory->held = xreallocarray(
		memory->held, memory->n_held + 1, sizeof(*memory->held));
	memory->held[memory->n_held++] = s2c_cache_fd(cache);
	bind = add_bind(c, xstrdup(s2c_cache_path(cache)), xstrdup(m->destination));
	bind->writable = bind->is_dir = true;
	return 0;
}

int s2c_native_plan_mounts(struct s2c_ctx *ctx, struct s2c_native_container *c,
	const struct s2c_container_opts *opts, struct s2c_error **err)
{
	c->memory.chown = c->native->userns.kind != S2C_USERNS_SINGLE;
	c->memory.uid = c->uid;
	c->memory.gid = c->gid;
	plan_own(c);
	for (size_t i = 0; i < opts->n_mounts; i++) {
		const struct s2c_mount *m = &opts->mounts[i];

		switch (m->kind) {
		case S2C_MOUNT_HOST:
			if (plan_host(c, m, err) < 0)
				return -1;
			break;
		case S2C_MOUNT_SECRET:
			plan_secret(c, m);
			break;
		case S2C_MOUNT_CACHE:
			if (plan_cache(ctx, c, m, err) < 0)
				return -1;
			break;
		case S2C_MOUNT_AGENT:
			plan_agent(c, m);
			break;
		}
	}
	if (c->memory.n_files + c->memory.agents.len == 0)
		return 0;
	return s2c_fs_mkdir_p(s2c_work_fd(c->work), S2C_KEEPER_MEMORY, 0700, err);
}

void s2c_native_release_mounts(struct s2c_native_container *c)
{
	for (size_t i = 0; i < c->n_binds; i++) {
		free(c->binds[i].source);
		free(c->binds[i].destination);
	}
	free(c->binds);
	for (size_t i = 0; i < c->n_caches; i++)
		s2c_cache_close(c->caches[i]);
	free(c->caches);
	free(c->memory.files);
	free(c->memory.held);
	s2c_strv_release(&c->memory.agents);
}

/* ---- mount points ---- */

/* A directory of the skeleton; one that is new belongs to `own` ids, if any. */
static int make_dir(int skeleton, const char *name, const struct s2c_keeper_memory *own,
	struct s2c_error **err)
{
	if (mkdirat(skeleton, name, 0755) < 0) {
		if (errno == EEXIST)
			return 0;
		return s2c_fail_errno(err, errno, "cannot make '%s'", name);
	}
	/* Modes are set afterwards: the umask of whoever called s2c has no say here. */
	if (fchmodat(skeleton, name, 0755, 0) < 0 ||
		(own && own->chown &&
			fchownat(skeleton, name, own->uid, own->gid, 0) < 0))
		return s2c_fail_errno(err, errno, "cannot make '%s'", name);
	return 0;
}

/*
 * Directories on the way to what was asked for are the container's user's, if the image
 * does not have them: a cache in ~/.cache must not keep others out of there.
 */
static int make_mount_point(int skeleton, const char *path, bool dir,
	const struct s2c_keeper_memory *own, struct s2c_error **err)
{
	CLEAN_FREE char *name = xstrdup(path + 1);
	CLEAN_FD int fd = -1;

	for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_dir(skeleton, name, own, err) < 0)
			return -1;
		*slash = '/';
	}
	if (dir)
		return make_dir(skeleton, name, own, err);
	if (s2c_fs_open(skeleton, name, O_WRONLY | O_CREAT, 0644, &fd, err) < 0)
		return -1;
	if (fchmod(fd, 0644) < 0)
		return s2c_fail_errno(err, errno, "cannot make '%s'", name);
	return 0;
}

/* What a path of the image leads to; *out_dir is whether it is a directory. */
static int look_up(int view, const char *path, char **out, bool *out_exists,
	bool *out_dir, struct s2c_error **err)
{
	CLEAN_FREE char *resolved = NULL;
	CLEAN_FD int fd = -1;
	struct stat st = {.st_mode = 0};

	if (s2c_rootpath_resolve(view, path, &resolved, out_exists, err) < 0)
		return -1;
	if (*out_exists) {
		if (s2c_fs_open_in(view, resolved, O_PATH, 0, &fd, err) < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return s2c_fail_errno(
				err, errno, "cannot look at '%s'", resolved);
	}
	*out_dir = S_ISDIR(st.st_mode);
	*out = TAKE(resolved);
	return 0;
}

/* Where a bind leads in the image; what is there must be of the same kind. */
static int resolve_bind(int view, struct s2c_bundle_bind *bind, struct s2c_error **err)
{
	CLEAN_FREE char *resolved = NULL;
	bool exists, dir;

	if (look_up(view, bind->destination, &resolved, &exists, &dir, err) < 0)
		return -1;
	if (dir && bind->name) {
		CLEAN_FREE char *within = xasprintf("%s/%s", resolved, bind->name);

		free(TAKE(resolved));
		if (look_up(view, within, &resolved, &exists, &dir, err) < 0)
			return -1;
	}
	if (s2c_rootpath_covered(resolved) || streq(resolved, "/"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' leads to '%s' in the image, which cannot be a mount point",
			bind->destination, resolved);
	if (exists && dir != bind->is_dir)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' of the image is %sa directory and cannot be a mount point "
			"for %s",
			resolved, dir ? "" : "not ", dir ? "a file" : "a directory");
	free(bind->destination);
	bind->destination = TAKE(resolved);
	return 0;
}

/* One over another would be made in what the other one shows, be it the host's. */
static int check_apart(
	const struct s2c_native_container *c, size_t i, struct s2c_error **err)
{
	const char *path = c->binds[i].destination;

	for (size_t k = 0; k < i; k++) {
		const char *other = c->binds[k].destination;

		if (s2c_rootpath_below(path, other) || s2c_rootpath_below(other, path))
			return s2c_fail(err, S2C_EINVAL,
				"'%s' and '%s' cannot both be mount points: one lies in "
				"the other",
				path, other);
	}
	return 0;
}

/* /proc, /sys, /dev as anything but directories are a trap for the runtime's mounts. */
static int check_fixed(int view, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		struct stat st;

		if (fstatat(view, fixed[i] + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			return s2c_fail(err, S2C_EINVAL,
				"it has '%s' as %s, where a container needs a directory: "
				"take another image",
				fixed[i],
				S_ISLNK(st.st_mode) ? "a symbolic link" : "a file");
	}
	return 0;
}

int s2c_native_make_mount_points(struct s2c_native_container *c, struct s2c_error **err)
{
	int work = s2c_work_fd(c->work);
	CLEAN_FD int skeleton = -1;
	int view;

	if (s2c_fs_mkdir_p(work, S2C_NATIVE_SKELETON, 0755, err) < 0 ||
		s2c_fs_open(work, S2C_NATIVE_SKELETON, O_PATH | O_DIRECTORY, 0, &skeleton,
			err) < 0 ||
		s2c_overlay_view(&c->overlay, &view, err) < 0)
		return -1;
	if (check_fixed(view, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (make_mount_point(skeleton, fixed[i], true, NULL, err) < 0)
			return -1;
	for (size_t i = 0; i < c->n_binds; i++) {
		const struct s2c_keeper_memory *own = i < c->n_own_binds ? NULL
									 : &c->memory;

		if (resolve_bind(view, &c->binds[i], err) < 0 ||
			check_apart(c, i, err) < 0 ||
			make_mount_point(skeleton, c->binds[i].destination,
				c->binds[i].is_dir, own, err) < 0)
			return -1;
	}
	s2c_overlay_drop_view(&c->overlay);
	c->overlay.lower_fds[c->overlay.n_lowers++] = take_fd(&skeleton);
	return 0;
}

/* Whiteouts of the image can hide the skeleton; what is missing then is left out later.
 */
int s2c_native_note_hidden_mounts(struct s2c_native_container *c, struct s2c_error **err)
{
	int view;

	if (s2c_overlay_view(&c->overlay, &view, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(fixed) + c->n_binds; i++) {
		const char *path = i < ARRAY_SIZE(fixed)
					   ? fixed[i]
					   : c->binds[i - ARRAY_SIZE(fixed)].destination;
		struct stat st;

		if (fstatat(view, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
			s2c_strv_add(&c->excludes, path + 1);
	}
	return 0;
}

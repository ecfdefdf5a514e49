/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a container's file system: layers unpacked once and for all, an overlay over
 * them, and files put in and read through a view of it that only s2c has. Mounts and the
 * points that they need are in native_mounts.c.
 */
#include "runtime/native.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "codec/extract.h"
#include "codec/tar.h"
#include "codec/walk.h"
#include "runtime/rootpath.h"
#include "runtime/trees.h"
#include "store/tree.h"
#include "util/fs.h"

/* ---- layers ---- */

/*
 * Whether a layer is there again further up, as empty layers often are. An overlay takes
 * no tree twice, and the lower one can go: all that it holds or hides, the upper one
 * holds and hides too.
 */
static bool comes_again(const struct s2c_config *config, size_t i)
{
	for (size_t k = i + 1; k < config->n_diff_ids; k++)
		if (s2c_digest_equal(&config->diff_ids[i], &config->diff_ids[k]))
			return true;
	return false;
}

/* Unpacks what is missing and opens all trees, uppermost first, with room for one more.
 */
static int open_trees(struct s2c_ctx *ctx, struct s2c_native *native,
	const struct s2c_image *image, struct s2c_overlay *overlay,
	struct s2c_error **err)
{
	size_t n = image->config->n_diff_ids;
	struct s2c_trees trees;

	if (image->manifest->n_layers != n)
		return s2c_fail(err, S2C_EPROTO,
			"the image's manifest and config differ in the number of layers");
	if (s2c_trees_open(native->store, &native->userns, &trees, err) < 0 ||
		s2c_trees_require(ctx, &trees, image, err) < 0)
		return -1;
	overlay->userxattr = native->userns.kind != S2C_USERNS_NONE;
	overlay->keep_owner = native->userns.kind == S2C_USERNS_SINGLE;
	overlay->lower_fds = xcalloc(n + 1, sizeof(int));
	for (size_t i = n; i > 0; i--) {
		int fd;

		if (comes_again(image->config, i - 1))
			continue;
		if (s2c_tree_open(
			    native->store, &image->config->diff_ids[i - 1], &fd, err) < 0)
			return -1;
		overlay->lower_fds[overlay->n_lowers++] = fd;
	}
	return 0;
}

/* ---- files ---- */

static int read_in(
	int root_fd, const char *path, struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	/* Not blocking: the path may be a fifo. */
	if (s2c_fs_open_in(root_fd, path, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	if (s2c_fs_read_fd(fd, buf, err) < 0)
		return s2c_wrap(err, "'%s' in the image", path);
	return 0;
}

int s2c_native_read_image_file(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	CLEAN(s2c_overlay_release) struct s2c_overlay overlay = S2C_OVERLAY_INIT;
	int view;

	if (open_trees(ctx, s2c_native_of(runtime), image, &overlay, err) < 0 ||
		s2c_overlay_view(&overlay, &view, err) < 0)
		return -1;
	return read_in(view, path, buf, err);
}

int s2c_native_read_file(struct s2c_container *container, const char *path,
	struct s2c_buf *buf, struct s2c_error **err)
{
	struct s2c_native_container *c = s2c_native_container_of(container);
	int view;

	if (s2c_overlay_view(&c->overlay, &view, err) < 0)
		return -1;
	return read_in(view, path, buf, err);
}

/*
 * A view without the mount points, which are the lowest layer: what is handed on as files
 * of the container has nothing of them either. An image without layers has no other view.
 */
static int view_of_files(
	struct s2c_native_container *c, int *out_view, struct s2c_error **err)
{
	size_t all = c->overlay.n_lowers;
	int rc;

	s2c_overlay_drop_view(&c->overlay);
	if (c->n_trees)
		c->overlay.n_lowers = c->n_trees;
	rc = s2c_overlay_view(&c->overlay, out_view, err);
	c->overlay.n_lowers = all;
	return rc;
}

static int copy_out_of(struct s2c_ctx *ctx, int view, const char *path,
	struct s2c_writer *out, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *above = slash == path ? xstrdup("/")
					       : xstrndup(path, (size_t)(slash - path));
	const struct s2c_walk_opts walk = {
		.what = "the directory",
		.remedy = "let the build leave it elsewhere",
		.only = slash + 1,
		.skip_special = true,
	};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_FD int dir = -1;
	struct stat st;

	if (s2c_fs_open_in(view, above, O_RDONLY | O_DIRECTORY, 0, &dir, err) < 0)
		return -1;
	if (fstatat(dir, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return s2c_fail_as(err, errno == ENOENT ? S2C_ENOENT : S2C_EIO, errno,
			"there is no '%s' in the container", path);
	if (s2c_walk(dir, &walk, &entries, err) < 0)
		return -1;
	return s2c_tar_write_all(ctx, entries, out, err);
}

int s2c_native_copy_out(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_writer *out, struct s2c_error **err)
{
	struct s2c_native_container *c = s2c_native_container_of(container);
	int view, rc;

	if (view_of_files(c, &view, err) < 0)
		return -1;
	rc = copy_out_of(ctx, view, path, out, err);
	/* Others look through one with mount points. */
	s2c_overlay_drop_view(&c->overlay);
	return rc;
}

/* What a path leads to; mode 0: nothing. */
static mode_t mode_in(struct s2c_container *container, const char *path)
{
	struct s2c_native_container *c = s2c_native_container_of(container);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_FD int fd = -1;
	struct stat st;
	int view;

	if (s2c_overlay_view(&c->overlay, &view, &ignored) < 0 ||
		s2c_fs_open_in(view, path, O_PATH, 0, &fd, &ignored) < 0)
		return 0;
	return fstat(fd, &st) == 0 ? st.st_mode : 0;
}

bool s2c_native_has_program(struct s2c_container *container, const char *path)
{
	mode_t mode = mode_in(container, path);

	return S_ISREG(mode) && mode & 0111;
}

bool s2c_native_is_dir(struct s2c_container *container, const char *path)
{
	return S_ISDIR(mode_in(container, path));
}

/*
 * A directory that was just made lies in the upper directory alone, where files are made
 * without the overlay between (a quarter of the time for many small ones). The view goes
 * first: nothing may be mounted over an upper directory that is written to.
 */
static int go_below(struct s2c_native_container *c, const char *resolved, int *dir,
	struct s2c_error **err)
{
	CLEAN_FD int upper = -1;
	int below;

	(void)close(take_fd(dir));
	s2c_overlay_drop_view(&c->overlay);
	if (s2c_overlay_upper(&c->overlay, &upper, err) < 0 ||
		s2c_fs_open_beneath(upper, resolved + strspn(resolved, "/"),
			O_RDONLY | O_DIRECTORY, 0, &below, err) < 0)
		return -1;
	*dir = below;
	return 0;
}

/* Makes the directories that a path lacks; they are the owner's, too. */
static int make_way(int view, const char *resolved, const struct s2c_extract_opts *opts,
	struct s2c_error **err)
{
	CLEAN_FREE char *path = xstrdup(resolved);

	for (char *end = path; end;) {
		CLEAN_FD int dir = -1;
		struct stat st;

		end = strchr(end + 1, '/');
		if (end)
			*end = '\0';
		if (fstatat(view, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (s2c_fs_mkdir_in(view, path, 0755, &dir, err) < 0)
				return -1;
			if (!opts->no_owner && fchownat(dir, "", opts->uid, opts->gid,
						       AT_EMPTY_PATH) < 0)
				return s2c_fail_errno(
					err, errno, "cannot set the owner of '%s'", path);
		}
		if (end)
			*end = '/';
	}
	return 0;
}

int s2c_native_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err)
{
	struct s2c_native_container *c = s2c_native_container_of(container);
	bool single = c->native->userns.kind == S2C_USERNS_SINGLE;
	struct s2c_extract_opts opts = {
		.force_owner = !single && !(owner && owner->kept),
		.uid = owner ? owner->uid : c->uid,
		.gid = owner ? owner->gid : c->gid,
		.no_owner = single,
		.no_special = true,
	};
	CLEAN_FREE char *resolved = NULL;
	CLEAN_FD int dir = -1, root = -1;
	bool exists;
	int view;

	/* What has run is mounted in there as long as it lasts. */
	if (c->keeper_spent)
		s2c_keeper_stop(&c->keeper);
	if (s2c_overlay_view(&c->overlay, &view, err) < 0 ||
		s2c_rootpath_resolve(view, path, &resolved, &exists, err) < 0)
		return -1;
	if (s2c_rootpath_covered(resolved))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' leads to '%s' in the image, which the container mounts "
			"over: choose another directory (--destination)",
			path, resolved);
	if (!exists && owner && make_way(view, resolved, &opts, err) < 0)
		return s2c_wrap(err, "cannot make '%s' in the container", path);
	if (s2c_fs_mkdir_in(view, resolved, 0755, &dir, err) < 0)
		return s2c_wrap(err, "cannot make '%s' in the container", path);
	if (!exists && !single &&
		fchownat(dir, "", opts.uid, opts.gid, AT_EMPTY_PATH) < 0)
		return s2c_fail_errno(err, errno, "cannot set the owner of '%s'", path);
	if (!exists && go_below(c, resolved, &dir, err) < 0)
		return -1;
	/* An entry for the root sets what an O_PATH descriptor cannot. */
	if (s2c_fs_open(dir, ".", O_RDONLY | O_DIRECTORY, 0, &root, err) < 0)
		return -1;
	return s2c_extract_all(ctx, entries, root, &opts, NULL, err);
}

/* ---- create and destroy ---- */

static int check_ids(const struct s2c_native *native,
	const struct s2c_container_opts *opts, struct s2c_error **err)
{
	const struct s2c_userns *u = &native->userns;

	if (u->kind == S2C_USERNS_SINGLE) {
		if ((opts->uid || opts->gid) && native->oci_kind == S2C_OCI_RUNC)
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"runc cannot run uid %u where s2c has a single id; "
				"install "
				"'crun', or give yourself ranges in /etc/subuid and "
				"/etc/subgid",
				opts->uid);
		return 0;
	}
	if (!s2c_idmap_has(&u->uids, opts->uid))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"uid %u is not among the ids of this user namespace; widen your "
			"range in /etc/subuid",
			opts->uid);
	if (!s2c_idmap_has(&u->gids, opts->gid))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"gid %u is not among the ids of this user namespace; widen your "
			"range in /etc/subgid",
			opts->gid);
	return 0;
}

static int choose_network(struct s2c_ctx *ctx, struct s2c_native_container *c,
	const struct s2c_container_opts *opts, struct s2c_error **err)
{
	c->network = opts->network;
	c->network_required = opts->network_required;
	if (c->network != S2C_NETWORK_ISOLATED)
		return 0;
	s2c_net_choose(opts->n_ports > 0, &c->net);
	if (c->net.helper != S2C_NET_HELPER_NONE)
		return 0;
	if (c->network_required || opts->n_ports)
		return s2c_fail(
			err, S2C_EUNSUPPORTED, "no isolated network: %s", c->net.why);
	s2c_emit_log(ctx, S2C_WARN, "no network for this container: %s", c->net.why);
	c->network = S2C_NETWORK_NONE;
	return 0;
}

static void copy_opts(
	struct s2c_native_container *c, const struct s2c_container_opts *opts)
{
	c->uid = opts->uid;
	c->gid = opts->gid;
	c->limits = opts->limits;
	c->hostname = xstrdup(opts->hostname ? opts->hostname : "s2c");
	c->ports = xcalloc(opts->n_ports, sizeof(*c->ports));
	c->n_ports = opts->n_ports;
	for (size_t i = 0; i < opts->n_ports; i++)
		c->ports[i] = opts->ports[i];
	c->hosts = s2c_net_hosts(c->hostname, opts->hosts, opts->n_hosts);
	c->manifest = s2c_manifest_copy(opts->image->manifest);
}

static void warn_of_limits(struct s2c_ctx *ctx, const struct s2c_native_container *c)
{
	if (c->limits.milli_cpus && !c->native->cgroups.usable)
		s2c_emit_log(ctx, S2C_WARN,
			"--cpus has no effect: control groups are not ours to use here");
}

static int note_cgroups(struct s2c_native_container *c, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv dirs = S2C_STRV_INIT;

	if (!c->native->cgroups.usable)
		return 0;
	s2c_cgroups_dirs(&c->native->cgroups, s2c_work_name(c->work), &dirs);
	s2c_strv_foreach (dir, &dirs)
		if (s2c_work_note_leftover(c->work, dir, err) < 0)
			return -1;
	return 0;
}

static void clean_container(struct s2c_native_container **c)
{
	if (*c)
		s2c_native_destroy(&(*c)->base);
}

int s2c_native_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err)
{
	CLEAN(clean_container) struct s2c_native_container *c = xcalloc(1, sizeof(*c));

	c->base.runtime = runtime;
	c->native = s2c_native_of(runtime);
	c->overlay = (struct s2c_overlay)S2C_OVERLAY_INIT;
	c->keeper = (struct s2c_keeper)S2C_KEEPER_INIT;
	if (check_ids(c->native, opts, err) < 0 || choose_network(ctx, c, opts, err) < 0)
		return -1;
	copy_opts(c, opts);
	warn_of_limits(ctx, c);
	if (open_trees(ctx, c->native, opts->image, &c->overlay, err) < 0)
		return s2c_wrap(err, "image '%s'", opts->image->name);
	c->n_trees = c->overlay.n_lowers;
	if (s2c_work_create(c->native->store, "container", &c->work, err) < 0)
		return -1;
	c->overlay.work_fd = s2c_work_fd(c->work);
	if (s2c_native_plan_mounts(ctx, c, opts, err) < 0 || note_cgroups(c, err) < 0 ||
		s2c_overlay_prepare(&c->overlay, err) < 0)
		return -1;
	if (s2c_native_make_mount_points(c, err) < 0)
		return s2c_wrap(err, "image '%s'", opts->image->name);
	if (s2c_native_start_keeper(c, err) < 0 ||
		s2c_native_note_hidden_mounts(c, err) < 0)
		return -1;
	*out = &TAKE(c)->base;
	return 0;
}

void s2c_native_destroy(struct s2c_container *container)
{
	struct s2c_native_container *c = s2c_native_container_of(container);

	s2c_keeper_stop(&c->keeper);
	s2c_overlay_release(&c->overlay);
	s2c_work_free(c->work);
	s2c_manifest_free(c->manifest);
	s2c_net_choice_release(&c->net);
	s2c_native_release_mounts(c);
	free(c->ports);
	free(c->hostname);
	free(c->hosts);
	s2c_strv_release(&c->net_argv);
	s2c_strv_release(&c->run_argv);
	s2c_strv_release(&c->excludes);
	free(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the native runtime share: its instance and its containers. No other
 * room, and no other backend, includes this.
 */
#ifndef S2C_RUNTIME_NATIVE_H
#define S2C_RUNTIME_NATIVE_H

#include "runtime/backend.h"
#include "runtime/bundle.h"
#include "runtime/cgroup.h"
#include "runtime/keeper.h"
#include "runtime/network.h"
#include "runtime/overlay.h"
#include "runtime/userns.h"
#include "store/cache.h"
#include "store/work.h"

/* How much s2c knows of an OCI runtime. */
enum s2c_oci_kind {
	S2C_OCI_CRUN,
	S2C_OCI_RUNC,
	S2C_OCI_OTHER, /* runsc, kata: confined its own way, no extra descriptors */
};

struct s2c_native {
	struct s2c_runtime base;
	struct s2c_store *store; /* borrowed */
	struct s2c_userns userns;
	struct s2c_cgroups cgroups;
	char *oci; /* absolute path */
	enum s2c_oci_kind oci_kind;
};

struct s2c_native_container {
	struct s2c_container base;
	struct s2c_native *native; /* borrowed */
	struct s2c_work *work;
	struct s2c_manifest *manifest; /* copy of the image's */
	struct s2c_overlay overlay;
	size_t n_trees; /* lowers that are layers; one more is the mount points' */

	uint32_t uid, gid;
	struct s2c_limits limits;
	enum s2c_network network;
	bool network_required;
	struct s2c_port *ports;
	size_t n_ports;
	char *hostname;
	char *hosts; /* text of /etc/hosts */
	struct s2c_bundle_bind *binds;
	size_t n_binds;
	size_t n_own_binds; /* the first of them: our own files */
	struct s2c_keeper_memory memory;
	struct s2c_cache **caches;
	size_t n_caches;

	struct s2c_net_choice net;
	bool net_known; /* the helper has said whether the network is up */
	struct s2c_strv net_argv, run_argv;
	struct s2c_keeper keeper;
	bool keeper_spent; /* its run is over, it ends by itself */
	/* Mount points that could not be kept out of the upper directory. */
	struct s2c_strv excludes;
};

static inline struct s2c_native *s2c_native_of(struct s2c_runtime *runtime)
{
	return (struct s2c_native *)runtime;
}

static inline struct s2c_native_container *s2c_native_container_of(
	struct s2c_container *container)
{
	return (struct s2c_native_container *)container;
}

/* Names below the work directory. */
#define S2C_NATIVE_INIT "init"
#define S2C_NATIVE_RESOLV "resolv.conf"
#define S2C_NATIVE_HOSTS "hosts"
#define S2C_NATIVE_HOSTNAME "hostname"
#define S2C_NATIVE_LOG "oci.log"
#define S2C_NATIVE_REPORTS "reports"
#define S2C_NATIVE_SKELETON "skeleton"

/* Slots of the table, one file each; see backend.h. */
S2C_CHECK int s2c_native_read_image_file(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, const char *path, struct s2c_buf *buf,
	struct s2c_error **err);
S2C_CHECK int s2c_native_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err);
S2C_CHECK int s2c_native_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err);
bool s2c_native_is_dir(struct s2c_container *container, const char *path);
S2C_CHECK int s2c_native_read_file(struct s2c_container *container, const char *path,
	struct s2c_buf *buf, struct s2c_error **err);
S2C_CHECK int s2c_native_copy_out(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_writer *out, struct s2c_error **err);
bool s2c_native_has_program(struct s2c_container *container, const char *path);
S2C_CHECK int s2c_native_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err);
S2C_CHECK int s2c_native_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err);
void s2c_native_destroy(struct s2c_container *container);

/* ---- mounts (native_mounts.c) ---- */

/* From what was asked for to binds, and what the keeper has to make for them. */
S2C_CHECK int s2c_native_plan_mounts(struct s2c_ctx *ctx, struct s2c_native_container *c,
	const struct s2c_container_opts *opts, struct s2c_error **err);
/* Makes what the binds are mounted on, as a lower layer of its own. */
S2C_CHECK int s2c_native_make_mount_points(
	struct s2c_native_container *c, struct s2c_error **err);
/* Notes those that are hidden by the image, and so will appear in the upper directory. */
S2C_CHECK int s2c_native_note_hidden_mounts(
	struct s2c_native_container *c, struct s2c_error **err);
void s2c_native_release_mounts(struct s2c_native_container *c);

/* Starts a keeper for the next run, with its network helper (native_run.c). */
S2C_CHECK int s2c_native_start_keeper(
	struct s2c_native_container *c, struct s2c_error **err);

#endif

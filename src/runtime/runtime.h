/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where builds run, for callers. A runtime is chosen by name from the table in runtime.c;
 * all of them do the same operations with the same results (tests/contract).
 */
#ifndef S2C_RUNTIME_RUNTIME_H
#define S2C_RUNTIME_RUNTIME_H

#include "codec/entry.h"
#include "codec/needles.h"
#include "policy/policy.h"
#include "store/image.h"

struct s2c_engine;
struct s2c_runtime;
struct s2c_container;

struct s2c_runtime_opts {
	const char *name; /* "native" (default when NULL) or "engine" */
	struct s2c_store *store;
	const char *oci_runtime; /* native: program name or path; NULL: crun, then runc */
	const char *engine;      /* engine: its unix socket, and */
	struct s2c_engine *opened; /* or one that is open already; borrowed */
	const char *engine_name;   /* see s2c_engine_open(); NULL: none */
	/* Engine behind the build's own gate: a user that it allows, for containers that
	 * are looked into and never run; 0: the image's. */
	uint32_t look_uid;
};

/* Opens and probes. S2C_EUNSUPPORTED says what is missing and how to get it. */
S2C_CHECK int s2c_runtime_open(struct s2c_ctx *ctx, const struct s2c_runtime_opts *opts,
	struct s2c_runtime **out, struct s2c_error **err);
void s2c_runtime_close(struct s2c_runtime *runtime);
S2C_DEFINE_CLEAN(runtime, struct s2c_runtime *, s2c_runtime_close)
const char *s2c_runtime_name(const struct s2c_runtime *runtime);

/* What not every runtime can do. */
struct s2c_runtime_traits {
	bool owners; /* files of a container can belong to others than its user */
	bool mixes;  /* files can be copied in after a run, too */
	/* A thread may copy files into one container while another container runs. */
	bool parallel;
};
struct s2c_runtime_traits s2c_runtime_traits(const struct s2c_runtime *runtime);

/* A file that is nowhere on a disk. */
struct s2c_secret_file {
	const char *path; /* below the destination: "a/b"; "": the destination itself */
	const void *data;
	size_t len;
	bool program; /* may be executed */
};

enum s2c_mount_kind {
	S2C_MOUNT_HOST,   /* `source`, a file or directory of the host */
	S2C_MOUNT_SECRET, /* `files`, on a tmpfs, that only the container's uid can read
			   */
	S2C_MOUNT_CACHE,  /* an own directory that is there again for the same `key` */
	S2C_MOUNT_AGENT,  /* a socket by which the SSH agent at socket `source` signs */
};

/*
 * What a container gets besides its image. None of it is ever in an image, nor are the
 * mount points that are made for it; directories on the way to one that are missing
 * belong to the container's uid and gid. No destination may lie in another one.
 */
struct s2c_mount {
	enum s2c_mount_kind kind;
	const char *destination; /* absolute, resolved inside the container's root */
	bool writable;           /* HOST only; a CACHE always is, the others never */
	/* HOST, a file: an engine is given a copy, which is removed after the run. */
	bool copy;
	const char *source; /* HOST, AGENT: absolute host path, trusted */
	/* SECRET: borrowed until the container's end. */
	const struct s2c_secret_file *files;
	size_t n_files;
	/* SECRET of one file, whose path is "": its name in case that the destination is
	 * a directory, into which it goes then. */
	const char *name;
	/* CACHE: 64 lower hex digits, and one line for people. A cache that another
	 * container uses is replaced by an empty one, with a log line. */
	const char *key, *about;
};
#define S2C_SECRET_FILES_MAX 1000 /* in a container */

/* A line more in /etc/hosts. */
#define S2C_HOSTS_MAX 256
struct s2c_host {
	const char *name, *ip; /* checked by s2c_host_check() */
};
/* S2C_EINVAL for what is no host name or no address. */
S2C_CHECK int s2c_host_check(const struct s2c_host *host, struct s2c_error **err);

#define S2C_PORTS_MAX 64
struct s2c_port {
	uint16_t host, container; /* TCP */
	char host_ip[46];         /* "" = 127.0.0.1 */
};

struct s2c_exec_opts;

/*
 * What will be done with a container, as far as it is known. An engine has to hear of it
 * before: it fixes the process when the container is made, and its commit leaves nothing
 * out. The native runtime needs none of it. Whoever sets it keeps to it. All borrowed for
 * the call of create.
 */
struct s2c_container_foresight {
	const struct s2c_exec_opts *first; /* the first run; NULL: not known */
	/* What commit will leave out; removed when a run ends with status 0. */
	const struct s2c_strv *excludes;
	const char *read_after; /* a file that is read after the run, though excluded */
	const char *created_by; /* as at the commit */
};

struct s2c_container_opts {
	const struct s2c_image *image;
	enum s2c_network network;
	bool network_required; /* fail instead of falling back from isolated to none */
	struct s2c_limits limits;
	/* The only user whose processes will run; fixes a single-id mapping. */
	uint32_t uid, gid;
	const struct s2c_mount *mounts;
	size_t n_mounts;
	const struct s2c_host *hosts;
	size_t n_hosts;
	const struct s2c_port *ports;
	size_t n_ports;
	const char *hostname;                            /* NULL: "s2c" */
	const struct s2c_container_foresight *foresight; /* NULL: nothing is known */
};

/*
 * Reads a regular file of an image that no container has touched (its passwd), resolved
 * inside the image's root; S2C_ENOENT when it is missing. buf's maximum holds.
 */
S2C_CHECK int s2c_runtime_read_image_file(struct s2c_ctx *ctx,
	struct s2c_runtime *runtime, const struct s2c_image *image, const char *path,
	struct s2c_buf *buf, struct s2c_error **err);

/* Makes a container's file system out of an image (unpacks layers that are not yet). */
S2C_CHECK int s2c_container_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err);

/*
 * Puts entries under `path`, an absolute directory resolved inside the container's root,
 * made when missing; everything new belongs to the container's uid and gid, but for
 * directories on the way to `path`, which are root's. Only before the first run.
 */
S2C_CHECK int s2c_container_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, struct s2c_error **err);

/*
 * The same with another owner for everything new, where the runtime can do that (else the
 * container's user is the owner), and after a run where it can do that. Natively the
 * directories on the way are the owner's too, as BuildKit and podman have it for COPY.
 */
struct s2c_owner {
	uint32_t uid, gid;
	/* Entries keep the owners that they have, and the two are for directories on the
	 * way. Native only. */
	bool kept;
};
S2C_CHECK int s2c_container_copy_as(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err);

/* True if the path is a directory (resolved inside). */
bool s2c_container_is_dir(struct s2c_container *container, const char *path);

/* Reads a regular file, resolved inside the container's root; buf's maximum holds. */
S2C_CHECK int s2c_container_read_file(struct s2c_container *container, const char *path,
	struct s2c_buf *buf, struct s2c_error **err);

#define S2C_COPY_OUT_MAX (64ull << 30) /* bytes of one copy */

/*
 * Writes a file or a directory with all that is below it as a tar, in which names begin
 * with the last component of `path`. The way there is led through links; a link at its
 * end is written as a link, or (podman) as what it leads to.
 * Devices, fifos and sockets may be in it or not. S2C_ENOENT when there is nothing. `out`
 * is not finished. Not while something runs in the container.
 */
S2C_CHECK int s2c_container_copy_out(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_writer *out, struct s2c_error **err);

/* True if the path is a regular file with an execute bit (resolved inside). */
bool s2c_container_has_program(struct s2c_container *container, const char *path);

struct s2c_exec_opts {
	const struct s2c_strv
		*argv;              /* exec form; argv[0] absolute or found in env PATH */
	const struct s2c_strv *env; /* the whole environment */
	const char *cwd;            /* absolute inside; made when missing; NULL: "/" */
	/* -1: no input, output as OUTPUT events line by line (stderr too). Borrowed. */
	int fd_in, fd_out, fd_err;
	bool keep_privileges_of_root; /* `s2c run` only: uid 0 gets a usual capability set
				       */
};

/*
 * Runs one process to its end, under verified uid, and kills whatever it left running.
 * *out_status is its exit status (128 + signal). Failing to start it (no such program,
 * not executable) is an error, as is the end of ctx.
 */
S2C_CHECK int s2c_container_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err);

/* What changes in the image besides the files. */
struct s2c_commit_opts {
	const struct s2c_config *config; /* complete new config but for the new layer */
	const struct s2c_strv *excludes; /* absolute paths left out with all below */
	/* Set in the manifest; an object of strings, or NULL. Only native has them. */
	const struct s2c_json *annotations;
	enum s2c_compression compression;
	int level;           /* of the compression; 0: its default */
	int64_t newest;      /* see struct s2c_layer_opts */
	const char *created; /* RFC 3339, for history */
	const char *created_by;
	/* An image that is likely to have the same layer on top, which is then taken from
	 * there instead of being compressed again; NULL: none. */
	const struct s2c_image *before;
	/* The image will soon be run or built upon: what that takes may be kept, at the
	 * price of the container, which can then only be destroyed. */
	bool keep_tree;
	/* What neither the layer nor the config may hold: S2C_EDENIED, and no image. */
	const struct s2c_needles *forbidden; /* NULL: nothing */
};
struct s2c_commit_result {
	struct s2c_descriptor desc; /* of the manifest */
	struct s2c_digest id;       /* config digest */
	uint64_t layer_size;        /* 0: nothing changed */
	uint64_t layer_entries;
};

/* Turns what changed into a layer and an image in the store (not named yet). */
S2C_CHECK int s2c_container_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err);

/* Kills what runs and removes everything; NULL is fine. Never fails visibly. */
void s2c_container_destroy(struct s2c_container *container);
S2C_DEFINE_CLEAN(container, struct s2c_container *, s2c_container_destroy)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the engine runtime share: requests, and the instance and containers
 * behind the table of slots. No other room, and no other backend, includes this.
 */
#ifndef S2C_RUNTIME_ENGINE_IMPL_H
#define S2C_RUNTIME_ENGINE_IMPL_H

#include "codec/json.h"
#include "http/channel.h"
#include "http/client.h"
#include "runtime/backend.h"
#include "runtime/engine.h"
#include "store/facts.h"

#define S2C_ENGINE_ID_MAX 64                   /* hex digits of a container id */
#define S2C_ENGINE_TARGET_MAX 4096             /* bytes of path and query */
#define S2C_ENGINE_CLEANUP_SECONDS 20          /* for what is done after an end */
#define S2C_ENGINE_KEPT_MAX (2u * 1024 * 1024) /* bytes of a file that a run shows */

struct s2c_engine {
	char *socket;
	char *name; /* for messages: the socket that people know */
	struct s2c_http *http;
	char version[16];      /* "1.41" */
	char *seen_id;         /* of the image that was looked at last by its id, */
	struct s2c_json *seen; /* and what was said of it; it does not change */
	bool own_gate;         /* of this build: see s2c_engine_open() */
	bool gate;             /* one stands before it, and writes commits for podman */
	bool podman; /* ignores the body of a commit, adds variables of its own */
};

/* ---- requests (engine.c) ---- */

struct s2c_engine_request {
	const char *method;
	const char *target; /* behind the version: "/containers/..." with its query */
	const struct s2c_json *json; /* body, or */
	struct s2c_reader *tar;      /* body of unknown length, or none */
	const char *auth;            /* X-Registry-Auth; NULL: none */
	struct s2c_writer *sink;     /* of a good answer's body; NULL: response->body */
	uint64_t max_body;           /* 0: S2C_HTTP_BODY_MAX */
	bool patient;     /* the answer may take as long as the context allows */
	const char *what; /* for messages: "cannot create a container" */
};

/*
 * One exchange. A status other than 2xx and 304 is an error with the engine's own words:
 * 404 S2C_ENOENT, 409 S2C_EEXIST, 401 S2C_EAUTH, 403 S2C_EDENIED, 400 S2C_EINVAL, others
 * S2C_EPROTO; s2c_error_status() is it. *response must be zeroed.
 */
S2C_CHECK int s2c_engine_call(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_engine_request *request, struct s2c_http_response *response,
	struct s2c_error **err);

/* The same for an answer that is a JSON object. */
S2C_CHECK int s2c_engine_ask(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_engine_request *request, struct s2c_json **out,
	struct s2c_error **err);

/* The error for a refusal with this status and body; always -1. */
int s2c_engine_refused(const struct s2c_engine *engine, const char *what, int status,
	const struct s2c_buf *body, struct s2c_error **err);

/* Checks "<hex>" or "sha256:<hex>" as an engine answers it; *out has the hex digits. */
S2C_CHECK int s2c_engine_check_id(
	const char *text, char out[S2C_ENGINE_ID_MAX + 1], struct s2c_error **err);

/* Config of an image or container as an engine shows it, without the engine's own. */
S2C_CHECK int s2c_engine_image_config(
	const struct s2c_json *inspect, struct s2c_config **out, struct s2c_error **err);

/* ---- the runtime ---- */

/* A file that is read after the run but may be gone by then: see struct hints. */
struct s2c_engine_kept {
	char *path; /* NULL: none */
	struct s2c_buf text;
	bool taken; /* the run has shown whether it is there */
	bool there, too_large;
};

/*
 * The image that builds are made on: what is known of its files, and the container that
 * is never started, in which they can be read. It is made when something is not known.
 */
struct s2c_engine_probe {
	char image[S2C_ENGINE_ID_MAX + 1]; /* "" : none */
	struct s2c_facts *facts;
	struct s2c_json *body;          /* to make the container with */
	char id[S2C_ENGINE_ID_MAX + 1]; /* "" : not made */
};
/* Makes the container unless it is there. */
struct s2c_engine_runtime;
S2C_CHECK int s2c_engine_probe_make(
	struct s2c_ctx *ctx, struct s2c_engine_runtime *rt, struct s2c_error **err);

/* Removes it, and writes down what is known. */
void s2c_engine_probe_drop(struct s2c_engine_runtime *rt);

/*
 * A tar that is not in the container yet. A small one goes to the next process over
 * standard input, and the image's own tar unpacks it: where an engine does that it first
 * starts a process of its own, which takes longer than all the rest.
 */
struct s2c_engine_pending {
	char *dir;          /* where it is unpacked; NULL: none */
	size_t ends[2];     /* of each tar in it; 0: no more */
	struct s2c_buf tar; /* one or more, one behind the other */
};

/*
 * The files of a container, and what can be said of them without asking: as long as no
 * process has run they are those of the image, but for the directories in `made`.
 */
struct s2c_engine_files {
	struct s2c_engine_runtime *runtime; /* borrowed */
	char image[S2C_ENGINE_ID_MAX + 1];  /* "" : nothing is known of it */
	const char *id;       /* of the container; NULL: the image as it is. Borrowed */
	struct s2c_strv made; /* written to; links resolved */
	/* Of what was written right below one of those: files that can be executed. */
	struct s2c_strv programs;
	struct s2c_engine_pending pending;
	char *tar, *head; /* GNU's, and any; NULL: the image has none that will do */
	bool changed;     /* a process has run */
};

/* See engine_passwd.c. */
#define S2C_ENGINE_ACCOUNTS 2
struct s2c_engine_account {
	struct s2c_buf text;
	unsigned mode;
	bool there;
};

/* Secrets of a container: see engine_secrets.c. */
#define S2C_ENGINE_SECRETS_MAX (256u * 1024) /* bytes together */
struct s2c_engine_secret {
	char *path;       /* absolute, resolved inside */
	const void *data; /* borrowed */
	size_t len;
};
struct s2c_engine_secrets {
	struct s2c_engine_secret *items;
	size_t n, bytes;
	char *dir;            /* below /dev/shm; NULL: there are none */
	struct s2c_strv dirs; /* that are made for them, parents first */
	struct s2c_strv left; /* links that a run could not remove */
};

struct s2c_engine_runtime {
	struct s2c_runtime base;
	struct s2c_engine *engine;
	struct s2c_ctx *ctx;     /* of open; for slots that have none */
	struct s2c_store *store; /* borrowed */
	char *build;             /* random; part of all names */
	bool own_engine;         /* to be closed */
	unsigned count;          /* of containers made so far */
	uint32_t look_uid;       /* see struct s2c_runtime_opts */
	struct s2c_engine_probe probe;
	struct s2c_strv told; /* what no image of the build gets, for people */
};

struct s2c_engine_container {
	struct s2c_container base;
	struct s2c_engine_runtime *runtime; /* borrowed */
	char id[S2C_ENGINE_ID_MAX + 1];
	struct s2c_config *config; /* copy of the image's */
	struct s2c_engine_files files;
	char *cwd; /* of the last run; NULL: none so far */
	uint32_t uid, gid;
	bool is_probe; /* see struct s2c_engine_probe */
	bool has_shell;
	bool started;
	/* Without a shell: the one process that it was made for. */
	struct s2c_strv argv;
	struct s2c_strv excludes; /* removed at the end of a run */
	struct s2c_strv own;      /* files copied in that no image may have */
	struct s2c_strv left;     /* what could not be removed */
	struct s2c_engine_secrets secrets;
	struct s2c_engine_cache *caches; /* see engine_caches.c */
	size_t n_caches;
	struct s2c_channel ahead; /* dialled for the first run; may be none */
	struct s2c_engine_kept kept;
	struct s2c_engine_account accounts[S2C_ENGINE_ACCOUNTS];
	bool accounts_matter;
	/* A committed image that is not what was asked for; goes with the container,
	 * since podman removes no image that a container made. NULL: none. */
	char *bad_image;
};

static inline struct s2c_engine_runtime *s2c_engine_runtime_of(
	struct s2c_runtime *runtime)
{
	return (struct s2c_engine_runtime *)runtime;
}

static inline struct s2c_engine_container *s2c_engine_container_of(
	struct s2c_container *container)
{
	return (struct s2c_engine_container *)container;
}

/* ---- files of a container (engine_files.c) ---- */

enum s2c_engine_kind {
	S2C_ENGINE_MISSING,
	S2C_ENGINE_FILE,
	S2C_ENGINE_DIR,
	S2C_ENGINE_OTHER,
};

struct s2c_engine_stat {
	enum s2c_engine_kind kind;
	char *path;    /* where it leads, absolute; what is missing is taken as it is */
	char *above;   /* of what is missing: the nearest directory that is there */
	unsigned mode; /* permission bits */
	uint64_t size;
};
void s2c_engine_stat_release(struct s2c_engine_stat *st);
#define CLEAN_ENGINE_STAT CLEAN(s2c_engine_stat_release)

/* What a path inside the container is, links followed. */
S2C_CHECK int s2c_engine_stat(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *path, struct s2c_engine_stat *out, struct s2c_error **err);
/* True if the path is a file that can be executed; a hint where files->changed is. */
bool s2c_engine_is_program(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, const char *path);

/* A regular file; buf's maximum holds. S2C_ENOENT. */
S2C_CHECK int s2c_engine_read_file(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *path, struct s2c_buf *buf, struct s2c_error **err);

/*
 * Puts entries below `path`. Directories on the way that are missing are made, root's;
 * the last one and all entries belong to uid and gid.
 */
struct s2c_engine_put {
	const char *path;
	struct s2c_entries *entries; /* NULL: the directory alone */
	uint32_t uid, gid;
	bool others; /* they are not the container's, whose processes cannot give them */
};
S2C_CHECK int s2c_engine_put(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const struct s2c_engine_put *put, struct s2c_error **err);

/* A file or directory as the tar that the engine makes of it, to `out`. */
S2C_CHECK int s2c_engine_get_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *path, struct s2c_writer *out, struct s2c_error **err);
/* Puts what is pending where it belongs; forgets what has been put otherwise. */
S2C_CHECK int s2c_engine_put_pending(
	struct s2c_ctx *ctx, struct s2c_engine_files *files, struct s2c_error **err);
void s2c_engine_forget_pending(struct s2c_engine_files *files);
/* Finds out by what the image could unpack. */
S2C_CHECK int s2c_engine_find_tar(
	struct s2c_ctx *ctx, struct s2c_engine_files *files, struct s2c_error **err);

/* A tar into a directory of the container, by the engine, now. */
S2C_CHECK int s2c_engine_send_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *dir, struct s2c_reader *tar, struct s2c_error **err);
/* The same; a tar that is small enough becomes pending instead. */
S2C_CHECK int s2c_engine_pipe_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *dir, struct s2c_reader *tar, struct s2c_error **err);

/* A regular file; directories on the way as in s2c_engine_put(). */
struct s2c_engine_file {
	const char *path; /* absolute, its parent resolved inside */
	const char *data;
	size_t len;
	unsigned mode;
	uint32_t uid, gid;
};
S2C_CHECK int s2c_engine_put_file(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const struct s2c_engine_file *file, struct s2c_error **err);

/* ---- what podman adds to (engine_passwd.c) ---- */

/* Before the first start; does nothing where the engine is not podman. */
S2C_CHECK int s2c_engine_accounts_note(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err);
/* Before a commit. */
S2C_CHECK int s2c_engine_accounts_restore(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err);

/* ---- secrets (engine_secrets.c) ---- */

/* Finds their places, and puts links there. After the container was made. */
S2C_CHECK int s2c_engine_secrets_place(struct s2c_ctx *ctx,
	struct s2c_engine_container *c, const struct s2c_container_opts *opts,
	struct s2c_error **err);
/* Before a commit: what a run left of them. */
S2C_CHECK int s2c_engine_secrets_clear(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err);
void s2c_engine_secrets_release(struct s2c_engine_secrets *secrets);

/*
 * Looks through the layers that the container's commit added to its image; S2C_EDENIED
 * names what is found and where (engine_scan.c).
 */
S2C_CHECK int s2c_engine_scan(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const char *image, const struct s2c_needles *needles, struct s2c_error **err);

/* ---- caches (engine_caches.c) ---- */

#define S2C_ENGINE_CACHE_BYTES_MAX (2ull << 30) /* what is larger is not kept */
#define S2C_ENGINE_CACHE_ENTRIES_MAX 1000000u
#define S2C_ENGINE_CACHE_LINKS_MAX 60000u /* symbolic ones; a gate takes no more */
#define S2C_ENGINE_CACHE_PATH_MAX 4000u   /* bytes */

/*
 * Finds the place of one and makes it. Where nothing can be kept, or another build has
 * the cache, it is a directory that goes with the run, which is told.
 */
S2C_CHECK int s2c_engine_caches_place(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, struct s2c_error **err);
/* Before the first run: what the store has. */
S2C_CHECK int s2c_engine_caches_fill(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err);
/* After it: back to the store. What cannot be kept is a warning. */
S2C_CHECK int s2c_engine_caches_save(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err);
/* The program that removes them from the container: "left DIR", "cache DIR" for one that
 * still has something in it. */
S2C_CHECK int s2c_engine_caches_script(const struct s2c_engine_container *c,
	const char *nonce, struct s2c_buf *out, struct s2c_error **err);
void s2c_engine_caches_release(struct s2c_engine_container *c);

/* ---- what few images say of themselves (engine_metadata.c) ---- */

/* Adds to the body of a commit what the container's image does not have yet. */
void s2c_engine_metadata_add(const struct s2c_engine_container *c,
	const struct s2c_config *config, struct s2c_json *body);
/* The same out of that body, as podman's changes. */
S2C_CHECK int s2c_engine_metadata_changes(
	const struct s2c_json *body, struct s2c_buf *target, struct s2c_error **err);
/* Whether the image has it: S2C_EPROTO; what the engine cannot commit is a warning. */
S2C_CHECK int s2c_engine_metadata_check(struct s2c_ctx *ctx,
	const struct s2c_engine_container *c, const struct s2c_config *made,
	const struct s2c_config *config, struct s2c_error **err);

/* ---- slots, one file each; see backend.h ---- */

S2C_CHECK int s2c_engine_rt_read_image_file(struct s2c_ctx *ctx,
	struct s2c_runtime *runtime, const struct s2c_image *image, const char *path,
	struct s2c_buf *buf, struct s2c_error **err);
S2C_CHECK int s2c_engine_rt_create(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_container_opts *opts, struct s2c_container **out,
	struct s2c_error **err);
S2C_CHECK int s2c_engine_rt_copy_in(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_entries *entries, const struct s2c_owner *owner,
	struct s2c_error **err);
S2C_CHECK int s2c_engine_rt_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err);
S2C_CHECK int s2c_engine_rt_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err);
void s2c_engine_rt_destroy(struct s2c_container *container);

/* Removes a container, by id or name, whatever it does, also after the end of the
 * context. */
void s2c_engine_remove_container(
	struct s2c_ctx *ctx, struct s2c_engine *engine, const char *id);

/* ---- the script that runs a process (engine_script.c) ---- */

struct s2c_engine_script {
	const char *nonce; /* begins the lines that are for s2c */
	const struct s2c_exec_opts *exec;
	const struct s2c_engine_container *container;
	bool merged;  /* standard error goes where standard output goes */
	bool control; /* lines for s2c can be written, on standard error */
};

/* The program text that /bin/sh of the container is to read and carry out. */
S2C_CHECK int s2c_engine_script_print(const struct s2c_engine_script *script,
	struct s2c_buf *out, struct s2c_error **err);

/* The begin of a program that runs nothing, and the part of it that empties a directory.
 */
S2C_CHECK int s2c_engine_script_begin(
	struct s2c_buf *out, const char *nonce, struct s2c_error **err);
struct s2c_engine_clearing {
	const char *path;
	bool keep;                      /* the directory itself stays */
	const struct s2c_strv *parents; /* go too, if nothing else is in them */
};
S2C_CHECK int s2c_engine_script_clear(struct s2c_buf *out,
	const struct s2c_engine_clearing *clearing, struct s2c_error **err);

#define S2C_ENGINE_SCRIPT_VAR "s2c__" /* begins the names of our own variables */

/* In single quotes; line ends by way of a variable, so that no line is only a dot. */
S2C_CHECK int s2c_engine_script_quote(
	struct s2c_buf *out, const char *text, struct s2c_error **err);

/* The part of it that makes secrets, and the one that ends them; nothing if there are
 * none (engine_script_secrets.c). */
S2C_CHECK int s2c_engine_script_secrets(struct s2c_buf *out,
	const struct s2c_engine_secrets *secrets, struct s2c_error **err);
S2C_CHECK int s2c_engine_script_no_secrets(struct s2c_buf *out,
	const struct s2c_engine_secrets *secrets, struct s2c_error **err);

/* True if a shell can set the variable. */
bool s2c_engine_script_can_set(const char *assignment);

/* What the container is started with: it reads the script from standard input. */
extern const char s2c_engine_script_loader[];

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where assemble and run come from. Order per script: --scripts-url, the source's
 * .s2i/bin, the builder image's label (io.openshift.s2i.scripts-url, io.s2i.scripts-url,
 * env STI_SCRIPTS_URL). image:// scripts stay where they are in the image; others are
 * fetched (http, https, file) or taken from the source and put in <destination>/scripts.
 */
#ifndef S2C_BUILD_SCRIPTS_H
#define S2C_BUILD_SCRIPTS_H

#include "codec/entry.h"
#include "image/config.h"
#include "source/source.h"
#include "util/ctx.h"

#define S2C_SCRIPT_MAX (4u * 1024 * 1024) /* bytes of one script */
#define S2C_SCRIPTS_URL_MAX 4096

enum s2c_script {
	S2C_SCRIPT_ASSEMBLE,
	S2C_SCRIPT_RUN,
	S2C_SCRIPT_SAVE_ARTIFACTS,
	S2C_SCRIPT_ASSEMBLE_RUNTIME, /* of builds with a runtime image */
	S2C_SCRIPT_USAGE,            /* of `s2c usage` alone; no build looks for it */
	S2C_SCRIPTS
};
const char *s2c_script_name(enum s2c_script script);

struct s2c_script_source {
	bool found;
	const char *origin;  /* "--scripts-url", ".s2i/bin", "image label": static */
	char *url;           /* where it came from; for messages and the plan */
	char *path;          /* absolute path inside the container */
	struct s2c_buf body; /* of a script that must be copied in; empty for image:// */
};

struct s2c_scripts {
	struct s2c_script_source items[S2C_SCRIPTS];
};
void s2c_scripts_release(struct s2c_scripts *scripts);

struct s2c_scripts_opts {
	const char *scripts_url; /* --scripts-url or NULL */
	bool url_of_image;       /* it is an image's word, and trusted as little */
	const char *destination; /* absolute, "/tmp" by default */
	const struct s2c_config *builder;
	struct s2c_source *source;
	const char *ca_file;
	bool dry_run;  /* find out without downloading */
	bool optional; /* no script has to be there (ONBUILD) */
};

/* Finds all; assemble and run not found is S2C_ENOENT naming where it was looked for. */
S2C_CHECK int s2c_scripts_find(struct s2c_ctx *ctx, const struct s2c_scripts_opts *opts,
	struct s2c_scripts *out, struct s2c_error **err);

/* Finds this one alone, in the same places; not found is S2C_ENOENT. */
S2C_CHECK int s2c_scripts_find_one(struct s2c_ctx *ctx,
	const struct s2c_scripts_opts *opts, enum s2c_script script,
	struct s2c_scripts *out, struct s2c_error **err);

/*
 * Finds assemble-runtime and run, with the runtime image as opts->builder. Either may be
 * missing.
 */
S2C_CHECK int s2c_scripts_find_runtime(struct s2c_ctx *ctx,
	const struct s2c_scripts_opts *opts, struct s2c_scripts *out,
	struct s2c_error **err);

/* The scripts to copy to <destination>/scripts as entries (mode 0755); NULL: none. */
struct s2c_entries *s2c_scripts_entries(const struct s2c_scripts *scripts);

/* Default scripts URL of a builder image ("" when it has none) and destination. */
const char *s2c_builder_scripts_url(const struct s2c_config *config);
S2C_CHECK int s2c_builder_destination(const struct s2c_config *config, const char *flag,
	char **out, struct s2c_error **err);

#endif

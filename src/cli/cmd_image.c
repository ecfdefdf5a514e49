/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands about the images of the store: images, inspect, history, tag, rmi, import,
 * save, load, prune. Those that talk to a registry are in cmd_remote.c.
 */
#include <inttypes.h>
#include <stdio.h>

#include <s2c/image.h>

#include "cli/command.h"
#include "cli/term.h"
#include "util/error.h"

/* ---- images ---- */

struct images_args {
	const char *format;
};

static const struct s2c_option images_options[] = {
	{"format", 0, S2C_OPT_STR, offsetof(struct images_args, format), "FORMAT",
		"a table for people or JSON", "table|json"},
	{0},
};

/* "sha256:0123456789ab..." -> 12 hex digits. */
static const char *short_id(const char *digest, char out[13])
{
	const char *hex = strchr(digest, ':');

	(void)snprintf(out, 13, "%.12s", hex ? hex + 1 : digest);
	return out;
}

static void print_images_json(const struct s2c_image_info *images, size_t n)
{
	putchar('[');
	for (size_t i = 0; i < n; i++) {
		printf("%s\n  {\"name\": ", i ? "," : "");
		s2c_print_json_string(stdout, images[i].name);
		printf(", \"id\": \"%s\", \"digest\": \"%s\", \"size\": %" PRIu64
		       ", \"created\": ",
			images[i].id, images[i].digest, images[i].size);
		s2c_print_json_string(stdout, images[i].created ? images[i].created : "");
		putchar('}');
	}
	puts(n ? "\n]" : "]");
}

static void print_images_table(const struct s2c_image_info *images, size_t n)
{
	char id[13], size[S2C_SIZE_TEXT];
	int width = 4;

	for (size_t i = 0; i < n; i++)
		if ((int)strlen(images[i].name) > width)
			width = (int)strlen(images[i].name);
	printf("%-*s  %-12s  %-10s  CREATED\n", width, "NAME", "IMAGE ID", "SIZE");
	for (size_t i = 0; i < n; i++) {
		s2c_format_size(images[i].size, size);
		printf("%-*s  %-12s  %-10s  %.19s\n", width,
			*images[i].name ? images[i].name : "-",
			short_id(images[i].id, id), size,
			images[i].created ? images[i].created : "");
	}
}

static int images(struct s2c_call *call, struct s2c_error **err)
{
	const struct images_args *args = call->args;
	struct s2c_image_info *list = NULL;
	size_t n = 0;

	if (s2c_images_list(call->ctx, call->store, &list, &n, err))
		return -1;
	if (args->format && streq(args->format, "json"))
		print_images_json(list, n);
	else if (call->global->quiet)
		for (size_t i = 0; i < n; i++)
			puts(list[i].id);
	else
		print_images_table(list, n);
	s2c_images_free(list, n);
	return 0;
}

const struct s2c_command s2c_cmd_images = {
	.name = "images",
	.summary = "list the images of the store",
	.operands = "",
	.description = "Lists the images of the store; with --quiet their ids only.",
	.options = images_options,
	.args_size = sizeof(struct images_args),
	.needs = S2C_NEEDS_STORE,
	.run = images,
};

/* ---- inspect ---- */

struct inspect_args {
	bool manifest, config;
};

static const struct s2c_option inspect_options[] = {
	{"manifest", 0, S2C_OPT_FLAG, offsetof(struct inspect_args, manifest), NULL,
		"print the manifest as it is stored", NULL},
	{"config", 0, S2C_OPT_FLAG, offsetof(struct inspect_args, config), NULL,
		"print the image configuration as it is stored", NULL},
	{0},
};

static int inspect(struct s2c_call *call, struct s2c_error **err)
{
	const struct inspect_args *args = call->args;
	enum s2c_inspect_kind kind = args->manifest ? S2C_INSPECT_MANIFEST
				     : args->config ? S2C_INSPECT_CONFIG
						    : S2C_INSPECT_DOCKER;
	CLEAN_FREE char *json = NULL;

	if (args->manifest && args->config)
		return s2c_fail(err, S2C_EINVAL,
			"--manifest and --config are two documents; ask for one of them");
	if (s2c_images_inspect(
		    call->ctx, call->store, call->operands.items[0], kind, &json, err))
		return -1;
	/* The raw documents to the byte, so that their digest can be taken. */
	if (kind == S2C_INSPECT_DOCKER)
		puts(json);
	else
		fputs(json, stdout);
	return 0;
}

const struct s2c_command s2c_cmd_inspect = {
	.name = "inspect",
	.summary = "show an image as JSON",
	.operands = "IMAGE",
	.description =
		"Prints what the store knows of an image in the shape of "
		"'docker inspect'. IMAGE is a name, an id or the beginning of an id.",
	.options = inspect_options,
	.args_size = sizeof(struct inspect_args),
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = inspect,
};

/* ---- history ---- */

static int history(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_history_row *rows = NULL;
	char size[S2C_SIZE_TEXT];
	size_t n = 0;

	if (s2c_images_history(
		    call->ctx, call->store, call->operands.items[0], &rows, &n, err))
		return -1;
	printf("%-20s %-10s CREATED BY\n", "CREATED", "SIZE");
	for (size_t i = 0; i < n; i++) {
		s2c_format_size(rows[i].size, size);
		printf("%-20.19s %-10s %s\n", rows[i].created, rows[i].empty ? "-" : size,
			rows[i].created_by);
	}
	s2c_history_free(rows, n);
	return 0;
}

const struct s2c_command s2c_cmd_history = {
	.name = "history",
	.summary = "show how an image came about, newest layer first",
	.operands = "IMAGE",
	.description = "Prints the history entries of an image, the newest first.",
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = history,
};

/* ---- tag, rmi ---- */

static int tag(struct s2c_call *call, struct s2c_error **err)
{
	char **words = call->operands.items;

	return s2c_images_tag(call->ctx, call->store, words[0], words[1], err);
}

const struct s2c_command s2c_cmd_tag = {
	.name = "tag",
	.summary = "give an image another name",
	.operands = "IMAGE NAME",
	.description = "Adds NAME to an image. A name that another image has moves over.",
	.min_operands = 2,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = tag,
};

static int rmi(struct s2c_call *call, struct s2c_error **err)
{
	for (size_t i = 0; i < call->operands.len; i++)
		if (s2c_images_remove(
			    call->ctx, call->store, call->operands.items[i], err))
			return -1;
	return 0;
}

const struct s2c_command s2c_cmd_rmi = {
	.name = "rmi",
	.summary = "remove names of images",
	.operands = "IMAGE...",
	.description = "Removes a name, or with an id all names of the image. Disk space "
		       "is given "
		       "back by 's2c prune'.",
	.min_operands = 1,
	.max_operands = -1,
	.needs = S2C_NEEDS_STORE,
	.run = rmi,
};

/* ---- import ---- */

struct import_args {
	struct s2c_strv changes;
	const char *compression;
};

static const struct s2c_option import_options[] = {
	{"change", 'c', S2C_OPT_LIST, offsetof(struct import_args, changes), "CHANGE",
		"set something of the configuration, such as 'USER 1001', 'ENV A=b', "
		"'LABEL "
		"a=b', 'CMD [\"x\"]', 'WORKDIR /srv'",
		NULL},
	{"compression", 0, S2C_OPT_STR, offsetof(struct import_args, compression),
		"METHOD[:LEVEL]",
		"compress the layer by gzip (levels 1 to 9, default 3) or zstd (1 to 19, "
		"default 3)",
		NULL},
	{0},
};

static int import(struct s2c_call *call, struct s2c_error **err)
{
	const struct import_args *args = call->args;
	struct s2c_import_options o = {
		.tar = call->operands.items[0],
		.name = call->operands.items[1],
		.changes = args->changes.len ? (const char *const *)args->changes.items
					     : NULL,
		.compression = args->compression,
		.stdin_fd = 0,
	};
	char id[136];

	if (s2c_images_import(call->ctx, call->store, &o, id, err))
		return -1;
	puts(id);
	return 0;
}

const struct s2c_command s2c_cmd_import = {
	.name = "import",
	.summary = "make an image of a root file system tar",
	.operands = "ROOTFS.tar NAME",
	.description =
		"Makes an image with one layer of a tar (plain, gzip or zstd; - is "
		"standard input) and prints its id.",
	.examples = "  s2c import rootfs.tar builder/base --change 'USER 1001'\n",
	.options = import_options,
	.args_size = sizeof(struct import_args),
	.min_operands = 2,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = import,
};

/* ---- save, load ---- */

#define FORMS "oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE"

static int save(struct s2c_call *call, struct s2c_error **err)
{
	char **words = call->operands.items;

	return s2c_images_save(call->ctx, call->store, words[0], words[1], err);
}

const struct s2c_command s2c_cmd_save = {
	.name = "save",
	.summary = "write an image to a directory or file",
	.operands = "IMAGE DEST",
	.description = "Writes an image to DEST, which is " FORMS ".",
	.examples = "  s2c save myapp docker-archive:myapp.tar\n",
	.min_operands = 2,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = save,
};

static int load(struct s2c_call *call, struct s2c_error **err)
{
	CLEAN_FREE char *names = NULL;

	if (s2c_images_load(call->ctx, call->store, call->operands.items[0], &names, err))
		return -1;
	fputs(names, stdout);
	if (*names && names[strlen(names) - 1] != '\n')
		putchar('\n');
	return 0;
}

const struct s2c_command s2c_cmd_load = {
	.name = "load",
	.summary = "read images from a directory or file",
	.operands = "SRC",
	.description = "Reads the images of SRC, which is " FORMS
		       ", into the store and prints their names.",
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = load,
};

/* ---- prune ---- */

struct prune_args {
	bool dry_run, check, all, caches;
};

static const struct s2c_option prune_options[] = {
	{"all", 'a', S2C_OPT_FLAG, offsetof(struct prune_args, all), NULL,
		"also remove images without a name", NULL},
	{"caches", 0, S2C_OPT_FLAG, offsetof(struct prune_args, caches), NULL,
		"also remove all caches of builds, and not only those that nobody used "
		"for 30 days and the oldest beyond 10 GiB",
		NULL},
	{"check", 0, S2C_OPT_FLAG, offsetof(struct prune_args, check), NULL,
		"also read every blob again; damaged ones are named and removed", NULL},
	{"dry-run", 0, S2C_OPT_FLAG, offsetof(struct prune_args, dry_run), NULL,
		"say what would be removed", NULL},
	{0},
};

static int prune(struct s2c_call *call, struct s2c_error **err)
{
	const struct prune_args *args = call->args;
	struct s2c_prune_options o = {
		.dry_run = args->dry_run,
		.check = args->check,
		.all = args->all,
		.caches = args->caches,
	};
	struct s2c_prune_result r = {0};
	char size[S2C_SIZE_TEXT];

	if (s2c_images_prune(call->ctx, call->store, &o, &r, err))
		return -1;
	s2c_format_size(r.bytes, size);
	printf("%s %" PRIu64 " blobs, %" PRIu64 " trees, %" PRIu64
	       " work directories, %" PRIu64 " caches: %s\n",
		o.dry_run ? "would remove" : "removed", r.blobs, r.trees, r.works,
		r.caches, size);
	if (r.damaged)
		return s2c_fail(err, S2C_EDIGEST,
			"%" PRIu64
			" blobs were damaged; pull or build their images again",
			r.damaged);
	return 0;
}

const struct s2c_command s2c_cmd_prune = {
	.name = "prune",
	.summary = "remove what no image needs",
	.operands = "",
	.description =
		"Removes blobs, unpacked layers and work directories that no image "
		"of the store needs. Waits for running commands to end.",
	.options = prune_options,
	.args_size = sizeof(struct prune_args),
	.needs = S2C_NEEDS_STORE,
	.run = prune,
};

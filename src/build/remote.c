/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers with their phase and context. What is pulled is unpacked while it arrives:
 * layers are wanted as trees sooner or later, and their bytes are at hand now.
 */
#include "build/remote.h"

#include <stdio.h>

#include "runtime/trees.h"

struct s2c_registry_opts s2c_remote_opts(const struct s2c_remote_options *options)
{
	return (struct s2c_registry_opts){
		.plain_http = options->tls_verify_off,
		.insecure_tls = options->tls_verify_off,
		.ca_file = options->ca_file,
		.cert_dir = options->cert_dir,
		.authfile = options->authfile,
		.registries_conf = options->registries_conf,
		.registry_mirrors = options->registry_mirrors,
	};
}

/* ---- pull ---- */

static bool has_tree(void *self, const struct s2c_digest *diff_id)
{
	return s2c_trees_has(self, diff_id);
}

static int put_tree(void *self, struct s2c_ctx *ctx, const struct s2c_layer *layer,
	struct s2c_reader *blob, struct s2c_error **err)
{
	struct s2c_tree_layer tree = {
		.desc = layer->desc, .diff_id = layer->diff_id, .stop = layer->stop};

	return s2c_trees_put(ctx, self, &tree, blob, err);
}

int s2c_remote_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_registry_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_userns userns;
	struct s2c_trees trees;
	struct s2c_layer_sink sink = {.has = has_tree, .put = put_tree, .self = &trees};
	struct s2c_pull_opts how = {.registry = opts, .sink = &sink};

	s2c_reference_format(ref, name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "pull", name);
	if (s2c_userns_read(&userns, err) ||
		s2c_trees_open(store, &userns, &trees, err) ||
		s2c_registry_pull(ctx, store, ref, &how, out, err))
		return s2c_wrap(err, "pull '%s'", name);
	return 0;
}

/* ---- push ---- */

int s2c_remote_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, char *out_pushed, struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "push", name);
	if (s2c_registry_push(ctx, store, image, ref, opts, err))
		return s2c_wrap(err, "push '%s'", name);
	s2c_reference_name(ref, name);
	(void)snprintf(
		out_pushed, S2C_PUSHED_TEXT, "%s@%s", name, image->desc.digest.str);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers with their phase and context.
 */
#include "build/remote.h"

#include <stdio.h>

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

int s2c_remote_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_registry_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "pull", name);
	if (s2c_registry_pull(ctx, store, ref, opts, out, err))
		return s2c_wrap(err, "pull '%s'", name);
	return 0;
}

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

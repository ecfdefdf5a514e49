/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers with their phase and context. What is pulled is unpacked while it arrives:
 * layers are wanted as trees sooner or later, and their bytes are at hand now.
 */
#include "build/remote.h"

#include "policy/policy.h"
#include "registry/chunks.h"
#include "registry/convert.h"
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
		.tries = options->tries,
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
	const struct s2c_reference *ref, const struct s2c_pull_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_userns userns;
	struct s2c_trees trees;
	struct s2c_layer_sink sink = {.has = has_tree, .put = put_tree, .self = &trees};
	struct s2c_pull_opts how = *opts;

	how.sink = &sink;
	s2c_reference_format(ref, name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "pull", name);
	if (s2c_userns_read(&userns, err) ||
		s2c_trees_open(store, &userns, &trees, err) ||
		s2c_registry_pull(ctx, store, ref, &how, out, err))
		return s2c_wrap(err, "pull '%s'", name);
	return 0;
}

/* ---- push ---- */

int s2c_remote_parse(const char *text, struct s2c_reference *ref, struct s2c_error **err)
{
	if (s2c_reference_parse(text, ref, err))
		return -1;
	if (!*ref->registry)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' names no registry; use registry.example/%s", text, text);
	return 0;
}

char *s2c_remote_lines(const struct s2c_strv *pushed)
{
	struct s2c_buf text = S2C_BUF_INIT(SIZE_MAX);

	s2c_strv_foreach (line, pushed)
		s2c_buf_must_printf(&text, "%s%s", text.len ? "\n" : "", line);
	return s2c_buf_take(&text);
}

static int chunk_size(
	const struct s2c_remote_push *push, uint64_t *out, struct s2c_error **err)
{
	*out = 0;
	if (!push->chunk_size)
		return 0;
	if (s2c_size_parse(push->chunk_size, out, err))
		return s2c_wrap(err, "--chunk-size");
	if (*out < S2C_CHUNK_MIN)
		return s2c_fail(err, S2C_EINVAL,
			"--chunk-size '%s' is smaller than %u bytes", push->chunk_size,
			S2C_CHUNK_MIN);
	return 0;
}

static int compression(const struct s2c_remote_push *push, struct s2c_convert *out,
	struct s2c_error **err)
{
	out->force = push->force_compression;
	if (push->compression &&
		s2c_compression_parse(push->compression, &out->to, &out->level, err))
		return s2c_wrap(err, "--compression");
	if (push->force_compression && !push->compression)
		return s2c_fail(err, S2C_EINVAL,
			"--force-compression needs --compression gzip or zstd");
	return 0;
}

int s2c_remote_push_check(const struct s2c_remote_push *push, struct s2c_error **err)
{
	struct s2c_convert convert = {.force = false};
	uint64_t size;

	return chunk_size(push, &size, err) || compression(push, &convert, err) ? -1 : 0;
}

bool s2c_remote_same(const struct s2c_reference *a, const struct s2c_reference *b)
{
	return streq(a->registry, b->registry) && streq(a->repository, b->repository);
}

/* Whether the repository of names[i] was met before. */
static bool met_before(const struct s2c_remote_push *push, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s2c_remote_same(&push->names[k], &push->names[i]))
			return true;
	return false;
}

/* All names of the repository of names[first], each once, to `out`; returns how many. */
static size_t gather(
	const struct s2c_remote_push *push, size_t first, struct s2c_reference *out)
{
	size_t n = 0;

	for (size_t i = first; i < push->n_names; i++) {
		bool again = !s2c_remote_same(&push->names[i], &push->names[first]);

		for (size_t k = 0; k < n; k++)
			again = again ||
				(streq(out[k].tag, push->names[i].tag) &&
					streq(out[k].digest, push->names[i].digest));
		if (!again)
			out[n++] = push->names[i];
	}
	return n;
}

static int push_to(struct s2c_ctx *ctx, const struct s2c_push *push,
	struct s2c_strv *pushed, struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(&push->names[0], name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "push", name);
	if (s2c_registry_push(ctx, push, err))
		return s2c_wrap(err, "push '%s'", name);
	s2c_reference_name(&push->names[0], name);
	s2c_strv_addf(pushed, "%s@%s", name, push->document->desc.digest.str);
	return 0;
}

/* The document of the store, with its layers as they are wanted. */
static int make_document(struct s2c_ctx *ctx, const struct s2c_remote_push *push,
	const struct s2c_convert *convert, struct s2c_document *document,
	bool *out_elsewhere, struct s2c_error **err)
{
	s2c_document_release(document);
	*document = (struct s2c_document){.body = {.max = S2C_MANIFEST_MAX}};
	if (s2c_document_load(convert->store, push->desc, document, err))
		return -1;
	if (push->compression &&
		s2c_document_convert(ctx, convert, document, out_elsewhere, err))
		return -1;
	return push->subject ? s2c_document_refer(document, push->subject, err) : 0;
}

/* A name that says nothing else means this very document. */
static void name_by_digest(struct s2c_reference *name, const struct s2c_digest *digest)
{
	if (!*name->tag && !*name->digest)
		memcpy(name->digest, digest->str, sizeof(name->digest));
}

static int push_all(struct s2c_ctx *ctx, const struct s2c_remote_push *push,
	struct s2c_push *one, struct s2c_reference *names, struct s2c_strv *pushed,
	struct s2c_error **err)
{
	one->names = names;
	for (size_t i = 0; i < push->n_names; i++) {
		if (met_before(push, i))
			continue;
		one->n_names = gather(push, i, names);
		for (size_t k = 0; k < one->n_names; k++)
			name_by_digest(&names[k], &one->document->desc.digest);
		if (push_to(ctx, one, pushed, err))
			return -1;
	}
	return 0;
}

int s2c_remote_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_remote_push *push, struct s2c_strv *pushed,
	struct s2c_error **err)
{
	CLEAN_FREE struct s2c_reference *names = xcalloc(push->n_names, sizeof(*names));
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);
	CLEAN_DOCUMENT struct s2c_document document = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_push one = {.store = store,
		.known = known,
		.document = &document,
		.came_from = push->came_from,
		.opts = push->registry};
	struct s2c_convert convert = {.store = store, .known = known};
	bool elsewhere = false;

	if (chunk_size(push, &one.chunk_size, err) || compression(push, &convert, err) ||
		make_document(ctx, push, &convert, &document, &elsewhere, err))
		return -1;
	if (push_all(ctx, push, &one, names, pushed, &cause) == 0)
		return 0;
	/* What was compressed before is not where it was known to be: compress it here.
	 */
	if (!elsewhere || s2c_error_code(cause) != S2C_ENOENT || pushed->len) {
		s2c_error_move(err, &cause);
		return -1;
	}
	convert.in_store = true;
	if (make_document(ctx, push, &convert, &document, &elsewhere, err))
		return -1;
	return push_all(ctx, push, &one, names, pushed, err);
}

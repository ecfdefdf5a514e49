/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command push: from words to names, and to the document that is meant.
 */
#include <s2c/image.h>

#include "build/plan.h"
#include "build/remote.h"
#include "registry/places.h"
#include "store/image.h"

/* The names that a push is to give, each with a registry. */
struct names {
	struct s2c_reference *items;
	size_t n;
};

static void names_release(struct names *names)
{
	free(names->items);
}

static void add_reference(struct names *names, const struct s2c_reference *ref)
{
	names->items = xreallocarray(names->items, names->n + 1, sizeof(*names->items));
	names->items[names->n++] = *ref;
}

/* A word that is a tag of the first name's repository. */
static bool is_tag(const struct names *names, const char *text, struct s2c_reference *out)
{
	CLEAN_FREE char *whole = xasprintf("x:%s", text);
	struct s2c_reference ref;

	if (!names->n || strpbrk(text, "/:@") || s2c_reference_parse(whole, &ref, NULL))
		return false;
	*out = names->items[0];
	memcpy(out->tag, ref.tag, sizeof(ref.tag));
	*out->digest = '\0';
	return true;
}

static int add_name(struct names *names, const char *text, struct s2c_error **err)
{
	struct s2c_reference ref;

	if (!is_tag(names, text, &ref) && s2c_remote_parse(text, &ref, err))
		return -1;
	if (names->n == S2C_NAMES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d names", S2C_NAMES_MAX);
	add_reference(names, &ref);
	return 0;
}

static int check_repository(const struct names *names,
	const struct s2c_reference *subject, struct s2c_error **err)
{
	for (size_t i = 0; i < names->n; i++)
		if (!s2c_remote_same(&names->items[i], subject))
			return s2c_fail(err, S2C_EINVAL,
				"what refers to an image has to be in its repository "
				"'%s/%s', and not in '%s/%s'",
				subject->registry, subject->repository,
				names->items[i].registry, names->items[i].repository);
	return 0;
}

/*
 * The destination and the tags. Without a destination the image's own name is one of
 * them, unless it has no registry and the tags do; for what refers to another image it is
 * a name without tag in that one's repository.
 */
static int find_names(const struct s2c_push_options *o, const char *own,
	const struct s2c_reference *subject, struct names *names, struct s2c_error **err)
{
	bool tags = o->tags && o->tags[0];
	struct s2c_reference ref;

	if (o->destination) {
		if (add_name(names, o->destination, err))
			return -1;
	} else if (subject) {
		ref = *subject;
		*ref.tag = *ref.digest = '\0';
		add_reference(names, &ref);
	} else if (!tags ||
		   (s2c_reference_parse(own, &ref, NULL) == 0 && *ref.registry)) {
		if (add_name(names, own, err))
			return -1;
	}
	for (size_t i = 0; tags && o->tags[i]; i++)
		if (add_name(names, o->tags[i], err))
			return s2c_wrap(err, "--tag");
	return subject ? check_repository(names, subject, err) : 0;
}

/* What the registry says of the image that is to be referred to. */
static int find_subject(struct s2c_ctx *ctx, const struct s2c_reference *subject,
	const struct s2c_registry_opts *opts, struct s2c_descriptor *out,
	struct s2c_error **err)
{
	CLEAN_PLACES struct s2c_places *places = NULL;

	if (s2c_places_open(ctx, subject, S2C_PUSHING, opts, &places, err) ||
		s2c_registry_head_manifest(ctx, s2c_places_current(places),
			*subject->digest ? subject->digest : subject->tag, out, err))
		return s2c_wrap(err, "--subject");
	return 0;
}

/*
 * An index that another tool put into the store is pushed as it is when all its images
 * are there; else the image for this host is.
 */
static int choose_document(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_descriptor *desc, struct s2c_error **err)
{
	CLEAN_DOCUMENT struct s2c_document document = {0};
	CLEAN_PARCEL struct s2c_parcel parcel = {0};
	CLEAN_ERROR struct s2c_error *incomplete = NULL;
	CLEAN_IMAGE struct s2c_image *image = NULL;

	if (s2c_media_kind(desc->media_type, NULL) != S2C_MEDIA_INDEX)
		return 0;
	if (s2c_document_load(store, desc, &document, err))
		return -1;
	if (s2c_parcel_make(store, &document, &parcel, &incomplete) == 0)
		return 0;
	if (s2c_error_code(incomplete) != S2C_ENOENT) {
		s2c_error_move(err, &incomplete);
		return -1;
	}
	if (s2c_image_load(store, desc, &image, err))
		return -1;
	s2c_emit_log(ctx, S2C_WARN,
		"only the image for this machine is pushed and not its whole index: %s",
		s2c_error_message(incomplete));
	s2c_descriptor_release(desc);
	s2c_descriptor_copy(desc, &image->desc);
	return 0;
}

int s2c_images_push(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const struct s2c_push_options *options, char **out_pushed, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_child(ctx, options->remote.timeout);
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN(names_release) struct names names = {0};
	CLEAN_STRV struct s2c_strv pushed = S2C_STRV_INIT;
	struct s2c_registry_opts opts = s2c_remote_opts(&options->remote);
	struct s2c_remote_push push = {.desc = &desc,
		.registry = &opts,
		.chunk_size = options->chunk_size,
		.compression = options->compression,
		.force_compression = options->force_compression};
	char name[S2C_REFERENCE_MAX + 1] = "";
	struct s2c_descriptor subject = {0};
	struct s2c_reference ref;

	if (options->subject && s2c_remote_parse(options->subject, &ref, err))
		return s2c_wrap(err, "--subject");
	if (s2c_store_find(store, image, &desc, name, err) ||
		find_names(options, *name ? name : image, options->subject ? &ref : NULL,
			&names, err) ||
		choose_document(ctx, store, &desc, err) ||
		s2c_remote_push_check(&push, err))
		return -1;
	if (options->subject && find_subject(own, &ref, &opts, &subject, err))
		return -1;
	push.subject = options->subject ? &subject : NULL;
	push.came_from = name;
	push.names = names.items;
	push.n_names = names.n;
	if (s2c_remote_push(own, store, &push, &pushed, err))
		return -1;
	*out_pushed = s2c_remote_lines(&pushed);
	return 0;
}

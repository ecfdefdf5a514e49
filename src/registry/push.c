/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push of whole images to one repository: what is there already, then blobs, documents by
 * digest, tags.
 */
#include "registry/push.h"

#include "registry/exchange.h"
#include "registry/places.h"
#include "registry/push_impl.h"
#include "registry/referrers.h"

static const struct s2c_document *top(const struct s2c_pushing *p)
{
	return &p->parcel.documents[p->parcel.n_documents - 1];
}

/* ---- what is there already ---- */

/* An answer that says nothing about the document: the push itself shows what is wrong. */
static bool says_nothing(const struct s2c_error *err)
{
	static const enum s2c_code codes[] = {S2C_ENOENT, S2C_EPROTO, S2C_EDIGEST,
		S2C_ELIMIT, S2C_EINVAL, S2C_EUNSUPPORTED};
	enum s2c_code code = s2c_error_code(err);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (code == codes[i])
			return true;
	/* Some deny reading what does not exist yet. */
	return code == S2C_EAUTH && s2c_error_status(err) == 403;
}

static int look(struct s2c_pushing *p, const char *reference, bool *out_same,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_descriptor there = {0};

	*out_same = false;
	if (s2c_registry_look(p->ctx, p->registry, reference, p->registry->push_scope,
		    &there, &cause) == 0) {
		*out_same = s2c_digest_equal(&there.digest, &top(p)->desc.digest);
		return 0;
	}
	if (says_nothing(cause)) {
		s2c_emit_log(p->ctx, S2C_DEBUG, "%s", s2c_error_message(cause));
		return 0;
	}
	s2c_error_move(err, &cause);
	return -1;
}

/* Whether this repository was seen with the document. */
static bool may_have(const struct s2c_pushing *p)
{
	struct s2c_reference found[S2C_KNOWN_PLACES_EACH];
	size_t n = s2c_known_find_places(p->push->known, &top(p)->desc.digest,
		p->to->registry, found, S2C_KNOWN_PLACES_EACH);

	for (size_t i = 0; i < n; i++)
		if (streq(found[i].repository, p->to->repository))
			return true;
	return false;
}

/* ---- documents ---- */

/* With `complete` it is an error that the registry lacks a blob. */
static int put(struct s2c_pushing *p, const struct s2c_document *document,
	const char *reference, bool complete, bool *out_missing, struct s2c_error **err)
{
	struct s2c_manifest_put what = {.reference = reference,
		.desc = &document->desc,
		.body = document->body.data,
		.complete = complete};
	struct s2c_manifest_answer answer = {0};

	if (s2c_registry_put_manifest(p->ctx, p->registry, &what, &answer, err) < 0)
		return -1;
	*out_missing = answer.blobs_missing;
	if (answer.blobs_missing || answer.subject_seen || !strchr(reference, ':'))
		return 0;
	return s2c_referrers_add(p->ctx, p->registry, document, err);
}

/* Which names have to be put; `document_there` tells that the document itself has not. */
struct todo {
	bool *names;
	bool document_there;
};

/*
 * Blobs and documents, then the tags. *out_missing: it ended early, as the registry says
 * that it lacks a blob. With `anew` all is sent, whatever it says.
 */
static int send(struct s2c_pushing *p, const struct todo *todo, bool anew,
	bool *out_missing, struct s2c_error **err)
{
	bool all = anew || !todo->document_there;

	*out_missing = false;
	if (all && s2c_push_blobs(p, anew, err) < 0)
		return -1;
	for (size_t i = 0; all && i < p->parcel.n_documents; i++) {
		const struct s2c_document *document = &p->parcel.documents[i];

		if (put(p, document, document->desc.digest.str, anew, out_missing, err) <
			0)
			return -1;
		if (*out_missing)
			return 0;
	}
	for (size_t i = 0; i < p->push->n_names; i++) {
		if (!todo->names[i])
			continue;
		if (put(p, top(p), p->push->names[i].tag, anew, out_missing, err) < 0)
			return -1;
		if (*out_missing)
			return 0;
	}
	return 0;
}

static void note_all(const struct s2c_pushing *p)
{
	struct s2c_known *known = p->push->known;

	for (size_t i = 0; i < p->parcel.n_blobs; i++)
		s2c_known_note_place(known, p->to, &p->parcel.blobs[i].digest);
	for (size_t i = 0; i < p->parcel.n_documents; i++)
		s2c_known_note_place(known, p->to, &p->parcel.documents[i].desc.digest);
}

/* ---- all of it ---- */

static int check_names(const struct s2c_push *push, struct s2c_error **err)
{
	const struct s2c_digest *digest = &push->document->desc.digest;

	for (size_t i = 0; i < push->n_names; i++)
		if (*push->names[i].digest && !streq(push->names[i].digest, digest->str))
			return s2c_fail(err, S2C_EINVAL,
				"the image has the digest '%s' and not '%s'; name a tag "
				"instead",
				digest->str, push->names[i].digest);
	return 0;
}

/* One HEAD for each name; true for those that are not yet what they should be. */
static int look_at_names(
	struct s2c_pushing *p, struct todo *todo, bool *out_any, struct s2c_error **err)
{
	for (size_t i = 0; i < p->push->n_names; i++) {
		const struct s2c_reference *name = &p->push->names[i];
		bool same;

		if (look(p, *name->tag ? name->tag : name->digest, &same, err) < 0)
			return -1;
		todo->names[i] = !same && *name->tag;
		todo->document_there = todo->document_there || same;
		*out_any = *out_any || !same;
	}
	return 0;
}

static int push_all(struct s2c_pushing *p, struct s2c_error **err)
{
	CLEAN_FREE bool *names = xcalloc(p->push->n_names, sizeof(*names));
	struct todo todo = {.names = names};
	bool any = false, missing = false;

	if (look_at_names(p, &todo, &any, err) < 0)
		return -1;
	if (!any) {
		note_all(p);
		return 0;
	}
	if (!todo.document_there && may_have(p) &&
		look(p, top(p)->desc.digest.str, &todo.document_there, err) < 0)
		return -1;
	for (size_t i = 0; i < p->parcel.n_foreign && !todo.document_there; i++)
		s2c_emit_log(p->ctx, S2C_WARN,
			"layer '%s' is not distributable and is not pushed",
			p->parcel.foreign[i].digest.str);
	if (send(p, &todo, false, &missing, err) < 0)
		return -1;
	/* Some say of blobs that they are there, and then they are not. */
	if (missing && send(p, &todo, true, &missing, err) < 0)
		return s2c_wrap(err, "after all blobs were sent once more");
	note_all(p);
	return 0;
}

static void pushing_release(struct s2c_pushing *p)
{
	s2c_places_close(p->places);
	s2c_parcel_release(&p->parcel);
}

int s2c_registry_push(
	struct s2c_ctx *ctx, const struct s2c_push *push, struct s2c_error **err)
{
	CLEAN(pushing_release)
	struct s2c_pushing p = {.ctx = ctx, .push = push, .to = &push->names[0]};

	if (check_names(push, err) < 0 ||
		s2c_parcel_make(push->store, push->document, &p.parcel, err) < 0 ||
		s2c_places_open(ctx, p.to, S2C_PUSHING, push->opts, &p.places, err) < 0)
		return -1;
	p.registry = s2c_places_current(p.places);
	return push_all(&p, err);
}

int s2c_registry_may_push(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err)
{
	CLEAN_PLACES struct s2c_places *places = NULL;

	if (s2c_places_open(ctx, ref, S2C_PUSHING, opts, &places, err) < 0)
		return -1;
	return s2c_registry_check_push(ctx, s2c_places_current(places), err);
}

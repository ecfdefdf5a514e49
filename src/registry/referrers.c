/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of referrers: pages of the API, or the index under the fallback tag.
 */
#include "registry/referrers.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "registry/exchange.h"

#define ADD_TRIES 3

/* ---- Link ---- */

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* The end of a parameter's value, quoted or not. */
static const char *value_end(const char *p)
{
	if (*p != '"')
		return p + strcspn(p, ";, \t");
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

/* True if the value has the word "next", as in "prev next". */
static bool says_next(const char *value, const char *end)
{
	for (const char *p = value; p < end;) {
		size_t len = strcspn(p, "\" \t;,");

		if (p + len > end)
			len = (size_t)(end - p);
		if (len == 4 && strncasecmp(p, "next", 4) == 0)
			return true;
		p += len ? len : 1;
	}
	return false;
}

/* Behind the parameters of one link; *next tells whether it is the next page. */
static const char *read_parameters(const char *p, bool *next)
{
	for (p = skip_blanks(p); *p == ';'; p = skip_blanks(p)) {
		const char *name = skip_blanks(p + 1);
		size_t len = strcspn(name, "=;, \t");

		p = skip_blanks(name + len);
		if (*p != '=')
			continue;
		const char *value = skip_blanks(p + 1);
		p = value_end(value);
		if (len == 3 && strncasecmp(name, "rel", 3) == 0)
			*next = *next || says_next(value, p);
	}
	return p;
}

char *s2c_link_next(const char *value)
{
	const char *p = skip_blanks(value);

	while (*p == '<') {
		const char *end = strchr(p, '>');
		bool next = false;

		if (!end)
			return NULL;
		const char *rest = read_parameters(end + 1, &next);
		if (next && end > p + 1)
			return xstrndup(p + 1, (size_t)(end - p - 1));
		if (*rest != ',')
			return NULL;
		p = skip_blanks(rest + 1);
	}
	return NULL;
}

/* ---- reading ---- */

static bool is_of_type(const struct s2c_json *entry, const char *artifact_type)
{
	const char *type = s2c_json_str(s2c_json_get(entry, "artifactType"));

	return !artifact_type || (type && streq(type, artifact_type));
}

/* Appends what an index lists to `out`. */
static int take_index(const struct s2c_buf *body, const char *artifact_type,
	struct s2c_json *out, struct s2c_error **err)
{
	struct s2c_json_limits limits = {.bytes = S2C_MANIFEST_MAX, .mixed_case = true};
	CLEAN_INDEX struct s2c_index *index = NULL;
	CLEAN_JSON struct s2c_json *root = NULL;

	/* For the checks alone: descriptors have members here that it does not keep. */
	if (s2c_index_parse(s2c_buf_str(body), body->len, S2C_MT_OCI_INDEX, &index, err) <
			0 ||
		s2c_json_parse(s2c_buf_str(body), body->len, limits, &root, err) < 0)
		return s2c_wrap(err, "its list of referrers");
	s2c_json_foreach (entry, s2c_json_get(root, "manifests")) {
		if (!is_of_type(entry, artifact_type))
			continue;
		if (s2c_json_len(out) == S2C_INDEX_MANIFESTS_MAX)
			return s2c_fail(err, S2C_ELIMIT, "more than %d referrers",
				S2C_INDEX_MANIFESTS_MAX);
		s2c_json_add(out, s2c_json_copy(entry));
	}
	return 0;
}

static char *fallback_tag(const struct s2c_digest *digest)
{
	/* Tags have 128 characters at the most; the specification cuts there. */
	return xasprintf("%.32s-%.64s", s2c_digest_algo(digest), s2c_digest_hex(digest));
}

/* The index under the fallback tag; empty when there is none. */
static int read_fallback(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_FREE char *tag = fallback_tag(digest);
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_descriptor desc = {0};

	s2c_buf_clear(body);
	if (s2c_registry_get_manifest(ctx, registry, tag, body, &desc, &cause) == 0 ||
		s2c_error_code(cause) == S2C_ENOENT)
		return 0;
	s2c_error_move(err, &cause);
	return -1;
}

/* Registries that do not know the list say so in one of these ways. */
static bool unknown_here(int status)
{
	return status == 404 || status == 405 || status == 406 || status == 501;
}

/* The page after this one, which is on the registry itself; NULL: none. */
static int next_page(struct s2c_registry *registry,
	const struct s2c_http_response *response, char **out, struct s2c_error **err)
{
	const char *link = s2c_http_header(response, "link");
	CLEAN_FREE char *next = link ? s2c_link_next(link) : NULL;
	CLEAN_FREE char *url = NULL;

	*out = NULL;
	if (!next)
		return 0;
	if (s2c_http_resolve(response->url, next, &url, err) < 0)
		return -1;
	if (!s2c_http_same_origin(url, registry->base))
		return s2c_fail(err, S2C_EPROTO,
			"'%s' has the next page of a list on another host: refused",
			registry->host);
	*out = TAKE(url);
	return 0;
}

static char *percent(const char *text)
{
	struct s2c_buf out = S2C_BUF_INIT(4 * S2C_MEDIA_TYPE_MAX);

	for (; *text; text++)
		s2c_buf_must_printf(&out,
			isalnum((unsigned char)*text) || strchr("-._~", *text) ? "%c"
									       : "%%%02X",
			(unsigned char)*text);
	return s2c_buf_take(&out);
}

static int read_pages(struct s2c_ctx *ctx, struct s2c_registry *registry,
	struct s2c_registry_call *call, const char *artifact_type, struct s2c_json *out,
	bool *out_known, struct s2c_error **err)
{
	CLEAN_FREE char *url = NULL;

	for (unsigned page = 0; page < S2C_REFERRERS_PAGES_MAX; page++) {
		CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};

		if (s2c_exchange(ctx, registry, call, &response, err) < 0)
			return -1;
		*out_known = page > 0 || !unknown_here(response.status);
		if (!*out_known)
			return 0;
		if (response.status != 200)
			return s2c_exchange_fail(registry, "referrers", &response, err);
		if (take_index(&response.body, artifact_type, out, err) < 0)
			return -1;
		free(TAKE(url));
		if (next_page(registry, &response, &url, err) < 0)
			return -1;
		if (!url)
			return 0;
		call->url = url;
		call->path = NULL;
	}
	return s2c_fail(err, S2C_ELIMIT, "more than %d pages of referrers",
		S2C_REFERRERS_PAGES_MAX);
}

int s2c_registry_referrers(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, const char *artifact_type, struct s2c_json **out,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *found = s2c_json_new_array();
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_FREE char *type = NULL, *path = NULL;
	bool known = false;

	if (artifact_type && strlen(artifact_type) > S2C_MEDIA_TYPE_MAX)
		return s2c_fail(err, S2C_EINVAL, "an artifact type of more than %d bytes",
			S2C_MEDIA_TYPE_MAX);
	type = percent(artifact_type ? artifact_type : "");
	path = xasprintf("referrers/%s%s%s", digest->str,
		artifact_type ? "?artifactType=" : "", type);
	s2c_strv_add(&headers, "Accept: " S2C_MT_OCI_INDEX);
	struct s2c_registry_call call = {.method = "GET",
		.path = path,
		.scope = registry->pull_scope,
		.headers = &headers,
		.max_body = S2C_MANIFEST_MAX};
	if (read_pages(ctx, registry, &call, artifact_type, found, &known, err) < 0)
		return -1;
	if (!known &&
		(read_fallback(ctx, registry, digest, &body, err) < 0 ||
			(body.len && take_index(&body, artifact_type, found, err) < 0)))
		return -1;
	*out = TAKE(found);
	return 0;
}

/* ---- adding ---- */

/* The subject and an entry for the list; *entry NULL: there is no subject. */
static int describe(const struct s2c_document *document, struct s2c_digest *subject,
	struct s2c_json **entry, struct s2c_error **err)
{
	struct s2c_json_limits limits = {.bytes = S2C_MANIFEST_MAX, .mixed_case = true};
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *node;
	const char *type;

	if (s2c_json_parse(s2c_buf_str(&document->body), document->body.len, limits,
		    &root, err) < 0)
		return -1;
	node = s2c_json_get(root, "subject");
	if (!node || s2c_json_is_null(node))
		return 0;
	if (s2c_descriptor_from_json(node, &desc, err) < 0)
		return s2c_wrap(err, "subject");
	*subject = desc.digest;
	*entry = s2c_descriptor_to_json(&document->desc);
	type = s2c_json_str(s2c_json_get(root, "artifactType"));
	if (!type)
		type = s2c_json_str(
			s2c_json_get(s2c_json_get(root, "config"), "mediaType"));
	if (type)
		s2c_json_set_str(*entry, "artifactType", type);
	if (s2c_json_is_object(s2c_json_get(root, "annotations")))
		s2c_json_set(*entry, "annotations",
			s2c_json_copy(s2c_json_get(root, "annotations")));
	return 0;
}

static bool lists(const struct s2c_json *list, const struct s2c_digest *digest)
{
	s2c_json_foreach (entry, list) {
		const char *text = s2c_json_str(s2c_json_get(entry, "digest"));

		if (text && streq(text, digest->str))
			return true;
	}
	return false;
}

static int put_list(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *subject, struct s2c_json *list, struct s2c_error **err)
{
	CLEAN_DOCUMENT struct s2c_document index = {.body = {.max = S2C_MANIFEST_MAX}};
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_FREE char *tag = fallback_tag(subject);
	CLEAN_FREE char *text = NULL;
	struct s2c_manifest_answer answer;

	s2c_json_set_int(root, "schemaVersion", 2);
	s2c_json_set_str(root, "mediaType", S2C_MT_OCI_INDEX);
	s2c_json_set(root, "manifests", s2c_json_copy(list));
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	if (s2c_document_set(&index, S2C_MT_OCI_INDEX, text, err) < 0)
		return -1;
	struct s2c_manifest_put put = {.reference = tag,
		.desc = &index.desc,
		.body = index.body.data,
		.complete = true};
	return s2c_registry_put_manifest(ctx, registry, &put, &answer, err);
}

static int add_once(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *subject, const struct s2c_json *entry, bool *out_there,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_JSON struct s2c_json *list = s2c_json_new_array();
	struct s2c_digest digest = {0};
	const char *text = s2c_json_str(s2c_json_get(entry, "digest"));

	if (s2c_digest_parse(text ? text : "", &digest, err) < 0 ||
		read_fallback(ctx, registry, subject, &body, err) < 0 ||
		(body.len && take_index(&body, NULL, list, err) < 0))
		return -1;
	*out_there = lists(list, &digest);
	if (*out_there)
		return 0;
	s2c_json_add(list, s2c_json_copy(entry));
	return put_list(ctx, registry, subject, list, err);
}

int s2c_referrers_add(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_document *document, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *entry = NULL;
	struct s2c_digest subject;
	bool there = false;

	if (describe(document, &subject, &entry, err) < 0)
		return -1;
	/* The last look only sees whether the last write has lasted. */
	for (unsigned i = 0; entry && !there; i++) {
		if (i > ADD_TRIES)
			return s2c_fail(err, S2C_EPROTO,
				"the list of what refers to '%s' does not keep a new "
				"entry; push again when nobody else does",
				subject.str);
		if (add_once(ctx, registry, &subject, entry, &there, err) < 0)
			return s2c_wrap(err, "list of what refers to '%s'", subject.str);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest prefix and rewriting. A prefix fits whole components only: "r.example" is no
 * prefix of "r.example:5000/x", and "r.example/a" none of "r.example/ab".
 */
#include "registry/endpoint.h"

#include <stdio.h>

void s2c_endpoints_release(struct s2c_endpoints *endpoints)
{
	free(endpoints->items);
	*endpoints = (struct s2c_endpoints){.n = 0};
}

/* ---- what fits ---- */

/* "*.example.com" is every host below, on any port. */
static bool is_subdomain(const char *registry, const char *domain)
{
	size_t len = strcspn(registry, ":"), tail = strlen(domain);

	return len > tail + 1 && registry[len - tail - 1] == '.' &&
	       strncmp(registry + len - tail, domain, tail) == 0;
}

static bool fits(const struct s2c_place *prefix, const struct s2c_reference *ref)
{
	size_t path = strlen(prefix->path);

	if (prefix->subdomains)
		return is_subdomain(ref->registry, prefix->registry);
	if (!streq(prefix->registry, ref->registry))
		return false;
	if (path == 0)
		return true;
	if (strncmp(ref->repository, prefix->path, path) != 0)
		return false;
	if (*prefix->rest)
		return ref->repository[path] == '\0' &&
		       streq(prefix->rest + 1,
			       *prefix->rest == '@' ? ref->digest : ref->tag);
	return ref->repository[path] == '\0' || ref->repository[path] == '/';
}

/* Longer wins; a wildcard loses against the host itself, which has as many dots. */
static size_t weight(const struct s2c_place *prefix)
{
	return 2 * (strlen(prefix->registry) + strlen(prefix->path) +
			   strlen(prefix->rest)) +
	       !prefix->subdomains;
}

static const struct s2c_conf_registry *find(
	const struct s2c_conf *conf, const struct s2c_reference *ref)
{
	const struct s2c_conf_registry *best = NULL;

	for (size_t i = 0; conf && i < conf->n_registries; i++) {
		const struct s2c_conf_registry *one = &conf->registries[i];

		if (fits(&one->prefix, ref) &&
			(!best || weight(&one->prefix) > weight(&best->prefix)))
			best = one;
	}
	return best;
}

/* ---- rewriting ---- */

/* The reference with what fits `prefix` replaced by `location`. */
static int rewrite(const struct s2c_reference *ref, const struct s2c_place *prefix,
	const struct s2c_place *location, struct s2c_reference *out,
	struct s2c_error **err)
{
	const char *rest = ref->repository + strlen(prefix->path);
	char name[S2C_REFERENCE_MAX + 1];
	CLEAN_FREE char *text = NULL;

	rest += *rest == '/';
	text = xasprintf("%s%s%s%s%s%s%s%s%s", location->registry,
		*location->path ? "/" : "", location->path, *rest ? "/" : "", rest,
		*ref->tag ? ":" : "", ref->tag, *ref->digest ? "@" : "", ref->digest);
	if (*rest || *location->path) {
		if (s2c_reference_parse(text, out, err) == 0)
			return 0;
	} else {
		/* "host:tag" would be a name of its own. */
		(void)s2c_fail(err, S2C_EINVAL, "'%s' names no repository", text);
	}
	s2c_reference_format(ref, name);
	return s2c_wrap(err, "'%s' is at another place by configuration", name);
}

static bool same_place(const struct s2c_reference *a, const struct s2c_reference *b)
{
	return streq(a->registry, b->registry) && streq(a->repository, b->repository);
}

/*
 * Appends a place, unless it is there already or is blocked. It is insecure by `insecure`
 * or by a table of its own; that of a rewritten name speaks about where it leads to.
 */
static void add(struct s2c_endpoints *out, const struct s2c_conf *conf,
	const struct s2c_endpoint *endpoint)
{
	const struct s2c_conf_registry *own = find(conf, &endpoint->ref);
	struct s2c_endpoint *added;

	for (size_t i = 0; i < out->n; i++)
		if (same_place(&out->items[i].ref, &endpoint->ref))
			return;
	if (own && own->blocked)
		return;
	out->items = xreallocarray(out->items, out->n + 1, sizeof(*out->items));
	added = &out->items[out->n++];
	*added = *endpoint;
	if (own && own->insecure && !own->location.registry)
		added->insecure = true;
}

static bool useful(const struct s2c_mirror *mirror, const struct s2c_reference *ref)
{
	switch (mirror->use) {
	case S2C_MIRROR_DIGESTS:
		return *ref->digest;
	case S2C_MIRROR_TAGS:
		return !*ref->digest;
	case S2C_MIRROR_ALL:
		break;
	}
	return true;
}

static int add_mirrors(struct s2c_endpoints *out, const struct s2c_conf *conf,
	const struct s2c_conf_registry *registry, const struct s2c_reference *ref,
	struct s2c_error **err)
{
	for (size_t i = 0; i < registry->n_mirrors; i++) {
		const struct s2c_mirror *mirror = &registry->mirrors[i];
		struct s2c_endpoint one = {.insecure = mirror->insecure, .mirror = true};

		if (!useful(mirror, ref))
			continue;
		if (rewrite(ref, &registry->prefix, &mirror->location, &one.ref, err) < 0)
			return -1;
		add(out, conf, &one);
	}
	return 0;
}

static int add_pull(struct s2c_endpoints *out, const struct s2c_conf *conf,
	const struct s2c_conf_registry *registry, const struct s2c_reference *ref,
	struct s2c_error **err)
{
	struct s2c_endpoint last = {.ref = *ref};

	for (size_t i = 0; conf && i < conf->n_overrides; i++)
		if (fits(&conf->overrides[i].prefix, ref) &&
			add_mirrors(out, conf, &conf->overrides[i], ref, err) < 0)
			return -1;
	if (registry) {
		last.insecure = registry->insecure;
		if (add_mirrors(out, conf, registry, ref, err) < 0)
			return -1;
		if (registry->location.registry &&
			rewrite(ref, &registry->prefix, &registry->location, &last.ref,
				err) < 0)
			return -1;
	}
	add(out, conf, &last);
	return 0;
}

int s2c_endpoints_of(const struct s2c_conf *conf, const struct s2c_reference *ref,
	enum s2c_operation operation, struct s2c_endpoints *out, struct s2c_error **err)
{
	const struct s2c_conf_registry *registry = find(conf, ref);
	CLEAN_ENDPOINTS struct s2c_endpoints found = {.n = 0};
	struct s2c_endpoint itself = {.ref = *ref};
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_name(ref, name);
	name[strlen(name) - !*ref->repository] = '\0'; /* a whole registry */
	if (registry && registry->blocked)
		return s2c_fail(err, S2C_EDENIED,
			"'%s' is blocked by '%s'; ask who keeps that file", name,
			registry->source);
	if (operation == S2C_PUSHING)
		add(&found, conf, &itself);
	else if (add_pull(&found, conf, registry, ref, err) < 0)
		return -1;
	if (found.n == 0)
		return s2c_fail(err, S2C_EDENIED,
			"'%s' is at another place by '%s', and that place is blocked",
			name, registry ? registry->source : "the configuration");
	*out = found;
	found = (struct s2c_endpoints){.n = 0};
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registries.conf: from text to tables that are known to be sound. What a place is, is
 * decided by the parser of references and by nothing else, so that a rewritten name can
 * mean only what it looks like.
 */
#include "registry/conf.h"

#include "codec/toml.h"

/* ---- memory ---- */

void s2c_place_release(struct s2c_place *place)
{
	free(place->registry);
	free(place->path);
	free(place->rest);
	*place = (struct s2c_place){.registry = NULL};
}

static void registry_release(struct s2c_conf_registry *registry)
{
	s2c_place_release(&registry->prefix);
	s2c_place_release(&registry->location);
	for (size_t i = 0; i < registry->n_mirrors; i++)
		s2c_place_release(&registry->mirrors[i].location);
	free(registry->mirrors);
	free(registry->source);
	*registry = (struct s2c_conf_registry){.n_mirrors = 0};
}

static void release(struct s2c_conf *conf)
{
	for (size_t i = 0; i < conf->n_registries; i++)
		registry_release(&conf->registries[i]);
	for (size_t i = 0; i < conf->n_overrides; i++)
		registry_release(&conf->overrides[i]);
	free(conf->registries);
	free(conf->overrides);
	s2c_strv_release(&conf->aliases);
}

struct s2c_conf *s2c_conf_new(void)
{
	return xcalloc(1, sizeof(struct s2c_conf));
}

void s2c_conf_free(struct s2c_conf *conf)
{
	if (!conf)
		return;
	release(conf);
	free(conf);
}

void s2c_conf_notes_release(struct s2c_conf_notes *notes)
{
	s2c_strv_release(&notes->ignored);
	s2c_strv_release(&notes->unknown);
}

/* ---- places ---- */

/* ":tag" or "@digest" at the end of a path, or its end. */
static const char *rest_of(const char *path)
{
	const char *at = strchr(path, '@'), *slash = strrchr(path, '/');
	const char *colon = strchr(slash ? slash : path, ':');

	if (at)
		return at;
	return colon ? colon : path + strlen(path);
}

/* Whether the parser of references finds a registry in it; *out is what it found. */
static int check_place(const char *registry, const char *path, const char *rest,
	struct s2c_reference *out, struct s2c_error **err)
{
	CLEAN_FREE char *name = xasprintf(
		"%s%s%s%s", registry, *path ? "/" : "", path, *rest ? rest : "/x");

	if (*rest && !*path)
		return s2c_fail(err, S2C_EINVAL, "there is no repository in it");
	if (s2c_reference_parse(name, out, err) < 0)
		return -1;
	if (!*out->registry)
		return s2c_fail(err, S2C_EINVAL,
			"a registry must come first: HOST.DOMAIN, HOST:PORT or "
			"localhost");
	return 0;
}

int s2c_place_parse(
	const char *text, bool prefix, struct s2c_place *out, struct s2c_error **err)
{
	bool subdomains = prefix && starts_with(text, "*.");
	const char *start = text + (subdomains ? 2 : 0);
	size_t len = strlen(start);
	struct s2c_reference ref;

	while (len && start[len - 1] == '/')
		len--;
	CLEAN_FREE char *registry = xstrndup(start, len);
	char *slash = strchr(registry, '/');
	CLEAN_FREE char *path = xstrdup(slash ? slash + 1 : "");
	const char *end = prefix ? rest_of(path) : path + strlen(path);
	CLEAN_FREE char *rest = xstrdup(end);

	path[end - path] = '\0';
	if (slash)
		*slash = '\0';
	if (starts_with(text, "http://") || starts_with(text, "https://"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' must not have a scheme: HOST[:PORT][/PATH]", text);
	if (subdomains && (slash || strchr(registry, ':') || !strchr(registry, '.')))
		return s2c_fail(err, S2C_EINVAL,
			"'%s': behind '*.' stands a domain and nothing else", text);
	if (check_place(registry, path, rest, &ref, err) < 0)
		return s2c_wrap(err, "'%s'", text);
	out->registry = xstrdup(ref.registry);
	out->path = TAKE(path);
	out->rest = TAKE(rest);
	out->subdomains = subdomains;
	return 0;
}

static bool same_place(const struct s2c_place *a, const struct s2c_place *b)
{
	return a->subdomains == b->subdomains && streq(a->registry, b->registry) &&
	       streq(a->path, b->path) && streq(a->rest, b->rest);
}

/* ---- tables ---- */

/* Refuses keys that only look like known ones, notes those that are not known. */
static int check_keys(const struct s2c_json *table, const char *what,
	const char *const *known, struct s2c_conf_notes *notes, struct s2c_error **err)
{
	if (s2c_json_check_keys(table, known, err) < 0)
		return -1;
	s2c_json_foreach (member, table) {
		const char *const *k = known;

		while (*k && !streq(*k, s2c_json_key(member)))
			k++;
		if (!*k)
			s2c_strv_addf(&notes->unknown,
				"%s: key '%s' is unknown and ignored", what,
				s2c_json_key(member));
	}
	return 0;
}

static int parse_use(
	const struct s2c_json *table, enum s2c_mirror_use *out, struct s2c_error **err)
{
	static const struct {
		const char *word;
		enum s2c_mirror_use use;
	} words[] = {
		{"", S2C_MIRROR_ALL},
		{"all", S2C_MIRROR_ALL},
		{"digest-only", S2C_MIRROR_DIGESTS},
		{"tag-only", S2C_MIRROR_TAGS},
	};
	const char *word = "";

	if (s2c_json_get_str(table, "pull-from-mirror", S2C_OPTIONAL, &word, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (streq(words[i].word, word)) {
			*out = words[i].use;
			return 0;
		}
	}
	return s2c_fail(err, S2C_EINVAL,
		"'pull-from-mirror' is '%s' and none of all, digest-only, tag-only",
		word);
}

static int parse_mirror(const struct s2c_json *table, struct s2c_mirror *out,
	struct s2c_conf_notes *notes, struct s2c_error **err)
{
	static const char *const known[] = {
		"location", "insecure", "pull-from-mirror", NULL};
	const char *location = NULL;

	if (!s2c_json_is_object(table))
		return s2c_fail(err, S2C_EPROTO, "it must be a table");
	if (check_keys(table, "[[registry.mirror]]", known, notes, err) < 0 ||
		s2c_json_get_str(table, "location", S2C_REQUIRED, &location, err) < 0 ||
		s2c_json_get_bool(table, "insecure", S2C_OPTIONAL, &out->insecure, err) <
			0 ||
		parse_use(table, &out->use, err) < 0)
		return -1;
	return s2c_place_parse(location, false, &out->location, err);
}

static int parse_mirrors(const struct s2c_json *table, struct s2c_conf_registry *out,
	struct s2c_conf_notes *notes, struct s2c_error **err)
{
	const struct s2c_json *mirrors = NULL;
	bool digests = false;

	if (s2c_json_get_array(table, "mirror", S2C_OPTIONAL, &mirrors, err) < 0 ||
		s2c_json_get_bool(
			table, "mirror-by-digest-only", S2C_OPTIONAL, &digests, err) < 0)
		return -1;
	if (s2c_json_len(mirrors) > S2C_CONF_MIRRORS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d mirrors", S2C_CONF_MIRRORS_MAX);
	out->mirrors = xcalloc(s2c_json_len(mirrors), sizeof(*out->mirrors));
	s2c_json_foreach (item, mirrors) {
		struct s2c_mirror *mirror = &out->mirrors[out->n_mirrors++];

		if (parse_mirror(item, mirror, notes, err) < 0)
			return s2c_wrap(
				err, "[[registry.mirror]] number %zu", out->n_mirrors);
		if (digests && s2c_json_get(item, "pull-from-mirror"))
			return s2c_fail(err, S2C_EINVAL,
				"'mirror-by-digest-only' of the registry and "
				"'pull-from-mirror' of a mirror exclude each other");
		if (digests)
			mirror->use = S2C_MIRROR_DIGESTS;
	}
	return 0;
}

static int parse_places(const struct s2c_json *table, struct s2c_conf_registry *out,
	struct s2c_error **err)
{
	const char *prefix = NULL, *location = NULL;

	if (s2c_json_get_str(table, "prefix", S2C_OPTIONAL, &prefix, err) < 0 ||
		s2c_json_get_str(table, "location", S2C_OPTIONAL, &location, err) < 0)
		return -1;
	if (location && !*location)
		location = NULL;
	if (!prefix || !*prefix)
		prefix = location;
	if (!prefix)
		return s2c_fail(
			err, S2C_EINVAL, "neither 'prefix' nor 'location' is set");
	if (s2c_place_parse(prefix, true, &out->prefix, err) < 0)
		return s2c_wrap(err, "'prefix'");
	if (location && s2c_place_parse(location, false, &out->location, err) < 0)
		return s2c_wrap(err, "'location'");
	if (location && same_place(&out->prefix, &out->location))
		s2c_place_release(&out->location);
	return 0;
}

static int parse_registry(const struct s2c_json *table, struct s2c_conf_registry *out,
	struct s2c_conf_notes *notes, struct s2c_error **err)
{
	static const char *const known[] = {"prefix", "location", "insecure", "blocked",
		"mirror", "mirror-by-digest-only", "pull-from-mirror", NULL};

	if (!s2c_json_is_object(table))
		return s2c_fail(err, S2C_EPROTO, "it must be a table");
	if (s2c_json_get(table, "pull-from-mirror"))
		return s2c_fail(err, S2C_EINVAL,
			"'pull-from-mirror' belongs into [[registry.mirror]]");
	if (check_keys(table, "[[registry]]", known, notes, err) < 0 ||
		parse_places(table, out, err) < 0 ||
		s2c_json_get_bool(table, "insecure", S2C_OPTIONAL, &out->insecure, err) <
			0 ||
		s2c_json_get_bool(table, "blocked", S2C_OPTIONAL, &out->blocked, err) < 0)
		return -1;
	return parse_mirrors(table, out, notes, err);
}

static struct s2c_conf_registry *find(
	const struct s2c_conf *conf, const struct s2c_place *prefix)
{
	for (size_t i = 0; i < conf->n_registries; i++)
		if (same_place(&conf->registries[i].prefix, prefix))
			return &conf->registries[i];
	return NULL;
}

static int parse_registries(const struct s2c_json *root, const char *source,
	struct s2c_conf *out, struct s2c_conf_notes *notes, struct s2c_error **err)
{
	const struct s2c_json *tables = NULL;
	size_t number = 0;

	if (s2c_json_get_array(root, "registry", S2C_OPTIONAL, &tables, err) < 0)
		return -1;
	if (s2c_json_len(tables) > S2C_CONF_REGISTRIES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d [[registry]] tables",
			S2C_CONF_REGISTRIES_MAX);
	out->registries = xcalloc(s2c_json_len(tables), sizeof(*out->registries));
	s2c_json_foreach (item, tables) {
		CLEAN(registry_release) struct s2c_conf_registry one = {.n_mirrors = 0};

		number++;
		if (parse_registry(item, &one, notes, err) < 0)
			return s2c_wrap(err, "[[registry]] number %zu", number);
		if (find(out, &one.prefix))
			return s2c_fail(err, S2C_EINVAL,
				"[[registry]] number %zu has the same prefix as one "
				"before it",
				number);
		one.source = xstrdup(source);
		out->registries[out->n_registries++] = one;
		one = (struct s2c_conf_registry){.n_mirrors = 0};
	}
	return 0;
}

/* ---- aliases ---- */

static int parse_alias(
	const char *name, const char *value, struct s2c_strv *out, struct s2c_error **err)
{
	char full[S2C_REFERENCE_MAX + 1] = "";
	struct s2c_reference ref;

	if (s2c_reference_parse(name, &ref, err) < 0)
		return -1;
	if (*ref.registry || strpbrk(name, ":@"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is no short name: it has a registry, tag or digest", name);
	if (*value) {
		if (s2c_reference_parse(value, &ref, err) < 0)
			return -1;
		if (!*ref.registry || *ref.digest || *rest_of(strchr(value, '/')))
			return s2c_fail(err, S2C_EINVAL,
				"'%s' must be REGISTRY/NAME without tag and digest",
				value);
		s2c_reference_name(&ref, full);
	}
	s2c_strv_addf(out, "%s=%s", name, full);
	return 0;
}

static int parse_aliases(
	const struct s2c_json *root, struct s2c_conf *out, struct s2c_error **err)
{
	const struct s2c_json *table = NULL;

	if (s2c_json_get_object(root, "aliases", S2C_OPTIONAL, &table, err) < 0)
		return -1;
	s2c_json_foreach (item, table) {
		const char *name = s2c_json_key(item);

		if (!s2c_json_str(item))
			return s2c_fail(
				err, S2C_EPROTO, "alias '%s' must be a string", name);
		if (parse_alias(name, s2c_json_str(item), &out->aliases, err) < 0)
			return s2c_wrap(err, "alias '%s'", name);
	}
	return 0;
}

bool s2c_conf_alias(const struct s2c_conf *conf, const struct s2c_reference *name,
	struct s2c_reference *out)
{
	const char *full = conf && !*name->registry
				   ? s2c_env_get(&conf->aliases, name->repository)
				   : NULL;
	CLEAN_FREE char *text = NULL;

	if (!full)
		return false;
	text = xasprintf("%s%s%s%s%s", full, *name->tag ? ":" : "", name->tag,
		*name->digest ? "@" : "", name->digest);
	return s2c_reference_parse(text, out, NULL) == 0;
}

/* ---- files ---- */

/* Who has credentials in such a helper will miss them. */
static int note_helpers(
	const struct s2c_json *root, struct s2c_conf_notes *notes, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (s2c_json_get_strv(root, "credential-helpers", S2C_OPTIONAL, &names, err) < 0)
		return -1;
	s2c_strv_foreach (name, &names)
		if (!streq(name, "containers-auth.json"))
			s2c_strv_addf(&notes->unknown,
				"credential helper '%s' is not asked; name it in an auth "
				"file with credsStore or credHelpers",
				name);
	return 0;
}

static int parse(const char *text, size_t len, const char *source, struct s2c_conf *out,
	struct s2c_conf_notes *notes, struct s2c_error **err)
{
	static const char *const known[] = {"registry", "aliases", "registries",
		"unqualified-search-registries", "short-name-mode", "credential-helpers",
		NULL};
	static const struct {
		const char *key, *why;
	} ignored[] = {
		{"unqualified-search-registries",
			"a short name means what [aliases] says, or nothing"},
		{"short-name-mode", "a short name means what [aliases] says, or nothing"},
	};
	CLEAN_JSON struct s2c_json *root = NULL;

	if (s2c_toml_parse(text, len, (struct s2c_json_limits){0}, &root, err) < 0)
		return -1;
	if (s2c_json_get(root, "registries"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"it has the old format 1, [registries.search] and the like; "
			"write [[registry]] tables instead, see "
			"containers-registries.conf(5)");
	if (check_keys(root, "the top", known, notes, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		if (s2c_json_get(root, ignored[i].key))
			s2c_strv_addf(&notes->ignored, "'%s' is ignored: %s",
				ignored[i].key, ignored[i].why);
	if (note_helpers(root, notes, err) < 0 ||
		parse_registries(root, source, out, notes, err) < 0)
		return -1;
	return parse_aliases(root, out, err);
}

/* Moves what `from` has on top of `conf`. */
static void merge(struct s2c_conf *conf, struct s2c_conf *from)
{
	conf->registries = xreallocarray(conf->registries,
		conf->n_registries + from->n_registries, sizeof(*conf->registries));
	for (size_t i = 0; i < from->n_registries; i++) {
		struct s2c_conf_registry *one = &from->registries[i];
		struct s2c_conf_registry *old = find(conf, &one->prefix);

		if (old)
			registry_release(old);
		else
			old = &conf->registries[conf->n_registries++];
		*old = *one;
		*one = (struct s2c_conf_registry){.n_mirrors = 0};
	}
	s2c_strv_foreach (alias, &from->aliases)
		s2c_env_put(&conf->aliases, alias);
	for (size_t i = conf->aliases.len; i-- > 0;)
		if (!*(strchr(conf->aliases.items[i], '=') + 1))
			s2c_strv_remove(&conf->aliases, i);
}

int s2c_conf_add(struct s2c_conf *conf, const char *text, size_t len, const char *source,
	struct s2c_conf_notes *notes, struct s2c_error **err)
{
	CLEAN(release) struct s2c_conf one = {.n_registries = 0};
	size_t total = conf->n_registries;

	if (parse(text, len, source, &one, notes, err) < 0)
		return -1;
	for (size_t i = 0; i < one.n_registries; i++)
		total += !find(conf, &one.registries[i].prefix);
	if (total > S2C_CONF_REGISTRIES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d [[registry]] tables",
			S2C_CONF_REGISTRIES_MAX);
	if (conf->aliases.len + one.aliases.len > S2C_CONF_ALIASES_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d aliases", S2C_CONF_ALIASES_MAX);
	merge(conf, &one);
	return 0;
}

int s2c_conf_add_mirror(struct s2c_conf *conf, const char *spec, struct s2c_error **err)
{
	CLEAN(registry_release) struct s2c_conf_registry one = {.n_mirrors = 0};
	const char *equals = strchr(spec, '=');
	CLEAN_FREE char *left = xstrndup(spec, equals ? (size_t)(equals - spec) : 0);

	if (!*left || !equals[1])
		return s2c_fail(err, S2C_EINVAL,
			"registry mirror '%s': REGISTRY=MIRROR was expected, such as "
			"docker.io=mirror.example",
			spec);
	if (conf->n_overrides == S2C_CONF_MIRRORS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d registry mirrors",
			S2C_CONF_MIRRORS_MAX);
	one.mirrors = xcalloc(1, sizeof(*one.mirrors));
	one.n_mirrors = 1;
	if (s2c_place_parse(left, true, &one.prefix, err) < 0 ||
		s2c_place_parse(equals + 1, false, &one.mirrors[0].location, err) < 0)
		return s2c_wrap(err, "registry mirror '%s'", spec);
	one.source = xstrdup("--registry-mirror");
	conf->overrides = xreallocarray(
		conf->overrides, conf->n_overrides + 1, sizeof(*conf->overrides));
	conf->overrides[conf->n_overrides++] = one;
	one = (struct s2c_conf_registry){.n_mirrors = 0};
	return 0;
}

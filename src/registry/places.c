/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in order, and going from one to the next.
 */
#include "registry/places.h"

struct place {
	struct s2c_registry *registry;
	char *name; /* "registry/repository" */
};

struct s2c_places {
	struct place *items;
	size_t n, current;
};

static struct s2c_conf_opts conf_opts(const struct s2c_registry_opts *opts)
{
	return (struct s2c_conf_opts){
		.file = opts->registries_conf, .mirrors = opts->registry_mirrors};
}

static int open_place(const struct s2c_endpoint *endpoint, bool last,
	const struct s2c_registry_opts *opts, struct place *out, struct s2c_error **err)
{
	struct s2c_registry_opts own = *opts;
	char name[S2C_REFERENCE_MAX + 1];

	own.insecure = endpoint->insecure;
	/* Where there is another place, waiting for this one is not worth much. */
	if (!last && (own.tries == 0 || own.tries > S2C_MIRROR_RETRIES + 1))
		own.tries = S2C_MIRROR_RETRIES + 1;
	s2c_reference_name(&endpoint->ref, name);
	if (s2c_registry_open(&endpoint->ref, &own, &out->registry, err) < 0)
		return -1;
	out->name = xstrdup(name);
	return 0;
}

int s2c_places_open(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	enum s2c_operation operation, const struct s2c_registry_opts *opts,
	struct s2c_places **out, struct s2c_error **err)
{
	struct s2c_conf_opts files = conf_opts(opts);
	CLEAN_CONF struct s2c_conf *conf = NULL;
	CLEAN_ENDPOINTS struct s2c_endpoints endpoints = {.n = 0};
	CLEAN_PLACES struct s2c_places *places = xcalloc(1, sizeof(*places));

	if (s2c_conf_load(ctx, &files, &conf, err) < 0 ||
		s2c_endpoints_of(conf, ref, operation, &endpoints, err) < 0)
		return -1;
	places->items = xcalloc(endpoints.n, sizeof(*places->items));
	for (size_t i = 0; i < endpoints.n; i++) {
		if (open_place(&endpoints.items[i], i + 1 == endpoints.n, opts,
			    &places->items[i], err) < 0)
			return -1;
		places->n++;
	}
	*out = TAKE(places);
	return 0;
}

void s2c_places_close(struct s2c_places *places)
{
	if (!places)
		return;
	for (size_t i = 0; i < places->n; i++) {
		s2c_registry_close(places->items[i].registry);
		free(places->items[i].name);
	}
	free(places->items);
	free(places);
}

struct s2c_registry *s2c_places_current(const struct s2c_places *places)
{
	return places->items[places->current].registry;
}

/* Whether a place that failed so may be passed over. */
static bool may_pass(enum s2c_code code)
{
	return code == S2C_ENOENT || code == S2C_EAUTH || code == S2C_ENET ||
	       code == S2C_EPROTO;
}

/* All have failed: the code is that of the last, which is the registry itself. */
static int none_left(const struct s2c_error *last, const struct s2c_buf *reasons,
	struct s2c_error **err)
{
	return s2c_fail_status(err, s2c_error_code(last), s2c_error_status(last),
		"no place has it; %s", s2c_buf_str(reasons));
}

int s2c_places_try(struct s2c_ctx *ctx, struct s2c_places *places,
	const struct s2c_attempt *attempt, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf reasons = S2C_BUF_INIT(S2C_ERROR_MESSAGE_MAX);
	size_t first = places->current;

	for (size_t i = first;; i++) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		const struct place *place = &places->items[i];

		if (attempt->run(attempt->self, place->registry, &cause) == 0) {
			if (attempt->settle)
				places->current = i;
			return 0;
		}
		if (!may_pass(s2c_error_code(cause)) || first + 1 == places->n) {
			s2c_error_move(err, &cause);
			return -1;
		}
		/* What does not fit any more has been logged. */
		(void)!s2c_buf_printf(&reasons, NULL, "%s'%s': %s",
			reasons.len ? "; " : "", place->name, s2c_error_message(cause));
		if (i + 1 == places->n)
			return none_left(cause, &reasons, err);
		s2c_emit_log(ctx,
			s2c_error_code(cause) == S2C_ENOENT ? S2C_INFO : S2C_WARN,
			"'%s': %s; trying '%s'", place->name, s2c_error_message(cause),
			places->items[i + 1].name);
	}
}

bool s2c_places_distrust_ranges(struct s2c_places *places)
{
	bool any = false;

	for (size_t i = 0; i < places->n; i++)
		any |= s2c_registry_distrust_ranges(places->items[i].registry);
	return any;
}

int s2c_places_alias(struct s2c_ctx *ctx, const struct s2c_registry_opts *opts,
	const struct s2c_reference *name, bool *out_found, struct s2c_reference *out,
	struct s2c_error **err)
{
	struct s2c_conf_opts files = conf_opts(opts);
	CLEAN_CONF struct s2c_conf *conf = NULL;

	if (s2c_conf_load(ctx, &files, &conf, err) < 0)
		return -1;
	*out_found = s2c_conf_alias(conf, name, out);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What few images say of themselves: EXPOSE, VOLUME, STOPSIGNAL, HEALTHCHECK and SHELL,
 * and triggers, of which an application has none. An engine's commit begins with what the
 * container has, so only what is new is asked for. What an engine cannot take is told,
 * and whatever it could take is looked for in the image that it made.
 */
#include "runtime/engine_impl.h"

#include <stdio.h>

#include "http/http1.h"
#include "image/signal.h"

#define SECOND 1000000000ll
#define LEAST 1000000ll /* nanoseconds; 0 would be whatever the container has */

/* Numbers of a health check, and what they are without one. */
static const struct {
	const char *key;
	int64_t usual;
} health_numbers[] = {
	{"Interval", 30 * SECOND},
	{"Timeout", 30 * SECOND},
	{"StartPeriod", LEAST},
	{"Retries", 3},
};

static const struct s2c_json *member(const struct s2c_config *config, const char *key)
{
	return s2c_json_get(s2c_json_get(config->root, "config"), key);
}

static int64_t number(const struct s2c_json *object, const char *key)
{
	int64_t value = 0;

	(void)!s2c_json_get_int(object, key, S2C_OPTIONAL, &value, NULL);
	return value > 0 ? value : 0;
}

static bool has_triggers(const struct s2c_config *config)
{
	return s2c_json_len(member(config, "OnBuild")) > 0;
}

/* HEALTHCHECK and SHELL: podman's commit has no words for them, and a gate of somebody
 * else does not take them. */
static bool takes_all(const struct s2c_engine *engine)
{
	return !engine->podman && (engine->own_gate || !engine->gate);
}

/* Of ports podman knows those of TCP and UDP only. */
static bool takes_name(const struct s2c_engine *engine, const char *key, const char *name)
{
	const char *slash = strchr(name, '/');

	return !engine->podman || !streq(key, "ExposedPorts") || !slash ||
	       streq(slash, "/tcp") || streq(slash, "/udp");
}

/* Whether an object has the name; a port without protocol is one of TCP. */
static bool has_name(const struct s2c_json *object, const char *name)
{
	CLEAN_FREE char *tcp = xasprintf("%s/tcp", name);
	size_t len = strlen(name);
	CLEAN_FREE char *plain = len > 4 && streq(name + len - 4, "/tcp")
					 ? xstrndup(name, len - 4)
					 : NULL;

	return s2c_json_get(object, name) || s2c_json_get(object, tcp) ||
	       (plain && s2c_json_get(object, plain));
}

/* ---- asking ---- */

static void add_names(const struct s2c_engine_container *c,
	const struct s2c_config *config, const char *key, struct s2c_json *body)
{
	const struct s2c_json *had = member(c->config, key);

	s2c_json_foreach (name, member(config, key)) {
		const char *text = s2c_json_key(name);

		if (!has_name(had, text) && takes_name(c->runtime->engine, key, text))
			s2c_json_set(s2c_json_object_at(body, key), text,
				s2c_json_new_object());
	}
}

/* What is not given would come from the container's own. */
static struct s2c_json *whole_health(
	const struct s2c_json *asked, const struct s2c_json *had)
{
	struct s2c_json *out = s2c_json_new_object();

	s2c_json_set(out, "Test", s2c_json_copy(s2c_json_get(asked, "Test")));
	for (size_t i = 0; i < ARRAY_SIZE(health_numbers); i++) {
		int64_t value = number(asked, health_numbers[i].key);

		if (!value && number(had, health_numbers[i].key))
			value = health_numbers[i].usual;
		if (value)
			s2c_json_set_int(out, health_numbers[i].key, value);
	}
	return out;
}

void s2c_engine_metadata_add(const struct s2c_engine_container *c,
	const struct s2c_config *config, struct s2c_json *body)
{
	const struct s2c_json *health = member(config, "Healthcheck");
	const struct s2c_json *shell = member(config, "Shell");
	const char *stop = s2c_config_stop_signal(config);

	add_names(c, config, "ExposedPorts", body);
	add_names(c, config, "Volumes", body);
	if (*stop && !streq(stop, s2c_config_stop_signal(c->config)))
		s2c_json_set_str(body, "StopSignal", stop);
	if (takes_all(c->runtime->engine) && s2c_json_len(s2c_json_get(health, "Test")))
		s2c_json_set(body, "Healthcheck",
			whole_health(health, member(c->config, "Healthcheck")));
	if (takes_all(c->runtime->engine) && s2c_json_len(shell))
		s2c_json_set(body, "Shell", s2c_json_copy(shell));
	if (has_triggers(c->config))
		(void)s2c_json_array_at(body, "OnBuild");
}

static int add_change(struct s2c_buf *target, const char *word, const char *value,
	struct s2c_error **err)
{
	CLEAN_FREE char *change = xasprintf("%s %s", word, value);

	return s2c_http1_query_add(target, "changes", change, err);
}

int s2c_engine_metadata_changes(
	const struct s2c_json *body, struct s2c_buf *target, struct s2c_error **err)
{
	const char *stop = s2c_json_str(s2c_json_get(body, "StopSignal"));

	if (s2c_json_get(body, "OnBuild"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"podman would keep the triggers of the image");
	s2c_json_foreach (port, s2c_json_get(body, "ExposedPorts"))
		if (add_change(target, "EXPOSE", s2c_json_key(port), err) < 0)
			return -1;
	s2c_json_foreach (volume, s2c_json_get(body, "Volumes"))
		if (add_change(target, "VOLUME", s2c_json_key(volume), err) < 0)
			return -1;
	return stop ? add_change(target, "STOPSIGNAL", stop, err) : 0;
}

/* ---- comparing ---- */

static int differs(const char *what, const char *name, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO,
		"the engine committed an image that is not what was asked for: it "
		"differs "
		"in %s '%s'",
		what, name);
}

/* Once, however many images are made on the way. */
static void tell(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const char *what, const char *value)
{
	CLEAN_FREE char *text = xasprintf("%s %s", what, value ? value : "");

	if (s2c_strv_find(&c->runtime->told, text) >= 0)
		return;
	s2c_strv_add(&c->runtime->told, text);
	s2c_emit_log(ctx, S2C_WARN,
		"the image does not get %s%s%s: this engine cannot commit it; build "
		"without --engine for that",
		what, value ? " " : "", value ? value : "");
}

static int check_names(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_config *made, const struct s2c_config *config, const char *key,
	struct s2c_error **err)
{
	const struct s2c_json *is = member(made, key), *asked = member(config, key);

	s2c_json_foreach (name, asked) {
		const char *text = s2c_json_key(name);

		if (has_name(is, text))
			continue;
		if (takes_name(c->runtime->engine, key, text))
			return differs(key, text, err);
		tell(ctx, c, "EXPOSE", text);
	}
	s2c_json_foreach (name, is)
		if (!has_name(asked, s2c_json_key(name)))
			return differs(key, s2c_json_key(name), err);
	return 0;
}

static bool same_json(const struct s2c_json *a, const struct s2c_json *b)
{
	CLEAN_FREE char *x = a ? s2c_json_print(a, S2C_JSON_COMPACT) : NULL;
	CLEAN_FREE char *y = b ? s2c_json_print(b, S2C_JSON_COMPACT) : NULL;

	return x && y ? streq(x, y) : x == y;
}

static bool same_health(const struct s2c_json *is, const struct s2c_json *asked)
{
	if (!same_json(s2c_json_get(is, "Test"), s2c_json_get(asked, "Test")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(health_numbers); i++) {
		int64_t a = number(is, health_numbers[i].key);
		int64_t b = number(asked, health_numbers[i].key);

		if ((a ? a : health_numbers[i].usual) !=
			(b ? b : health_numbers[i].usual))
			return false;
	}
	/* Of a newer API than is spoken. */
	return number(is, "StartInterval") == number(asked, "StartInterval");
}

/*
 * podman tells neither of the two. It keeps those of the container's image, but for an
 * image that had to lose its triggers, and with them its form.
 */
static void check_rest(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_config *made, const struct s2c_config *config)
{
	const struct s2c_json *health = member(config, "Healthcheck");
	const struct s2c_json *shell = member(config, "Shell");
	const struct s2c_config *is = made;

	if (c->runtime->engine->podman)
		is = has_triggers(c->config) ? NULL : c->config;
	if (s2c_json_len(s2c_json_get(health, "Test")) &&
		!same_health(is ? member(is, "Healthcheck") : NULL, health))
		tell(ctx, c, "HEALTHCHECK", NULL);
	if (s2c_json_len(shell) && !same_json(is ? member(is, "Shell") : NULL, shell))
		tell(ctx, c, "SHELL", NULL);
}

int s2c_engine_metadata_check(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_config *made, const struct s2c_config *config,
	struct s2c_error **err)
{
	const char *is = s2c_config_stop_signal(made);
	const char *asked = s2c_config_stop_signal(config);

	if (!streq(is, asked) &&
		(!*is || s2c_signal_number(is) < 0 ||
			s2c_signal_number(is) != s2c_signal_number(asked)))
		return differs("StopSignal", is, err);
	if (has_triggers(made))
		return differs("OnBuild", "", err);
	if (check_names(ctx, c, made, config, "ExposedPorts", err) < 0 ||
		check_names(ctx, c, made, config, "Volumes", err) < 0)
		return -1;
	check_rest(ctx, c, made, config);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What podman's API leaves out of an image: triggers, health check and shell. The whole
 * of the configuration is in an export only, among all layers; its digest is the image's
 * id, so it is known for what it is, and what it says is asked for once (store/facts.h).
 */
#include "runtime/engine_impl.h"

#include "codec/tar.h"
#include "util/pump.h"

#define FACT "//config" /* no path that anybody looks for in an image */

static const char *const left_out[] = {"OnBuild", "Healthcheck", "Shell"};

struct source {
	struct s2c_engine *engine;
	const char *id;
};

static int save(
	void *self, struct s2c_ctx *ctx, struct s2c_writer *out, struct s2c_error **err)
{
	const struct source *source = self;

	return s2c_engine_save(ctx, source->engine, source->id, out, err);
}

/* As archives of docker have it, and layouts of OCI. */
static bool is_config(const struct s2c_entry *entry, const struct s2c_digest *id)
{
	CLEAN_FREE char *docker = xasprintf("%s.json", s2c_digest_hex(id));
	CLEAN_FREE char *oci = xasprintf("blobs/sha256/%s", s2c_digest_hex(id));

	return entry->type == S2C_ENTRY_FILE &&
	       (streq(entry->path, docker) || streq(entry->path, oci));
}

static int take(struct s2c_entries *archive, const struct s2c_digest *id,
	struct s2c_config **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);
	struct s2c_digest is;
	char piece[16384];
	ssize_t n;

	while ((n = s2c_entries_read(archive, piece, sizeof(piece), err)) > 0)
		if (s2c_buf_add(&text, piece, (size_t)n, err) < 0)
			return -1;
	if (n < 0)
		return -1;
	s2c_digest_of(text.data, text.len, &is);
	if (!s2c_digest_equal(&is, id))
		return s2c_fail(err, S2C_EPROTO, "the configuration has another digest");
	return s2c_config_parse(text.data, text.len, out, err);
}

static int read_config(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_digest *id, struct s2c_config **out, struct s2c_error **err)
{
	struct source source = {.engine = engine, .id = id->str};
	struct s2c_pump pump = {.run = save, .self = &source};
	CLEAN_ENTRIES struct s2c_entries *archive = s2c_tar_reader(
		s2c_reader_pump(ctx, &pump), true, (struct s2c_tar_limits){.entries = 0});
	const struct s2c_entry *entry;

	do {
		if (s2c_entries_next(archive, ctx, &entry, err) < 0)
			return -1;
		if (entry && is_config(entry, id))
			return take(archive, id, out, err);
	} while (entry);
	return s2c_fail(err, S2C_EPROTO, "the archive has no configuration of it");
}

/* The members, as an object; empty ones are none. Caller frees. */
static struct s2c_json *pick(const struct s2c_config *config)
{
	const struct s2c_json *from = s2c_json_get(config->root, "config");
	struct s2c_json *out = s2c_json_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		const struct s2c_json *member = s2c_json_get(from, left_out[i]);

		if (s2c_json_len(member))
			s2c_json_set(out, left_out[i], s2c_json_copy(member));
	}
	return out;
}

static bool find_known(const struct s2c_facts *facts, struct s2c_json **out)
{
	struct s2c_facts_file fact = {.there = false};

	return s2c_facts_find_file(facts, FACT, &fact) && fact.there &&
	       s2c_json_parse(fact.text, fact.len, (struct s2c_json_limits){0}, out,
		       NULL) == 0 &&
	       s2c_json_is_object(*out);
}

static void note(struct s2c_facts *facts, const struct s2c_json *told)
{
	CLEAN_FREE char *text = s2c_json_print(told, S2C_JSON_COMPACT);
	struct s2c_facts_file fact = {.there = true, .text = text, .len = strlen(text)};

	s2c_facts_note_file(facts, FACT, &fact);
}

static int ask(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_image *image, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_CONFIG struct s2c_config *config = NULL;

	s2c_emit_log(ctx, S2C_INFO,
		"the engine does not tell whether '%s' has triggers: that is read out of "
		"its export, once",
		image->name);
	if (read_config(ctx, engine, s2c_image_id(image), &config, err) < 0)
		return s2c_wrap(err,
			"the engine at '%s' does not tell whether image '%s' has "
			"triggers, nor by its export",
			engine->name, image->name);
	*out = pick(config);
	return 0;
}

int s2c_engine_complete(struct s2c_ctx *ctx, struct s2c_engine *engine,
	struct s2c_store *store, struct s2c_image *image, struct s2c_error **err)
{
	CLEAN_FACTS struct s2c_facts *facts = NULL;
	CLEAN_JSON struct s2c_json *told = NULL;
	struct s2c_json *to = s2c_json_object_at(image->config->root, "config");

	if (!engine->podman)
		return 0;
	/* It hands out nobody's image but the user's own. */
	if (engine->gate && !engine->own_gate) {
		s2c_emit_log(ctx, S2C_WARN,
			"whether '%s' has ONBUILD triggers cannot be known: podman does "
			"not tell, and a gate stands before it; it is built as an image "
			"without them",
			image->name);
		return 0;
	}
	facts = s2c_facts_open(ctx, store, engine->name, s2c_image_id(image));
	if (!find_known(facts, &told)) {
		s2c_json_free(TAKE(told));
		if (ask(ctx, engine, image, &told, err) < 0)
			return -1;
		note(facts, told);
	}
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		const struct s2c_json *member = s2c_json_get(told, left_out[i]);

		if (member)
			s2c_json_set(to, left_out[i], s2c_json_copy(member));
	}
	return 0;
}

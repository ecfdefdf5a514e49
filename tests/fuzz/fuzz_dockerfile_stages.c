/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a whole Dockerfile: stages lie in the file, one behind the other, and
 * every instruction of a stage can be applied or is refused with a sentence.
 */
#include <stdint.h>

#include "build/dockerfile_eval.h"
#include "build/dockerfile_stages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	(void)self;
	(void)err;
	for (size_t i = 0; i < run->n_mounts; i++)
		if (!*run->mounts[i].id)
			abort();
	return 0;
}

static int copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	size_t found;

	if (!copy->from)
		return 0;
	if (copy->unpack)
		abort();
	return s2c_stages_find(self, 1, copy->from, &found, err);
}

static int text(void *self, const char *value, struct s2c_error **err)
{
	(void)self;
	(void)value;
	(void)err;
	return 0;
}

static void apply(struct s2c_stages *stages, const struct s2c_stage_text *stage,
	const struct s2c_strv *given, char escape)
{
	static const char base[] = "{\"os\":\"linux\",\"architecture\":\"amd64\","
				   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
	static const struct s2c_eval_ops ops = {
		.run = run, .copy = copy, .user = text, .workdir = text};
	CLEAN_CONFIG struct s2c_config *config = NULL;
	CLEAN(s2c_eval_release)
	struct s2c_eval eval = {.ops = &ops,
		.self = stages,
		.whole_file = true,
		.given = given,
		.before_from = &stages->before_from};

	if (s2c_config_parse(base, sizeof(base) - 1, &config, NULL) < 0)
		abort();
	eval.config = config;
	for (size_t i = 0; i < stage->n; i++) {
		CLEAN_ERROR struct s2c_error *err = NULL;

		if (s2c_eval_apply(&eval, &stage->items[i], escape, &err) < 0 && !err)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STRV struct s2c_strv given = S2C_STRV_INIT;
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN(s2c_stages_release) struct s2c_stages stages = {.n = 0};
	CLEAN_ERROR struct s2c_error *err = NULL;
	const struct s2c_instruction *at;

	if (s2c_dockerfile_parse((const char *)data, size, &file, NULL) < 0)
		return 0;
	s2c_strv_add(&given, "A=given");
	if (s2c_stages_read(file, &given, &stages, &err) < 0) {
		if (!err || stages.n)
			abort();
		return 0;
	}
	at = file->items;
	for (size_t i = 0; i < stages.n; i++) {
		const struct s2c_stage_text *stage = &stages.items[i];

		if (!*stage->image || stage->items <= at - (i == 0) ||
			stage->items + stage->n > file->items + file->n)
			abort();
		at = stage->items + stage->n;
		apply(&stages, stage, &given, file->escape);
	}
	if (at != file->items + file->n)
		abort();
	return 0;
}

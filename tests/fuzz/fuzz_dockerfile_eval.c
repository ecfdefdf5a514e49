/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as triggers: what an instruction does to a configuration is a configuration
 * that can be read again, and what it asks for is within its bounds.
 */
#include <stdint.h>

#include "build/dockerfile_eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	(void)self;
	(void)err;
	if (!run->argv->len || !*run->argv->items[0] || *run->cwd != '/')
		abort();
	s2c_strv_foreach (variable, run->env)
		if (*variable == '=' || !strchr(variable, '='))
			abort();
	return 0;
}

static int copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	const char *p = copy->destination;

	(void)self;
	(void)err;
	if (!copy->sources->len || *p != '/' || copy->mode < -1 || copy->mode > 07777)
		abort();
	for (; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || !p[3])
			abort();
	return 0;
}

static int user(void *self, const char *user, struct s2c_error **err)
{
	(void)self;
	if (!*user)
		abort();
	return streq(user, "root") ? s2c_fail(err, S2C_EDENIED, "root") : 0;
}

static int workdir(void *self, const char *path, struct s2c_error **err)
{
	(void)self;
	(void)err;
	if (*path != '/')
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char base[] =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Env\":"
		"[\"A=x y\"],\"User\":\"1001\"},\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[]}}";
	static const struct s2c_eval_ops ops = {
		.run = run, .copy = copy, .user = user, .workdir = workdir};
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN_CONFIG struct s2c_config *config = NULL, *again = NULL;
	CLEAN(s2c_eval_release) struct s2c_eval eval = {.ops = &ops};
	CLEAN_FREE char *text = NULL;

	if (s2c_dockerfile_parse((const char *)data, size, &file, NULL) < 0)
		return 0;
	if (s2c_config_parse(base, sizeof(base) - 1, &config, NULL) < 0)
		abort();
	eval.config = config;
	for (size_t i = 0; i < file->n; i++) {
		CLEAN_ERROR struct s2c_error *err = NULL;

		if (s2c_eval_apply(&eval, &file->items[i], file->escape, &err) < 0 &&
			!err)
			abort();
		if (streq(s2c_config_user(config), "root"))
			abort();
	}
	text = s2c_config_print(config);
	if (s2c_config_parse(text, strlen(text), &again, NULL) < 0 &&
		strlen(text) < S2C_CONFIG_MAX / 2)
		abort();
	return 0;
}

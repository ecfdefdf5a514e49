/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration, and behind the first NUL byte a change to it. A configuration that is
 * taken prints to itself again, whatever was changed and added.
 */
#include <stdint.h>

#include "image/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct s2c_config *config)
{
	CLEAN_STRV struct s2c_strv all = S2C_STRV_INIT;
	struct s2c_platform platform;

	s2c_config_platform(config, &platform);
	s2c_config_env(config, &all);
	s2c_config_entrypoint(config, &all);
	s2c_config_cmd(config, &all);
	s2c_config_volumes(config, &all);
	s2c_config_exposed_ports(config, &all);
	s2c_config_onbuild(config, &all);
	s2c_strv_foreach (item, &all)
		if (!item)
			abort();
	if (!s2c_config_user(config) || !s2c_config_workdir(config) ||
		!s2c_config_stop_signal(config) || !s2c_config_created(config))
		abort();
}

static void check_fixpoint(const struct s2c_config *config)
{
	CLEAN_FREE char *text = s2c_config_print(config), *second = NULL;
	CLEAN_CONFIG struct s2c_config *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_config_parse(text, strlen(text), &again, &err) < 0) {
		if (s2c_error_code(err) != S2C_ELIMIT)
			abort();
		return;
	}
	second = s2c_config_print(again);
	if (!streq(text, second) || again->n_diff_ids != config->n_diff_ids)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *nul = memchr(text, '\0', size);
	size_t len = nul ? (size_t)(nul - text) : size;
	CLEAN_CONFIG struct s2c_config *config = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_history history = {"2024-01-01T00:00:00Z", "fuzz", NULL};
	struct s2c_digest digest;

	if (s2c_config_parse(text, len, &config, &err) < 0)
		return 0;
	read_all(config);
	check_fixpoint(config);
	if (nul) {
		CLEAN_FREE char *change = xstrndup(nul + 1, size - len - 1);
		CLEAN_ERROR struct s2c_error *wrong = NULL;

		if (s2c_config_change(config, change, &wrong) < 0 && !wrong)
			abort();
	}
	s2c_digest_of("", 0, &digest);
	s2c_config_add_layer(config, NULL, &history);
	s2c_config_add_layer(config, &digest, &history);
	s2c_config_clear_onbuild(config);
	check_fixpoint(config);
	return 0;
}

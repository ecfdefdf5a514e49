/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where people say that an engine is.
 */
#include "helper.h"

#include "runtime/engine_place.h"

static void assert_found(const char *text, const char *path, bool gate)
{
	CLEAN_FREE char *socket = NULL;
	bool is_gate = !gate;

	assert_ok(s2c_engine_place(text, &socket, &is_gate, &terr));
	assert_string_equal(socket, path);
	assert_int_equal(is_gate, gate);
}

static void assert_place(const char *text, const char *path)
{
	assert_found(text, path, false);
}

static int clear(void **state)
{
	unsetenv("DOCKER_HOST");
	unsetenv("CONTAINER_HOST");
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

static void names_have_places(void **state)
{
	assert_place("docker", "/var/run/docker.sock");
	assert_place("podman", "/run/podman/podman.sock");
	assert_place("unix:///a/b c", "/a/b c");
}

static void gates_are_told_apart(void **state)
{
	assert_found("gate", "/run/s2c/gate.sock", true);
	assert_found("gate:///a/b c", "/a/b c", true);
	/* What stands behind a name of an engine is no gate, whatever it is called. */
	assert_found("unix:///run/s2c/gate.sock", "/run/s2c/gate.sock", false);
}

static void the_environment_names_another(void **state)
{
	setenv("DOCKER_HOST", "unix:///d", 1);
	setenv("CONTAINER_HOST", "unix:///p", 1);
	assert_place("docker", "/d");
	assert_place("podman", "/p");
	assert_place("unix:///x", "/x");
	assert_found("gate", "/run/s2c/gate.sock", true);
	setenv("DOCKER_HOST", "tcp://engine.example:2376", 1);
	assert_place("docker", "tcp://engine.example:2376");
	setenv("DOCKER_HOST", "", 1);
	assert_place("docker", "/var/run/docker.sock");
}

static void other_words_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} bad[] = {
		{"", S2C_EINVAL, "no engine"},
		{"Docker", S2C_EINVAL, "no engine"},
		{"/var/run/docker.sock", S2C_EINVAL, "no engine"},
		{"unix://", S2C_EINVAL, "absolute"},
		{"unix://a", S2C_EINVAL, "absolute"},
		{"ssh://h", S2C_EUNSUPPORTED, "no way to an engine"},
		{"gate://", S2C_EINVAL, "absolute"},
		{"gate://a", S2C_EINVAL, "absolute"},
		{"gate:/a", S2C_EINVAL, "no engine"},
		{"Gate", S2C_EINVAL, "no engine"},
		{"gates", S2C_EINVAL, "no engine"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *socket = NULL;
		bool gate;

		assert_fails(s2c_engine_place(bad[i].text, &socket, &gate, &terr),
			bad[i].code, bad[i].part);
		assert_null(socket);
	}
	setenv("DOCKER_HOST", "ssh://h:1", 1);
	char *socket = NULL;
	bool gate;
	assert_fails(s2c_engine_place("docker", &socket, &gate, &terr), S2C_EUNSUPPORTED,
		"DOCKER_HOST 'ssh://h:1'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_have_places, clear),
		cmocka_unit_test_setup(gates_are_told_apart, clear),
		cmocka_unit_test_setup(the_environment_names_another, clear),
		cmocka_unit_test_setup_teardown(other_words_are_refused, clear, clear),
	};

	return cmocka_run_group_tests_name("engine_place", tests, NULL, NULL);
}

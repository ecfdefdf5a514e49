/* SPDX-License-Identifier: Apache-2.0 */
/* What clients see of engines' descriptions; paths in containers; names of images. */
#include "helper.h"

#include "gate/filtered.h"
#include "gate/images.h"
#include "gate/inside.h"

static struct s2c_json *json_of(const char *quoted)
{
	CLEAN_FREE char *text = xstrdup(quoted);
	struct s2c_json *root = NULL;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	assert_ok(s2c_json_parse(
		text, strlen(text), (struct s2c_json_limits){0}, &root, &terr));
	return root;
}

static void test_container(void **state)
{
	CLEAN_JSON struct s2c_json *found = json_of(
		"{'Id':'x','LogPath':'/var/lib/docker/secret','ResolvConfPath':'secret',"
		"'HostnamePath':'secret','Driver':'secret','GraphDriver':{'Data':{"
		"'UpperDir':'secret'}},'Mounts':[{'Source':'secret'}],"
		"'NetworkSettings':{'Networks':{'secret':{'Gateway':'secret'}}},"
		"'State':{'Status':'exited','Pid':'secret','ExitCode':3},"
		"'Config':{'User':'1001','Env':['A=1'],'MacAddress':'secret'},"
		"'HostConfig':{'NetworkMode':'none','CgroupParent':'secret',"
		"'LogConfig':{'Type':'json-file'}}}");
	CLEAN_JSON struct s2c_json *shown = s2c_filtered_container(found);
	CLEAN_FREE char *text = s2c_json_print(shown, S2C_JSON_COMPACT);

	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "\"ExitCode\":3"));
	assert_non_null(strstr(text, "\"Env\":[\"A=1\"]"));
	assert_non_null(strstr(text, "\"Mounts\":[]"));
	assert_non_null(strstr(text, "\"NetworkMode\":\"none\""));
	/* Nothing at all is something else than a crash. */
	CLEAN_JSON struct s2c_json *empty = s2c_filtered_container(NULL);
	CLEAN_JSON struct s2c_json *odd = json_of("{'State':[],'Config':7}");
	CLEAN_JSON struct s2c_json *of_odd = s2c_filtered_container(odd);
	assert_non_null(empty);
	assert_non_null(of_odd);
}

static void test_exited(void **state)
{
	static const struct {
		const char *text;
		bool exited;
		int status;
	} rows[] = {
		{"{'State':{'Status':'exited','ExitCode':0}}", true, 0},
		{"{'State':{'Status':'exited','ExitCode':137}}", true, 137},
		{"{'State':{'Status':'stopped','ExitCode':1}}", true, 1},
		{"{'State':{'Status':'dead','ExitCode':1}}", true, 1},
		{"{'State':{'Status':'running','ExitCode':0}}", false, 0},
		{"{'State':{'Status':'created','ExitCode':0}}", false, 0},
		{"{'State':{'Status':'exited'}}", false, 0},
		{"{'State':{'Status':'exited','ExitCode':'0'}}", false, 0},
		{"{'State':{'ExitCode':0}}", false, 0},
		{"{'State':{'Status':1,'ExitCode':0}}", false, 0},
		{"{'State':null}", false, 0},
		{"[]", false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *root = json_of(rows[i].text);
		int status = -5;

		assert_int_equal(s2c_filtered_has_exited(root, &status), rows[i].exited);
		assert_int_equal(status, rows[i].exited ? rows[i].status : -5);
	}
	int status;
	assert_false(s2c_filtered_has_exited(NULL, &status));
}

static void test_image(void **state)
{
	CLEAN_JSON struct s2c_json *found = json_of(
		"{'Id':'sha256:x','RepoTags':['a:1','secret:1'],'RepoDigests':['a@sha256:"
		"y'],"
		"'Parent':'secret','GraphDriver':{'Name':'secret'},'Metadata':'secret',"
		"'ContainerConfig':{'Env':['secret']},"
		"'Config':{'User':'1','Labels':{'k':'v'},'Hostname':'secret'}}");
	CLEAN_JSON struct s2c_json *shown = s2c_filtered_image(found, "a:1");
	CLEAN_JSON struct s2c_json *nameless = s2c_filtered_image(found, NULL);
	CLEAN_FREE char *text = s2c_json_print(shown, S2C_JSON_COMPACT);
	CLEAN_FREE char *other = s2c_json_print(nameless, S2C_JSON_COMPACT);

	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "\"RepoTags\":[\"a:1\"]"));
	assert_non_null(strstr(other, "\"RepoTags\":[]"));
	assert_non_null(strstr(text, "\"k\":\"v\""));
}

static void test_paths(void **state)
{
	static const char *const good[] = {"/", "/tmp", "/tmp/", "/a/b.c/..d/...",
		"/a/.b", "/process", "/system", "/device", "/a/proc",
		"/opt/app-root/src"};
	static const char *const bad[] = {"", "a", "tmp/x", "//", "/a//b", "/.", "/..",
		"/a/.", "/a/..", "/a/../b", "/a/./b", "/../etc", "/proc", "/proc/",
		"/proc/self/fd/7", "/sys", "/sys/fs", "/dev", "/dev/shm", "/a/b/.."};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!s2c_gate_path_allowed(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (s2c_gate_path_allowed(bad[i]))
			fail_msg("%s", bad[i]);
	assert_true(s2c_gate_path_within("/tmp", "/tmp"));
	assert_true(s2c_gate_path_within("/tmp/", "/tmp"));
	assert_true(s2c_gate_path_within("/tmp", "/tmp/"));
	assert_true(s2c_gate_path_within("/tmp/a", "/tmp/"));
	assert_true(s2c_gate_path_within("/a", "/"));
	assert_false(s2c_gate_path_within("/tmpx", "/tmp"));
	assert_false(s2c_gate_path_within("/tm", "/tmp"));
	assert_false(s2c_gate_path_within("/", "/tmp"));
}

#define HEX "1111111111111111111111111111111111111111111111111111111111111111"

static void test_image_names(void **state)
{
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{"a", "docker.io/library/a:latest"},
		{"a:1", "docker.io/library/a:1"},
		{"b/a", "docker.io/b/a:latest"},
		{"docker.io/a", "docker.io/library/a:latest"},
		{"index.docker.io/a", "docker.io/library/a:latest"},
		{"localhost/a", "localhost/a:latest"},
		{"registry.example:5000/a/b:c", "registry.example:5000/a/b:c"},
		{"a@sha256:" HEX, "docker.io/library/a@sha256:" HEX},
	};
	char id[72];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[S2C_REFERENCE_MAX + 1];
		struct s2c_reference ref;

		assert_ok(s2c_reference_parse(rows[i].text, &ref, &terr));
		s2c_gate_canonical(&ref, text);
		assert_string_equal(text, rows[i].canonical);
	}
	assert_true(s2c_gate_image_id("sha256:" HEX, id));
	assert_string_equal(id, "sha256:" HEX);
	assert_true(s2c_gate_image_id(HEX, id));
	assert_string_equal(id, "sha256:" HEX);
	assert_false(s2c_gate_image_id(HEX "1", id));
	assert_false(s2c_gate_image_id("sha256:sha256:" HEX, id));
	assert_false(s2c_gate_image_id("sha512:" HEX, id));
	assert_false(s2c_gate_image_id("sha256:", id));
	assert_false(s2c_gate_image_id("", id));
	assert_false(s2c_gate_image_id("sha256:"
				       "111111111111111111111111111111111111111111111111"
				       "111111111111111A",
		id));
}

/* Two long names are never taken for one. */
static void test_long_names(void **state)
{
	char a[S2C_REFERENCE_MAX + 1], b[S2C_REFERENCE_MAX + 1], name[240];
	struct s2c_reference ref;

	memset(name, 'x', sizeof(name));
	name[237] = '\0';
	assert_ok(s2c_reference_parse(name, &ref, &terr));
	s2c_gate_canonical(&ref, a);
	name[236] = 'y';
	assert_ok(s2c_reference_parse(name, &ref, &terr));
	s2c_gate_canonical(&ref, b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_exited),
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_image_names),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where scripts come from: the order of places, the kinds of URLs, what an image may not
 * ask for. Nothing here needs a network.
 */
#include "helper.h"

#include "build/paths.h"
#include "build/scripts.h"

#define LABEL "io.openshift.s2i.scripts-url"
#define DEST_LABEL "io.openshift.s2i.destination"

/* A builder, a source directory and what is found with them. */
struct setup {
	struct s2c_config *builder;
	struct s2c_source *source;
	struct s2c_scripts found;
	struct s2c_scripts_opts opts;
};

static void setup_init(struct setup *s, const struct tmp *tmp)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *spec = xasprintf("%s/app", tmp->path);
	struct s2c_platform platform = {.os = "linux", .architecture = "amd64"};
	struct s2c_source_opts opts = {.spec = spec, .stage_fd = -1, .stdin_fd = -1};

	tmp_write(tmp, "app/index.html", "x");
	assert_ok(s2c_source_open(ctx, &opts, &s->source, &terr));
	s->builder = s2c_config_new(&platform);
	s->opts = (struct s2c_scripts_opts){
		.destination = "/tmp", .builder = s->builder, .source = s->source};
}

static void setup_release(struct setup *s)
{
	s2c_scripts_release(&s->found);
	s2c_source_free(s->source);
	s2c_config_free(s->builder);
}
#define CLEAN_SETUP CLEAN(setup_release)

static int find(struct setup *s)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	s2c_scripts_release(&s->found);
	return s2c_scripts_find(ctx, &s->opts, &s->found, &terr);
}

#define assert_script(s, which, where, at)                                               \
	do {                                                                             \
		const struct s2c_script_source *i_ = &(s)->found.items[which];           \
		assert_true(i_->found);                                                  \
		assert_string_equal(i_->origin, where);                                  \
		assert_string_equal(i_->path, at);                                       \
	} while (0)

static void test_image_label(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s, *state);
	s2c_config_set_label(s.builder, LABEL, "image:///usr//libexec/s2i/");
	assert_ok(find(&s));
	assert_script(
		&s, S2C_SCRIPT_ASSEMBLE, "image label", "/usr/libexec/s2i/assemble");
	assert_script(&s, S2C_SCRIPT_RUN, "image label", "/usr/libexec/s2i/run");
	assert_null(s2c_scripts_entries(&s.found));
}

static void test_old_names(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s, *state);
	s2c_config_set_env(s.builder, "STI_SCRIPTS_URL=image:///old/env");
	assert_ok(find(&s));
	assert_script(&s, S2C_SCRIPT_RUN, "image label", "/old/env/run");
	s2c_config_set_label(s.builder, "io.s2i.scripts-url", "image:///old/label");
	assert_ok(find(&s));
	assert_script(&s, S2C_SCRIPT_RUN, "image label", "/old/label/run");
	assert_string_equal(s2c_builder_scripts_url(s.builder), "image:///old/label");
}

static void test_order(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SETUP struct setup s = {0};
	CLEAN_FREE char *url = xasprintf("file://%s/mine", tmp->path);

	setup_init(&s, tmp);
	s2c_config_set_label(s.builder, LABEL, "image:///s");
	tmp_write(tmp, "app/.s2i/bin/assemble", "#!source");
	tmp_write(tmp, "app/.s2i/bin/run", "#!source");
	tmp_write(tmp, "mine/run", "#!mine");
	assert_ok(find(&s));
	assert_script(&s, S2C_SCRIPT_ASSEMBLE, ".s2i/bin", "/tmp/scripts/assemble");
	assert_script(&s, S2C_SCRIPT_SAVE_ARTIFACTS, "image label", "/s/save-artifacts");
	s.opts.scripts_url = url;
	s.opts.destination = "/";
	assert_ok(find(&s));
	assert_script(&s, S2C_SCRIPT_ASSEMBLE, ".s2i/bin", "/scripts/assemble");
	assert_script(&s, S2C_SCRIPT_RUN, "--scripts-url", "/scripts/run");
	s.opts.scripts_url = "image:///all";
	assert_ok(find(&s));
	assert_script(&s, S2C_SCRIPT_ASSEMBLE, "--scripts-url", "/all/assemble");
}

static void test_entries(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SETUP struct setup s = {0};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *entry;
	char body[32] = "";

	setup_init(&s, tmp);
	s2c_config_set_label(s.builder, LABEL, "image:///s");
	tmp_write(tmp, "app/.s2i/bin/run", "#!run");
	assert_ok(find(&s));
	entries = s2c_scripts_entries(&s.found);
	assert_ok(s2c_entries_next(entries, ctx, &entry, &terr));
	assert_string_equal(entry->path, "run");
	assert_int_equal(entry->mode, 0755);
	assert_int_equal(entry->size, 5);
	assert_int_equal(s2c_entries_read(entries, body, 3, &terr), 3);
	assert_int_equal(s2c_entries_read(entries, body + 3, 20, &terr), 2);
	assert_int_equal(s2c_entries_read(entries, body, 20, &terr), 0);
	assert_string_equal(body, "#!run");
	assert_ok(s2c_entries_next(entries, ctx, &entry, &terr));
	assert_null(entry);
}

static void test_refused(void **state)
{
	static const struct {
		bool label;
		const char *url;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{false, NULL, S2C_ENOENT, "no assemble script"},
		{false, "image:///s/../t", S2C_EINVAL, "image:///s/../t"},
		{false, "image://relative", S2C_EINVAL, "no absolute path"},
		{false, "./dir", S2C_EINVAL, "no scripts URL"},
		{false, "ftp://h/d", S2C_EINVAL, "no scripts URL"},
		{false, "file:///no/such/dir", S2C_ENOENT, "/no/such/dir"},
		{false, "https://u:hunter2@h/d", S2C_EINVAL, "password"},
		{false, "https://h/d?x=1", S2C_EINVAL, "'?'"},
		{true, "file:///etc", S2C_EDENIED, "--scripts-url"},
		{true, "http://127.0.0.1:1/", S2C_EDENIED, "--scripts-url"},
		{true, "http://localhost/x", S2C_EDENIED, "--scripts-url"},
		{true, "http://169.254.169.254/x", S2C_EDENIED, "--scripts-url"},
		{true, "https://[::1]/x", S2C_EDENIED, "--scripts-url"},
		{true, "https://10.1.2.3/x", S2C_EDENIED, "--scripts-url"},
		{true, "gopher://x", S2C_EINVAL, "no scripts URL"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SETUP struct setup s = {0};

		setup_init(&s, *state);
		if (cases[i].label)
			s2c_config_set_label(s.builder, LABEL, cases[i].url);
		else
			s.opts.scripts_url = cases[i].url;
		assert_int_equal(find(&s), -1);
		assert_null(strstr(s2c_error_message(terr), "hunter2"));
		if (s2c_error_code(terr) != cases[i].code ||
			!strstr(s2c_error_message(terr), cases[i].part))
			fail_with_error(
				cases[i].url ? cases[i].url : "-", __FILE__, __LINE__);
		s2c_error_free(TAKE(terr));
	}
}

static void test_bad_scripts(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s, tmp);
	s2c_config_set_label(s.builder, LABEL, "image:///s");
	tmp_write(tmp, "app/.s2i/bin/assemble", "");
	assert_fails(find(&s), S2C_EINVAL, "empty");
	assert_int_equal(unlinkat(tmp->fd, "app/.s2i/bin/assemble", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", tmp->fd, "app/.s2i/bin/assemble"), 0);
	assert_int_equal(find(&s), -1);
	s2c_error_free(TAKE(terr));
	assert_int_equal(unlinkat(tmp->fd, "app/.s2i/bin/assemble", 0), 0);
	/* save-artifacts is optional: trouble with it is none of a clean build. */
	tmp_write(tmp, "app/.s2i/bin/save-artifacts", "");
	assert_ok(find(&s));
	assert_false(s.found.items[S2C_SCRIPT_SAVE_ARTIFACTS].found);
}

/* A plan downloads nothing; the server need not be there. */
static void test_dry_run(void **state)
{
	CLEAN_SETUP struct setup s = {0};

	setup_init(&s, *state);
	s.opts.scripts_url = "https://nowhere.invalid/dir/";
	s.opts.dry_run = true;
	assert_ok(find(&s));
	assert_script(&s, S2C_SCRIPT_ASSEMBLE, "--scripts-url", "/tmp/scripts/assemble");
	assert_string_equal(s.found.items[S2C_SCRIPT_ASSEMBLE].url,
		"https://nowhere.invalid/dir/assemble");
}

static void test_destination(void **state)
{
	static const struct {
		const char *flag, *label, *env, *path; /* path NULL: refused */
	} cases[] = {
		{NULL, NULL, NULL, "/tmp"},
		{NULL, NULL, "STI_LOCATION=/e", "/e"},
		{NULL, "/l", "STI_LOCATION=/e", "/l"},
		{"/f", "/l", NULL, "/f"},
		{"/f//x/./y/", NULL, NULL, "/f/x/y"},
		{"/", NULL, NULL, "/"},
		{"", "/l", NULL, "/l"},
		{"relative", NULL, NULL, NULL},
		{"/a/../b", NULL, NULL, NULL},
		{"/a/..", NULL, NULL, NULL},
		{"/proc/self/fd/7", NULL, NULL, NULL},
		{"/sys", NULL, NULL, NULL},
		{NULL, "/dev/shm", NULL, NULL},
		{"/devices", NULL, NULL, "/devices"},
	};
	struct s2c_platform platform = {.os = "linux", .architecture = "amd64"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = s2c_config_new(&platform);
		CLEAN_FREE char *path = NULL;

		if (cases[i].label)
			s2c_config_set_label(config, DEST_LABEL, cases[i].label);
		if (cases[i].env)
			s2c_config_set_env(config, cases[i].env);
		if (!cases[i].path) {
			assert_fails(s2c_builder_destination(
					     config, cases[i].flag, &path, &terr),
				S2C_EINVAL, "destination");
			continue;
		}
		assert_ok(s2c_builder_destination(config, cases[i].flag, &path, &terr));
		assert_string_equal(path, cases[i].path);
	}
}

static void test_workdir(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{"", "/"},
		{"/", "/"},
		{"/srv/", "/srv"},
		{"srv/x", "/srv/x"},
		{"/proc/self/fd/7", NULL},
		{"//proc", NULL},
		{"proc", NULL},
		{"../x", NULL},
		{"/a/../proc", NULL},
		{"/\xff", NULL},
		{"/procs", "/procs"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *path = NULL;

		if (!cases[i].path) {
			assert_fails(s2c_inner_workdir(cases[i].text, &path, &terr),
				S2C_EINVAL, "WORKDIR");
			continue;
		}
		assert_ok(s2c_inner_workdir(cases[i].text, &path, &terr));
		assert_string_equal(path, cases[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_image_label),
		tmp_test(test_old_names),
		tmp_test(test_order),
		tmp_test(test_entries),
		tmp_test(test_refused),
		tmp_test(test_bad_scripts),
		tmp_test(test_dry_run),
		cmocka_unit_test(test_destination),
		cmocka_unit_test(test_workdir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

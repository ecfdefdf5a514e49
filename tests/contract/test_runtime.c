/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of runtime.h, asserted on every runtime that this machine can run.
 */
#include "helper.h"

#include "runtime_fixture.h"

static void output_comes_line_by_line(void **state)
{
	expect_output(
		*state, "echo one; echo two >&2; printf three", "one\ntwo\nthree\n");
}

static void exit_status_is_the_programs(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);

	expect_script(f, c, "exit 7", 7);
	expect_script(f, c, "exit 125", 125);
	expect_script(f, c, "kill -9 $$", 137);
	s2c_container_destroy(c);
}

static void process_has_no_rights(void **state)
{
	expect_output(*state,
		"id -u; id -g; id -G; grep -E '^(Cap...|NoNewPrivs|Seccomp):' "
		"/proc/self/status | tr -d '\\t'",
		"1001\n0\n0\n"
		"CapInh:0000000000000000\nCapPrm:0000000000000000\n"
		"CapEff:0000000000000000\nCapBnd:0000000000000000\n"
		"CapAmb:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n");
}

static void missing_program_is_named(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {
		.argv = &argv, .env = &env, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	int status = 99;

	s2c_strv_add(&argv, "/no/such");
	assert_fails(s2c_container_run(f->ctx, c, &opts, &status, &terr), S2C_ENOENT,
		"cannot execute '/no/such'");
	assert_int_equal(status, 99);
	s2c_container_destroy(c);
}

static const struct file app_source[] = {
	{"a", S2C_ENTRY_FILE, 0644, 5, 5, "alpha"},
	{"d", S2C_ENTRY_DIR, 0750, 5, 5, NULL},
	{"d/run", S2C_ENTRY_FILE, 0755, 5, 5, "#!/bin/sh\necho ran\n"},
	{"d/link", S2C_ENTRY_SYMLINK, 0777, 5, 5, "/etc/passwd"},
};

static void files_go_in_and_can_be_read(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	struct s2c_entries *e = files_entries(f, app_source, ARRAY_SIZE(app_source));
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(100);

	assert_ok(s2c_container_copy_in(f->ctx, c, "/app/new/src", e, &terr));
	s2c_entries_free(e);
	assert_ok(s2c_container_read_file(c, "/app/new/src/a", &text, &terr));
	assert_string_equal(s2c_buf_str(&text), "alpha");
	assert_true(s2c_container_has_program(c, "/app/new/src/d/run"));
	assert_false(s2c_container_has_program(c, "/app/new/src/a"));
	assert_false(s2c_container_has_program(c, "/app/new/src/d"));
	assert_false(s2c_container_has_program(c, "/none"));
	expect_script(f, c,
		"/app/new/src/d/run; stat -c '%u %g %a' /app/new/src/d; "
		"echo x > /app/new/src/y && echo writable",
		0);
	assert_string_equal(s2c_buf_str(&f->output), "ran\n1001 0 750\nwritable\n");
	s2c_buf_clear(&text);
	assert_ok(s2c_container_read_file(c, "/app/new/src/y", &text, &terr));
	assert_string_equal(s2c_buf_str(&text), "x\n");
	s2c_container_destroy(c);
}

static void commit(struct fixture *f, struct s2c_container *c,
	const struct s2c_strv *excludes, struct s2c_commit_result *out)
{
	struct s2c_commit_opts opts = {
		.config = f->image->config,
		.excludes = excludes,
		.compression = S2C_COMPRESS_GZIP,
		.created = "2023-11-14T22:13:20Z",
		.created_by = "contract",
	};

	assert_ok(s2c_container_commit(f->ctx, c, &opts, out, &terr));
}

/* Names in the uppermost layer of an image, one per line. */
static void list_layer(
	struct fixture *f, const struct s2c_descriptor *desc, struct s2c_buf *out)
{
	CLEAN_IMAGE struct s2c_image *image = NULL;
	struct s2c_entries *entries;
	const struct s2c_descriptor *layer;
	const struct s2c_entry *e;
	struct s2c_reader *blob;

	assert_ok(s2c_image_load(f->store, desc, &image, &terr));
	layer = &image->manifest->layers[image->manifest->n_layers - 1];
	assert_ok(s2c_blob_open(f->store, &layer->digest, layer->size, &blob, &terr));
	entries = s2c_tar_reader(s2c_decompress(S2C_COMPRESS_GZIP, blob, true), true,
		(struct s2c_tar_limits){.entries = 0});
	for (;;) {
		assert_ok(s2c_entries_next(entries, f->ctx, &e, &terr));
		if (!e)
			break;
		assert_ok(s2c_buf_printf(
			out, &terr, "%s %o %u %u\n", e->path, e->mode, e->uid, e->gid));
	}
	s2c_entries_free(entries);
}

static void commit_holds_what_changed_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	CLEAN_STRV struct s2c_strv excludes = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf names = S2C_BUF_INIT(10000);
	struct s2c_commit_result result;

	s2c_strv_add(&excludes, "/tmp/src");
	expect_script(f, c,
		"umask 022; mkdir /tmp/src /app/d && echo x > /app/d/x && echo y > "
		"/tmp/src/y && echo z > /tmp/z",
		0);
	commit(f, c, &excludes, &result);
	s2c_container_destroy(c);
	list_layer(f, &result.desc, &names);
	assert_string_equal(s2c_buf_str(&names),
		"app 755 1001 0\napp/d 755 1001 0\napp/d/x 644 1001 0\n"
		"tmp 1777 0 0\ntmp/z 644 1001 0\n");
	assert_int_equal(result.layer_entries, 5);
	assert_true(result.layer_size > 0);
	s2c_descriptor_release(&result.desc);
}

static void committed_image_runs(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	struct s2c_commit_result result;

	expect_script(f, c, "echo kept > /app/file", 0);
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	s2c_image_free(f->image);
	assert_ok(s2c_image_load(f->store, &result.desc, &f->image, &terr));
	assert_int_equal(f->image->manifest->n_layers, 2);
	expect_output(f, "cat /app/file", "kept\n");
	s2c_descriptor_release(&result.desc);
}

static void commit_of_nothing_adds_no_layer(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	struct s2c_commit_result result;
	struct s2c_image *image;

	expect_script(f, c, "true", 0);
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	assert_int_equal(result.layer_size, 0);
	assert_int_equal(result.layer_entries, 0);
	assert_ok(s2c_image_load(f->store, &result.desc, &image, &terr));
	assert_int_equal(image->manifest->n_layers, 1);
	s2c_image_free(image);
	s2c_descriptor_release(&result.desc);
}

static void deadline_ends_a_run(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_child(f->ctx, 1);
	int status;

	assert_fails(run_script(ctx, c, "echo begun; sleep 1000", &status, &terr),
		S2C_ETIMEOUT, "");
	assert_string_equal(s2c_buf_str(&f->output), "begun\n");
	s2c_container_destroy(c);
}

static void leftover_processes_are_killed(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);

	/* It would hold the output open, and change files under the commit. */
	expect_script(f, c, "(while :; do echo x >> /app/f; done) & echo started", 0);
	assert_string_equal(s2c_buf_str(&f->output), "started\n");
	s2c_container_destroy(c);
}

static void reads_an_image_without_container(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1000);

	assert_ok(s2c_runtime_read_image_file(
		f->ctx, f->runtime, f->image, "/etc/passwd", &text, &terr));
	assert_string_equal(s2c_buf_str(&text), "root:x:0:0::/:/bin/sh\n");
	assert_fails(s2c_runtime_read_image_file(
			     f->ctx, f->runtime, f->image, "/etc/none", &text, &terr),
		S2C_ENOENT, "none");
}

static int native_setup(void **state)
{
	return fixture_setup(state, &s2c_runtime_native);
}

#define native_test(f) cmocka_unit_test_setup_teardown(f, native_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		native_test(output_comes_line_by_line),
		native_test(exit_status_is_the_programs),
		native_test(process_has_no_rights),
		native_test(missing_program_is_named),
		native_test(files_go_in_and_can_be_read),
		native_test(commit_holds_what_changed_and_nothing_else),
		native_test(committed_image_runs),
		native_test(commit_of_nothing_adds_no_layer),
		native_test(deadline_ends_a_run),
		native_test(leftover_processes_are_killed),
		native_test(reads_an_image_without_container),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}

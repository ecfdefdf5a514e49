/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of runtime.h, asserted on every runtime that this machine can run, and for
 * the native one as everyone who may run it: root, users with ranges and with a single
 * id. Usage: contract_runtime [root|runc|ranges|runc-ranges|single|unshare-r|fake|engine]
 * An engine is the one whose socket S2C_CONTRACT_ENGINE names (engine_contract.py).
 */
#include "helper.h"

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <s2c/host.h>

#include "codec/tar.h"

#include "fake_runtime.h"
#include "runtime_fixture.h"

#include "engine_fixture.h"

#define TEST_ID 61234

/* All files have one owner: what s2c makes cannot be root's in the image. */
static bool single_id;
/* NULL: the default. */
static const char *oci_runtime;
static char other_runtime[64];

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

/* What a copy gives: "path type mode size" of each entry, in order. */
static void expect_copy(struct fixture *f, struct s2c_container *c, const char *path,
	const char *expected)
{
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(1u << 20);
	CLEAN_BUF struct s2c_buf seen = S2C_BUF_INIT(4096);
	CLEAN_WRITER struct s2c_writer *out = s2c_writer_buf(&tar);
	const struct s2c_entry *entry;

	assert_ok(s2c_container_copy_out(f->ctx, c, path, out, &terr));
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(
		s2c_reader_mem(tar.data, tar.len), true, (struct s2c_tar_limits){0});

	for (;;) {
		assert_ok(s2c_entries_next(entries, f->ctx, &entry, &terr));
		if (!entry)
			break;
		if (entry->type == S2C_ENTRY_FIFO)
			continue;
		assert_ok(s2c_buf_printf(&seen, &terr, "%s %d %o %d\n", entry->path,
			(int)entry->type, entry->mode, (int)entry->size));
	}
	assert_string_equal(s2c_buf_str(&seen), expected);
}

static void files_come_out(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	struct s2c_entries *e = files_entries(f, app_source, ARRAY_SIZE(app_source));
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(4096);
	CLEAN_WRITER struct s2c_writer *out = s2c_writer_buf(&tar);

	assert_ok(s2c_container_copy_in(f->ctx, c, "/app/new/src", e, &terr));
	s2c_entries_free(e);
	expect_script(f, c,
		"cd /app/new/src; echo made > d/made; chmod 600 d/made; "
		"mkfifo d/pipe; ln -s d way",
		0);
	expect_copy(f, c, "/app/new/src/a", "a 0 644 5\n");
	expect_copy(f, c, "/app/new/src/d",
		"d 1 750 0\nd/link 2 777 0\nd/made 0 600 5\nd/run 0 755 19\n");
	expect_copy(f, c, "/app/new/src/way/run", "run 0 755 19\n");
	assert_fails(s2c_container_copy_out(f->ctx, c, "/app/new/none", out, &terr),
		S2C_ENOENT, "");
	assert_fails(s2c_container_copy_out(f->ctx, c, "/app/none/at/all", out, &terr),
		S2C_ENOENT, "");
	assert_fails(s2c_container_copy_out(f->ctx, c, "/", out, &terr), S2C_EINVAL, "");
	assert_fails(
		s2c_container_copy_out(f->ctx, c, "/app/..", out, &terr), S2C_EINVAL, "");
	s2c_container_destroy(c);
}

/* What not every runtime can do is done by those that say so, and is no surprise else. */
static void others_own_files_and_copies_follow_runs(void **state)
{
	struct fixture *f = *state;
	struct s2c_runtime_traits traits = s2c_runtime_traits(f->runtime);
	struct s2c_container *c = make_container(f);
	struct s2c_entries *e = files_entries(f, app_source, ARRAY_SIZE(app_source));
	struct s2c_owner owner = {7, 8};

	assert_ok(s2c_container_copy_as(f->ctx, c, "/app/theirs", e, &owner, &terr));
	s2c_entries_free(e);
	assert_true(s2c_container_is_dir(c, "/app/theirs/d"));
	assert_false(s2c_container_is_dir(c, "/app/theirs/a"));
	assert_false(s2c_container_is_dir(c, "/app/none"));
	expect_script(f, c, "stat -c '%u %g' /app/theirs /app/theirs/a", 0);
	assert_string_equal(s2c_buf_str(&f->output),
		traits.owners ? "7 8\n7 8\n" : "1001 0\n1001 0\n");
	if (traits.mixes) {
		e = files_entries(f, app_source, ARRAY_SIZE(app_source));
		assert_ok(s2c_container_copy_in(f->ctx, c, "/app/later", e, &terr));
		s2c_entries_free(e);
		s2c_buf_clear(&f->output);
		expect_script(f, c, "cat /app/theirs/a /app/later/a", 0);
		assert_string_equal(s2c_buf_str(&f->output), "alphaalpha\n");
	}
	s2c_container_destroy(c);
}

/* Over what the image has, and over what an earlier copy brought. */
static void copies_merge(void **state)
{
	static const struct file first[] = {
		{"issue", S2C_ENTRY_FILE, 0600, 5, 5, "mine"},
		{"new", S2C_ENTRY_FILE, 0644, 5, 5, "new"},
	};
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	static const char *const into[] = {"/etc", "/srv/x", "/srv/x", "/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(into); i++) {
		struct s2c_entries *e = files_entries(f, first, ARRAY_SIZE(first));

		assert_ok(s2c_container_copy_in(f->ctx, c, into[i], e, &terr));
		s2c_entries_free(e);
	}
	expect_script(f, c,
		"cat /etc/issue /etc/new /srv/x/new; echo; stat -c '%a' /etc /tmp", 0);
	assert_string_equal(s2c_buf_str(&f->output), "minenewnew\n755\n1777\n");
	s2c_container_destroy(c);
}

static void commit(struct fixture *f, struct s2c_container *c,
	const struct s2c_strv *excludes, struct s2c_commit_result *out)
{
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(f->image->config);
	CLEAN_STRV struct s2c_strv cmd = S2C_STRV_INIT;
	struct s2c_commit_opts opts = {
		.config = config,
		.excludes = excludes,
		.compression = S2C_COMPRESS_GZIP,
		.created = "2023-11-14T22:13:20Z",
		.created_by = "contract",
	};

	/* Every image that a build makes has a user and a command. */
	s2c_config_set_user(config, "1001");
	s2c_strv_add(&cmd, "/bin/sh");
	s2c_config_set_cmd(config, &cmd);
	assert_ok(s2c_container_commit(f->ctx, c, &opts, out, &terr));
	if (f->engine)
		engine_fetch(f, f->engine, &out->id, &out->desc);
}

/* What podman makes in every container, and commits. */
static bool is_podmans(const struct fixture *f, const char *path)
{
	static const char *const paths[] = {"dev", "etc", "etc/group", "etc/hostname",
		"etc/hosts", "etc/mtab", "etc/passwd", "etc/resolv.conf", "proc", "run",
		"run/.containerenv", "run/secrets", "sys"};

	for (size_t i = 0; f->engine && i < ARRAY_SIZE(paths); i++)
		if (streq(paths[i], path))
			return true;
	return false;
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
	enum s2c_compression kind = S2C_COMPRESS_GZIP;

	assert_ok(s2c_image_load(f->store, desc, &image, &terr));
	layer = &image->manifest->layers[image->manifest->n_layers - 1];
	assert_ok(s2c_blob_open(f->store, &layer->digest, layer->size, &blob, &terr));
	(void)s2c_media_kind(layer->media_type, &kind);
	entries = s2c_tar_reader(s2c_decompress(kind, blob, true), true,
		(struct s2c_tar_limits){.entries = 0});
	for (;;) {
		assert_ok(s2c_entries_next(entries, f->ctx, &e, &terr));
		if (!e)
			break;
		if (is_podmans(f, e->path))
			continue;
		assert_ok(s2c_buf_printf(
			out, &terr, "%s %o %u %u\n", e->path, e->mode, e->uid, e->gid));
	}
	s2c_entries_free(entries);
}

static void commit_holds_what_changed_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	CLEAN_STRV struct s2c_strv excludes = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf names = S2C_BUF_INIT(10000);
	struct s2c_container_foresight foresight = {.excludes = &excludes};
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_commit_result result;
	struct s2c_container *c;

	s2c_strv_add(&excludes, "/tmp/src");
	opts.foresight = &foresight;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
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
	/* What an engine has committed, it does not tell. */
	assert_int_equal(result.layer_entries, f->engine ? 0 : 5);
	assert_true(f->engine || result.layer_size > 0);
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
	if (f->engine)
		engine_send(f, f->engine);
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

/* ---- what a container cannot do ---- */

static void system_calls_are_filtered(void **state)
{
	/* The probe names every call that does not answer as it should. */
	expect_output(*state, "probe", "");
}

static void nothing_of_the_host_is_there(void **state)
{
	expect_output(*state,
		"cat /proc/sys/kernel/hostname; ls /proc/self/fd | wc -l; "
		"ls /dev | grep -v core | sort | tr '\\n' ' '; head -c 1 /proc/kcore "
		"2>/dev/null | wc "
		"-c; "
		"touch /proc/sys/kernel/domainname 2>&1 | wc -l; "
		"touch /etc/hosts 2>&1 | wc -l; ls /sys/fs/cgroup | wc -l; :",
		/* fds: 0, 1, 2 and that of ls itself */
		"s2c\n4\n"
		"fd full mqueue null ptmx pts random shm stderr stdin stdout tty "
		"urandom zero "
		"0\n1\n1\n0\n");
}

/* CVE-2019-5736: what runs first must not be writable from inside. */
static void the_init_cannot_be_changed(void **state)
{
	expect_output(*state,
		"(: > /.s2c-init) 2>/dev/null || echo no; "
		"(: > /proc/1/exe) 2>/dev/null || echo no; "
		"rm -f /.s2c-init 2>/dev/null || echo no; "
		"mv /.s2c-init /app/x 2>/dev/null || echo no",
		"no\nno\nno\nno\n");
}

/* CVE-2021-3602, CVE-2024-21626: nothing of s2c's own leaks in. */
static void nothing_of_the_caller_leaks(void **state)
{
	/* Not close-on-exec, as a careless library would do it. */
	int leak = open("/", O_RDONLY | O_DIRECTORY);

	assert_true(leak > 2);
	setenv("S2C_TEST_SECRET", "hunter2", 1);
	expect_output(*state,
		"ls /proc/self/fd /proc/1/fd | grep -v : | sort -u | tr '\\n' ' '; "
		"cat /proc/*/environ | grep -c SECRET; :",
		" 0 1 2 3 0\n");
	unsetenv("S2C_TEST_SECRET");
	close(leak);
}

static void memory_is_limited(void **state)
{
	struct fixture *f = *state;
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_container *c;
	int status = 0;

	opts.limits.memory = 48u << 20;
	opts.limits.milli_cpus = 900;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	expect_script(f, c, "echo fits", 0);
	/* One line of 200 MB, which tail keeps. */
	assert_ok(run_script(f->ctx, c,
		"head -c 200000000 /dev/zero | tail -n 1 > /dev/null", &status, &terr));
	assert_int_not_equal(status, 0);
	s2c_container_destroy(c);
}

static void network_none_is_only_loopback(void **state)
{
	expect_output(
		*state, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", "lo\n");
}

static void signals_reach_the_program(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_child(f->ctx, 1);
	int status;

	assert_fails(run_script(ctx, c,
			     "trap 'echo told; exit 0' TERM; while :; do sleep 1; done",
			     &status, &terr),
		S2C_ETIMEOUT, "");
	assert_string_equal(s2c_buf_str(&f->output), "told\n");
	s2c_container_destroy(c);
}

static void cancelled_run_ends(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	int status;

	s2c_ctx_cancel(f->ctx);
	assert_fails(
		run_script(f->ctx, c, "sleep 1000", &status, &terr), S2C_ECANCELED, "");
	s2c_container_destroy(c);
}

static void long_lines_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);

	expect_script(f, c, "yes | tr -d '\\n' | head -c 100000; echo; printf end", 0);
	/* 16 KiB each */
	assert_int_equal(f->output.len, 100000 + 7 + strlen("end\n"));
	s2c_container_destroy(c);
}

static void descriptors_of_the_caller_are_used(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	int in[2], out[2], status = -1;
	char text[16] = "";

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "hello", 5), 5);
	close(in[1]);
	s2c_strv_add(&argv, "/bin/busybox");
	s2c_strv_add(&argv, "cat");
	struct s2c_exec_opts opts = {.argv = &argv,
		.env = &env,
		.cwd = "/app/made",
		.fd_in = in[0],
		.fd_out = out[1],
		.fd_err = -1};
	assert_ok(s2c_container_run(f->ctx, c, &opts, &status, &terr));
	assert_int_equal(status, 0);
	close(out[1]);
	close(in[0]);
	assert_int_equal(read(out[0], text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	close(out[0]);
	expect_script(f, c, "stat -c '%u %a' /app/made", 0);
	assert_string_equal(
		s2c_buf_str(&f->output), single_id ? "1001 755\n" : "0 755\n");
	s2c_container_destroy(c);
}

/* ---- bad and hostile images ---- */

/* Runs nothing, with this working directory. */
static void expect_bad_cwd(
	struct fixture *f, struct s2c_container *c, const char *cwd, const char *part)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {.argv = &argv,
		.env = &env,
		.cwd = cwd,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1};
	int status;

	s2c_strv_add(&argv, "/bin/busybox");
	s2c_strv_add(&argv, "true");
	assert_fails(
		s2c_container_run(f->ctx, c, &opts, &status, &terr), S2C_EINVAL, part);
}

/* Replaces the image under test by the base with one more layer. */
static void use_image(struct fixture *f, const struct file *files, size_t n)
{
	struct layer layers[] = {
		{base_files, ARRAY_SIZE(base_files)},
		{files, n},
	};

	s2c_image_free(f->image);
	f->image = make_image(f, layers, 2);
	if (f->engine)
		engine_send(f, f->engine);
}

/* CVE-2024-21626: a working directory that is a leaked descriptor. */
static void working_directory_stays_inside(void **state)
{
	static const struct file files[] = {
		{"w", S2C_ENTRY_SYMLINK, 0777, 0, 0, "/proc/self"},
		{"x", S2C_ENTRY_FILE, 0644, 0, 0, "no directory"},
	};
	struct fixture *f = *state;
	struct s2c_container *c;

	use_image(f, files, ARRAY_SIZE(files));
	c = make_container(f);
	expect_bad_cwd(f, c, "/proc/self/fd/7", "mounts over");
	expect_bad_cwd(f, c, "/w/fd/7", "leads to '/proc/self/fd/7'");
	expect_bad_cwd(f, c, "relative", "not an absolute path");
	s2c_container_destroy(c);
}

static void links_as_mount_points_are_refused(void **state)
{
	static const char *const names[] = {"proc", "dev", "sys"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct file link = {names[i], S2C_ENTRY_SYMLINK, 0777, 0, 0, "/etc"};
		struct s2c_container_opts opts;
		struct s2c_container *c;

		use_image(f, &link, 1);
		opts = container_opts(f->image);
		assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
			S2C_EINVAL, "a symbolic link");
	}
}

/* /tmp -> an absolute path: it is the image's path, not the host's. */
static void absolute_links_lead_inside(void **state)
{
	static const struct file files[] = {
		{"tmp", S2C_ENTRY_SYMLINK, 0777, 0, 0, "/var/elsewhere"},
		{"etc/hosts", S2C_ENTRY_SYMLINK, 0777, 0, 0, "/run/hosts"},
		{"etc/passwd", S2C_ENTRY_SYMLINK, 0777, 0, 0, "/proc/self/environ"},
	};
	struct fixture *f = *state;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(100000);
	struct s2c_commit_result result;
	struct s2c_entries *e = files_entries(f, app_source, ARRAY_SIZE(app_source));
	struct s2c_container *c;

	use_image(f, files, ARRAY_SIZE(files));
	c = make_container(f);
	assert_ok(s2c_container_copy_in(f->ctx, c, "/tmp/src", e, &terr));
	s2c_entries_free(e);
	assert_int_equal(access("/var/elsewhere", F_OK), -1);
	assert_ok(s2c_container_read_file(c, "/var/elsewhere/src/a", &text, &terr));
	assert_string_equal(s2c_buf_str(&text), "alpha");
	assert_fails(
		s2c_container_read_file(c, "/etc/passwd", &text, &terr), S2C_ENOENT, "");
	expect_script(f, c, "cat /etc/hosts | wc -l; rm -rf /tmp/src/*", 0);
	assert_string_equal(s2c_buf_str(&f->output), "2\n");
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	s2c_buf_clear(&text);
	list_layer(f, &result.desc, &text);
	/* No trace of the mount points /run/hosts, /proc, ... */
	assert_string_equal(s2c_buf_str(&text),
		single_id ? "var 755 1001 0\nvar/elsewhere 755 1001 0\n"
			    "var/elsewhere/src 755 1001 0\n"
			  : "var 755 0 0\nvar/elsewhere 755 0 0\n"
			    "var/elsewhere/src 755 1001 0\n");
	s2c_descriptor_release(&result.desc);
}

/* An image of one program: no /etc, no /tmp, nothing to mount on. */
static void bare_image_works_and_stays_bare(void **state)
{
	static const struct file files[] = {
		{"bin", S2C_ENTRY_DIR, 0755, 0, 0, NULL},
		{"bin/busybox", S2C_ENTRY_FILE, 0755, 0, 0, NULL},
		{"bin/sh", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	};
	struct layer layer = {files, ARRAY_SIZE(files)};
	struct fixture *f = *state;
	struct s2c_commit_result result;
	struct s2c_container *c;

	s2c_image_free(f->image);
	f->image = make_image(f, &layer, 1);
	c = make_container(f);
	expect_script(f, c, "ls -a / | tr '\\n' ' '", 0);
	assert_string_equal(s2c_buf_str(&f->output),
		*other_runtime ? ". .. .s2c-init .s2c-reports bin dev etc proc sys \n"
			       : ". .. .s2c-init bin dev etc proc sys \n");
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	assert_int_equal(result.layer_entries, 0);
	s2c_descriptor_release(&result.desc);
}

/* A layer that deletes what lies below hides our mount points too. */
static void opaque_root_leaks_no_mount_points(void **state)
{
	static const struct file files[] = {
		{".wh..wh..opq", S2C_ENTRY_FILE, 0644, 0, 0, ""},
		{"app", S2C_ENTRY_DIR, 0755, APP_UID, 0, NULL},
		{"bin", S2C_ENTRY_DIR, 0755, 0, 0, NULL},
		{"bin/busybox", S2C_ENTRY_FILE, 0755, 0, 0, NULL},
		{"bin/sh", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	};
	struct fixture *f = *state;
	CLEAN_BUF struct s2c_buf names = S2C_BUF_INIT(10000);
	struct s2c_commit_result result;
	struct s2c_container *c;

	use_image(f, files, ARRAY_SIZE(files));
	c = make_container(f);
	expect_script(f, c, "echo x > /app/x", 0);
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	list_layer(f, &result.desc, &names);
	assert_string_equal(s2c_buf_str(&names), "app 755 1001 0\napp/x 644 1001 0\n");
	s2c_descriptor_release(&result.desc);
}

/* C5: the same layer twice, which no overlay can hold, and what lies between is undone.
 */
static void layers_may_occur_twice(void **state)
{
	static const struct file first[] = {
		{"d", S2C_ENTRY_DIR, 0755, APP_UID, 0, NULL},
		{"d/.wh.b", S2C_ENTRY_FILE, 0, 0, 0, ""},
		{"d/a", S2C_ENTRY_FILE, 0644, APP_UID, 0, "1"},
	};
	static const struct file between[] = {
		{"d", S2C_ENTRY_DIR, 0700, 0, 0, NULL},
		{"d/.wh.a", S2C_ENTRY_FILE, 0, 0, 0, ""},
		{"d/b", S2C_ENTRY_FILE, 0644, APP_UID, 0, "2"},
		{"d/c", S2C_ENTRY_FILE, 0644, APP_UID, 0, "3"},
	};
	const struct layer layers[] = {
		{base_files, ARRAY_SIZE(base_files)},
		{first, ARRAY_SIZE(first)},
		{first, ARRAY_SIZE(first)},
		{between, ARRAY_SIZE(between)},
		{first, ARRAY_SIZE(first)},
	};
	struct fixture *f = *state;
	CLEAN_BUF struct s2c_buf names = S2C_BUF_INIT(10000);
	struct s2c_commit_result result;
	struct s2c_container *c;

	s2c_image_free(f->image);
	f->image = make_image(f, layers, ARRAY_SIZE(layers));
	c = make_container(f);
	expect_script(f, c, "cd /d && echo * && cat a c && rm c && echo 4 > b", 0);
	assert_string_equal(s2c_buf_str(&f->output), "a c\n13\n");
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	list_layer(f, &result.desc, &names);
	assert_string_equal(
		s2c_buf_str(&names), "d 755 1001 0\nd/.wh.c 0 0 0\nd/b 644 1001 0\n");
	s2c_descriptor_release(&result.desc);
}

static void altered_layer_is_not_unpacked(void **state)
{
	static const struct file files[] = {{"f", S2C_ENTRY_FILE, 0644, 0, 0, "x"}};
	struct fixture *f = *state;
	struct s2c_container_opts opts;
	struct s2c_container *c;

	use_image(f, files, 1);
	/* The config names other content than the manifest's layer has. */
	memset(f->image->config->diff_ids[1].str + strlen("sha256:"), 'a', 64);
	opts = container_opts(f->image);
	assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
		S2C_EDIGEST, "the image's config says");
}

static void bad_requests_are_refused(void **state)
{
	static const struct s2c_port port = {.host = 1, .container = 2};
	static const struct s2c_mount mounts[] = {
		{.source = "relative", .destination = "/x"},
		{.source = "/etc", .destination = "/proc/x"}};
	struct fixture *f = *state;
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_container *c;

	opts.hostname = "bad name";
	assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
		S2C_EINVAL, "not a host name");
	opts.hostname = NULL;
	opts.ports = &port;
	opts.n_ports = 1;
	assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
		S2C_EINVAL, "cannot publish ports");
	opts.n_ports = 0;
	opts.n_mounts = 1;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		opts.mounts = &mounts[i];
		if (s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr) != -1)
			fail_msg("mount %zu was accepted", i);
		s2c_error_free(TAKE(terr));
	}
}

static void mounts_are_seen_and_left_out(void **state)
{
	struct fixture *f = *state;
	CLEAN_FREE char *file = xasprintf("%s/certs", f->tmp->path);
	CLEAN_FREE char *dir = xasprintf("%s/dir", f->tmp->path);
	struct s2c_mount mounts[] = {
		{.source = file, .destination = "/etc/ssl/certs.pem"},
		{.source = dir, .destination = "/opt/new/dir"}};
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_commit_result result;
	struct s2c_container *c;

	tmp_write(f->tmp, "certs", "pem\n");
	tmp_write(f->tmp, "dir/x", "y\n");
	assert_int_equal(chmod(dir, 0755), 0);
	opts.mounts = mounts;
	opts.n_mounts = 2;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	expect_script(f, c,
		"cat /etc/ssl/certs.pem /opt/new/dir/x; "
		"echo z > /opt/new/dir/x || echo read-only",
		0);
	assert_non_null(strstr(s2c_buf_str(&f->output), "pem\ny\n"));
	assert_non_null(strstr(s2c_buf_str(&f->output), "\nread-only\n"));
	commit(f, c, NULL, &result);
	s2c_container_destroy(c);
	assert_int_equal(result.layer_entries, 0);
	s2c_descriptor_release(&result.desc);
}

#include "mounts.h"

static void host_sees_no_mounts(void **state)
{
	struct fixture *f = *state;
	struct s2c_container *c = make_container(f);
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	bool seen = false;

	while (fgets(line, sizeof(line), mounts))
		seen = seen || strstr(line, f->tmp->path);
	fclose(mounts);
	assert_false(seen);
	s2c_container_destroy(c);
}

/* `s2c run` of an image whose user is root, and only that. */
static void root_keeps_a_usual_set_when_told(void **state)
{
	struct fixture *f = *state;
	struct s2c_container_opts opts = container_opts(f->image);
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_exec_opts exec = {
		.argv = &argv, .env = &env, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	struct s2c_container *c;
	int status = -1;

	s2c_strv_add(&argv, "/bin/busybox");
	s2c_strv_add(&argv, "grep");
	s2c_strv_add(&argv, "-E");
	s2c_strv_add(&argv, "^Cap(Eff|Bnd|Amb)|NoNew");
	s2c_strv_add(&argv, "/proc/self/status");
	s2c_strv_add(&env, "A=b");
	opts.uid = 0;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	assert_ok(s2c_container_run(f->ctx, c, &exec, &status, &terr));
	exec.keep_privileges_of_root = true;
	assert_ok(s2c_container_run(f->ctx, c, &exec, &status, &terr));
	s2c_container_destroy(c);
	assert_string_equal(s2c_buf_str(&f->output),
		"CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
		"CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"
		"CapEff:\t00000000800005fb\nCapBnd:\t00000000800005fb\n"
		"CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
}

static void processes_are_limited(void **state)
{
	struct fixture *f = *state;
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_container *c;
	int status = 0;

	/* Where control groups are not ours the limit counts all processes of the id. */
	opts.limits.pids = 20;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	assert_ok(run_script(f->ctx, c,
		"i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i + 1)); done; echo all",
		&status, &terr));
	s2c_container_destroy(c);
	assert_null(strstr(s2c_buf_str(&f->output), "all\n"));
	assert_int_not_equal(status, 0);
}

static int fake_setup(void **state)
{
	return fixture_setup(state, &s2c_runtime_fake, &(struct s2c_runtime_opts){0});
}

#define fake_test(f) cmocka_unit_test_setup_teardown(f, fake_setup, fixture_teardown)

static int native_setup(void **state)
{
	return fixture_setup(state, &s2c_runtime_native,
		&(struct s2c_runtime_opts){.oci_runtime = oci_runtime});
}

static int engine_setup(void **state)
{
	struct s2c_runtime_opts opts = {.engine = getenv("S2C_CONTRACT_ENGINE")};
	struct fixture *f;

	if (!opts.engine || fixture_setup(state, &s2c_runtime_engine, &opts) < 0)
		return -1;
	f = *state;
	engine_send(f, f->engine);
	return 0;
}

#define engine_test(f) cmocka_unit_test_setup_teardown(f, engine_setup, fixture_teardown)

#define native_test(f) cmocka_unit_test_setup_teardown(f, native_setup, fixture_teardown)

/* ---- as whom ---- */

static int skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

/* Becomes an ordinary user that has no account, no groups and no ranges. */
static int become_user(void)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(TEST_ID, TEST_ID, TEST_ID) < 0 ||
		setresuid(TEST_ID, TEST_ID, TEST_ID) < 0)
		return -1;
	/* Becoming someone else took /proc/self from us; as if freshly executed. */
	return prctl(PR_SET_DUMPABLE, 1);
}

static int enter(void)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_error *err = NULL;

	if (s2c_host_enter(ctx, &err) < 0) {
		printf("Bail out! %s\n", s2c_error_message(err));
		s2c_error_free(err);
		return -1;
	}
	return 0;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -1 : 0;
}

static int as_single(void)
{
	return become_user() < 0 || enter() < 0 ? -1 : 0;
}

/* What `unshare -r` does, which leaves us in the mount namespace of others. */
static int as_unshare_r(void)
{
	char map[64];

	if (become_user() < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	if (unshare(CLONE_NEWUSER) < 0 || put("/proc/self/setgroups", "deny") < 0 ||
		put("/proc/self/uid_map", map) < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", geteuid() == 0 ? TEST_ID : getegid());
	if (put("/proc/self/gid_map", map) < 0)
		return -1;
	return enter();
}

/* The map that newuidmap would make, written by root. */
static int as_ranges(void)
{
	int go[2], status;
	char path[64], c;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		pid_t target = getppid();

		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)target);
		if (put(path, "0 61234 1\n1 6200000 65535\n") < 0)
			_exit(1);
		snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)target);
		_exit(put(path, "0 61234 1\n1 6200000 65535\n") < 0);
	}
	if (unshare(CLONE_NEWUSER) < 0 || write(go[1], "g", 1) != 1)
		return -1;
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -1;
	return enter();
}

/* crun by a name that s2c does not know: no descriptors, a file of reports instead. */
static int other_name(void)
{
	snprintf(other_runtime, sizeof(other_runtime), "/tmp/s2c-contract-%d", getpid());
	if (symlink("/usr/bin/crun", other_runtime) < 0)
		return -1;
	oci_runtime = other_runtime;
	return 0;
}

static int become(const char *who)
{
	if (streq(who, "ranges") || streq(who, "runc-ranges"))
		return as_ranges();
	if (streq(who, "single"))
		return as_single();
	return streq(who, "unshare-r") ? as_unshare_r() : 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		native_test(output_comes_line_by_line),
		native_test(exit_status_is_the_programs),
		native_test(process_has_no_rights),
		native_test(missing_program_is_named),
		native_test(files_go_in_and_can_be_read),
		native_test(files_come_out),
		native_test(copies_merge),
		native_test(others_own_files_and_copies_follow_runs),
		native_test(commit_holds_what_changed_and_nothing_else),
		native_test(committed_image_runs),
		native_test(commit_of_nothing_adds_no_layer),
		native_test(deadline_ends_a_run),
		native_test(leftover_processes_are_killed),
		native_test(reads_an_image_without_container),
		native_test(system_calls_are_filtered),
		native_test(nothing_of_the_host_is_there),
		native_test(the_init_cannot_be_changed),
		native_test(nothing_of_the_caller_leaks),
		native_test(memory_is_limited),
		native_test(network_none_is_only_loopback),
		native_test(signals_reach_the_program),
		native_test(cancelled_run_ends),
		native_test(long_lines_come_in_pieces),
		native_test(descriptors_of_the_caller_are_used),
		native_test(working_directory_stays_inside),
		native_test(links_as_mount_points_are_refused),
		native_test(absolute_links_lead_inside),
		native_test(bare_image_works_and_stays_bare),
		native_test(opaque_root_leaks_no_mount_points),
		native_test(layers_may_occur_twice),
		native_test(altered_layer_is_not_unpacked),
		native_test(bad_requests_are_refused),
		native_test(mounts_are_seen_and_left_out),
		native_test(secrets_are_for_the_process_alone),
		native_test(no_image_holds_a_secret),
		native_test(no_config_holds_a_secret),
		native_test(secrets_are_on_no_disk),
		native_test(volumes_can_be_written),
		native_test(caches_survive),
		native_test(hosts_have_addresses),
		native_test(mounts_do_not_overlap),
		native_test(an_agent_only_signs),
		native_test(host_sees_no_mounts),
		native_test(root_keeps_a_usual_set_when_told),
		native_test(processes_are_limited),
	};
	/* What is asserted of every runtime; the rest is about isolation. */
	const struct CMUnitTest fake_tests[] = {
		fake_test(output_comes_line_by_line),
		fake_test(exit_status_is_the_programs),
		fake_test(missing_program_is_named),
		fake_test(files_go_in_and_can_be_read),
		fake_test(files_come_out),
		fake_test(copies_merge),
		fake_test(others_own_files_and_copies_follow_runs),
		fake_test(commit_holds_what_changed_and_nothing_else),
		fake_test(committed_image_runs),
		fake_test(commit_of_nothing_adds_no_layer),
		fake_test(deadline_ends_a_run),
		fake_test(leftover_processes_are_killed),
		fake_test(reads_an_image_without_container),
		fake_test(signals_reach_the_program),
		fake_test(cancelled_run_ends),
		fake_test(long_lines_come_in_pieces),
		fake_test(descriptors_of_the_caller_are_used),
		fake_test(bad_requests_are_refused),
	};
	/* The same, and of isolation what does not depend on how it is done. */
	const struct CMUnitTest engine_tests[] = {
		engine_test(output_comes_line_by_line),
		engine_test(exit_status_is_the_programs),
		engine_test(process_has_no_rights),
		engine_test(missing_program_is_named),
		engine_test(files_go_in_and_can_be_read),
		engine_test(files_come_out),
		engine_test(copies_merge),
		engine_test(others_own_files_and_copies_follow_runs),
		engine_test(commit_holds_what_changed_and_nothing_else),
		engine_test(committed_image_runs),
		engine_test(deadline_ends_a_run),
		engine_test(leftover_processes_are_killed),
		engine_test(reads_an_image_without_container),
		engine_test(memory_is_limited),
		engine_test(network_none_is_only_loopback),
		engine_test(signals_reach_the_program),
		engine_test(cancelled_run_ends),
		engine_test(long_lines_come_in_pieces),
		engine_test(descriptors_of_the_caller_are_used),
		engine_test(working_directory_stays_inside),
		engine_test(bad_requests_are_refused),
		engine_test(processes_are_limited),
		engine_test(secrets_are_for_the_process_alone),
		engine_test(no_image_holds_a_secret),
		engine_test(no_config_holds_a_secret),
		engine_test(secrets_are_on_no_disk),
		engine_test(volumes_can_be_written),
		engine_test(hosts_have_addresses),
	};
	const char *who = argc > 1 ? argv[1] : "root";
	int failed;

	/* Ordinary users test what they are; the rest needs root to become others. */
	if (geteuid() != 0 && !streq(who, "single") && !streq(who, "unshare-r"))
		return skip_all("needs root");
	if (starts_with(who, "runc"))
		oci_runtime = "/usr/sbin/runc";
	if (oci_runtime && access(oci_runtime, X_OK) < 0)
		return skip_all("runc is not installed");
	if (become(who) < 0 || (streq(who, "other") && other_name() < 0))
		return 1;
	single_id = streq(who, "single") || streq(who, "unshare-r");
	if (streq(who, "engine"))
		return cmocka_run_group_tests_name("runtime", engine_tests, NULL, NULL);
	if (streq(who, "fake"))
		return cmocka_run_group_tests_name("runtime", fake_tests, NULL, NULL);
	failed = cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
	if (*other_runtime)
		(void)unlink(other_runtime);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script that a container's shell carries out, in every shell that is here, as a user
 * without rights, as an engine would start it.
 */
#include "helper.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "runtime/engine_impl.h"
#include "util/subprocess.h"

#define UID 1001
#define NONCE "s2c-nonce"

struct shell {
	const char *path, *applet;
};
static const struct shell shells[] = {
	{"/bin/dash", NULL},
	{"/bin/bash", NULL},
	{"/bin/busybox", "sh"},
};

struct ran {
	int status;
	struct s2c_buf out;
};

/* Starts the shell with the loader and gives it the script. */
static void run_text(
	const struct shell *shell, const struct s2c_buf *text, struct ran *ran)
{
	static const char *const head[] = {"setpriv", "--reuid", "1001", "--regid", "0",
		"--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all",
		"--no-new-privs"};
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		s2c_strv_add(&argv, head[i]);
	s2c_strv_add(&argv, shell->path);
	if (shell->applet)
		s2c_strv_add(&argv, shell->applet);
	s2c_strv_add(&argv, "-c");
	s2c_strv_add(&argv, s2c_engine_script_loader);
	s2c_strv_add(&argv, "title");
	s2c_strv_add(&env, "PATH=/usr/bin:/bin:/usr/sbin:/sbin");
	s2c_strv_add(&env, "HOSTNAME=theirs");
	opts.argv = &argv;
	opts.env = &env;
	ran->out = (struct s2c_buf)S2C_BUF_INIT(1u << 20);
	/* What comes behind the script is nobody's, and its end must not be ours. */
	struct s2c_run_io io = {text->data, text->len, &ran->out, &ran->out};
	assert_ok(s2c_process_run(ctx, &opts, &io, &ran->status, &terr));
}

static void run_in(const struct shell *shell, const struct s2c_engine_container *c,
	const struct s2c_exec_opts *exec, struct ran *ran)
{
	struct s2c_engine_script script = {.nonce = NONCE,
		.exec = exec,
		.container = c,
		.merged = true,
		.control = true};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 20);

	assert_ok(s2c_engine_script_print(&script, &text, &terr));
	run_text(shell, &text, ran);
}

/* Runs argv with the variables and compares status and output. */
static void expect(const struct s2c_engine_container *c, const char *const *argv,
	const char *const *env, int status, const char *output)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT, variables = S2C_STRV_INIT;
	/* With an input, or its end would be taken for the end of s2c. */
	struct s2c_exec_opts exec = {.argv = &words,
		.env = &variables,
		.cwd = "/tmp",
		.fd_in = 0,
		.fd_out = -1,
		.fd_err = -1};

	for (size_t i = 0; argv[i]; i++)
		s2c_strv_add(&words, argv[i]);
	s2c_strv_add(&variables, "PATH=/usr/bin:/bin");
	for (size_t i = 0; env && env[i]; i++)
		s2c_strv_add(&variables, env[i]);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		CLEAN_FREE char *text = NULL;
		struct ran ran;

		if (access(shells[i].path, X_OK) < 0)
			continue;
		run_in(&shells[i], c, &exec, &ran);
		if (ran.status != status || !streq(s2c_buf_str(&ran.out), output))
			print_error("%s: status %d\n%s\n", shells[i].path, ran.status,
				s2c_buf_str(&ran.out));
		assert_string_equal(s2c_buf_str(&ran.out), output);
		assert_int_equal(ran.status, status);
		s2c_buf_release(&ran.out);
	}
}

static bool is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static struct s2c_engine_container container(void)
{
	return (struct s2c_engine_container){.uid = UID, .has_shell = true};
}

static void values_arrive_as_they_are(void **state)
{
	static const char *const env[] = {"A=it's", "B=\"q\" $x `y` \\ \\n !*?[a] ~ #",
		"C=one\ntwo\n.\nthree\n", "D=", "E= blanks  ", "F=caf\xc3\xa9\t", NULL};
	static const char *const argv[] = {
		"printenv", "A", "B", "C", "D", "E", "F", NULL};
	struct s2c_engine_container c = container();

	expect(&c, argv, env, 0,
		"it's\n\"q\" $x `y` \\ \\n !*?[a] ~ #\none\ntwo\n.\nthree\n\n\n blanks  "
		"\n"
		"caf\xc3\xa9\t\n");
}

static void words_arrive_as_they_are(void **state)
{
	static const char *const argv[] = {
		"printf", "<%s>", "", "a b", "it's", "$(x)", "l\n.\nm", "-e", NULL};
	struct s2c_engine_container c = container();

	expect(&c, argv, NULL, 0, "<><a b><it's><$(x)><l\n.\nm><-e>");
}

static void the_engines_variables_are_gone(void **state)
{
	static const char *const argv[] = {"printenv", "HOSTNAME", NULL};
	struct s2c_engine_container c = container();

	expect(&c, argv, NULL, 1, "");
}

static void statuses_are_the_process_s(void **state)
{
	static const struct {
		const char *script;
		int status;
	} cases[] = {{"exit 0", 0}, {"exit 7", 7}, {"exit 255", 255}, {"kill -9 $$", 137},
		{"kill -15 $$", 143}};
	struct s2c_engine_container c = container();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const argv[] = {"sh", "-c", cases[i].script, NULL};

		expect(&c, argv, NULL, cases[i].status, "");
	}
}

static void what_cannot_run_is_told(void **state)
{
	static const char *const missing[] = {"/no/such", NULL};
	static const char *const unknown[] = {"no-such-program", NULL};
	static const char *const denied[] = {"/etc/passwd", NULL};
	static const char *const dir[] = {"/tmp", NULL};
	struct s2c_engine_container c = container();

	expect(&c, missing, NULL, 125, NONCE " missing\n");
	expect(&c, unknown, NULL, 125, NONCE " missing\n");
	expect(&c, dir, NULL, 125, NONCE " missing\n");
	expect(&c, denied, NULL, 125, NONCE " denied\n");
}

static void other_rights_are_told(void **state)
{
	static const char *const argv[] = {"true", NULL};
	struct s2c_engine_container c = container();

	c.uid = 5;
	expect(&c, argv, NULL, 125,
		NONCE " rights 1001 0 0000000000000000 0000000000000000 0000000000000000 "
		      "0000000000000000 0000000000000000 1\n");
}

/* The process's own directory, which others cannot write to. */
static void files_are_shown_and_removed(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_engine_container c = container();
	CLEAN_FREE char *kept = xasprintf("%s/kept it's", tmp->path);
	CLEAN_FREE char *gone = xasprintf("%s/gone", tmp->path);
	CLEAN_FREE char *script = xasprintf(
		"cd '%s' && printf 'a\\nb' > \"kept it's\" && mkdir -p gone/deep && "
		"touch gone/deep/x && chmod 500 gone/deep gone",
		tmp->path);
	const char *const argv[] = {"sh", "-c", script, NULL};

	assert_int_equal(fchown(tmp->fd, UID, 0), 0);
	c.kept.path = kept;
	s2c_strv_add(&c.excludes, gone);
	s2c_strv_add(&c.excludes, "/no/such");
	s2c_strv_add(&c.own, kept);
	expect(&c, argv, NULL, 0, NONCE " file\na\nb" NONCE " end\n");
	assert_int_equal(access(gone, F_OK), -1);
	assert_int_equal(access(kept, F_OK), -1);
	s2c_strv_release(&c.excludes);
	s2c_strv_release(&c.own);
}

/* All bytes there are, for the process's user alone, and gone afterwards. */
static void secrets_arrive_as_they_are(void **state)
{
	struct tmp *tmp = *state;
	unsigned char all[3 * 256 + 1];
	struct s2c_engine_secret items[2] = {{.data = all, .len = sizeof(all)},
		{.data = "line\n.\nit's \\0041 %s $HOME\n", .len = 27}};
	struct s2c_engine_container c = container();
	CLEAN_FREE char *deep = xasprintf("%s/made/it's", tmp->path);
	CLEAN_FREE char *there = xasprintf("%s/there", tmp->path);
	CLEAN_FREE char *dir = xasprintf("%s/made", tmp->path);
	CLEAN_FREE char *mine = s2c_fs_random_name("/dev/shm/s2c-test");
	CLEAN_FREE char *script = xasprintf(
		"cd '%s' && cmp all \"made/it's\" && cat there && umask && "
		"stat -L -c %%a made/it\\'s && ls -ld '%s' | cut -c1-10",
		tmp->path, mine);
	const char *const argv[] = {"sh", "-c", script, NULL};
	int fd = openat(tmp->fd, "all", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (!is_tmpfs("/dev/shm"))
		skip_because("/dev/shm is no tmpfs");
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)(i * 7);
	assert_int_equal(write(fd, all, sizeof(all)), sizeof(all));
	close(fd);
	assert_int_equal(fchown(tmp->fd, UID, 0), 0);
	items[0].path = deep;
	items[1].path = there;
	c.secrets.items = items;
	c.secrets.n = 2;
	c.secrets.dir = mine;
	s2c_strv_add(&c.secrets.dirs, dir);
	expect(&c, argv, NULL, 0,
		"line\n.\nit's \\0041 %s $HOME\n0022\n400\ndrwx------\n");
	assert_int_equal(access(mine, F_OK), -1);
	assert_false(tmp_has(tmp, "made"));
	assert_false(tmp_has(tmp, "there"));
	s2c_strv_release(&c.secrets.dirs);
}

static void secrets_without_a_place_are_told(void **state)
{
	struct s2c_engine_secret item = {
		.path = (char *)"/etc/s2c-no-such/x", .data = "x", .len = 1};
	static const char *const argv[] = {"true", NULL};
	CLEAN_FREE char *mine = s2c_fs_random_name("/dev/shm/s2c-test");
	struct s2c_engine_container c = container();

	if (!is_tmpfs("/dev/shm"))
		skip_because("/dev/shm is no tmpfs");
	c.secrets.items = &item;
	c.secrets.n = 1;
	c.secrets.dir = mine;
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		struct ran ran;
		CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT, none = S2C_STRV_INIT;
		struct s2c_exec_opts exec = {.argv = &words,
			.env = &none,
			.fd_in = 0,
			.fd_out = -1,
			.fd_err = -1};

		if (access(shells[i].path, X_OK) < 0)
			continue;
		s2c_strv_add(&words, argv[0]);
		run_in(&shells[i], &c, &exec, &ran);
		assert_string_equal(
			s2c_buf_str(&ran.out), NONCE " secret /etc/s2c-no-such/x\n");
		assert_int_equal(ran.status, 125);
		s2c_buf_release(&ran.out);
		/* Its container would have gone, and the tmpfs with it. */
		assert_ok(s2c_fs_rm_rf(AT_FDCWD, mine, &terr));
	}
}

static void what_stays_is_told(void **state)
{
	static const char *const argv[] = {"true", NULL};
	struct s2c_engine_container c = container();

	s2c_strv_add(&c.excludes, "/etc/passwd");
	c.kept.path = (char *)"/no/such";
	expect(&c, argv, NULL, 0, NONCE " none\n" NONCE " left /etc/passwd\n");
	s2c_strv_release(&c.excludes);
}

/* The program that removes caches, in each shell; `make` fills the directory anew. */
static void expect_clear(const struct s2c_engine_clearing *clearing,
	void (*make)(const char *dir), const char *dir, int status, const char *output)
{
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 20);
		struct ran ran;

		if (access(shells[i].path, X_OK) < 0)
			continue;
		make(dir);
		assert_ok(s2c_engine_script_begin(&text, NONCE, &terr));
		assert_ok(s2c_engine_script_clear(&text, clearing, &terr));
		assert_ok(s2c_buf_puts(&text, "exit 0\n.\n", &terr));
		run_text(&shells[i], &text, &ran);
		assert_string_equal(s2c_buf_str(&ran.out), output);
		assert_int_equal(ran.status, status);
		s2c_buf_release(&ran.out);
	}
}

static void sh(const char *dir, const char *what)
{
	CLEAN_FREE char *command = xasprintf("set -e; cd '%s'; %s", dir, what);

	assert_int_equal(system(command), 0);
}

static void make_all_kinds(const char *dir)
{
	sh(dir, "rm -rf 'a b'; mkdir -p 'a b/c'; cd 'a b/c'; mkdir d d/e .h ..hh; touch "
		"f '*' .x ..y "
		"'a\nb'; ln -s / root; ln -s nowhere gone; echo x > d/e/g; cd ../..; "
		"chown -R -h 1001 'a b'; chmod 0 'a b/c/d/e' 'a b/c/.h'; chmod 0500 'a "
		"b/c'; chown 1001 .; echo x > beside; chmod 600 beside");
}

static void make_for_root(const char *dir)
{
	make_all_kinds(dir);
	sh(dir, "mkdir 'a b/c/r'; touch 'a b/c/r/x'; chmod 755 'a b/c/r'");
}

/* All of a cache goes, whatever is in it, and nothing else. */
static void caches_are_removed(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/a b/c", tmp->path);
	CLEAN_FREE char *parent = xasprintf("%s/a b", tmp->path);
	CLEAN_FREE char *left = xasprintf(NONCE " cache %s\n", path);
	CLEAN_STRV struct s2c_strv parents = S2C_STRV_INIT;
	struct s2c_engine_clearing clearing = {.path = path, .parents = &parents};

	assert_int_equal(chmod(tmp->path, 0755), 0);
	s2c_strv_add(&parents, parent);
	expect_clear(&clearing, make_all_kinds, tmp->path, 0, "");
	assert_false(tmp_has(tmp, "a b"));
	assert_true(tmp_has(tmp, "beside"));
	assert_int_equal(access("/bin", F_OK), 0);
	/* What the user may not remove is an image's that must not be. */
	expect_clear(&clearing, make_for_root, tmp->path, 125, left);
	sh(tmp->path, "rm -rf 'a b'");
}

static void make_open(const char *dir)
{
	make_all_kinds(dir);
	sh(dir, "chmod 755 'a b/c'");
}

static void make_link(const char *dir)
{
	make_open(dir);
	sh(dir, "mv 'a b/c' 'a b/real'; ln -s real 'a b/c'");
}

static void a_directory_of_the_image_stays(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/a b/c", tmp->path);
	struct s2c_engine_clearing clearing = {.path = path, .keep = true};
	CLEAN_STRV struct s2c_strv none = S2C_STRV_INIT;

	assert_int_equal(chmod(tmp->path, 0755), 0);
	expect_clear(&clearing, make_open, tmp->path, 0, "");
	assert_true(tmp_has(tmp, "a b/c"));
	assert_int_equal(rmdir(path), 0);
	/* Of a link in its place the link goes, and not what it leads to. */
	clearing = (struct s2c_engine_clearing){.path = path, .parents = &none};
	sh(tmp->path, "rm -rf 'a b'");
	make_link(tmp->path);
	{
		CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 20);
		struct ran ran;

		assert_ok(s2c_engine_script_begin(&text, NONCE, &terr));
		assert_ok(s2c_engine_script_clear(&text, &clearing, &terr));
		assert_ok(s2c_buf_puts(&text, "exit 0\n.\n", &terr));
		run_text(&shells[0], &text, &ran);
		assert_int_equal(ran.status, 0);
		s2c_buf_release(&ran.out);
	}
	assert_false(tmp_has(tmp, "a b/c"));
	assert_true(tmp_has(tmp, "a b/real/f"));
	sh(tmp->path, "rm -rf 'a b'");
}

static void a_script_that_is_cut_does_nothing(void **state)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(1000);
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_run_io io = {"echo wrong\n", 11, &out, &out};
	int status = 0;

	s2c_strv_add(&argv, "/bin/sh");
	s2c_strv_add(&argv, "-c");
	s2c_strv_add(&argv, s2c_engine_script_loader);
	opts.argv = &argv;
	assert_ok(s2c_process_run(ctx, &opts, &io, &status, &terr));
	assert_int_equal(status, 125);
	assert_string_equal(s2c_buf_str(&out), "");
}

static void names_that_shells_take(void **state)
{
	static const char *const fine[] = {"A=", "_a1=x", "PATH=x", "a="};
	static const char *const not [] = {"", "=x", "1A=x", "a-b=x", "a.b=x", "IFS=x",
		"UID=x", "_=x", "s2c__s=x", "PPID=1"};

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		assert_true(s2c_engine_script_can_set(fine[i]));
	for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
		assert_false(s2c_engine_script_can_set(not [i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_arrive_as_they_are),
		cmocka_unit_test(words_arrive_as_they_are),
		cmocka_unit_test(the_engines_variables_are_gone),
		cmocka_unit_test(statuses_are_the_process_s),
		cmocka_unit_test(what_cannot_run_is_told),
		cmocka_unit_test(other_rights_are_told),
		cmocka_unit_test_setup_teardown(
			files_are_shown_and_removed, tmp_setup, tmp_teardown),
		tmp_test(secrets_arrive_as_they_are),
		cmocka_unit_test(secrets_without_a_place_are_told),
		cmocka_unit_test(what_stays_is_told),
		tmp_test(caches_are_removed),
		tmp_test(a_directory_of_the_image_stays),
		cmocka_unit_test(a_script_that_is_cut_does_nothing),
		cmocka_unit_test(names_that_shells_take),
	};

	/* It takes root to give rights away. */
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("engine_script", tests, NULL, NULL);
}

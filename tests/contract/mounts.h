/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of mounts: what a container gets besides its image, and that no image ever
 * gets any of it. Include after runtime_fixture.h and the helpers of test_runtime.c.
 */
#ifndef S2C_TESTS_CONTRACT_MOUNTS_H
#define S2C_TESTS_CONTRACT_MOUNTS_H

#include <sys/socket.h>
#include <sys/un.h>

#define SECRET "s3cr3t-0123456789-of-nobody"
#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* A container with these mounts. */
UNUSED static struct s2c_container *mounted(
	struct fixture *f, const struct s2c_mount *mounts, size_t n)
{
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_container *c;

	opts.mounts = mounts;
	opts.n_mounts = n;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	return c;
}

UNUSED static struct s2c_needles *needles_of(const char *secret)
{
	struct s2c_needles *n = s2c_needles_new();

	assert_ok(
		s2c_needles_add(n, "--secret 'x'", secret, strlen(secret), NULL, &terr));
	return n;
}

/* Commits with something forbidden. */
UNUSED static int commit_guarded(struct fixture *f, struct s2c_container *c,
	const struct s2c_needles *forbidden, struct s2c_commit_result *out)
{
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(f->image->config);
	CLEAN_STRV struct s2c_strv cmd = S2C_STRV_INIT;
	struct s2c_commit_opts opts = {
		.config = config,
		.compression = S2C_COMPRESS_GZIP,
		.created = "2023-11-14T22:13:20Z",
		.created_by = "contract",
		.forbidden = forbidden,
	};

	s2c_config_set_user(config, "1001");
	s2c_strv_add(&cmd, "/bin/sh");
	s2c_config_set_cmd(config, &cmd);
	return s2c_container_commit(f->ctx, c, &opts, out, &terr);
}

static void secrets_are_for_the_process_alone(void **state)
{
	static const struct s2c_secret_file files[] = {
		{"token", SECRET "\n", sizeof(SECRET), false},
		{"bin/tool", "#!/bin/sh\necho ran\n", 19, true},
	};
	static const struct s2c_secret_file one = {"", SECRET, sizeof(SECRET) - 1, false};
	static const struct s2c_mount mounts[] = {
		{.kind = S2C_MOUNT_SECRET,
			.destination = "/run/secrets/x",
			.files = files,
			.n_files = 2},
		/* Into a directory that is there, and as a file that is not. */
		{.kind = S2C_MOUNT_SECRET,
			.destination = "/etc",
			.files = &one,
			.n_files = 1,
			.name = "mine"},
		{.kind = S2C_MOUNT_SECRET,
			.destination = "/app/new/deep",
			.files = &one,
			.n_files = 1,
			.name = "mine"},
	};
	struct fixture *f = *state;
	CLEAN_NEEDLES struct s2c_needles *needles = needles_of(SECRET);
	CLEAN_BUF struct s2c_buf names = S2C_BUF_INIT(10000);
	struct s2c_container *c = mounted(f, mounts, ARRAY_SIZE(mounts));
	struct s2c_commit_result result;

	expect_script(f, c,
		"cat /run/secrets/x/token /etc/mine; echo; cat /app/new/deep; echo; "
		"stat -L -c '%u %a' /run/secrets/x/token /etc/mine; "
		"cat /etc/issue; echo; "
		"{ echo x >/run/secrets/x/token; } 2>/dev/null || echo read-only; "
		"echo mine >/app/new/beside",
		0);
	assert_string_equal(s2c_buf_str(&f->output),
		SECRET "\n" SECRET "\n" SECRET "\n"
		       "1001 400\n1001 400\nthe image's\nread-only\n");
	/* An engine's are in /dev/shm, where nothing can be executed. */
	if (!f->engine) {
		expect_script(f, c,
			"/run/secrets/x/bin/tool; stat -c '%u %a' "
			"/run/secrets/x/bin/tool",
			0);
		assert_string_equal(s2c_buf_str(&f->output), "ran\n1001 500\n");
	}
	assert_ok(commit_guarded(f, c, needles, &result));
	if (f->engine)
		engine_fetch(f, f->engine, &result.id, &result.desc);
	s2c_container_destroy(c);
	list_layer(f, &result.desc, &names);
	/* An engine's leave an empty file where uid 1001 may not remove one. */
	assert_string_equal(s2c_buf_str(&names),
		f->engine ? "app 755 1001 0\napp/new 755 1001 0\n"
			    "app/new/beside 644 1001 0\netc/mine 0 1001 0\n"
			  : "app 755 1001 0\napp/new 755 1001 0\n"
			    "app/new/beside 644 1001 0\n");
	s2c_descriptor_release(&result.desc);
}

/* Wherever a script hides it, as long as it does not change it. */
static void no_image_holds_a_secret(void **state)
{
	static const char *const leaks[] = {
		"cp /run/secrets/x /app/copy",
		"ln -s /run/secrets/x /app/x && cat /app/x >>/app/log",
		"mkdir /app/$(cat /run/secrets/x)",
		"ln -s \"$(cat /run/secrets/x)\" /app/link",
		"{ head -c 65530 /dev/zero; cat /run/secrets/x; } >/app/cut 2>/dev/null "
		"|| "
		"{ yes | head -c 65530; cat /run/secrets/x; } >/app/cut",
		"cp /run/secrets/x /tmp/x && chmod 0 /tmp/x",
	};
	static const struct s2c_secret_file one = {"", SECRET, sizeof(SECRET) - 1, false};
	static const struct s2c_mount mount = {.kind = S2C_MOUNT_SECRET,
		.destination = "/run/secrets/x",
		.files = &one,
		.n_files = 1};
	struct fixture *f = *state;
	CLEAN_NEEDLES struct s2c_needles *needles = needles_of(SECRET);

	for (size_t i = 0; i < ARRAY_SIZE(leaks); i++) {
		struct s2c_container *c = mounted(f, &mount, 1);
		struct s2c_commit_result result;

		expect_script(f, c, leaks[i], 0);
		assert_int_equal(commit_guarded(f, c, needles, &result), -1);
		assert_int_equal(s2c_error_code(terr), S2C_EDENIED);
		assert_non_null(strstr(s2c_error_message(terr), "--secret 'x'"));
		assert_null(strstr(s2c_error_message(terr), SECRET));
		s2c_error_free(TAKE(terr));
		s2c_container_destroy(c);
	}
}

static void no_config_holds_a_secret(void **state)
{
	struct fixture *f = *state;
	CLEAN_NEEDLES struct s2c_needles *needles = needles_of(SECRET);
	struct s2c_container *c = make_container(f);
	struct s2c_commit_result result;

	expect_script(f, c, "echo x >/app/x", 0);
	s2c_config_set_env(f->image->config, "TOKEN=" SECRET);
	assert_fails(
		commit_guarded(f, c, needles, &result), S2C_EDENIED, "configuration");
	s2c_container_destroy(c);
}

/* Nothing of a secret is on a disk, not even while it is there to be read. */
static void secrets_are_on_no_disk(void **state)
{
	static const struct s2c_secret_file one = {"", SECRET, sizeof(SECRET) - 1, false};
	static const struct s2c_mount mount = {.kind = S2C_MOUNT_SECRET,
		.destination = "/run/secrets/x",
		.files = &one,
		.n_files = 1};
	struct fixture *f = *state;
	CLEAN_FREE char *find = xasprintf("grep -rqs '" SECRET "' '%s'", f->tmp->path);
	struct s2c_container *c = mounted(f, &mount, 1);

	expect_script(f, c, "cat /run/secrets/x >/dev/null", 0);
	assert_int_not_equal(system(find), 0);
	s2c_container_destroy(c);
}

static void volumes_can_be_written(void **state)
{
	struct fixture *f = *state;
	CLEAN_FREE char *dir = xasprintf("%s/vol", f->tmp->path);
	CLEAN_FREE char *text = NULL;
	struct s2c_mount mounts[] = {
		{.destination = "/opt/rw", .source = dir, .writable = true},
		{.destination = "/opt/ro", .source = dir}};
	struct s2c_commit_result result;
	struct s2c_container *c;

	tmp_write(f->tmp, "vol/x", "y\n");
	assert_int_equal(chmod(dir, 0777), 0);
	c = mounted(f, mounts, 2);
	expect_script(f, c,
		"cat /opt/ro/x; echo new >/opt/rw/new; "
		"{ echo z >/opt/ro/z; } 2>/dev/null || echo read-only",
		0);
	assert_string_equal(s2c_buf_str(&f->output), "y\nread-only\n");
	text = tmp_read(f->tmp, "vol/new");
	assert_string_equal(text, "new\n");
	assert_ok(commit_guarded(f, c, NULL, &result));
	s2c_container_destroy(c);
	if (!f->engine)
		assert_int_equal(result.layer_entries, 0);
	s2c_descriptor_release(&result.desc);
}

static void caches_survive(void **state)
{
	static const struct s2c_mount mount = {.kind = S2C_MOUNT_CACHE,
		.destination = "/app/.cache/npm",
		.key = KEY,
		.about = "npm"};
	struct fixture *f = *state;
	CLEAN_BUF struct s2c_buf names = S2C_BUF_INIT(10000);
	struct s2c_commit_result result;
	struct s2c_container *c = mounted(f, &mount, 1);
	struct s2c_container *second;

	expect_script(f, c,
		"stat -c '%u %a' /app/.cache/npm /app/.cache; "
		"echo kept >/app/.cache/npm/f; echo x >/app/.cache/other",
		0);
	assert_string_equal(s2c_buf_str(&f->output), "1001 755\n1001 755\n");
	/* Only one has it at a time. */
	second = mounted(f, &mount, 1);
	expect_script(f, second, "ls /app/.cache/npm; echo y >/app/.cache/npm/g", 0);
	assert_string_equal(s2c_buf_str(&f->output), "");
	assert_non_null(strstr(s2c_buf_str(&f->log), "cache 'npm' is used by another"));
	s2c_container_destroy(second);
	assert_ok(commit_guarded(f, c, NULL, &result));
	s2c_container_destroy(c);
	list_layer(f, &result.desc, &names);
	assert_string_equal(s2c_buf_str(&names),
		"app 755 1001 0\napp/.cache 755 1001 0\napp/.cache/other 644 1001 0\n");
	s2c_descriptor_release(&result.desc);
	c = mounted(f, &mount, 1);
	expect_script(f, c, "cat /app/.cache/npm/*; rm /app/.cache/npm/f", 0);
	assert_string_equal(s2c_buf_str(&f->output), "kept\n");
	s2c_container_destroy(c);
}

static void hosts_have_addresses(void **state)
{
	static const struct s2c_host hosts[] = {
		{"db.example", "192.0.2.7"}, {"six_6", "2001:db8::6"}};
	static const struct s2c_host bad[] = {{"a b", "192.0.2.7"}, {"-a", "192.0.2.7"},
		{"a", "192.0.2"}, {"a", "192.0.2.7\n10.0.0.1 b"}, {"", "192.0.2.7"}};
	struct fixture *f = *state;
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_container *c;

	opts.hosts = hosts;
	opts.n_hosts = 2;
	opts.network = S2C_NETWORK_NONE;
	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	expect_script(f, c, "cat /etc/hosts", 0);
	assert_non_null(strstr(s2c_buf_str(&f->output), "192.0.2.7\tdb.example"));
	assert_non_null(strstr(s2c_buf_str(&f->output), "2001:db8::6\tsix_6"));
	s2c_container_destroy(c);
	opts.n_hosts = 1;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		opts.hosts = &bad[i];
		assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
			S2C_EINVAL, "is not a");
	}
}

static void mounts_do_not_overlap(void **state)
{
	static const struct s2c_secret_file one = {"", SECRET, sizeof(SECRET) - 1, false};
	struct fixture *f = *state;
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_mount mounts[] = {
		{.source = f->tmp->path, .destination = "/opt/a", .writable = true},
		{.kind = S2C_MOUNT_SECRET,
			.destination = "/opt/a/b/c",
			.files = &one,
			.n_files = 1},
	};
	struct s2c_container *c;

	opts.mounts = mounts;
	opts.n_mounts = 2;
	assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
		S2C_EINVAL, "cannot both be mount points");
	/* What every container has mounted. */
	opts.n_mounts = 1;
	mounts[0].destination = "/etc";
	assert_fails(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr),
		S2C_EINVAL, "cannot both be mount points");
}

/* ---- an agent ---- */

/* Answers two requests of one client, as an agent would. */
__attribute__((noreturn)) static void fake_agent(int listener)
{
	static const unsigned char answer[] = {0, 0, 0, 5, 12, 0, 0, 0, 0};
	unsigned char request[5];
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	while (read(client, request, sizeof(request)) == sizeof(request)) {
		/* Whatever else than a list of keys comes through is told. */
		unsigned char other[] = {0, 0, 0, 1, request[4]};

		if (request[4] == 11 ? write(client, answer, sizeof(answer)) < 0
				     : write(client, other, sizeof(other)) < 0)
			break;
	}
	_exit(0);
}

static void an_agent_only_signs(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FREE char *path = xasprintf("%s/agent", f->tmp->path);
	struct s2c_mount mount = {.kind = S2C_MOUNT_AGENT,
		.destination = "/run/s2c/ssh-agent",
		.source = path};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct s2c_container *c;
	pid_t pid;

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(listen(listener, 4), 0);
	pid = fork();
	if (pid == 0)
		fake_agent(listener);
	close(listener);
	c = mounted(f, &mount, 1);
	/* List, remove all, sign (badly), lock: only 11 and 13 reach the agent. */
	expect_script(f, c, "probe agent /run/s2c/ssh-agent 11 19 13 22 11", 0);
	assert_string_equal(s2c_buf_str(&f->output), "12\n5\n13\n5\n12\n");
	s2c_container_destroy(c);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

#endif

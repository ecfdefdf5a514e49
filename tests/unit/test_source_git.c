/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git repositories as source: real ones made here with git, friendly and hostile. A
 * hostile one tries to make a program write "pwned" into the test's directory.
 */
#include "helper.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/source.h"
#include "util/subprocess.h"

/* Events of the last open: warnings only. */
static char warned[1024];

static void record(void *self, const struct s2c_event *event)
{
	if (event->kind == S2C_EVENT_LOG && event->level == S2C_WARN)
		snprintf(warned, sizeof(warned), "%s", event->text);
}

/* Runs a shell script in the test's directory with an environment that git likes. */
static void sh(const struct tmp *tmp, const char *script)
{
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf said = S2C_BUF_INIT(65536);
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_run_io io = {.out = &said, .err = &said};
	int status = 0;

	s2c_strv_add(&argv, "/bin/sh");
	s2c_strv_add(&argv, "-euc");
	s2c_strv_add(&argv, script);
	s2c_env_set(&env, "PATH", getenv("PATH"));
	s2c_env_set(&env, "HOME", "/dev/null");
	s2c_env_set(&env, "T", tmp->path);
	s2c_env_set(&env, "GIT_CONFIG_NOSYSTEM", "1");
	s2c_env_set(&env, "GIT_AUTHOR_NAME", "A U Thor");
	s2c_env_set(&env, "GIT_AUTHOR_EMAIL", "author@example.org");
	s2c_env_set(&env, "GIT_AUTHOR_DATE", "1700000000 +0100");
	s2c_env_set(&env, "GIT_COMMITTER_NAME", "C");
	s2c_env_set(&env, "GIT_COMMITTER_EMAIL", "c@example.org");
	s2c_env_set(&env, "GIT_COMMITTER_DATE", "1700000001 +0100");
	opts.argv = &argv;
	opts.env = &env;
	opts.cwd = tmp->path;
	assert_ok(s2c_process_run(ctx, &opts, &io, &status, &terr));
	if (status != 0)
		fail_msg("'%s' ended with %d: %s", script, status, s2c_buf_str(&said));
}

/* "main" with two commits and a tag at the first, and a branch "dev". */
static const char make_repo[] =
	"git init -q -b main repo; cd repo\n"
	"echo one >a; mkdir sub; echo x >sub/x; chmod +x sub/x; ln -s a l\n"
	"git add .; git commit -qm 'first one'; git tag v1; git tag -am note v1a\n"
	"echo two >a; git commit -qam \"$(printf 'second\\n\\nbody')\"\n"
	"git checkout -qb dev HEAD~; echo dev >a; git commit -qam dev; git checkout -q "
	"main\n";

/* Options of the next open. */
static bool without_submodules;

/* Opens with a stage that is made new. */
static int open_git(const struct tmp *tmp, const char *spec, const char *ref,
	struct s2c_source **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_ctx)
	struct s2c_ctx *ctx = s2c_ctx_new((struct s2c_sink){.emit = record});
	CLEAN_FREE char *stage = xasprintf("%s/stage", tmp->path);
	CLEAN_FD int stage_fd = -1;
	struct s2c_source_opts opts = {.spec = spec,
		.ref = ref,
		.stdin_fd = -1,
		.ignore_submodules = without_submodules};

	warned[0] = '\0';
	assert_ok(s2c_fs_rm_rf(tmp->fd, "stage", &terr));
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "stage", 0700, &terr));
	assert_ok(s2c_fs_open(
		tmp->fd, "stage", O_RDONLY | O_DIRECTORY, 0, &stage_fd, &terr));
	opts.stage_fd = stage_fd;
	opts.stage_path = stage;
	return s2c_source_open(ctx, &opts, out, err);
}

static void assert_file(struct s2c_source *source, const char *path, const char *text)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(65536);

	assert_ok(s2c_source_read(source, path, &buf, &terr));
	assert_string_equal(s2c_buf_str(&buf), text);
}

/*
 * A directory that `make` makes and each of the scripts spoils in its own way is a source
 * all the same: without changes, and with this commit (NULL: none) and file.
 */
static void assert_all_open(const struct tmp *tmp, const char *dir, const char *make,
	const char *const *scripts, const char *message, const char *text)
{
	CLEAN_FREE char *path = xasprintf("%s/%s", tmp->path, dir);
	CLEAN_FREE char *clear = xasprintf("rm -rf %s", dir);

	for (; *scripts; scripts++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;

		sh(tmp, clear);
		sh(tmp, make);
		sh(tmp, *scripts);
		assert_ok(open_git(tmp, path, NULL, &source, &terr));
		assert_string_equal(source->kind, "directory");
		if (message)
			assert_string_equal(source->info.message, message);
		else
			assert_string_equal(source->info.commit_id, "");
		assert_false(source->info.dirty);
		assert_file(source, "a", text);
	}
}

/* No program of a hostile repository ran, wherever it would have written. */
static void assert_not_pwned(const struct tmp *tmp)
{
	static const char *const places[] = {
		"pwned", "hooks/pwned", "repo/.git/hooks/pwned"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_false(tmp_has(tmp, places[i]));
}

/* What "git rev-parse" says, without line end. Caller frees. */
static char *rev(const struct tmp *tmp, const char *name)
{
	CLEAN_FREE char *script = xasprintf(
		"git -C repo rev-parse '%s^{commit}' >rev", name);
	char *id = NULL;

	sh(tmp, script);
	id = tmp_read(tmp, "rev");
	id[strcspn(id, "\n")] = '\0';
	return id;
}

static void test_refs(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *url = xasprintf("%s/repo", tmp->path);

	sh(tmp, make_repo);
	CLEAN_FREE char *first = rev(tmp, "v1");
	CLEAN_FREE char *dev = rev(tmp, "dev");
	CLEAN_FREE char *brief = xstrndup(dev, 8);
	const struct {
		const char *ref;
		const char *text;
		const char *commit;
	} cases[] = {
		{"main", "two\n", NULL},
		{"dev", "dev\n", dev},
		{"refs/heads/dev", "dev\n", dev},
		{"v1", "one\n", first},
		{"v1a", "one\n", first},
		{"refs/tags/v1a", "one\n", first},
		{first, "one\n", first},
		{dev, "dev\n", dev},
		{brief, "dev\n", dev},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;

		assert_ok(open_git(tmp, url, cases[i].ref, &source, &terr));
		assert_string_equal(source->kind, "git");
		assert_file(source, "a", cases[i].text);
		assert_string_equal(source->info.ref, cases[i].ref);
		assert_string_equal(source->info.location, url);
		if (cases[i].commit)
			assert_string_equal(source->info.commit_id, cases[i].commit);
	}
	struct s2c_source *none = NULL;

	assert_fails(open_git(tmp, url, "nosuch", &none, &terr), S2C_ENOENT,
		"there is no branch or tag 'nosuch' in '/tmp/");
	assert_fails(open_git(tmp, url, "0123456789012345678901234567890123456789", &none,
			     &terr),
		S2C_ENOENT, "no branch, tag or commit '0123456789012345678901234567890");
	assert_fails(open_git(tmp, url, "abcdef01", &none, &terr), S2C_ENOENT,
		"no branch, tag or commit 'abcdef01'");
}

static void test_info(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *url = xasprintf("file://%s/repo#main:sub", tmp->path);
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *e = NULL;
	mode_t mask = umask(077);

	sh(tmp, make_repo);
	assert_ok(open_git(tmp, url, NULL, &source, &terr));
	umask(mask);
	CLEAN_FREE char *head = rev(tmp, "main");

	assert_string_equal(source->info.commit_id, head);
	assert_string_equal(source->info.ref, "main");
	assert_string_equal(source->info.author, "A U Thor <author@example.org>");
	assert_string_equal(source->info.date, "Tue Nov 14 23:13:20 2023 +0100");
	assert_string_equal(source->info.message, "second");
	assert_string_equal(source->info.context_dir, "sub");
	assert_false(source->info.dirty);
	/* Times and modes are those of the commit, not of the day and the umask. */
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
	assert_string_equal(e->path, "x");
	assert_int_equal(e->mode, 0755);
	assert_int_equal(e->mtime, 1700000001);
	assert_int_equal(e->mtime_ns, 0);
}

/* The stage holds one commit, and nothing of the URL stays in it. */
static void test_shallow(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *url = xasprintf("%s/repo", tmp->path);
	CLEAN_SOURCE struct s2c_source *source = NULL;

	sh(tmp, make_repo);
	assert_ok(open_git(tmp, url, "main", &source, &terr));
	sh(tmp, "test $(git --git-dir=stage/tree/.git rev-list --count --all) = 1\n"
		"! grep -rF \"$T/repo\" stage/tree/.git\n"
		"test ! -e stage/tree/.git/hooks");
}

static void test_bare_and_default(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *bare = xasprintf("%s/bare.git", tmp->path);
	CLEAN_FREE char *empty = xasprintf("%s/empty.git", tmp->path);
	CLEAN_SOURCE struct s2c_source *source = NULL;
	struct s2c_source *none = NULL;

	sh(tmp, make_repo);
	sh(tmp, "git clone -q --bare repo bare.git; git init -q --bare empty.git");
	assert_ok(open_git(tmp, bare, NULL, &source, &terr));
	assert_string_equal(source->kind, "git");
	assert_string_equal(source->info.ref, "main");
	assert_file(source, "a", "two\n");
	assert_fails(open_git(tmp, empty, NULL, &none, &terr), S2C_EINVAL,
		"has no default branch, it may be empty");
	assert_fails(open_git(tmp, empty, "main", &none, &terr), S2C_ENOENT, "'main'");
}

static void test_sha256(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *url = xasprintf("%s/r", tmp->path);
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_SOURCE struct s2c_source *local = NULL;

	sh(tmp, "git init -q -b main --object-format=sha256 r; cd r; echo 1 >a; git add "
		"a;"
		"git commit -qm x");
	assert_ok(open_git(tmp, url, "main", &source, &terr));
	assert_int_equal(strlen(source->info.commit_id), 64);
	assert_ok(open_git(tmp, url, NULL, &local, &terr));
	assert_string_equal(local->info.commit_id, source->info.commit_id);
}

/* Without --ref the directory itself is the source, with what is not committed. */
static void test_local(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);
	CLEAN_SOURCE struct s2c_source *clean = NULL;
	CLEAN_SOURCE struct s2c_source *packed = NULL;
	CLEAN_SOURCE struct s2c_source *untracked = NULL;
	CLEAN_SOURCE struct s2c_source *changed = NULL;
	CLEAN_SOURCE struct s2c_source *detached = NULL;

	sh(tmp, make_repo);
	CLEAN_FREE char *head = rev(tmp, "main");

	assert_ok(open_git(tmp, path, NULL, &clean, &terr));
	assert_string_equal(clean->kind, "directory");
	assert_string_equal(clean->info.location, path);
	assert_string_equal(clean->info.commit_id, head);
	assert_string_equal(clean->info.ref, "main");
	assert_string_equal(clean->info.author, "A U Thor <author@example.org>");
	assert_string_equal(clean->info.message, "second");
	assert_false(clean->info.dirty);
	assert_false(clean->from_commit);

	sh(tmp, "cd repo; git pack-refs --all; git gc -q; test ! -e "
		".git/refs/heads/main");
	assert_ok(open_git(tmp, path, NULL, &packed, &terr));
	assert_string_equal(packed->info.commit_id, head);
	assert_false(packed->info.dirty);

	sh(tmp, "cd repo; echo new >new; find . -type f | sort | xargs sha256sum "
		">../before");
	assert_ok(open_git(tmp, path, NULL, &untracked, &terr));
	assert_true(untracked->info.dirty);
	assert_file(untracked, "new", "new\n");
	/* Looking at it changed nothing, not even the index. */
	sh(tmp, "cd repo; find . -type f | sort | xargs sha256sum | cmp - ../before");

	sh(tmp, "cd repo; rm new; echo changed >>a");
	assert_ok(open_git(tmp, path, NULL, &changed, &terr));
	assert_true(changed->info.dirty);
	assert_file(changed, "a", "two\nchanged\n");

	sh(tmp, "cd repo; git checkout -qf --detach v1");
	assert_ok(open_git(tmp, path, NULL, &detached, &terr));
	assert_string_equal(detached->info.ref, "");
	assert_string_equal(detached->info.message, "first one");
	assert_false(detached->info.dirty);
}

/* A .git that is no ordinary repository is left alone; the directory is built all the
 * same. */
static void test_local_odd(void **state)
{
	static const char *const scripts[] = {
		"ln -s ../repo/.git odd/.git",
		"echo gitdir: ../repo/.git >odd/.git",
		"mkdir odd/.git",
		"mkdir odd/.git; echo garbage >odd/.git/HEAD",
		"mkdir odd/.git; echo 'ref: refs/heads/none' >odd/.git/HEAD",
		"mkdir odd/.git; echo 'ref: refs/../../../repo/.git/HEAD' >odd/.git/HEAD",
		"mkdir odd/.git; mkfifo odd/.git/HEAD",
		"mkdir odd/.git; ln -s ../../repo/.git/HEAD odd/.git/HEAD",
		"mkdir odd/.git; echo 0123456789012345678901234567890123456789 "
		">odd/.git/HEAD",
		"cp -r repo/.git odd; rm -r odd/.git/objects; mkdir odd/.git/objects",
		NULL,
	};
	const struct tmp *tmp = *state;

	sh(tmp, make_repo);
	assert_all_open(tmp, "odd", "mkdir odd; echo 1 >odd/a", scripts, NULL, "1\n");
}

/* An index that would block whoever opens it, or that is somebody else's. */
static void test_local_index(void **state)
{
	static const char *const scripts[] = {
		"rm repo/.git/index; mkfifo repo/.git/index",
		"mv repo/.git/index i; ln -s ../../i repo/.git/index",
		"rm repo/.git/index",
		NULL,
	};

	assert_all_open(*state, "repo", make_repo, scripts, "second", "two\n");
}

/* Everything in a repository's own configuration that names a program. */
static const char hostile_config[] =
	"cat >evil <<'X'\n#!/bin/sh\ntouch \"$(dirname \"$0\")/pwned\"\ncat\nX\nchmod +x "
	"evil\n"
	"cd repo; e=\"$T/evil\"\n"
	"printf '* filter=evil diff=evil merge=evil\\n' "
	">.gitattributes\n"
	"git add .; git commit -qm attributes\n"
	"for k in filter.evil.clean filter.evil.smudge filter.evil.process "
	"diff.evil.command "
	"diff.evil.textconv diff.external core.fsmonitor core.pager core.editor "
	"core.sshCommand core.askPass core.gitProxy core.alternateRefsCommand "
	"credential.helper gpg.program uploadpack.packObjectsHook alias.log alias.status "
	"alias.ls-tree remote.origin.uploadpack; do git config $k \"$e\"; done\n"
	"git config filter.evil.required true; git config log.showSignature true\n"
	"git config core.hooksPath \"$T/hooks\"; git config core.worktree /etc\n"
	"git config url.ext::sh.insteadOf file\n"
	"mkdir ../hooks\n"
	"for h in post-checkout reference-transaction pre-auto-gc post-index-change "
	"fsmonitor "
	"post-merge; do cp ../evil ../hooks/$h; cp ../evil .git/hooks/$h; done\n";

static void test_hostile_config(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);
	CLEAN_SOURCE struct s2c_source *local = NULL;
	CLEAN_SOURCE struct s2c_source *checkout = NULL;

	sh(tmp, make_repo);
	sh(tmp, hostile_config);
	/* A file whose times differ from the index has to be looked into. */
	sh(tmp, "touch -d 2001-01-01 repo/a");
	assert_ok(open_git(tmp, path, NULL, &local, &terr));
	assert_string_equal(local->info.message, "attributes");
	assert_not_pwned(tmp);
	assert_false(local->info.dirty);
	assert_ok(open_git(tmp, path, "main", &checkout, &terr));
	assert_file(checkout, "a", "two\n");
	assert_not_pwned(tmp);
	/* The configuration is as bad as it looks: git itself falls for it. */
	sh(tmp, "cd repo; git config --unset core.worktree; git config --unset "
		"core.fsmonitor;"
		"rm a; git checkout -qf HEAD -- a || :; test -e ../pwned");
}

/* Configuration of the user and templates of the host do not reach git either. */
static void test_user_config(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);
	CLEAN_FREE char *config = xasprintf("%s/gitconfig", tmp->path);
	CLEAN_SOURCE struct s2c_source *source = NULL;
	static const char *const names[] = {"GIT_CONFIG_GLOBAL", "GIT_DIR", "GIT_TRACE",
		"GIT_EXTERNAL_DIFF", "GIT_TEMPLATE_DIR", "GIT_EXEC_PATH",
		"GIT_PROXY_COMMAND"};

	sh(tmp, make_repo);
	sh(tmp, "printf '[core]\\n\\thooksPath = %s/hooks\\n[alias]\\n\\tx = !x\\n' $T "
		">gitconfig;"
		"mkdir hooks; printf '#!/bin/sh\\ntouch %s/pwned\\n' $T "
		">hooks/post-checkout;"
		"chmod +x hooks/post-checkout");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(setenv(names[i], config, 1), 0);
	int rc = open_git(tmp, path, "main", &source, &terr);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(unsetenv(names[i]), 0);
	assert_int_equal(rc, 0);
	assert_not_pwned(tmp);
}

/* None of what they say reaches git; without them it does not matter. */
static void test_submodules(void **state)
{
	static const struct {
		const char *section, *part;
	} cases[] = {
		{"[submodule \"m\"]\n\tpath = m\n\turl = -u./pwned\n",
			"submodule 'm' of"},
		{"[submodule \"../../x\"]\n\tpath = m\n\turl = https://h/x\n",
			"no name for a submodule"},
		{"[submodule \"m\"]\n\tpath = m\n\turl = ext::sh -c 'touch $T/pwned'\n",
			"submodule 'm' of"},
		{"[submodule \"m\"]\n\tpath = m\n\turl = $T/repo\n\tupdate = !touch "
		 "$T/pwned\n",
			"not of the protocol"},
		{"[submodule \"m\"]\n\tpath = m\n\turl = ../repo\n",
			"a path of this host"},
		{"[submodule \"m\"]\n\tpath = m\n", "it has no URL"},
	};
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;
		CLEAN_FREE char *script = xasprintf(
			"rm -rf repo; git init -q -b main repo; cd repo; echo two >a\n"
			"git add a; git commit -qm first; id=$(git rev-parse HEAD)\n"
			"cat >.gitmodules <<X\n%sX\n"
			"git add .gitmodules\n"
			"git update-index --add --cacheinfo 160000,$id,m\n"
			"git commit -qm sub",
			cases[i].section);
		struct stat st;

		sh(tmp, script);
		if (open_git(tmp, path, "main", &source, &terr) == 0)
			fail_msg("case %zu is taken", i);
		assert_non_null(strstr(s2c_error_message(terr), cases[i].part));
		s2c_error_free(TAKE(terr));
		without_submodules = true;
		assert_ok(open_git(tmp, path, "main", &source, &terr));
		without_submodules = false;
		assert_file(source, "a", "two\n");
		assert_int_equal(fstatat(source->fd, "m/a", &st, 0), -1);
		assert_not_pwned(tmp);
	}
}

/* A .gitmodules that is a link is none: git itself does not check it out. */
static void test_linked_submodules(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);
	struct s2c_source *none = NULL;

	sh(tmp, "git init -q -b main repo; cd repo\n"
		"b=$(printf /etc/passwd | git hash-object -w --stdin)\n"
		"t=$(printf '120000 blob %s\\t.gitmodules\\n' $b | git mktree)\n"
		"git update-ref refs/heads/main $(git commit-tree -m x $t)");
	assert_fails(open_git(tmp, path, "main", &none, &terr), S2C_EIO,
		"git checkout of '/tmp/");
}

/* Trees that a friendly git does not make. */
static void test_hostile_tree(void **state)
{
	static const char *const names[] = {
		".git", ".GIT", "..", "git~1", ".g\xe2\x80\x8cit"};
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEAN_FREE char *script = xasprintf(
			"rm -rf repo; git init -q -b main repo; cd repo\n"
			"b=$(echo '[core]' | git hash-object -w --stdin)\n"
			"t=$(printf '100644 blob %%s\\tconfig\\n' $b | git mktree)\n"
			"t=$(printf '040000 tree %%s\\t%%s\\n' $t '%s' | git mktree)\n"
			"git update-ref refs/heads/main $(git commit-tree -m x $t)",
			names[i]);
		struct s2c_source *none = NULL;

		sh(tmp, script);
		assert_fails(open_git(tmp, path, "main", &none, &terr), S2C_EIO,
			"git checkout of '/tmp/");
		assert_false(tmp_has(tmp, "stage/config"));
	}
}

/* A few objects that stand for a tree without end. */
static void test_bomb(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *path = xasprintf("%s/repo", tmp->path);
	struct s2c_source *none = NULL;

	sh(tmp, "git init -q -b main repo; cd repo\n"
		"t=$(echo x | git hash-object -w --stdin); k='100644 blob'\n"
		"for l in 1 2 3 4 5 6 7 8 9 10; do\n"
		"t=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '%s %s\\t%s\\n' \"$k\" $t "
		"$i; done |"
		" git mktree); k='040000 tree'\n"
		"done\n"
		"git update-ref refs/heads/main $(git commit-tree -m bomb $t)");
	assert_fails(open_git(tmp, path, "main", &none, &terr), S2C_ELIMIT,
		"is too large: at most 4000000 entries");
}

/* Links in the repository are kept and lead nowhere; a context does not cross them. */
static void test_links(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *crossing = xasprintf("%s/repo#main:etc", tmp->path);
	CLEAN_FREE char *leaving = xasprintf("%s/repo#main:../../etc", tmp->path);
	struct s2c_source *none = NULL;

	sh(tmp, make_repo);
	sh(tmp, "cd repo; ln -s /etc etc; git add etc; git commit -qm etc");
	assert_fails(
		open_git(tmp, crossing, NULL, &none, &terr), S2C_EINVAL, "symbolic link");
	assert_fails(open_git(tmp, leaving, NULL, &none, &terr), S2C_EINVAL, "leaves");
}

static void test_refused(void **state)
{
	static const struct {
		const char *spec, *ref, *part;
	} cases[] = {
		{"ext::sh -c 'touch pwned'", NULL, "'ext::' is not allowed"},
		{"ssh://-oProxyCommand=touch%20pwned/x", NULL, "malformed"},
		{"https://example.org/a%0ahost=b", NULL, "control character"},
		{"https://example.org/a\nb", NULL, "control character"},
		{"https://example.org/a", "--upload-pack=x", "begins with '-'"},
		{"https://example.org/a#main", "dev", "differ"},
	};
	const struct tmp *tmp = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_source *none = NULL;

		assert_fails(open_git(tmp, cases[i].spec, cases[i].ref, &none, &terr),
			S2C_EINVAL, cases[i].part);
	}
}

/* Nothing answers there: one sentence, without the password, with the right code. */
static void test_unreachable(void **state)
{
	const struct tmp *tmp = *state;
	struct s2c_source *none = NULL;

	assert_int_equal(open_git(tmp, "http://user:hunter2@127.0.0.1:1/repo.git", NULL,
				 &none, &terr),
		-1);
	assert_int_equal(s2c_error_code(terr), S2C_ENET);
	assert_null(strstr(s2c_error_message(terr), "hunter2"));
	assert_null(strstr(s2c_error_message(terr), "user"));
	assert_non_null(strstr(s2c_error_message(terr), "'http://127.0.0.1:1/repo.git'"));
	s2c_error_free(TAKE(terr));
	assert_non_null(strstr(warned, "without encryption"));
	sh(tmp, "! grep -r hunter2 stage");
	assert_fails(open_git(tmp, "git://127.0.0.1:1/repo.git", NULL, &none, &terr),
		S2C_ENET, "127.0.0.1");
}

/* True if the arguments of any process show the text. */
static bool in_arguments(const char *text)
{
	DIR *proc = opendir("/proc");
	bool found = false;

	for (struct dirent *d; proc && (d = readdir(proc));) {
		char path[300];
		char line[65536];
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t n = read(fd, line, sizeof(line));

		found = found || (n > 0 && memmem(line, (size_t)n, text, strlen(text)));
		close(fd);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* A web server for one request: writes it down, refuses it, and looks at the processes.
 */
static pid_t serve_once(const struct tmp *tmp, uint16_t *out_port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	*out_port = ntohs(addr.sin_port);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0) {
		close(listener);
		return pid;
	}
	static const char answer[] =
		"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n"
		"Content-Length: 0\r\nConnection: close\r\n\r\n";
	char request[8192] = "";
	int fd = accept(listener, NULL, NULL);

	for (size_t n = 0; !strstr(request, "\r\n\r\n") && n < sizeof(request) - 1;) {
		ssize_t got = read(fd, request + n, sizeof(request) - 1 - n);

		if (got <= 0)
			_exit(2);
		n += (size_t)got;
	}
	bool shown = in_arguments("hunter2") || !in_arguments("ls-remote");
	int file = openat(tmp->fd, "request", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (write(file, request, strlen(request)) < 0 ||
		write(fd, answer, strlen(answer)) < 0)
		_exit(2);
	_exit(shown ? 1 : 0);
}

/* The password reaches the server, and nobody who lists processes or reads the stage. */
static void test_credentials(void **state)
{
	const struct tmp *tmp = *state;
	uint16_t port = 0;
	pid_t pid = serve_once(tmp, &port);
	CLEAN_FREE char *spec = xasprintf(
		"http://us%%65r:hunter2@127.0.0.1:%u/repo.git", (unsigned)port);
	struct s2c_source *none = NULL;
	int status = 0;
	int rc = open_git(tmp, spec, "main", &none, &terr);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rc, -1);
	assert_int_equal(s2c_error_code(terr), S2C_EAUTH);
	assert_null(strstr(s2c_error_message(terr), "hunter2"));
	s2c_error_free(TAKE(terr));
	CLEAN_FREE char *request = tmp_read(tmp, "request");

	/* "user:hunter2" */
	assert_non_null(strstr(request, "\r\nAuthorization: Basic dXNlcjpodW50ZXIy\r\n"));
	sh(tmp, "! grep -r -e hunter2 -e dXNlcjpodW50ZXIy stage");
}

/*
 * A program in place of ssh sees what git would run, and what it says is shown without
 * its control characters.
 */
static void test_ssh(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *command = xasprintf("%s/ssh", tmp->path);
	struct s2c_source *none = NULL;

	sh(tmp, "printf '#!/bin/sh\\necho \"$@\" >%s/args\\n"
		"printf \"\\\\033[31mgit@host: Permission denied (publickey).\\\\n\" "
		">&2\\nexit 255"
		"\\n' $T >ssh; chmod +x ssh");
	assert_int_equal(setenv("GIT_SSH_COMMAND", command, 1), 0);
	int rc = open_git(tmp, "git@host.invalid:a/b.git", "main", &none, &terr);

	assert_int_equal(unsetenv("GIT_SSH_COMMAND"), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(s2c_error_code(terr), S2C_EAUTH);
	assert_non_null(
		strstr(s2c_error_message(terr), "\\x1b[31mgit@host: Permission denied"));
	assert_null(strchr(s2c_error_message(terr), '\x1b'));
	s2c_error_free(TAKE(terr));
	CLEAN_FREE char *args = tmp_read(tmp, "args");

	assert_non_null(strstr(args, "git@host.invalid git-upload-pack 'a/b.git'"));
}

/* A build that is cancelled does not wait for the remote. */
static void test_deadline(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *parent = quiet_ctx();
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = s2c_ctx_child(parent, 1);
	CLEAN_FREE char *command = xasprintf("%s/ssh", tmp->path);
	CLEAN_FD int stage_fd = -1;
	struct s2c_source *none = NULL;
	struct s2c_source_opts opts = {
		.spec = "git@host.invalid:a", .stage_path = tmp->path, .stdin_fd = -1};

	sh(tmp, "mkdir stage; mkfifo pipe; printf '#!/bin/sh\\nread x <%s/pipe\\n' $T "
		">ssh;"
		"chmod +x ssh");
	assert_ok(s2c_fs_open(
		tmp->fd, "stage", O_RDONLY | O_DIRECTORY, 0, &stage_fd, &terr));
	opts.stage_fd = stage_fd;
	assert_int_equal(setenv("GIT_SSH_COMMAND", command, 1), 0);
	int rc = s2c_source_open(ctx, &opts, &none, &terr);

	assert_int_equal(unsetenv("GIT_SSH_COMMAND"), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(s2c_error_code(terr), S2C_ETIMEOUT);
	s2c_error_free(TAKE(terr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_refs),
		tmp_test(test_info),
		tmp_test(test_shallow),
		tmp_test(test_bare_and_default),
		tmp_test(test_sha256),
		tmp_test(test_local),
		tmp_test(test_local_odd),
		tmp_test(test_local_index),
		tmp_test(test_hostile_config),
		tmp_test(test_user_config),
		tmp_test(test_submodules),
		tmp_test(test_linked_submodules),
		tmp_test(test_hostile_tree),
		tmp_test(test_bomb),
		tmp_test(test_links),
		tmp_test(test_refused),
		tmp_test(test_unreachable),
		tmp_test(test_credentials),
		tmp_test(test_ssh),
		tmp_test(test_deadline),
	};

	/* A proxy of the host has no part in this. */
	setenv("no_proxy", "*", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

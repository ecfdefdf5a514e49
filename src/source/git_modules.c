/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Submodules. What .gitmodules says is read out of the commit and not out of the tree,
 * where it could be a link.
 */
#include "source/git_modules.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "source/spec.h"
#include "util/escape.h"
#include "util/fs.h"

#define FILE_NAME ".gitmodules"
#define KEY "submodule."

void s2c_git_modules_release(struct s2c_git_modules *modules)
{
	for (size_t i = 0; i < modules->n; i++) {
		free(modules->items[i].name);
		free(modules->items[i].path);
		free(modules->items[i].url);
	}
	free(modules->items);
	*modules = (struct s2c_git_modules){0};
}

/* ---- the file ---- */

/* A copy that is safe to show. Caller frees. */
static char *shown(const char *text)
{
	return s2c_escape(text, strlen(text), 200, false);
}

/* True if one of the components of a path is this one, in whatever case. */
static bool has_component(const char *path, const char *component)
{
	size_t wanted = strlen(component);

	for (;;) {
		size_t len = strcspn(path, "/\\");

		if (len == wanted && strncasecmp(path, component, len) == 0)
			return true;
		if (!path[len])
			return false;
		path += len + 1;
	}
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int check(const struct s2c_git_module *module, struct s2c_error **err)
{
	const char *const texts[] = {module->name, module->path};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = texts[i];
		CLEAN_FREE char *safe = shown(text);

		if (!*text || *text == '-' || *text == '/' || has_control(text) ||
			has_component(text, "..") || has_component(text, ".git") ||
			!s2c_utf8_valid(text, strlen(text)))
			return s2c_fail(err, S2C_EDENIED,
				"'%s' is no %s for a submodule: build with "
				"--ignore-submodules, or repair " FILE_NAME,
				safe, i ? "path" : "name");
	}
	/* "a//b" and "./a" are for nobody who means well. */
	if (has_component(module->path, "") || has_component(module->path, "."))
		return s2c_fail(err, S2C_EDENIED,
			"the path of submodule '%s' is not in its plain form",
			module->name);
	return 0;
}

static struct s2c_git_module *module_of(
	struct s2c_git_modules *modules, const char *name, size_t len)
{
	for (size_t i = 0; i < modules->n; i++)
		if (strlen(modules->items[i].name) == len &&
			memcmp(modules->items[i].name, name, len) == 0)
			return &modules->items[i];
	if (modules->n == S2C_GIT_MODULES_MAX)
		return NULL;
	modules->items = xreallocarray(
		modules->items, modules->n + 1, sizeof(*modules->items));
	modules->items[modules->n] = (struct s2c_git_module){.name = xstrndup(name, len)};
	return &modules->items[modules->n++];
}

static void set(char **slot, const char *value)
{
	free(*slot);
	*slot = xstrdup(value);
}

/* "submodule.NAME.path" and its value, which is NULL for a key without "=". */
static int take_line(struct s2c_git_modules *modules, const char *key, size_t key_len,
	const char *value, struct s2c_error **err)
{
	const char *dot = memrchr(key, '.', key_len);
	const char *name = key + strlen(KEY);
	struct s2c_git_module *module;
	CLEAN_FREE char *variable = NULL;

	if (!starts_with(key, KEY) || !dot || dot < name || !value)
		return 0;
	variable = xstrndup(dot + 1, (size_t)(key + key_len - dot - 1));
	module = module_of(modules, name, (size_t)(dot - name));
	if (!module)
		return s2c_fail(err, S2C_ELIMIT, FILE_NAME " has more than %d submodules",
			S2C_GIT_MODULES_MAX);
	if (streq(variable, "path"))
		set(&module->path, value);
	else if (streq(variable, "url"))
		set(&module->url, value);
	else if (streq(variable, "update"))
		module->skip = streq(value, "none");
	return 0;
}

int s2c_git_modules_parse(
	const char *text, size_t len, struct s2c_git_modules *out, struct s2c_error **err)
{
	CLEAN_GIT_MODULES struct s2c_git_modules found = {0};

	for (const char *at = text, *end = text + len; at < end;) {
		size_t record = strnlen(at, (size_t)(end - at));
		size_t key = strcspn(at, "\n");

		if (at + record == end)
			return s2c_fail(err, S2C_EPROTO, FILE_NAME " is cut off");
		if (take_line(&found, at, key < record ? key : record,
			    key < record ? at + key + 1 : NULL, err))
			return -1;
		at += record + 1;
	}
	for (size_t i = 0; i < found.n; i++) {
		if (!found.items[i].path)
			found.items[i].path = xstrdup(found.items[i].name);
		if (check(&found.items[i], err))
			return -1;
	}
	*out = found;
	found = (struct s2c_git_modules){0};
	return 0;
}

/* ---- URLs ---- */

/* Where the path of a URL or "host:path" begins, behind its first slash or colon. */
static size_t path_start(const char *base)
{
	const char *host = strstr(base, "://");
	const char *at;

	if (!host)
		return strcspn(base, ":") + 1;
	host += strlen("://");
	at = strchr(host, '/');
	return at ? (size_t)(at + 1 - base) : strlen(base);
}

/* Goes from base along "../" and "./". NULL above the host. Caller frees. */
static char *join(const char *base, const char *relative)
{
	size_t root = path_start(base), len = strlen(base);

	while (len > root && base[len - 1] == '/')
		len--;
	for (;;) {
		if (starts_with(relative, "./")) {
			relative += 2;
		} else if (starts_with(relative, "../")) {
			if (len <= root)
				return NULL;
			while (len > root && base[len - 1] != '/')
				len--;
			while (len > root && base[len - 1] == '/')
				len--;
			relative += 3;
		} else {
			break;
		}
	}
	return xasprintf("%.*s%s%s", (int)len, base,
		len > 0 && base[len - 1] != '/' && base[len - 1] != ':' ? "/" : "",
		relative);
}

static bool may_follow(const char *base, const char *scheme)
{
	if (streq(base, "file"))
		return streq(scheme, "https") || streq(scheme, "ssh");
	return streq(base, scheme) || (streq(base, "http") && streq(scheme, "https"));
}

int s2c_git_module_url(
	const char *base, const char *url, char **out, struct s2c_error **err)
{
	CLEAN_SPEC struct s2c_spec from = {0}, to = {0};
	bool relative = starts_with(url, "./") || starts_with(url, "../");
	CLEAN_FREE char *full = NULL;
	CLEAN_FREE char *safe = shown(url);

	if (s2c_spec_parse(base, &from, err))
		return -1;
	if (relative && from.form == S2C_SPEC_PATH)
		return s2c_fail(err, S2C_EDENIED,
			"URL '%s' leads to a path of this host, which is not followed: "
			"build with --ignore-submodules, or the directory as it is",
			safe);
	full = relative ? join(from.address, url) : xstrdup(url);
	if (!full || strlen(full) > S2C_SOURCE_SPEC_MAX)
		return s2c_fail(err, S2C_EDENIED, "URL '%s' leaves the host", safe);
	if (s2c_spec_parse(full, &to, err))
		return -1;
	if (to.ref || to.form == S2C_SPEC_STDIN || to.form == S2C_SPEC_PATH ||
		!may_follow(from.scheme, to.scheme))
		return s2c_fail(err, S2C_EDENIED,
			"URL '%s' is not of the protocol of the repository (%s): build "
			"with --ignore-submodules",
			safe, from.scheme);
	*out = TAKE(to.address);
	return 0;
}

/* ---- fetching ---- */

struct update {
	const struct s2c_git_opts *opts;
	struct s2c_ctx *ctx;
	int tree_fd;
	unsigned fetched;
};

/* Everything about one repository whose submodules are looked at. */
struct level {
	struct s2c_git *git;
	const char *url, *commit;
	const char *prefix; /* of its files in the tree: "" or "path/" */
	unsigned depth;
};

/* The next word of a line of "git ls-tree -l", which pads them with blanks. */
static char *next_word(const char **at)
{
	size_t len;
	char *word;

	*at += strspn(*at, " ");
	len = strcspn(*at, " \t");
	word = xstrndup(*at, len);
	*at += len;
	return word;
}

/*
 * The object that a path of the commit is, of this mode; *out stays NULL when it is
 * something else or not there. Caller frees.
 */
static int find_object(const struct level *level, const char *path, const char *mode,
	char **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(S2C_SOURCE_SPEC_MAX + 1024);
	const char *const args[] = {"--literal-pathspecs", "ls-tree", "-z", "-l",
		"--full-tree", level->commit, "--", path, NULL};
	const char *at;

	if (s2c_git_run(level->git, args, &buf, err))
		return -1;
	at = s2c_buf_str(&buf);
	CLEAN_FREE char *found = next_word(&at);
	CLEAN_FREE char *type = next_word(&at);
	CLEAN_FREE char *id = next_word(&at);
	CLEAN_FREE char *size = next_word(&at);

	if (!streq(found, mode) || !*id)
		return 0;
	/* Of a link to a commit the size is "-". */
	if (streq(type, "blob") && strtoull(size, NULL, 10) > S2C_GIT_MODULES_FILE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%s' has more than %u bytes", path,
			S2C_GIT_MODULES_FILE_MAX);
	*out = TAKE(id);
	return 0;
}

static int read_modules(
	const struct level *level, struct s2c_git_modules *out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(2 * S2C_GIT_MODULES_FILE_MAX + 4096);
	CLEAN_FREE char *id = NULL;

	if (find_object(level, FILE_NAME, "100644", &id, err))
		return -1;
	if (!id)
		return 0;
	const char *const args[] = {
		"config", "--blob", id, "--no-includes", "--list", "-z", NULL};

	if (s2c_git_run(level->git, args, &text, err))
		return s2c_wrap(err, FILE_NAME);
	return s2c_git_modules_parse(s2c_buf_str(&text), text.len, out, err);
}

static int update_level(
	struct update *u, const struct level *level, struct s2c_error **err);

/* The directory that the checkout made for it: there, no link, and empty. */
static int check_place(const struct update *u, const char *path, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_FD int fd = -1;

	if (s2c_fs_open_beneath(u->tree_fd, path, O_RDONLY | O_DIRECTORY, 0, &fd, err) ||
		s2c_fs_list(fd, 1, &names, err))
		return -1;
	if (names.len)
		return s2c_fail(err, S2C_EDENIED, "directory '%s' is not empty", path);
	return 0;
}

static int fetch_one(struct update *u, const struct level *above,
	const struct s2c_git_module *module, const char *id, struct s2c_error **err)
{
	CLEAN_GIT struct s2c_git git = {0};
	CLEAN_FREE char *path = xasprintf("%s%s", above->prefix, module->path);
	CLEAN_FREE char *below = xasprintf("%s/", path);
	CLEAN_FREE char *url = NULL;

	if (!module->url)
		return s2c_fail(err, S2C_EINVAL, "it has no URL");
	if (++u->fetched > S2C_GIT_MODULES_MAX ||
		above->depth > S2C_GIT_MODULES_DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"more than %d submodules, or more than %d inside each other",
			S2C_GIT_MODULES_MAX, S2C_GIT_MODULES_DEPTH_MAX);
	if (s2c_git_module_url(above->url, module->url, &url, err) ||
		check_place(u, path, err) || s2c_git_init(u->ctx, u->opts, &git, err))
		return -1;
	s2c_strv_addf(&git.env, "GIT_DIR=%s/module-%u", u->opts->stage_path, u->fetched);
	s2c_strv_addf(&git.env, "GIT_WORK_TREE=%s/tree/%s", u->opts->stage_path, path);
	if (s2c_git_check_out(&git, url, id, err))
		return -1;
	return update_level(
		u, &(struct level){&git, url, id, below, above->depth + 1}, err);
}

static int update_level(
	struct update *u, const struct level *level, struct s2c_error **err)
{
	CLEAN_GIT_MODULES struct s2c_git_modules modules = {0};

	if (read_modules(level, &modules, err))
		return -1;
	for (size_t i = 0; i < modules.n; i++) {
		const struct s2c_git_module *module = &modules.items[i];
		CLEAN_FREE char *id = NULL;

		if (find_object(level, module->path, "160000", &id, err))
			return -1;
		/* What the commit does not have is not missed, as git has it. */
		if (!id || module->skip)
			continue;
		if (fetch_one(u, level, module, id, err))
			return s2c_wrap(err, "submodule '%s%s' of '%s'", level->prefix,
				module->path, u->opts->shown);
	}
	return 0;
}

int s2c_git_modules_update(struct s2c_git *git, const struct s2c_git_opts *opts,
	const char *url, const char *commit, struct s2c_error **err)
{
	struct s2c_git_opts own = *opts;
	struct update u = {.opts = &own, .ctx = git->ctx, .tree_fd = -1};
	CLEAN_FD int tree = -1;

	/* A local repository's own submodules are elsewhere. */
	if (streq(own.protocols, "file"))
		own.protocols = "https:ssh";
	own.safe_directory = NULL;
	if (s2c_fs_open(opts->stage_fd, "tree", O_RDONLY | O_DIRECTORY, 0, &tree, err))
		return -1;
	u.tree_fd = tree;
	return update_level(&u, &(struct level){git, url, commit, "", 1}, err);
}

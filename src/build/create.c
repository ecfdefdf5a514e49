/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c create: looks whether the files can be written, then writes them. Everything below
 * the directory is reached without following links, and what this call made is removed
 * again when it fails.
 */
#include <s2c/create.h>

#include <errno.h>
#include <fcntl.h>

#include <s2c/reference.h>

#include "build/create.h"
#include "util/buf.h"
#include "util/ctx.h"
#include "util/fs.h"
#include "util/strv.h"

/* Of one file with the names in it; a name is at most S2C_REFERENCE_MAX bytes. */
#define TEXT_MAX ((size_t)256 << 10)

/* Directories come before what is in them. */
static const struct {
	const char *path;
	const char *name; /* of the template; NULL: a directory */
	mode_t mode;
} files[] = {
	{"s2i", NULL, 0755},
	{"s2i/bin", NULL, 0755},
	{"test", NULL, 0755},
	{"test/test-app", NULL, 0755},
	{".github", NULL, 0755},
	{".github/workflows", NULL, 0755},
	{"Dockerfile", "Dockerfile", 0644},
	{"s2i/bin/assemble", "assemble", 0755},
	{"s2i/bin/run", "run", 0755},
	{"s2i/bin/usage", "usage", 0755},
	{"s2i/bin/save-artifacts", "save-artifacts", 0755},
	{"test/run", "test-run", 0755},
	{"test/test-app/index.html", "index.html", 0644},
	{"README.md", "README.md", 0644},
	{"Makefile", "Makefile", 0644},
	{".dockerignore", "dockerignore", 0644},
	{".github/workflows/ci.yml", "ci.yml", 0644},
	{".gitlab-ci.yml", "gitlab-ci.yml", 0644},
};

struct scaffold {
	const struct s2c_create_options *o;
	const char *from;
	int dir;
	bool made[ARRAY_SIZE(files)]; /* by this call; not what it replaced */
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Opens the directory that a file is in; S2C_ENOENT when there is none. */
static int open_parent(
	struct scaffold *s, const char *path, int *out_fd, struct s2c_error **err)
{
	CLEAN_FREE char *parent = xstrndup(path, (size_t)(base_of(path) - path));
	size_t len = strlen(parent);

	if (len)
		parent[len - 1] = '\0';
	return s2c_fs_open_beneath(s->dir, len ? parent : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, out_fd, err);
}

/* ---- looking ---- */

static int check_names(struct scaffold *s, struct s2c_error **err)
{
	struct s2c_reference ref;

	if (s2c_reference_parse(s->o->image, &ref, err))
		return s2c_wrap(err, "name of the image");
	if (*ref.digest)
		return s2c_fail(err, S2C_EINVAL,
			"name of the image: '%s' has a digest, and what is yet to be "
			"built has none",
			s->o->image);
	if (s2c_reference_parse(s->from, &ref, err))
		return s2c_wrap(err, "--from");
	return 0;
}

static const char *kind_of(mode_t mode)
{
	return S_ISLNK(mode)   ? "a symbolic link"
	       : S_ISDIR(mode) ? "a directory"
	       : S_ISREG(mode) ? "a file"
			       : "a special file";
}

/* What is at the path already: a directory where one is wanted is fine. */
static int look(
	struct scaffold *s, size_t i, struct s2c_strv *there, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	CLEAN_FD int parent = -1;
	struct stat st;

	if (open_parent(s, files[i].path, &parent, &why)) {
		/* Nothing can be in what is missing. What is no directory was told. */
		if (s2c_error_code(why) == S2C_ENOENT)
			return 0;
		return s2c_fail(err, s2c_error_code(why), "'%s': %s", s->o->directory,
			s2c_error_message(why));
	}
	if (fstatat(parent, base_of(files[i].path), &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return 0;
		return s2c_fail_errno(err, errno, "cannot look at '%s/%s'",
			s->o->directory, files[i].path);
	}
	if (!files[i].name && S_ISDIR(st.st_mode))
		return 0;
	if (!files[i].name || !(S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
		return s2c_fail(err, S2C_EINVAL,
			"'%s/%s' is %s, where a %s is to be; nothing was written",
			s->o->directory, files[i].path, kind_of(st.st_mode),
			files[i].name ? "file" : "directory");
	s2c_strv_add(there, files[i].path);
	return 0;
}

static int look_all(struct scaffold *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv there = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf list = S2C_BUF_INIT(TEXT_MAX);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (look(s, i, &there, err))
			return -1;
	if (!there.len || s->o->force)
		return 0;
	s2c_strv_foreach (path, &there)
		s2c_buf_must_printf(&list, "%s%s", list.len ? ", " : "", path);
	return s2c_fail(err, S2C_EEXIST,
		"'%s' has %s already; nothing was written; --force replaces %s",
		s->o->directory, s2c_buf_str(&list), there.len > 1 ? "them" : "it");
}

/* ---- writing ---- */

static const char *template_of(const char *name)
{
	size_t i = 0;

	/* The program is made with all of them in it. */
	while (!streq(s2c_create_templates[i].name, name))
		i++;
	return s2c_create_templates[i].text;
}

/* The text with the names in it. */
static int render(
	struct scaffold *s, const char *text, struct s2c_buf *out, struct s2c_error **err)
{
	const struct {
		const char *mark, *value;
	} names[] = {{"@IMAGE@", s->o->image}, {"@FROM@", s->from}};

	while (*text) {
		size_t len = strcspn(text, "@");

		if (s2c_buf_add(out, text, len, err))
			return -1;
		text += len;
		for (size_t i = 0; i < ARRAY_SIZE(names) && len; i++) {
			if (!starts_with(text, names[i].mark))
				continue;
			if (s2c_buf_puts(out, names[i].value, err))
				return -1;
			text += strlen(names[i].mark);
			len = 0;
		}
		if (*text == '@' && len) {
			if (s2c_buf_puts(out, "@", err))
				return -1;
			text++;
		}
	}
	return 0;
}

static int put_directory(struct scaffold *s, size_t i, int parent, struct s2c_error **err)
{
	const char *base = base_of(files[i].path);
	CLEAN_FD int fd = -1;

	if (mkdirat(parent, base, 0700) != 0) {
		if (errno == EEXIST)
			return 0;
		return s2c_fail_errno(err, errno, "cannot create '%s/%s'",
			s->o->directory, files[i].path);
	}
	s->made[i] = true;
	if (s2c_fs_open_beneath(
		    parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd, err))
		return -1;
	if (fchmod(fd, files[i].mode) != 0)
		return s2c_fail_errno(err, errno, "cannot set the mode of '%s/%s'",
			s->o->directory, files[i].path);
	return 0;
}

static int put_file(struct scaffold *s, size_t i, int parent, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(TEXT_MAX);
	const char *base = base_of(files[i].path);
	CLEAN_FD int fd = -1;
	struct stat st;

	if (render(s, template_of(files[i].name), &text, err))
		return -1;
	/* Replacing is the only thing that --force adds: what is there stays whole until
	 * the new file is. */
	if (s->o->force && fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (s2c_fs_write_file(parent, base, text.data, text.len, 0600, err))
			return -1;
		if (s2c_fs_open_beneath(parent, base, O_RDONLY | O_NOFOLLOW, 0, &fd, err))
			return -1;
	} else {
		if (s2c_fs_open(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
			    0600, &fd, err))
			return -1;
		s->made[i] = true;
		if (s2c_fs_write_all(fd, text.data, text.len, err))
			return -1;
	}
	if (fchmod(fd, files[i].mode) != 0)
		return s2c_fail_errno(err, errno, "cannot set the mode of '%s/%s'",
			s->o->directory, files[i].path);
	return 0;
}

static int put_all(struct s2c_ctx *ctx, struct scaffold *s, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEAN_FD int parent = -1;
		int rc;

		if (s2c_ctx_check(ctx, err) ||
			open_parent(s, files[i].path, &parent, err))
			return -1;
		rc = files[i].name ? put_file(s, i, parent, err)
				   : put_directory(s, i, parent, err);
		if (rc)
			return s2c_wrap(err, "'%s'", s->o->directory);
	}
	return 0;
}

/* Best effort: there is an error to tell already. */
static void undo(struct scaffold *s)
{
	for (size_t i = ARRAY_SIZE(files); i-- > 0;) {
		CLEAN_FD int parent = -1;

		if (s->made[i] && open_parent(s, files[i].path, &parent, NULL) == 0)
			(void)unlinkat(parent, base_of(files[i].path),
				files[i].name ? 0 : AT_REMOVEDIR);
	}
}

/* In a directory that is there; `made`: by this call. */
static int fill(
	struct s2c_ctx *ctx, struct scaffold *s, bool made, struct s2c_error **err)
{
	if (s2c_fs_open(
		    AT_FDCWD, s->o->directory, O_RDONLY | O_DIRECTORY, 0, &s->dir, err))
		return -1;
	if (look_all(s, err))
		return -1;
	if (made && fchmod(s->dir, 0755) != 0)
		return s2c_fail_errno(
			err, errno, "cannot set the mode of '%s'", s->o->directory);
	return put_all(ctx, s, err);
}

int s2c_create(struct s2c_ctx *ctx, const struct s2c_create_options *options,
	struct s2c_error **err)
{
	struct scaffold s = {.o = options,
		.from = options->from ? options->from : S2C_CREATE_FROM,
		.dir = -1};
	bool made;
	int rc;

	if (check_names(&s, err))
		return -1;
	made = access(options->directory, F_OK) != 0 && errno == ENOENT;
	if (s2c_fs_mkdir_p(AT_FDCWD, options->directory, 0755, err))
		return -1;
	rc = fill(ctx, &s, made, err);
	if (rc)
		undo(&s);
	if (rc && made)
		(void)rmdir(options->directory);
	if (s.dir >= 0)
		(void)close(s.dir);
	if (rc)
		return -1;
	s2c_emit_log(ctx, S2C_INFO,
		"the scaffold of '%s' is in '%s'; next: make -C '%s' test",
		options->image, options->directory, options->directory);
	return 0;
}

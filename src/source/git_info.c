/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a repository knows about a commit, and about a local tree around it. A local
 * repository is read with its objects and index only: its configuration may name programs
 * (filters, monitors, pagers) and is never seen by git, which gets a directory of our own
 * instead. HEAD and refs are therefore read here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "source/git.h"
#include "util/escape.h"
#include "util/fs.h"

#define SUBJECT_COLUMNS "80" /* as S2I's label */
#define FIELD_MAX 1024       /* bytes of a label after escaping */
#define REF_FILE_MAX 4096
#define PACKED_REFS_MAX (64u * 1024 * 1024)
#define COMMIT_TIME_MAX 253402300799ll /* end of the year 9999 */
#define DESCRIBE_SECONDS 60 /* labels are not worth more; a fifo in .git blocks git */

/* The next NUL-terminated field, escaped, without blanks at its end. Caller frees. */
static char *take_field(const char **p, const char *end)
{
	const char *start = *p;
	size_t len = strnlen(start, (size_t)(end - start));

	*p = start + len < end ? start + len + 1 : end;
	while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\n'))
		len--;
	return s2c_escape(start, len, FIELD_MAX, false);
}

int s2c_git_commit_info(struct s2c_git *git, const char *commit,
	struct s2c_source_info *info, int64_t *out_time, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(S2C_GIT_OUTPUT_MAX);
	const char *const args[] = {"log", "-1", "--no-color", "--no-show-signature",
		"--date=default",
		"--format=%H%x00%an <%ae>%x00%ad%x00%<(" SUBJECT_COLUMNS
		",trunc)%s%x00%ct",
		"--end-of-options", commit, "--", NULL};

	if (s2c_git_run(git, args, &out, err) < 0)
		return -1;
	const char *p = s2c_buf_str(&out);
	const char *end = p + out.len;

	s2c_source_set(&info->commit_id, take_field(&p, end));
	s2c_source_set(&info->author, take_field(&p, end));
	s2c_source_set(&info->date, take_field(&p, end));
	s2c_source_set(&info->message, take_field(&p, end));
	CLEAN_FREE char *time = take_field(&p, end);
	int64_t seconds = 0;

	for (const char *d = time; *d >= '0' && *d <= '9' && seconds < COMMIT_TIME_MAX;
		d++)
		seconds = seconds * 10 + (*d - '0');
	if (out_time)
		*out_time = seconds < COMMIT_TIME_MAX ? seconds : COMMIT_TIME_MAX;
	return 0;
}

/* A file of the repository as a string without line end, or NULL. Caller frees. */
static char *read_line(int git_fd, const char *name)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(REF_FILE_MAX);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_FD int fd = -1;

	if (s2c_fs_open_beneath(git_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd,
		    &ignored) < 0 ||
		s2c_fs_read_fd(fd, &buf, &ignored) < 0)
		return NULL;
	return xstrndup(s2c_buf_str(&buf), strcspn(s2c_buf_str(&buf), "\r\n"));
}

/* Looks for "<id> <ref>" among the packed refs. Caller frees. */
static char *find_packed(int git_fd, const char *ref)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(PACKED_REFS_MAX);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_FREE char *line = xasprintf(" %s\n", ref);
	CLEAN_FD int fd = -1;
	const char *hit = NULL;

	if (s2c_fs_open_beneath(git_fd, "packed-refs", O_RDONLY | O_NONBLOCK | O_NOCTTY,
		    0, &fd, &ignored) < 0 ||
		s2c_fs_read_fd(fd, &buf, &ignored) < 0)
		return NULL;
	hit = strstr(s2c_buf_str(&buf), line);
	if (!hit)
		return NULL;
	const char *newline = memrchr(buf.data, '\n', (size_t)(hit - buf.data));
	const char *start = newline ? newline + 1 : buf.data;

	return xstrndup(start, (size_t)(hit - start));
}

/* The commit HEAD stands for, or NULL; *out_branch when it is on one. */
static char *read_head(int git_fd, char **out_branch)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_FREE char *head = read_line(git_fd, "HEAD");
	CLEAN_FREE char *id = NULL;

	if (!head)
		return NULL;
	if (starts_with(head, "ref: ")) {
		const char *ref = head + 5;

		if (!starts_with(ref, "refs/") ||
			s2c_spec_check_ref(ref, "HEAD", &ignored) < 0)
			return NULL;
		id = read_line(git_fd, ref);
		if (!id)
			id = find_packed(git_fd, ref);
		if (starts_with(ref, "refs/heads/"))
			*out_branch = xstrdup(ref + strlen("refs/heads/"));
	} else {
		id = TAKE(head);
	}
	return id && s2c_git_is_id(id, true) ? TAKE(id) : NULL;
}

/* The directory that git takes for the repository: HEAD, format, and nothing else. */
static int make_git_dir(int stage_fd, const char *id, struct s2c_error **err)
{
	static const char sha1[] = "[core]\n\trepositoryFormatVersion = 0\n";
	static const char sha256[] = "[core]\n\trepositoryFormatVersion = 1\n"
				     "[extensions]\n\tobjectFormat = sha256\n";
	const char *config = strlen(id) == 40 ? sha1 : sha256;
	CLEAN_FREE char *head = xasprintf("%s\n", id);

	if (s2c_fs_mkdir_p(stage_fd, "git/objects", 0700, err) < 0 ||
		s2c_fs_mkdir_p(stage_fd, "git/refs", 0700, err) < 0)
		return -1;
	CLEAN_FD int fd = -1;

	if (s2c_fs_open(stage_fd, "git", O_RDONLY | O_DIRECTORY, 0, &fd, err) < 0 ||
		s2c_fs_write_file(fd, "config", config, strlen(config), 0600, err) < 0)
		return -1;
	return s2c_fs_write_file(fd, "HEAD", head, strlen(head), 0600, err);
}

static void find_dirty(
	struct s2c_git *git, int git_fd, const char *path, struct s2c_source_info *info)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(4096);
	CLEAN_ERROR struct s2c_error *why = NULL;
	const char *const args[] = {"status", "--porcelain=v1", "-z", "--no-renames",
		"--untracked-files=normal", "--ignore-submodules=all", NULL};

	struct stat st;

	if (fstatat(git_fd, "index", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISREG(st.st_mode))
		return;
	s2c_env_set(&git->env, "GIT_WORK_TREE", path);
	s2c_strv_addf(&git->env, "GIT_INDEX_FILE=%s/.git/index", path);
	if (s2c_git_run(git, args, &out, &why) < 0) {
		/* More changes than fit are changes too. */
		info->dirty = s2c_error_code(why) == S2C_ELIMIT;
		if (!info->dirty)
			s2c_emit_log(git->ctx, S2C_DEBUG, "%s", s2c_error_message(why));
		return;
	}
	info->dirty = out.len > 0;
}

static int describe(struct s2c_ctx *ctx, const struct s2c_source_opts *opts,
	const char *path, struct s2c_source *source, struct s2c_error **err)
{
	CLEAN_GIT struct s2c_git git = {0};
	CLEAN_FREE char *branch = NULL;
	CLEAN_FREE char *id = NULL;
	CLEAN_FD int git_fd = -1;
	struct s2c_git_opts git_opts = {
		.stage_fd = opts->stage_fd,
		.stage_path = opts->stage_path,
		.shown = path,
		.protocols = "",
	};

	/* A .git that is a file or a link leads elsewhere: nothing is known then. */
	if (s2c_fs_open_beneath(
		    source->fd, ".git", O_RDONLY | O_DIRECTORY, 0, &git_fd, err) < 0)
		return -1;
	id = read_head(git_fd, &branch);
	if (!id)
		return 0;
	if (s2c_git_init(ctx, &git_opts, &git, err) < 0 ||
		make_git_dir(opts->stage_fd, id, err) < 0)
		return -1;
	s2c_strv_addf(&git.env, "GIT_DIR=%s/git", opts->stage_path);
	s2c_strv_addf(&git.env, "GIT_OBJECT_DIRECTORY=%s/.git/objects", path);
	if (s2c_git_commit_info(&git, id, &source->info, NULL, err) < 0)
		return -1;
	if (branch)
		s2c_source_set(&source->info.ref, TAKE(branch));
	find_dirty(&git, git_fd, path, &source->info);
	return 0;
}

int s2c_git_describe(struct s2c_ctx *ctx, const struct s2c_source_opts *opts,
	const char *path, struct s2c_source *source, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;

	if (opts->stage_fd < 0 || !opts->stage_path)
		return 0;
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, DESCRIBE_SECONDS);

	if (describe(child, opts, path, source, &why) < 0)
		s2c_emit_log(
			ctx, S2C_DEBUG, "no commit labels: %s", s2c_error_message(why));
	return s2c_ctx_check(ctx, err);
}

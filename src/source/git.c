/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A git repository as source: one commit of it, shallow, checked out in the stage.
 * Instead of "git clone" it looks at the remote refs, makes an empty repository of its
 * own and fetches the one commit, so that no configuration, template or default of the
 * host or the remote decides anything.
 */
#include "source/git.h"

#include "source/git_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "util/fs.h"

#define SOURCE_REF "refs/s2c/source"

/* What is fetched. */
struct target {
	char *name;   /* full name of the remote ref, "HEAD", or NULL: by id */
	char *id;     /* commit id as given, maybe short; or NULL */
	char *branch; /* for info.ref */
	bool sha256;
};

static void target_release(struct target *target)
{
	free(target->name);
	free(target->id);
	free(target->branch);
}

static bool git_matches(const struct s2c_source_ask *ask)
{
	switch (ask->spec.form) {
	case S2C_SPEC_URL:
	case S2C_SPEC_SCP:
		return true;
	case S2C_SPEC_PATH:
		return (ask->has_git && ask->ref) || ask->is_bare;
	case S2C_SPEC_STDIN:
		break;
	}
	return false;
}

static const char *protocols_of(const char *scheme)
{
	/* A server may send http to https, never the other way round. */
	return streq(scheme, "http") ? "http:https" : scheme;
}

/*
 * Reads "<id>\t<name>" and "ref: <name>\t<name>" lines of ls-remote. Returns the id of
 * `name`, or the target of the symbolic ref `name`. Caller frees; NULL when not there.
 */
static char *remote_ref(const char *text, const char *name, bool symbolic)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *tab = memchr(text, '\t', len);
		bool is_symbolic = starts_with(text, "ref: ");

		if (tab && is_symbolic == symbolic &&
			strlen(name) == (size_t)(text + len - tab - 1) &&
			memcmp(tab + 1, name, strlen(name)) == 0) {
			const char *start = symbolic ? text + 5 : text;

			return xstrndup(start, (size_t)(tab - start));
		}
		text += len + (text[len] == '\n');
	}
	return NULL;
}

/* Tries one name for what was asked for; true when the remote has it. */
static bool try_name(const char *refs, char *name, struct target *target)
{
	CLEAN_FREE char *candidate = name;
	CLEAN_FREE char *id = remote_ref(refs, candidate, false);

	if (!id)
		return false;
	target->name = TAKE(candidate);
	return true;
}

/* Decides what to fetch from what the remote has: a branch, a tag, else a commit id. */
static int choose(struct s2c_git *git, const char *ref, const char *refs,
	struct target *target, struct s2c_error **err)
{
	CLEAN_FREE char *head = remote_ref(refs, "HEAD", false);
	CLEAN_FREE char *symbolic = remote_ref(refs, "HEAD", true);
	const char *line = refs;

	while (starts_with(line, "ref: "))
		line += strcspn(line, "\n") + 1;
	target->sha256 = strcspn(line, "\t\n") == S2C_GIT_ID_MAX;
	if (!ref) {
		if (!head)
			return s2c_fail(err, S2C_EINVAL,
				"repository '%s' has no default branch, it may be empty: "
				"name a branch with --ref",
				git->shown);
		target->name = xstrdup("HEAD");
		if (symbolic && starts_with(symbolic, "refs/heads/"))
			target->branch = xstrdup(symbolic + strlen("refs/heads/"));
		return 0;
	}
	target->branch = xstrdup(ref);
	if (try_name(refs, xasprintf("refs/heads/%s", ref), target) ||
		try_name(refs, xasprintf("refs/tags/%s", ref), target))
		return 0;
	if (starts_with(ref, "refs/") && try_name(refs, xstrdup(ref), target))
		return 0;
	if (!s2c_git_is_id(ref, false))
		return s2c_fail(err, S2C_ENOENT, "there is no branch or tag '%s' in '%s'",
			ref, git->shown);
	target->id = xstrdup(ref);
	if (s2c_git_is_id(ref, true))
		target->sha256 = strlen(ref) == S2C_GIT_ID_MAX;
	return 0;
}

static int look_at_remote(struct s2c_git *git, const char *url, const char *ref,
	struct target *target, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(S2C_GIT_OUTPUT_MAX);
	CLEAN_FREE char *branch = xasprintf("refs/heads/%s", ref ? ref : "HEAD");
	CLEAN_FREE char *tag = xasprintf("refs/tags/%s", ref ? ref : "HEAD");
	const char *const args[] = {"ls-remote", "--symref", "--quiet", "--", url, "HEAD",
		branch, tag, ref && starts_with(ref, "refs/") ? ref : NULL, NULL};

	if (s2c_git_run(git, args, &out, err) < 0)
		return -1;
	return choose(git, ref, s2c_buf_str(&out), target, err);
}

/* Fetches `refspec`, shallow if `depth` and the remote can. */
static int fetch(struct s2c_git *git, const char *url, const char *refspec, bool depth,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	const char *const shallow[] = {"fetch", "--quiet", "--no-tags",
		"--no-recurse-submodules", "--no-write-fetch-head", "--depth=1", "--",
		url, refspec, NULL};
	const char *const full[] = {"fetch", "--quiet", "--no-recurse-submodules",
		"--no-write-fetch-head", "--", url, refspec, NULL};

	if (!depth)
		return s2c_git_run(git, full, NULL, err);
	if (s2c_git_run(git, shallow, NULL, &why) == 0)
		return 0;
	if (strstr(s2c_error_message(why), "does not support shallow"))
		return s2c_git_run(git, full, NULL, err);
	s2c_error_move(err, &why);
	return -1;
}

/* A commit by its id: alone when the remote gives it, else out of everything it has. */
static int fetch_id(
	struct s2c_git *git, const char *url, const char *id, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	const char *const everything[] = {"fetch", "--quiet", "--no-recurse-submodules",
		"--no-write-fetch-head", "--", url, "+refs/heads/*:refs/remotes/s2c/*",
		"+refs/tags/*:refs/tags/*", NULL};

	if (s2c_git_is_id(id, true)) {
		CLEAN_FREE char *refspec = xasprintf("+%s:" SOURCE_REF, id);

		if (fetch(git, url, refspec, true, &why) == 0)
			return 0;
		if (s2c_error_code(why) == S2C_ECANCELED ||
			s2c_error_code(why) == S2C_ETIMEOUT) {
			s2c_error_move(err, &why);
			return -1;
		}
	}
	return s2c_git_run(git, everything, NULL, err);
}

/* The full id of the commit that was fetched. Caller frees *out. */
static int resolve(struct s2c_git *git, const struct target *target, char **out,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(4096);
	CLEAN_FREE char *commit = xasprintf(
		"%s^{commit}", target->id ? target->id : SOURCE_REF);
	const char *const args[] = {
		"rev-parse", "--verify", "--end-of-options", commit, NULL};
	CLEAN_ERROR struct s2c_error *why = NULL;

	if (s2c_git_run(git, args, &buf, &why) < 0) {
		if (!target->id || s2c_error_code(why) == S2C_ECANCELED ||
			s2c_error_code(why) == S2C_ETIMEOUT) {
			s2c_error_move(err, &why);
			return -1;
		}
		return s2c_fail(err, S2C_ENOENT,
			"there is no branch, tag or commit '%s' in '%s'", target->id,
			git->shown);
	}
	*out = xstrndup(s2c_buf_str(&buf), strcspn(s2c_buf_str(&buf), "\n"));
	return 0;
}

/* An empty repository in the stage, and its tree as *out_fd. */
static int make_tree(struct s2c_git *git, const struct s2c_source_opts *opts, bool sha256,
	int *out_fd, struct s2c_error **err)
{
	const char *const args[] = {"init", "--quiet",
		sha256 ? "--object-format=sha256" : "--object-format=sha1", NULL};

	if (s2c_fs_mkdir_p(opts->stage_fd, "tree", 0755, err) < 0 ||
		s2c_fs_open(opts->stage_fd, "tree", O_RDONLY | O_DIRECTORY, 0, out_fd,
			err) < 0)
		return -1;
	/* Given, not discovered: neither a parent nor an owner is looked at. */
	s2c_strv_addf(&git->env, "GIT_DIR=%s/tree/.git", opts->stage_path);
	s2c_strv_addf(&git->env, "GIT_WORK_TREE=%s/tree", opts->stage_path);
	return s2c_git_run(git, args, NULL, err);
}

int s2c_git_check_out(
	struct s2c_git *git, const char *url, const char *id, struct s2c_error **err)
{
	struct target target = {.id = (char *)id};
	CLEAN_FREE char *commit = NULL;
	const char *const init[] = {"init", "--quiet",
		strlen(id) == S2C_GIT_ID_MAX ? "--object-format=sha256"
					     : "--object-format=sha1",
		NULL};

	if (s2c_git_run(git, init, NULL, err) || fetch_id(git, url, id, err) ||
		resolve(git, &target, &commit, err) ||
		s2c_git_check_tree(git, commit, err))
		return -1;
	const char *const args[] = {
		"checkout", "--quiet", "--force", "--detach", commit, "--", NULL};

	return s2c_git_run(git, args, NULL, err);
}

static int fetch_and_check_out(struct s2c_git *git, const struct s2c_source_ask *ask,
	const struct s2c_git_opts *opts, const char *url, struct s2c_source *out,
	struct s2c_error **err)
{
	CLEAN(target_release) struct target target = {0};
	CLEAN_FREE char *commit = NULL;
	CLEAN_FREE char *refspec = NULL;
	int rc = 0;

	if (look_at_remote(git, url, ask->ref, &target, err) < 0 ||
		make_tree(git, ask->opts, target.sha256, &out->fd, err) < 0)
		return -1;
	refspec = xasprintf("+%s:" SOURCE_REF, target.name ? target.name : "HEAD");
	rc = target.id ? fetch_id(git, url, target.id, err)
		       : fetch(git, url, refspec, true, err);
	if (rc < 0 || resolve(git, &target, &commit, err) < 0 ||
		s2c_git_check_tree(git, commit, err) < 0)
		return -1;
	const char *const args[] = {
		"checkout", "--quiet", "--force", "--detach", commit, "--", NULL};

	if (s2c_git_run(git, args, NULL, err) < 0 ||
		s2c_git_commit_info(git, commit, &out->info, &out->commit_time, err) < 0)
		return -1;
	if (!ask->opts->ignore_submodules &&
		s2c_git_modules_update(git, opts, url, commit, err) < 0)
		return -1;
	out->from_commit = true;
	if (target.branch)
		s2c_source_set(&out->info.ref, TAKE(target.branch));
	return 0;
}

/* "file://" and the path, with what has a meaning in URLs escaped. Caller frees. */
static char *file_url(const char *path)
{
	static const char scheme[] = "file://";
	char *url = xmalloc(3 * strlen(path) + sizeof(scheme));
	char *p = url + strlen(scheme);

	memcpy(url, scheme, strlen(scheme));
	for (; *path; path++) {
		static const char digits[] = "0123456789ABCDEF";
		unsigned char c = (unsigned char)*path;

		if (c > ' ' && c < 0x7f && c != '%') {
			*p++ = *path;
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	*p = '\0';
	return url;
}

static int git_open(struct s2c_ctx *ctx, const struct s2c_source_ask *ask,
	struct s2c_source *out, struct s2c_error **err)
{
	const struct s2c_spec *spec = &ask->spec;
	CLEAN_GIT struct s2c_git git = {0};
	CLEAN_FREE char *local = NULL;
	CLEAN_FREE char *url = NULL;
	const char *where = spec->address;

	if (spec->form == S2C_SPEC_PATH) {
		local = realpath(spec->address, NULL);
		if (!local)
			return s2c_fail_errno(err, errno, "source '%s'", spec->address);
		/* A URL, so that git talks to it instead of linking its files. */
		url = file_url(local);
		where = local;
	} else {
		url = xstrdup(spec->address);
	}
	if (streq(spec->scheme, "http") || streq(spec->scheme, "git"))
		s2c_emit_log(ctx, S2C_WARN,
			"'%s' is fetched without encryption: whoever is on the way can "
			"change it",
			where);
	struct s2c_git_opts opts = {
		.stage_fd = ask->opts->stage_fd,
		.stage_path = ask->opts->stage_path,
		.shown = where,
		.protocols = protocols_of(spec->scheme),
		.safe_directory = local,
		.address = spec->address,
		.userinfo = spec->userinfo,
		.user_credentials = ask->opts->git_credentials,
	};

	if (s2c_git_init(ctx, &opts, &git, err) < 0 ||
		fetch_and_check_out(&git, ask, &opts, url, out, err) < 0)
		return -1;
	s2c_source_set(&out->info.location, xstrdup(where));
	return 0;
}

const struct s2c_source_ops s2c_source_git_ops = {
	.name = "git",
	.matches = git_matches,
	.open = git_open,
};

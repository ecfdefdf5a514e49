/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of git, and running it.
 */
#include "source/git.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/escape.h"
#include "util/fs.h"
#include "util/subprocess.h"

#define CONFIG_NAME "gitconfig"
#define SAID_LINES 3 /* of git's last words in an error */
#define SAID_BYTES 1000

/*
 * Everything that could make git run a program, ask a question, follow a pointer to
 * another repository or touch a file outside the stage. What is fetched stays a pack,
 * which is faster to look into than loose objects.
 */
static const char config_text[] = "[core]\n"
				  "\thooksPath = /dev/null\n"
				  "\tfsmonitor = false\n"
				  "\tuntrackedCache = false\n"
				  "\tattributesFile = /dev/null\n"
				  "\texcludesFile = /dev/null\n"
				  "\tsymlinks = true\n"
				  "\tautocrlf = false\n"
				  "\tprotectHFS = true\n"
				  "\tprotectNTFS = true\n"
				  "[protocol]\n"
				  "\tallow = never\n"
				  "[submodule]\n"
				  "\trecurse = false\n"
				  "[fetch]\n"
				  "\trecurseSubmodules = false\n"
				  "\twriteCommitGraph = false\n"
				  "[transfer]\n"
				  "\tbundleURI = false\n"
				  "\tunpackLimit = 1\n"
				  "[credential]\n"
				  "\thelper =\n"
				  "[gc]\n"
				  "\tauto = 0\n"
				  "[maintenance]\n"
				  "\tauto = false\n"
				  "[http]\n"
				  "\tsslVerify = true\n"
				  "\tlowSpeedLimit = 1\n"
				  "\tlowSpeedTime = 300\n"
				  "[log]\n"
				  "\tshowSignature = false\n"
				  "[i18n]\n"
				  "\tlogOutputEncoding = UTF-8\n"
				  "[advice]\n"
				  "\tdetachedHead = false\n"
				  "[init]\n"
				  "\tdefaultBranch = main\n"
				  "\ttemplateDir =\n"
				  "[safe]\n"
				  "\tbareRepository = explicit\n";

/* Variables of the invoking user that reach git, if they are set. */
static const char *const kept[] = {
	"PATH",
	"TMPDIR",
	"SSH_AUTH_SOCK",
	"GIT_SSH_COMMAND",
	"GIT_SSL_CAINFO",
	"GIT_SSL_CAPATH",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
	"CURL_CA_BUNDLE",
	"http_proxy",
	"https_proxy",
	"HTTPS_PROXY",
	"all_proxy",
	"ALL_PROXY",
	"no_proxy",
	"NO_PROXY",
};

/* What git prints when... */
static const struct {
	const char *text;
	enum s2c_code code;
	const char *remedy;
} causes[] = {
	{"terminal prompts disabled", S2C_EAUTH,
		": give credentials, 'https://user:token@...', or use ssh"},
	{"Authentication failed", S2C_EAUTH, ": check the credentials of the URL"},
	{"Permission denied (", S2C_EAUTH, ": check the ssh key and agent"},
	{"Host key verification failed", S2C_EAUTH,
		": add the host to known_hosts after checking its key"},
	{"dubious ownership", S2C_EDENIED, ""},
	{"No space left on device", S2C_EIO, ""},
	{"not found", S2C_ENOENT, ""},
	{"does not appear to be a git repository", S2C_ENOENT, ""},
	{"couldn't find remote ref", S2C_ENOENT, ""},
	{"Could not resolve host", S2C_ENET, ": check the name and the network"},
	{"unable to access", S2C_ENET, ""},
	{"Connection", S2C_ENET, ""},
	{"early EOF", S2C_ENET, ""},
};

bool s2c_git_is_id(const char *text, bool full)
{
	size_t len = strspn(text, "0123456789abcdefABCDEF");

	if (text[len])
		return false;
	return full ? len == 40 || len == S2C_GIT_ID_MAX
		    : len >= 4 && len <= S2C_GIT_ID_MAX;
}

static char *base64(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);
	char *out = xmalloc((len + 2) / 3 * 4 + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < len ? (unsigned char)text[i + k] : 0);
		out[n++] = digits[bits >> 18];
		out[n++] = digits[bits >> 12 & 63];
		out[n++] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[bits & 63] : '=';
	}
	out[n] = '\0';
	return out;
}

/*
 * Credentials go by the environment, which only this user can read; git would show a URL
 * with them to everyone in the arguments of its helper. The header is bound to the host.
 */
static void add_credentials(struct s2c_git *git, const struct s2c_git_opts *opts)
{
	const char *host = strstr(opts->address, "://") + 3;
	const char *colon = strchr(opts->userinfo, ':');
	CLEAN(s2c_clean_secret)
	char *pair = xasprintf("%s%s", opts->userinfo, colon ? "" : ":");
	CLEAN(s2c_clean_secret) char *encoded = base64(pair);
	CLEAN(s2c_clean_secret)
	char *header = xasprintf("Authorization: Basic %s", encoded);
	CLEAN_FREE char *key = xasprintf("http.%.*s/.extraHeader",
		(int)(host + strcspn(host, "/") - opts->address), opts->address);

	s2c_env_set(&git->env, "GIT_CONFIG_COUNT", "1");
	s2c_env_set(&git->env, "GIT_CONFIG_KEY_0", key);
	s2c_env_set(&git->env, "GIT_CONFIG_VALUE_0", header);
}

/* What helpers and curl need to find what the user keeps for them. */
static const char *const homes[] = {
	"HOME",
	"XDG_CONFIG_HOME",
	"XDG_RUNTIME_DIR",
	"DBUS_SESSION_BUS_ADDRESS",
	"GNUPGHOME",
};

static void give_home(struct s2c_git *git)
{
	for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
		const char *value = getenv(homes[i]);

		if (value)
			s2c_env_set(&git->env, homes[i], value);
	}
}

static void set_environment(struct s2c_git *git, const struct s2c_git_opts *opts)
{
	static const struct {
		const char *name, *value;
	} fixed[] = {
		{"HOME", "/dev/null"},
		{"LC_ALL", "C"},
		{"GIT_CONFIG_NOSYSTEM", "1"},
		{"GIT_TERMINAL_PROMPT", "0"},
		{"GIT_OPTIONAL_LOCKS", "0"},
		{"GIT_NO_LAZY_FETCH", "1"},
		{"GIT_NO_REPLACE_OBJECTS", "1"},
		{"GIT_ATTR_NOSYSTEM", "1"},
		{"GIT_PROTOCOL_FROM_USER", "0"},
		{"GIT_PAGER", "cat"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *value = getenv(kept[i]);

		if (value)
			s2c_env_set(&git->env, kept[i], value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		s2c_env_set(&git->env, fixed[i].name, fixed[i].value);
	/* Without a terminal ssh would ask with whatever SSH_ASKPASS says. */
	if (!s2c_env_get(&git->env, "GIT_SSH_COMMAND"))
		s2c_env_set(&git->env, "GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
	s2c_env_set(&git->env, "GIT_ALLOW_PROTOCOL", opts->protocols);
	s2c_strv_addf(&git->env, "GIT_CONFIG_GLOBAL=%s/" CONFIG_NAME, opts->stage_path);
	if (opts->userinfo)
		add_credentials(git, opts);
	if (opts->user_credentials)
		give_home(git);
}

/* A value of a configuration file, with quotes and line ends escaped. */
static int add_quoted(struct s2c_buf *buf, const char *value, struct s2c_error **err)
{
	if (s2c_buf_puts(buf, "\"", err) < 0)
		return -1;
	for (const char *p = value; *p; p++) {
		const char *text = *p == '\n' ? "\\n" : *p == '"' ? "\\\"" : "\\\\";
		bool escape = *p == '\n' || *p == '"' || *p == '\\';

		if (s2c_buf_add(buf, escape ? text : p, escape ? 2 : 1, err) < 0)
			return -1;
	}
	return s2c_buf_puts(buf, "\"\n", err);
}

/* "credential.URL.helper\nVALUE" as a section of its own. */
static int add_credential(
	struct s2c_buf *buf, const char *key, const char *value, struct s2c_error **err)
{
	const char *name = strrchr(key, '.') + 1;
	const char *url = strchr(key, '.') + 1;
	CLEAN_FREE char *section = url < name ? xstrndup(url, (size_t)(name - url) - 1)
					      : NULL;

	if (s2c_buf_puts(buf, "[credential", err) < 0)
		return -1;
	if (section &&
		(s2c_buf_puts(buf, " ", err) < 0 || add_quoted(buf, section, err) < 0))
		return -1;
	/* The quotes end with the line. */
	if (section)
		buf->len--;
	if (s2c_buf_printf(buf, err, "]\n\t%s = ", name) < 0)
		return -1;
	return add_quoted(buf, value, err);
}

/*
 * The user's credential.* settings, which git reads for us. What it finds in no file is
 * no failure: then there is .netrc, or nothing.
 */
static int add_user_credentials(
	struct s2c_ctx *ctx, struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_GIT struct s2c_git git = {.ctx = ctx, .shown = "the user's configuration"};
	CLEAN_BUF struct s2c_buf found = S2C_BUF_INIT(65536);
	const char *const args[] = {
		"config", "-z", "--get-regexp", "^credential\\.", NULL};
	static const char *const own[] = {
		"PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"};

	give_home(&git);
	s2c_env_set(&git.env, "LC_ALL", "C");
	s2c_env_set(&git.env, "GIT_DIR", "/dev/null");
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (getenv(own[i]))
			s2c_env_set(&git.env, own[i], getenv(own[i]));
	if (s2c_git_run(&git, args, &found, NULL) < 0)
		return s2c_ctx_check(ctx, err);
	for (const char *at = s2c_buf_str(&found), *end = at + found.len; at < end;
		at += strlen(at) + 1) {
		size_t len = strcspn(at, "\n");
		CLEAN_FREE char *key = xstrndup(at, len);

		if (starts_with(key, "credential.") && at[len] &&
			add_credential(buf, key, at + len + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int write_config(
	struct s2c_ctx *ctx, const struct s2c_git_opts *opts, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(262144);
	CLEAN_FREE char *inner = NULL;

	if (s2c_buf_puts(&buf, config_text, err) < 0)
		return -1;
	if (opts->safe_directory) {
		inner = xasprintf("%s/.git", opts->safe_directory);
		if (s2c_buf_puts(&buf, "\tdirectory = ", err) < 0 ||
			add_quoted(&buf, opts->safe_directory, err) < 0 ||
			s2c_buf_puts(&buf, "\tdirectory = ", err) < 0 ||
			add_quoted(&buf, inner, err) < 0)
			return -1;
	}
	if (opts->user_credentials && add_user_credentials(ctx, &buf, err) < 0)
		return -1;
	return s2c_fs_write_file(
		opts->stage_fd, CONFIG_NAME, buf.data, buf.len, 0600, err);
}

int s2c_git_init(struct s2c_ctx *ctx, const struct s2c_git_opts *opts,
	struct s2c_git *git, struct s2c_error **err)
{
	CLEAN_FREE char *program = s2c_find_program("git");

	if (!program)
		return s2c_fail(err, S2C_ENOENT,
			"source '%s' needs git, which is not installed", opts->shown);
	if (write_config(ctx, opts, err) < 0)
		return -1;
	*git = (struct s2c_git){.ctx = ctx, .shown = opts->shown};
	set_environment(git, opts);
	return 0;
}

void s2c_git_release(struct s2c_git *git)
{
	for (size_t i = 0; i < git->env.len; i++) {
		if (starts_with(git->env.items[i], "GIT_CONFIG_VALUE_"))
			explicit_bzero(git->env.items[i], strlen(git->env.items[i]));
	}
	s2c_strv_release(&git->env);
}

/* Advice that git appends whatever went wrong. */
static bool is_noise(const char *line)
{
	return starts_with(line, "hint:") ||
	       starts_with(line, "Please make sure you have") ||
	       starts_with(line, "and the repository exists.");
}

/* The last lines of what git said, without hints, joined. Caller frees. */
static char *last_words(const struct s2c_buf *said)
{
	const char *text = s2c_buf_str(said);
	const char *end = text + said->len;
	CLEAN_FREE char *out = xstrdup("");

	for (size_t lines = 0; lines < SAID_LINES && end > text;) {
		const char *newline = memrchr(text, '\n', (size_t)(end - text));
		const char *line = newline ? newline + 1 : text;
		size_t len = (size_t)(end - line);

		end = newline ? newline : text;
		while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (len == 0 || is_noise(line) || strlen(out) + len > SAID_BYTES)
			continue;
		char *joined = xasprintf(
			"%.*s%s%s", (int)len, line, *out ? "; " : "", out);

		free(out);
		out = joined;
		lines++;
	}
	return TAKE(out);
}

static int fail_git(struct s2c_git *git, const char *verb, int status,
	const struct s2c_buf *said, struct s2c_error **err)
{
	CLEAN_FREE char *words = last_words(said);
	enum s2c_code code = S2C_EIO;
	const char *remedy = "";

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (strstr(s2c_buf_str(said), causes[i].text)) {
			code = causes[i].code;
			remedy = causes[i].remedy;
			break;
		}
	}
	if (!*words)
		return s2c_fail(err, code, "git %s of '%s' ended with status %d", verb,
			git->shown, status);
	return s2c_fail(
		err, code, "git %s of '%s': %s%s", verb, git->shown, words, remedy);
}

int s2c_git_run(struct s2c_git *git, const char *const *args, struct s2c_buf *out,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf said = S2C_BUF_INIT(S2C_GIT_OUTPUT_MAX);
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_run_io io = {.out = out, .err = &said};
	int status = 0;

	s2c_strv_add(&argv, "git");
	for (const char *const *arg = args; *arg; arg++)
		s2c_strv_add(&argv, *arg);
	opts.argv = &argv;
	opts.env = &git->env;
	opts.cwd = "/";
	opts.new_session = true;
	opts.die_with_parent = true;
	if (s2c_process_run(git->ctx, &opts, &io, &status, err) < 0)
		return s2c_wrap(err, "git %s of '%s'", args[0], git->shown);
	return status == 0 ? 0 : fail_git(git, args[0], status, &said, err);
}

/* Sums decimal lines ("-" for submodules) as they come. */
struct tally {
	uint64_t entries;
	uint64_t bytes;
	uint64_t line;
};

static bool tally_add(struct tally *t, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			t->entries++;
			t->bytes += t->line;
			t->line = 0;
		} else if (text[i] >= '0' && text[i] <= '9') {
			t->line = t->line * 10 + (uint64_t)(text[i] - '0');
		}
		if (t->line > S2C_SOURCE_BYTES_MAX || t->bytes > S2C_SOURCE_BYTES_MAX ||
			t->entries > S2C_SOURCE_ENTRIES_MAX)
			return false;
	}
	return true;
}

static int tally_fd(struct s2c_git *git, int fd, struct tally *t, bool *out_fits,
	struct s2c_error **err)
{
	CLEAN_FREE char *buf = xmalloc(65536);

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = 0;

		if (s2c_ctx_poll(git->ctx, &p, 1, -1, &ready, err) < 0)
			return -1;
		ssize_t n = read(fd, buf, 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return s2c_fail_errno(
				err, errno, "git ls-tree of '%s'", git->shown);
		*out_fits = tally_add(t, buf, (size_t)n);
		if (n == 0 || !*out_fits)
			return 0;
	}
}

int s2c_git_check_tree(struct s2c_git *git, const char *commit, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_PROCESS struct s2c_process process = S2C_PROCESS_INIT;
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct tally tally = {0};
	int fds[2];
	int status = 0;
	bool fits = false;

	s2c_strv_add(&argv, "git");
	s2c_strv_add(&argv, "ls-tree");
	s2c_strv_add(&argv, "-r");
	s2c_strv_add(&argv, "--full-tree");
	s2c_strv_add(&argv, "--format=%(objectsize)");
	s2c_strv_add(&argv, commit);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "git ls-tree of '%s'", git->shown);
	CLEAN_FD int from = fds[0];
	CLEAN_FD int to = fds[1];

	opts.argv = &argv;
	opts.env = &git->env;
	opts.cwd = "/";
	opts.fd_out = to;
	opts.new_session = true;
	opts.die_with_parent = true;
	if (s2c_process_spawn(&opts, &process, err) < 0)
		return -1;
	(void)close(take_fd(&to));
	if (tally_fd(git, from, &tally, &fits, err) < 0)
		return -1;
	if (!fits)
		return s2c_fail(err, S2C_ELIMIT,
			"the tree of '%s' is too large: at most %u entries and %llu "
			"bytes "
			"can be built",
			git->shown, S2C_SOURCE_ENTRIES_MAX, S2C_SOURCE_BYTES_MAX);
	if (s2c_process_wait(git->ctx, &process, &status, err) < 0)
		return -1;
	if (status != 0)
		return s2c_fail(err, S2C_EIO, "git ls-tree of '%s' ended with status %d",
			git->shown, status);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c login and logout. A password comes from standard input, or is asked for on a
 * terminal that does not show it; there is no option for it, because arguments are there
 * for all to see.
 */
#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include <s2c/login.h>

#include "cli/remote.h"
#include "util/stream.h"

struct login_args {
	struct s2c_remote_args remote;
	const char *username;
	bool password_stdin, get_login;
};

#define ARG(field) offsetof(struct login_args, field)

static const struct s2c_option login_options[] = {
	{"username", 'u', S2C_OPT_STR, ARG(username), "USER",
		"who logs in; '<token>' if the password is an identity token", NULL},
	{"password-stdin", 0, S2C_OPT_FLAG, ARG(password_stdin), NULL,
		"read the password from standard input", NULL},
	{"get-login", 0, S2C_OPT_FLAG, ARG(get_login), NULL, "only say who is logged in",
		NULL},
	S2C_REMOTE_OPTIONS(struct login_args, remote),
	{0},
};

/* ---- asking ---- */

/* One line of standard input, without its end. */
static int read_line(struct s2c_ctx *ctx, struct s2c_buf *out, struct s2c_error **err)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char c;
	int ready;

	for (;;) {
		ssize_t n;

		if (s2c_ctx_poll(ctx, &in, 1, -1, &ready, err))
			return -1;
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return s2c_fail_errno(err, errno, "cannot read standard input");
		if (n == 0 || c == '\n')
			return 0;
		if (s2c_buf_add(out, &c, 1, err))
			return -1;
	}
}

static int ask(struct s2c_ctx *ctx, const char *what, bool shown, struct s2c_buf *out,
	struct s2c_error **err)
{
	struct termios before, silent;
	int rc;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return s2c_fail(err, S2C_EINVAL,
			"standard input is no terminal to ask for the %s; say -u USER "
			"and --password-stdin",
			what);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ECHONL;
	if (!shown && tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		return s2c_fail_errno(err, errno, "cannot hide the %s", what);
	fprintf(stderr, "%s: ", what);
	(void)fflush(stderr);
	rc = read_line(ctx, out, err);
	if (!shown)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return rc;
}

/* All of standard input, without a line end behind it. */
static int read_password(struct s2c_ctx *ctx, struct s2c_buf *out, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *in = s2c_reader_pipe(ctx, STDIN_FILENO, false);
	char piece[4096];
	ssize_t n;
	int rc = 0;

	while ((n = s2c_read(in, piece, sizeof(piece), err)) > 0 && rc == 0)
		rc = s2c_buf_add(out, piece, (size_t)n, err);
	explicit_bzero(piece, sizeof(piece));
	if (n < 0 || rc < 0)
		return s2c_wrap(err, "password on standard input");
	if (out->len && out->data[out->len - 1] == '\n')
		out->data[--out->len] = '\0';
	if (out->len && out->data[out->len - 1] == '\r')
		out->data[--out->len] = '\0';
	return 0;
}

static int get_password(struct s2c_ctx *ctx, const struct login_args *args,
	struct s2c_buf *out, struct s2c_error **err)
{
	if ((args->password_stdin ? read_password(ctx, out, err)
				  : ask(ctx, "password", false, out, err)) < 0)
		return -1;
	if (memchr(s2c_buf_str(out), '\0', out->len))
		return s2c_fail(err, S2C_EINVAL, "the password holds a NUL byte");
	return 0;
}

static int get_username(struct s2c_ctx *ctx, const struct login_args *args,
	struct s2c_buf *out, struct s2c_error **err)
{
	if (args->username)
		return s2c_buf_puts(out, args->username, err);
	if (args->password_stdin)
		return s2c_fail(
			err, S2C_EINVAL, "--password-stdin needs a user: -u USER");
	return ask(ctx, "user name", true, out, err);
}

/* ---- commands ---- */

static int get_login(struct s2c_call *call, const struct s2c_remote_options *remote,
	struct s2c_error **err)
{
	CLEAN_FREE char *user = NULL;

	if (s2c_login_user(
		    call->ctx, call->operands.items[0], remote->authfile, &user, err))
		return -1;
	puts(user);
	return 0;
}

static int login(struct s2c_call *call, struct s2c_error **err)
{
	const struct login_args *args = call->args;
	CLEAN_BUF struct s2c_buf user = S2C_BUF_INIT(S2C_USERNAME_MAX);
	CLEAN_BUF_SECRET struct s2c_buf password = S2C_BUF_INIT(S2C_PASSWORD_MAX);
	CLEAN_FREE char *where = NULL;
	struct s2c_login_options o = {
		.registry = call->operands.items[0],
		.remote = s2c_remote_options_of(&args->remote),
	};

	if (args->get_login)
		return get_login(call, &o.remote, err);
	if (get_username(call->ctx, args, &user, err) ||
		get_password(call->ctx, args, &password, err))
		return -1;
	o.username = s2c_buf_str(&user);
	o.password = s2c_buf_str(&password);
	if (s2c_login(call->ctx, &o, &where, err))
		return -1;
	printf("logged in to %s as %s; kept in %s\n", o.registry, o.username, where);
	return 0;
}

const struct s2c_command s2c_cmd_login = {
	.name = "login",
	.summary = "log in to a registry",
	.operands = "REGISTRY",
	.description =
		"Asks for a user name and a password, shows them to the registry, and "
		"keeps them if it lets them in. REGISTRY is HOST[:PORT], or with a /PATH "
		"behind it for the repositories below that only.\n\n"
		"They are kept in the file of --authfile, else of REGISTRY_AUTH_FILE, "
		"else in $XDG_RUNTIME_DIR/containers/auth.json, else in "
		"$DOCKER_CONFIG/config.json or ~/.docker/config.json, where podman and "
		"docker find them too; or by the credential helper that the file names. "
		"The file is for its owner only, but not encrypted.",
	.examples = "  s2c login registry.example -u me\n"
		    "  pass registry | s2c login registry.example -u me "
		    "--password-stdin\n",
	.options = login_options,
	.args_size = sizeof(struct login_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = login,
};

struct logout_args {
	const char *authfile;
	bool all;
};

static const struct s2c_option logout_options[] = {
	{"all", 'a', S2C_OPT_FLAG, offsetof(struct logout_args, all), NULL,
		"forget the credentials for all registries", NULL},
	{"authfile", 0, S2C_OPT_STR, offsetof(struct logout_args, authfile), "FILE",
		"auth file to change instead of the usual ones", NULL},
	{0},
};

static int logout(struct s2c_call *call, struct s2c_error **err)
{
	const struct logout_args *args = call->args;
	const char *registry = call->operands.len ? call->operands.items[0] : NULL;

	if (args->all == (registry != NULL))
		return s2c_fail(
			err, S2C_EINVAL, "logout takes either a REGISTRY or --all");
	if (s2c_logout(call->ctx, registry, args->authfile, err))
		return -1;
	printf("logged out of %s\n", registry ? registry : "all registries");
	return 0;
}

const struct s2c_command s2c_cmd_logout = {
	.name = "logout",
	.summary = "forget the login to a registry",
	.operands = "[REGISTRY]",
	.description = "Removes credentials from all auth files and credential helpers "
		       "where they would be looked for.",
	.options = logout_options,
	.args_size = sizeof(struct logout_args),
	.max_operands = 1,
	.run = logout,
};

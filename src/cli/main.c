/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: command table, global options, signals to cancel, errors to exit status.
 * What a command does is in cmd_*.c, how things look in term.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <s2c/host.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/s2i.h"
#include "cli/term.h"
#include "util/error.h"

#define GLOBAL(field) offsetof(struct s2c_global, field)

const struct s2c_option s2c_global_options[] = {
	{"root", 0, S2C_OPT_STR, GLOBAL(root), "DIR",
		"where images are kept (default: S2C_ROOT, else /var/lib/s2c for root, "
		"else "
		"$XDG_DATA_HOME/s2c)",
		NULL},
	{"log-level", 0, S2C_OPT_STR, GLOBAL(log_level), "LEVEL",
		"least important messages shown", "error|warn|info|debug"},
	{"log-format", 0, S2C_OPT_STR, GLOBAL(log_format), "FORMAT",
		"lines for people, or one JSON object per event", "text|json"},
	{"loglevel", 0, S2C_OPT_STR, GLOBAL(loglevel), "NUMBER",
		"S2I's form of --log-level: from 2 on details are shown", "0|1|2|3|4|5"},
	{"progress", 0, S2C_OPT_STR, GLOBAL(progress), "HOW",
		"a live line per phase, plain lines, or neither", "auto|tty|plain|none"},
	{"quiet", 'q', S2C_OPT_FLAG, GLOBAL(quiet), NULL, "show errors only", NULL},
	{"help", 'h', S2C_OPT_FLAG, GLOBAL(help), NULL, "show this help", NULL},
	{0},
};

const struct s2c_command *const s2c_commands[] = {
	&s2c_cmd_build,
	&s2c_cmd_rebuild,
	&s2c_cmd_usage,
	&s2c_cmd_create,
	&s2c_cmd_generate,
	&s2c_cmd_dockerfile,
	&s2c_cmd_run,
	&s2c_cmd_shell,
	&s2c_cmd_images,
	&s2c_cmd_inspect,
	&s2c_cmd_history,
	&s2c_cmd_tag,
	&s2c_cmd_rmi,
	&s2c_cmd_pull,
	&s2c_cmd_push,
	&s2c_cmd_referrers,
	&s2c_cmd_login,
	&s2c_cmd_logout,
	&s2c_cmd_import,
	&s2c_cmd_save,
	&s2c_cmd_load,
	&s2c_cmd_prune,
	&s2c_cmd_gate,
	&s2c_cmd_doctor,
	&s2c_cmd_completion,
	&s2c_cmd_version,
	&s2c_cmd_help,
	NULL,
};

const struct s2c_command *s2c_command_find(const char *name)
{
	for (size_t i = 0; s2c_commands[i]; i++)
		if (streq(s2c_commands[i]->name, name))
			return s2c_commands[i];
	return NULL;
}

const struct s2c_command *s2c_subcommand_find(
	const struct s2c_command *command, const char *word)
{
	for (size_t i = 0; word && command->subcommands && command->subcommands[i]; i++)
		if (streq(strrchr(command->subcommands[i]->name, ' ') + 1, word))
			return command->subcommands[i];
	return NULL;
}

/* What the process was told by a signal; the handler may only touch this. */
static struct s2c_ctx *signal_ctx;

static void on_signal(int number)
{
	(void)number;
	s2c_ctx_cancel(signal_ctx);
}

static void catch_signals(struct s2c_ctx *ctx)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	/* One is a request; with the second the default action ends the process at once,
	 * and the next command sweeps what it left. */
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	signal_ctx = ctx;
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		(void)sigaction(ending[i], &action, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

static enum s2c_exit exit_status(enum s2c_code code)
{
	static const enum s2c_exit table[] = {
		[S2C_EINVAL] = S2C_EXIT_USAGE,
		[S2C_EAUTH] = S2C_EXIT_AUTH,
		[S2C_EDENIED] = S2C_EXIT_AUTH,
		[S2C_ECHILD] = S2C_EXIT_SCRIPT,
		[S2C_ETIMEOUT] = S2C_EXIT_TIMEOUT,
		[S2C_ECANCELED] = S2C_EXIT_CANCELLED,
	};

	if (code < ARRAY_SIZE(table) && table[code])
		return table[code];
	return S2C_EXIT_FAILED;
}

static char *default_root(void)
{
	const char *env = getenv("S2C_ROOT");
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");

	if (env && *env)
		return xstrdup(env);
	if (geteuid() == 0)
		return xstrdup("/var/lib/s2c");
	if (data && *data == '/')
		return xasprintf("%s/s2c", data);
	return xasprintf("%s/.local/share/s2c", home && *home ? home : "/tmp");
}

static enum s2c_level level_of(const char *name)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return (enum s2c_level)i;
	return S2C_INFO;
}

static const char *or_default(const char *value, const char *fallback)
{
	return value ? value : fallback;
}

static void clean_term(struct s2c_term **term)
{
	s2c_term_free(*term);
}

static void clean_store(struct s2c_store **store)
{
	if (*store)
		s2c_store_close(*store);
}

/* Opens what the command needs and does it. */
static int run(
	const struct s2c_command *command, struct s2c_call *call, struct s2c_error **err)
{
	CLEAN(clean_store) struct s2c_store *store = NULL;

	if (command->needs == S2C_NEEDS_STORE) {
		if (s2c_host_enter(call->ctx, err))
			return -1;
		if (s2c_store_open(call->ctx, call->root, &store, err))
			return -1;
	}
	call->store = store;
	return command->run(call, err);
}

/* Runs a parsed command under signals and a sink; returns the exit status. */
static int perform(const struct s2c_command *command, const struct s2c_global *global,
	struct s2c_call *call)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *root = global->root ? xstrdup(global->root) : default_root();
	struct s2c_term_opts look = {
		.progress = or_default(global->progress, "auto"),
		.format = or_default(global->log_format, "text"),
		.level = level_of(or_default(global->log_level,
			global->loglevel && *global->loglevel > '1' ? "debug" : "info")),
		.quiet = global->quiet,
	};
	CLEAN(clean_term) struct s2c_term *term = s2c_term_new(&look);
	struct s2c_ctx *ctx = s2c_ctx_new(s2c_term_sink(term));
	int status;

	catch_signals(ctx);
	call->root = root;
	call->ctx = ctx;
	status = run(command, call, &err);
	if (status >= 0 && fflush(stdout) != 0)
		status = s2c_fail_errno(&err, errno, "cannot write to standard output");
	if (status < 0) {
		s2c_term_error(term, err);
		status = exit_status(s2c_error_code(err));
	}
	/* The context stays for a signal that may still come; the process ends now. */
	return status;
}

/* A usage error, before there is a context. */
static int refuse(const struct s2c_global *global, const struct s2c_error *err)
{
	struct s2c_term_opts look = {
		.progress = "none", .format = or_default(global->log_format, "text")};
	CLEAN(clean_term) struct s2c_term *term = s2c_term_new(&look);

	s2c_term_error(term, err);
	return S2C_EXIT_USAGE;
}

/* Everything behind the name of the program. */
static int run_words(struct s2c_global *global, char **argv)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	const struct s2c_command *command;
	struct s2c_call call = {.global = global};
	size_t used;
	int status;

	if (s2c_options_parse_global(global, argv, &used, &err))
		return refuse(global, err);
	argv += used;
	if (!*argv) {
		s2c_help_overview(global->help ? stdout : stderr);
		return global->help ? S2C_EXIT_DONE : S2C_EXIT_USAGE;
	}
	command = s2c_command_find(*argv);
	if (!command) {
		(void)s2c_fail(
			&err, S2C_EINVAL, "unknown command '%s'; see 's2c help'", *argv);
		return refuse(global, err);
	}
	if (s2c_subcommand_find(command, argv[1]))
		command = s2c_subcommand_find(command, *++argv);
	call.args = xcalloc(1, command->args_size);
	status = s2c_options_parse(&(struct s2c_parse){command, global, call.args,
					   &call.operands, &call.given},
		argv + 1, &err);
	call.command = command;
	if (status)
		status = refuse(global, err);
	else if (global->help)
		s2c_help_command(stdout, command);
	else if (command->check && command->check(&call, &err))
		status = refuse(global, err);
	else
		status = perform(command, global, &call);
	s2c_args_free(command, call.args);
	s2c_strv_release(&call.operands);
	s2c_strv_release(&call.given);
	return status;
}

int main(int argc, char **argv)
{
	CLEAN_STRV struct s2c_strv words = S2C_STRV_INIT;
	struct s2c_global global = {.s2i = s2c_s2i_is(argv[0])};

	s2c_cmd_usage_init();
	s2c_cmd_dockerfile_init();
	if (!global.s2i || argc < 2)
		return run_words(&global, argv + (argc > 0));
	s2c_s2i_words(argv + 1, &words);
	return run_words(&global, words.items ? words.items : argv + argc);
}

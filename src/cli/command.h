/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands as data. One table per command says which options and operands it takes;
 * parsing (options.c), --help and the manual page (help.c) and shell completion
 * (completion.c) are all made from it.
 */
#ifndef S2C_CLI_COMMAND_H
#define S2C_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <s2c/context.h>
#include <s2c/error.h>
#include <s2c/store.h>

#include "util/strv.h"

/* Exit statuses, documented in s2c(1). */
enum s2c_exit {
	S2C_EXIT_DONE = 0,
	S2C_EXIT_FAILED = 1,
	S2C_EXIT_USAGE = 2,  /* wrong usage or invalid input */
	S2C_EXIT_SCRIPT = 3, /* a build script failed */
	S2C_EXIT_AUTH = 4,   /* credentials refused, or denied by policy */
	S2C_EXIT_TIMEOUT = 124,
	S2C_EXIT_CANCELLED = 130,
};

enum s2c_option_kind {
	S2C_OPT_FLAG, /* bool */
	S2C_OPT_STR,  /* const char * */
	S2C_OPT_UINT, /* unsigned */
	S2C_OPT_MORE, /* unsigned, 1 more than the number, so that 0 is "not given" */
	S2C_OPT_LIST, /* struct s2c_strv, repeatable */
};

struct s2c_option {
	const char *name; /* without dashes; NULL ends a table */
	char letter;      /* 0: none */
	enum s2c_option_kind kind;
	size_t offset;       /* of the value in the command's argument struct */
	const char *metavar; /* "FILE"; NULL for flags */
	const char *help;    /* one sentence without full stop */
	const char *choices; /* "a|b|c": the only values; NULL: any */
};

struct s2c_global {
	const char *root; /* NULL: the default */
	const char *log_level;
	const char *loglevel; /* S2I's */
	const char *log_format;
	const char *progress;
	bool quiet;
	bool help;
	bool s2i; /* called by that name */
};

/* What a running command gets. */
struct s2c_call {
	const struct s2c_command *command;
	struct s2c_global *global;
	const char *root; /* of the store: resolved default or --root */
	struct s2c_ctx *ctx;
	struct s2c_store *store; /* NULL unless the command needs one */
	void *args;              /* its argument struct */
	struct s2c_strv operands;
	struct s2c_strv given; /* "NAME=VALUE" of each option, in order */
};

enum s2c_needs { S2C_NEEDS_NOTHING, S2C_NEEDS_STORE };

struct s2c_command {
	const char *name;
	const char *summary;              /* one line */
	const char *operands;             /* "SOURCE BUILDER [TAG]" */
	const char *description;          /* paragraphs separated by blank lines */
	const char *examples;             /* lines, or NULL */
	const struct s2c_option *options; /* ends with a NULL name; may be NULL */
	/* More of them, which other commands with the same argument struct have too. */
	const struct s2c_option *shared;
	size_t args_size;
	int min_operands, max_operands; /* max -1: any number */
	enum s2c_needs needs;
	/*
	 * Its own commands, ended by NULL; NULL: none. Their names are its name, a blank
	 * and the word: "gate check". `run` is what it does without one of these words.
	 */
	const struct s2c_command *const *subcommands;
	/*
	 * Looks at what was parsed before anything is opened, and may add to it; what it
	 * fails with is wrong usage. May be NULL.
	 */
	int (*check)(struct s2c_call *call, struct s2c_error **err);
	/*
	 * Does it. Returns an exit status (0 or that of the process it ran), or -1 with
	 * *err set. Results go to standard output.
	 */
	int (*run)(struct s2c_call *call, struct s2c_error **err);
};

/* All commands in the order of help, ended by NULL; main.c. */
extern const struct s2c_command *const s2c_commands[];
/* Options that every command takes. */
extern const struct s2c_option s2c_global_options[];

/* The command of a name, or NULL. */
const struct s2c_command *s2c_command_find(const char *name);
/* The command of it that `word` (may be NULL) is, or NULL. */
const struct s2c_command *s2c_subcommand_find(
	const struct s2c_command *command, const char *word);

/* An option of a command by its name, or NULL; global ones do not count. */
const struct s2c_option *s2c_option_find(
	const struct s2c_command *command, const char *name);
/* True if two names are those of one option, as --url and --engine are. */
bool s2c_option_same(const struct s2c_option *a, const struct s2c_option *b);

extern const struct s2c_command s2c_cmd_build, s2c_cmd_rebuild, s2c_cmd_usage,
	s2c_cmd_create, s2c_cmd_generate, s2c_cmd_dockerfile, s2c_cmd_run, s2c_cmd_shell,
	s2c_cmd_images, s2c_cmd_inspect, s2c_cmd_history, s2c_cmd_tag, s2c_cmd_rmi,
	s2c_cmd_pull, s2c_cmd_push, s2c_cmd_referrers, s2c_cmd_login, s2c_cmd_logout,
	s2c_cmd_import, s2c_cmd_save, s2c_cmd_load, s2c_cmd_prune, s2c_cmd_gate,
	s2c_cmd_doctor, s2c_cmd_completion, s2c_cmd_version, s2c_cmd_help;

/* Take the options that these share with build into their tables: before anything else.
 */
void s2c_cmd_usage_init(void);
void s2c_cmd_dockerfile_init(void);

/* Frees the lists of an argument struct and the struct. */
void s2c_args_free(const struct s2c_command *command, void *args);

/*
 * Parses what follows a command's name into `args` (zeroed, args_size) and operands;
 * global options are accepted anywhere before "--". S2C_EINVAL names the option.
 */
struct s2c_parse {
	const struct s2c_command *command;
	struct s2c_global *global;
	void *args;
	struct s2c_strv *operands;
	struct s2c_strv *given; /* as in struct s2c_call; may be NULL */
};
/* One option with its value, as if it had been on the command line last. */
S2C_CHECK int s2c_options_apply(const struct s2c_parse *parse, const char *name,
	const char *value, struct s2c_error **err);
S2C_CHECK int s2c_options_parse(
	const struct s2c_parse *parse, char **argv, struct s2c_error **err);
/*
 * Parses global options before the command's name; *out_used is how many of argv were
 * consumed.
 */
S2C_CHECK int s2c_options_parse_global(
	struct s2c_global *global, char **argv, size_t *out_used, struct s2c_error **err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell completion out of the command tables. The scripts are complete in themselves:
 * they do not call s2c while a person types.
 */
#include <stdio.h>

#include "cli/command.h"
#include "util/error.h"

static void words_of(const struct s2c_option *table)
{
	for (const struct s2c_option *o = table; o && o->name; o++)
		printf(" --%s", o->name);
}

/* Words of a command's own commands, and all their options. */
static void words_of_subcommands(const struct s2c_command *c)
{
	for (size_t i = 0; c->subcommands && c->subcommands[i]; i++) {
		printf(" %s", strrchr(c->subcommands[i]->name, ' ') + 1);
		words_of(c->subcommands[i]->options);
	}
}

/* What may stand behind options with a choice: of all commands, or (mark ":") of one. */
static void bash_choices(
	const char *before, const char *mark, const struct s2c_option *table)
{
	for (const struct s2c_option *o = table; o && o->name; o++) {
		if (!o->choices)
			continue;
		printf("\t\t%s%s--%s) words='", before, mark, o->name);
		for (const char *c = o->choices; *c; c++)
			putchar(*c == '|' ? ' ' : *c);
		puts("' ;;");
	}
}

static void bash(void)
{
	puts("_s2c() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "\tlocal cmd= words= i\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tcase ${COMP_WORDS[i]} in -*) ;; *) cmd=${COMP_WORDS[i]}; break ;; "
	     "esac\n"
	     "\tdone\n"
	     "\tcase $prev in");
	bash_choices("", "", s2c_global_options);
	puts("\tesac\n\tcase $cmd:$prev in");
	for (size_t i = 0; s2c_commands[i]; i++) {
		bash_choices(s2c_commands[i]->name, ":", s2c_commands[i]->options);
		bash_choices(s2c_commands[i]->name, ":", s2c_commands[i]->shared);
	}
	puts("\tesac\n\t[ -n \"$words\" ] || case $cmd in");
	fputs("\t\t'') words='", stdout);
	for (size_t i = 0; s2c_commands[i]; i++)
		printf("%s ", s2c_commands[i]->name);
	words_of(s2c_global_options);
	puts("' ;;");
	for (size_t i = 0; s2c_commands[i]; i++) {
		printf("\t\t%s) words='", s2c_commands[i]->name);
		words_of_subcommands(s2c_commands[i]);
		words_of(s2c_commands[i]->options);
		words_of(s2c_commands[i]->shared);
		words_of(s2c_global_options);
		puts("' ;;");
	}
	puts("\tesac\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	     "\t[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	     "}\n"
	     "complete -o filenames -F _s2c s2c");
}

/* A help text inside single quotes of zsh and fish; '[' and ']' are special to zsh. */
static void quoted(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (*text == '[' || *text == ']' || *text == ':')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void zsh_options(const struct s2c_option *table)
{
	for (const struct s2c_option *o = table; o && o->name; o++) {
		printf("\t\t\t'%s--%s%s[", o->kind == S2C_OPT_LIST ? "*" : "", o->name,
			o->kind == S2C_OPT_FLAG ? "" : "=");
		quoted(o->help);
		putchar(']');
		if (o->choices) {
			printf(":%s:(", o->metavar);
			for (const char *c = o->choices; *c; c++)
				putchar(*c == '|' ? ' ' : *c);
			putchar(')');
		} else if (o->metavar) {
			printf(":%s:_files", o->metavar);
		}
		puts("' \\");
	}
}

static void zsh_subcommands(const struct s2c_command *c)
{
	if (!c->subcommands)
		return;
	for (size_t i = 0; c->subcommands[i]; i++)
		zsh_options(c->subcommands[i]->options);
	fputs("\t\t\t'1:command:(", stdout);
	for (size_t i = 0; c->subcommands[i]; i++)
		printf(" %s", strrchr(c->subcommands[i]->name, ' ') + 1);
	puts(")' \\");
}

static void zsh(void)
{
	puts("#compdef s2c\n_s2c() {\n\tlocal -a commands\n\tcommands=(");
	for (size_t i = 0; s2c_commands[i]; i++) {
		printf("\t\t'%s:", s2c_commands[i]->name);
		quoted(s2c_commands[i]->summary);
		puts("'");
	}
	puts("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n"
	     "\t\treturn\n\tfi\n\tlocal cmd=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n"
	     "\tcase $cmd in");
	for (size_t i = 0; s2c_commands[i]; i++) {
		printf("\t%s)\n\t\t_arguments \\\n", s2c_commands[i]->name);
		zsh_options(s2c_commands[i]->options);
		zsh_options(s2c_commands[i]->shared);
		zsh_subcommands(s2c_commands[i]);
		zsh_options(s2c_global_options);
		puts("\t\t\t'*:file:_files' ;;");
	}
	puts("\tesac\n}\n_s2c \"$@\"");
}

static void fish_options(const char *condition, const struct s2c_option *table)
{
	for (const struct s2c_option *o = table; o && o->name; o++) {
		printf("complete -c s2c%s%s%s -l %s", *condition ? " -n '" : "",
			condition, *condition ? "'" : "", o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		if (o->choices) {
			fputs(" -x -a '", stdout);
			for (const char *c = o->choices; *c; c++)
				putchar(*c == '|' ? ' ' : *c);
			putchar('\'');
		} else if (o->metavar) {
			fputs(" -r", stdout);
		}
		fputs(" -d '", stdout);
		for (const char *c = o->help; *c; c++)
			*c == '\'' ? (void)fputs("\\'", stdout) : (void)putchar(*c);
		puts("'");
	}
}

static void fish_subcommands(const char *condition, const struct s2c_command *c)
{
	for (size_t i = 0; c->subcommands && c->subcommands[i]; i++) {
		printf("complete -c s2c -n '%s' -f -a %s -d '", condition,
			strrchr(c->subcommands[i]->name, ' ') + 1);
		for (const char *p = c->subcommands[i]->summary; *p; p++)
			*p == '\'' ? (void)fputs("\\'", stdout) : (void)putchar(*p);
		puts("'");
		fish_options(condition, c->subcommands[i]->options);
	}
}

static void fish(void)
{
	char condition[128];

	for (size_t i = 0; s2c_commands[i]; i++) {
		printf("complete -c s2c -n __fish_use_subcommand -f -a %s -d '",
			s2c_commands[i]->name);
		for (const char *c = s2c_commands[i]->summary; *c; c++)
			*c == '\'' ? (void)fputs("\\'", stdout) : (void)putchar(*c);
		puts("'");
		(void)snprintf(condition, sizeof(condition),
			"__fish_seen_subcommand_from %s", s2c_commands[i]->name);
		fish_options(condition, s2c_commands[i]->options);
		fish_options(condition, s2c_commands[i]->shared);
		fish_subcommands(condition, s2c_commands[i]);
	}
	fish_options("", s2c_global_options);
}

static const struct shell {
	const char *name;
	void (*print)(void);
	const char *as_s2i; /* a line for the name s2i */
} shells[] = {
	{"bash", bash, "complete -o filenames -F _s2c s2i"},
	{"zsh", zsh, "compdef _s2c s2i"},
	{"fish", fish, "complete -c s2i -w s2c"},
};

static int completion(struct s2c_call *call, struct s2c_error **err)
{
	const char *name = call->operands.items[0];

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (streq(shells[i].name, name)) {
			shells[i].print();
			if (call->global->s2i)
				puts(shells[i].as_s2i);
			return 0;
		}
	}
	return s2c_fail(err, S2C_EINVAL,
		"no completion for '%s'; there is one for bash, zsh and fish", name);
}

const struct s2c_command s2c_cmd_completion = {
	.name = "completion",
	.summary = "print a completion script for a shell",
	.operands = "bash|zsh|fish",
	.description = "Prints a script that completes s2c's commands and options.",
	.examples = "  s2c completion bash > /etc/bash_completion.d/s2c\n",
	.min_operands = 1,
	.max_operands = 1,
	.run = completion,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people out of the command tables: --help on a terminal and man(7) source. What
 * holds for all commands (exit statuses, environment, files) stands here as tables too.
 */
#include "cli/help.h"

#include <ctype.h>

#define WIDTH 79
#define HELP_COLUMN 29

struct row {
	const char *name, *text;
};

static const struct row exit_rows[] = {
	{"0", "done; for 's2c run' the status of the process"},
	{"1", "failed"},
	{"2", "wrong usage or invalid input"},
	{"3", "a build script failed; its own status is in the message"},
	{"4", "credentials were missing or refused, or policy forbids it"},
	{"124", "a timeout passed"},
	{"130", "cancelled by a signal"},
};

static const struct row environment_rows[] = {
	{"S2C_ROOT", "the store, as --root"},
	{"S2C_ENGINE", "the engine of s2c build, as its --engine"},
	{"S2C_TRACE",
		"components whose details are logged: http,registry,runtime or all"},
	{"SOURCE_DATE_EPOCH", "seconds since 1970 to use as creation time of images; "
			      "later times of files "
			      "in new layers become it too"},
	{"DOCKER_CONFIG, REGISTRY_AUTH_FILE", "where registry credentials are looked up"},
	{"CONTAINERS_REGISTRIES_CONF",
		"mirrors, aliases and the like, as registries-conf"},
	{"http_proxy, https_proxy, no_proxy", "proxies for transfers by s2c itself"},
};

/* Prints words with line breaks; the cursor is at `column`, further lines begin at
 * `indent`. */
static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
	bool first = true;

	while (*text) {
		int word = (int)strcspn(text, " \n");

		if (!first && column + 1 + word > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (!first && column > indent) {
			putc(' ', out);
			column++;
		}
		fwrite(text, 1, (size_t)word, out);
		column += word;
		text += word + strspn(text + word, " ");
		first = false;
		for (; *text == '\n'; text++) {
			fprintf(out, "\n%*s", text[1] == '\n' ? 0 : indent, "");
			column = indent;
			first = true;
		}
	}
	putc('\n', out);
}

/* "-p, --pull-policy POLICY" */
static int format_option(const struct s2c_option *o, char *out, size_t len)
{
	char letter[8] = "    ";

	if (o->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	return snprintf(out, len, "%s--%s%s%s", letter, o->name, o->metavar ? " " : "",
		o->metavar ? o->metavar : "");
}

static void print_option(FILE *out, const struct s2c_option *o)
{
	char head[128], text[512];
	int len = format_option(o, head, sizeof(head));

	(void)snprintf(text, sizeof(text), "%s%s%s%s%s", o->help, o->choices ? ": " : "",
		o->choices ? o->choices : "",
		o->kind == S2C_OPT_LIST ? "; repeatable" : "", "");
	fprintf(out, "  %s", head);
	if (len + 2 >= HELP_COLUMN - 1) {
		putc('\n', out);
		len = -2;
	}
	fprintf(out, "%*s", HELP_COLUMN - 2 - len, "");
	print_wrapped(out, text, HELP_COLUMN, HELP_COLUMN);
}

static void print_options(FILE *out, const char *title, const struct s2c_option *table)
{
	if (!table || !table->name)
		return;
	fprintf(out, "\n%s:\n", title);
	for (const struct s2c_option *o = table; o->name; o++)
		print_option(out, o);
}

static void print_more(FILE *out, const struct s2c_option *table)
{
	for (const struct s2c_option *o = table; o && o->name; o++)
		print_option(out, o);
}

static void print_subcommands(FILE *out, const struct s2c_command *c)
{
	char head[128];

	for (size_t i = 0; c->subcommands && c->subcommands[i]; i++) {
		const struct s2c_command *sub = c->subcommands[i];
		int len = snprintf(head, sizeof(head), "s2c %s%s%s", sub->name,
			*sub->operands ? " " : "", sub->operands);

		fprintf(out, "%s  %s", i ? "" : "\nCommands:\n", head);
		if (len + 2 >= HELP_COLUMN - 1) {
			putc('\n', out);
			len = -2;
		}
		fprintf(out, "%*s", HELP_COLUMN - 2 - len, "");
		print_wrapped(out, sub->summary, HELP_COLUMN, HELP_COLUMN);
	}
}

void s2c_help_overview(FILE *out)
{
	fputs("s2c builds runnable container images from application source.\n\n"
	      "Usage: s2c [OPTIONS] COMMAND ...\n\nCommands:\n",
		out);
	for (size_t i = 0; s2c_commands[i]; i++)
		fprintf(out, "  %-11s %s\n", s2c_commands[i]->name,
			s2c_commands[i]->summary);
	print_options(out, "Options of all commands", s2c_global_options);
	fputs("\n's2c COMMAND --help' and s2c-COMMAND(1) tell more.\n", out);
}

void s2c_help_command(FILE *out, const struct s2c_command *c)
{
	fprintf(out, "Usage: s2c %s [OPTIONS]%s%s\n\n", c->name, *c->operands ? " " : "",
		c->operands);
	print_wrapped(out, c->description, 0, 0);
	print_subcommands(out, c);
	print_options(out, "Options", c->options ? c->options : c->shared);
	if (c->options)
		print_more(out, c->shared);
	print_options(out, "Options of all commands", s2c_global_options);
	if (c->examples)
		fprintf(out, "\nExamples:\n%s", c->examples);
}

/* man(7) source: '-', '\' and leading '.' and ''' are escaped. */
static void man_text(FILE *out, const char *text)
{
	bool at_start = true;

	for (; *text; text++) {
		if (at_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (text[0] == '\n' && text[1] == '\n') {
			fputs("\n.PP\n", out);
			text++;
		} else if (*text == '-') {
			fputs("\\-", out);
		} else if (*text == '\\') {
			fputs("\\e", out);
		} else {
			putc(*text, out);
		}
		at_start = *text == '\n';
	}
}

static void man_upper(FILE *out, const char *text)
{
	for (; *text; text++)
		putc(toupper((unsigned char)*text), out);
}

static void man_more(FILE *out, const struct s2c_option *table)
{
	char head[128];

	for (const struct s2c_option *o = table; o && o->name; o++) {
		(void)format_option(o, head, sizeof(head));
		fputs(".TP\n.B ", out);
		man_text(out, head + strspn(head, " "));
		putc('\n', out);
		man_text(out, o->help);
		if (o->choices) {
			fputs(": ", out);
			man_text(out, o->choices);
		}
		fprintf(out, "%s.\n",
			o->kind == S2C_OPT_LIST ? "; may be given again" : "");
	}
}

static void man_options(FILE *out, const char *title, const struct s2c_option *table)
{
	if (!table || !table->name)
		return;
	fprintf(out, ".SH %s\n", title);
	man_more(out, table);
}

static void man_rows(FILE *out, const char *title, const struct row *rows, size_t n)
{
	fprintf(out, ".SH %s\n", title);
	for (size_t i = 0; i < n; i++) {
		fputs(".TP\n.B ", out);
		man_text(out, rows[i].name);
		putc('\n', out);
		man_text(out, rows[i].text);
		putc('\n', out);
	}
}

static void man_overview(FILE *out)
{
	fputs(".TH S2C 1 \"\" \"s2c " S2C_VERSION "\" \"User Commands\"\n.SH NAME\n"
	      "s2c \\- build runnable container images from application source\n"
	      ".SH SYNOPSIS\n.B s2c\n[OPTIONS] COMMAND ...\n.SH COMMANDS\n",
		out);
	for (size_t i = 0; s2c_commands[i]; i++) {
		fprintf(out, ".TP\n.BR s2c\\-%s (1)\n", s2c_commands[i]->name);
		man_text(out, s2c_commands[i]->summary);
		putc('\n', out);
	}
	man_options(out, "OPTIONS OF ALL COMMANDS", s2c_global_options);
}

static void man_examples(FILE *out, const struct s2c_command *c)
{
	if (!c->examples)
		return;
	fputs(".SH EXAMPLES\n.nf\n", out);
	man_text(out, c->examples);
	fputs(".fi\n", out);
}

/* A command's own command is a part of its page. */
static void man_subcommand(FILE *out, const struct s2c_command *c)
{
	char title[64];

	fputs(".SH COMMAND ", out);
	man_upper(out, strrchr(c->name, ' ') + 1);
	fprintf(out, "\n.B s2c %s\n[OPTIONS] %s\n.PP\n", c->name, c->operands);
	man_text(out, c->description);
	putc('\n', out);
	(void)snprintf(title, sizeof(title), "OPTIONS OF %s", strrchr(c->name, ' ') + 1);
	man_options(out, title, c->options);
	man_examples(out, c);
}

static void man_command(FILE *out, const struct s2c_command *c)
{
	fputs(".TH S2C\\-", out);
	man_upper(out, c->name);
	fprintf(out,
		" 1 \"\" \"s2c " S2C_VERSION
		"\" \"User Commands\"\n.SH NAME\ns2c\\-%s \\- ",
		c->name);
	man_text(out, c->summary);
	fprintf(out, "\n.SH SYNOPSIS\n.B s2c %s\n[OPTIONS] %s\n.SH DESCRIPTION\n",
		c->name, c->operands);
	man_text(out, c->description);
	putc('\n', out);
	man_options(out, "OPTIONS", c->options ? c->options : c->shared);
	if (c->options)
		man_more(out, c->shared);
	man_examples(out, c);
	for (size_t i = 0; c->subcommands && c->subcommands[i]; i++)
		man_subcommand(out, c->subcommands[i]);
	fputs(".SH SEE ALSO\n.BR s2c (1)\nfor options of all commands.\n", out);
}

void s2c_help_man(FILE *out, const struct s2c_command *command)
{
	if (command)
		man_command(out, command);
	else
		man_overview(out);
	man_rows(out, "EXIT STATUS", exit_rows, ARRAY_SIZE(exit_rows));
	if (!command)
		man_rows(out, "ENVIRONMENT", environment_rows,
			ARRAY_SIZE(environment_rows));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S2I's ways of writing a command line.
 */
#include "cli/s2i.h"

#include <stdio.h>

/* Flags that S2I takes before the command too. */
static const struct {
	const char *name;
	char letter;
	bool has_value;
} persistent[] = {
	{"url", 'U', true},
	{"cert", 0, true},
	{"key", 0, true},
	{"ca", 0, true},
	{"tls", 0, false},
	{"tlsverify", 0, false},
};

bool s2c_s2i_is(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0 ? argv0 : "";

	if (streq(name, "sti"))
		fputs("s2c: warning: the name 'sti' is deprecated: call it 's2i'\n",
			stderr);
	return streq(name, "s2i") || streq(name, "sti");
}

/*
 * How many words the persistent flag at `word` has, 0 if it is none; *out_name is the
 * name of its long form.
 */
static int flag_words(const char *word, const char **out_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(persistent); i++) {
		size_t len = strlen(persistent[i].name);

		*out_name = persistent[i].name;
		if (persistent[i].letter && word[0] == '-' &&
			word[1] == persistent[i].letter)
			return word[2] ? 1 : 2;
		if (!starts_with(word, "--") ||
			strncmp(word + 2, persistent[i].name, len) != 0)
			continue;
		if (word[2 + len] == '=' || (!word[2 + len] && !persistent[i].has_value))
			return 1;
		if (!word[2 + len])
			return 2;
	}
	return 0;
}

/* Whether the option of the command line behind it is this one's value. */
static bool takes_value(const char *word)
{
	const struct s2c_option *o = s2c_global_options;

	for (; o->name; o++)
		if (starts_with(word, "--") && streq(word + 2, o->name))
			return o->kind != S2C_OPT_FLAG;
	return false;
}

void s2c_s2i_words(char **argv, struct s2c_strv *out)
{
	CLEAN_STRV struct s2c_strv held = S2C_STRV_INIT, names = S2C_STRV_INIT;
	const struct s2c_command *command;
	const char *name;

	while (*argv && **argv == '-' && (*argv)[1]) {
		int n = flag_words(*argv, &name);

		for (int i = 0; i < n && *argv; i++, argv++) {
			s2c_strv_add(&held, *argv);
			s2c_strv_add(&names, name);
		}
		if (n)
			continue;
		s2c_strv_add(out, *argv);
		if (takes_value(*argv++) && *argv)
			s2c_strv_add(out, *argv++);
	}
	if (!*argv)
		return;
	command = s2c_command_find(*argv);
	s2c_strv_add(out, *argv++);
	for (size_t i = 0; command && i < held.len; i++)
		if (s2c_option_find(command, names.items[i]))
			s2c_strv_add(out, held.items[i]);
	while (*argv)
		s2c_strv_add(out, *argv++);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --use-config: the command line of .s2ifile joined with the one that was typed, and the
 * two together written back. What was typed wins, option by option.
 */
#include "cli/build_args.h"
#include "util/ctx.h"

/* Never kept: they are secrets, or about this one run. */
static const char *const not_kept[] = {
	"use-config",
	"help",
	"secret",
	"ssh",
	"build-env",
};

static bool is_kept(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_kept); i++)
		if (streq(not_kept[i], name))
			return false;
	return true;
}

static const struct s2c_option *find_global(const char *name)
{
	for (const struct s2c_option *o = s2c_global_options; o->name; o++)
		if (streq(o->name, name))
			return o;
	return NULL;
}

static const struct s2c_option *find(const struct s2c_command *command, const char *name)
{
	const struct s2c_option *own = s2c_option_find(command, name);

	return own ? own : find_global(name);
}

/* Whether the option was typed, under whatever name. */
static bool is_given(const struct s2c_call *call, const char *name, size_t n_typed)
{
	const struct s2c_option *wanted = s2c_option_find(call->command, name);

	for (size_t i = 0; i < n_typed; i++) {
		CLEAN_FREE char *typed = xstrndup(
			call->given.items[i], strcspn(call->given.items[i], "="));
		const struct s2c_option *o = s2c_option_find(call->command, typed);

		if (streq(typed, name) || (wanted && o && s2c_option_same(wanted, o)))
			return true;
	}
	return false;
}

static int restore_flags(
	struct s2c_call *call, const struct s2c_s2ifile *file, struct s2c_error **err)
{
	size_t n_typed = call->given.len;
	struct s2c_parse parse = {
		call->command, call->global, call->args, &call->operands, &call->given};

	for (size_t i = 0; i < file->n_flags; i++) {
		const struct s2c_s2ifile_flag *flag = &file->flags[i];

		if (!is_kept(flag->name) || is_given(call, flag->name, n_typed))
			continue;
		if (!find(call->command, flag->name))
			return s2c_fail(err, S2C_EINVAL,
				"'" S2C_S2IFILE
				"' has flag '%s', which s2c does not know",
				flag->name);
		if (s2c_options_apply(&parse, flag->name, flag->value, err))
			return s2c_wrap(err, "'" S2C_S2IFILE "'");
	}
	return 0;
}

/* Operands that begin with "-" could not have been typed. */
static int add_operand(
	struct s2c_call *call, const char *key, const char *value, struct s2c_error **err)
{
	if (*value == '-' && value[1])
		return s2c_fail(err, S2C_EINVAL,
			"'" S2C_S2IFILE "': '%s' of '%s' looks like an option", value,
			key);
	s2c_strv_add(&call->operands, value);
	return 0;
}

int s2c_s2ifile_restore(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_build_args *args = call->args;
	CLEAN_ERROR struct s2c_error *cause = NULL;
	const struct s2c_s2ifile *file;

	if (s2c_s2ifile_read(&args->stored, &cause)) {
		if (s2c_error_code(cause) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &cause);
		return -1;
	}
	file = args->stored;
	if (restore_flags(call, file, err))
		return -1;
	if (call->operands.len > 0)
		return 0;
	if (!*file->source || !*file->builder)
		return s2c_fail(err, S2C_EINVAL,
			"'" S2C_S2IFILE "' has no %s, and none was given",
			*file->source ? "builderImage" : "source");
	if (add_operand(call, "source", file->source, err) ||
		add_operand(call, "builderImage", file->builder, err))
		return -1;
	return *file->tag ? add_operand(call, "tag", file->tag, err) : 0;
}

/* Adds the option to the file, numbered if it may be repeated. */
static void keep(struct s2c_s2ifile *file, const struct s2c_option *o, const char *value)
{
	int index = -1;

	if (o->kind == S2C_OPT_LIST) {
		index = 0;
		for (size_t i = 0; i < file->n_flags; i++)
			index += streq(file->flags[i].name, o->name);
	} else {
		/* Of what was said twice the last one counts. */
		for (size_t i = 0; i < file->n_flags; i++) {
			if (!streq(file->flags[i].name, o->name))
				continue;
			free(file->flags[i].value);
			file->flags[i].value = xstrdup(value);
			return;
		}
	}
	s2c_s2ifile_add(file, o->name, value, index);
}

static void replace(char **slot, const char *value)
{
	free(*slot);
	*slot = xstrdup(value);
}

void s2c_s2ifile_keep(struct s2c_call *call)
{
	struct s2c_s2ifile *file = s2c_s2ifile_new();
	const struct s2c_build_args *args = call->args;
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (args->stored)
		s2c_emit_log(call->ctx, S2C_INFO,
			"'" S2C_S2IFILE "' was used: source '%s', builder image '%s', "
			"%zu flags",
			call->operands.items[0], call->operands.items[1],
			args->stored->n_flags);
	replace(&file->source, call->operands.items[0]);
	replace(&file->builder, call->operands.items[1]);
	if (call->operands.len > 2)
		replace(&file->tag, call->operands.items[2]);
	s2c_strv_foreach (one, &call->given) {
		CLEAN_FREE char *name = xstrndup(one, strcspn(one, "="));
		const struct s2c_option *o = find(call->command, name);

		if (o && is_kept(name))
			keep(file, o, one + strlen(name) + 1);
	}
	if (s2c_s2ifile_write(file, &cause))
		s2c_emit_log(call->ctx, S2C_WARN, "'" S2C_S2IFILE "' is not written: %s",
			s2c_error_message(cause));
	s2c_s2ifile_free(file);
}

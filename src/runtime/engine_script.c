/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that /bin/sh of a container carries out. It comes over standard input: what
 * is in a container's environment or command line ends up in the committed image, its
 * history, or both, and variables such as a proxy with its password must not.
 *
 * The shell checks the rights that the process really has, runs it, hands on SIGTERM,
 * ends everything when s2c has gone, shows a file that is about to go, removes what shall
 * not be in the image, and ends with the status of the process.
 */
#include "runtime/engine_impl.h"

#include <ctype.h>

#define VAR S2C_ENGINE_SCRIPT_VAR

/* Reads lines up to one that is "."; an input that ends before is not carried out. */
const char s2c_engine_script_loader[] = VAR "s=\n"
					    "while IFS= read -r " VAR "l; do\n"
					    "[ \"$" VAR "l\" = . ] && { eval \"$" VAR
					    "s\"; exit; }\n" VAR "s=\"$" VAR "s$" VAR
					    "l\n\"\n"
					    "done\n"
					    "exit 125\n";

int s2c_engine_script_quote(struct s2c_buf *out, const char *text, struct s2c_error **err)
{
	if (s2c_buf_puts(out, "'", err) < 0)
		return -1;
	while (*text) {
		size_t plain = strcspn(text, "'\n");

		if (s2c_buf_add(out, text, plain, err) < 0)
			return -1;
		text += plain;
		if (!*text)
			break;
		if (s2c_buf_puts(out, *text == '\n' ? "'\"$" VAR "n\"'" : "'\\''", err) <
			0)
			return -1;
		text++;
	}
	return s2c_buf_puts(out, "'", err);
}

/* What shells give a meaning, or do not let go. */
static bool is_special(const char *name, size_t len)
{
	static const char *const special[] = {"IFS", "_", "UID", "EUID", "PPID",
		"SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "OPTIND", "OPTARG", "LINENO"};

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (strlen(special[i]) == len && memcmp(special[i], name, len) == 0)
			return true;
	return len >= strlen(VAR) && memcmp(name, VAR, strlen(VAR)) == 0;
}

bool s2c_engine_script_can_set(const char *assignment)
{
	size_t len = strcspn(assignment, "=");

	if (!len || isdigit((unsigned char)*assignment) || is_special(assignment, len))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)assignment[i]) && assignment[i] != '_')
			return false;
	return true;
}

static int print_env(
	struct s2c_buf *out, const struct s2c_strv *env, struct s2c_error **err)
{
	/* What engines add by themselves. */
	static const char *const foreign[] = {"HOSTNAME", "TERM", "container"};

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (!s2c_env_get(env, foreign[i]) &&
			s2c_buf_printf(out, err, "unset %s\n", foreign[i]) < 0)
			return -1;
	s2c_strv_foreach (variable, env) {
		size_t name = strcspn(variable, "=");

		if (!s2c_engine_script_can_set(variable) || !variable[name])
			continue;
		if (s2c_buf_printf(out, err, "export %.*s=", (int)name, variable) < 0 ||
			s2c_engine_script_quote(out, variable + name + 1, err) < 0 ||
			s2c_buf_puts(out, "\n", err) < 0)
			return -1;
	}
	return 0;
}

/* Lines for s2c; the nonce tells them from what the process says. */
static int print_control(struct s2c_buf *out, const char *nonce, struct s2c_error **err)
{
	return s2c_buf_printf(out, err,
		VAR "c() { printf '%%s %%s\\n' '%s' \"$1\" >&4; }\n" VAR "f() { " VAR
		    "c \"$1\"; exit 125; }\n",
		nonce);
}

/* The kernel's word on what the engine made. */
static int print_check(
	struct s2c_buf *out, const struct s2c_engine_container *c, struct s2c_error **err)
{
	static const char none[] = "0000000000000000";

	return s2c_buf_printf(out, err,
		VAR "s=\n"
		    "if [ -r /proc/self/status ]; then\n"
		    "while read -r " VAR "k " VAR "v " VAR "r; do\n"
		    "case $" VAR
		    "k in Uid:|Gid:|CapInh:|CapPrm:|CapEff:|CapBnd:|CapAmb:) " VAR
		    "s=\"$" VAR "s $" VAR "v\";;\n"
		    /* What follows is long, and shells read it byte by byte. */
		    "NoNewPrivs:) " VAR "s=\"$" VAR "s $" VAR "v\"; break;; esac\n"
		    "done </proc/self/status\n"
		    "[ \"$" VAR "s\" = ' %u %u %s %s %s %s %s 1' ] || " VAR
		    "f \"rights$" VAR "s\"\n"
		    "fi\n",
		c->uid, c->gid, none, none, none, none, none);
}

static int print_argv(
	struct s2c_buf *out, const struct s2c_strv *argv, struct s2c_error **err)
{
	s2c_strv_foreach (word, argv)
		if (s2c_engine_script_quote(out, word, err) < 0 ||
			s2c_buf_puts(out, " ", err) < 0)
			return -1;
	return 0;
}

/*
 * What is pending comes behind the script. A pipe of its own ends it: tar reads on until
 * there is nothing more, and our input goes on.
 */
static int print_unpack(
	struct s2c_buf *out, const struct s2c_engine_files *files, struct s2c_error **err)
{
	const struct s2c_engine_pending *p = &files->pending;

	if (!p->dir)
		return 0;
	if (s2c_engine_script_quote(out, files->head, err) < 0 ||
		s2c_buf_printf(out, err, " -c %zu | LC_ALL=C TAR_OPTIONS= ", p->tar.len) <
			0 ||
		s2c_engine_script_quote(out, files->tar, err) < 0 ||
		s2c_buf_puts(out, " -x -i -p -o --warning=no-timestamp -f - -C ", err) <
			0 ||
		s2c_engine_script_quote(out, p->dir, err) < 0)
		return -1;
	return s2c_buf_puts(out, " 2>&4 || " VAR "f unpack\n", err);
}

/* Whether there is something to execute, so that its lack is no exit status. */
static int print_look(struct s2c_buf *out, const char *program, struct s2c_error **err)
{
	if (!strchr(program, '/')) {
		if (s2c_buf_puts(out, "command -v ", err) < 0 ||
			s2c_engine_script_quote(out, program, err) < 0)
			return -1;
		return s2c_buf_puts(out, " >/dev/null 2>&1 || " VAR "f missing\n", err);
	}
	if (s2c_buf_puts(out, VAR "k=", err) < 0 ||
		s2c_engine_script_quote(out, program, err) < 0)
		return -1;
	return s2c_buf_puts(out,
		"\n[ -f \"$" VAR "k\" ] || " VAR "f missing\n"
		"[ -x \"$" VAR "k\" ] || " VAR "f denied\n",
		err);
}

static int print_cwd(
	struct s2c_buf *out, const struct s2c_exec_opts *exec, struct s2c_error **err)
{
	if (s2c_buf_puts(out, "cd ", err) < 0 ||
		s2c_engine_script_quote(out, exec->cwd ? exec->cwd : "/", err) < 0)
		return -1;
	return s2c_buf_puts(out, " 2>/dev/null || " VAR "f cwd\n", err);
}

/*
 * In the background, so that the shell can take signals. Where the process does not need
 * our input, its end tells that s2c is gone.
 */
static int print_run(
	struct s2c_buf *out, const struct s2c_exec_opts *exec, struct s2c_error **err)
{
	bool input = exec->fd_in >= 0;

	if (s2c_buf_puts(out,
		    VAR "p=\n"
			"trap '[ -z \"$" VAR "p\" ] || kill -TERM \"$" VAR "p\"' TERM\n"
			"exec 3<&0 </dev/null\n",
		    err) < 0)
		return -1;
	if (!input &&
		s2c_buf_puts(out,
			"{ read -r " VAR "k <&3 || kill -KILL -1; } >/dev/null 2>&1 &\n",
			err) < 0)
		return -1;
	if (print_argv(out, exec->argv, err) < 0)
		return -1;
	return s2c_buf_printf(out, err,
		"<%s 3<&- 2>&4 4>&- &\n" VAR "p=$!\n"
		"while :; do wait \"$" VAR "p\"; " VAR "s=$?; "
		"kill -0 \"$" VAR "p\" 2>/dev/null || break; done\n",
		input ? "&3" : "/dev/null");
}

/* Shows the file, between two lines for us. */
static int print_kept(
	struct s2c_buf *out, const struct s2c_engine_container *c, struct s2c_error **err)
{
	if (s2c_buf_puts(out, VAR "k=", err) < 0 ||
		s2c_engine_script_quote(out, c->kept.path, err) < 0)
		return -1;
	return s2c_buf_puts(out,
		"\nif [ -f \"$" VAR "k\" ]; then\n" VAR "c file\n"
		"cat \"$" VAR "k\" >&4\n" VAR "c end\n"
		"else\n" VAR "c none\nfi\n",
		err);
}

static int print_removals(
	struct s2c_buf *out, const struct s2c_engine_container *c, struct s2c_error **err)
{
	if (s2c_buf_puts(out, "if [ \"$" VAR "s\" = 0 ]; then\nfor " VAR "k in ", err) <
			0 ||
		print_argv(out, &c->excludes, err) < 0 ||
		print_argv(out, &c->own, err) < 0)
		return -1;
	return s2c_buf_puts(out,
		"; do\n"
		"[ -e \"$" VAR "k\" ] || [ -L \"$" VAR "k\" ] || continue\n"
		"rm -rf \"$" VAR "k\" 2>/dev/null || { chmod -R u+rwx \"$" VAR
		"k\"; rm -rf \"$" VAR "k\"; } 2>/dev/null\n"
		"if [ -e \"$" VAR "k\" ] || [ -L \"$" VAR "k\" ]; then " VAR
		"c \"left $" VAR "k\"; fi\n"
		"done\nfi\n",
		err);
}

int s2c_engine_script_print(const struct s2c_engine_script *script, struct s2c_buf *out,
	struct s2c_error **err)
{
	const struct s2c_engine_container *c = script->container;

	if (s2c_buf_puts(out, VAR "n='\n'\n", err) < 0 ||
		(script->merged && s2c_buf_puts(out, "exec 2>&1\n", err) < 0) ||
		/* Shells tell on standard error which of their jobs was killed. */
		s2c_buf_puts(out, "exec 4>&2 2>/dev/null\n", err) < 0 ||
		print_control(out, script->nonce, err) < 0 ||
		print_check(out, c, err) < 0 ||
		s2c_engine_script_secrets(out, &c->secrets, err) < 0 ||
		print_unpack(out, &c->files, err) < 0 ||
		print_env(out, script->exec->env, err) < 0 ||
		print_cwd(out, script->exec, err) < 0 ||
		print_look(out, script->exec->argv->items[0], err) < 0 ||
		print_run(out, script->exec, err) < 0)
		return -1;
	if (c->kept.path && print_kept(out, c, err) < 0)
		return -1;
	if (s2c_engine_script_no_secrets(out, &c->secrets, err) < 0)
		return -1;
	if (c->excludes.len + c->own.len && print_removals(out, c, err) < 0)
		return -1;
	return s2c_buf_puts(out, "exit \"$" VAR "s\"\n.\n", err);
}

/* ---- emptying directories ---- */

int s2c_engine_script_begin(
	struct s2c_buf *out, const char *nonce, struct s2c_error **err)
{
	if (s2c_buf_puts(out, VAR "n='\n'\nexec 4>&2 2>/dev/null\n", err) < 0 ||
		print_control(out, nonce, err) < 0)
		return -1;
	/* Removes what is there, whatever its modes; true if nothing is left of it. */
	return s2c_buf_puts(out,
		VAR "d() {\n"
		    "[ -e \"$1\" ] || [ -L \"$1\" ] || return 0\n"
		    "rm -rf \"$1\" || { chmod -R u+rwx \"$1\"; rm -rf \"$1\"; }\n"
		    "[ ! -e \"$1\" ] && [ ! -L \"$1\" ]\n"
		    "}\n",
		err);
}

int s2c_engine_script_clear(struct s2c_buf *out,
	const struct s2c_engine_clearing *clearing, struct s2c_error **err)
{
	if (s2c_buf_puts(out, VAR "k=", err) < 0 ||
		s2c_engine_script_quote(out, clearing->path, err) < 0 ||
		s2c_buf_puts(out,
			"\nif [ -d \"$" VAR "k\" ] && [ ! -L \"$" VAR "k\" ]; then\n",
			err) < 0 ||
		(!clearing->keep &&
			s2c_buf_puts(out, "chmod u+rwx \"$" VAR "k\"\n", err) < 0) ||
		s2c_buf_puts(out,
			"for " VAR "v in \"$" VAR "k\"/* \"$" VAR "k\"/.[!.]* \"$" VAR
			"k\"/..?*; do\n" VAR "d \"$" VAR "v\" || " VAR "f \"cache $" VAR
			"k\"\n"
			"done\n",
			err) < 0 ||
		(!clearing->keep &&
			s2c_buf_puts(out, VAR "d \"$" VAR "k\"\n", err) < 0) ||
		s2c_buf_puts(out, "else " VAR "d \"$" VAR "k\"; fi\n", err) < 0)
		return -1;
	if (clearing->keep)
		return 0;
	if (s2c_buf_puts(out,
		    "if [ -e \"$" VAR "k\" ] || [ -L \"$" VAR "k\" ]; then " VAR
		    "c \"left $" VAR "k\"; fi\n",
		    err) < 0)
		return -1;
	s2c_strv_foreach (parent, clearing->parents)
		if (s2c_buf_puts(out, "rmdir ", err) < 0 ||
			s2c_engine_script_quote(out, parent, err) < 0 ||
			s2c_buf_puts(out, "\n", err) < 0)
			return -1;
	return 0;
}

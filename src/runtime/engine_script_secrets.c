/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a container's script that are about secrets; engine_secrets.c says how
 * they work. Data is in the script's text, by what the shell's own printf makes any byte
 * of.
 */
#include "runtime/engine_impl.h"

#define VAR S2C_ENGINE_SCRIPT_VAR
#define PIECE 2048 /* bytes of data in a command */

/* Printable bytes but quotes and backslashes stand for themselves, others are "\0ooo". */
static int print_bytes(struct s2c_buf *out, const unsigned char *data, size_t len,
	struct s2c_error **err)
{
	for (size_t i = 0; i < len; i++) {
		bool plain = data[i] >= ' ' && data[i] < 0x7f && data[i] != '\'' &&
			     data[i] != '\\';

		if ((plain ? s2c_buf_printf(out, err, "%c", data[i])
			   : s2c_buf_printf(out, err, "\\0%03o", data[i])) < 0)
			return -1;
	}
	return 0;
}

/* A file that only its owner can read. */
static int print_file(struct s2c_buf *out, const struct s2c_engine_secret *secret,
	size_t number, struct s2c_error **err)
{
	const unsigned char *data = secret->data;

	if (s2c_buf_puts(out, "( umask 0377; {\n:\n", err) < 0)
		return -1;
	for (size_t i = 0; i < secret->len; i += PIECE) {
		size_t left = secret->len - i;

		if (s2c_buf_puts(out, "printf '%b' '", err) < 0 ||
			print_bytes(out, data + i, left < PIECE ? left : PIECE, err) <
				0 ||
			s2c_buf_puts(out, "'\n", err) < 0)
			return -1;
	}
	return s2c_buf_printf(
		out, err, "} >\"$" VAR "d/%zu\" ) || " VAR "f memory\n", number);
}

/* What the engine did not put there. */
static int print_link(struct s2c_buf *out, const struct s2c_engine_secret *secret,
	size_t number, struct s2c_error **err)
{
	if (s2c_buf_puts(out, VAR "k=", err) < 0 ||
		s2c_engine_script_quote(out, secret->path, err) < 0)
		return -1;
	return s2c_buf_printf(out, err,
		"\n[ -L \"$" VAR "k\" ] || { mkdir -p \"${" VAR
		"k%%/*}\" && ln -s \"$" VAR "d/%zu\" \"$" VAR "k\"; } || " VAR
		"f \"secret $" VAR "k\"\n",
		number);
}

int s2c_engine_script_secrets(struct s2c_buf *out,
	const struct s2c_engine_secrets *secrets, struct s2c_error **err)
{
	if (!secrets->n)
		return 0;
	if (s2c_buf_puts(out, VAR "d=", err) < 0 ||
		s2c_engine_script_quote(out, secrets->dir, err) < 0 ||
		s2c_buf_puts(out,
			"\n" VAR "k=\n"
			"while read -r " VAR "v " VAR "r " VAR "l " VAR "s; do\n"
			"[ \"$" VAR "r $" VAR "l\" = '/dev/shm tmpfs' ] && " VAR "k=1\n"
			"done </proc/self/mounts\n"
			"[ -n \"$" VAR "k\" ] && ( umask 077; mkdir \"$" VAR
			"d\" ) || " VAR "f memory\n",
			err) < 0)
		return -1;
	for (size_t i = 0; i < secrets->n; i++)
		if (print_file(out, &secrets->items[i], i, err) < 0 ||
			print_link(out, &secrets->items[i], i, err) < 0)
			return -1;
	return 0;
}

int s2c_engine_script_no_secrets(struct s2c_buf *out,
	const struct s2c_engine_secrets *secrets, struct s2c_error **err)
{
	if (!secrets->n)
		return 0;
	if (s2c_buf_puts(out, "for " VAR "k in ", err) < 0)
		return -1;
	for (size_t i = 0; i < secrets->n; i++)
		if (s2c_engine_script_quote(out, secrets->items[i].path, err) < 0 ||
			s2c_buf_puts(out, " ", err) < 0)
			return -1;
	if (s2c_buf_puts(out,
		    "; do\n[ -L \"$" VAR "k\" ] || continue\n"
		    "rm -f \"$" VAR "k\"\n"
		    "[ -L \"$" VAR "k\" ] && " VAR "c \"link $" VAR "k\"\n"
		    "done\nrm -rf \"$" VAR "d\"\n",
		    err) < 0)
		return -1;
	/* Those that were made for them, if nothing else is in there. */
	for (size_t i = secrets->dirs.len; i > 0; i--)
		if (s2c_buf_puts(out, "rmdir ", err) < 0 ||
			s2c_engine_script_quote(out, secrets->dirs.items[i - 1], err) <
				0 ||
			s2c_buf_puts(out, "\n", err) < 0)
			return -1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "image/signal.h"

#include <string.h>
#include <strings.h>

#include "util/mem.h"

#define RT_MIN 34 /* what the C library leaves of 32 */
#define RT_MAX 64

static const struct {
	const char *name;
	int number;
} names[] = {
	{"HUP", 1},
	{"INT", 2},
	{"QUIT", 3},
	{"ILL", 4},
	{"TRAP", 5},
	{"ABRT", 6},
	{"IOT", 6},
	{"BUS", 7},
	{"FPE", 8},
	{"KILL", 9},
	{"USR1", 10},
	{"SEGV", 11},
	{"USR2", 12},
	{"PIPE", 13},
	{"ALRM", 14},
	{"TERM", 15},
	{"STKFLT", 16},
	{"CHLD", 17},
	{"CLD", 17},
	{"CONT", 18},
	{"STOP", 19},
	{"TSTP", 20},
	{"TTIN", 21},
	{"TTOU", 22},
	{"URG", 23},
	{"XCPU", 24},
	{"XFSZ", 25},
	{"VTALRM", 26},
	{"PROF", 27},
	{"WINCH", 28},
	{"IO", 29},
	{"POLL", 29},
	{"PWR", 30},
	{"SYS", 31},
	{"UNUSED", 31},
	{"RTMIN", RT_MIN},
	{"RTMAX", RT_MAX},
};

/* One or two digits; -1 for anything else. */
static int small_number(const char *text)
{
	size_t len = strspn(text, "0123456789");

	if (len < 1 || len > 2 || text[len])
		return -1;
	return len == 1 ? text[0] - '0' : (text[0] - '0') * 10 + text[1] - '0';
}

/* "+3" behind RTMIN, "-3" behind RTMAX. */
static int real_time(int base, char sign, const char *text)
{
	int offset = *text == sign ? small_number(text + 1) : -1;

	return offset < 0 || offset > RT_MAX - RT_MIN ? -1
	       : sign == '+'                          ? base + offset
						      : base - offset;
}

int s2c_signal_number(const char *text)
{
	int number = small_number(text);

	if (number >= 0)
		return number > 0 && number <= RT_MAX ? number : -1;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(text, names[i].name) == 0)
			return names[i].number;
	if (strncasecmp(text, "RTMIN", 5) == 0)
		return real_time(RT_MIN, '+', text + 5);
	if (strncasecmp(text, "RTMAX", 5) == 0)
		return real_time(RT_MAX, '-', text + 5);
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals to numbers: the same one in all its spellings, and what is none. */
#include "helper.h"

#include "image/signal.h"

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = {
		{"SIGTERM", 15},
		{"TERM", 15},
		{"sigterm", 15},
		{"15", 15},
		{"9", 9},
		{"1", 1},
		{"64", 64},
		{"SIGKILL", 9},
		{"SIGINT", 2},
		{"SIGWINCH", 28},
		{"RTMIN", 34},
		{"SIGRTMIN+3", 37},
		{"RTMIN+30", 64},
		{"SIGRTMAX", 64},
		{"RTMAX-14", 50},
		{"", -1},
		{"0", -1},
		{"65", -1},
		{"100", -1},
		{"-1", -1},
		{"+1", -1},
		{"1x", -1},
		{" 1", -1},
		{"SIG", -1},
		{"SIGSIGTERM", -1},
		{"TERMINATE", -1},
		{"RTMIN-1", -1},
		{"RTMIN+", -1},
		{"RTMIN+31", -1},
		{"RTMIN+100", -1},
		{"RTMAX+1", -1},
		{"RTMAX-31", -1},
		{"RTMIN+3x", -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (s2c_signal_number(rows[i].text) != rows[i].number)
			fail_msg("'%s': %d", rows[i].text,
				s2c_signal_number(rows[i].text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

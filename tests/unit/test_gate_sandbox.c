/* SPDX-License-Identifier: Apache-2.0 */
/* The cell of workers: what it keeps from them, for root and for others. */
#include "helper.h"

#include <sys/wait.h>
#include <unistd.h>

#include "gate/sandbox.h"

static void assert_holds(void)
{
	struct s2c_sandbox_check checks[S2C_SANDBOX_CHECKS_MAX];
	struct s2c_sandbox layers;
	size_t n = 0;

	assert_ok(s2c_sandbox_selftest(checks, &n, &layers, &terr));
	assert_true(n >= 10 && n <= S2C_SANDBOX_CHECKS_MAX);
	assert_true(layers.seccomp);
	assert_int_equal(layers.other_uid, geteuid() == 0);
	for (size_t i = 0; i < n; i++) {
		if (!checks[i].held)
			fail_msg("%s: %s", checks[i].name, checks[i].how);
		assert_non_null(strstr(checks[i].how, "SIGSYS"));
	}
}

static void test_holds(void **state)
{
	assert_holds();
}

/* Runs in a process: 0, or the number of the step that failed. */
static void in_process(int (*steps)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(steps());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int enter_and_work(void)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_sandbox layers;
	char *memory;
	int ready;

	if (s2c_sandbox_enter(&layers, NULL) < 0)
		return 1;
	if (!layers.other_uid || !layers.seccomp)
		return 2;
	/* What parsers do: memory, small and large, and time. */
	for (size_t n = 1; n < 32u << 20; n *= 8) {
		memory = malloc(n);
		if (!memory)
			return 3;
		memset(memory, 1, n);
		free(memory);
	}
	if (s2c_ctx_poll(ctx, NULL, 0, 1, &ready, NULL) < 0)
		return 4;
	return 0;
}

static void test_works_inside(void **state)
{
	if (geteuid() != 0)
		skip_because("needs root, to see that it is given up");
	in_process(enter_and_work);
}

static int selftest_as_another(void)
{
	struct s2c_sandbox_check checks[S2C_SANDBOX_CHECKS_MAX];
	struct s2c_sandbox layers;
	size_t n = 0;

	if (setgid(12345) < 0 || setuid(12345) < 0)
		return 1;
	if (s2c_sandbox_selftest(checks, &n, &layers, NULL) < 0)
		return 2;
	for (size_t i = 0; i < n; i++)
		if (!checks[i].held)
			return 10 + (int)i;
	return layers.other_uid || !layers.seccomp ? 3 : 0;
}

/* Nobody has to be root for it to hold. */
static void test_rootless(void **state)
{
	if (geteuid() != 0)
		skip_because("test_holds has tried it, this is not root");
	in_process(selftest_as_another);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_works_inside),
		cmocka_unit_test(test_rootless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

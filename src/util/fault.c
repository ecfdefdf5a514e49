/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection, in test builds only. Not a mock: the operation behind the point is
 * simply not tried, and its callers have to unwind from there.
 */
#include "util/fault.h"

#ifdef S2C_WITH_FAULT
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_long passed;

static void log_point(const char *file, const char *name)
{
	CLEAN_FREE char *line = xasprintf("%s\n", name);
	CLEAN_FD int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	/* One write, so that lines of several processes do not mix. */
	if (fd >= 0 && write(fd, line, strlen(line)) < 0)
		return;
}

int s2c_fault_point(const char *name, struct s2c_error **err)
{
	const char *wanted = getenv("S2C_FAULT");
	const char *file = getenv("S2C_FAULT_LOG");
	long here = atomic_fetch_add(&passed, 1) + 1;

	if (file && *file)
		log_point(file, name);
	if (!wanted || strtol(wanted, NULL, 10) != here)
		return 0;
	if (getenv("S2C_FAULT_KILL"))
		(void)kill(getpid(), SIGKILL);
	return s2c_fail_as(err, S2C_EIO, EIO, "injected fault at '%s'", name);
}
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/hosts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/rules.h"
#include "util/mem.h"
#include "util/strv.h"

static const char text[] = "127.0.0.1\tlocalhost\n"
			   "::1\tlocalhost ip6-localhost ip6-loopback\n";

/* Where uid 0 is a user of the host, the overflow id is anybody. */
static bool is_root_of_host(uid_t uid)
{
	struct stat proc;

	if (uid == 0)
		return true;
	return uid == S2C_OVERFLOW_ID && stat("/proc/sys", &proc) == 0 &&
	       proc.st_uid == S2C_OVERFLOW_ID;
}

static bool is_safe(int fd, mode_t kind)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind &&
	       is_root_of_host(st.st_uid) && !(st.st_mode & 022);
}

/* The next part of the path; false if it must not be followed. */
static bool step(int *fd, const char *name, bool last)
{
	int flags = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
	int next = openat(*fd, name, flags | O_NOFOLLOW | O_CLOEXEC);

	s2c_clean_fd(fd);
	*fd = next;
	return next >= 0 && is_safe(next, last ? S_IFREG : S_IFDIR);
}

bool s2c_gate_hosts_count(const char *path)
{
	CLEAN_FD int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char found[sizeof(text)];

	if (*path != '/' || fd < 0 || !is_safe(fd, S_IFDIR))
		return false;
	for (const char *p = path + 1; *p;) {
		size_t len = strcspn(p, "/");
		CLEAN_FREE char *name = xstrndup(p, len);

		p += len + (p[len] == '/');
		/* Not "//", "." or "..": engines would not know it again. */
		if (!len || name[0] == '.' || !step(&fd, name, !*p))
			return false;
	}
	return read(fd, found, sizeof(found)) == sizeof(text) - 1 &&
	       memcmp(found, text, sizeof(text) - 1) == 0;
}

const char *s2c_gate_hosts(void)
{
	const char *path = getenv(S2C_GATE_HOSTS_VARIABLE);

	if (!path || !*path)
		path = S2C_DATA_DIR "/hosts";
	return s2c_gate_hosts_count(path) ? path : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of version 1, 2 and both at once. Usable means: this is the host's root,
 * the hierarchies are writable, and there is a pids controller. Delegated groups of an
 * ordinary user are not used: moving into one needs the session's manager.
 */
#include "runtime/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/fs.h"

#define MOUNTINFO_MAX (16u * 1024 * 1024)

void s2c_cgroups_release(struct s2c_cgroups *c)
{
	s2c_strv_release(&c->v1);
	free(c->v2);
	c->v2 = NULL;
}

/* The n-th (from 0) blank-separated field of a line. */
static const char *field(const char *line, size_t len, unsigned n, size_t *out_len)
{
	const char *end = line + len;

	for (const char *p = line; p < end;) {
		const char *blank = memchr(p, ' ', (size_t)(end - p));
		const char *stop = blank ? blank : end;

		if (n-- == 0) {
			*out_len = (size_t)(stop - p);
			return p;
		}
		p = blank ? blank + 1 : end;
	}
	return NULL;
}

/* proc(5): ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAGS...] - FSTYPE SOURCE SUPER */
static void parse_line(const char *line, size_t len, struct s2c_cgroups *out)
{
	const char *dash = memmem(line, len, " - ", 3);
	const char *type, *point;
	size_t type_len = 0, point_len = 0;

	if (!dash)
		return;
	point = field(line, len, 4, &point_len);
	type = field(dash + 3, len - (size_t)(dash + 3 - line), 0, &type_len);
	/* Escaped (\040) mount points are nobody's cgroup tree. */
	if (!point || *point != '/' || !type || memchr(point, '\\', point_len))
		return;
	if (type_len == 7 && !memcmp(type, "cgroup2", 7) && !out->v2)
		out->v2 = xstrndup(point, point_len);
	if (type_len == 6 && !memcmp(type, "cgroup", 6) &&
		out->v1.len < S2C_CGROUP_HIERARCHIES_MAX)
		s2c_strv_add_take(&out->v1, xstrndup(point, point_len));
}

void s2c_cgroups_parse(const char *mountinfo, struct s2c_cgroups *out)
{
	*out = (struct s2c_cgroups){.v2 = NULL};
	while (*mountinfo) {
		size_t len = strcspn(mountinfo, "\n");

		parse_line(mountinfo, len, out);
		mountinfo += len + (mountinfo[len] == '\n');
	}
}

/* The whole of a file of /proc or /sys, "" when it cannot be read. */
static void slurp(const char *path, struct s2c_buf *out)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		if (s2c_buf_add(out, piece, (size_t)n, NULL) < 0)
			return;
}

static bool v1_usable(const struct s2c_cgroups *c)
{
	bool pids = false;

	s2c_strv_foreach (point, &c->v1) {
		const char *name = strrchr(point, '/');

		if (faccessat(AT_FDCWD, point, W_OK, AT_EACCESS) < 0)
			return false;
		pids = pids || (name && streq(name, "/pids"));
	}
	return pids;
}

/* Controllers must be switched on for children already: only an empty group may do it. */
static bool v2_usable(const struct s2c_cgroups *c)
{
	CLEAN_FREE char *path = xasprintf("%s/cgroup.subtree_control", c->v2);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(4096);

	if (faccessat(AT_FDCWD, c->v2, W_OK, AT_EACCESS) < 0)
		return false;
	slurp(path, &text);
	return strstr(s2c_buf_str(&text), "pids") != NULL;
}

void s2c_cgroups_probe(bool host_root, struct s2c_cgroups *out)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(MOUNTINFO_MAX);

	slurp("/proc/self/mountinfo", &text);
	s2c_cgroups_parse(s2c_buf_str(&text), out);
	if (!host_root)
		return;
	out->usable = out->v1.len ? v1_usable(out) : out->v2 && v2_usable(out);
}

bool s2c_cgroups_hybrid(const struct s2c_cgroups *c)
{
	return c->v1.len && c->v2;
}

void s2c_cgroups_dirs(const struct s2c_cgroups *c, const char *name, struct s2c_strv *out)
{
	s2c_strv_foreach (point, &c->v1)
		s2c_strv_addf(out, "%s" S2C_CGROUP_PREFIX "%s", point, name);
	if (c->v2 && !c->v1.len)
		s2c_strv_addf(out, "%s" S2C_CGROUP_PREFIX "%s", c->v2, name);
}

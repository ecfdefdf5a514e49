/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Id maps as text: what the kernel shows in /proc/self/uid_map, and what /etc/subuid
 * grants. No namespace is made here.
 */
#include "runtime/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "util/buf.h"
#include "util/fs.h"

#define MAP_BYTES_MAX (64u * 1024)
/* Nobody's containers need more, and a map of more lines costs each id lookup. */
#define SUBID_RANGES_MAX 16

/* A decimal number below 2^32 at *p, which moves behind it. */
static int take_number(const char **p, uint32_t *out)
{
	char *end;
	unsigned long long n;

	if (**p < '0' || **p > '9')
		return -1;
	errno = 0;
	n = strtoull(*p, &end, 10);
	if (errno || n > UINT32_MAX)
		return -1;
	*p = end;
	*out = (uint32_t)n;
	return 0;
}

static void skip_blanks(const char **p)
{
	while (**p == ' ' || **p == '\t')
		(*p)++;
}

int s2c_idmap_parse(const char *text, struct s2c_idmap *out, struct s2c_error **err)
{
	struct s2c_idmap map = {.n = 0};
	const char *p = text;

	while (*p) {
		struct s2c_idmap_range *r = &map.ranges[map.n];

		if (map.n == S2C_IDMAP_RANGES_MAX)
			return s2c_fail(err, S2C_ELIMIT,
				"an id map has more than %d lines", S2C_IDMAP_RANGES_MAX);
		skip_blanks(&p);
		if (take_number(&p, &r->inside) < 0)
			return s2c_fail(err, S2C_EPROTO, "an id map is malformed");
		skip_blanks(&p);
		if (take_number(&p, &r->outside) < 0)
			return s2c_fail(err, S2C_EPROTO, "an id map is malformed");
		skip_blanks(&p);
		if (take_number(&p, &r->count) < 0 || (*p && *p != '\n'))
			return s2c_fail(err, S2C_EPROTO, "an id map is malformed");
		if (*p)
			p++;
		map.n++;
	}
	*out = map;
	return 0;
}

bool s2c_idmap_has(const struct s2c_idmap *map, uint32_t id)
{
	for (size_t i = 0; i < map->n; i++)
		if (id >= map->ranges[i].inside &&
			id - map->ranges[i].inside < map->ranges[i].count)
			return true;
	return false;
}

uint64_t s2c_idmap_count(const struct s2c_idmap *map)
{
	uint64_t count = 0;

	for (size_t i = 0; i < map->n; i++)
		count += map->ranges[i].count;
	return count;
}

static bool is_identity(const struct s2c_idmap *map)
{
	return map->n == 1 && map->ranges[0].inside == 0 && map->ranges[0].outside == 0 &&
	       map->ranges[0].count == UINT32_MAX;
}

enum s2c_userns_kind s2c_userns_classify(
	const struct s2c_idmap *uids, const struct s2c_idmap *gids)
{
	if (is_identity(uids) && is_identity(gids))
		return S2C_USERNS_NONE;
	if (s2c_idmap_count(uids) <= 1 || s2c_idmap_count(gids) <= 1)
		return S2C_USERNS_SINGLE;
	return S2C_USERNS_RANGES;
}

/* Files of /proc have no size, so s2c_fs_read_file() would do, but for its checks. */
static int read_map(const char *path, struct s2c_idmap *out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(MAP_BYTES_MAX);
	CLEAN_FD int fd = -1;
	char piece[4096];
	ssize_t n;

	if (s2c_fs_open(AT_FDCWD, path, O_RDONLY, 0, &fd, err) < 0)
		return -1;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		if (s2c_buf_add(&text, piece, (size_t)n, err) < 0)
			return s2c_wrap(err, "%s", path);
	if (n < 0)
		return s2c_fail_errno(err, errno, "cannot read '%s'", path);
	if (s2c_idmap_parse(s2c_buf_str(&text), out, err) < 0)
		return s2c_wrap(err, "%s", path);
	return 0;
}

int s2c_userns_read(struct s2c_userns *out, struct s2c_error **err)
{
	if (read_map("/proc/self/uid_map", &out->uids, err) < 0 ||
		read_map("/proc/self/gid_map", &out->gids, err) < 0)
		return -1;
	out->kind = s2c_userns_classify(&out->uids, &out->gids);
	return 0;
}

const char *s2c_userns_overlay_prefix(const struct s2c_userns *userns)
{
	return userns->kind == S2C_USERNS_NONE ? "trusted.overlay." : "user.overlay.";
}

/* "<owner>:<first>:<count>" of a line, if it is the owner's and well-formed. */
static bool parse_subid_line(const char *line, size_t len,
	const struct s2c_subid_owner *owner, struct s2c_idmap_range *out)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : 0;
	const char *p = line;
	uint32_t id;
	bool mine;

	if (!colon || name_len == 0)
		return false;
	mine = name_len == strlen(owner->name) && !memcmp(line, owner->name, name_len);
	if (!mine && take_number(&p, &id) == 0)
		mine = p == colon && id == owner->id;
	if (!mine)
		return false;
	p = colon + 1;
	if (take_number(&p, &out->outside) < 0 || *p++ != ':')
		return false;
	if (take_number(&p, &out->count) < 0 || p != line + len)
		return false;
	return out->count > 0 && out->outside > 0;
}

bool s2c_subid_map(const char *text, const struct s2c_subid_owner *owner, uint32_t own_id,
	struct s2c_idmap *out)
{
	struct s2c_idmap map = {.n = 1};
	uint32_t next = 1;

	map.ranges[0] = (struct s2c_idmap_range){0, own_id, 1};
	while (*text && map.n < SUBID_RANGES_MAX) {
		size_t len = strcspn(text, "\n");
		struct s2c_idmap_range *r = &map.ranges[map.n];

		if (parse_subid_line(text, len, owner, r) &&
			r->count <= UINT32_MAX - 1 - next) {
			r->inside = next;
			next += r->count;
			map.n++;
		}
		text += len + (text[len] == '\n');
	}
	if (map.n == 1)
		return false;
	*out = map;
	return true;
}

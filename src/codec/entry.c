/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries: what they own, how their paths look, and in which order a layer lists them.
 * Nothing here touches a file system; streams of entries are made by tar_read, by
 * source and by layer/diff.
 */
#include "codec/entry.h"

#include "util/error.h"

#define WHITEOUT_PREFIX ".wh."
#define OPAQUE_MARKER ".wh..wh..opq"

void s2c_entry_release(struct s2c_entry *entry)
{
	free(entry->path);
	free(entry->link);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		free(entry->xattrs[i].name);
		free(entry->xattrs[i].value);
	}
	free(entry->xattrs);
	memset(entry, 0, sizeof(*entry));
}

int s2c_entry_add_xattr(struct s2c_entry *entry, const char *name, const void *value,
	size_t len, struct s2c_error **err)
{
	size_t at = 0;

	if (entry->n_xattrs >= S2C_ENTRY_XATTRS_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' has more than %d extended attributes",
			entry->path ? entry->path : "", S2C_ENTRY_XATTRS_MAX);
	if (len > S2C_ENTRY_XATTR_VALUE_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"extended attribute '%s' of '%s' is larger than %d bytes", name,
			entry->path ? entry->path : "", S2C_ENTRY_XATTR_VALUE_MAX);
	while (at < entry->n_xattrs && strcmp(entry->xattrs[at].name, name) < 0)
		at++;
	if (at < entry->n_xattrs && streq(entry->xattrs[at].name, name))
		return s2c_fail(err, S2C_EINVAL,
			"extended attribute '%s' of '%s' is given twice", name,
			entry->path ? entry->path : "");
	entry->xattrs = xreallocarray(
		entry->xattrs, entry->n_xattrs + 1, sizeof(entry->xattrs[0]));
	memmove(entry->xattrs + at + 1, entry->xattrs + at,
		(entry->n_xattrs - at) * sizeof(entry->xattrs[0]));
	entry->xattrs[at].name = xstrdup(name);
	entry->xattrs[at].value = xmalloc(len);
	if (len)
		memcpy(entry->xattrs[at].value, value, len);
	entry->xattrs[at].len = len;
	entry->n_xattrs++;
	return 0;
}

bool s2c_entry_xattr_kept(const char *name)
{
	static const char *const refused[] = {
		"user.overlay.", "user.fuseoverlayfs.", "user.s2c."};

	if (streq(name, "security.capability"))
		return true;
	if (!starts_with(name, "user.") || !name[5])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (starts_with(name, refused[i]))
			return false;
	return true;
}

/* Longest name allowed: a whiteout of a name of 255 bytes is four bytes longer. */
static size_t name_max(const char *name, size_t len)
{
	size_t prefix = strlen(WHITEOUT_PREFIX);

	if (len > prefix && memcmp(name, WHITEOUT_PREFIX, prefix) == 0)
		return S2C_ENTRY_NAME_MAX + prefix;
	return S2C_ENTRY_NAME_MAX;
}

int s2c_entry_normalize_path(
	const char *path, bool strip_root, char **out, struct s2c_error **err)
{
	size_t len = strlen(path);
	CLEAN_FREE char *clean = NULL;
	size_t used = 0;

	if (len == 0)
		return s2c_fail(err, S2C_EINVAL, "a path is empty");
	if (len > S2C_ENTRY_PATH_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"path '%.64s...' is longer than %d bytes", path,
			S2C_ENTRY_PATH_MAX);
	if (path[0] == '/' && !strip_root)
		return s2c_fail(err, S2C_EINVAL, "path '%s' is absolute", path);
	clean = xmalloc(len + 2);
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return s2c_fail(
				err, S2C_EINVAL, "path '%s' has a '..' in it", path);
		if (n > name_max(p, n))
			return s2c_fail(err, S2C_EINVAL,
				"path '%s' has a name of more than %d bytes", path,
				S2C_ENTRY_NAME_MAX);
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (used)
				clean[used++] = '/';
			memcpy(clean + used, p, n);
			used += n;
		}
		p += n;
		p += *p == '/';
	}
	if (used == 0)
		clean[used++] = '.';
	clean[used] = '\0';
	*out = TAKE(clean);
	return 0;
}

/* The marker first, then whiteouts, then the rest. */
static int name_rank(const char *name, size_t len)
{
	if (len == strlen(OPAQUE_MARKER) && memcmp(name, OPAQUE_MARKER, len) == 0)
		return 0;
	if (len >= strlen(WHITEOUT_PREFIX) &&
		memcmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		return 1;
	return 2;
}

static int name_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	int rank = name_rank(a, na) - name_rank(b, nb);
	int cmp;

	if (rank)
		return rank;
	cmp = memcmp(a, b, na < nb ? na : nb);
	if (cmp)
		return cmp;
	return na < nb ? -1 : na > nb;
}

int s2c_entry_path_cmp(const char *a, const char *b)
{
	if (streq(a, ".") || streq(b, "."))
		return streq(b, ".") - streq(a, ".");
	while (*a && *b) {
		size_t na = strcspn(a, "/"), nb = strcspn(b, "/");
		int cmp = name_cmp(a, na, b, nb);

		if (cmp)
			return cmp;
		a += na;
		b += nb;
		a += *a == '/';
		b += *b == '/';
	}
	return *a ? 1 : *b ? -1 : 0;
}

int s2c_entries_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	return e->ops->next(e, ctx, out, err);
}

ssize_t s2c_entries_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return e->ops->read(e, buf, len, err);
}

int s2c_entries_data_fd(struct s2c_entries *e)
{
	return e->ops->data_fd ? e->ops->data_fd(e) : -1;
}

void s2c_entries_free(struct s2c_entries *e)
{
	if (e)
		e->ops->free(e);
}

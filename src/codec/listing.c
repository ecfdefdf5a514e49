/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a directory with getdents64 into one arena.
 */
#include "codec/listing.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "codec/entry.h"
#include "util/fault.h"

#define DENTS_BYTES (64u * 1024)

static int add_name(struct s2c_listing *l, const struct dirent64 *d, const char *path,
	struct s2c_error **err)
{
	size_t need = strlen(d->d_name) + 2;

	if (l->len + need > S2C_LISTING_BYTES_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"directory '%s' has more than %u bytes of names", path,
			S2C_LISTING_BYTES_MAX);
	if (l->len + need > l->cap) {
		l->cap = l->cap ? 2 * l->cap : 4096;
		l->bytes = xreallocarray(l->bytes, l->cap, 1);
	}
	if (l->n == l->n_cap) {
		l->n_cap = l->n_cap ? 2 * l->n_cap : 128;
		l->offsets = xreallocarray(l->offsets, l->n_cap, sizeof(*l->offsets));
	}
	l->offsets[l->n++] = (uint32_t)l->len;
	l->bytes[l->len] = (char)d->d_type;
	memcpy(l->bytes + l->len + 1, d->d_name, need - 1);
	l->len += need;
	return 0;
}

static int by_name(const void *a, const void *b, void *arg)
{
	const char *bytes = arg;

	return s2c_entry_path_cmp(
		bytes + *(const uint32_t *)a + 1, bytes + *(const uint32_t *)b + 1);
}

int s2c_listing_read(
	int dir_fd, const char *path, struct s2c_listing *out, struct s2c_error **err)
{
	CLEAN_LISTING struct s2c_listing l = {0};
	CLEAN_FREE char *dents = xmalloc(DENTS_BYTES);

	if (s2c_fault_point("walk.list", err) < 0)
		return s2c_wrap(err, "cannot list '%s'", path);
	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return s2c_fail_errno(err, errno, "cannot list '%s'", path);
	for (;;) {
		long got = syscall(SYS_getdents64, dir_fd, dents, DENTS_BYTES);

		if (got < 0)
			return s2c_fail_errno(err, errno, "cannot list '%s'", path);
		if (got == 0)
			break;
		for (long at = 0; at < got;) {
			/* The kernel aligns every record for this struct. */
			const struct dirent64 *d = (const void *)(dents + at);

			at += d->d_reclen;
			if (streq(d->d_name, ".") || streq(d->d_name, ".."))
				continue;
			if (add_name(&l, d, path, err) < 0)
				return -1;
		}
	}
	if (l.n > 1)
		qsort_r(l.offsets, l.n, sizeof(*l.offsets), by_name, l.bytes);
	*out = l;
	l = (struct s2c_listing){0};
	return 0;
}

void s2c_listing_release(struct s2c_listing *listing)
{
	free(listing->bytes);
	free(listing->offsets);
	*listing = (struct s2c_listing){0};
}

int s2c_listing_only(const char *name, struct s2c_listing *out, struct s2c_error **err)
{
	CLEAN_FREE struct dirent64 *d = xcalloc(1, sizeof(*d));

	if (strlen(name) >= sizeof(d->d_name))
		return s2c_fail(err, S2C_EINVAL, "the name '%s' is too long", name);
	memcpy(d->d_name, name, strlen(name));
	d->d_type = DT_UNKNOWN;
	*out = (struct s2c_listing){0};
	return add_name(out, d, ".", err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with open addressing from (device, inode) to the first name. */
#include "layer/links.h"

#include <stdint.h>

#include "util/mem.h"

struct s2c_link {
	dev_t dev;
	ino_t ino;
	char *path; /* NULL: free */
};

static size_t slot_of(const struct s2c_links *links, dev_t dev, ino_t ino)
{
	uint64_t hash = ((uint64_t)ino + (uint64_t)dev * 31) * 0x9e3779b97f4a7c15u;
	size_t at = (size_t)(hash >> 32) & (links->size - 1);

	while (links->slots[at].path &&
		(links->slots[at].dev != dev || links->slots[at].ino != ino))
		at = (at + 1) & (links->size - 1);
	return at;
}

const char *s2c_links_find(const struct s2c_links *links, const struct stat *st)
{
	if (!links->size)
		return NULL;
	return links->slots[slot_of(links, st->st_dev, st->st_ino)].path;
}

static void grow(struct s2c_links *links)
{
	struct s2c_links bigger = {.used = links->used};

	bigger.size = links->size ? links->size * 2 : 64;
	bigger.slots = xcalloc(bigger.size, sizeof(bigger.slots[0]));
	for (size_t i = 0; i < links->size; i++) {
		const struct s2c_link *old = &links->slots[i];

		if (old->path)
			bigger.slots[slot_of(&bigger, old->dev, old->ino)] = *old;
	}
	free(links->slots);
	*links = bigger;
}

void s2c_links_note(struct s2c_links *links, const struct stat *st, const char *path)
{
	struct s2c_link *slot;

	if (links->used * 2 >= links->size)
		grow(links);
	slot = &links->slots[slot_of(links, st->st_dev, st->st_ino)];
	if (slot->path)
		return;
	*slot = (struct s2c_link){st->st_dev, st->st_ino, xstrdup(path)};
	links->used++;
}

void s2c_links_release(struct s2c_links *links)
{
	for (size_t i = 0; i < links->size; i++)
		free(links->slots[i].path);
	free(links->slots);
	*links = (struct s2c_links){0};
}

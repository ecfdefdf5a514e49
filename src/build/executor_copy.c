/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY, ADD and WORKDIR: files of the source into the container.
 */
#include "build/executor.h"

static int put(struct s2c_executor *x, const char *path, struct s2c_entries *entries,
	const struct s2c_owner *owner, struct s2c_error **err)
{
	return s2c_container_copy_as(
		x->job->ctx, x->container, path, entries, owner, err);
}

/* As docker has it, whoever is the user: root's. */
int s2c_executor_workdir(void *self, const char *path, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *nothing = s2c_copy_nothing();
	static const struct s2c_owner root = {0, 0};
	struct s2c_executor *x = self;

	if (s2c_executor_need_for_copy(x, &root, err))
		return -1;
	if (s2c_container_is_dir(x->container, path))
		return 0;
	return put(x, path, nothing, &root, err);
}

/* --chown; a lone user's group has the same name or number. */
int s2c_executor_copy_owner(const struct s2c_executor *x,
	const struct s2c_eval_copy *copy, struct s2c_owner *out, struct s2c_error **err)
{
	CLEAN_FREE char *both = NULL;
	struct s2c_user user;

	*out = (struct s2c_owner){0, 0};
	if (!copy->owner)
		return 0;
	both = strchr(copy->owner, ':') ? xstrdup(copy->owner)
					: xasprintf("%s:%s", copy->owner, copy->owner);
	if (s2c_executor_resolve_user(x, both, &user, err))
		return s2c_wrap(err, "--chown");
	*out = (struct s2c_owner){user.uid, user.gid};
	return 0;
}

/* One COPY on its way. */
struct copying {
	struct s2c_executor *x;
	const struct s2c_eval_copy *copy;
	struct s2c_owner owner;
	bool into; /* the destination is a directory for files */
};

/* Some roots by one walk: files below the destination, or one that is the destination. */
static int put_roots(const struct copying *c, const struct s2c_copy_root *roots, size_t n,
	struct s2c_error **err)
{
	const char *dest = c->copy->destination, *slash = strrchr(dest, '/');
	bool is_name = !roots[0].dir && !c->into;
	struct s2c_copy_map map = {
		.roots = roots,
		.n = n,
		.rename = is_name ? slash + 1 : NULL,
		.mode = c->copy->mode,
	};
	CLEAN_FREE char *dir = is_name ? xstrndup(dest, (size_t)(slash - dest))
				       : xstrdup(dest);
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;

	if (s2c_copy_entries(&c->x->from, &map, &entries, err))
		return -1;
	return put(c->x, *dir ? dir : "/", entries, &c->owner, err);
}

/* ADD: an archive is unpacked at the destination. *out_done: it was one. */
static int put_archive(const struct copying *c, const struct s2c_copy_root *root,
	bool *out_done, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;

	*out_done = false;
	if (!c->copy->unpack || root->dir)
		return 0;
	if (s2c_copy_archive(c->x->job->ctx, &c->x->from, root->path, &entries, err))
		return -1;
	if (!entries)
		return 0;
	*out_done = true;
	if (put(c->x, c->copy->destination, entries, &c->owner, err))
		return s2c_wrap(err, "archive '%s'", root->path);
	return 0;
}

/* What a link has led to goes by itself: it may be there under its own name as well. */
static int put_all(const struct copying *c, const struct s2c_copy_roots *roots,
	struct s2c_error **err)
{
	for (size_t i = 0; i < roots->n;) {
		size_t n = 1;
		bool done;

		if (put_archive(c, &roots->items[i], &done, err))
			return -1;
		while (!c->copy->unpack && !roots->items[i].linked && i + n < roots->n &&
			!roots->items[i + n].linked)
			n++;
		if (!done && put_roots(c, &roots->items[i], n, err))
			return -1;
		i += n;
	}
	return 0;
}

int s2c_executor_copy(
	void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	struct s2c_executor *x = self;
	struct copying c = {.x = x, .copy = copy};
	size_t len = strlen(copy->destination), n = 0;

	c.into = copy->destination[len - 1] == '/';
	if (s2c_executor_copy_owner(x, copy, &c.owner, err) ||
		s2c_executor_need_for_copy(x, &c.owner, err))
		return -1;
	s2c_strv_foreach (source, copy->sources) {
		CLEAN(s2c_copy_roots_release) struct s2c_copy_roots roots = {0};

		if (s2c_copy_find(x->job->ctx, &x->from, source, &roots, err))
			return -1;
		n += roots.n;
		if (!c.into && (n > 1 || copy->sources->len > 1))
			return s2c_fail(err, S2C_EINVAL,
				"several sources need a directory as destination: end "
				"'%s' with a '/'",
				copy->destination);
		if (!c.into && s2c_container_is_dir(x->container, copy->destination))
			c.into = true;
		if (put_all(&c, &roots, err))
			return -1;
	}
	return 0;
}

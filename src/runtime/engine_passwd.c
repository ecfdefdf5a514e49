/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podman adds a line to /etc/passwd for a user that has none when it starts a container,
 * and to /etc/group likewise, and commits them with the rest. Here they are put back.
 */
#include "runtime/engine_impl.h"

#include "image/passwd.h"

static const char *const paths[S2C_ENGINE_ACCOUNTS] = {"/etc/passwd", "/etc/group"};

/* One regular file, as it is; a missing one is no failure. */
static int read_account(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const char *path, struct s2c_engine_account *out, struct s2c_error **err)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	if (s2c_engine_stat(ctx, &c->files, path, &st, err) < 0)
		return -1;
	if (st.kind != S2C_ENGINE_FILE)
		return 0;
	out->text.max = S2C_PASSWD_BYTES_MAX;
	out->mode = st.mode;
	out->there = true;
	return s2c_engine_read_file(ctx, &c->files, st.path, &out->text, err);
}

int s2c_engine_accounts_note(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err)
{
	CLEAN_FREE char *spec = xasprintf("%u", c->uid);
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct s2c_user user;

	if (!c->runtime->engine->podman || c->accounts[0].there)
		return 0;
	if (read_account(ctx, c, paths[0], &c->accounts[0], err) < 0)
		return -1;
	/* Who is known already gets no line. */
	c->accounts_matter = s2c_user_resolve(spec, s2c_buf_str(&c->accounts[0].text),
				     NULL, &user, &ignored) < 0 ||
			     !*user.name;
	return c->accounts_matter ? read_account(ctx, c, paths[1], &c->accounts[1], err)
				  : 0;
}

/* The text with lines behind it that podman wrote. */
static bool is_podmans(const struct s2c_buf *was, const struct s2c_buf *is)
{
	const char *added = s2c_buf_str(is) + was->len;

	return is->len > was->len && memcmp(is->data, s2c_buf_str(was), was->len) == 0 &&
	       (strstr(added, ":container user:") || strstr(added, ":x:"));
}

static int put_back(struct s2c_ctx *ctx, struct s2c_engine_container *c, size_t i,
	struct s2c_error **err)
{
	const struct s2c_engine_account *was = &c->accounts[i];
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_PASSWD_BYTES_MAX);
	struct s2c_engine_file file = {.path = paths[i],
		.data = s2c_buf_str(&was->text),
		.len = was->text.len,
		.mode = was->mode};

	if (!was->there)
		return 0;
	if (s2c_engine_read_file(ctx, &c->files, paths[i], &text, err) < 0)
		return -1;
	if (!is_podmans(&was->text, &text))
		return 0;
	return s2c_engine_put_file(ctx, &c->files, &file, err);
}

int s2c_engine_accounts_restore(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err)
{
	for (size_t i = 0; c->accounts_matter && i < S2C_ENGINE_ACCOUNTS; i++)
		if (put_back(ctx, c, i, err) < 0)
			return s2c_wrap(err, "'%s' of the container", paths[i]);
	return 0;
}

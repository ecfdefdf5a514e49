/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mounts.h"

#include <errno.h>
#include <sys/stat.h>

#include "build/paths.h"
#include "build/volumes.h"
#include "codec/digest.h"

void s2c_build_mounts_release(struct s2c_build_mounts *m)
{
	for (size_t i = 0; i < m->n_secrets; i++)
		s2c_secret_release(&m->secrets[i]);
	free(m->secrets);
	s2c_mount_specs_release(&m->specs);
	s2c_strv_release(&m->strings);
	s2c_needles_free(m->needles);
	free(m->items);
	free(m->hosts);
}

/* ---- parsing ---- */

static int check_hosts(const struct s2c_mount_specs *specs, struct s2c_error **err)
{
	for (size_t i = 0; i < specs->n; i++) {
		struct s2c_host host = {specs->items[i].from, specs->items[i].to};

		if (specs->items[i].kind == S2C_SPEC_HOST &&
			s2c_host_check(&host, err) < 0)
			return s2c_wrap(err, "%s", specs->items[i].origin);
	}
	return 0;
}

int s2c_build_mounts_parse(struct s2c_build_mounts *m, const struct s2c_build_options *o,
	struct s2c_error **err)
{
	const struct {
		enum s2c_mount_spec_kind kind;
		const char *const *list;
	} all[] = {
		{S2C_SPEC_VOLUME, o->volumes},
		{S2C_SPEC_INJECTION, o->injections},
		{S2C_SPEC_SECRET, o->secrets},
		{S2C_SPEC_CACHE, o->no_cache_mounts ? NULL : o->cache_mounts},
		{S2C_SPEC_HOST, o->add_hosts},
	};

	for (size_t k = 0; k < ARRAY_SIZE(all); k++)
		for (size_t i = 0; all[k].list && all[k].list[i]; i++)
			if (s2c_mount_specs_add(
				    &m->specs, all[k].kind, all[k].list[i], err) < 0)
				return -1;
	if (o->ssh && s2c_mount_specs_add(&m->specs, S2C_SPEC_AGENT, o->ssh, err) < 0)
		return -1;
	for (size_t i = 0; o->cap_drops && o->cap_drops[i]; i++)
		if (s2c_capabilities_check(o->cap_drops[i], err) < 0)
			return -1;
	return check_hosts(&m->specs, err);
}

/* ---- reading ---- */

/* Replaces a path of the host by the one that it leads to. */
static int find_source(
	struct s2c_mount_spec *spec, const char *store, struct s2c_error **err)
{
	char *found = NULL;

	if (s2c_volume_source(spec->from, store, &found, err) < 0)
		return s2c_wrap(err, "%s '%s'", spec->origin, spec->text);
	free(spec->from);
	spec->from = found;
	return 0;
}

static int find_agent(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	const char *asked = spec->from ? spec->from : getenv("SSH_AUTH_SOCK");
	CLEAN_FREE char *real = NULL;
	struct stat st;

	if (!asked || !*asked)
		return s2c_fail(err, S2C_ENOENT,
			"--ssh: SSH_AUTH_SOCK is not set; start an agent, or name its "
			"socket");
	real = realpath(asked, NULL);
	if (!real || stat(real, &st) < 0)
		return s2c_fail_errno(err, errno, "--ssh '%s'", asked);
	if (!S_ISSOCK(st.st_mode))
		return s2c_fail(err, S2C_EINVAL,
			"--ssh: '%s' is no socket; put the key into an agent with "
			"ssh-add",
			asked);
	free(spec->from);
	spec->from = TAKE(real);
	return 0;
}

int s2c_build_mounts_read(struct s2c_ctx *ctx, struct s2c_build_mounts *m,
	const char *store, struct s2c_error **err)
{
	CLEAN_NEEDLES struct s2c_needles *needles = NULL;
	struct s2c_secret_total total = {.needles = NULL};

	m->secrets = xcalloc(m->specs.n, sizeof(*m->secrets));
	m->n_secrets = m->specs.n;
	for (size_t i = 0; i < m->specs.n; i++) {
		struct s2c_mount_spec *spec = &m->specs.items[i];
		int rc = 0;

		if (spec->kind == S2C_SPEC_VOLUME)
			rc = find_source(spec, store, err);
		else if (spec->kind == S2C_SPEC_AGENT)
			rc = find_agent(spec, err);
		else if (spec->kind == S2C_SPEC_INJECTION ||
			 spec->kind == S2C_SPEC_SECRET) {
			if (!needles)
				total.needles = needles = s2c_needles_new();
			rc = s2c_secret_read(ctx, spec, &total, &m->secrets[i], err);
		}
		if (rc < 0)
			return -1;
	}
	if (needles && s2c_needles_count(needles))
		m->needles = TAKE(needles);
	return 0;
}

void s2c_build_mounts_volumes(const struct s2c_build_mounts *m, struct s2c_strv *out)
{
	for (size_t i = 0; i < m->specs.n; i++) {
		const struct s2c_mount_spec *spec = &m->specs.items[i];

		if (spec->kind == S2C_SPEC_VOLUME)
			s2c_strv_addf(
				out, "%s:%s", spec->from, spec->read_only ? "ro" : "rw");
	}
}

void s2c_build_mounts_file_names(const struct s2c_build_mounts *m, struct s2c_strv *out)
{
	for (size_t i = 0; i < m->n_secrets; i++)
		for (size_t k = 0; k < m->secrets[i].n; k++) {
			const char *path = m->secrets[i].files[k].path;
			const char *name = *path ? path : m->specs.items[i].from;
			const char *slash = name ? strrchr(name, '/') : NULL;

			if (name)
				s2c_strv_add(out, slash ? slash + 1 : name);
		}
}

/* ---- placing ---- */

static const char *keep(struct s2c_build_mounts *m, char *text)
{
	s2c_strv_add_take(&m->strings, text);
	return text;
}

/* Where it is in the container; relative paths count from WORKDIR. */
static int inner(struct s2c_build_mounts *m, const struct s2c_mount_spec *spec,
	const char *workdir, const char **out, struct s2c_error **err)
{
	CLEAN_FREE char *joined = *spec->to == '/'
					  ? xstrdup(spec->to)
					  : xasprintf("%s/%s", workdir, spec->to);
	char *path = NULL;

	if (s2c_inner_path(joined, &path, err) < 0)
		return s2c_wrap(err, "%s '%s'", spec->origin, spec->text);
	*out = keep(m, path);
	return 0;
}

char *s2c_build_cache_key(const char *id, const char *image, uint32_t uid, uint32_t gid)
{
	CLEAN_FREE char *text = xasprintf("%s\n%s\n%u:%u", id, image, uid, gid);
	struct s2c_digest digest;

	s2c_digest_of(text, strlen(text), &digest);
	return xstrdup(s2c_digest_hex(&digest));
}

void s2c_build_mounts_hosts(struct s2c_build_mounts *m)
{
	m->hosts = xcalloc(m->specs.n, sizeof(*m->hosts));
	for (size_t i = 0; i < m->specs.n; i++) {
		const struct s2c_mount_spec *spec = &m->specs.items[i];

		if (spec->kind == S2C_SPEC_HOST)
			m->hosts[m->n_hosts++] = (struct s2c_host){spec->from, spec->to};
	}
}

static int place_one(struct s2c_build_mounts *m, size_t i,
	const struct s2c_build_place *place, struct s2c_plan *plan,
	struct s2c_error **err)
{
	static const enum s2c_mount_kind kinds[] = {
		[S2C_SPEC_VOLUME] = S2C_MOUNT_HOST,
		[S2C_SPEC_INJECTION] = S2C_MOUNT_SECRET,
		[S2C_SPEC_SECRET] = S2C_MOUNT_SECRET,
		[S2C_SPEC_AGENT] = S2C_MOUNT_AGENT,
		[S2C_SPEC_CACHE] = S2C_MOUNT_CACHE,
	};
	const struct s2c_mount_spec *spec = &m->specs.items[i];
	struct s2c_mount *mount = &m->items[m->n];
	const char *slash;

	if (spec->kind == S2C_SPEC_HOST)
		return 0;
	*mount = (struct s2c_mount){.kind = kinds[spec->kind], .source = spec->from};
	if (inner(m, spec, plan->workdir, &mount->destination, err) < 0)
		return -1;
	m->n++;
	mount->writable = spec->kind == S2C_SPEC_VOLUME && !spec->read_only;
	if (mount->kind == S2C_MOUNT_SECRET) {
		mount->files = m->secrets[i].files;
		mount->n_files = m->secrets[i].n;
	}
	if (spec->kind == S2C_SPEC_INJECTION && !m->secrets[i].is_dir) {
		slash = strrchr(spec->from, '/');
		mount->name = slash ? slash + 1 : spec->from;
	}
	if (spec->kind == S2C_SPEC_CACHE) {
		mount->key = keep(m, s2c_build_cache_key(spec->from, place->builder_name,
					     plan->user.uid, plan->user.gid));
		mount->about = spec->from;
	}
	if (spec->kind == S2C_SPEC_AGENT)
		s2c_env_set(&plan->build_env, "SSH_AUTH_SOCK", spec->to);
	return 0;
}

int s2c_build_mounts_place(struct s2c_build_mounts *m,
	const struct s2c_build_place *place, struct s2c_plan *plan,
	struct s2c_error **err)
{
	const char *label = s2c_config_label(place->builder, S2C_LABEL_CACHE_MOUNTS);

	if (label && !place->no_caches &&
		s2c_mount_specs_add_label(&m->specs, label, err) < 0)
		return -1;
	m->items = xcalloc(m->specs.n + 1, sizeof(*m->items));
	s2c_build_mounts_hosts(m);
	for (size_t i = 0; i < m->specs.n; i++)
		if (place_one(m, i, place, plan, err) < 0)
			return -1;
	return 0;
}

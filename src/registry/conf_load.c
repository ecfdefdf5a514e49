/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where registries.conf is, and reading it. The order is that of the other programs that
 * share these files, but that a file which was named is the only one: what it says is
 * then all there is.
 */
#include "registry/conf.h"

#include <errno.h>
#include <fcntl.h>

#include "codec/toml.h"
#include "registry/dirs.h"
#include "util/fs.h"

#define SYSTEM_DIR "/etc/containers"

static void tell(
	struct s2c_ctx *ctx, const char *path, const struct s2c_conf_notes *notes)
{
	s2c_strv_foreach (note, &notes->ignored)
		s2c_emit_log(
			ctx, S2C_DEBUG, "registry configuration '%s': %s", path, note);
	s2c_strv_foreach (note, &notes->unknown)
		s2c_emit_log(
			ctx, S2C_WARN, "registry configuration '%s': %s", path, note);
}

static int load_file(struct s2c_ctx *ctx, struct s2c_conf *conf, const char *path,
	struct s2c_error **err)
{
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_TOML_BYTES_MAX);

	if (s2c_fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return s2c_wrap(err, "registry configuration");
	if (s2c_conf_add(conf, s2c_buf_str(&text), text.len, path, &notes, err) < 0)
		return s2c_wrap(err, "registry configuration '%s'", path);
	tell(ctx, path, &notes);
	return 0;
}

/* The file if it is there; *out_there tells. */
static int load_if_there(struct s2c_ctx *ctx, struct s2c_conf *conf, const char *path,
	bool *out_there, struct s2c_error **err)
{
	*out_there = access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
	return *out_there ? load_file(ctx, conf, path, err) : 0;
}

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && streq(name + len - 5, ".conf");
}

/* All *.conf files of a directory in order; it need not be there. */
static int load_dir(struct s2c_ctx *ctx, struct s2c_conf *conf, const char *dir,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return s2c_fail_errno(
			err, errno, "registry configuration: cannot open '%s'", dir);
	if (s2c_fs_list(fd, S2C_CONF_FILES_MAX, &names, err) < 0)
		return s2c_wrap(err, "registry configuration '%s'", dir);
	s2c_strv_foreach (name, &names) {
		CLEAN_FREE char *path = xasprintf("%s/%s", dir, name);

		if (!is_conf(name) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
			continue;
		if (load_file(ctx, conf, path, err) < 0)
			return -1;
	}
	return 0;
}

static int load_usual(struct s2c_ctx *ctx, struct s2c_conf *conf, struct s2c_error **err)
{
	CLEAN_FREE char *home = s2c_config_home();
	CLEAN_FREE char *user = home ? xasprintf("%s/containers", home) : NULL;
	CLEAN_FREE char *file = user ? xasprintf("%s/registries.conf", user) : NULL;
	CLEAN_FREE char *drop_ins = user ? xasprintf("%s/registries.conf.d", user) : NULL;
	bool own = false;

	if (file && load_if_there(ctx, conf, file, &own, err) < 0)
		return -1;
	if (!own &&
		(load_if_there(ctx, conf, SYSTEM_DIR "/registries.conf", &own, err) < 0 ||
			load_dir(ctx, conf, SYSTEM_DIR "/registries.conf.d", err) < 0))
		return -1;
	return drop_ins ? load_dir(ctx, conf, drop_ins, err) : 0;
}

int s2c_conf_load(struct s2c_ctx *ctx, const struct s2c_conf_opts *opts,
	struct s2c_conf **out, struct s2c_error **err)
{
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
	const char *named = opts->file ? opts->file
				       : s2c_env_value("CONTAINERS_REGISTRIES_CONF");

	if ((named ? load_file(ctx, conf, named, err) : load_usual(ctx, conf, err)) < 0)
		return -1;
	for (size_t i = 0; opts->mirrors && opts->mirrors[i]; i++)
		if (s2c_conf_add_mirror(conf, opts->mirrors[i], err) < 0)
			return -1;
	*out = TAKE(conf);
	return 0;
}

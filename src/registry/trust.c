/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of certificates. A half of a pair is never skipped: without it the server
 * would refuse us and say something else.
 */
#include "registry/trust.h"

#include <errno.h>
#include <fcntl.h>

#include "registry/dirs.h"
#include "util/fs.h"

void s2c_trust_release(struct s2c_trust *trust)
{
	s2c_strv_release(&trust->ca_files);
	free(trust->client_cert);
	free(trust->client_key);
	*trust = (struct s2c_trust){.client_cert = NULL};
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && streq(name + len - tail, suffix);
}

/* Reads it now, for the library of TLS does not say which file it did not like. */
static int check_pem(int dir, const char *name, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(S2C_TRUST_BYTES_MAX);

	if (s2c_fs_read_file(dir, name, &text, err) < 0)
		return -1;
	if (!strstr(s2c_buf_str(&text), "-----BEGIN "))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' holds nothing in PEM; convert it with 'openssl x509'",
			name);
	return 0;
}

/* The name with another suffix of the same pair; S2C_ENOENT if it is not there. */
static int check_other(const struct s2c_strv *names, const char *name, const char *from,
	const char *to, struct s2c_error **err)
{
	size_t stem = strlen(name) - strlen(from);
	CLEAN_FREE char *other = xasprintf("%.*s%s", (int)stem, name, to);

	if (s2c_strv_find(names, other) >= 0)
		return 0;
	return s2c_fail(err, S2C_ENOENT,
		"'%s' is there without '%s'; a client certificate is a pair NAME.cert "
		"and NAME.key, a CA certificate is named *.crt",
		name, other);
}

static int take_pair(
	const char *dir, const char *name, struct s2c_trust *out, struct s2c_error **err)
{
	size_t stem = strlen(name) - strlen(".cert");

	if (out->client_cert)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'%s' is a second client certificate; leave one", name);
	out->client_cert = xasprintf("%s/%s", dir, name);
	out->client_key = xasprintf("%s/%.*s.key", dir, (int)stem, name);
	return 0;
}

static int take_file(int fd, const char *dir, const struct s2c_strv *names,
	const char *name, struct s2c_trust *out, struct s2c_error **err)
{
	bool ca = has_suffix(name, ".crt"), cert = has_suffix(name, ".cert");
	bool key = has_suffix(name, ".key");

	if (!ca && !cert && !key)
		return 0;
	if (cert && check_other(names, name, ".cert", ".key", err) < 0)
		return -1;
	if (key && check_other(names, name, ".key", ".cert", err) < 0)
		return -1;
	if (check_pem(fd, name, err) < 0)
		return -1;
	if (ca)
		s2c_strv_addf(&out->ca_files, "%s/%s", dir, name);
	return cert ? take_pair(dir, name, out, err) : 0;
}

static int take_dir(
	int fd, const char *dir, struct s2c_trust *out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (s2c_fs_list(fd, S2C_TRUST_FILES_MAX, &names, err) < 0)
		return -1;
	s2c_strv_foreach (name, &names)
		if (take_file(fd, dir, &names, name, out, err) < 0)
			return -1;
	return 0;
}

/* The directories for a registry, in order. */
static void candidates(const char *registry, struct s2c_strv *out)
{
	CLEAN_FREE char *config = s2c_config_home();

	if (config)
		s2c_strv_addf(out, "%s/containers/certs.d/%s", config, registry);
	s2c_strv_addf(out, "/etc/containers/certs.d/%s", registry);
	s2c_strv_addf(out, "/etc/docker/certs.d/%s", registry);
}

int s2c_trust_find(const char *cert_dir, const char *registry, struct s2c_trust *out,
	struct s2c_error **err)
{
	CLEAN_TRUST struct s2c_trust found = {.client_cert = NULL};
	CLEAN_STRV struct s2c_strv dirs = S2C_STRV_INIT;

	if (cert_dir)
		s2c_strv_add(&dirs, cert_dir);
	else
		candidates(registry, &dirs);
	for (size_t i = 0; i < dirs.len; i++) {
		const char *dir = dirs.items[i];
		CLEAN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 && !cert_dir && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (fd < 0)
			return s2c_fail_errno(err, errno,
				"certificates for '%s': cannot open '%s'", registry, dir);
		if (take_dir(fd, dir, &found, err) < 0)
			return s2c_wrap(
				err, "certificates for '%s' in '%s'", registry, dir);
		break;
	}
	*out = found;
	found = (struct s2c_trust){.client_cert = NULL};
	return 0;
}

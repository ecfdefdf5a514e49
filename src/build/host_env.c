/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the host's CA bundle and proxies. There is no one variable that all programs
 * read, so the usual ones are all set.
 */
#include "build/host_env.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const host_bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static const char *const bundle_variables[] = {
	"SSL_CERT_FILE",
	"CURL_CA_BUNDLE",
	"REQUESTS_CA_BUNDLE",
	"PIP_CERT",
	"NODE_EXTRA_CA_CERTS",
	"NPM_CONFIG_CAFILE",
	"GIT_SSL_CAINFO",
	"CARGO_HTTP_CAINFO",
	"AWS_CA_BUNDLE",
};

static const char *const proxy_variables[] = {
	"http_proxy",
	"https_proxy",
	"ftp_proxy",
	"all_proxy",
	"no_proxy",
	"HTTP_PROXY",
	"HTTPS_PROXY",
	"FTP_PROXY",
	"ALL_PROXY",
	"NO_PROXY",
};

static const char *find_host_bundle(void)
{
	const char *env = getenv("SSL_CERT_FILE");

	if (env && *env && access(env, R_OK) == 0)
		return env;
	for (size_t i = 0; i < ARRAY_SIZE(host_bundles); i++)
		if (access(host_bundles[i], R_OK) == 0)
			return host_bundles[i];
	return NULL;
}

int s2c_host_env_collect(const char *bundle, const char *inside, char **out_file,
	struct s2c_strv *env, struct s2c_error **err)
{
	const char *file = streq(bundle, "host") ? find_host_bundle() : bundle;
	CLEAN_FREE char *path = NULL;
	struct stat st;

	if (!file)
		return s2c_fail(err, S2C_ENOENT,
			"--ca-bundle: this host has no CA bundle where one is usual; "
			"name a file");
	path = realpath(file, NULL);
	if (!path || stat(path, &st) != 0)
		return s2c_fail_errno(err, errno, "--ca-bundle: cannot read '%s'", file);
	if (!S_ISREG(st.st_mode))
		return s2c_fail(err, S2C_EINVAL, "--ca-bundle: '%s' is not a file", file);
	for (size_t i = 0; i < ARRAY_SIZE(bundle_variables); i++)
		s2c_env_set(env, bundle_variables[i], inside);
	for (size_t i = 0; i < ARRAY_SIZE(proxy_variables); i++) {
		const char *value = getenv(proxy_variables[i]);

		if (value && *value)
			s2c_env_set(env, proxy_variables[i], value);
	}
	*out_file = TAKE(path);
	return 0;
}

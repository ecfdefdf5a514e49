/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of certificates, good and half. */
#include "helper.h"

#include "registry/trust.h"

#define PEM "-----BEGIN X-----\n-----END X-----\n"

static int trust_setup(void **state)
{
	CLEAN_FREE char *config = NULL;
	struct tmp *tmp;

	if (tmp_setup(state) < 0)
		return -1;
	tmp = *state;
	config = xasprintf("%s/config", tmp->path);
	setenv("XDG_CONFIG_HOME", config, 1);
	return 0;
}

#define trust_test(f) cmocka_unit_test_setup_teardown(f, trust_setup, tmp_teardown)

static void test_none(void **state)
{
	CLEAN_TRUST struct s2c_trust trust = {.client_cert = NULL};
	struct tmp *tmp = *state;

	assert_ok(s2c_trust_find(NULL, "r.example:5000", &trust, &terr));
	tmp_write(tmp, "config/containers/certs.d/other.example/ca.crt", PEM);
	tmp_write(tmp, "config/containers/certs.d/r.example:5001/ca.crt", PEM);
	tmp_write(tmp, "config/containers/certs.d/ca.crt", PEM);
	assert_ok(s2c_trust_find(NULL, "r.example:5000", &trust, &terr));
	assert_int_equal(trust.ca_files.len, 0);
	assert_null(trust.client_cert);
	/* A file where a directory of registries should be. */
	assert_ok(s2c_trust_find(NULL, "ca.crt", &trust, &terr));
}

static void test_all_kinds(void **state)
{
	CLEAN_TRUST struct s2c_trust trust = {.client_cert = NULL};
	CLEAN_TRUST struct s2c_trust named = {.client_cert = NULL};
	struct tmp *tmp = *state;
	CLEAN_FREE char *dir = xasprintf(
		"%s/config/containers/certs.d/r.example:5000", tmp->path);

	tmp_write(tmp, "config/containers/certs.d/r.example:5000/b.crt", PEM);
	tmp_write(tmp, "config/containers/certs.d/r.example:5000/a.crt", PEM PEM);
	tmp_write(tmp, "config/containers/certs.d/r.example:5000/me.cert", PEM);
	tmp_write(tmp, "config/containers/certs.d/r.example:5000/me.key", PEM);
	tmp_write(tmp, "config/containers/certs.d/r.example:5000/README", "no PEM");
	tmp_write(tmp, "config/containers/certs.d/r.example:5000/a.crt.old", "no PEM");
	assert_ok(s2c_trust_find(NULL, "r.example:5000", &trust, &terr));
	assert_int_equal(trust.ca_files.len, 2);
	assert_non_null(strstr(trust.ca_files.items[0], "r.example:5000/a.crt"));
	assert_non_null(strstr(trust.ca_files.items[1], "r.example:5000/b.crt"));
	assert_non_null(strstr(trust.client_cert, "r.example:5000/me.cert"));
	assert_non_null(strstr(trust.client_key, "r.example:5000/me.key"));
	/* A directory that is named holds the files of every registry. */
	assert_ok(s2c_trust_find(dir, "whatever", &named, &terr));
	assert_string_equal(named.client_key, trust.client_key);
}

static void test_bad(void **state)
{
	static const struct {
		const char *file, *text, *file2;
		enum s2c_code code;
		const char *part;
	} rows[] = {
		{"me.cert", PEM, NULL, S2C_ENOENT, "'me.cert' is there without 'me.key'"},
		{"me.key", PEM, NULL, S2C_ENOENT, "'me.key' is there without 'me.cert'"},
		{"me.cert", PEM, "you.key", S2C_ENOENT, "without 'me.key'"},
		{"ca.crt", "\x30\x82", NULL, S2C_EINVAL, "'ca.crt' holds nothing in PEM"},
		{"ca.crt", "", NULL, S2C_EINVAL, "'ca.crt' holds nothing in PEM"},
		{"me.cert", "x", "me.key", S2C_EINVAL, "'me.cert' holds nothing in PEM"},
		{"ca.crt/dir", PEM, NULL, S2C_EINVAL, "'ca.crt': not a regular file"},
	};
	struct tmp *tmp = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_trust trust = {.client_cert = NULL};
		CLEAN_FREE char *dir = xasprintf("%s/%zu", tmp->path, i);
		CLEAN_FREE char *file = xasprintf("%zu/%s", i, rows[i].file);

		tmp_write(tmp, file, rows[i].text);
		if (rows[i].file2) {
			CLEAN_FREE char *second = xasprintf("%zu/%s", i, rows[i].file2);
			tmp_write(tmp, second, PEM);
		}
		assert_fails(s2c_trust_find(dir, "r.example", &trust, &terr),
			rows[i].code, rows[i].part);
	}
}

static void test_second_pair(void **state)
{
	struct s2c_trust trust = {.client_cert = NULL};
	struct tmp *tmp = *state;

	tmp_write(tmp, "a.cert", PEM);
	tmp_write(tmp, "a.key", PEM);
	tmp_write(tmp, "b.cert", PEM);
	tmp_write(tmp, "b.key", PEM);
	assert_fails(s2c_trust_find(tmp->path, "r.example", &trust, &terr),
		S2C_EUNSUPPORTED, "'b.cert' is a second client certificate");
}

static void test_unreadable(void **state)
{
	struct s2c_trust trust = {.client_cert = NULL};
	struct tmp *tmp = *state;

	assert_fails(s2c_trust_find("/nonexistent/dir", "r.example", &trust, &terr),
		S2C_ENOENT, "certificates for 'r.example': cannot open '/nonexistent");
	assert_int_equal(symlinkat("nowhere", tmp->fd, "ca.crt"), 0);
	assert_fails(s2c_trust_find(tmp->path, "r.example", &trust, &terr), S2C_ENOENT,
		"cannot open 'ca.crt'");
	assert_int_equal(unlinkat(tmp->fd, "ca.crt", 0), 0);
	tmp_write(tmp, "ca.crt", PEM);
	assert_int_equal(fchmodat(tmp->fd, "ca.crt", 0, 0), 0);
	assert_int_equal(fchmod(tmp->fd, 0755), 0);
	/* Root reads everything, so it is somebody else for a moment. */
	bool root = geteuid() == 0;
	assert_true(!root || seteuid(65534) == 0);
	int rc = s2c_trust_find(tmp->path, "r.example", &trust, &terr);
	assert_true(!root || seteuid(0) == 0);
	assert_fails(rc, S2C_EDENIED, "cannot open 'ca.crt'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		trust_test(test_none),
		trust_test(test_all_kinds),
		trust_test(test_bad),
		trust_test(test_second_pair),
		trust_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

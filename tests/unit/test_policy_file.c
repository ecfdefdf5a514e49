/* SPDX-License-Identifier: Apache-2.0 */
/* The policy as a file: who may have written it, and reading it. */
#include "helper.h"

#include "gate/policy_file.h"

#define SOUND                                                                            \
	"version: 1\n"                                                                   \
	"audit: {path: /var/log/s2c/audit.jsonl}\n"                                      \
	"defaults:\n  cpus: 1.5\n  uids: [1001, 100000-165535]\n"                        \
	"builders:\n- {name: python, ref: \"registry.example/python\"}\n"                \
	"subjects:\n- {user: root, builders: [python]}\n- {uid: 4242}\n"

static char *path_of(const struct tmp *tmp, const char *name)
{
	return xasprintf("%s/%s", tmp->path, name);
}

static int load(const struct tmp *tmp, const char *name, struct s2c_rules **out)
{
	CLEAN_FREE char *path = path_of(tmp, name);

	return s2c_policy_file_load(path, true, out, &terr);
}

static void put(const struct tmp *tmp, const char *name, const char *text, mode_t mode)
{
	tmp_write(tmp, name, text);
	assert_int_equal(fchmodat(tmp->fd, name, mode, 0), 0);
}

static void test_sound(void **state)
{
	static const mode_t modes[] = {0600, 0644, 0400, 0755};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		CLEAN_RULES struct s2c_rules *rules = NULL;

		put(*state, "policy.yaml", SOUND, 0600);
		put(*state, "policy.yaml", SOUND, modes[i]);
		assert_ok(load(*state, "policy.yaml", &rules));
		assert_int_equal(rules->n_subjects, 2);
		assert_int_equal(rules->subjects[0].id, 0);
		assert_int_equal(rules->subjects[1].values.milli_cpus, 1500);
	}
}

static void test_permissions(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666, 0777, 01622};
	struct s2c_rules *rules = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		put(*state, "policy.yaml", SOUND, 0600);
		put(*state, "policy.yaml", SOUND, modes[i]);
		assert_fails(load(*state, "policy.yaml", &rules), S2C_EDENIED,
			"may be written by others");
	}
}

static void test_directories(void **state)
{
	static const struct {
		const char *path;
		mode_t dir, file_dir; /* of d and d/e */
		bool good;
	} rows[] = {
		{"d/e/p.yaml", 0700, 0700, true},
		{"d/e/p.yaml", 0755, 0555, true},
		{"d/e/p.yaml", 0700, 0770, false},
		{"d/e/p.yaml", 0700, 0707, false},
		/* Sticky protects what is there, but not in the last one. */
		{"d/e/p.yaml", 01777, 0700, true},
		{"d/e/p.yaml", 0777, 0700, false},
		{"d/e/p.yaml", 0700, 01777, false},
		/* What the path goes through on the way does not count; where it is does.
		 */
		{"d/e/../e/p.yaml", 0755, 0755, true},
	};
	struct tmp *tmp = *state;

	put(tmp, "d/e/p.yaml", SOUND, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_RULES struct s2c_rules *rules = NULL;

		assert_int_equal(fchmodat(tmp->fd, "d", rows[i].dir, 0), 0);
		assert_int_equal(fchmodat(tmp->fd, "d/e", rows[i].file_dir, 0), 0);
		if (rows[i].good)
			assert_ok(load(tmp, rows[i].path, &rules));
		else
			assert_fails(load(tmp, rows[i].path, &rules), S2C_EDENIED,
				"may be written by others");
	}
	assert_int_equal(fchmodat(tmp->fd, "d/e", 0700, 0), 0);
}

static void test_owner(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_rules *rules = NULL;

	if (geteuid() != 0)
		skip_because("only root can give files away");
	put(tmp, "d/p.yaml", SOUND, 0600);
	assert_int_equal(fchownat(tmp->fd, "d/p.yaml", 1234, 0, 0), 0);
	assert_fails(load(tmp, "d/p.yaml", &rules), S2C_EDENIED, "is of user 1234");
	assert_int_equal(fchownat(tmp->fd, "d/p.yaml", 0, 0, 0), 0);
	assert_int_equal(fchownat(tmp->fd, "d", 1234, 0, 0), 0);
	assert_fails(load(tmp, "d/p.yaml", &rules), S2C_EDENIED, "is of user 1234");
}

static void test_other_files(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_rules *rules = NULL;

	put(tmp, "real", SOUND, 0600);
	assert_int_equal(symlinkat("real", tmp->fd, "link"), 0);
	assert_int_equal(mkfifoat(tmp->fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(tmp->fd, "dir", 0700), 0);
	assert_fails(load(tmp, "link", &rules), S2C_EDENIED, "is a symlink");
	assert_fails(load(tmp, "fifo", &rules), S2C_EINVAL, "is no regular file");
	assert_fails(load(tmp, "dir", &rules), S2C_EINVAL, "is no regular file");
	assert_fails(load(tmp, "none", &rules), S2C_ENOENT, "cannot open policy");
	assert_fails(load(tmp, "none/x", &rules), S2C_ENOENT, "cannot find directory");
}

static void test_contents(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} rows[] = {
		{"", S2C_EPROTO, "policy '"},
		{"version: 1\n", S2C_EINVAL, "'audit' is missing"},
		{"a: *b\n", S2C_EPROTO, "line 1"},
		{"version: 1\nversion: 1\n", S2C_EPROTO, "line 2"},
		{"version: 1\naudit: {path: /a}\nsubjects: [{user: s2c-nobody-x}]\n",
			S2C_ENOENT,
			"subjects[0]: user: 's2c-nobody-x' is not known on this host"},
		{"version: 1\naudit: {path: /a}\nsubjects: [{group: s2c-nobody-x}]\n",
			S2C_ENOENT, "group: 's2c-nobody-x' is not known"},
		{"version: 1\naudit: {path: /a}\nsubjects:\n- {uid: 01}\n", S2C_EINVAL,
			"uid: it must be a whole number"},
		{"version: 1\naudit: {path: /a}\ndefaults: {memory: 2}\n", S2C_EINVAL,
			"memory: it must be a size with its unit"},
		{"version: 1\naudit: {path: /a}\nbuilders:\n", S2C_EINVAL,
			"key 'builders' has no value"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_rules *rules = NULL;

		put(*state, "p.yaml", rows[i].text, 0600);
		assert_fails(load(*state, "p.yaml", &rules), rows[i].code, rows[i].part);
	}
}

static void test_size(void **state)
{
	CLEAN_FREE char *large = xmalloc(S2C_POLICY_FILE_MAX + 2);
	struct s2c_rules *rules = NULL;

	memset(large, '\n', S2C_POLICY_FILE_MAX + 1);
	large[S2C_POLICY_FILE_MAX + 1] = '\0';
	put(*state, "p.yaml", large, 0600);
	assert_fails(load(*state, "p.yaml", &rules), S2C_ELIMIT, "policy '");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_sound),
		tmp_test(test_permissions),
		tmp_test(test_directories),
		tmp_test(test_owner),
		tmp_test(test_other_files),
		tmp_test(test_contents),
		tmp_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

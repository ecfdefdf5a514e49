/* SPDX-License-Identifier: Apache-2.0 */
/* String vectors and environments. */
#include "helper.h"

#include "util/strv.h"

/* The items with a space after each, and that the NULL is where execve wants it. */
static void assert_items(const struct s2c_strv *v, const char *wanted)
{
	char got[512] = "";

	s2c_strv_foreach (item, v)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", item);
	assert_string_equal(got, wanted);
	if (v->items)
		assert_null(v->items[v->len]);
}

static void test_add(void **state)
{
	CLEAN_STRV struct s2c_strv v = S2C_STRV_INIT;

	assert_items(&v, "");
	s2c_strv_add(&v, "b");
	s2c_strv_addf(&v, "%s%d", "c", 1);
	s2c_strv_add_take(&v, xstrdup("a"));
	assert_items(&v, "b c1 a ");
	s2c_strv_add_all(&v, &v);
	assert_items(&v, "b c1 a b c1 a ");
	for (int i = 0; i < 100; i++) {
		s2c_strv_add(&v, "x");
		assert_null(v.items[v.len]);
	}
	assert_int_equal(v.len, 106);
}

static void test_remove(void **state)
{
	CLEAN_STRV struct s2c_strv v = S2C_STRV_INIT;

	s2c_strv_remove(&v, 0);
	s2c_strv_add(&v, "a");
	s2c_strv_add(&v, "b");
	s2c_strv_add(&v, "c");
	s2c_strv_remove(&v, 3);
	assert_items(&v, "a b c ");
	s2c_strv_remove(&v, 1);
	assert_items(&v, "a c ");
	s2c_strv_remove(&v, 1);
	s2c_strv_remove(&v, 0);
	assert_items(&v, "");
}

static void test_sort_and_find(void **state)
{
	CLEAN_STRV struct s2c_strv v = S2C_STRV_INIT;

	s2c_strv_sort(&v);
	assert_int_equal(s2c_strv_find(&v, "a"), -1);
	s2c_strv_add(&v, "a");
	s2c_strv_add(&v, "\xff");
	s2c_strv_add(&v, "B");
	s2c_strv_add(&v, "");
	s2c_strv_sort(&v);
	/* Bytewise and unsigned, whatever the locale. */
	assert_items(&v, " B a \xff ");
	assert_int_equal(s2c_strv_find(&v, "a"), 2);
	assert_int_equal(s2c_strv_find(&v, "b"), -1);
}

static void test_env(void **state)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	assert_null(s2c_env_get(&env, "A"));
	s2c_env_set(&env, "A", "1");
	s2c_env_set(&env, "AB", "2");
	s2c_env_put(&env, "C=x=y");
	assert_string_equal(s2c_env_get(&env, "A"), "1");
	assert_string_equal(s2c_env_get(&env, "AB"), "2");
	assert_string_equal(s2c_env_get(&env, "C"), "x=y");
	assert_null(s2c_env_get(&env, "B"));
	assert_null(s2c_env_get(&env, ""));
	s2c_env_put(&env, "A=");
	assert_string_equal(s2c_env_get(&env, "A"), "");
	assert_items(&env, "A= AB=2 C=x=y ");
}

static void test_env_with_equal_names(void **state)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	/* As an image may bring it along. */
	s2c_strv_add(&env, "X=1");
	s2c_strv_add(&env, "P=old");
	s2c_strv_add(&env, "Y=1");
	s2c_strv_add(&env, "P=older");
	assert_string_equal(s2c_env_get(&env, "P"), "older");
	s2c_env_set(&env, "P", "new");
	assert_items(&env, "X=1 P=new Y=1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_sort_and_find),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_env_with_equal_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

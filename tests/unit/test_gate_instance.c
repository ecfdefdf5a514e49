/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a gate: its key, the names that it signs, and which runs live. */
#include "helper.h"

#include <limits.h>

#include "gate/instance.h"
#include "util/pool.h"

struct opening {
	struct s2c_job job;
	char state[128];
	struct s2c_gate_instance instance;
};

static int open_one(struct s2c_job *job, struct s2c_error **err)
{
	struct opening *o = (struct opening *)job;

	return s2c_gate_instance_open(o->state, &o->instance, err);
}

static void prepare(struct opening *o, const struct tmp *tmp)
{
	*o = (struct opening){.job.run = open_one, .instance = S2C_GATE_INSTANCE_INIT};
	(void)snprintf(o->state, sizeof(o->state), "%s/state", tmp->path);
}

/* Many at once make one key; each has an id of its own. */
static void test_at_once(void **state)
{
	enum { N = 8 };
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new_waiting(N);
	struct opening o[N];
	struct stat st;

	for (int i = 0; i < N; i++) {
		prepare(&o[i], *state);
		assert_true(s2c_pool_submit(pool, &o[i].job));
	}
	for (int i = 0; i < N; i++)
		assert_ok(s2c_job_wait(&o[i].job, &terr));
	for (int i = 1; i < N; i++) {
		assert_memory_equal(
			o[i].instance.key, o[0].instance.key, S2C_GATE_KEY_BYTES);
		assert_string_not_equal(o[i].instance.id, o[0].instance.id);
		assert_true(s2c_gate_instance_lives(&o[0].instance, o[i].instance.id));
	}
	assert_int_equal(fstatat(((struct tmp *)*state)->fd, "state/key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, S2C_GATE_KEY_BYTES);
	for (int i = 0; i < N; i++)
		s2c_gate_instance_close(&o[i].instance);
}

static void test_names(void **state)
{
	char name[S2C_GATE_NAME_MAX], other_name[S2C_GATE_NAME_MAX];
	char id[S2C_GATE_INSTANCE_DIGITS + 1] = "";
	struct opening a, b;

	prepare(&a, *state);
	prepare(&b, *state);
	(void)snprintf(
		b.state, sizeof(b.state), "%s/other", ((struct tmp *)*state)->path);
	assert_ok(open_one(&a.job, &terr));
	assert_ok(open_one(&b.job, &terr));
	s2c_gate_instance_name(&a.instance, 0, name);
	assert_true(s2c_gate_instance_known(&a.instance, name, id));
	assert_string_equal(id, a.instance.id);
	s2c_gate_instance_name(&a.instance, ULONG_MAX, other_name);
	assert_true(s2c_gate_instance_known(&a.instance, other_name, id));
	assert_string_not_equal(name, other_name);
	/* Another key does not know it. */
	assert_false(s2c_gate_instance_known(&b.instance, name, id));
	/* Any other byte, any cut, anything more. */
	for (size_t i = 0; name[i]; i++) {
		char before = name[i];

		name[i] = before == '0' ? '1' : '0';
		assert_false(s2c_gate_instance_known(&a.instance, name, id));
		name[i] = '\0';
		assert_false(s2c_gate_instance_known(&a.instance, name, id));
		name[i] = before;
	}
	CLEAN_FREE char *more = xasprintf("%s0", name);
	CLEAN_FREE char *dash = xasprintf("%s-", name);
	assert_false(s2c_gate_instance_known(&a.instance, more, id));
	assert_false(s2c_gate_instance_known(&a.instance, dash, id));
	assert_false(s2c_gate_instance_known(&a.instance, "", id));
	assert_false(s2c_gate_instance_known(&a.instance, S2C_GATE_NAME_PREFIX, id));
	s2c_gate_instance_close(&a.instance);
	s2c_gate_instance_close(&b.instance);
}

static void test_lives(void **state)
{
	char gone[S2C_GATE_INSTANCE_DIGITS + 1];
	struct opening a, b;

	prepare(&a, *state);
	prepare(&b, *state);
	assert_ok(open_one(&a.job, &terr));
	assert_ok(open_one(&b.job, &terr));
	assert_true(s2c_gate_instance_lives(&a.instance, a.instance.id));
	assert_true(s2c_gate_instance_lives(&a.instance, b.instance.id));
	memcpy(gone, b.instance.id, sizeof(gone));
	/* Killed: the file is there and nobody has locked it. */
	CLEAN_FREE char *file = xasprintf("state/run/%s", gone);
	close(b.instance.lock);
	b.instance.lock = -1;
	assert_true(tmp_has(*state, file));
	assert_false(s2c_gate_instance_lives(&a.instance, gone));
	assert_false(tmp_has(*state, file));
	assert_false(s2c_gate_instance_lives(&a.instance, gone));
	/* What is no id is no path either. */
	assert_false(s2c_gate_instance_lives(&a.instance, "../key"));
	assert_false(s2c_gate_instance_lives(&a.instance, ""));
	assert_false(s2c_gate_instance_lives(
		&a.instance, "../../../../../../../../../etc/pw"));
	s2c_gate_instance_close(&b.instance);
	s2c_gate_instance_close(&a.instance);
	s2c_gate_instance_close(&a.instance);
}

static void test_bad_key(void **state)
{
	struct tmp *tmp = *state;
	struct opening o;

	prepare(&o, tmp);
	assert_ok(open_one(&o.job, &terr));
	s2c_gate_instance_close(&o.instance);
	assert_int_equal(fchmodat(tmp->fd, "state/key", 0640, 0), 0);
	assert_fails(open_one(&o.job, &terr), S2C_EDENIED, "alone");
	s2c_gate_instance_close(&o.instance);
	assert_int_equal(fchmodat(tmp->fd, "state/key", 0600, 0), 0);
	tmp_write(tmp, "state/key", "short");
	assert_fails(open_one(&o.job, &terr), S2C_EPROTO, "damaged");
	s2c_gate_instance_close(&o.instance);
	tmp_write(tmp, "state/key", "");
	assert_fails(open_one(&o.job, &terr), S2C_EPROTO, "damaged");
	s2c_gate_instance_close(&o.instance);
	assert_int_equal(unlinkat(tmp->fd, "state/key", 0), 0);
	assert_int_equal(symlinkat("/etc/hostname", tmp->fd, "state/key"), 0);
	assert_int_equal(open_one(&o.job, &terr), -1);
	s2c_error_free(TAKE(terr));
	s2c_gate_instance_close(&o.instance);
	assert_int_equal(unlinkat(tmp->fd, "state/key", 0), 0);
	assert_int_equal(mkdirat(tmp->fd, "state/key", 0700), 0);
	assert_fails(open_one(&o.job, &terr), S2C_EDENIED, "alone");
	s2c_gate_instance_close(&o.instance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_at_once),
		tmp_test(test_names),
		tmp_test(test_lives),
		tmp_test(test_bad_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

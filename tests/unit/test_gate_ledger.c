/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns what, what follows what, and who waits for whom. */
#include "helper.h"

#include <sys/socket.h>

#include "gate/ledger.h"
#include "util/pool.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static void add(struct s2c_ledger *ledger, const char *owner, const char *id,
	const char *name, enum s2c_container_state state)
{
	struct s2c_container_record c = {.state = state, .deadline = 3600};

	(void)snprintf(c.owner, sizeof(c.owner), "%s", owner);
	(void)snprintf(c.id, sizeof(c.id), "%s", id);
	(void)snprintf(c.name, sizeof(c.name), "%s", name);
	s2c_ledger_add(ledger, &c);
}

static enum s2c_container_state state_of(struct s2c_ledger *ledger, const char *id)
{
	struct s2c_container_record c;

	assert_true(s2c_ledger_find(ledger, "u:1", id, &c));
	return c.state;
}

static void test_find(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(10);
	struct s2c_container_record c;

	add(ledger, "u:1", ID_A, "mine", S2C_CONTAINER_CREATED);
	add(ledger, "u:2", ID_C, "theirs", S2C_CONTAINER_CREATED);
	assert_true(s2c_ledger_find(ledger, "u:1", ID_A, &c));
	assert_string_equal(c.name, "mine");
	assert_true(s2c_ledger_find(ledger, "u:1", "mine", &c));
	assert_true(s2c_ledger_find(ledger, "u:1", "aaaaaaaaaaaa", &c));
	assert_false(s2c_ledger_find(ledger, "u:1", "aaaaaaaaaaa", &c));
	assert_false(s2c_ledger_find(ledger, "u:1", "", &c));
	assert_false(s2c_ledger_find(ledger, "u:1", "min", &c));
	assert_false(s2c_ledger_find(ledger, "u:1", ID_A "a", &c));
	assert_false(s2c_ledger_find(ledger, "u:1", "AAAAAAAAAAAA", &c));
	/* Another one's, by id, name and short id; an owner that begins the same. */
	assert_false(s2c_ledger_find(ledger, "u:1", ID_C, &c));
	assert_false(s2c_ledger_find(ledger, "u:1", "theirs", &c));
	assert_false(s2c_ledger_find(ledger, "u:1", "cccccccccccc", &c));
	assert_false(s2c_ledger_find(ledger, "u:11", ID_A, &c));
	/* A name that looks like the id of another container does not hide it. */
	add(ledger, "u:1", ID_B, ID_A, S2C_CONTAINER_CREATED);
	assert_true(s2c_ledger_find(ledger, "u:1", ID_A, &c));
	assert_string_equal(c.id, ID_A);
	assert_true(s2c_ledger_find(ledger, "u:1", ID_B, &c));
	assert_string_equal(c.id, ID_B);
	assert_int_equal(s2c_ledger_count_in(ledger, S2C_CONTAINER_ANY), 3);
	s2c_ledger_remove(ledger, ID_A);
	assert_int_equal(s2c_ledger_count_in(ledger, S2C_CONTAINER_ANY), 2);
	assert_true(s2c_ledger_find(ledger, "u:1", ID_A, &c));
	assert_string_equal(c.id, ID_B);
	s2c_ledger_remove(ledger, "nobody's");
}

/* Every pair of a state and a set of them. */
static void test_moves(void **state)
{
	for (unsigned from = 1; from <= S2C_CONTAINER_BROKEN; from <<= 1)
		for (unsigned to = 1; to <= S2C_CONTAINER_BROKEN; to <<= 1)
			for (unsigned set = 0; set <= S2C_CONTAINER_ANY; set++) {
				CLEAN(s2c_clean_ledger)
				struct s2c_ledger *ledger = s2c_ledger_new(1);

				add(ledger, "u:1", ID_A, "", from);
				assert_int_equal(s2c_ledger_move(ledger, ID_A, set, to),
					(set & from) != 0);
				assert_int_equal(
					state_of(ledger, ID_A), set & from ? to : from);
			}
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);
	assert_false(
		s2c_ledger_move(ledger, ID_A, S2C_CONTAINER_ANY, S2C_CONTAINER_RUNNING));
}

/* An end is that of something that runs, and counts once. */
static void test_exit(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(9);
	struct s2c_container_record c;

	add(ledger, "u:1", ID_A, "", S2C_CONTAINER_CREATED);
	(void)s2c_ledger_exited(ledger, ID_A, 7);
	assert_int_equal(state_of(ledger, ID_A), S2C_CONTAINER_CREATED);
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	assert_false(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	(void)s2c_ledger_exited(ledger, ID_A, 7);
	(void)s2c_ledger_exited(ledger, ID_A, 0);
	assert_true(s2c_ledger_find(ledger, "u:1", ID_A, &c));
	assert_int_equal(c.exit_code, 7);
	assert_int_equal(c.state, S2C_CONTAINER_EXITED);
	(void)s2c_ledger_exited(ledger, ID_B, 0);
	for (unsigned s = 1; s <= S2C_CONTAINER_BROKEN; s <<= 1)
		assert_non_null(s2c_container_state_name(s));
}

static void test_attaches(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(9);

	add(ledger, "u:1", ID_A, "", S2C_CONTAINER_CREATED);
	assert_true(s2c_ledger_attach(ledger, ID_A, false, 2));
	assert_true(s2c_ledger_attach(ledger, ID_A, false, 2));
	assert_false(s2c_ledger_attach(ledger, ID_A, false, 2));
	assert_false(s2c_ledger_attach(ledger, ID_B, false, 2));
}

/* While files are copied into a container or out of it nobody starts it. */
/* A process behind the first one, which must have ended well. */
static void test_renew(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(10);

	add(ledger, "u:1", ID_A, "", S2C_CONTAINER_CREATED);
	assert_true(s2c_ledger_attach(ledger, ID_A, true, 1));
	assert_false(s2c_ledger_renew(ledger, ID_A));
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	assert_false(s2c_ledger_renew(ledger, ID_A));
	assert_true(s2c_ledger_exited(ledger, ID_A, 0));
	assert_false(s2c_ledger_attach(ledger, ID_A, true, 1));
	assert_true(s2c_ledger_renew(ledger, ID_A));
	assert_int_equal(state_of(ledger, ID_A), S2C_CONTAINER_CREATED);
	assert_true(s2c_ledger_attach(ledger, ID_A, true, 1));
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	assert_true(s2c_ledger_exited(ledger, ID_A, 3));
	assert_false(s2c_ledger_renew(ledger, ID_A));
	assert_false(s2c_ledger_renew(ledger, ID_B));
}

static void test_hold(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(9);

	add(ledger, "u:1", ID_A, "", S2C_CONTAINER_CREATED);
	assert_false(s2c_ledger_hold(ledger, ID_A, S2C_CONTAINER_ENDED));
	assert_true(s2c_ledger_hold(ledger, ID_A, S2C_CONTAINER_FRESH));
	assert_true(s2c_ledger_hold(ledger, ID_A, S2C_CONTAINER_FRESH));
	assert_false(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_CREATED, S2C_CONTAINER_ATTACHED));
	s2c_ledger_release(ledger, ID_A);
	assert_false(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	s2c_ledger_release(ledger, ID_A);
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	assert_false(s2c_ledger_hold(ledger, ID_A, S2C_CONTAINER_FRESH));
	assert_false(s2c_ledger_hold(ledger, ID_B, S2C_CONTAINER_ANY));
	s2c_ledger_release(ledger, ID_B);
}

#define FAR INT64_MAX

static void test_due(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(9);
	struct s2c_container_record c;

	add(ledger, "u:1", ID_A, "", S2C_CONTAINER_CREATED);
	assert_false(s2c_ledger_due(ledger, FAR, false, &c));
	assert_true(s2c_ledger_due(ledger, 0, true, &c));
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	s2c_ledger_started(ledger, ID_A);
	assert_false(s2c_ledger_due(ledger, 1, false, &c));
	assert_true(s2c_ledger_due(ledger, FAR, false, &c));
	assert_string_equal(c.id, ID_A);
	/* What could not be ended is due again, but later. */
	s2c_ledger_postpone(ledger, ID_A, 5);
	assert_true(s2c_ledger_due(ledger, FAR, false, &c));
	assert_true(c.until > 0 && c.until < FAR);
	/* A start that nobody saw the end of may have been one. */
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_RUNNING, S2C_CONTAINER_BROKEN));
	assert_true(s2c_ledger_due(ledger, FAR, false, &c));
	s2c_ledger_deadline_passed(ledger, ID_A);
	assert_false(s2c_ledger_due(ledger, FAR, false, &c));
	/* What has ended is not due. */
	add(ledger, "u:1", ID_B, "", S2C_CONTAINER_RUNNING);
	s2c_ledger_started(ledger, ID_B);
	(void)s2c_ledger_exited(ledger, ID_B, 0);
	assert_false(s2c_ledger_due(ledger, FAR, false, &c));
}

/* What nobody has asked about for long is left behind: it does not keep its place. */
static void test_forgotten(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(9);
	struct s2c_container_record c;

	add(ledger, "u:1", ID_A, "", S2C_CONTAINER_CREATED);
	assert_false(s2c_ledger_forgotten(ledger, 0, &c));
	assert_true(s2c_ledger_forgotten(ledger, FAR, &c));
	assert_string_equal(c.id, ID_A);
	assert_true(s2c_ledger_hold(ledger, ID_A, S2C_CONTAINER_FRESH));
	assert_false(s2c_ledger_forgotten(ledger, FAR, &c));
	s2c_ledger_release(ledger, ID_A);
	assert_true(s2c_ledger_move(
		ledger, ID_A, S2C_CONTAINER_FRESH, S2C_CONTAINER_RUNNING));
	assert_false(s2c_ledger_forgotten(ledger, FAR, &c));
	(void)s2c_ledger_exited(ledger, ID_A, 0);
	assert_true(s2c_ledger_forgotten(ledger, FAR, &c));
}

/* ---- places ---- */

struct waiting {
	struct s2c_job job;
	struct s2c_ledger *ledger;
	struct s2c_ctx *ctx;
	const char *owner;
	unsigned most;
	int watch;
};

static int reserve(struct s2c_job *job, struct s2c_error **err)
{
	struct waiting *w = (struct waiting *)job;

	return s2c_ledger_reserve(w->ledger, w->ctx, w->owner, w->most, w->watch, err);
}

static void test_places(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(2);
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *over = s2c_ctx_branch(ctx, 0);

	assert_ok(s2c_ledger_reserve(ledger, ctx, "u:1", 1, -1, &terr));
	/* The owner's own limit, and that of all. */
	s2c_ctx_cancel(over);
	assert_fails(
		s2c_ledger_reserve(ledger, over, "u:1", 1, -1, &terr), S2C_ECANCELED, "");
	assert_ok(s2c_ledger_reserve(ledger, ctx, "u:2", 1, -1, &terr));
	assert_fails(
		s2c_ledger_reserve(ledger, over, "u:3", 1, -1, &terr), S2C_ECANCELED, "");
	s2c_ledger_give_back(ledger, "u:2");
	assert_ok(s2c_ledger_reserve(ledger, ctx, "u:3", 1, -1, &terr));
	/* A place becomes a container, and is free again when that goes. */
	add(ledger, "u:3", ID_A, "", S2C_CONTAINER_CREATED);
	assert_fails(
		s2c_ledger_reserve(ledger, over, "u:2", 1, -1, &terr), S2C_ECANCELED, "");
	s2c_ledger_remove(ledger, ID_A);
	assert_ok(s2c_ledger_reserve(ledger, ctx, "u:2", 1, -1, &terr));
	/* Nobody's place cannot be given back. */
	s2c_ledger_give_back(ledger, "u:7");
	assert_fails(
		s2c_ledger_reserve(ledger, over, "u:3", 1, -1, &terr), S2C_ECANCELED, "");
}

static void test_hang_up(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(0);
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	assert_fails(s2c_ledger_reserve(ledger, ctx, "u:1", 1, fds[0], &terr),
		S2C_ECANCELED, "nobody waits");
	close(fds[0]);
}

/* As many as there are wait for one place and all get it, one after the other. */
#define WAITERS 16

static int reserve_and_give_back(struct s2c_job *job, struct s2c_error **err)
{
	struct waiting *w = (struct waiting *)job;

	for (int i = 0; i < 20; i++) {
		if (reserve(job, err) < 0)
			return -1;
		s2c_ledger_give_back(w->ledger, w->owner);
	}
	return 0;
}

static void test_waiting(void **state)
{
	static const char *const owners[] = {"u:1", "u:2", "s:/run/x"};
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new_waiting(WAITERS);
	struct waiting waiting[WAITERS];

	assert_ok(s2c_ledger_reserve(ledger, ctx, "u:9", 1, -1, &terr));
	for (size_t i = 0; i < WAITERS; i++) {
		waiting[i] = (struct waiting){.job.run = reserve_and_give_back,
			.ledger = ledger,
			.ctx = ctx,
			.owner = owners[i % ARRAY_SIZE(owners)],
			.most = 1,
			.watch = -1};
		assert_true(s2c_pool_submit(pool, &waiting[i].job));
	}
	for (size_t i = 0; i < WAITERS; i++)
		assert_false(s2c_job_done(&waiting[i].job));
	s2c_ledger_give_back(ledger, "u:9");
	for (size_t i = 0; i < WAITERS; i++)
		assert_ok(s2c_job_wait(&waiting[i].job, &terr));
}

/* ---- images ---- */

#define IMAGE_1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define IMAGE_2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static void test_images(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);
	char id[72];

	s2c_ledger_add_image(ledger, "u:1", IMAGE_1);
	s2c_ledger_add_name(ledger, "u:1", IMAGE_1, "docker.io/library/app:latest");
	assert_true(s2c_ledger_find_image(ledger, "u:1", IMAGE_1, id));
	assert_string_equal(id, IMAGE_1);
	assert_true(
		s2c_ledger_find_image(ledger, "u:1", "docker.io/library/app:latest", id));
	assert_string_equal(id, IMAGE_1);
	assert_false(s2c_ledger_find_image(ledger, "u:2", IMAGE_1, id));
	assert_false(
		s2c_ledger_find_image(ledger, "u:2", "docker.io/library/app:latest", id));
	/* A name goes to the newest, whoever had it. */
	s2c_ledger_add_image(ledger, "u:2", IMAGE_2);
	s2c_ledger_add_name(ledger, "u:2", IMAGE_2, "docker.io/library/app:latest");
	assert_false(
		s2c_ledger_find_image(ledger, "u:1", "docker.io/library/app:latest", id));
	assert_true(
		s2c_ledger_find_image(ledger, "u:2", "docker.io/library/app:latest", id));
	assert_true(s2c_ledger_find_image(ledger, "u:1", IMAGE_1, id));
	/* Nobody removes another one's; an id goes with its names. */
	s2c_ledger_remove_image(ledger, "u:1", IMAGE_2);
	s2c_ledger_remove_image(ledger, "u:1", "docker.io/library/app:latest");
	assert_true(
		s2c_ledger_find_image(ledger, "u:2", "docker.io/library/app:latest", id));
	s2c_ledger_remove_image(ledger, "u:2", "docker.io/library/app:latest");
	assert_true(s2c_ledger_find_image(ledger, "u:2", IMAGE_2, id));
	s2c_ledger_add_name(ledger, "u:2", IMAGE_2, "x:1");
	s2c_ledger_remove_image(ledger, "u:2", IMAGE_2);
	assert_false(s2c_ledger_find_image(ledger, "u:2", "x:1", id));
}

/* Who has very many loses the own oldest, and nobody else's. */
static void test_many_images(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);
	char id[72], name[32];

	s2c_ledger_add_image(ledger, "u:2", IMAGE_2);
	s2c_ledger_add_image(ledger, "u:1", IMAGE_1);
	for (int i = 0; i < S2C_LEDGER_IMAGES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n:%d", i);
		s2c_ledger_add_name(ledger, "u:1", IMAGE_1, name);
	}
	assert_true(s2c_ledger_find_image(ledger, "u:2", IMAGE_2, id));
	assert_false(s2c_ledger_find_image(ledger, "u:1", IMAGE_1, id));
	assert_true(s2c_ledger_find_image(ledger, "u:1", "n:0", id));
	assert_true(s2c_ledger_find_image(ledger, "u:1", name, id));
}

/* Of two who want to give the same name one has to wait till the other one is done. */
static void test_claims(void **state)
{
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);

	assert_true(s2c_ledger_claim(ledger, "u:1", "a:1"));
	assert_false(s2c_ledger_claim(ledger, "u:2", "a:1"));
	assert_true(s2c_ledger_claim(ledger, "u:2", "a:2"));
	/* The same owner may, and then lets go as often. */
	assert_true(s2c_ledger_claim(ledger, "u:1", "a:1"));
	s2c_ledger_unclaim(ledger, "u:1", "a:1");
	assert_false(s2c_ledger_claim(ledger, "u:2", "a:1"));
	s2c_ledger_unclaim(ledger, "u:1", "a:1");
	s2c_ledger_unclaim(ledger, "u:1", "a:1");
	assert_true(s2c_ledger_claim(ledger, "u:2", "a:1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_attaches),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_many_images),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

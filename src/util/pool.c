/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: one queue, one lock, threads that start when there is more to do than
 * there are threads that wait. A pool whose threads cannot be started (a limit of
 * processes) still works: then who waits for a job runs the queue up to it.
 */
#include "util/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum state { IDLE, QUEUED, RUNNING, ENDED };

struct s2c_pool {
	pthread_mutex_t mutex;
	pthread_cond_t work; /* a job was queued, or quit */
	pthread_cond_t ended;
	struct s2c_job *head, **tail;
	unsigned queued, idle, jobs; /* jobs: submitted and not given back */
	unsigned n_threads, max_threads;
	bool quit;
	pthread_t *threads; /* max_threads of them */
};

/* Locks and conditions fail for programming errors only. */
static void must(int rc)
{
	(void)s2c_must(rc == 0 ? &rc : NULL);
}

unsigned s2c_usable_cpus(void)
{
	cpu_set_t set;
	int n;

	/* Where the set does not fit there are more than a pool may have. */
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return S2C_POOL_THREADS_MAX;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > S2C_POOL_THREADS_MAX ? S2C_POOL_THREADS_MAX : (unsigned)n;
}

static struct s2c_pool *make(unsigned threads)
{
	struct s2c_pool *pool = xcalloc(1, sizeof(*pool));

	must(pthread_mutex_init(&pool->mutex, NULL));
	must(pthread_cond_init(&pool->work, NULL));
	must(pthread_cond_init(&pool->ended, NULL));
	pool->tail = &pool->head;
	pool->max_threads = threads;
	pool->threads = xcalloc(threads, sizeof(*pool->threads));
	return pool;
}

struct s2c_pool *s2c_pool_new(unsigned threads)
{
	if (!threads)
		threads = s2c_usable_cpus();
	return make(threads < S2C_POOL_THREADS_MAX ? threads : S2C_POOL_THREADS_MAX);
}

struct s2c_pool *s2c_pool_new_waiting(unsigned threads)
{
	return make(threads < S2C_POOL_WAITING_MAX ? threads : S2C_POOL_WAITING_MAX);
}

unsigned s2c_pool_threads(const struct s2c_pool *pool)
{
	return pool->max_threads;
}

/* Everything below up to worker() is called with the mutex held. */

static void take_out(struct s2c_pool *pool, struct s2c_job *job)
{
	struct s2c_job **link = &pool->head;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	if (!*link)
		pool->tail = link;
	job->next = NULL;
	pool->queued--;
}

/* Runs the first job of the queue, without the mutex meanwhile. */
static void run_first(struct s2c_pool *pool)
{
	struct s2c_job *job = pool->head;
	struct s2c_error *failure = NULL;
	int result;

	take_out(pool, job);
	job->state = RUNNING;
	must(pthread_mutex_unlock(&pool->mutex));
	result = job->run(job, &failure);
	must(pthread_mutex_lock(&pool->mutex));
	job->result = result;
	job->failure = failure;
	job->state = ENDED;
	must(pthread_cond_broadcast(&pool->ended));
}

static void give_back(struct s2c_job *job)
{
	job->pool->jobs--;
	job->pool = NULL;
	job->state = IDLE;
}

static void await_end(struct s2c_pool *pool, struct s2c_job *job)
{
	while (job->state != ENDED)
		if (pool->n_threads == 0 && pool->head)
			run_first(pool);
		else
			must(pthread_cond_wait(&pool->ended, &pool->mutex));
}

static void *worker(void *arg)
{
	struct s2c_pool *pool = arg;

	must(pthread_mutex_lock(&pool->mutex));
	for (;;) {
		if (pool->head) {
			run_first(pool);
		} else if (pool->quit) {
			break;
		} else {
			pool->idle++;
			must(pthread_cond_wait(&pool->work, &pool->mutex));
			pool->idle--;
		}
	}
	must(pthread_mutex_unlock(&pool->mutex));
	return NULL;
}

/* Best effort. */
static void start_thread(struct s2c_pool *pool)
{
	/* These belong to the thread that causes them. */
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	pthread_attr_t attr;
	sigset_t blocked, before;

	sigfillset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(&blocked, own[i]);
	must(pthread_attr_init(&attr));
	must(pthread_attr_setstacksize(&attr, S2C_POOL_STACK));
	must(pthread_sigmask(SIG_SETMASK, &blocked, &before));
	if (pthread_create(&pool->threads[pool->n_threads], &attr, worker, pool) == 0)
		pool->n_threads++;
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
	(void)pthread_attr_destroy(&attr);
}

bool s2c_pool_submit(struct s2c_pool *pool, struct s2c_job *job)
{
	bool threads;

	assert(!job->pool && job->state == IDLE);
	must(pthread_mutex_lock(&pool->mutex));
	job->pool = pool;
	job->state = QUEUED;
	job->next = NULL;
	job->failure = NULL;
	*pool->tail = job;
	pool->tail = &job->next;
	pool->queued++;
	pool->jobs++;
	if (pool->queued > pool->idle && pool->n_threads < pool->max_threads)
		start_thread(pool);
	threads = pool->n_threads > 0;
	must(pthread_cond_signal(&pool->work));
	must(pthread_mutex_unlock(&pool->mutex));
	return threads;
}

bool s2c_job_done(struct s2c_job *job)
{
	struct s2c_pool *pool = job->pool;
	bool done;

	must(pthread_mutex_lock(&pool->mutex));
	done = job->state == ENDED;
	must(pthread_mutex_unlock(&pool->mutex));
	return done;
}

int s2c_job_wait(struct s2c_job *job, struct s2c_error **err)
{
	struct s2c_pool *pool = job->pool;

	assert(pool);
	must(pthread_mutex_lock(&pool->mutex));
	await_end(pool, job);
	give_back(job);
	must(pthread_mutex_unlock(&pool->mutex));
	if (job->result < 0)
		s2c_error_move(err, &job->failure);
	return job->result;
}

void s2c_job_drop(struct s2c_job *job)
{
	struct s2c_pool *pool = job->pool;

	if (!pool)
		return;
	must(pthread_mutex_lock(&pool->mutex));
	if (job->state == QUEUED)
		take_out(pool, job);
	else
		await_end(pool, job);
	give_back(job);
	must(pthread_mutex_unlock(&pool->mutex));
	s2c_error_free(TAKE(job->failure));
}

void s2c_pool_free(struct s2c_pool *pool)
{
	if (!pool)
		return;
	must(pthread_mutex_lock(&pool->mutex));
	/* A job that is forgotten here would run on memory that is gone. */
	assert(pool->jobs == 0);
	pool->quit = true;
	must(pthread_cond_broadcast(&pool->work));
	must(pthread_mutex_unlock(&pool->mutex));
	for (unsigned i = 0; i < pool->n_threads; i++)
		must(pthread_join(pool->threads[i], NULL));
	(void)pthread_cond_destroy(&pool->ended);
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_mutex_destroy(&pool->mutex);
	free(pool->threads);
	free(pool);
}

struct s2c_monitor {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

struct s2c_monitor *s2c_monitor_new(void)
{
	struct s2c_monitor *monitor = xcalloc(1, sizeof(*monitor));

	must(pthread_mutex_init(&monitor->mutex, NULL));
	must(pthread_cond_init(&monitor->cond, NULL));
	return monitor;
}

void s2c_monitor_free(struct s2c_monitor *monitor)
{
	if (!monitor)
		return;
	(void)pthread_cond_destroy(&monitor->cond);
	(void)pthread_mutex_destroy(&monitor->mutex);
	free(monitor);
}

void s2c_monitor_enter(struct s2c_monitor *monitor)
{
	must(pthread_mutex_lock(&monitor->mutex));
}

void s2c_monitor_leave(struct s2c_monitor *monitor)
{
	must(pthread_mutex_unlock(&monitor->mutex));
}

void s2c_monitor_wait(struct s2c_monitor *monitor)
{
	must(pthread_cond_wait(&monitor->cond, &monitor->mutex));
}

void s2c_monitor_wake(struct s2c_monitor *monitor)
{
	must(pthread_cond_broadcast(&monitor->cond));
}

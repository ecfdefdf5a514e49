/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads: a pool that runs jobs, and a monitor for what threads share. pool.c is the
 * only file that knows the thread library; everybody else submits jobs.
 *
 * A pool serves for CPU work (compression: one pool of as many threads as CPUs) as well
 * as for long work that blocks (a transfer, a stage of a pipeline: a pool of its own with
 * as many threads as may block at once). Jobs begin in the order in which they were
 * submitted and know nothing of each other: a job must not wait for one that may be
 * behind it in the queue of the same pool.
 *
 * Cancel: the pool never interrupts a job. A job that waits does so under a context, and
 * returns when that is cancelled; to end one job and not its siblings give it a context
 * of its own (s2c_ctx_branch). Events may be emitted from jobs, under any context.
 *
 * Signals: the threads have all blocked that are sent to the process, so that handlers
 * run in the main thread and its waits see EINTR.
 *
 * Fork: a forked child has the calling thread only, and the pool's locks as they were.
 * Children that exec at once (util/subprocess) are safe, they make async-signal-safe
 * calls only. Those that go on by themselves (the warden and keeper of runtime/keeper,
 * the view of runtime/overlay) may allocate, as the C library puts its own locks in order
 * for them, but use neither pools nor monitors, which includes emitting events; nor curl
 * or libcrypto. None of them may be forked while it would have to wait for a thread.
 * Entering a user namespace (runtime/host) needs a process without threads: no pool may
 * exist before.
 *
 * PR_SET_PDEATHSIG (die_with_parent of util/subprocess) is about the thread that spawned:
 * such a process dies with its pool.
 */
#ifndef S2C_UTIL_POOL_H
#define S2C_UTIL_POOL_H

#include <stdbool.h>

#include "util/error.h"

/* Most threads of a pool, however many CPUs there are. */
#define S2C_POOL_THREADS_MAX 16
/* The same for a pool whose jobs wait most of the time. */
#define S2C_POOL_WAITING_MAX 1024
/* Stack of a thread: enough for TLS handshakes; large buffers belong on the heap. */
#define S2C_POOL_STACK (1024u * 1024)

/* CPUs that this process may use (sched_getaffinity), 1 to S2C_POOL_THREADS_MAX. */
unsigned s2c_usable_cpus(void);

struct s2c_pool;

/*
 * Embed it, set `run`, leave the rest zero:
 *     struct block { struct s2c_job job; ... };
 * It must not move or go while it is with the pool: from submit until wait or drop.
 */
struct s2c_job {
	/* Runs in a thread; 0, or -1 with *err, which goes to who waits. */
	int (*run)(struct s2c_job *job, struct s2c_error **err);
	/* The pool's: */
	struct s2c_pool *pool; /* NULL: not submitted */
	struct s2c_job *next;
	struct s2c_error *failure;
	int state, result;
};

/*
 * A pool of at most `threads` (0: s2c_usable_cpus(); never more than
 * S2C_POOL_THREADS_MAX). They are started when there are jobs for them.
 */
struct s2c_pool *s2c_pool_new(unsigned threads);
/* The same for jobs that wait, for peers say: up to S2C_POOL_WAITING_MAX threads. */
struct s2c_pool *s2c_pool_new_waiting(unsigned threads);
/* Ends and joins the threads. All jobs must have been waited for or dropped. */
void s2c_pool_free(struct s2c_pool *pool);
S2C_DEFINE_CLEAN(pool, struct s2c_pool *, s2c_pool_free)
#define CLEAN_POOL CLEAN(s2c_clean_pool)

/* How many threads it may have: what to keep in the queue to keep them busy. */
unsigned s2c_pool_threads(const struct s2c_pool *pool);

/*
 * Queues a job. True if there are threads to run it; false if none could be started, then
 * it runs inside of s2c_job_wait(). Who needs it to run meanwhile drops it on false.
 */
bool s2c_pool_submit(struct s2c_pool *pool, struct s2c_job *job);

/* True if the job has ended and s2c_job_wait() would not block. */
bool s2c_job_done(struct s2c_job *job);

/*
 * Blocks until the job has ended and returns its result, 0 or -1 with its error. After
 * that the job can be submitted again.
 */
S2C_CHECK int s2c_job_wait(struct s2c_job *job, struct s2c_error **err);

/*
 * Takes a job back whose result nobody wants: one that has not begun never runs, one that
 * runs is waited for (cancel its context before). Harmless if it is not submitted.
 */
void s2c_job_drop(struct s2c_job *job);

/*
 * A lock with a condition. Between enter and leave one thread is inside; wait leaves,
 * sleeps until somebody wakes, and enters again: always in a loop that looks again.
 */
struct s2c_monitor;
struct s2c_monitor *s2c_monitor_new(void);
void s2c_monitor_free(struct s2c_monitor *monitor);
S2C_DEFINE_CLEAN(monitor, struct s2c_monitor *, s2c_monitor_free)
#define CLEAN_MONITOR CLEAN(s2c_clean_monitor)
void s2c_monitor_enter(struct s2c_monitor *monitor);
void s2c_monitor_leave(struct s2c_monitor *monitor);
void s2c_monitor_wait(struct s2c_monitor *monitor); /* inside only */
void s2c_monitor_wake(struct s2c_monitor *monitor); /* all that wait */

#endif

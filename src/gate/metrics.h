/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and gauges of the gate, as Prometheus reads them (text format 0.0.4). A fixed
 * table of names; labels have fixed words, so no client can make a series. Any number of
 * threads.
 */
#ifndef S2C_GATE_METRICS_H
#define S2C_GATE_METRICS_H

#include <stdint.h>

#include "util/buf.h"

/* Comments: labels, and what their indices are. */
enum s2c_metric {
	S2C_METRIC_REQUESTS, /* route: s2c_gate_op; code: s2c_gate_code, 0 is allowed */
	S2C_METRIC_CONNECTIONS, /* gauge */
	S2C_METRIC_CONNECTIONS_TOTAL,
	S2C_METRIC_CONNECTIONS_REFUSED, /* above a limit of connections */
	S2C_METRIC_CONTAINERS,          /* gauge; state: s2c_metric_state */
	S2C_METRIC_UPSTREAM_SECONDS,    /* histogram; route: s2c_gate_op */
	S2C_METRIC_RELAY_BYTES,         /* dir: s2c_metric_direction */
	S2C_METRIC_BUILDS,              /* result: s2c_metric_result */
	S2C_METRIC_WORKER_CRASHES,      /* cause: s2c_metric_crash */
	S2C_METRIC_ORPHANS_REAPED,
	S2C_METRIC_POLICY_LOADED,        /* gauge: seconds since 1970 */
	S2C_METRIC_POLICY_RELOAD_FAILED, /* gauge: 1 if the last reload failed */
	S2C_METRIC_AUDIT_ERRORS,
	S2C_METRICS,
};

enum s2c_metric_state { S2C_METRIC_CREATED, S2C_METRIC_RUNNING, S2C_METRIC_EXITED };
enum s2c_metric_direction { S2C_METRIC_IN, S2C_METRIC_OUT };
enum s2c_metric_result { S2C_METRIC_SUCCEEDED, S2C_METRIC_FAILED, S2C_METRIC_OVERDUE };
enum s2c_metric_crash { S2C_METRIC_EXIT, S2C_METRIC_SIGNAL, S2C_METRIC_SANDBOX };

/* Bytes of all of the text, at the most. */
#define S2C_METRICS_TEXT_MAX (4u * 1024 * 1024)

struct s2c_metrics;
struct s2c_metrics *s2c_metrics_new(void);
void s2c_metrics_free(struct s2c_metrics *metrics);
S2C_DEFINE_CLEAN(metrics, struct s2c_metrics *, s2c_metrics_free)
#define CLEAN_METRICS CLEAN(s2c_clean_metrics)

/*
 * Adds to a counter, or (also below zero) to a gauge. `first` and `second` are the
 * indices of its labels, 0 where it has none; one that is none of its words counts as the
 * last. `metrics` NULL is fine: nothing is counted.
 */
void s2c_metrics_add(struct s2c_metrics *metrics, enum s2c_metric metric, unsigned first,
	unsigned second, int64_t n);
/* Sets a gauge. */
void s2c_metrics_set(struct s2c_metrics *metrics, enum s2c_metric metric, unsigned first,
	int64_t value);
/* One observation of a histogram. */
void s2c_metrics_observe(struct s2c_metrics *metrics, enum s2c_metric metric,
	unsigned first, uint64_t microseconds);

/*
 * Appends all of them as text. Series of a metric with labels are left out while they are
 * zero. S2C_ELIMIT if `out` is smaller than S2C_METRICS_TEXT_MAX and they do not fit.
 */
S2C_CHECK int s2c_metrics_print(
	struct s2c_metrics *metrics, struct s2c_buf *out, struct s2c_error **err);

#endif

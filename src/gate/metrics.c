/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and gauges: a table of what there is, one flat array of cells, one lock. A
 * histogram has a cell for each bucket, one for the count and one for the sum.
 */
#include "gate/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "gate/ask.h"
#include "gate/code.h"
#include "util/pool.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

/* The words of a label. */
struct label {
	const char *name; /* NULL: no such label */
	unsigned n;
	const char *(*word)(unsigned i);
};

static const char *op_word(unsigned i)
{
	return s2c_gate_op_name((enum s2c_gate_op)i);
}

static const char *code_word(unsigned i)
{
	return s2c_gate_code_name((enum s2c_gate_code)i);
}

static const char *state_word(unsigned i)
{
	static const char *const words[] = {"created", "running", "exited"};

	return words[i];
}

static const char *direction_word(unsigned i)
{
	static const char *const words[] = {"in", "out"};

	return words[i];
}

static const char *result_word(unsigned i)
{
	static const char *const words[] = {"succeeded", "failed", "overdue"};

	return words[i];
}

static const char *crash_word(unsigned i)
{
	static const char *const words[] = {"exit", "signal", "sandbox"};

	return words[i];
}

#define ROUTE                                                                            \
	{                                                                                \
		"route", S2C_GATE_OPS, op_word                                           \
	}

static const struct metric {
	const char *name, *help;
	enum kind kind;
	struct label labels[2];
} table[] = {
	[S2C_METRIC_REQUESTS] = {"s2c_gate_requests_total",
		"Requests by route and what was decided; code ok is allowed.", COUNTER,
		{ROUTE, {"code", S2C_GATE_CODES, code_word}}},
	[S2C_METRIC_CONNECTIONS] = {"s2c_gate_connections",
		"Connections of clients that are open.", GAUGE, {{NULL}}},
	[S2C_METRIC_CONNECTIONS_TOTAL] = {"s2c_gate_connections_total",
		"Connections of clients that were taken.", COUNTER, {{NULL}}},
	[S2C_METRIC_CONNECTIONS_REFUSED] = {"s2c_gate_connections_refused_total",
		"Connections of clients that were refused because there are too many.",
		COUNTER, {{NULL}}},
	[S2C_METRIC_CONTAINERS] = {"s2c_gate_containers",
		"Containers of builds by state.", GAUGE, {{"state", 3, state_word}}},
	[S2C_METRIC_UPSTREAM_SECONDS] = {"s2c_gate_upstream_seconds",
		"Time the engine took to answer.", HISTOGRAM, {ROUTE}},
	[S2C_METRIC_RELAY_BYTES] = {"s2c_gate_relay_bytes_total",
		"Bytes of archives and streams to the engine (in) and from it (out).",
		COUNTER, {{"dir", 2, direction_word}}},
	[S2C_METRIC_BUILDS] = {"s2c_gate_builds_total",
		"Containers of builds that ended.", COUNTER,
		{{"result", 3, result_word}}},
	[S2C_METRIC_WORKER_CRASHES] = {"s2c_gate_worker_crashes_total",
		"Workers that ended otherwise than they should.", COUNTER,
		{{"cause", 3, crash_word}}},
	[S2C_METRIC_ORPHANS_REAPED] = {"s2c_gate_orphans_reaped_total",
		"Containers removed that nobody was there for any more.", COUNTER,
		{{NULL}}},
	[S2C_METRIC_POLICY_LOADED] = {"s2c_gate_policy_loaded_timestamp_seconds",
		"When the policy that holds was loaded.", GAUGE, {{NULL}}},
	[S2C_METRIC_POLICY_RELOAD_FAILED] = {"s2c_gate_policy_reload_failed",
		"1 if the last reload was refused and the policy before it holds.", GAUGE,
		{{NULL}}},
	[S2C_METRIC_AUDIT_ERRORS] = {"s2c_gate_audit_errors_total",
		"Lines of the audit log that could not be written.", COUNTER, {{NULL}}},
};
_Static_assert(ARRAY_SIZE(table) == S2C_METRICS, "every metric has a row");

/* Upper ends of the buckets in microseconds, and as they are written. */
static const struct {
	uint64_t end;
	const char *text;
} buckets[] = {
	{1000, "0.001"},
	{5000, "0.005"},
	{25000, "0.025"},
	{100000, "0.1"},
	{500000, "0.5"},
	{2000000, "2"},
	{10000000, "10"},
	{60000000, "60"},
};
#define BUCKETS ((unsigned)ARRAY_SIZE(buckets))

struct s2c_metrics {
	struct s2c_monitor *monitor;
	size_t start[S2C_METRICS]; /* of a metric's cells */
	int64_t *cells;
};

/* ---- cells ---- */

static unsigned words_of(const struct label *label)
{
	return label->name ? label->n : 1;
}

/* Cells of one series. */
static unsigned width(const struct metric *metric)
{
	return metric->kind == HISTOGRAM ? BUCKETS + 2 : 1;
}

static size_t cells_of(const struct metric *metric)
{
	return (size_t)words_of(&metric->labels[0]) * words_of(&metric->labels[1]) *
	       width(metric);
}

struct s2c_metrics *s2c_metrics_new(void)
{
	struct s2c_metrics *metrics = xcalloc(1, sizeof(*metrics));
	size_t all = 0;

	for (size_t i = 0; i < S2C_METRICS; i++) {
		metrics->start[i] = all;
		all += cells_of(&table[i]);
	}
	metrics->cells = xcalloc(all, sizeof(*metrics->cells));
	metrics->monitor = s2c_monitor_new();
	return metrics;
}

void s2c_metrics_free(struct s2c_metrics *metrics)
{
	if (!metrics)
		return;
	s2c_monitor_free(metrics->monitor);
	free(metrics->cells);
	free(metrics);
}

static unsigned clamp(unsigned index, const struct label *label)
{
	unsigned n = words_of(label);

	return index < n ? index : n - 1;
}

/* The first cell of a series. */
static int64_t *series(struct s2c_metrics *metrics, enum s2c_metric metric,
	unsigned first, unsigned second)
{
	const struct metric *row = &table[metric];
	size_t at = clamp(first, &row->labels[0]);

	at = at * words_of(&row->labels[1]) + clamp(second, &row->labels[1]);
	return metrics->cells + metrics->start[metric] + at * width(row);
}

void s2c_metrics_add(struct s2c_metrics *metrics, enum s2c_metric metric, unsigned first,
	unsigned second, int64_t n)
{
	int64_t *cell;

	if (!metrics)
		return;
	s2c_monitor_enter(metrics->monitor);
	cell = series(metrics, metric, first, second);
	if (__builtin_add_overflow(*cell, n, cell))
		*cell = n > 0 ? INT64_MAX : INT64_MIN;
	s2c_monitor_leave(metrics->monitor);
}

void s2c_metrics_set(struct s2c_metrics *metrics, enum s2c_metric metric, unsigned first,
	int64_t value)
{
	if (!metrics)
		return;
	s2c_monitor_enter(metrics->monitor);
	*series(metrics, metric, first, 0) = value;
	s2c_monitor_leave(metrics->monitor);
}

void s2c_metrics_observe(struct s2c_metrics *metrics, enum s2c_metric metric,
	unsigned first, uint64_t microseconds)
{
	int64_t *cells;

	if (!metrics || table[metric].kind != HISTOGRAM)
		return;
	s2c_monitor_enter(metrics->monitor);
	cells = series(metrics, metric, first, 0);
	for (unsigned i = 0; i < BUCKETS; i++)
		cells[i] += microseconds <= buckets[i].end;
	cells[BUCKETS]++;
	cells[BUCKETS + 1] += (int64_t)(microseconds < INT32_MAX * 1000ull
						? microseconds
						: INT32_MAX * 1000ull);
	s2c_monitor_leave(metrics->monitor);
}

/* ---- text ---- */

/* 'route="container.create",code="ok"' for a series; words are ours, none is escaped. */
static void label_text(
	const struct metric *row, unsigned first, unsigned second, char *out, size_t size)
{
	out[0] = '\0';
	if (row->labels[1].name)
		(void)snprintf(out, size, "%s=\"%s\",%s=\"%s\"", row->labels[0].name,
			row->labels[0].word(first), row->labels[1].name,
			row->labels[1].word(second));
	else if (row->labels[0].name)
		(void)snprintf(out, size, "%s=\"%s\"", row->labels[0].name,
			row->labels[0].word(first));
}

static int print_plain(const struct metric *row, const char *labels, int64_t value,
	struct s2c_buf *out, struct s2c_error **err)
{
	bool some = *labels;

	return s2c_buf_printf(out, err, "%s%s%s%s %" PRId64 "\n", row->name,
		some ? "{" : "", labels, some ? "}" : "", value);
}

static int print_histogram(const struct metric *row, const char *labels,
	const int64_t *cells, struct s2c_buf *out, struct s2c_error **err)
{
	int64_t count = cells[BUCKETS], sum = cells[BUCKETS + 1];

	for (unsigned i = 0; i <= BUCKETS; i++)
		if (s2c_buf_printf(out, err, "%s_bucket{%s,le=\"%s\"} %" PRId64 "\n",
			    row->name, labels, i < BUCKETS ? buckets[i].text : "+Inf",
			    cells[i]) < 0)
			return -1;
	return s2c_buf_printf(out, err,
		"%s_sum{%s} %" PRId64 ".%06" PRId64 "\n%s_count{%s} %" PRId64 "\n",
		row->name, labels, sum / 1000000, sum % 1000000, row->name, labels,
		count);
}

static int print_metric(struct s2c_metrics *metrics, enum s2c_metric metric,
	struct s2c_buf *out, struct s2c_error **err)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	const struct metric *row = &table[metric];
	unsigned first = words_of(&row->labels[0]), second = words_of(&row->labels[1]);
	char labels[256];

	if (s2c_buf_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help,
		    row->name, kinds[row->kind]) < 0)
		return -1;
	for (unsigned i = 0; i < first * second; i++) {
		const int64_t *cells = series(metrics, metric, i / second, i % second);
		bool zero = cells[row->kind == HISTOGRAM ? BUCKETS : 0] == 0;

		if (zero && row->labels[0].name)
			continue;
		label_text(row, i / second, i % second, labels, sizeof(labels));
		if ((row->kind == HISTOGRAM
				    ? print_histogram(row, labels, cells, out, err)
				    : print_plain(row, labels, *cells, out, err)) < 0)
			return -1;
	}
	return 0;
}

int s2c_metrics_print(
	struct s2c_metrics *metrics, struct s2c_buf *out, struct s2c_error **err)
{
	int rc = 0;

	s2c_monitor_enter(metrics->monitor);
	for (size_t i = 0; i < S2C_METRICS && rc == 0; i++)
		rc = print_metric(metrics, (enum s2c_metric)i, out, err);
	s2c_monitor_leave(metrics->monitor);
	return rc;
}

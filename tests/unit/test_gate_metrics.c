/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's metrics: counting, and that the text is what Prometheus reads. */
#include "helper.h"

#include <ctype.h>

#include "gate/ask.h"
#include "gate/code.h"
#include "gate/metrics.h"
#include "util/pool.h"

static char *print(struct s2c_metrics *metrics)
{
	struct s2c_buf out = S2C_BUF_INIT(S2C_METRICS_TEXT_MAX);

	assert_ok(s2c_metrics_print(metrics, &out, &terr));
	return s2c_buf_take(&out);
}

/* The line "NAME VALUE" is there. */
static void assert_series(struct s2c_metrics *metrics, const char *line)
{
	CLEAN_FREE char *text = print(metrics);
	CLEAN_FREE char *whole = xasprintf("\n%s\n", line);

	if (!strstr(text, whole))
		fail_msg("no '%s' in:\n%s", line, text);
}

static void assert_no_series(struct s2c_metrics *metrics, const char *part)
{
	CLEAN_FREE char *text = print(metrics);

	if (strstr(text, part))
		fail_msg("'%s' in:\n%s", part, text);
}

static void test_counting(void **state)
{
	CLEAN_METRICS struct s2c_metrics *m = s2c_metrics_new();

	assert_series(m, "s2c_gate_connections 0");
	assert_no_series(m, "s2c_gate_requests_total{");
	s2c_metrics_add(m, S2C_METRIC_REQUESTS, S2C_GATE_CREATE, S2C_GATE_OK, 1);
	s2c_metrics_add(m, S2C_METRIC_REQUESTS, S2C_GATE_CREATE, S2C_GATE_OK, 2);
	s2c_metrics_add(m, S2C_METRIC_REQUESTS, S2C_GATE_REFUSED, S2C_GATE_FRAMING, 1);
	assert_series(
		m, "s2c_gate_requests_total{route=\"container.create\",code=\"ok\"} 3");
	CLEAN_FREE char *line = xasprintf(
		"s2c_gate_requests_total{route=\"%s\",code=\"framing\"} 1",
		s2c_gate_op_name(S2C_GATE_REFUSED));

	assert_series(m, line);
	s2c_metrics_add(m, S2C_METRIC_CONNECTIONS, 0, 0, 5);
	s2c_metrics_add(m, S2C_METRIC_CONNECTIONS, 0, 0, -2);
	assert_series(m, "s2c_gate_connections 3");
	s2c_metrics_set(m, S2C_METRIC_CONTAINERS, S2C_METRIC_RUNNING, 7);
	assert_series(m, "s2c_gate_containers{state=\"running\"} 7");
	s2c_metrics_set(m, S2C_METRIC_POLICY_LOADED, 0, 1780000000);
	assert_series(m, "s2c_gate_policy_loaded_timestamp_seconds 1780000000");
	s2c_metrics_add(m, S2C_METRIC_RELAY_BYTES, S2C_METRIC_OUT, 0, INT64_MAX);
	s2c_metrics_add(m, S2C_METRIC_RELAY_BYTES, S2C_METRIC_OUT, 0, 1);
	assert_series(m, "s2c_gate_relay_bytes_total{dir=\"out\"} 9223372036854775807");
	assert_no_series(m, "dir=\"in\"");
}

/* What is no word of a label makes no series and touches no other metric. */
static void test_out_of_range(void **state)
{
	CLEAN_METRICS struct s2c_metrics *m = s2c_metrics_new();

	s2c_metrics_add(m, S2C_METRIC_BUILDS, 4000000000u, 9, 1);
	assert_series(m, "s2c_gate_builds_total{result=\"overdue\"} 1");
	s2c_metrics_add(m, S2C_METRIC_AUDIT_ERRORS, 7, 7, 1);
	assert_series(m, "s2c_gate_audit_errors_total 1");
	assert_series(m, "s2c_gate_policy_reload_failed 0");
	s2c_metrics_add(NULL, S2C_METRIC_BUILDS, 0, 0, 1);
	s2c_metrics_set(NULL, S2C_METRIC_CONNECTIONS, 0, 1);
	s2c_metrics_observe(NULL, S2C_METRIC_UPSTREAM_SECONDS, 0, 1);
	s2c_metrics_observe(m, S2C_METRIC_CONNECTIONS, 0, 1);
	assert_series(m, "s2c_gate_connections 0");
}

static void test_histogram(void **state)
{
	static const uint64_t observed[] = {0, 1000, 1001, 3000000, 100000000};
	CLEAN_METRICS struct s2c_metrics *m = s2c_metrics_new();

	for (size_t i = 0; i < ARRAY_SIZE(observed); i++)
		s2c_metrics_observe(
			m, S2C_METRIC_UPSTREAM_SECONDS, S2C_GATE_WAIT, observed[i]);
	CLEAN_FREE char *route = xasprintf(
		"route=\"%s\"", s2c_gate_op_name(S2C_GATE_WAIT));
	const struct {
		const char *le;
		int count;
	} rows[] = {
		{"0.001", 2}, {"0.005", 3}, {"2", 3}, {"10", 4}, {"60", 4}, {"+Inf", 5}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *line = xasprintf(
			"s2c_gate_upstream_seconds_bucket{%s,le=\"%s\"} %d", route,
			rows[i].le, rows[i].count);

		assert_series(m, line);
	}
	CLEAN_FREE char *sum = xasprintf(
		"s2c_gate_upstream_seconds_sum{%s} 103.002001", route);
	CLEAN_FREE char *count = xasprintf(
		"s2c_gate_upstream_seconds_count{%s} 5", route);

	assert_series(m, sum);
	assert_series(m, count);
}

/* ---- the text ---- */

static size_t name_len(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || p[n] == '_' || (n && p[n] == ':'))
		n++;
	return isdigit((unsigned char)*p) ? 0 : n;
}

/* {name="value",...}: behind it, or NULL. */
static const char *skip_labels(const char *p)
{
	if (*p != '{')
		return p;
	do {
		size_t n = name_len(++p);

		if (!n || p[n] != '=' || p[n + 1] != '"')
			return NULL;
		p += n + 2;
		n = strcspn(p, "\"\\\n");
		if (!n || p[n] != '"')
			return NULL;
		p += n + 1;
	} while (*p == ',');
	return *p == '}' ? p + 1 : NULL;
}

/* A metric's name without what histograms put behind it. */
static size_t family_len(const char *p)
{
	static const char *const ends[] = {"_bucket", "_sum", "_count"};
	size_t n = name_len(p);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t len = strlen(ends[i]);

		if (n > len && strncmp(p + n - len, ends[i], len) == 0)
			return n - len;
	}
	return n;
}

static void check_text(const char *text)
{
	CLEAN_FREE char *family = xstrdup("");
	size_t lines = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		CLEAN_FREE char *line = xstrndup(text, len);
		const char *p;

		assert_int_equal(text[len], '\n');
		text += len + 1;
		lines++;
		if (starts_with(line, "# HELP ")) {
			free(family);
			family = xstrndup(line + 7, name_len(line + 7));
			assert_true(*family);
			continue;
		}
		if (starts_with(line, "# TYPE ")) {
			assert_true(starts_with(line + 7, family));
			continue;
		}
		/* A series stands below the head of its family. */
		if (strlen(family) != name_len(line) &&
			strlen(family) != family_len(line))
			fail_msg("'%s' below '%s'", line, family);
		assert_true(starts_with(line, family));
		p = skip_labels(line + name_len(line));
		if (!p || *p != ' ' || !isdigit((unsigned char)p[1]) ||
			p[1 + strspn(p + 1, "0123456789.")])
			fail_msg("no series: '%s'", line);
	}
	assert_true(lines > 2 * (size_t)S2C_METRICS);
}

/* Every series there is, in the text and within its maximum. */
static void test_text(void **state)
{
	CLEAN_METRICS struct s2c_metrics *m = s2c_metrics_new();
	CLEAN_BUF struct s2c_buf small = S2C_BUF_INIT(1000);
	CLEAN_FREE char *text = NULL;

	for (unsigned metric = 0; metric < S2C_METRICS; metric++)
		for (unsigned i = 0; i < S2C_GATE_OPS; i++)
			for (unsigned k = 0; k < S2C_GATE_CODES; k++)
				if (metric != S2C_METRIC_UPSTREAM_SECONDS)
					s2c_metrics_add(m, (enum s2c_metric)metric, i, k,
						INT64_MAX);
				else
					s2c_metrics_observe(m, (enum s2c_metric)metric, i,
						UINT64_MAX);
	text = print(m);
	check_text(text);
	assert_fails(s2c_metrics_print(m, &small, &terr), S2C_ELIMIT, "1000");
}

struct counter {
	struct s2c_job job;
	struct s2c_metrics *metrics;
};

static int count(struct s2c_job *job, struct s2c_error **err)
{
	(void)err;
	for (int i = 0; i < 1000; i++)
		s2c_metrics_add(((struct counter *)job)->metrics,
			S2C_METRIC_ORPHANS_REAPED, 0, 0, 1);
	return 0;
}

static void test_threads(void **state)
{
	CLEAN_METRICS struct s2c_metrics *m = s2c_metrics_new();
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(4);
	struct counter counters[8] = {{.metrics = NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		counters[i].job.run = count;
		counters[i].metrics = m;
		(void)s2c_pool_submit(pool, &counters[i].job);
	}
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		assert_ok(s2c_job_wait(&counters[i].job, &terr));
	assert_series(m, "s2c_gate_orphans_reaped_total 8000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an audit log from its beginning, to see that it is what was written. */
#include "gate/audit_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include <s2c/gate.h>

#include "util/fs.h"

/* Lines of a file, one after the other. */
struct lines {
	int fd;
	struct s2c_buf buf; /* what was read and not yet handed out */
	size_t at;          /* where in it */
	bool end;
};

static int fill(struct lines *lines, struct s2c_error **err)
{
	char piece[8192];
	size_t left = lines->buf.len - lines->at;
	ssize_t n;

	if (lines->at > 0) {
		memmove(lines->buf.data, lines->buf.data + lines->at, left);
		lines->buf.len = left;
		lines->at = 0;
	}
	do
		n = read(lines->fd, piece, sizeof(piece));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return s2c_fail_errno(err, errno, "cannot read");
	lines->end = n == 0;
	return s2c_buf_add(&lines->buf, piece, (size_t)n, err);
}

/* The next line without newline; *out NULL at the end, behind which may be torn bytes. */
static int next_line(
	struct lines *lines, const char **out, size_t *out_len, struct s2c_error **err)
{
	for (;;) {
		const char *start = s2c_buf_str(&lines->buf) + lines->at;
		size_t left = lines->buf.len - lines->at;
		const char *newline = left ? memchr(start, '\n', left) : NULL;

		if (newline) {
			*out = start;
			*out_len = (size_t)(newline - start);
			lines->at += *out_len + 1;
			return 0;
		}
		if (lines->end) {
			*out = NULL;
			*out_len = left;
			return 0;
		}
		if (left > S2C_AUDIT_LINE_MAX)
			return s2c_fail(err, S2C_EPROTO, "it is longer than %d bytes",
				S2C_AUDIT_LINE_MAX);
		if (fill(lines, err) < 0)
			return -1;
	}
}

/* ---- the chain ---- */

static int check_first(const struct s2c_audit_place *place,
	struct s2c_audit_report *report, struct s2c_error **err)
{
	if (!place->begins)
		return s2c_fail(err, S2C_EPROTO,
			"its event is not 'begin', so lines before it are missing");
	if ((place->seq == 0) != streq(place->prev, S2C_AUDIT_ZERO))
		return s2c_fail(err, S2C_EPROTO,
			"'prev' is zeros if 'seq' is 0, and else is not");
	report->first_seq = place->seq;
	(void)snprintf(report->first_time, sizeof(report->first_time), "%s", place->time);
	if (place->seq > 0)
		(void)snprintf(report->first_prev.str, sizeof(report->first_prev.str),
			"sha256:%s", place->prev);
	report->continues = place->continues ? xstrdup(place->continues) : NULL;
	return 0;
}

static int check_next(const struct s2c_audit_place *place,
	const struct s2c_audit_link *link, struct s2c_error **err)
{
	if (place->begins)
		return s2c_fail(err, S2C_EPROTO, "a file cannot begin in its middle");
	if (place->seq != link->seq + 1)
		return s2c_fail(err, S2C_EPROTO,
			"'seq' is %" PRIu64 ", but %" PRIu64 " comes next: lines are "
			"missing or were put in",
			place->seq, link->seq + 1);
	if (!streq(place->prev, link->hash))
		return s2c_fail(err, S2C_EPROTO,
			"'prev' is not the hash of the line before: that one was "
			"changed");
	return 0;
}

static int check_line(const char *line, size_t len, struct s2c_audit_link *link,
	struct s2c_audit_report *report, struct s2c_error **err)
{
	struct s2c_audit_place place = {.continues = NULL};
	int rc;

	if (s2c_audit_place(line, len, &place, err) < 0)
		return -1;
	rc = link->none ? check_first(&place, report, err)
			: check_next(&place, link, err);
	free(place.continues);
	if (rc < 0)
		return -1;
	s2c_audit_follow(link, place.seq, line, len);
	report->lines++;
	report->last_seq = place.seq;
	(void)snprintf(report->last_time, sizeof(report->last_time), "%s", place.time);
	return 0;
}

static int check_all(
	struct lines *lines, struct s2c_audit_report *report, struct s2c_error **err)
{
	struct s2c_audit_link link = {.hash = S2C_AUDIT_ZERO, .none = true};
	const char *line = NULL;
	size_t len = 0;

	for (;;) {
		if (next_line(lines, &line, &len, err) < 0 ||
			(line && check_line(line, len, &link, report, err) < 0))
			return s2c_wrap(err, "line %" PRIu64, report->lines + 1);
		if (!line)
			break;
	}
	report->torn = len;
	if (link.none)
		return s2c_fail(err, S2C_EPROTO, "there is no line in it");
	(void)snprintf(report->last_hash.str, sizeof(report->last_hash.str), "sha256:%s",
		link.hash);
	return 0;
}

/* Whether the file before is there; then it has to end with what this one begins with. */
static int check_before(
	const char *path, struct s2c_audit_report *report, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *before = xasprintf(
		"%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, report->continues);
	struct s2c_audit_link link;
	uint64_t whole, torn;
	CLEAN_FD int fd = open(before, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (s2c_audit_tail(fd, &link, &whole, &torn, err) < 0)
		return s2c_wrap(err, "'%s', which comes before it", before);
	if (link.none || link.seq + 1 != report->first_seq ||
		!streq(link.hash, s2c_digest_hex(&report->first_prev)))
		return s2c_fail(err, S2C_EPROTO,
			"line 1: it does not follow on the last line of '%s'", before);
	report->continues_checked = true;
	return 0;
}

int s2c_audit_verify(
	const char *path, struct s2c_audit_report *out, struct s2c_error **err)
{
	struct s2c_audit_report report = {.lines = 0};
	struct lines lines = {.buf = S2C_BUF_INIT(S2C_AUDIT_LINE_MAX + 16384u)};
	struct stat st;
	int rc;
	CLEAN_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot open audit log '%s'", path);
	if (!S_ISREG(st.st_mode))
		return s2c_fail(
			err, S2C_EINVAL, "audit log '%s' is no regular file", path);
	lines.fd = fd;
	rc = check_all(&lines, &report, err);
	s2c_buf_release(&lines.buf);
	if (rc == 0 && report.continues)
		rc = check_before(path, &report, err);
	if (rc < 0) {
		free(report.continues);
		return s2c_wrap(err, "audit log '%s'", path);
	}
	*out = report;
	return 0;
}

/* ---- the command ---- */

int s2c_gate_audit_verify(const char *file, char **out_text, struct s2c_error **err)
{
	struct s2c_audit_report report;
	struct s2c_buf out = S2C_BUF_INIT(64u * 1024);

	if (s2c_audit_verify(file, &report, err) < 0)
		return -1;
	s2c_buf_must_printf(&out,
		"%s: sound: %" PRIu64 " lines, %" PRIu64 " to %" PRIu64
		", %s to %s\nlast line is %s\n",
		file, report.lines, report.first_seq, report.last_seq, report.first_time,
		report.last_time, report.last_hash.str);
	if (report.continues && report.continues_checked)
		s2c_buf_must_printf(
			&out, "it follows on the end of '%s'\n", report.continues);
	else if (report.continues)
		s2c_buf_must_printf(&out,
			"it says to follow on '%s', which is not here to be looked at\n",
			report.continues);
	if (report.torn)
		s2c_buf_must_printf(&out,
			"behind it are %" PRIu64
			" bytes of a torn line, as after a crash\n",
			report.torn);
	free(report.continues);
	*out_text = s2c_buf_take(&out);
	return 0;
}

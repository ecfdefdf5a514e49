/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the audit log, written and read. Which field is in a line, and how long it may
 * be, is a table; there is no other way into a line.
 */
#include "gate/audit_impl.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "util/escape.h"

static const char *const event_names[] = {
	[S2C_AUDIT_DECISION] = "decision",
	[S2C_AUDIT_UPSTREAM] = "upstream",
	[S2C_AUDIT_EXIT] = "exit",
	[S2C_AUDIT_COMMIT] = "commit",
	[S2C_AUDIT_PUSH] = "push",
	[S2C_AUDIT_REAP] = "reap",
	[S2C_AUDIT_POLICY] = "policy",
	[S2C_AUDIT_WORKER] = "worker",
	[S2C_AUDIT_START] = "start",
	[S2C_AUDIT_STOP] = "stop",
	[S2C_AUDIT_BEGIN] = "begin",
	[S2C_AUDIT_RECOVER] = "recover",
};
_Static_assert(ARRAY_SIZE(event_names) == S2C_AUDIT_EVENTS, "every event has a name");

#define ENTRY(field) offsetof(struct s2c_audit_entry, field)

static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{"req", ENTRY(request)},
	{"method", ENTRY(method)},
	{"path", ENTRY(path)},
	{"route", ENTRY(route)},
	{"code", ENTRY(code)},
	{"rule", ENTRY(rule)},
	{"detail", ENTRY(detail)},
	{"build", ENTRY(build)},
	{"container", ENTRY(container)},
	{"image", ENTRY(image)},
	{"image_id", ENTRY(image_id)},
	{"user", ENTRY(user)},
	{"net", ENTRY(network)},
	{"cmd_sha256", ENTRY(command_digest)},
	{"ref", ENTRY(reference)},
	{"digest", ENTRY(digest)},
};

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{"conn", ENTRY(connection)},
	{"mem", ENTRY(memory)},
	{"bytes_in", ENTRY(bytes_in)},
	{"bytes_out", ENTRY(bytes_out)},
	{"signal", ENTRY(signal)},
	{"ms", ENTRY(ms)},
};

static void set_text(struct s2c_json *line, const char *key, const char *text)
{
	CLEAN_FREE char *safe = text ? s2c_escape(text, strlen(text), S2C_AUDIT_TEXT_MAX,
					       false)
				     : NULL;

	if (safe)
		s2c_json_set_str(line, key, safe);
}

static void set_number(struct s2c_json *line, const char *key, uint64_t n)
{
	s2c_json_set_int(line, key, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static void set_time(struct s2c_json *line)
{
	struct timespec now = {0};
	struct tm utc = {0};
	char text[64];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		utc.tm_sec, (int)(now.tv_nsec / 1000000));
	s2c_json_set_str(line, "ts", text);
}

static void set_peer(struct s2c_json *line, const struct s2c_audit_entry *entry)
{
	const struct s2c_peer *peer = entry->peer;
	struct s2c_json *node, *groups;

	if (!peer)
		return;
	node = s2c_json_object_at(line, "peer");
	set_number(node, "uid", peer->uid);
	set_number(node, "gid", peer->gid);
	groups = s2c_json_array_at(node, "groups");
	for (size_t i = 0; i < peer->n_groups && i < S2C_AUDIT_GROUPS_MAX; i++)
		s2c_json_add_int(groups, peer->groups[i]);
	if (peer->n_groups > S2C_AUDIT_GROUPS_MAX)
		set_number(node, "groups_more", peer->n_groups - S2C_AUDIT_GROUPS_MAX);
	if (entry->pid)
		set_number(node, "pid", entry->pid);
	set_text(node, "exe", entry->exe);
	set_text(node, "sock", peer->socket);
}

static void set_own(struct s2c_json *line, const struct s2c_audit_own *own)
{
	if (!own)
		return;
	set_text(line, "continues", own->continues);
	set_text(line, "torn", own->torn);
	if (own->torn)
		set_number(line, "torn_bytes", own->torn_bytes);
}

char *s2c_audit_line(const struct s2c_audit_link *link,
	const struct s2c_audit_entry *entry, const struct s2c_audit_own *own)
{
	CLEAN_JSON struct s2c_json *line = s2c_json_new_object();

	set_number(line, "seq", link->none ? 0 : link->seq + 1);
	s2c_json_set_str(line, "prev", link->hash);
	set_time(line);
	s2c_json_set_str(line, "event", event_names[entry->event]);
	if (entry->event == S2C_AUDIT_DECISION)
		s2c_json_set_str(line, "decision", entry->code ? "deny" : "allow");
	set_peer(line, entry);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		set_text(line, texts[i].key,
			*(const char *const *)((const char *)entry + texts[i].offset));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t n = *(const uint64_t *)((const char *)entry + numbers[i].offset);

		if (n)
			set_number(line, numbers[i].key, n);
	}
	if (entry->event == S2C_AUDIT_UPSTREAM || entry->status)
		s2c_json_set_int(line, "status", entry->status);
	if (entry->event == S2C_AUDIT_EXIT) {
		s2c_json_set_int(line, "exit_code", entry->exit_code);
		s2c_json_set_bool(line, "oom", entry->oom);
	}
	set_own(line, own);
	return s2c_json_print(line, S2C_JSON_COMPACT);
}

void s2c_audit_follow(
	struct s2c_audit_link *link, uint64_t seq, const char *line, size_t len)
{
	struct s2c_digest digest;

	s2c_digest_of(line, len, &digest);
	(void)snprintf(link->hash, sizeof(link->hash), "%s", s2c_digest_hex(&digest));
	link->seq = seq;
	link->none = false;
}

/* ---- reading ---- */

int s2c_audit_place(
	const char *line, size_t len, struct s2c_audit_place *out, struct s2c_error **err)
{
	struct s2c_json_limits limits = {
		.bytes = S2C_AUDIT_LINE_MAX, .depth = 4, .nodes = 512};
	CLEAN_JSON struct s2c_json *root = NULL;
	const char *prev = NULL, *time = NULL, *event = NULL, *continues = NULL;
	int64_t seq = -1;

	if (s2c_json_parse(line, len, limits, &root, err) < 0 ||
		s2c_json_get_int(root, "seq", S2C_REQUIRED, &seq, err) < 0 ||
		s2c_json_get_str(root, "prev", S2C_REQUIRED, &prev, err) < 0 ||
		s2c_json_get_str(root, "ts", S2C_REQUIRED, &time, err) < 0 ||
		s2c_json_get_str(root, "event", S2C_REQUIRED, &event, err) < 0 ||
		s2c_json_get_str(root, "continues", S2C_OPTIONAL, &continues, err) < 0)
		return -1;
	if (seq < 0 || strlen(prev) != 64 || strspn(prev, "0123456789abcdef") != 64 ||
		strlen(time) >= sizeof(out->time))
		return s2c_fail(err, S2C_EPROTO, "'seq', 'prev' or 'ts' is none");
	if (continues && (!*continues || strchr(continues, '/')))
		return s2c_fail(err, S2C_EPROTO, "'continues' is no name of a file");
	*out = (struct s2c_audit_place){
		.seq = (uint64_t)seq, .begins = streq(event, "begin")};
	(void)snprintf(out->prev, sizeof(out->prev), "%s", prev);
	(void)snprintf(out->time, sizeof(out->time), "%s", time);
	out->continues = continues ? xstrdup(continues) : NULL;
	return 0;
}

/* Reads the last bytes of a file, two lines at most; *out_at is where they begin. */
static int read_end(int fd, struct s2c_buf *out, uint64_t *out_at, struct s2c_error **err)
{
	CLEAN_FREE char *piece = xmalloc(2 * S2C_AUDIT_LINE_MAX);
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at the audit log");
	at = st.st_size > 2 * S2C_AUDIT_LINE_MAX ? st.st_size - 2 * S2C_AUDIT_LINE_MAX
						 : 0;
	*out_at = (uint64_t)at;
	while (at < st.st_size) {
		size_t want = (size_t)(st.st_size - at);
		ssize_t n = pread(fd, piece, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return s2c_fail_errno(
				err, n < 0 ? errno : EIO, "cannot read the audit log");
		if (s2c_buf_add(out, piece, (size_t)n, err) < 0)
			return -1;
		at += n;
	}
	return 0;
}

int s2c_audit_tail(int fd, struct s2c_audit_link *link, uint64_t *out_whole,
	uint64_t *out_torn, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf end = S2C_BUF_INIT(2u * S2C_AUDIT_LINE_MAX);
	struct s2c_audit_place place = {.continues = NULL};
	const char *text, *last, *before;
	uint64_t start = 0;

	if (read_end(fd, &end, &start, err) < 0)
		return -1;
	text = s2c_buf_str(&end);
	last = end.len ? memrchr(text, '\n', end.len) : NULL;
	*link = (struct s2c_audit_link){.hash = S2C_AUDIT_ZERO, .none = true};
	*out_whole = last ? start + (uint64_t)(last + 1 - text) : 0;
	*out_torn = start + end.len - *out_whole;
	if (!last && start == 0)
		return 0;
	before = last ? memrchr(text, '\n', (size_t)(last - text)) : NULL;
	if (!last || (!before && start > 0))
		return s2c_fail(err, S2C_EPROTO,
			"its last line is longer than any of a "
			"log");
	before = before ? before + 1 : text;
	if (s2c_audit_place(before, (size_t)(last - before), &place, err) < 0)
		return s2c_wrap(err, "its last line");
	free(place.continues);
	s2c_audit_follow(link, place.seq, before, (size_t)(last - before));
	return 0;
}

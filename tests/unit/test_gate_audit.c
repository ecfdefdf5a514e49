/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: what is in a line, that the chain holds over files and crashes, that a
 * line which cannot be written is a failure, and that tampering is found.
 */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "codec/json.h"
#include "gate/audit.h"
#include "util/pool.h"

#define LOG "d/audit.jsonl"

static int make_dir(void **state)
{
	struct tmp *tmp;

	if (tmp_setup(state) < 0)
		return -1;
	tmp = *state;
	return mkdirat(tmp->fd, "d", 0700);
}

static struct s2c_audit *open_log_of(
	const struct tmp *tmp, uint64_t max, const char *note_part)
{
	CLEAN_FREE char *path = xasprintf("%s/" LOG, tmp->path);
	CLEAN_FREE char *note = NULL;
	struct s2c_audit *audit = NULL;

	assert_ok(s2c_audit_open(&(struct s2c_audit_opts){path, S2C_AUDIT_DENIALS, max},
		&audit, &note, &terr));
	if (note_part && (!note || !strstr(note, note_part)))
		fail_msg("note is '%s'", note ? note : "(none)");
	if (!note_part)
		assert_null(note);
	return audit;
}

static struct s2c_audit *open_log(const struct tmp *tmp, const char *note_part)
{
	return open_log_of(tmp, 65536, note_part);
}

static int try_open(const struct tmp *tmp)
{
	CLEAN_FREE char *path = xasprintf("%s/" LOG, tmp->path);
	CLEAN_AUDIT struct s2c_audit *audit = NULL;
	CLEAN_FREE char *note = NULL;

	return s2c_audit_open(&(struct s2c_audit_opts){path, S2C_AUDIT_NEVER, 65536},
		&audit, &note, &terr);
}

static int verify(const struct tmp *tmp, const char *name, struct s2c_audit_report *out)
{
	CLEAN_FREE char *path = xasprintf("%s/%s", tmp->path, name);

	return s2c_audit_verify(path, out, &terr);
}

/* The log is sound and has this many lines. */
static void assert_lines(const struct tmp *tmp, const char *name, uint64_t lines)
{
	struct s2c_audit_report report = {.lines = 0};

	assert_ok(verify(tmp, name, &report));
	assert_int_equal(report.lines, lines);
	free(report.continues);
}

static void put(struct s2c_audit *audit, const char *detail)
{
	assert_ok(s2c_audit_write(audit,
		&(struct s2c_audit_entry){.event = S2C_AUDIT_DECISION, .detail = detail},
		&terr));
}

/* Line number `n` (from 0) as a tree. */
static struct s2c_json *line_of(const struct tmp *tmp, const char *name, int n)
{
	CLEAN_FREE char *text = tmp_read(tmp, name);
	struct s2c_json *node = NULL;
	const char *p = text;

	for (; n > 0; n--)
		p = strchr(p, '\n') + 1;
	assert_ok(s2c_json_parse(
		p, strcspn(p, "\n"), (struct s2c_json_limits){0}, &node, &terr));
	return node;
}

/* ---- lines ---- */

static void test_fields(void **state)
{
	static const uint32_t groups[] = {100, 2000};
	struct s2c_peer peer = {.uid = 1000,
		.gid = 100,
		.groups = groups,
		.n_groups = 2,
		.socket = "/run/x.sock"};
	struct s2c_audit_entry entry = {
		.event = S2C_AUDIT_DECISION,
		.request = "01J",
		.connection = 77,
		.peer = &peer,
		.pid = 42,
		.exe = "/usr/bin/s2c",
		.method = "POST",
		.path = "/v1.41/containers/create",
		.route = "container.create",
		.code = "field_denied",
		.rule = "subjects[0]/builders.python",
		.detail = "HostConfig.Privileged",
		.image = "registry.example/x",
		.user = "1001:0",
		.network = "none",
		.memory = 2147483648u,
		.bytes_in = 1547,
		.ms = 3,
	};
	CLEAN_AUDIT struct s2c_audit *audit = open_log(*state, NULL);
	CLEAN_JSON struct s2c_json *line = NULL;
	CLEAN_FREE char *text = NULL;

	assert_ok(s2c_audit_write(audit, &entry, &terr));
	line = line_of(*state, LOG, 1);
	assert_non_null(s2c_json_str(s2c_json_get(line, "ts")));
	s2c_json_remove(line, "ts");
	s2c_json_remove(line, "prev");
	text = s2c_json_print(line, S2C_JSON_COMPACT);
	assert_string_equal(text,
		"{\"seq\":1,\"event\":\"decision\",\"decision\":\"deny\",\"peer\":"
		"{\"uid\":1000,\"gid\":100,\"groups\":[100,2000],\"pid\":42,"
		"\"exe\":\"/usr/bin/s2c\",\"sock\":\"/run/x.sock\"},\"req\":\"01J\","
		"\"method\":\"POST\",\"path\":\"/v1.41/containers/create\","
		"\"route\":\"container.create\",\"code\":\"field_denied\","
		"\"rule\":\"subjects[0]/builders.python\","
		"\"detail\":\"HostConfig.Privileged\",\"image\":\"registry.example/x\","
		"\"user\":\"1001:0\",\"net\":\"none\",\"conn\":77,\"mem\":2147483648,"
		"\"bytes_in\":1547,\"ms\":3}");
}

/* Zero means something in these. */
static void test_zeros(void **state)
{
	static const struct {
		struct s2c_audit_entry entry;
		const char *text;
	} rows[] = {
		{{.event = S2C_AUDIT_EXIT},
			"{\"seq\":1,\"event\":\"exit\",\"exit_code\":0,\"oom\":false}"},
		{{.event = S2C_AUDIT_EXIT, .exit_code = 137, .oom = true},
			"{\"seq\":2,\"event\":\"exit\",\"exit_code\":137,\"oom\":true}"},
		{{.event = S2C_AUDIT_UPSTREAM},
			"{\"seq\":3,\"event\":\"upstream\",\"status\":0}"},
		{{.event = S2C_AUDIT_DECISION},
			"{\"seq\":4,\"event\":\"decision\",\"decision\":\"allow\"}"},
		{{.event = S2C_AUDIT_REAP, .memory = UINT64_MAX},
			"{\"seq\":5,\"event\":\"reap\",\"mem\":9223372036854775807}"},
	};
	CLEAN_AUDIT struct s2c_audit *audit = open_log(*state, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *line = NULL;
		CLEAN_FREE char *text = NULL;

		assert_ok(s2c_audit_write(audit, &rows[i].entry, &terr));
		line = line_of(*state, LOG, (int)i + 1);
		s2c_json_remove(line, "ts");
		s2c_json_remove(line, "prev");
		text = s2c_json_print(line, S2C_JSON_COMPACT);
		assert_string_equal(text, rows[i].text);
	}
}

/* Whatever peers say, a line is one line, of UTF-8, and not too long. */
static void test_hostile_texts(void **state)
{
	static const char *const texts[] = {"a\nb\",\"seq\":9,\"x\":\"", "\x1b[2J",
		"\xff\xfe", "\xe2\x80\xa8", "\\", "\t\r\n"};
	CLEAN_AUDIT struct s2c_audit *audit = open_log(*state, NULL);
	CLEAN_FREE char *large = xmalloc(1000001), *all = NULL;
	static uint32_t groups[1000];
	struct s2c_peer peer = {.groups = groups, .n_groups = ARRAY_SIZE(groups)};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		put(audit, texts[i]);
	memset(large, '\\', 1000000);
	large[1000000] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		groups[i] = 4294967295u;
	peer.socket = large;
	assert_ok(s2c_audit_write(audit,
		&(struct s2c_audit_entry){.event = S2C_AUDIT_DECISION,
			.peer = &peer,
			.exe = large,
			.request = large,
			.method = large,
			.path = large,
			.route = large,
			.code = large,
			.rule = large,
			.detail = large,
			.build = large,
			.container = large,
			.image = large,
			.image_id = large,
			.user = large,
			.network = large,
			.command_digest = large,
			.reference = large,
			.digest = large},
		&terr));
	assert_lines(*state, LOG, ARRAY_SIZE(texts) + 2);
	all = tmp_read(*state, LOG);
	for (const char *p = all; *p; p++)
		assert_true(*p == '\n' || (unsigned char)*p >= 0x20);
	assert_true(strlen(all) < S2C_AUDIT_LINE_MAX);
}

static int write_some(struct s2c_job *job, struct s2c_error **err);

struct writer {
	struct s2c_job job;
	struct s2c_audit *audit;
};

static int write_some(struct s2c_job *job, struct s2c_error **err)
{
	struct writer *writer = (struct writer *)job;

	for (int i = 0; i < 50; i++)
		if (s2c_audit_write(writer->audit,
			    &(struct s2c_audit_entry){.event = S2C_AUDIT_REAP}, err) < 0)
			return -1;
	return 0;
}

static void test_threads(void **state)
{
	CLEAN_AUDIT struct s2c_audit *audit = open_log_of(*state, 1 << 20, NULL);
	struct s2c_pool *pool = s2c_pool_new(4);
	struct writer writers[8] = {{.audit = NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		writers[i].job.run = write_some;
		writers[i].audit = audit;
		(void)s2c_pool_submit(pool, &writers[i].job);
	}
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		assert_ok(s2c_job_wait(&writers[i].job, &terr));
	s2c_pool_free(pool);
	assert_lines(*state, LOG, 401);
}

/* ---- files ---- */

/* Number of files in d, and the first by name that begins with `prefix`. */
static size_t list(const struct tmp *tmp, const char *prefix, char **out)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_FD int fd = openat(tmp->fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_ok(s2c_fs_list(fd, 1000, &names, &terr));
	s2c_strv_foreach (name, &names)
		if (out && !*out && starts_with(name, prefix))
			*out = xasprintf("d/%s", name);
	return names.len;
}

static void test_reopen(void **state)
{
	struct s2c_audit_report report;
	struct stat st;
	struct tmp *tmp = *state;

	for (int i = 0; i < 3; i++) {
		CLEAN_AUDIT struct s2c_audit *audit = open_log(tmp, NULL);

		put(audit, "again");
	}
	assert_ok(verify(tmp, LOG, &report));
	assert_int_equal(report.lines, 4);
	assert_int_equal(report.first_seq, 0);
	assert_int_equal(report.last_seq, 3);
	assert_null(report.continues);
	assert_int_equal(report.torn, 0);
	assert_int_equal(fstatat(tmp->fd, LOG, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(list(tmp, "", NULL), 1);
}

static void fill(struct s2c_audit *audit, const struct tmp *tmp, size_t files)
{
	CLEAN_FREE char *text = xmalloc(S2C_AUDIT_TEXT_MAX + 1);

	memset(text, 'x', S2C_AUDIT_TEXT_MAX);
	text[S2C_AUDIT_TEXT_MAX] = '\0';
	for (int i = 0; i < 2000 && list(tmp, "", NULL) < files; i++)
		put(audit, text);
	assert_int_equal(list(tmp, "", NULL), files);
}

static void test_rotation(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_AUDIT struct s2c_audit *audit = open_log(tmp, NULL);
	struct s2c_audit_report report;
	CLEAN_FREE char *first = NULL;
	char last_of_first[S2C_DIGEST_STR_MAX];
	struct stat st;
	uint64_t seq;

	fill(audit, tmp, 2);
	(void)list(tmp, "audit.jsonl.", &first);
	assert_ok(verify(tmp, first, &report));
	assert_int_equal(report.first_seq, 0);
	memcpy(last_of_first, report.last_hash.str, sizeof(last_of_first));
	seq = report.last_seq;
	assert_ok(verify(tmp, LOG, &report));
	assert_string_equal(report.first_prev.str, last_of_first);
	assert_int_equal(report.first_seq, seq + 1);
	assert_true(report.continues_checked);
	assert_string_equal(report.continues, first + 2);
	free(report.continues);
	assert_int_equal(fstatat(tmp->fd, first, &st, 0), 0);
	assert_true(st.st_size <= 65536);
	/* Opened again it goes on, and fills the next ones. */
	s2c_audit_close(TAKE(audit));
	audit = open_log(tmp, NULL);
	fill(audit, tmp, 4);
	assert_ok(verify(tmp, LOG, &report));
	assert_true(report.continues_checked);
	free(report.continues);
	/* Another end of the file before is found; that it is away is no error. */
	assert_int_equal(fstatat(tmp->fd, first, &st, 0), 0);
}

static void test_other_file_before(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_AUDIT struct s2c_audit *audit = open_log(tmp, NULL);
	CLEAN_FREE char *first = NULL, *path = NULL, *text = NULL;
	struct s2c_audit_report report;
	char *cut;

	fill(audit, tmp, 2);
	(void)list(tmp, "audit.jsonl.", &first);
	path = xasprintf("%s/%s", tmp->path, first);
	text = tmp_read(tmp, first);
	cut = strrchr(text, '\n');
	*cut = '\0';
	*(strrchr(text, '\n') + 1) = '\0';
	tmp_write(tmp, first, text);
	assert_fails(verify(tmp, LOG, &report), S2C_EPROTO,
		"line 1: it does not follow on the last line of");
	assert_int_equal(unlink(path), 0);
	assert_ok(verify(tmp, LOG, &report));
	assert_false(report.continues_checked);
	free(report.continues);
}

/* A crash between the renaming of a full file and the first line of the next one. */
static void test_lost_beginning(void **state)
{
	static const char *const left[] = {NULL, "", "{\"seq\":5,\"pre"};
	struct tmp *tmp = *state;

	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		struct s2c_audit *audit = open_log(tmp, NULL);
		struct s2c_audit_report report;

		put(audit, "x");
		s2c_audit_close(audit);
		assert_ok(verify(tmp, LOG, &report));
		free(report.continues);
		CLEAN_FREE char *full = xasprintf(
			LOG ".%020llu", (unsigned long long)report.last_seq);
		uint64_t seq = report.last_seq;

		assert_int_equal(renameat(tmp->fd, LOG, tmp->fd, full), 0);
		if (left[i]) {
			tmp_write(tmp, LOG, left[i]);
			assert_int_equal(fchmodat(tmp->fd, LOG, 0600, 0), 0);
		}
		audit = open_log(tmp, left[i] && *left[i] ? "torn line" : NULL);
		put(audit, "y");
		s2c_audit_close(audit);
		assert_ok(verify(tmp, LOG, &report));
		assert_int_equal(report.first_seq, seq + 1);
		assert_true(report.continues_checked);
		free(report.continues);
	}
}

static void test_torn(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_audit *audit = open_log(tmp, NULL);
	CLEAN_FREE char *aside = NULL, *text = NULL;
	CLEAN_JSON struct s2c_json *line = NULL;
	struct s2c_audit_report report;
	int fd;

	put(audit, "whole");
	s2c_audit_close(audit);
	fd = openat(tmp->fd, LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "{\"seq\":2,\"pr", 12), 12);
	close(fd);
	assert_ok(verify(tmp, LOG, &report));
	assert_int_equal(report.torn, 12);
	assert_int_equal(report.lines, 2);
	audit = open_log(tmp, "torn line of 12 bytes");
	put(audit, "on");
	s2c_audit_close(audit);
	assert_lines(tmp, LOG, 4);
	assert_int_equal(list(tmp, "audit.jsonl.torn-", &aside), 2);
	text = tmp_read(tmp, aside);
	assert_string_equal(text, "{\"seq\":2,\"pr");
	line = line_of(tmp, LOG, 2);
	assert_string_equal(s2c_json_str(s2c_json_get(line, "event")), "recover");
	assert_string_equal(s2c_json_str(s2c_json_get(line, "torn")), aside + 2);
	/* It is quiet the next time. */
	s2c_audit_close(open_log(tmp, NULL));
}

static void test_not_ours(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		enum s2c_code code;
		const char *part;
	} rows[] = {
		{"hello\n", 0600, S2C_EPROTO, "move it away"},
		{"{}\n", 0600, S2C_EPROTO, "'seq' is missing"},
		{"{\"seq\":-1,\"prev\":\"\",\"ts\":\"\",\"event\":\"x\"}\n", 0600,
			S2C_EPROTO, "'seq', 'prev' or 'ts' is none"},
		{"", 0640, S2C_EDENIED, "mode 0600"},
		{"", 0602, S2C_EDENIED, "mode 0600"},
	};
	struct tmp *tmp = *state;
	CLEAN_FREE char *zeros = xcalloc(1, 200001);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tmp_write(tmp, LOG, rows[i].text);
		assert_int_equal(fchmodat(tmp->fd, LOG, rows[i].mode, 0), 0);
		assert_fails(try_open(tmp), rows[i].code, rows[i].part);
	}
	memset(zeros, 'x', 200000);
	tmp_write(tmp, LOG, zeros);
	assert_int_equal(fchmodat(tmp->fd, LOG, 0600, 0), 0);
	assert_fails(try_open(tmp), S2C_EPROTO, "longer than any of a log");
}

static void test_other_kinds(void **state)
{
	struct tmp *tmp = *state;

	tmp_write(tmp, "d/real", "");
	assert_int_equal(symlinkat("real", tmp->fd, LOG), 0);
	assert_fails(try_open(tmp), S2C_EDENIED, "is a symlink");
	assert_int_equal(unlinkat(tmp->fd, LOG, 0), 0);
	assert_int_equal(mkfifoat(tmp->fd, LOG, 0600), 0);
	assert_fails(try_open(tmp), S2C_EDENIED, "is no regular file");
	assert_int_equal(unlinkat(tmp->fd, LOG, 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "d/real", 0600, 0), 0);
	assert_int_equal(linkat(tmp->fd, "d/real", tmp->fd, LOG, 0), 0);
	assert_fails(try_open(tmp), S2C_EDENIED, "with one name");
	assert_int_equal(unlinkat(tmp->fd, LOG, 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "d", 0770, 0), 0);
	assert_fails(try_open(tmp), S2C_EDENIED, "may be written by others");
}

static void test_two_gates(void **state)
{
	CLEAN_AUDIT struct s2c_audit *audit = open_log(*state, NULL);

	assert_fails(try_open(*state), S2C_EEXIST, "is written by another gate");
	put(audit, "still fine");
	assert_lines(*state, LOG, 2);
}

/* ---- failures ---- */

/* No file may grow beyond `bytes` in this process; the soft limit only. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that cannot grow any more: some bytes of the line fit, and do not stay. */
static void test_no_room(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_AUDIT struct s2c_audit *audit = open_log(tmp, NULL);
	struct s2c_audit_entry entry = {.event = S2C_AUDIT_DECISION, .detail = "no room"};
	struct rlimit before;
	struct stat st, after;

	put(audit, "x");
	assert_int_equal(fstatat(tmp->fd, LOG, &st, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	for (rlim_t extra = 0; extra < 60; extra += 20) {
		limit_files((rlim_t)st.st_size + extra);
		if (s2c_audit_write(audit, &entry, &terr) == 0)
			fail_msg("written with room for %d bytes", (int)extra);
		limit_files(before.rlim_cur);
		assert_non_null(
			strstr(s2c_error_message(terr), "cannot write to audit log"));
		s2c_error_free(TAKE(terr));
		assert_int_equal(fstatat(tmp->fd, LOG, &after, 0), 0);
		assert_int_equal(after.st_size, st.st_size);
	}
	put(audit, "room again");
	assert_lines(tmp, LOG, 3);
}

/* A full file system: also the one on which the next file would have to begin. */
static void test_full_disk(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *dir = xasprintf("%s/d", tmp->path);
	struct s2c_audit_entry entry = {.event = S2C_AUDIT_DECISION, .detail = "full"};
	struct s2c_audit *audit;
	bool failed = false;
	int fd;

	if (mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=192k,mode=0700") < 0)
		skip_because("cannot mount a small file system");
	audit = open_log(tmp, NULL);
	for (int i = 0; i < 2000 && !failed; i++) {
		failed = s2c_audit_write(audit, &entry, &terr) < 0;
		if (failed)
			assert_int_equal(s2c_error_errno(terr), ENOSPC);
		s2c_error_free(TAKE(terr));
	}
	assert_true(failed);
	assert_int_equal(s2c_audit_write(audit, &entry, NULL), -1);
	/* Room comes back, and with it the log. */
	fd = openat(tmp->fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	{
		CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

		assert_ok(s2c_fs_list(fd, 100, &names, &terr));
		assert_int_equal(unlinkat(fd, names.items[1], 0), 0);
	}
	close(fd);
	assert_ok(s2c_audit_write(audit, &entry, &terr));
	s2c_audit_close(audit);
	{
		CLEAN_FREE char *path = xasprintf("%s/audit.jsonl", dir);
		struct s2c_audit_report report;

		assert_ok(s2c_audit_verify(path, &report, &terr));
		free(report.continues);
	}
}

/* Also when the test failed with the file system mounted. */
static int unmount(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *dir = xasprintf("%s/d", tmp->path);

	(void)umount2(dir, MNT_DETACH);
	return tmp_teardown(state);
}

/* ---- tampering ---- */

static void test_tampering(void **state)
{
	static const struct {
		const char *what, *part;
	} rows[] = {
		{"change", "line 3: 'prev' is not the hash of the line before"},
		{"remove", "line 3: 'seq' is 3, but 2 comes next"},
		{"double", "line 3: 'seq' is 1, but 2 comes next"},
		{"swap", "line 2: 'seq' is 2, but 1 comes next"},
		{"behead", "line 1: its event is not 'begin'"},
		{"insert", "line 3: "},
		{"blank", "line 3: "},
	};
	struct tmp *tmp = *state;
	struct s2c_audit *audit = open_log(tmp, NULL);
	CLEAN_FREE char *text = NULL;
	const char *line[5];

	put(audit, "one");
	put(audit, "two");
	put(audit, "three");
	s2c_audit_close(audit);
	text = tmp_read(tmp, LOG);
	line[0] = text;
	for (int i = 1; i < 5; i++)
		line[i] = strchr(line[i - 1], '\n') + 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_buf bad = S2C_BUF_INIT(1024 * 1024);
		struct s2c_audit_report report;
#define LINE(n) (int)(line[(n) + 1] - line[n]), line[n]
		if (streq(rows[i].what, "change")) {
			s2c_buf_must_printf(&bad, "%s", text);
			*strstr(bad.data, "one") = 'O';
		} else if (streq(rows[i].what, "remove")) {
			s2c_buf_must_printf(
				&bad, "%.*s%.*s%.*s", LINE(0), LINE(1), LINE(3));
		} else if (streq(rows[i].what, "double")) {
			s2c_buf_must_printf(&bad, "%.*s%.*s%.*s%.*s", LINE(0), LINE(1),
				LINE(1), LINE(2));
		} else if (streq(rows[i].what, "swap")) {
			s2c_buf_must_printf(
				&bad, "%.*s%.*s%.*s", LINE(0), LINE(2), LINE(1));
		} else if (streq(rows[i].what, "behead")) {
			s2c_buf_must_printf(&bad, "%s", line[1]);
		} else {
			s2c_buf_must_printf(&bad, "%.*s%.*s%s\n%s", LINE(0), LINE(1),
				streq(rows[i].what, "insert") ? "{\"seq\":2}" : "",
				line[2]);
		}
		tmp_write(tmp, LOG, s2c_buf_str(&bad));
		assert_fails(verify(tmp, LOG, &report), S2C_EPROTO, rows[i].part);
		s2c_buf_release(&bad);
	}
	tmp_write(tmp, LOG, "");
	assert_fails(verify(tmp, LOG, &(struct s2c_audit_report){.lines = 0}), S2C_EPROTO,
		"there is no line in it");
}

#define log_test(f) cmocka_unit_test_setup_teardown(f, make_dir, tmp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		log_test(test_fields),
		log_test(test_zeros),
		log_test(test_hostile_texts),
		log_test(test_threads),
		log_test(test_reopen),
		log_test(test_rotation),
		log_test(test_other_file_before),
		log_test(test_lost_beginning),
		log_test(test_torn),
		log_test(test_not_ours),
		log_test(test_other_kinds),
		log_test(test_two_gates),
		log_test(test_no_room),
		cmocka_unit_test_setup_teardown(test_full_disk, make_dir, unmount),
		log_test(test_tampering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How events look. A sink is a table entry; the live line is redrawn at most ten times a
 * second and always ended before anything else is printed. Text of peers was made safe
 * to print by the library before it became an event.
 */
#include "cli/term.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/mem.h"

#define REDRAW_MS 100
#define BAR_WIDTH 24
/* Lines of a script that are shown when it fails and its output was not. */
#define TAIL_LINES 20
/* Phases inside each other; what is deeper has no live line of its own. */
#define PHASES_MAX 8
#define LIVE_MAX 512

struct sink_ops {
	const char *name;
	void (*emit)(struct s2c_term *term, const struct s2c_event *event);
};

struct s2c_term {
	const struct sink_ops *ops;
	enum s2c_level level;
	bool live;  /* a live line is on the screen */
	bool terse; /* no phases, no script output */
	/* The live line of each phase that runs, the innermost last and shown. */
	char lines[PHASES_MAX][LIVE_MAX];
	size_t n_phases;
	int64_t drawn_ms;       /* when it was last drawn */
	char *tail[TAIL_LINES]; /* ring of script output that was not shown */
	size_t tail_next;
};

void s2c_format_size(uint64_t bytes, char out[S2C_SIZE_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(out, S2C_SIZE_TEXT, "%.*f %s", unit ? 1 : 0, value, units[unit]);
}

static const char *level_word(enum s2c_level level)
{
	static const char *const words[] = {"error", "warning", "info", "debug"};

	return words[level];
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void end_live(struct s2c_term *term)
{
	if (term->live)
		fputs("\r\033[K", stderr);
	term->live = false;
}

static void print_phase_end(const struct s2c_event *e)
{
	fprintf(stderr, "%-9s %6.2fs", e->phase, (double)e->elapsed_ms / 1000);
	if (e->subject && *e->subject)
		fprintf(stderr, "  %s", e->subject);
	if (e->text)
		fprintf(stderr, " (%s)", e->text);
	putc('\n', stderr);
}

static void print_log(const struct s2c_event *e)
{
	if (e->level == S2C_INFO)
		fprintf(stderr, "%s\n", e->text);
	else
		fprintf(stderr, "%s: %s\n", level_word(e->level), e->text);
}

static void keep_tail(struct s2c_term *term, const char *line)
{
	free(term->tail[term->tail_next]);
	term->tail[term->tail_next] = xstrdup(line);
	term->tail_next = (term->tail_next + 1) % TAIL_LINES;
}

static void print_tail(struct s2c_term *term)
{
	for (size_t i = 0; i < TAIL_LINES; i++) {
		const char *line = term->tail[(term->tail_next + i) % TAIL_LINES];

		if (line)
			fprintf(stderr, "%s\n", line);
	}
}

static void plain_emit(struct s2c_term *term, const struct s2c_event *e)
{
	switch (e->kind) {
	case S2C_EVENT_PHASE_BEGIN:
	case S2C_EVENT_PROGRESS:
		return;
	case S2C_EVENT_PHASE_END:
		if (!term->terse)
			print_phase_end(e);
		return;
	case S2C_EVENT_OUTPUT:
		if (term->terse)
			keep_tail(term, e->text);
		else
			fprintf(stderr, "%s\n", e->text);
		return;
	case S2C_EVENT_LOG:
		if (e->level <= term->level)
			print_log(e);
		return;
	}
}

static unsigned columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		return size.ws_col;
	return 80;
}

/* "[#####.......] 3.0 MiB / 9.1 MiB", "3.0 MiB" or "". */
static void format_progress(const struct s2c_event *e, char *out, size_t len)
{
	char bar[BAR_WIDTH + 1] = "", done[S2C_SIZE_TEXT], total[S2C_SIZE_TEXT];
	size_t filled = BAR_WIDTH;

	s2c_format_size(e->current, done);
	if (!e->total) {
		(void)snprintf(out, len, "%s", e->current ? done : "");
		return;
	}
	s2c_format_size(e->total, total);
	if (e->current < e->total)
		filled = (size_t)((double)e->current / (double)e->total * BAR_WIDTH);
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', filled);
	(void)snprintf(out, len, "[%s] %s / %s", bar, done, total);
}

/* The line of the innermost phase, in place of what the last line shows. */
static void draw(struct s2c_term *term)
{
	if (term->n_phases == 0 || term->n_phases > PHASES_MAX)
		return;
	fprintf(stderr, "\r\033[K%.*s", (int)columns() - 1,
		term->lines[term->n_phases - 1]);
	term->live = true;
	term->drawn_ms = s2c_now_ms();
}

static void set_line(struct s2c_term *term, const struct s2c_event *e)
{
	char progress[128];

	if (term->n_phases == 0 || term->n_phases > PHASES_MAX)
		return;
	format_progress(e, progress, sizeof(progress));
	(void)snprintf(term->lines[term->n_phases - 1], LIVE_MAX, "%-9s %s%s%s", e->phase,
		progress, *progress ? "  " : "", or_empty(e->subject));
}

/* Other lines go above the live one, which then comes back. */
static void tty_emit(struct s2c_term *term, const struct s2c_event *e)
{
	if (e->kind == S2C_EVENT_PROGRESS) {
		set_line(term, e);
		if (!term->terse && s2c_now_ms() - term->drawn_ms >= REDRAW_MS)
			draw(term);
		return;
	}
	end_live(term);
	plain_emit(term, e);
	if (e->kind == S2C_EVENT_PHASE_BEGIN) {
		term->n_phases++;
		set_line(term, e);
	}
	if (e->kind == S2C_EVENT_PHASE_END && term->n_phases > 0)
		term->n_phases--;
	if (!term->terse)
		draw(term);
	/* The first progress of a phase is never held back. */
	if (e->kind == S2C_EVENT_PHASE_BEGIN)
		term->drawn_ms = 0;
}

void s2c_print_json_string(FILE *f, const char *text)
{
	putc('"', f);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(f, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(f, "\\u%04x", *p);
		else
			putc(*p, f);
	}
	putc('"', f);
}

static void json_member(const char *key, const char *value)
{
	if (!value)
		return;
	fprintf(stderr, ",\"%s\":", key);
	s2c_print_json_string(stderr, value);
}

static void json_print(const struct s2c_event *e)
{
	static const char *const kinds[] = {
		[S2C_EVENT_PHASE_BEGIN] = "phase-begin",
		[S2C_EVENT_PHASE_END] = "phase-end",
		[S2C_EVENT_PROGRESS] = "progress",
		[S2C_EVENT_OUTPUT] = "output",
		[S2C_EVENT_LOG] = "log",
	};
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	fprintf(stderr, "{\"time\":%lld.%03ld,\"event\":\"%s\"", (long long)t.tv_sec,
		t.tv_nsec / 1000000, kinds[e->kind]);
	if (e->kind == S2C_EVENT_LOG)
		json_member("level", level_word(e->level));
	json_member("phase", e->phase);
	json_member("subject", e->subject);
	json_member("text", e->text);
	if (e->kind == S2C_EVENT_PROGRESS)
		fprintf(stderr, ",\"current\":%llu,\"total\":%llu",
			(unsigned long long)e->current, (unsigned long long)e->total);
	if (e->kind == S2C_EVENT_PHASE_END)
		fprintf(stderr, ",\"elapsed_ms\":%llu",
			(unsigned long long)e->elapsed_ms);
	fputs("}\n", stderr);
}

static void json_emit(struct s2c_term *term, const struct s2c_event *e)
{
	if (e->kind == S2C_EVENT_LOG ? e->level > term->level : term->terse)
		return;
	if (e->kind == S2C_EVENT_PROGRESS && s2c_now_ms() - term->drawn_ms < REDRAW_MS)
		return;
	if (e->kind == S2C_EVENT_PROGRESS)
		term->drawn_ms = s2c_now_ms();
	if (e->kind == S2C_EVENT_PHASE_BEGIN)
		term->drawn_ms = 0;
	json_print(e);
}

static const struct sink_ops sinks[] = {
	{.name = "plain", .emit = plain_emit},
	{.name = "tty", .emit = tty_emit},
	{.name = "json", .emit = json_emit},
};

static const struct sink_ops *sink_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(sinks); i++)
		if (streq(sinks[i].name, name))
			return &sinks[i];
	return &sinks[0];
}

struct s2c_term *s2c_term_new(const struct s2c_term_opts *opts)
{
	struct s2c_term *term = xcalloc(1, sizeof(*term));
	const char *name = opts->progress;

	/* An event is one write: no flicker, and no lines of others inside of ours. */
	(void)setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
	if (streq(name, "auto"))
		name = isatty(STDERR_FILENO) ? "tty" : "plain";
	if (streq(opts->format, "json"))
		name = "json";
	term->ops = sink_by_name(name);
	term->level = opts->quiet ? S2C_ERROR : opts->level;
	term->terse = opts->quiet || streq(opts->progress, "none");
	return term;
}

static void emit(void *self, const struct s2c_event *event)
{
	struct s2c_term *term = self;

	term->ops->emit(term, event);
	(void)fflush(stderr);
}

struct s2c_sink s2c_term_sink(struct s2c_term *term)
{
	return (struct s2c_sink){.emit = emit, .self = term};
}

void s2c_term_error(struct s2c_term *term, const struct s2c_error *err)
{
	end_live(term);
	if (s2c_error_code(err) == S2C_ECHILD || s2c_error_code(err) == S2C_ETIMEOUT)
		print_tail(term);
	if (term->ops->emit == json_emit)
		json_print(&(struct s2c_event){.kind = S2C_EVENT_LOG,
			.level = S2C_ERROR,
			.text = s2c_error_message(err)});
	else
		fprintf(stderr, "s2c: %s\n", s2c_error_message(err));
	(void)fflush(stderr);
}

void s2c_term_free(struct s2c_term *term)
{
	if (!term)
		return;
	end_live(term);
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(term->tail[i]);
	free(term);
}

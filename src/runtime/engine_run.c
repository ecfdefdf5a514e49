/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: attach, start, output as it comes, the end. The engine is attached to before
 * the start, since what a process says before that is lost. Output comes in frames, of a
 * type and a length each; they may be cut anywhere.
 */
#include "runtime/engine_impl.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "http/channel.h"
#include "util/fs.h"

#define LINE_MAX_BYTES (16u * 1024)
#define NONCE_BYTES_MAX 64
#define SCRIPT_MAX (64u * 1024 * 1024)
#define FRAME_HEADER 8
#define STOP_GRACE_SECONDS 5
#define CONTROL_MAX 4096
#define INPUT_PIECE 65536

/* ---- lines ---- */

/* Standard output and error of a process, if its lines become events. */
struct lines {
	struct run *run;
	char line[LINE_MAX_BYTES + NONCE_BYTES_MAX];
	size_t len;
};

struct run {
	struct s2c_ctx *ctx;
	struct s2c_engine_container *c;
	const struct s2c_exec_opts *opts;
	char *nonce;
	struct s2c_channel channel;
	struct lines out, err;
	struct s2c_writer *to_out, *to_err; /* of the caller's descriptors; NULL: lines */
	/* The frame that is being read. */
	unsigned char header[FRAME_HEADER];
	size_t header_len;
	uint64_t left;
	/* What is still to be sent to standard input. */
	struct s2c_buf input;
	size_t sent;
	bool input_open; /* the caller's descriptor may have more */
	bool clearing;   /* no process of the caller's: caches are removed */
	bool ended;      /* the stream is over */
	/* What the script has told. */
	bool in_file;
	char failed[CONTROL_MAX]; /* "missing", "rights 0 0 ..."; "": none */
};

static void run_release(struct run *run)
{
	free(run->nonce);
	s2c_channel_release(&run->channel);
	s2c_buf_wipe(&run->input);
	s2c_writer_free(run->to_out);
	s2c_writer_free(run->to_err);
}

static void clean_run(struct run **run)
{
	run_release(*run);
}

/* What the script says to s2c, behind the nonce. */
static void take_control(struct run *run, const char *text)
{
	struct s2c_engine_kept *kept = &run->c->kept;

	if (streq(text, "file")) {
		run->in_file = kept->there = true;
		return;
	}
	if (streq(text, "end") || streq(text, "none")) {
		run->in_file = false;
		kept->taken = true;
		return;
	}
	if (starts_with(text, "link ")) {
		s2c_strv_add(&run->c->secrets.left, text + strlen("link "));
		return;
	}
	if (starts_with(text, "left ")) {
		s2c_strv_add(&run->c->left, text + strlen("left "));
		return;
	}
	if (!*run->failed)
		(void)snprintf(run->failed, sizeof(run->failed), "%s", text);
}

/* Text of the process: an event, or a piece of the file that is shown. */
static void take_text(struct run *run, const char *text, size_t len, bool whole)
{
	struct s2c_engine_kept *kept = &run->c->kept;
	CLEAN_ERROR struct s2c_error *full = NULL;

	if (!run->in_file) {
		s2c_emit_output(run->ctx, text, len);
		return;
	}
	if (s2c_buf_add(&kept->text, text, len, &full) < 0 ||
		(whole && s2c_buf_add(&kept->text, "\n", 1, &full) < 0))
		kept->too_large = true;
}

/* A line is there, or (whole is false) the end of the output. */
static void end_line(struct lines *l, bool whole)
{
	size_t nonce = strlen(l->run->nonce);
	char *mark = memmem(l->line, l->len, l->run->nonce, nonce);

	if (!mark) {
		if (whole || l->len)
			take_text(l->run, l->line, l->len, whole);
	} else {
		CLEAN_FREE char *text = NULL;
		size_t before = (size_t)(mark - l->line);

		if (before)
			take_text(l->run, l->line, before, false);
		if (l->len > before + nonce + 1)
			text = xstrndup(mark + nonce + 1, l->len - before - nonce - 1);
		take_control(l->run, text ? text : "");
	}
	l->len = 0;
}

static void add_bytes(struct lines *l, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			end_line(l, true);
			continue;
		}
		/* The nonce of our own line behind it must not be torn. */
		if (l->len == sizeof(l->line)) {
			take_text(l->run, l->line, LINE_MAX_BYTES, false);
			l->len -= LINE_MAX_BYTES;
			memmove(l->line, l->line + LINE_MAX_BYTES, l->len);
		}
		l->line[l->len++] = data[i];
	}
}

/* ---- frames ---- */

static int take_payload(
	struct run *run, const char *data, size_t len, struct s2c_error **err)
{
	bool is_err = run->header[0] == 2;
	struct s2c_writer *to = is_err ? run->to_err : run->to_out;

	if (to)
		return s2c_write(to, data, len, err);
	add_bytes(is_err ? &run->err : &run->out, data, len);
	return 0;
}

static int begin_frame(struct run *run, struct s2c_error **err)
{
	const unsigned char *h = run->header;

	if (h[0] > 2 || h[1] || h[2] || h[3])
		return s2c_fail(err, S2C_EPROTO,
			"the engine at '%s' sends output that is not in frames",
			run->c->runtime->engine->name);
	run->left = (uint64_t)h[4] << 24 | (uint64_t)h[5] << 16 | (uint64_t)h[6] << 8 |
		    h[7];
	return 0;
}

static int take_bytes(
	struct run *run, const char *data, size_t len, struct s2c_error **err)
{
	while (len) {
		if (!run->left) {
			run->header[run->header_len++] = (unsigned char)*data++;
			len--;
			if (run->header_len < FRAME_HEADER)
				continue;
			run->header_len = 0;
			if (begin_frame(run, err) < 0)
				return -1;
			continue;
		}
		size_t n = len < run->left ? len : (size_t)run->left;

		if (take_payload(run, data, n, err) < 0)
			return -1;
		run->left -= n;
		data += n;
		len -= n;
	}
	return 0;
}

static int read_output(struct run *run, struct s2c_error **err)
{
	char piece[65536];
	ssize_t n = recv(run->channel.fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return s2c_fail_as(err, S2C_ENET, errno,
			"the connection to the engine at '%s' broke: %s",
			run->c->runtime->engine->name, strerror(errno));
	if (n <= 0) {
		run->ended = true;
		return 0;
	}
	return take_bytes(run, piece, (size_t)n, err);
}

/* ---- input ---- */

/* The rest of the caller's input; its end becomes the end of standard input. */
static int fill_input(struct run *run, struct s2c_error **err)
{
	char piece[INPUT_PIECE];
	ssize_t n = read(run->opts->fd_in, piece, sizeof(piece));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return s2c_fail_errno(err, errno, "cannot read the input of the process");
	if (n == 0) {
		run->input_open = false;
		return shutdown(run->channel.fd, SHUT_WR) < 0 && errno != ENOTCONN
			       ? s2c_fail_errno(err, errno, "cannot end the input")
			       : 0;
	}
	s2c_buf_clear(&run->input);
	run->sent = 0;
	return s2c_buf_add(&run->input, piece, (size_t)n, err);
}

static void send_input(struct run *run)
{
	ssize_t n = send(run->channel.fd, run->input.data + run->sent,
		run->input.len - run->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		run->sent += (size_t)n;
	/* A process that reads no more: its end will tell. */
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		run->sent = run->input.len;
		run->input_open = false;
	}
}

/* ---- requests ---- */

static int refused(const struct run *run, const char *what, int status,
	const struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	const char *program = run->opts->argv->items[0];

	(void)s2c_engine_refused(run->c->runtime->engine, what, status, body, &cause);
	/* Without a shell the OCI runtime finds out, and its words are all there is. */
	if (strstr(s2c_error_message(cause), "no such file") ||
		strstr(s2c_error_message(cause), "not found"))
		return s2c_fail(err, S2C_ENOENT,
			"cannot execute '%s' in the container: %s", program,
			s2c_error_message(cause));
	return s2c_fail_status(
		err, S2C_EUNSUPPORTED, status, "%s", s2c_error_message(cause));
}

static int attach(struct run *run, struct s2c_error **err)
{
	struct s2c_engine *engine = run->c->runtime->engine;
	CLEAN_FREE char *target = xasprintf("/v%s/containers/%s/attach?stream=1&stdin=1&"
					    "stdout=1&stderr=1",
		engine->version, run->c->id);

	run->channel = run->c->ahead;
	run->c->ahead = (struct s2c_channel)S2C_CHANNEL_INIT;
	if (s2c_channel_open(run->ctx, engine->socket, target, &run->channel, err) < 0)
		return s2c_wrap(err, "cannot attach to the container");
	if (run->channel.fd < 0)
		return refused(run, "cannot attach to the container", run->channel.status,
			&run->channel.early, err);
	return take_bytes(run, run->channel.early.data, run->channel.early.len, err);
}

static int post(struct s2c_ctx *ctx, const struct run *run, const char *verb,
	const char *what, struct s2c_error **err)
{
	CLEAN_FREE char *target = xasprintf("/containers/%s/%s", run->c->id, verb);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_engine_request request = {
		.method = "POST", .target = target, .what = what, .patient = true};
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_engine_call(ctx, run->c->runtime->engine, &request, &response, &cause) ==
		0)
		return 0;
	if (response.status >= 400)
		return refused(run, what, response.status, &response.body, err);
	s2c_error_move(err, &cause);
	return -1;
}

/* The status by wait, and by inspect: two answers that must be one. */
static int ask_status(
	struct run *run, int *out_status, bool *out_oom, struct s2c_error **err)
{
	struct s2c_engine *engine = run->c->runtime->engine;
	CLEAN_FREE char *wait = xasprintf(
		"/containers/%s/wait?condition=not-running", run->c->id);
	CLEAN_FREE char *look = xasprintf("/containers/%s/json", run->c->id);
	CLEAN_JSON struct s2c_json *answer = NULL, *inspect = NULL;
	struct s2c_engine_request waiting = {.method = "POST",
		.target = wait,
		.patient = true,
		.what = "cannot wait for the container"};
	struct s2c_engine_request looking = {
		.method = "GET", .target = look, .what = "cannot look at the container"};
	int64_t code = -1, again = -1;
	bool running = false;

	if (s2c_engine_ask(run->ctx, engine, &waiting, &answer, err) < 0 ||
		s2c_json_get_int(answer, "StatusCode", S2C_REQUIRED, &code, err) < 0 ||
		s2c_engine_ask(run->ctx, engine, &looking, &inspect, err) < 0)
		return -1;
	const struct s2c_json *state = s2c_json_get(inspect, "State");
	if (s2c_json_get_int(state, "ExitCode", S2C_REQUIRED, &again, err) < 0 ||
		s2c_json_get_bool(state, "Running", S2C_OPTIONAL, &running, err) < 0 ||
		s2c_json_get_bool(state, "OOMKilled", S2C_OPTIONAL, out_oom, err) < 0)
		return s2c_wrap(err, "the engine's answer about the container");
	if (running || code != again || code < 0 || code > 255)
		return s2c_fail(err, S2C_EPROTO,
			"the engine at '%s' contradicts itself: the container %s, with "
			"status %lld by one answer and %lld by another",
			engine->name, running ? "runs" : "has ended", (long long)code,
			(long long)again);
	*out_status = (int)code;
	return 0;
}

/* ---- the run ---- */

static int step(struct run *run, struct s2c_ctx *ctx, struct s2c_error **err)
{
	bool sending = run->sent < run->input.len;
	struct pollfd fds[] = {
		{.fd = run->channel.fd,
			.events = (short)(POLLIN | (sending ? POLLOUT : 0))},
		{.fd = !sending && run->input_open ? run->opts->fd_in : -1,
			.events = POLLIN},
	};
	int ready;

	if (s2c_ctx_poll(ctx, fds, ARRAY_SIZE(fds), -1, &ready, err) < 0)
		return -1;
	if (fds[0].revents & POLLOUT)
		send_input(run);
	if (fds[1].revents && fill_input(run, err) < 0)
		return -1;
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		return read_output(run, err);
	return 0;
}

/* The context has ended: SIGTERM, some time to obey it, SIGKILL. */
static void stop(struct run *run)
{
	CLEAN_CTX struct s2c_ctx *grace = s2c_ctx_detached(run->ctx, STOP_GRACE_SECONDS);
	CLEAN_CTX struct s2c_ctx *last = s2c_ctx_detached(
		run->ctx, S2C_ENGINE_CLEANUP_SECONDS);
	CLEAN_ERROR struct s2c_error *ignored = NULL, *too = NULL, *late = NULL;

	if (post(grace, run, "kill?signal=SIGTERM", "cannot stop it", &ignored) == 0)
		while (!run->ended && step(run, grace, &late) == 0)
			;
	if (!run->ended && post(last, run, "kill?signal=SIGKILL", "cannot stop it", &too))
		s2c_emit_log(run->ctx, S2C_DEBUG, "%s", s2c_error_message(too));
}

/* What the script found before the process was started. */
static int fail_script(const struct run *run, struct s2c_error **err)
{
	const char *program = run->opts->argv->items[0];

	if (streq(run->failed, "missing"))
		return s2c_fail(err, S2C_ENOENT,
			"cannot execute '%s' in the container: it does not exist",
			program);
	if (streq(run->failed, "denied"))
		return s2c_fail(err, S2C_EINVAL,
			"cannot execute '%s' in the container: Permission denied",
			program);
	if (streq(run->failed, "unpack"))
		return s2c_fail(err, S2C_EIO,
			"the tar of the image could not unpack the source as uid %u; "
			"what "
			"it said is in the output",
			run->c->uid);
	if (streq(run->failed, "memory"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"the engine at '%s' gives its containers no tmpfs at '/dev/shm' "
			"that uid %u can write to, where secrets could be kept",
			run->c->runtime->engine->name, run->c->uid);
	if (starts_with(run->failed, "secret "))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"uid %u may not put a secret at '%s', and the gate does it for "
			"nobody: choose a destination in a directory of its own",
			run->c->uid, run->failed + strlen("secret "));
	if (streq(run->failed, "cwd"))
		return s2c_fail(err, S2C_EINVAL, "cannot go to directory '%s' as uid %u",
			run->opts->cwd ? run->opts->cwd : "/", run->c->uid);
	return s2c_fail(err, S2C_EDENIED,
		"the engine at '%s' made a container that is not what was asked for: its "
		"process has uid, gid, capabilities and no-new-privileges '%s'; nothing "
		"was run in it",
		run->c->runtime->engine->name, run->failed);
}

/* What the script unpacks. */
static int add_pending(struct run *run, struct s2c_error **err)
{
	struct s2c_engine_files *files = &run->c->files;

	int rc = s2c_buf_add(
		&run->input, files->pending.tar.data, files->pending.tar.len, err);

	s2c_engine_forget_pending(files);
	return rc;
}

/* The script, or what the caller has for the process. */
static int prepare_input(struct run *run, struct s2c_error **err)
{
	bool lines_out = !run->to_out, lines_err = !run->to_err;
	struct s2c_engine_script script = {.nonce = run->nonce,
		.exec = run->opts,
		.container = run->c,
		.merged = lines_out && lines_err,
		.control = lines_err};

	run->input.max = SCRIPT_MAX;
	run->input_open = run->opts->fd_in >= 0;
	if (run->clearing)
		return s2c_engine_caches_script(run->c, run->nonce, &run->input, err);
	if (run->c->has_shell)
		return s2c_engine_script_print(&script, &run->input, err) < 0
			       ? -1
			       : add_pending(run, err);
	if (!run->input_open && shutdown(run->channel.fd, SHUT_WR) < 0)
		return s2c_fail_errno(err, errno, "cannot end the input");
	return 0;
}

static bool same_argv(const struct s2c_strv *a, const struct s2c_strv *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!streq(a->items[i], b->items[i]))
			return false;
	return true;
}

static int check_run(const struct s2c_engine_container *c,
	const struct s2c_exec_opts *opts, struct s2c_error **err)
{
	if (opts->keep_privileges_of_root)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"no process of an engine's container keeps privileges");
	if (c->has_shell)
		return 0;
	if (c->started || !same_argv(opts->argv, &c->argv))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"the image has no '/bin/sh', so that its container runs once, "
			"and "
			"only what it was made for ('%s')",
			c->argv.items[0]);
	return 0;
}

/* Makes the working directory as others do: owned by root, part of the layer. */
static int make_cwd(struct s2c_ctx *ctx, struct s2c_engine_container *c, const char *cwd,
	struct s2c_error **err)
{
	struct s2c_engine_put put = {.path = cwd};

	free(c->cwd);
	c->cwd = xstrdup(cwd ? cwd : "/");
	if (streq(c->cwd, "/"))
		return 0;
	return s2c_engine_put(ctx, &c->files, &put, err);
}

static int carry_out(struct run *run, struct s2c_error **err)
{
	int rc = 0;

	if (attach(run, err) < 0 || prepare_input(run, err) < 0)
		return -1;
	run->c->started = run->c->files.changed = true;
	/* As much as fits waits there for the shell, which starts long before the engine
	 * says that it has. podman has no place for it yet. */
	if (!run->c->runtime->engine->podman)
		send_input(run);
	if (post(run->ctx, run, "start", "cannot start the container", err) < 0)
		return -1;
	while (rc == 0 && !run->ended)
		rc = step(run, run->ctx, err);
	if (rc < 0)
		stop(run);
	if (run->out.len)
		end_line(&run->out, false);
	if (run->err.len)
		end_line(&run->err, false);
	return rc;
}

static void begin_lines(struct run *run)
{
	CLEAN_FREE char *second = s2c_fs_random_name("x");
	CLEAN_FREE char *first = s2c_fs_random_name("s2c");

	run->nonce = xasprintf("%s%s", first, second);
	run->out.run = run->err.run = run;
}

static void begin(struct run *run)
{
	struct s2c_engine_kept *kept = &run->c->kept;

	begin_lines(run);
	if (run->opts->fd_out >= 0)
		run->to_out = s2c_writer_pipe(run->ctx, run->opts->fd_out, false);
	if (run->opts->fd_err >= 0)
		run->to_err = s2c_writer_pipe(run->ctx, run->opts->fd_err, false);
	s2c_buf_clear(&kept->text);
	kept->text.max = S2C_ENGINE_KEPT_MAX;
	kept->taken = kept->there = kept->too_large = false;
	s2c_strv_release(&run->c->left);
	run->c->left = (struct s2c_strv)S2C_STRV_INIT;
	s2c_strv_release(&run->c->secrets.left);
	run->c->secrets.left = (struct s2c_strv)S2C_STRV_INIT;
}

/*
 * Once more, to remove the caches, which were had from the container in the meantime.
 * What the run itself has told stays.
 */
static int clear_caches(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {
		.argv = &argv, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	CLEAN_FREE struct run *memory = xcalloc(1, sizeof(*memory));
	CLEAN(clean_run) struct run *run = memory;
	bool oom = false;
	int status = 0;

	*run = (struct run){.ctx = ctx,
		.c = c,
		.opts = &opts,
		.clearing = true,
		.channel = S2C_CHANNEL_INIT,
		.input = S2C_BUF_INIT(SCRIPT_MAX)};
	s2c_strv_add(&argv, "/bin/sh");
	begin_lines(run);
	if (carry_out(run, err) < 0 || ask_status(run, &status, &oom, err) < 0)
		return s2c_wrap(err, "cannot remove the caches from the container");
	if (!*run->failed && !status)
		return 0;
	return s2c_fail(err, S2C_EPROTO,
		"the caches could not be removed from the container, so that the image "
		"would have them (%s, status %d)",
		*run->failed ? run->failed : "it does not say why", status);
}

int s2c_engine_rt_run(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_exec_opts *opts, int *out_status, struct s2c_error **err)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);
	CLEAN_FREE struct run *memory = xcalloc(1, sizeof(*memory));
	CLEAN(clean_run) struct run *run = memory;
	bool oom = false;
	int status = 0;

	*run = (struct run){.ctx = ctx,
		.c = c,
		.opts = opts,
		.channel = S2C_CHANNEL_INIT,
		.input = S2C_BUF_INIT(SCRIPT_MAX)};
	/* Whoever cuts the tar off may read on into what is for the process. */
	if (check_run(c, opts, err) < 0 ||
		(!c->started && s2c_engine_caches_fill(ctx, c, err) < 0) ||
		(opts->fd_in >= 0 && s2c_engine_put_pending(ctx, &c->files, err) < 0) ||
		make_cwd(ctx, c, opts->cwd, err) < 0 ||
		s2c_engine_accounts_note(ctx, c, err) < 0)
		return -1;
	begin(run);
	if (carry_out(run, err) < 0 || ask_status(run, &status, &oom, err) < 0)
		return -1;
	if (*run->failed)
		return fail_script(run, err);
	if (oom)
		s2c_emit_log(ctx, S2C_WARN,
			"the engine ended a process that needed more "
			"memory than --memory allows");
	if (c->n_caches && (s2c_engine_caches_save(ctx, c, err) < 0 ||
				   (!status && clear_caches(ctx, c, err) < 0)))
		return -1;
	*out_status = status;
	return 0;
}

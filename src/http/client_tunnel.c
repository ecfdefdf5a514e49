/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl connects, verifies and encrypts; what is here is the carrying.
 */
#include "http/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "http/client_impl.h"
#include "http/client_lane.h"
#include "util/pool.h"

#define PIECE (64u * 1024)
#define CONNECT_SECONDS 30L

struct flow {
	char bytes[PIECE];
	size_t len, done;
	bool ended;  /* nothing more comes */
	bool passed; /* and the other side knows */
};

struct s2c_tunnel {
	struct s2c_job job;
	struct s2c_pool *pool;
	struct s2c_ctx *ctx; /* a branch, to end the thread */
	struct s2c_lanes lanes;
	struct s2c_lane *lane;
	int plain;           /* the thread's end */
	int socket;          /* curl's */
	struct flow in, out; /* towards the peer, and from it */
};

/* ---- carrying ---- */

/* The end of what is sent: TLS says so by close_notify (RFC 8446 6.1). */
static void end_sending(struct s2c_tunnel *tunnel)
{
	struct curl_tlssessioninfo *tls = NULL;

	if (curl_easy_getinfo(tunnel->lane->easy, CURLINFO_TLS_SSL_PTR, &tls) ==
			CURLE_OK &&
		tls && tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals)
		(void)SSL_shutdown(tls->internals);
	else
		(void)shutdown(tunnel->socket, SHUT_WR);
}

static void fill_in(struct s2c_tunnel *tunnel)
{
	struct flow *in = &tunnel->in;
	ssize_t n;

	if (in->ended || in->done < in->len)
		return;
	n = recv(tunnel->plain, in->bytes, PIECE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	in->done = 0;
	in->len = n > 0 ? (size_t)n : 0;
	in->ended = n <= 0;
}

static void drain_in(struct s2c_tunnel *tunnel)
{
	struct flow *in = &tunnel->in;

	while (in->done < in->len) {
		size_t n = 0;
		CURLcode rc = curl_easy_send(
			tunnel->lane->easy, in->bytes + in->done, in->len - in->done, &n);

		if (rc == CURLE_AGAIN)
			return;
		if (rc != CURLE_OK) {
			in->ended = in->passed = true;
			in->done = in->len;
			return;
		}
		in->done += n;
	}
	if (in->ended && !in->passed) {
		end_sending(tunnel);
		in->passed = true;
	}
}

static void fill_out(struct s2c_tunnel *tunnel)
{
	struct flow *out = &tunnel->out;
	size_t n = 0;
	CURLcode rc;

	if (out->ended || out->done < out->len)
		return;
	rc = curl_easy_recv(tunnel->lane->easy, out->bytes, PIECE, &n);
	if (rc == CURLE_AGAIN)
		return;
	out->done = 0;
	out->len = rc == CURLE_OK ? n : 0;
	out->ended = rc != CURLE_OK || n == 0;
}

/* False when the owner does not listen any more. */
static bool drain_out(struct s2c_tunnel *tunnel)
{
	struct flow *out = &tunnel->out;

	while (out->done < out->len) {
		ssize_t n = send(tunnel->plain, out->bytes + out->done,
			out->len - out->done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0)
			return false;
		out->done += (size_t)n;
	}
	if (out->ended && !out->passed) {
		(void)shutdown(tunnel->plain, SHUT_WR);
		out->passed = true;
	}
	return true;
}

static int carry(struct s2c_job *job, struct s2c_error **err)
{
	struct s2c_tunnel *tunnel = (struct s2c_tunnel *)job;
	struct flow *in = &tunnel->in, *out = &tunnel->out;

	while (!out->passed) {
		short plain = 0, peer = 0;
		int ready;

		/* TLS may hold bytes that the socket does not show. */
		fill_in(tunnel);
		drain_in(tunnel);
		fill_out(tunnel);
		if (!drain_out(tunnel))
			return 0;
		if (out->passed || (out->len && out->done == out->len && !out->ended))
			continue;
		if (!in->ended && in->done == in->len)
			plain |= POLLIN;
		if (out->done < out->len)
			plain |= POLLOUT;
		if (!out->ended && out->done == out->len)
			peer |= POLLIN;
		if (in->done < in->len)
			peer |= POLLOUT;
		struct pollfd wait[] = {
			{.fd = plain ? tunnel->plain : -1, .events = plain},
			{.fd = peer ? tunnel->socket : -1, .events = peer}};
		if (s2c_ctx_poll(tunnel->ctx, wait, 2, -1, &ready, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- connecting ---- */

static bool set_all(CURL *easy, const struct s2c_tunnel_opts *opts)
{
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, opts->url);

	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	rc = rc ? rc
		: curl_easy_setopt(
			  easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	rc = rc ? rc
		: curl_easy_setopt(
			  easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (opts->ca_file)
		rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CAINFO, opts->ca_file);
	if (opts->client_cert)
		rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSLCERT, opts->client_cert);
	if (opts->client_key)
		rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSLKEY, opts->client_key);
	return rc == CURLE_OK;
}

static int dial(struct s2c_tunnel *tunnel, const struct s2c_tunnel_opts *opts,
	struct s2c_error **err)
{
	CURL *easy = s2c_lane_renew(tunnel->lane);
	char detail[CURL_ERROR_SIZE] = "";
	curl_socket_t socket = CURL_SOCKET_BAD;
	struct s2c_url url;
	CURLcode result;

	if (s2c_url_parse(opts->url, &url, err) < 0)
		return -1;
	if (!set_all(easy, opts))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"this libcurl cannot connect to '%s'", url.host);
	if (s2c_lane_connect(tunnel->ctx, tunnel->lane, detail, &result, err) < 0)
		return -1;
	if (result != CURLE_OK)
		return s2c_http_explain((int)result, &url, detail, err);
	if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK ||
		socket == CURL_SOCKET_BAD)
		return s2c_fail(err, S2C_ENET, "'%s' went away", url.host);
	tunnel->socket = (int)socket;
	return 0;
}

int s2c_tunnel_open(struct s2c_ctx *ctx, const struct s2c_tunnel_opts *opts,
	struct s2c_tunnel **out, int *out_fd, struct s2c_error **err)
{
	struct s2c_tunnel *tunnel = xcalloc(1, sizeof(*tunnel));
	int pair[2];

	/* Fails for want of memory only. */
	(void)s2c_must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? tunnel : NULL);
	tunnel->plain = -1;
	tunnel->ctx = s2c_ctx_branch(ctx, 0);
	s2c_lanes_init(&tunnel->lanes);
	tunnel->lane = s2c_lane_take(&tunnel->lanes);
	if (dial(tunnel, opts, err) < 0) {
		s2c_tunnel_close(tunnel);
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		int failure = errno;

		s2c_tunnel_close(tunnel);
		return s2c_fail_errno(err, failure, "cannot make a socket pair");
	}
	tunnel->plain = pair[0];
	tunnel->pool = s2c_pool_new(1);
	tunnel->job.run = carry;
	if (!s2c_pool_submit(tunnel->pool, &tunnel->job)) {
		(void)close(pair[1]);
		s2c_tunnel_close(tunnel);
		return s2c_fail(err, S2C_EIO, "no thread for a connection");
	}
	*out = tunnel;
	*out_fd = pair[1];
	return 0;
}

void s2c_tunnel_close(struct s2c_tunnel *tunnel)
{
	if (!tunnel)
		return;
	s2c_ctx_cancel(tunnel->ctx);
	if (tunnel->pool) {
		s2c_job_drop(&tunnel->job);
		s2c_pool_free(tunnel->pool);
	}
	if (tunnel->plain >= 0)
		(void)close(tunnel->plain);
	s2c_lane_hang_up(tunnel->lane);
	s2c_lane_give(&tunnel->lanes, tunnel->lane);
	s2c_lanes_release(&tunnel->lanes);
	s2c_ctx_free(tunnel->ctx);
	free(tunnel);
	curl_global_cleanup();
}

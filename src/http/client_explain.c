/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What curl says about a transfer that failed, in our words: what to do depends on who
 * can do it, the network, the peer or the user.
 */
#include <curl/curl.h>

#include "http/client_impl.h"

bool s2c_http_says_no_tls(const char *detail)
{
	return strstr(detail, "wrong version number") || strstr(detail, "packet length");
}

int s2c_http_explain(
	int rc, const struct s2c_url *url, const char *detail, struct s2c_error **err)
{
	const char *text = *detail ? detail : curl_easy_strerror((CURLcode)rc);
	const char *scheme = url->https ? "https" : "http";

	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return s2c_fail(err, S2C_ENET,
			"cannot reach '%s' port %u: %s; check the name and the network",
			url->host, url->port, text);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return s2c_fail(err, S2C_EAUTH,
			"the certificate of '%s' is not trusted: %s; add its CA to the "
			"system's certificates, to certs.d if it is a registry, or name "
			"it with SSL_CERT_FILE",
			url->host, text);
	case CURLE_SSL_CERTPROBLEM:
		return s2c_fail(err, S2C_EINVAL,
			"the client certificate for '%s' cannot be used: %s", url->host,
			text);
	case CURLE_SSL_CONNECT_ERROR:
		if (s2c_http_says_no_tls(text))
			return s2c_fail(err, S2C_EPROTO,
				"'%s' port %u does not speak TLS; for a registry on "
				"plain "
				"http say --tls-verify=false",
				url->host, url->port);
		return s2c_fail(err, S2C_ENET, "TLS with '%s' port %u: %s", url->host,
			url->port, text);
	case CURLE_OPERATION_TIMEDOUT:
		return s2c_fail(err, S2C_ENET, "'%s' port %u does not answer: %s",
			url->host, url->port, text);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP_RETURNED_ERROR:
		return s2c_fail(err, S2C_EPROTO,
			"'%s' port %u does not speak proper %s: %s", url->host, url->port,
			scheme, text);
	case CURLE_OUT_OF_MEMORY:
		return s2c_fail(err, S2C_ELIMIT, "'%s': %s", url->host, text);
	default:
		return s2c_fail(err, S2C_ENET, "connection to '%s' port %u: %s",
			url->host, url->port, text);
	}
}

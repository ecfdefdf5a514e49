/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a word to a socket.
 */
#include "runtime/engine_place.h"

#define UNIX "unix://"
#define TCP "tcp://"
#define DOCKER_SOCKET "/var/run/docker.sock"
#define GATE "gate://"
#define GATE_SOCKET "/run/s2c/gate.sock"
#define PODMAN_SOCKET "/run/podman/podman.sock"

static int from_url(const char *what, const char *url, char **out, struct s2c_error **err)
{
	if (starts_with(url, TCP)) {
		*out = xstrdup(url);
		return 0;
	}
	if (!starts_with(url, UNIX))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"%s '%s' is no way to an engine: unix:///path or tcp://host:port",
			what, url);
	if (url[strlen(UNIX)] != '/')
		return s2c_fail(err, S2C_EINVAL,
			"%s '%s' is not an absolute path: unix:///path", what, url);
	*out = xstrdup(url + strlen(UNIX));
	return 0;
}

static int from_env(const char *name, char **out, struct s2c_error **err)
{
	const char *value = getenv(name);

	return value && *value ? from_url(name, value, out, err) : 0;
}

static int docker(char **out, struct s2c_error **err)
{
	if (from_env("DOCKER_HOST", out, err) < 0)
		return -1;
	if (!*out)
		*out = xstrdup(DOCKER_SOCKET);
	return 0;
}

static int podman(char **out, struct s2c_error **err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	CLEAN_FREE char *own = runtime && *runtime == '/' && geteuid() != 0
				       ? xasprintf("%s/podman/podman.sock", runtime)
				       : NULL;

	if (from_env("CONTAINER_HOST", out, err) < 0)
		return -1;
	if (*out)
		return 0;
	*out = own && access(own, F_OK) == 0 ? TAKE(own) : xstrdup(PODMAN_SOCKET);
	return 0;
}

static int gate(const char *text, char **out, struct s2c_error **err)
{
	const char *path = streq(text, "gate") ? GATE_SOCKET : text + strlen(GATE);

	if (path[0] != '/')
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is not an absolute path: gate:///path", text);
	*out = xstrdup(path);
	return 0;
}

int s2c_engine_place(
	const char *text, char **out_socket, bool *out_is_gate, struct s2c_error **err)
{
	CLEAN_FREE char *socket = NULL;
	bool is_gate = streq(text, "gate") || starts_with(text, GATE);
	int rc;

	if (is_gate)
		rc = gate(text, &socket, err);
	else if (streq(text, "docker"))
		rc = docker(&socket, err);
	else if (streq(text, "podman"))
		rc = podman(&socket, err);
	else if (strstr(text, "://"))
		rc = from_url("engine", text, &socket, err);
	else
		rc = s2c_fail(err, S2C_EINVAL,
			"'%s' is no engine: docker, podman, unix:///path, "
			"tcp://host:port or gate",
			text);
	if (rc < 0)
		return -1;
	*out_socket = TAKE(socket);
	*out_is_gate = is_gate;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an engine is, as people name it.
 */
#ifndef S2C_RUNTIME_ENGINE_PLACE_H
#define S2C_RUNTIME_ENGINE_PLACE_H

#include <stdbool.h>

#include "util/error.h"

/*
 * "docker" ($DOCKER_HOST, else /var/run/docker.sock), "podman" ($CONTAINER_HOST, else the
 * first socket that is there of $XDG_RUNTIME_DIR/podman/podman.sock, for ordinary users,
 * and /run/podman/podman.sock), "unix:///path", "tcp://host:port", or "gate" and
 * "gate:///path" for a gate that stands before an engine (*out_is_gate). *out_socket is
 * the path of a socket, or "tcp://host:port"; caller frees. S2C_EINVAL for other words,
 * S2C_EUNSUPPORTED for other ways to an engine.
 */
S2C_CHECK int s2c_engine_place(
	const char *text, char **out_socket, bool *out_is_gate, struct s2c_error **err);

#endif

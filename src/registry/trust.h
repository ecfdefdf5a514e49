/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry's TLS is trusted by and what s2c shows it: containers-certs.d(5) and
 * docker's directories of the same kind. In a directory of a registry *.crt are CA
 * certificates, NAME.cert with NAME.key is a client certificate; all PEM.
 */
#ifndef S2C_REGISTRY_TRUST_H
#define S2C_REGISTRY_TRUST_H

#include <stdbool.h>

#include "util/error.h"
#include "util/strv.h"

#define S2C_TRUST_FILES_MAX 256            /* files in one directory */
#define S2C_TRUST_BYTES_MAX (1024u * 1024) /* of one file */

struct s2c_trust {
	struct s2c_strv ca_files; /* trusted besides the system's */
	char *client_cert, *client_key;
};
void s2c_trust_release(struct s2c_trust *trust);
#define CLEAN_TRUST CLEAN(s2c_trust_release)

/*
 * The files for `registry` ("host[:port]" as it is written in names). `cert_dir`
 * (--cert-dir) holds the files themselves and must be there; without it the first of
 * these that exists is the only one: $XDG_CONFIG_HOME/containers/certs.d/REGISTRY,
 * /etc/containers/certs.d/REGISTRY, /etc/docker/certs.d/REGISTRY. None is no error. A
 * certificate without key, a key without certificate, a file that cannot be read or is
 * not PEM, and several client certificates are errors that name the file.
 */
S2C_CHECK int s2c_trust_find(const char *cert_dir, const char *registry,
	struct s2c_trust *out, struct s2c_error **err);

#endif

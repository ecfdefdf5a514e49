/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The /etc/hosts of containers without a network: a file that is installed with s2c. With
 * it an engine has no network to set up, for which dockerd starts two processes of its
 * own, a third of the time until a container runs. Loopback is the OCI runtime's matter.
 *
 * It is the one thing of the host that is ever mounted into a container, read-only. So it
 * counts only if nobody but root can have put it there, and if it says what it should.
 */
#ifndef S2C_GATE_HOSTS_H
#define S2C_GATE_HOSTS_H

#include <stdbool.h>

/* Names another file, under the same conditions. */
#define S2C_GATE_HOSTS_VARIABLE "S2C_GATE_HOSTS"

/* Its path, static or of the environment; NULL: there is none that counts. */
const char *s2c_gate_hosts(void);

/*
 * Whether the file counts: regular, with the known text, and like all directories that
 * lead to it, none of which is a link, root's own and written by nobody else. In a user
 * namespace it may be whose that is not in there, as is root.
 */
bool s2c_gate_hosts_count(const char *path);

#endif

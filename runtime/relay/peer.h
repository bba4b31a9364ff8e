/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of a connection inside the sandbox.
 */
#ifndef RELAY_PEER_H
#define RELAY_PEER_H

#include <stdbool.h>

/* Of one that has ended its sending side: it has not closed the socket, and may read more. */
bool peer_reads(int socket);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes between standard input and output and a socket.
 */
#ifndef RELAY_PASS_H
#define RELAY_PASS_H

/* So that no direction waits for the other: before the first use of either. */
void pass_prepare(void);
/* Until the server has closed its side and all of that was written, or nobody takes it. An end of
 * input is passed on. */
void pass(int socket);

#endif

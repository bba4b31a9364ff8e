/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes between standard input and output and a socket.
 */
#ifndef RELAY_PASS_H
#define RELAY_PASS_H

/* So that no direction waits for the other: before the first use of either. */
void pass_prepare(void);
enum pass_end {
	PASS_CLOSED,	 /* the server has closed its side, or nobody takes what it sends */
	PASS_BOTH_ENDED, /* both sides have ended sending, the server first: it may be still busy */
};

/* Until one of these, and all that the server sent was written. An end of input is passed on, and
 * an end of the server's sending by closing stdout. */
enum pass_end pass(int socket);

#endif

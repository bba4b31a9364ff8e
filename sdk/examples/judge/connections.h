/* SPDX-License-Identifier: Apache-2.0
 *
 * How many clients there is room for.
 */
#ifndef JUDGE_CONNECTIONS_H
#define JUDGE_CONNECTIONS_H

/* Raises the limit of descriptors where it may. Each submission, at work or in line, has a
 * connection: fewer than workers + queue are not enough. */
unsigned connections_room(unsigned workers, unsigned queue);

#endif

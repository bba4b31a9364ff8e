/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a server is done with its start: all of it sleeps, and some of it for what comes in.
 */
#ifndef RELAY_REST_H
#define RELAY_REST_H

enum rest {
	REST_BUSY,  /* a thread runs */
	REST_OTHER, /* all sleep, but none where connections are waited for */
	REST_YES,
};

/* Of all processes but the caller's. */
enum rest rest_look(void);

#endif

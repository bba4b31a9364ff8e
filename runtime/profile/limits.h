/* SPDX-License-Identifier: Apache-2.0
 *
 * Names are read out of files that a program may have made to take for ever, by libraries that have
 * no bounds of their own: from here on this process has some. It starts nothing afterwards.
 */
#ifndef PROFILE_LIMITS_H
#define PROFILE_LIMITS_H

/* 0, or -errno. Past its processor time the process ends, and says so. Signals end it again. */
int limits_set(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and trees that get their name when they are whole: made beside it under another one.
 */
#ifndef IMAGES_CLI_STAGE_H
#define IMAGES_CLI_STAGE_H

#define STAGE_NAME 32

/* A name for what is under way: nobody's so far. -errno. */
int stage_name(char out[STAGE_NAME]);
/* Names it; what has the name by now stays. -errno, the stage is still there then. */
int stage_end(int at, const char *stage, const char *name);
/* Takes it away with all below it, as far as that is possible. */
void stage_remove(int at, const char *stage);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#define TEXT_ARGP_SIZE 64

/* Of the terminal that is stdout; UINT_MAX if it is none. */
unsigned text_columns(void);
/* head (which shows as head_columns columns), then text from column `width` on, broken between
 * words where the window ends. In a narrow window the text begins on a line of its own. */
void text_row(const char *head, unsigned width, unsigned head_columns, const char *text);
/* What ARGP_HELP_FMT must say (argp, "User customization"), or "". */
void text_for_argp(char out[TEXT_ARGP_SIZE]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people, in the width of their window. What goes to a file or a pipe is not broken.
 */
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/cli/text.h"

#define COLUMNS_MIN	   20u
#define ROW_TEXT_MIN	   24u /* less room than this beside a row's head: below it */
#define ROW_BELOW	   8u
#define HELP_WIDE	   60u /* from here on the options' texts stand beside them */
#define HELP_COLUMN	   "29"
#define HELP_COLUMN_NARROW "10"

unsigned text_columns(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || !w.ws_col)
		return UINT_MAX;
	return w.ws_col < COLUMNS_MIN ? COLUMNS_MIN : w.ws_col;
}

/* Words from `text`, the cursor being in column `at`; further lines begin at `indent`. */
static void fill(const char *text, unsigned at, unsigned indent, unsigned columns)
{
	bool first = true;

	while (*(text += strspn(text, " "))) {
		unsigned n = (unsigned)strcspn(text, " ");

		if (!first && n >= columns - at) {
			printf("\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		printf("%s%.*s", first ? "" : " ", (int)n, text);
		at += n + !first;
		first = false;
		text += n;
	}
	putchar('\n');
}

void text_row(const char *head, unsigned width, unsigned head_columns, const char *text)
{
	unsigned columns = text_columns();
	bool below = columns < width + ROW_TEXT_MIN;

	fputs(head, stdout);
	if (below && width) {
		printf("\n%*s", (int)ROW_BELOW, "");
		width = ROW_BELOW;
	} else if (head_columns < width) {
		printf("%*s", (int)(width - head_columns), "");
	}
	fill(text, width, width, columns);
}

void text_for_argp(char out[TEXT_ARGP_SIZE])
{
	unsigned columns = text_columns();

	*out = 0;
	if (columns < UINT_MAX)
		snprintf(out, TEXT_ARGP_SIZE, "rmargin=%u,opt-doc-col=%s", columns - 1,
			columns < HELP_WIDE ? HELP_COLUMN_NARROW : HELP_COLUMN);
}

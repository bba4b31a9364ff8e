/* SPDX-License-Identifier: Apache-2.0
 * Text in XML: reports of jobs, flame graphs.
 */
#include "runtime/cli/xml.h"

static void put(FILE *out, char c)
{
	switch (c) {
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '&':
		fputs("&amp;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&apos;", out);
		break;
	case '\n':
	case '\t':
		fprintf(out, "&#%d;", c);
		break;
	default:
		if ((unsigned char)c >= ' ' && c != 0x7f)
			fputc(c, out);
	}
}

void xml_put(FILE *out, const char *s, size_t n)
{
	while (n--)
		put(out, *s++);
}

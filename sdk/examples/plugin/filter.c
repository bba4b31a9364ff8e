/* SPDX-License-Identifier: Apache-2.0
 *
 * An image filter, as a stranger would send it: a binary PPM on stdin becomes one in grey on
 * stdout. Its argument makes it a bad one, to see what the host does then: "crash", "loop",
 * "flood", "hog".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void misbehave(const char *how)
{
	static const char page[4096];

	if (!strcmp(how, "crash"))
		abort();
	while (!strcmp(how, "loop"))
		;
	while (!strcmp(how, "flood"))
		fwrite(page, 1, sizeof page, stdout);
	while (!strcmp(how, "hog"))
		/* cppcheck-suppress leakNoVarFunctionCall */
		memset(malloc(1 << 20), 1, 1 << 20);
}

int main(int argc, char **argv)
{
	unsigned width, height, most;

	if (argc > 1)
		misbehave(argv[1]);
	if (scanf("P6 %u %u %u", &width, &height, &most) != 3 || most != 255 || getchar() == EOF)
		return 1;
	printf("P6 %u %u 255\n", width, height);
	for (unsigned long n = (unsigned long)width * height; n; n--) {
		int r = getchar(), g = getchar(), b = getchar();
		int grey;

		if (b == EOF)
			return 1;
		grey = (299 * r + 587 * g + 114 * b) / 1000;
		putchar(grey);
		putchar(grey);
		putchar(grey);
	}
	return fflush(stdout) ? 1 : 0;
}

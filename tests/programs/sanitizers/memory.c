// SPDX-License-Identifier: Apache-2.0
// Mistakes for AddressSanitizer and LeakSanitizer to find, chosen by the argument.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero;

static void *fine(void *arg)
{
	return strdup("allocated in a thread");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "none";
	char *p = malloc(10), on_stack[8];
	pthread_t thread;
	void *text;

	pthread_create(&thread, NULL, fine, NULL);
	pthread_join(thread, &text);
	puts(text);
	free(text);
	memset(p, 1, 10);
	memset(on_stack, 2, sizeof(on_stack));
	if (!strcmp(what, "overflow"))
		printf("%d\n", p[10 + zero]);
	if (!strcmp(what, "stack"))
		printf("%d\n", on_stack[8 + zero]);
	if (!strcmp(what, "leak"))
		p = NULL;
	free(p);
	if (!strcmp(what, "use-after-free"))
		printf("%d\n", p[zero]);
	if (!strcmp(what, "double-free"))
		free(p);
	if (!strcmp(what, "undefined"))
		printf("%d\n", 2147483647 + 1 + zero);
	return 0;
}

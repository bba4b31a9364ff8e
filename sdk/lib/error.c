/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/lib/error.h"

#define TEXT_MAX 512

struct sb_error {
	int code;
	bool constant;
	struct sb_error *cause;
	char text[TEXT_MAX];
};

/* Shared by all who had no memory left for an object of their own: freeing it does nothing. */
static const struct sb_error no_memory = {SB_NO_MEMORY, true, NULL, "out of memory"};

__attribute__((format(printf, 2, 0))) static struct sb_error *make(
	int code, const char *fmt, va_list ap)
{
	struct sb_error *e = malloc(sizeof *e);

	if (!e)
		return (struct sb_error *)&no_memory;
	*e = (struct sb_error){.code = code};
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	for (char *p = e->text; *p; p++) /* names of others may be in it */
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	return e;
}

int error_set(struct sb_error **out, int code, const char *fmt, ...)
{
	va_list ap;

	if (!out)
		return code;
	va_start(ap, fmt);
	*out = make(code, fmt, ap);
	va_end(ap);
	return code;
}

int error_system(struct sb_error **out, const char *call, int err, const char *fmt, ...)
{
	int code = err == ENOMEM ? SB_NO_MEMORY : SB_SYSTEM;
	const char *why = strerrordesc_np(err);
	va_list ap;

	if (!out)
		return code;
	va_start(ap, fmt);
	*out = make(code, fmt, ap);
	va_end(ap);
	error_add_cause(out, code, "%s: %s", call, why ? why : "unknown error");
	return code;
}

void error_add_cause(struct sb_error **out, int code, const char *fmt, ...)
{
	va_list ap;

	if (!out || (*out)->constant)
		return;
	va_start(ap, fmt);
	(*out)->cause = make(code, fmt, ap);
	va_end(ap);
}

int error_no_memory(struct sb_error **out)
{
	if (out)
		*out = (struct sb_error *)&no_memory;
	return SB_NO_MEMORY;
}

int sb_error_code(const struct sb_error *e)
{
	return e->code;
}

const char *sb_error_text(const struct sb_error *e)
{
	return e->text;
}

const struct sb_error *sb_error_cause(const struct sb_error *e)
{
	return e->cause;
}

void sb_error_free(struct sb_error *e)
{
	while (e && !e->constant) {
		struct sb_error *cause = e->cause;

		free(e);
		e = cause;
	}
}

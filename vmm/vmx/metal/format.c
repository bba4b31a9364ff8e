/* SPDX-License-Identifier: Apache-2.0
 *
 * printf's formats, of them %s %c %d %u %x with 0, a width, l and ll: what is used here.
 */
#include "metal.h"

struct out {
	char *at, *end; /* one byte is left for the NUL */
};

static void put(struct out *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
}

static void put_number(struct out *o, uint64_t n, unsigned base, unsigned width, char fill)
{
	char digits[32];
	unsigned i = 0;

	do {
		digits[i++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	while (i < width && i < sizeof(digits))
		digits[i++] = fill;
	while (i)
		put(o, digits[--i]);
}

static void put_integer(struct out *o, char kind, uint64_t n, unsigned width, char fill)
{
	if (kind == 'd' && (int64_t)n < 0) {
		put(o, '-');
		n = -n;
	}
	put_number(o, n, kind == 'x' ? 16 : 10, width, fill);
}

/* Behind the %; the last character of the conversion. */
static const char *put_conversion(struct out *o, const char *f, va_list *ap)
{
	char fill = *f == '0' ? '0' : ' ';
	unsigned width = 0;
	bool is_long = false;
	uint64_t n;

	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + (unsigned)(*f - '0');
	for (; *f == 'l'; f++)
		is_long = true;
	if (*f == 's') {
		for (const char *s = va_arg(*ap, const char *); *s; s++)
			put(o, *s);
	} else if (*f == 'c') {
		put(o, (char)va_arg(*ap, int));
	} else if (*f == '%') {
		put(o, '%');
	} else {
		if (is_long)
			n = va_arg(*ap, uint64_t);
		else if (*f == 'd')
			n = (uint64_t)va_arg(*ap, int32_t);
		else
			n = va_arg(*ap, uint32_t);
		put_integer(o, *f, n, width, fill);
	}
	return f;
}

void metal_vformat(char *buffer, size_t size, const char *f, va_list ap)
{
	struct out o = {buffer, buffer + size - 1};
	va_list copy;

	va_copy(copy, ap);
	for (; *f; f++) {
		if (*f == '%')
			f = put_conversion(&o, f + 1, &copy);
		else
			put(&o, *f);
	}
	va_end(copy);
	*o.at = 0;
}

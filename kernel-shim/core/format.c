/* SPDX-License-Identifier: Apache-2.0
 * kfmt: the part of printf that the core uses (core/types.h lists it).
 */
#include "core/types.h"

struct out {
	char *buf;
	size_t n, len; /* len counts what would have been written */
};
struct spec {
	bool left, zero;
	int width, precision; /* precision -1: none given */
	int longs;	      /* 0: int, 1 and more: 64 bits */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->n)
		o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n)
{
	int pad = s->width > (int)n ? s->width - (int)n : 0;

	for (int i = 0; !s->left && i < pad; i++)
		put(o, ' ');
	for (size_t i = 0; i < n; i++)
		put(o, text[i]);
	for (int i = 0; s->left && i < pad; i++)
		put(o, ' ');
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	put_padded(
		o, s, text, s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text));
}

static void put_number(
	struct out *o, struct spec *s, u64 v, u32 base, bool upper, const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[96];
	int at = sizeof(tmp), min = s->precision >= 0 ? s->precision : 1,
	    plen = (int)strlen(prefix);

	if (s->zero && !s->left && s->precision < 0 && s->width - plen > min)
		min = s->width - plen;
	if (min > (int)sizeof(tmp) - 4)
		min = (int)sizeof(tmp) - 4;
	for (int n = 0; v || n < min; n++, v /= base)
		tmp[--at] = digits[v % base];
	while (plen)
		tmp[--at] = prefix[--plen];
	put_padded(o, s, tmp + at, sizeof(tmp) - (size_t)at);
}

static const char *parse_number(const char *f, int *v)
{
	for (*v = 0; *f >= '0' && *f <= '9' && *v < 100000; f++)
		*v = *v * 10 + (*f - '0');
	return f;
}

/* Flags, width, precision and length; the width and precision may be a `*`. */
static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (; *f == '-' || *f == '0'; f++) {
		s->left |= *f == '-';
		s->zero |= *f == '0';
	}
	if (*f == '*') {
		s->width = va_arg(*ap, int);
		if (s->width < 0) {
			s->left = true;
			s->width = -s->width;
		}
		f++;
	} else {
		f = parse_number(f, &s->width);
	}
	if (*f == '.') {
		if (*++f == '*') {
			s->precision = va_arg(*ap, int);
			f++;
		} else {
			f = parse_number(f, &s->precision);
		}
	}
	for (; *f == 'l' || *f == 'z'; f++)
		s->longs++;
	return f;
}

static u64 next_unsigned(const struct spec *s, va_list *ap)
{
	return s->longs ? va_arg(*ap, u64) : va_arg(*ap, u32);
}

static void convert(struct out *o, struct spec *s, char c, va_list *ap)
{
	char ch;
	s64 d;

	switch (c) {
	case 's':
		put_string(o, s, va_arg(*ap, const char *));
		break;
	case 'c':
		ch = (char)va_arg(*ap, int);
		put_padded(o, s, &ch, 1);
		break;
	case 'd':
	case 'i':
		d = s->longs ? va_arg(*ap, s64) : va_arg(*ap, s32);
		put_number(o, s, d < 0 ? -(u64)d : (u64)d, 10, false, d < 0 ? "-" : "");
		break;
	case 'u':
		put_number(o, s, next_unsigned(s, ap), 10, false, "");
		break;
	case 'x':
	case 'X':
		put_number(o, s, next_unsigned(s, ap), 16, c == 'X', "");
		break;
	case 'o':
		put_number(o, s, next_unsigned(s, ap), 8, false, "");
		break;
	case 'p':
		put_number(o, s, (u64)va_arg(*ap, void *), 16, false, "0x");
		break;
	default:
		put(o, c);
	}
}

int kvfmt(char *buf, size_t n, const char *fmt, va_list args)
{
	struct out o = {buf, n, 0};
	struct spec s;
	va_list ap;

	va_copy(ap, args); /* a va_list parameter cannot be passed on by address */
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &ap);
		if (!*fmt)
			break;
		convert(&o, &s, *fmt, &ap);
	}
	va_end(ap);
	if (n)
		buf[o.len < n ? o.len : n - 1] = 0;
	return (int)o.len;
}

int kfmt(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = kvfmt(buf, n, fmt, ap);
	va_end(ap);
	return r;
}

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

/* Digits, or `*`: the next argument. */
static const char *parse_number(const char *f, int *v, va_list *ap)
{
	if (*f == '*') {
		*v = va_arg(*ap, int);
		return f + 1;
	}
	for (*v = 0; *f >= '0' && *f <= '9' && *v < 100000; f++)
		*v = *v * 10 + (*f - '0');
	return f;
}

/* Flags, width, precision and length. */
static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (; *f == '-' || *f == '0'; f++) {
		s->left |= *f == '-';
		s->zero |= *f == '0';
	}
	f = parse_number(f, &s->width, ap);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*f == '.')
		f = parse_number(f + 1, &s->precision, ap);
	for (; *f == 'l' || *f == 'z'; f++)
		s->longs++;
	return f;
}

static void put_signed(struct out *o, struct spec *s, s64 v)
{
	put_number(o, s, v < 0 ? -(u64)v : (u64)v, 10, false, v < 0 ? "-" : "");
}

static void convert(struct out *o, struct spec *s, char c, va_list *ap)
{
	u64 v;
	char ch;

	if (c == '%') {
		put(o, c);
		return;
	}
	v = s->longs || c == 's' || c == 'p' ? va_arg(*ap, u64) : va_arg(*ap, u32);
	switch (c) {
	case 's':
		put_string(o, s, (const char *)v);
		break;
	case 'c':
		ch = (char)v;
		put_padded(o, s, &ch, 1);
		break;
	case 'd':
	case 'i':
		put_signed(o, s, s->longs ? (s64)v : (s32)v);
		break;
	case 'u':
		put_number(o, s, v, 10, false, "");
		break;
	case 'o':
		put_number(o, s, v, 8, false, "");
		break;
	case 'p':
		put_number(o, s, v, 16, false, "0x");
		break;
	default: /* x, X */
		put_number(o, s, v, 16, c == 'X', "");
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

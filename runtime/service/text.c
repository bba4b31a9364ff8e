/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that the guest had a hand in: names to be used, lines and paths to be shown.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/service/service_internal.h"

#define LOG_LINE_MAX 1024u

void text_name(char out[256], const uint8_t *in, size_t len)
{
	if (len > 255)
		abort(); /* decode refuses it */
	memcpy(out, in, len);
	out[len] = 0;
}

char *text_join(const char *dir, const char *name)
{
	size_t a, b;
	char *p;

	if (!dir)
		return NULL;
	a = strlen(dir);
	b = strlen(name);
	if (a && dir[a - 1] == '/')
		a--;
	if (a + b + 2 > PATH_MAX)
		return NULL;
	p = malloc(a + b + 2);
	if (!p)
		return NULL;
	memcpy(p, dir, a);
	p[a] = '/';
	memcpy(p + a + 1, name, b + 1);
	return p;
}

char *text_copy(const char *path)
{
	return path ? strdup(path) : NULL;
}

/* Length of the UTF-8 sequence at s of at most n bytes that is safe to show, or 0. U+0080 to U+009F
 * are control characters like those below U+0020. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
		(s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return len;
}

void text_clean(char *out, size_t cap, const char *in, size_t len)
{
	size_t o = 0;

	for (size_t i = 0; i < len && o + 1 < cap;) {
		size_t n = utf8_len((const unsigned char *)in + i, len - i);

		if (!n) {
			out[o++] = in[i] == '\t' ? ' ' : '?';
			i++;
			continue;
		}
		if (o + n + 1 > cap)
			break;
		memcpy(out + o, in + i, n);
		o += n;
		i += n;
	}
	out[o] = 0;
}

int64_t log_op(struct request *rq)
{
	const char *p = (const char *)rq->in;
	size_t left = rq->msg->in_len;
	char line[LOG_LINE_MAX];

	while (left) {
		const char *nl = memchr(p, '\n', left);
		size_t len = nl ? (size_t)(nl - p) : left;

		text_clean(line, sizeof(line), p, len);
		if (rq->msg->a[0] == CHAN_LOG_DENIED)
			policy_unseen(rq->s, line);
		else if (rq->s->cb.log)
			rq->s->cb.log(rq->s->cb.arg, (uint32_t)rq->msg->a[0], line);
		len += nl != NULL;
		p += len;
		left -= len;
	}
	return 0;
}

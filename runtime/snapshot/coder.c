/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/snapshot/coder.h"

#define NO_STRING UINT32_MAX

struct coder coder_of(const uint8_t *p, size_t n)
{
	return (struct coder){.reads = true, .p = (uint8_t *)(uintptr_t)p, .n = n};
}

void coder_free(struct coder *c)
{
	if (!c->reads)
		free(c->p);
	*c = (struct coder){.err = 0};
}

static bool make_room(struct coder *c, size_t n)
{
	size_t room = c->room ? c->room : 4096;
	uint8_t *more;

	while (room - c->n < n)
		room *= 2;
	if (room == c->room)
		return true;
	more = realloc(c->p, room);
	if (!more) {
		c->err = -ENOMEM;
		return false;
	}
	c->p = more;
	c->room = room;
	return true;
}

void coder_fail(struct coder *c)
{
	if (!c->err)
		c->err = -EBADMSG;
}

void coder_bytes(struct coder *c, void *p, size_t n)
{
	if (c->reads) {
		if (n > c->n - c->at)
			coder_fail(c);
		if (c->err) {
			memset(p, 0, n);
			return;
		}
		memcpy(p, c->p + c->at, n);
		c->at += n;
	} else if (!c->err && n && make_room(c, n)) {
		memcpy(c->p + c->n, p, n);
		c->n += n;
	}
}

void coder_u8(struct coder *c, uint8_t *v)
{
	coder_bytes(c, v, sizeof(*v));
}

void coder_bool(struct coder *c, bool *v)
{
	uint8_t byte = *v;

	coder_u8(c, &byte);
	if (byte > 1)
		coder_fail(c);
	*v = byte == 1;
}

void coder_u16(struct coder *c, uint16_t *v)
{
	coder_bytes(c, v, sizeof(*v));
}

void coder_u32(struct coder *c, uint32_t *v)
{
	coder_bytes(c, v, sizeof(*v));
}

void coder_u64(struct coder *c, uint64_t *v)
{
	coder_bytes(c, v, sizeof(*v));
}

void coder_count(struct coder *c, uint32_t *v, uint32_t max)
{
	coder_u32(c, v);
	if (*v <= max)
		return;
	coder_fail(c);
	*v = 0;
}

static void read_string(struct coder *c, char **s, uint32_t n)
{
	*s = NULL;
	if (n == NO_STRING || c->err)
		return;
	if (n > CODER_STRING_MAX || n > c->n - c->at || memchr(c->p + c->at, 0, n)) {
		coder_fail(c);
		return;
	}
	*s = strndup((const char *)c->p + c->at, n);
	if (!*s)
		c->err = -ENOMEM;
	c->at += n;
}

void coder_string(struct coder *c, char **s)
{
	size_t len = !c->reads && *s ? strlen(*s) : 0;
	uint32_t n = c->reads || *s ? (uint32_t)len : NO_STRING;

	if (len > CODER_STRING_MAX)
		c->err = c->err ? c->err : -ENAMETOOLONG;
	coder_u32(c, &n);
	if (c->reads)
		read_string(c, s, n);
	else if (*s)
		coder_bytes(c, *s, len);
}

int coder_end(struct coder *c)
{
	if (c->reads && c->at != c->n)
		coder_fail(c);
	return c->err;
}

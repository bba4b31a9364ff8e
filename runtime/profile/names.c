/* SPDX-License-Identifier: Apache-2.0
 *
 * Names come from ELF files and programs that nobody trusts: what they are shown in (XML, JSON, a
 * terminal, lines of "a;b;c N") must not take a part of them for its own.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/policy/utf8.h"
#include "runtime/profile/hash.h"
#include "runtime/profile/profile.h"

#define NAMES_MAX (1u << 18)
#define NAME_SIZE 512u /* with its NUL */

struct names {
	struct hash_seed seed;
	char **text;
	uint32_t count, room;
	uint32_t slot[2 * NAMES_MAX]; /* a table with open addresses: number + 1 */
};

/* -- cleaning -- */

/* No control characters, nothing that XML 1.0 has not (2.2), nothing that turns text around. */
static bool is_plain(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	if ((c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
		return false;
	return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff;
}

static size_t clean(char out[NAME_SIZE], const char *text, size_t len)
{
	size_t at = 0, n = 0;

	while (at < len && text[at]) {
		uint32_t c;
		size_t part = utf8_decode((const uint8_t *)text + at, len - at, &c);

		if (!part) { /* one byte that is shown as what is not plain */
			part = 1;
			c = 0;
		}
		if (n + part + 4 > NAME_SIZE) { /* room for "..." and the NUL */
			memcpy(out + n, "...", 3);
			n += 3;
			break;
		}
		if (c == ';') { /* what folded stacks are joined with */
			out[n++] = ':';
		} else if (is_plain(c)) {
			memcpy(out + n, text + at, part);
			n += part;
		} else {
			out[n++] = '?';
		}
		at += part;
	}
	if (!n)
		out[n++] = '?';
	out[n] = 0;
	return n;
}

/* -- the table -- */

static uint32_t hash(const struct hash_seed *seed, const char *s)
{
	uint64_t h = 0;

	for (; *s; s++)
		h = hash_add(seed, h, (uint8_t)*s);
	return (uint32_t)(h ^ h >> 32);
}

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof *n);

	if (n)
		hash_seed_make(&n->seed);
	if (n && names_add(n, "[other]", 7) == 0 && n->count == 1)
		return n;
	names_free(n);
	return NULL;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (uint32_t i = 0; i < n->count; i++)
		free(n->text[i]);
	free(n->text);
	free(n);
}

static bool have_room(struct names *n)
{
	uint32_t room = n->room ? 2 * n->room : 256;
	char **more;

	if (n->count < n->room)
		return true;
	if (n->count >= NAMES_MAX)
		return false;
	more = reallocarray(n->text, room, sizeof *more);
	if (!more)
		return false;
	n->text = more;
	n->room = room;
	return true;
}

uint32_t names_add(struct names *n, const char *text, size_t len)
{
	char name[NAME_SIZE];
	size_t size = clean(name, text, len) + 1;
	uint32_t *slot = &n->slot[hash(&n->seed, name) % (2 * NAMES_MAX)];

	for (; *slot; slot = slot + 1 < n->slot + 2 * NAMES_MAX ? slot + 1 : n->slot)
		if (!strcmp(n->text[*slot - 1], name))
			return *slot - 1;
	if (!have_room(n))
		return 0;
	n->text[n->count] = malloc(size);
	if (!n->text[n->count])
		return 0;
	memcpy(n->text[n->count], name, size);
	*slot = ++n->count;
	return n->count - 1;
}

const char *names_text(const struct names *n, uint32_t name)
{
	return n->text[name < n->count ? name : 0];
}

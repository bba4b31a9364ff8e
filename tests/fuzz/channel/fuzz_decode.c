/* SPDX-License-Identifier: Apache-2.0
 *
 * Decode alone. Beyond what the sanitizers see: what it lets through has the shape that the
 * handlers rely on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/service/service.h"

#define RAM_SIZE (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_name(const uint8_t *s, size_t len)
{
	require(len >= 1 && len <= 255);
	require(!memchr(s, '/', len) && !memchr(s, 0, len));
	require(!(s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'))));
}

static void check_path(const uint8_t *s, size_t len)
{
	for (size_t i = 0, start = 0; i <= len; i++) {
		if (i < len && s[i] != '/')
			continue;
		require(i > start);
		require(!(s[start] == '.' && i - start == 1));
		require(!(s[start] == '.' && s[start + 1] == '.' && i - start == 2));
		start = i + 1;
	}
}

static void check(const struct chan_msg *m, const uint8_t *in)
{
	uint64_t total = 0;

	require(m->op > CHAN_OP_NONE && m->op < CHAN_OP_COUNT);
	require(m->nseg <= CHAN_SEGS_MAX && m->in_len <= CHAN_DATA_SIZE);
	for (unsigned i = 0; i < m->nseg; i++) {
		const struct chan_seg *g = &m->seg[i];

		require(g->len <= RAM_SIZE && g->gpa <= RAM_SIZE && g->gpa + g->len <= RAM_SIZE);
		total += g->len;
	}
	require(!m->nseg || total <= m->a[2]);
	if (m->op == CHAN_OP_MKDIR || m->op == CHAN_OP_UNLINK)
		check_name(in, m->in_len);
	if (m->op == CHAN_OP_OPEN && m->in_len)
		check_name(in, m->in_len);
	if (m->op == CHAN_OP_WALK)
		check_path(in, m->in_len);
	if (m->op == CHAN_OP_RENAME) {
		const uint8_t *nul = memchr(in, 0, m->in_len);

		require(nul != NULL);
		check_name(in, (size_t)(nul - in));
		check_name(nul + 1, (size_t)(in + m->in_len - 1 - (nul + 1)));
	}
}

/* The message, then its data. Small operation numbers, so that every row is met. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chan_msg m;
	uint8_t *in;
	size_t left;

	if (size < sizeof(m))
		return -1;
	memcpy(&m, data, sizeof(m));
	left = size - sizeof(m);
	if (left > CHAN_DATA_SIZE)
		return -1;
	m.op %= CHAN_OP_COUNT + 2;
	if (m.in_len <= CHAN_DATA_SIZE) /* else it is to be refused unseen */
		m.in_len = (uint32_t)left;
	in = malloc(left ? left : 1); /* exactly as long as it says: ASan guards the end */
	require(in != NULL);
	memcpy(in, data + sizeof(m), left);
	if (!service_decode(&m, in, RAM_SIZE))
		check(&m, in);
	free(in);
	return 0;
}

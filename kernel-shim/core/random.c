/* SPDX-License-Identifier: Apache-2.0
 * A generator by ChaCha20 (RFC 8439) with fast key erasure (D. J. Bernstein, 2017): each request
 * runs the cipher once, its first 32 bytes replace the key, so that what was given out cannot be
 * recomputed from what is kept. The seed comes with the boot block; the host adds to it now and
 * then.
 */
#include "core/random.h"
#include "core/task.h"

#define KEY_WORDS    8
#define BLOCK_SIZE   64
#define RESEED_BYTES (1u << 20)
#define RESEED_NS    (300 * NSEC_PER_SEC)

/* kernel.random_state seen as a structure; home/guest/layout.h says how it begins. */
struct random_state {
	u32 key[KEY_WORDS];
	u64 seeded;
	u64 given;     /* bytes since the last seed */
	u64 seeded_at; /* CLOCK_MONOTONIC ns */
};
_Static_assert(
	sizeof(struct random_state) <= sizeof(((struct kernel *)0)->random_state), "random_state");

static u32 rotl(u32 v, u32 n)
{
	return v << n | v >> (32 - n);
}

static void quarter_round(u32 *x, u32 a, u32 b, u32 c, u32 d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

static void chacha20_block(const u32 key[KEY_WORDS], u64 counter, u8 out[BLOCK_SIZE])
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	u32 x[16];

	memcpy(in + 4, key, KEY_WORDS * sizeof(u32));
	memcpy(in + 12, &counter, sizeof(counter));
	memcpy(x, in, sizeof(x));
	for (u32 i = 0; i < 10; i++) {
		quarter_round(x, 0, 4, 8, 12);
		quarter_round(x, 1, 5, 9, 13);
		quarter_round(x, 2, 6, 10, 14);
		quarter_round(x, 3, 7, 11, 15);
		quarter_round(x, 0, 5, 10, 15);
		quarter_round(x, 1, 6, 11, 12);
		quarter_round(x, 2, 7, 8, 13);
		quarter_round(x, 3, 4, 9, 14);
	}
	for (u32 i = 0; i < 16; i++)
		x[i] += in[i];
	memcpy(out, x, BLOCK_SIZE);
}

/* Folds seed material in: the new key depends on the old one and on every byte. */
static void mix(struct random_state *s, const u8 *seed, size_t n)
{
	u8 block[BLOCK_SIZE], *key = (u8 *)s->key;

	for (size_t done = 0; done < n; done += sizeof(s->key)) {
		size_t part = min_u64(n - done, sizeof(s->key));

		for (size_t i = 0; i < part; i++)
			key[i] ^= seed[done + i];
		chacha20_block(s->key, ~0ull, block);
		memcpy(s->key, block, sizeof(s->key));
	}
	memset(block, 0, sizeof(block));
	s->given = 0;
	s->seeded_at = clock_mono_ns();
}

static void reseed(struct random_state *s)
{
	struct chan_msg m = {.op = CHAN_OP_RANDOM, .a = {BLOCK_SIZE}};

	plat_channel(&m);
	if (m.result > 0)
		mix(s, plat_chan_data(), min_u64((u64)m.result, BLOCK_SIZE));
	else
		s->given = 0; /* the key is still good; ask again later */
}

static struct random_state *seeded(void)
{
	struct random_state *s = (struct random_state *)kern->random_state;

	if (!s->seeded) {
		s->seeded = 1;
		mix(s, kern->boot->random, sizeof(kern->boot->random));
	}
	return s;
}

void random_add(const u8 *seed, size_t n)
{
	mix(seeded(), seed, n);
}

static struct random_state *state(void)
{
	struct random_state *s = seeded();

	if (s->given > RESEED_BYTES || (s->given && clock_mono_ns() - s->seeded_at > RESEED_NS)) {
		reseed(s);
	}
	return s;
}

void random_bytes(void *buf, size_t n)
{
	struct random_state *s = state();
	u8 block[BLOCK_SIZE], *out = buf;
	u32 key[KEY_WORDS];
	size_t part;

	/* block 0: the next key, and up to half a block to give out */
	memcpy(key, s->key, sizeof(key));
	chacha20_block(key, 0, block);
	memcpy(s->key, block, sizeof(s->key));
	part = min_u64(n, BLOCK_SIZE - sizeof(s->key));
	memcpy(out, block + sizeof(s->key), part);
	s->given += n;
	for (u64 counter = 1; part < n; counter++) {
		size_t more = min_u64(n - part, BLOCK_SIZE);

		chacha20_block(key, counter, block);
		memcpy(out + part, block, more);
		part += more;
	}
	memset(block, 0, sizeof(block));
	memset(key, 0, sizeof(key));
}

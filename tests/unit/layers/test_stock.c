/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store has by pieces: tables made to keep a pull busy are not looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "images/transfer/stock.h"
#include "tests/unit/layers/test_layers.h"

#define MIB (1u << 20)

static void put_le(unsigned char *to, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

/* A table of one entry, behind so many bytes that mean nothing. */
static char *text_of(size_t padding, int number)
{
	char *pad = calloc(1, padding + 1), *text;

	memset(pad, 'x', padding);
	assert_true(asprintf(&text,
			    "{\"pad\":\"%s\",\"entries\":[{\"type\":\"dir\",\"name\":\"d%d\"}]}",
			    pad, number) > 0);
	free(pad);
	return text;
}

/* Its only piece, which no padding changes. */
static struct toc_piece piece_of(uint64_t size, int number)
{
	char *text = text_of(0, number);
	unsigned char packed[512];
	struct toc_place p = {size + TOC_SKIP_LEN, 0, strlen(text)};
	size_t n, entries = 1;
	struct toc_piece *list, piece;

	p.packed = ZSTD_compress(packed, sizeof packed, text, p.unpacked, 1);
	assert_int_equal(toc_read(packed, &p, &entries, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	piece = *list;
	free(list);
	free(text);
	return piece;
}

static void put_layer(struct store *s, size_t size, size_t padding, int number)
{
	char *text = text_of(padding, number);
	size_t n = strlen(text), room = ZSTD_compressBound(n), packed;
	unsigned char *blob = calloc(1, size + room + 256), *at = blob + size;
	struct image_error e = {""};
	struct digest d;

	packed = ZSTD_compress(at + TOC_SKIP_LEN, room, text, n, 1);
	put_le(at, TOC_SKIP, 4);
	put_le(at + 4, packed, 4);
	at += TOC_SKIP_LEN + packed;
	put_le(at, TOC_SKIP, 4);
	put_le(at + 4, TOC_FOOTER, 4);
	at += TOC_SKIP_LEN;
	put_le(at, size + TOC_SKIP_LEN, 8);
	put_le(at + 8, packed, 8);
	put_le(at + 16, n, 8);
	put_le(at + 24, TOC_TYPE, 8);
	memcpy(at + TOC_FOOTER - 8, TOC_MAGIC, 8);
	expect_ok(blob_put(s, blob, (size_t)(at - blob) + TOC_FOOTER, &d, &e), &e);
	free(blob);
	free(text);
}

/* How many of those layers the stock knows. */
static size_t known(struct store *s, size_t size, int layers)
{
	struct image_error e = {""};
	struct stock *k = NULL;
	size_t n = 0;

	expect_ok(stock_open(s, &k, &e), &e);
	for (int i = 0; i < layers; i++) {
		struct toc_piece p = piece_of(size, i);

		n += stock_find(k, &p) >= 0;
	}
	stock_close(k);
	return n;
}

static void tables_out_of_proportion_are_not_looked_at(void **state)
{
	struct store *s = store_here();

	put_layer(s, LAYER_MIN, 3 * MIB, 0);
	assert_int_equal(known(s, LAYER_MIN, 1), 0);
	put_layer(s, LAYER_MIN, MIB, 0);
	assert_int_equal(known(s, LAYER_MIN, 1), 1);
	store_close(s);
}

static void tables_of_small_layers_are_not_looked_at(void **state)
{
	struct store *s = store_here();

	put_layer(s, LAYER_MIN / 2, 0, 0);
	assert_int_equal(known(s, LAYER_MIN / 2, 1), 0);
	store_close(s);
}

static void all_tables_together_have_a_limit(void **state)
{
	struct store *s = store_here();

	for (int i = 0; i < 7; i++)
		put_layer(s, 2 * MIB, 60 * MIB, i);
	assert_int_equal(known(s, 2 * MIB, 7), 4); /* of 256 MiB */
	store_close(s);
}

const struct CMUnitTest stock_tests[] = {
	IN_SCRATCH(tables_out_of_proportion_are_not_looked_at),
	IN_SCRATCH(tables_of_small_layers_are_not_looked_at),
	IN_SCRATCH(all_tables_together_have_a_limit),
};
const size_t stock_ntests = sizeof stock_tests / sizeof *stock_tests;

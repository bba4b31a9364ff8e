/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of contents from strangers. The first three bytes say how long the layer is, the rest is
 * the table before it was packed; the last bytes are read as a footer, too. Pieces that come out
 * follow one another from the layer's first byte to its last.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "images/layer/toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void read_footer(const uint8_t *data, size_t size)
{
	const size_t n = TOC_SKIP_LEN + TOC_FOOTER;
	struct toc_place p;

	if (size < n || toc_place_footer(data + size - n, size, &p))
		return;
	check(p.from >= TOC_SKIP_LEN && p.from <= size && p.packed <= size - p.from);
	check(p.unpacked && p.unpacked <= TOC_MAX);
}

static void read_position(const uint8_t *data, size_t size)
{
	struct descriptor d = {.size = 1u << 20};
	struct image_error e = {""};
	struct toc_place p;
	struct digest sum;
	int r;

	d.annotations = json_pack("{s:s%, s:s}", TOC_POSITION, data, size, TOC_CHECKSUM,
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	if (!d.annotations)
		return; /* no UTF-8 */
	r = toc_place_annotated(&d, &p, &sum, &e);
	check(r <= 0);
	check(r || (p.from <= d.size && p.packed <= d.size - p.from && p.unpacked <= TOC_MAX));
	json_decref(d.annotations);
}

static void read_table(const uint8_t *data, size_t size, uint64_t end)
{
	size_t room = ZSTD_compressBound(size), n;
	unsigned char *packed = calloc(1, room);
	struct toc_place p = {.from = end + TOC_SKIP_LEN, .unpacked = size};
	struct image_error e = {""};
	struct toc_piece *list;
	size_t entries = data[0];
	int r;

	check(packed);
	p.packed = ZSTD_compress(packed, room, data, size, 1);
	r = toc_read(packed, &p, &entries, &list, &n, &e);
	check(r <= 0 && (!r || *e.text));
	for (size_t i = 0; !r && i < n; i++) {
		check(list[i].from == (i ? list[i - 1].to : 0) && list[i].to > list[i].from);
		check(i + 1 < n || list[i].to == end);
	}
	check(r || n || !end);
	free(list);
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	read_footer(data, size);
	read_position(data, size);
	read_table(data + 3, size - 3, data[0] | (uint64_t)data[1] << 8 | (uint64_t)data[2] << 16);
	return 0;
}

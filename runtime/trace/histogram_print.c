/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/trace/histogram_print.h"

#define BAR 40u

void histogram_page_begin(
	struct histogram_page *p, const struct observe_head *h, uint64_t ns, bool json)
{
	*p = (struct histogram_page){.empty = true};
	if (!json) {
		printf("%s, %.1f s\n", *h->name ? h->name : h->id, (double)ns / 1e9);
		return;
	}
	p->json = json_object();
	p->histograms = json_array();
	p->counts = json_array();
	json_object_set_new(p->json, "id", json_string(h->id));
	json_object_set_new(p->json, "name", *h->name ? json_string(h->name) : json_null());
	json_object_set_new(p->json, "backend", json_string(h->backend));
	json_object_set_new(p->json, "ns", json_integer((json_int_t)ns));
}

/* "512 ns", "16 us", "1 s": the bound below bucket i, of powers of two nearly as one says them. */
static void bound(char out[16], unsigned i)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	unsigned shift = i ? HISTOGRAM_FIRST_SHIFT + i - 1 : 0, unit = shift / 10;

	snprintf(out, 16, "%u %s", i ? 1u << shift % 10 : 0, units[unit]);
}

static void print_bucket(const struct histogram *h, unsigned i, uint64_t most)
{
	char from[16], to[16] = "";
	unsigned length = (unsigned)((double)h->count[i] * BAR / (double)most);

	bound(from, i);
	if (i + 1 < HISTOGRAM_BUCKETS)
		bound(to, i + 1);
	printf("  %8s .. %-8s %10" PRIu64 " |%.*s%*s|\n", from, to, h->count[i], (int)length,
		"########################################", (int)(BAR - length), "");
}

static void print_text(const struct histogram *h)
{
	unsigned first = HISTOGRAM_BUCKETS, last = 0;
	uint64_t most = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->count[i])
			continue;
		if (first == HISTOGRAM_BUCKETS)
			first = i;
		last = i;
		most = h->count[i] > most ? h->count[i] : most;
	}
	for (unsigned i = first; i <= last; i++)
		print_bucket(h, i, most);
}

static json_t *buckets_json(const struct histogram *h)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		bool bounded = i + 1 < HISTOGRAM_BUCKETS;

		if (h->count[i])
			json_array_append_new(
				all, json_pack("{s:o,s:I}", "below_ns",
					     bounded ? json_integer((json_int_t)1
								    << (HISTOGRAM_FIRST_SHIFT + i))
						     : json_null(),
					     "count", (json_int_t)h->count[i]));
	}
	return all;
}

void histogram_print(struct histogram_page *p, const char *what, const char *of, const char *source,
	const struct histogram *h)
{
	uint64_t n = histogram_total(h);

	if (!n)
		return;
	p->empty = false;
	if (p->json) {
		json_array_append_new(p->histograms,
			json_pack("{s:s,s:s,s:s,s:I,s:I,s:o}", "what", what, "of", of, "source",
				source, "count", (json_int_t)n, "total_ns", (json_int_t)h->ns,
				"buckets", buckets_json(h)));
		return;
	}
	printf("\n%s: %s (%s): %" PRIu64 ", mean %.1f us\n", what, of, source, n,
		(double)h->ns / (double)n / 1e3);
	print_text(h);
}

void histogram_print_count(struct histogram_page *p, const char *what, const char *of,
	const char *role, const char *source, uint64_t count)
{
	p->empty = false;
	if (p->json)
		json_array_append_new(p->counts,
			json_pack("{s:s,s:s,s:s,s:s,s:I}", "what", what, "of", of, "role", role,
				"source", source, "count", (json_int_t)count));
	else
		printf("\n%s: %s, %s (%s): %" PRIu64 "\n", what, of, role, source, count);
}

void histogram_page_end(struct histogram_page *p)
{
	if (!p->json) {
		if (p->empty)
			printf("\nnothing happened\n");
		return;
	}
	json_object_set_new(p->json, "histograms", p->histograms);
	json_object_set_new(p->json, "counts", p->counts);
	json_dumpf(p->json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(p->json);
}

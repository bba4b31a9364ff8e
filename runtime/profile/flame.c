/* SPDX-License-Identifier: Apache-2.0
 *
 * The flame graph: one SVG file that needs nothing else. Names went through names.c;
 * runtime/cli/xml.c escapes what XML still means by some of their characters.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/xml.h"
#include "runtime/profile/profile.h"

#define WIDTH	  1200.0
#define PAD	  10.0
#define TOP	  62.0
#define ROW	  17.0
#define CHAR	  7.25	 /* width of a letter of 12 px monospace */
#define NARROWEST 0.1	 /* pixels of a frame that is still drawn */
#define DRAWN_MAX 30000u /* frames: a browser has to hold them */

extern const char flame_script[];
extern const uint64_t flame_script_size;

struct drawing {
	FILE *out;
	const struct tree *t;
	const struct names *n;
	uint64_t all;
	double height;
	uint64_t least; /* samples of a frame that is drawn */
};

/* Bytes of the first n characters; *whole: that is all of them. */
static size_t characters(const char *s, size_t n, bool *whole)
{
	size_t at = 0;

	while (s[at] && n) {
		for (at++; (s[at] & 0xc0) == 0x80; at++)
			;
		n--;
	}
	*whole = !s[at];
	return at;
}

static void put_label(const struct drawing *d, const char *name, double width)
{
	size_t room = width > 6 ? (size_t)((width - 6) / CHAR) : 0, len;
	bool whole;

	if (room < 3)
		return;
	len = characters(name, room, &whole);
	if (!whole)
		len = characters(name, room - 2, &whole);
	xml_put(d->out, name, len);
	if (!whole)
		fputs("..", d->out);
}

/* Warm for the program's own, by the name so that it is the same in each graph; cold for what has
 * no name of its own or is the sandbox's work. */
static void put_colour(FILE *out, const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *s = name; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	if (*name == '[')
		fprintf(out, "rgb(%u,%u,%u)", 150 + h % 30, 175 + (h >> 8) % 30,
			205 + (h >> 16) % 30);
	else
		fprintf(out, "rgb(%u,%u,%u)", 215 + h % 40, 95 + (h >> 8) % 105, (h >> 16) % 60);
}

static void put_frame(const struct drawing *d, uint32_t node, uint64_t start)
{
	const struct stack_node *s = &d->t->by_name.node[node];
	const char *name = node ? names_text(d->n, (uint32_t)s->value) : "all";
	double scale = (WIDTH - 2 * PAD) / (double)d->all, x = PAD + (double)start * scale,
	       w = (double)s->total * scale, y = d->height - PAD - ROW * (d->t->depth[node] + 1);

	fprintf(d->out,
		"<g class=\"f\" data-x=\"%" PRIu64 "\" data-w=\"%" PRIu64 "\" data-d=\"%" PRIu32
		"\"><title>",
		start, s->total, d->t->depth[node]);
	xml_put(d->out, name, strlen(name));
	fprintf(d->out, " (%" PRIu64 " sample%s, %.2f%%)</title>", s->total,
		s->total == 1 ? "" : "s", 100 * (double)s->total / (double)d->all);
	fprintf(d->out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"", x, y,
		w, ROW - 1);
	put_colour(d->out, name);
	fprintf(d->out, "\"/><text x=\"%.2f\" y=\"%.1f\">", x + 3, y + 12);
	put_label(d, name, w);
	fputs("</text></g>\n", d->out);
}

/* A frame begins where its parent does, behind the siblings before it. */
static void put_frames(const struct drawing *d, uint64_t *next)
{
	const struct stacks *s = &d->t->by_name;

	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t node = d->t->order[i];
		uint64_t *at = &next[s->node[node].parent], start = node ? *at : 0;

		if (node)
			*at += s->node[node].total;
		next[node] = start;
		if (s->node[node].total >= d->least)
			put_frame(d, node, start);
	}
}

static uint32_t drawn(const struct stacks *s, uint64_t least)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->count; i++)
		n += s->node[i].total >= least;
	return n;
}

static uint32_t deepest(const struct tree *t, uint64_t least)
{
	uint32_t d = 0;

	for (uint32_t i = 0; i < t->by_name.count; i++)
		if (t->by_name.node[i].total >= least && t->depth[i] > d)
			d = t->depth[i];
	return d;
}

static void put_head(const struct drawing *d, const struct profile_about *about)
{
	fprintf(d->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
		"width=\"%.0f\" height=\"%.0f\" font-family=\"monospace\" font-size=\"12\">\n",
		WIDTH, d->height, WIDTH, d->height);
	fputs("<style>\n"
	      "#background { fill: #fbf7ef } .f { cursor: pointer } .f rect { rx: 2px }\n"
	      ".f:hover rect { stroke: #000; stroke-width: 0.7 } .f text { pointer-events: none }\n"
	      ".parent { opacity: 0.55 } .marked rect { fill: #e600e6 } .hide { display: none }\n"
	      ".link { cursor: pointer; fill: #1a4f8b; text-decoration: underline }\n"
	      "</style>\n"
	      "<rect id=\"background\" width=\"100%\" height=\"100%\"/>\n"
	      "<text id=\"title\" x=\"50%\" y=\"22\" text-anchor=\"middle\" font-size=\"16\">",
		d->out);
	xml_put(d->out, about->title, strlen(about->title));
	fprintf(d->out,
		"</text>\n<text x=\"50%%\" y=\"38\" text-anchor=\"middle\" fill=\"#555\">%" PRIu64
		" samples at %" PRIu32 " Hz",
		about->samples, about->hz);
	if (*about->backend)
		fprintf(d->out, ", backend %s", about->backend);
	if (about->lost)
		fprintf(d->out, ", %" PRIu64 " lost", about->lost);
	fputs("</text>\n", d->out);
	fprintf(d->out,
		"<text id=\"details\" x=\"%.0f\" y=\"54\"> </text>\n"
		"<text id=\"unzoom\" class=\"link hide\" x=\"%.0f\" y=\"22\">reset zoom</text>\n"
		"<text id=\"search\" class=\"link\" x=\"%.0f\" y=\"22\" "
		"text-anchor=\"end\">search</text>\n"
		"<text id=\"matched\" x=\"%.0f\" y=\"38\" text-anchor=\"end\"> </text>\n",
		PAD, PAD, WIDTH - PAD, WIDTH - PAD);
}

int flame_write(
	FILE *out, const struct tree *t, const struct names *n, const struct profile_about *about)
{
	struct drawing d = {.out = out, .t = t, .n = n, .all = t->by_name.node[0].total};
	uint64_t *next = calloc(t->by_name.count, sizeof *next);

	if (!next)
		return -ENOMEM;
	d.least = (uint64_t)((double)d.all * NARROWEST / (WIDTH - 2 * PAD));
	d.least += !d.least;
	while (drawn(&t->by_name, d.least) > DRAWN_MAX)
		d.least *= 2;
	d.height = TOP + PAD + ROW * (deepest(t, d.least) + 1);
	put_head(&d, about);
	if (d.all)
		put_frames(&d, next);
	else
		fprintf(out,
			"<text x=\"50%%\" y=\"%.0f\" text-anchor=\"middle\">no samples</text>\n",
			TOP + ROW);
	if (d.all) {
		fputs("<script><![CDATA[\n", out);
		fwrite(flame_script, 1, flame_script_size, out);
		fputs("]]></script>\n", out);
	}
	fputs("</svg>\n", out);
	free(next);
	return 0;
}

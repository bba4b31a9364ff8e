/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "images/cli/making.h"

enum { KEY_COMPRESSION = 0x7e00, KEY_LEVEL, KEY_KEEP_OWNER };

static const struct argp_option options[] = {
	{"tag", 't', "NAME[:TAG]", 0, "Give the image this name", 0},
	{"compression", KEY_COMPRESSION, "zstd|gzip|none", 0, "Of new layers (default: zstd)", 5},
	{"level", KEY_LEVEL, "N", 0, "1 to 19 for zstd, 1 to 9 for gzip", 5},
	{"keep-owner", KEY_KEEP_OWNER, 0, 0, "Keep owners of files (default: all are 0:0)", 5},
	{0},
};

static error_t bad(const struct making *m, const char *option, const char *arg, const char *want)
{
	cli_say("image %s: --%s \"%s\": want %s", m->verb, option, arg, want);
	return EINVAL;
}

static error_t parse_compression(struct making *m, const char *arg)
{
	static const char *const names[] = {
		[COMPRESS_NONE] = "none", [COMPRESS_GZIP] = "gzip", [COMPRESS_ZSTD] = "zstd"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(arg, names[i])) {
			m->layers.compression = (enum compression)i;
			return 0;
		}
	return bad(m, "compression", arg, "zstd, gzip or none");
}

static error_t parse_level(struct making *m, const char *arg)
{
	uint32_t n;

	if (policy_parse_count(arg, &n) || n > 19)
		return bad(m, "level", arg, "a number from 1 to 19");
	m->layers.level = (int)n;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct making *m = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &m->common;
		return 0;
	case 't':
		m->tag = arg;
		return 0;
	case KEY_COMPRESSION:
		return parse_compression(m, arg);
	case KEY_LEVEL:
		return parse_level(m, arg);
	case KEY_KEEP_OWNER:
		m->layers.keep_owner = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp making_argp = {options, parse, NULL, NULL, verb_common_child, NULL, NULL};
const struct argp_child making_child[] = {{.argp = &making_argp}, {0}};

int making_begin(struct making *m, bool required, char name[STORE_NAME_MAX])
{
	struct image_error e;

	*name = 0;
	if (!m->tag && required) {
		cli_say("image %s: no name given; -t NAME:TAG names the image", m->verb);
		return POLICY_FAILED;
	}
	if (m->tag && image_name_parse(m->tag, name, &e))
		return verb_failed(&e);
	return draft_epoch(&m->layers.mtime, &e) ? verb_failed(&e) : 0;
}

static json_t *layers_json(const struct draft *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->nlayers; i++)
		json_array_append_new(list, descriptor_json(&d->layers[i]));
	return list;
}

int making_end(const struct making *m, const char *name, const struct descriptor *manifest,
	const struct draft *d)
{
	char digest[DIGEST_TEXT], size[16];
	uint64_t total = 0;

	digest_text(&manifest->digest, digest);
	if (m->common.json)
		return verb_json(json_pack("{s:o, s:s, s:I, s:o}", "name",
			*name ? json_string(name) : json_null(), "digest", digest, "size",
			(json_int_t)manifest->size, "layers", layers_json(d)));
	for (size_t i = 0; i < d->nlayers; i++)
		total += d->layers[i].size;
	policy_format_size(size, total);
	printf("%s%s%s  %zu %s, %s\n", name, *name ? "  " : "", digest, d->nlayers,
		d->nlayers == 1 ? "layer" : "layers", size);
	return cli_flush();
}

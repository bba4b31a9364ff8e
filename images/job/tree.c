/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "images/job/tree.h"

struct composer {
	yaml_parser_t parser;
	const char *file;
	struct arena *arena;
	size_t nodes;
	struct image_error *e;
};

const char *tree_kind_name(const struct tree *t)
{
	return t->kind == TREE_TEXT ? "text" : t->kind == TREE_LIST ? "a list" : "a map";
}

static unsigned line_of(const yaml_mark_t *m)
{
	return (unsigned)m->line + 1;
}

static int refuse(const struct composer *c, unsigned line, const char *why)
{
	return image_fail(c->e, -EINVAL, "%s:%u: %s", c->file, line, why);
}

static int syntax(const struct composer *c)
{
	const yaml_parser_t *p = &c->parser;
	const char *why = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_MEMORY_ERROR)
		return image_fail(c->e, -ENOMEM, "%s: out of memory", c->file);
	if (p->error == YAML_READER_ERROR)
		return image_fail(
			c->e, -EINVAL, "%s: %s at byte %zu", c->file, why, p->problem_offset);
	return image_fail(c->e, -EINVAL, "%s:%u: not YAML: %s%s%s", c->file,
		line_of(&p->problem_mark), why, p->context ? " " : "",
		p->context ? p->context : "");
}

static int next_event(struct composer *c, yaml_event_t *ev)
{
	return yaml_parser_parse(&c->parser, ev) ? 0 : syntax(c);
}

/* What this reader leaves out of YAML. */
static int refuse_extras(const struct composer *c, const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	default: /* an alias */
		anchor = (const yaml_char_t *)"";
	}
	if (anchor)
		return refuse(c, line_of(&ev->start_mark),
			"anchors and aliases (& and *) are not read; write it out");
	return tag ? refuse(c, line_of(&ev->start_mark), "tags (!) are not read") : 0;
}

static int new_node(struct composer *c, const yaml_event_t *ev, unsigned depth, struct tree **out)
{
	int r = refuse_extras(c, ev);

	if (r)
		return r;
	if (depth > TREE_DEPTH_MAX)
		return refuse(c, line_of(&ev->start_mark), "nested too deeply");
	if (++c->nodes > TREE_NODES_MAX)
		return refuse(c, line_of(&ev->start_mark), "too many entries in one file");
	*out = arena_alloc(c->arena, sizeof **out);
	if (!*out)
		return refuse(c, line_of(&ev->start_mark), "too large");
	(*out)->line = line_of(&ev->start_mark);
	return 0;
}

static int take_text(
	const struct composer *c, const yaml_event_t *ev, const char **text, unsigned line)
{
	const char *value = (const char *)ev->data.scalar.value;
	size_t n = ev->data.scalar.length;

	if (memchr(value, 0, n))
		return refuse(c, line, "a NUL character in text");
	*text = arena_copy(c->arena, value, n);
	return *text ? 0 : refuse(c, line, "too large");
}

static int compose(struct composer *c, const yaml_event_t *ev, unsigned depth, struct tree **out);

static int compose_items(struct composer *c, struct tree *list, unsigned depth)
{
	struct tree **tail = &list->kids;
	yaml_event_t ev;
	int r;

	for (;; tail = &(*tail)->next, list->nkids++) {
		r = next_event(c, &ev);
		if (r)
			return r;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		r = compose(c, &ev, depth + 1, tail);
		yaml_event_delete(&ev);
		if (r)
			return r;
	}
}

static int take_key(
	struct composer *c, const struct tree *map, const yaml_event_t *ev, const char **key)
{
	unsigned line = line_of(&ev->start_mark);
	int r;

	if (ev->type != YAML_SCALAR_EVENT)
		return refuse(c, line, "a key must be plain text");
	r = refuse_extras(c, ev);
	if (!r)
		r = take_text(c, ev, key, line);
	if (r)
		return r;
	for (const struct tree *k = map->kids; k; k = k->next)
		if (!strcmp(k->key, *key))
			return image_fail(c->e, -EINVAL,
				"%s:%u: \"%s\" is here twice, first in line %u", c->file, line,
				*key, k->line);
	return 0;
}

/* One key and its value; *end at the end of the map. */
static int compose_pair(
	struct composer *c, const struct tree *map, unsigned depth, struct tree **out, bool *end)
{
	const char *key = NULL;
	yaml_event_t ev;
	unsigned line;
	int r = next_event(c, &ev);

	if (r)
		return r;
	*end = ev.type == YAML_MAPPING_END_EVENT;
	line = line_of(&ev.start_mark);
	if (!*end)
		r = take_key(c, map, &ev, &key);
	yaml_event_delete(&ev);
	if (r || *end)
		return r;
	r = next_event(c, &ev);
	if (r)
		return r;
	r = compose(c, &ev, depth + 1, out);
	yaml_event_delete(&ev);
	if (r)
		return r;
	(*out)->key = key;
	(*out)->line = line;
	return 0;
}

static int compose_pairs(struct composer *c, struct tree *map, unsigned depth)
{
	struct tree **tail = &map->kids;
	bool end = false;

	for (;;) {
		struct tree *value = NULL;
		int r = compose_pair(c, map, depth, &value, &end);

		if (r || end)
			return r;
		*tail = value;
		tail = &value->next;
		map->nkids++;
	}
}

static int compose(struct composer *c, const yaml_event_t *ev, unsigned depth, struct tree **out)
{
	int r = new_node(c, ev, depth, out);

	if (r)
		return r;
	switch (ev->type) {
	case YAML_SEQUENCE_START_EVENT:
		(*out)->kind = TREE_LIST;
		return compose_items(c, *out, depth);
	case YAML_MAPPING_START_EVENT:
		(*out)->kind = TREE_MAP;
		return compose_pairs(c, *out, depth);
	default:
		(*out)->kind = TREE_TEXT;
		return take_text(c, ev, &(*out)->text, (*out)->line);
	}
}

/* The first event that is part of the document's content, or the end of the stream. */
static int skip_starts(struct composer *c, yaml_event_t *ev)
{
	for (;;) {
		int r = next_event(c, ev);

		if (r)
			return r;
		if (ev->type != YAML_STREAM_START_EVENT && ev->type != YAML_DOCUMENT_START_EVENT)
			return 0;
		yaml_event_delete(ev);
	}
}

static int compose_end(struct composer *c)
{
	yaml_event_t ev;
	int r = next_event(c, &ev); /* the document's end */

	if (r)
		return r;
	yaml_event_delete(&ev);
	r = next_event(c, &ev);
	if (r)
		return r;
	if (ev.type != YAML_STREAM_END_EVENT)
		r = refuse(c, line_of(&ev.start_mark), "a second document; one file is one job");
	yaml_event_delete(&ev);
	return r;
}

static int compose_document(struct composer *c, struct tree **out)
{
	yaml_event_t ev;
	int r = skip_starts(c, &ev);

	if (r)
		return r;
	if (ev.type == YAML_STREAM_END_EVENT)
		r = refuse(c, 1, "empty");
	else
		r = compose(c, &ev, 0, out);
	yaml_event_delete(&ev);
	return r ? r : compose_end(c);
}

int tree_parse(const char *file, const char *data, size_t n, struct arena *a, struct tree **out,
	struct image_error *e)
{
	struct composer c = {.file = file, .arena = a, .e = e};
	int r;

	if (!yaml_parser_initialize(&c.parser))
		return image_fail(e, -ENOMEM, "%s: out of memory", file);
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)data, n);
	r = compose_document(&c, out);
	yaml_parser_delete(&c.parser);
	return r;
}

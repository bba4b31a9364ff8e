/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image gc
 */
#include <stdlib.h>
#include <string.h>

#include "images/cli/reach.h"
#include "images/cli/verb.h"
#include "images/flat/flat.h"
#include "images/scratch.h"
#include "images/store/document.h"

#define CACHE_ENTRY_MAX (1u << 20)

enum { KEY_DRY_RUN = 0x100, KEY_NO_WAIT };

static const struct argp_option options[] = {
	{"dry-run", KEY_DRY_RUN, 0, 0, "Say what would be removed, and remove nothing", 0},
	{"no-wait", KEY_NO_WAIT, 0, 0, "Fail if the store is in use, instead of waiting", 0},
	{0},
};

static const char doc[] =
	"Remove what no image needs: blobs, flattened images, remembered steps of builds whose "
	"layers "
	"are gone, files of what was interrupted, work spaces of jobs and builds that were killed."
	"\v"
	"Waits until nobody else uses the store. What a name of `sandbox image ls` leads to stays, "
	"and programs that run go on: a file that is open is there until it is closed.";

/* What goes, kind by kind. */
enum kind { BLOBS, FLAT, CACHE, TEMPORARY, KINDS };
static const char *const kind_names[KINDS] = {"blobs", "flat", "cache", "temporary"};

struct gc {
	struct verb_names v;
	bool dry_run, no_wait;
	struct store *store;
	json_t *needed;	       /* reach.h */
	json_t *goes[KINDS];   /* paths in the store */
	uint64_t bytes[KINDS]; /* they take */
	bool no_memory;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct gc *gc = state->input;

	switch (key) {
	case KEY_DRY_RUN:
		gc->dry_run = true;
		return 0;
	case KEY_NO_WAIT:
		gc->no_wait = true;
		return 0;
	default:
		return verb_names_parse(key, arg, state);
	}
}

static const struct argp argp = {options, parse, NULL, doc, verb_common_child, NULL, NULL};

static void add(struct gc *gc, enum kind kind, const char *path, uint64_t bytes)
{
	gc->bytes[kind] += bytes;
	if (json_array_append_new(gc->goes[kind], json_string(path)))
		gc->no_memory = true;
}

/* What is in blobs/sha256 and no blob's name is not ours to remove. */
static int look_at_blob(void *arg, const char *path, uint64_t bytes)
{
	char text[DIGEST_TEXT + 256];
	struct gc *gc = arg;
	struct digest d;

	snprintf(text, sizeof text, "sha256:%s", strrchr(path, '/') + 1);
	if (digest_parse(text, &d) && !reach_has(gc->needed, &d))
		add(gc, BLOBS, path, bytes);
	return 0;
}

/* Of an image that is gone, or of another writer's version. */
static int look_at_flat(void *arg, const char *path, uint64_t bytes)
{
	const char *name = strrchr(path, '/') + 1;
	char text[DIGEST_TEXT], current[FLAT_PATH];
	struct gc *gc = arg;
	struct digest d;

	snprintf(text, sizeof text, "sha256:%.*s", DIGEST_HEX, name);
	if (digest_parse(text, &d)) {
		flat_path(&d, current);
		if (!strcmp(path, current) && reach_has(gc->needed, &d))
			return 0;
	}
	add(gc, FLAT, path, bytes);
	return 0;
}

/* A remembered step of a build is of use as long as its layers are there. It keeps none itself. */
static int look_at_cache(void *arg, const char *path, uint64_t bytes)
{
	struct gc *gc = arg;
	json_t *entry = NULL;
	char *text;
	size_t n;

	if (!document_read(store_fd(gc->store), path, CACHE_ENTRY_MAX, &text, &n)) {
		if (document_parse(text, n, &entry, NULL))
			entry = NULL;
		free(text);
	}
	if (!entry || !reach_covers(gc->needed, entry))
		add(gc, CACHE, path, bytes);
	json_decref(entry);
	return 0;
}

static int look_at_temporary(void *arg, const char *path, uint64_t bytes)
{
	struct gc *gc = arg;

	if (!store_locked(gc->store, path))
		add(gc, TEMPORARY, path, bytes);
	return 0;
}

static int look(struct gc *gc, struct image_error *e)
{
	int r = 0;

	for (int k = 0; k < KINDS; k++)
		gc->no_memory |= !(gc->goes[k] = json_array());
	if (!gc->no_memory)
		r = reach_all(gc->store, &gc->needed, e);
	if (!r && !gc->no_memory)
		r = store_each(gc->store, "blobs/sha256", look_at_blob, gc);
	if (!r && !gc->no_memory)
		r = store_each(gc->store, "flat", look_at_flat, gc);
	if (!r && !gc->no_memory)
		r = store_each(gc->store, "cache", look_at_cache, gc);
	if (!r && !gc->no_memory)
		r = store_each(gc->store, "tmp", look_at_temporary, gc);
	return gc->no_memory ? image_fail(e, -ENOMEM, "no memory") : r;
}

static int sweep(struct gc *gc, struct image_error *e)
{
	for (int k = 0; k < KINDS; k++) {
		for (size_t i = 0; i < json_array_size(gc->goes[k]); i++) {
			const char *path = json_string_value(json_array_get(gc->goes[k], i));
			int r = store_remove(gc->store, path);

			if (r && r != -ENOENT)
				return image_fail(e, r, "cannot remove %s/%s: %s",
					store_dir(gc->store), path, strerror(-r));
		}
	}
	return 0;
}

static uint64_t total(const struct gc *gc)
{
	return gc->bytes[BLOBS] + gc->bytes[FLAT] + gc->bytes[CACHE] + gc->bytes[TEMPORARY];
}

static int print_json(const struct gc *gc)
{
	json_t *o = json_pack("{s:b, s:I}", "dry_run", gc->dry_run, "bytes", (json_int_t)total(gc));

	for (int k = 0; k < KINDS; k++)
		json_object_set(o, kind_names[k], gc->goes[k]);
	return verb_json(o);
}

static int print_text(const struct gc *gc)
{
	char size[16];

	for (int k = 0; gc->dry_run && k < KINDS; k++)
		for (size_t i = 0; i < json_array_size(gc->goes[k]); i++)
			puts(json_string_value(json_array_get(gc->goes[k], i)));
	policy_format_size(size, total(gc));
	printf("%s %s: %zu blobs, %zu flattened images, %zu remembered steps, %zu temporary "
	       "files\n",
		gc->dry_run ? "would free" : "freed", size, json_array_size(gc->goes[BLOBS]),
		json_array_size(gc->goes[FLAT]), json_array_size(gc->goes[CACHE]),
		json_array_size(gc->goes[TEMPORARY]));
	return cli_flush();
}

static int collect(struct gc *gc)
{
	struct image_error e;
	int r = look(gc, &e);

	if (!r && !gc->dry_run)
		r = sweep(gc, &e);
	if (r)
		return verb_failed(&e);
	return gc->v.common.json ? print_json(gc) : print_text(gc);
}

static int run(int argc, char **argv)
{
	struct gc gc = {.v = {.verb = "gc"}};
	struct image_error e;
	int code;

	if (cli_parse(&verb_gc, argc, argv, 0, &gc))
		return POLICY_FAILED;
	if (!gc.dry_run) { /* they need no store */
		scratch_sweep(&scratch_job);
		scratch_sweep(&scratch_build);
	}
	if (verb_open_alone(&gc.v, gc.no_wait, &gc.store, &e))
		return verb_failed(&e);
	code = collect(&gc);
	for (int k = 0; k < KINDS; k++)
		json_decref(gc.goes[k]);
	json_decref(gc.needed);
	store_close(gc.store);
	return code;
}

const struct cli_verb verb_gc = {
	"gc", "Remove what no image needs", "sandbox image gc", &argp, run};

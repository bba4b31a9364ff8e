/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image verify
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/cli/brief.h"
#include "images/cli/verb.h"

enum { KEY_REMOVE = 0x100 };

static const struct argp_option options[] = {
	{"remove", KEY_REMOVE, 0, 0,
		"Remove damaged blobs, so that the next pull or import brings them again", 0},
	{0},
};

static const char doc[] =
	"Look for damage in the store: every blob is read and compared with its digest, and every "
	"image must have all its parts."
	"\v"
	"Writes a line for each thing that is wrong. The exit code is 0 when nothing is, 1 when "
	"something is.";

struct verify {
	struct verb_names v;
	bool remove;
	struct store *store;
	const struct progress *progress;
	json_t *damage; /* of {digest or image, problem} */
	json_t *bad;	/* digests */
	uint64_t blobs, bytes, total;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct verify *w = state->input;

	if (key != KEY_REMOVE)
		return verb_names_parse(key, arg, state);
	w->remove = true;
	return 0;
}

static const struct argp argp = {options, parse, NULL, doc, verb_common_child, NULL, NULL};

static void report(struct verify *w, const char *kind, json_t *what, const char *problem)
{
	json_array_append_new(
		w->damage, json_pack("{s:o, s:o}", kind, what, "problem", verb_text(problem)));
}

static int add_size(void *arg, const struct digest *d, uint64_t size)
{
	struct verify *w = arg;

	w->total += size;
	return 0;
}

static int check_blob(void *arg, const struct digest *d, uint64_t size)
{
	struct verify *w = arg;
	struct image_error e;

	if (blob_verify(w->store, d, NULL, &e)) {
		report(w, "digest", brief_digest_json(d), e.text);
		json_array_append_new(w->bad, brief_digest_json(d));
	}
	w->blobs++;
	w->bytes += size;
	progress_report(w->progress, "verifying", w->bytes, w->total);
	return 0;
}

/* Layers and their sizes; their content was compared with their digests before. */
static int check_layers(struct store *s, const struct manifest *m, struct image_error *e)
{
	for (size_t i = 0; i < m->nlayers; i++) {
		const struct descriptor *d = &m->layers[i];
		uint64_t size;
		int fd, r = blob_open(s, &d->digest, &fd, &size, e);

		if (r)
			return image_within(e, r, "layer %zu", i + 1);
		close(fd);
		if (size != d->size)
			return image_fail(e, -EBADMSG,
				"layer %zu: sha256:%s has %llu bytes where %llu were promised",
				i + 1, d->digest.hex, (unsigned long long)size,
				(unsigned long long)d->size);
	}
	return 0;
}

static void check_image(struct verify *w, const struct store_ref *ref)
{
	struct descriptor d = {.digest = ref->digest, .size = ref->size};
	struct image_error e;
	struct brief b;
	json_t *name = *ref->name ? verb_text(ref->name) : brief_digest_json(&ref->digest);
	int r;

	memcpy(d.media_type, ref->media_type, sizeof d.media_type);
	r = brief_load(w->store, &d, &b, &e);
	if (!r) {
		r = check_layers(w->store, &b.manifest, &e);
		brief_clear(&b);
	}
	if (r && r != -ENOEXEC) /* one for another machine is whole all the same */
		report(w, "image", json_incref(name), e.text);
	json_decref(name);
}

static int check_images(struct verify *w, struct image_error *e)
{
	struct store_ref *refs;
	size_t n;
	int r = store_list(w->store, &refs, &n, e);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		check_image(w, &refs[i]);
	free(refs);
	return 0;
}

static int remove_bad(struct verify *w, struct image_error *e)
{
	for (size_t i = 0; i < json_array_size(w->bad); i++) {
		struct digest d;
		int r;

		if (!digest_parse(json_string_value(json_array_get(w->bad, i)), &d))
			continue;
		r = blob_remove(w->store, &d);
		if (r)
			return image_fail(e, r, "cannot remove sha256:%s of the image store %s: %s",
				d.hex, store_dir(w->store), strerror(-r));
	}
	return 0;
}

static int print(const struct verify *w)
{
	size_t n = json_array_size(w->damage);
	int failed;

	if (w->v.common.json) {
		failed = verb_json(json_pack("{s:b, s:I, s:I, s:O, s:b}", "ok", !n, "blobs",
			(json_int_t)w->blobs, "bytes", (json_int_t)w->bytes, "damage", w->damage,
			"removed", w->remove && json_array_size(w->bad)));
		return failed ? failed : n != 0;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(w->damage, i);
		const char *image = json_string_value(json_object_get(o, "image"));

		printf("%s%s%s\n", image ? image : "", image ? ": " : "",
			json_string_value(json_object_get(o, "problem")));
	}
	failed = cli_flush();
	return failed ? failed : n != 0;
}

static int verify(struct verify *w)
{
	struct bar *bar = bar_begin(&w->v.common);
	struct image_error e;
	int r;

	w->progress = bar_progress(bar);
	w->damage = json_array();
	w->bad = json_array();
	blob_each(w->store, add_size, w);
	r = blob_each(w->store, check_blob, w);
	bar_end(bar);
	if (r)
		r = image_fail(&e, r, "cannot read the blobs of the image store %s: %s",
			store_dir(w->store), strerror(-r));
	else
		r = check_images(w, &e);
	if (!r && w->remove)
		r = remove_bad(w, &e);
	r = r ? verb_failed(&e) : print(w);
	json_decref(w->damage);
	json_decref(w->bad);
	return r;
}

static int run(int argc, char **argv)
{
	struct verify w = {.v = {.verb = "verify"}};
	struct image_error e;
	int r, code;

	if (cli_parse(&verb_verify, argc, argv, 0, &w))
		return POLICY_FAILED;
	r = w.remove ? verb_open_alone(&w.v, false, &w.store, &e)
		     : store_open(w.v.common.store, STORE_READ, false, &w.store, &e);
	if (r)
		return verb_failed(&e);
	code = verify(&w);
	store_close(w.store);
	return code;
}

const struct cli_verb verb_verify = {
	"verify", "Look for damage in the store", "sandbox image verify", &argp, run};

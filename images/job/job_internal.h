/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGES_JOB_INTERNAL_H
#define IMAGES_JOB_INTERNAL_H

#include "images/job/job.h"
#include "images/job/tree.h"

/* -- reading a file (load.c, step.c, keys.c, expand.c) -- */

struct reader {
	const char *file;
	struct arena *arena;
	struct image_error *e;
	const struct job_pair *matrix; /* values of this entry */
	size_t nmatrix;
};

__attribute__((format(printf, 3, 4))) int reader_fail(
	struct reader *r, const struct tree *t, const char *fmt, ...);
int reader_memory(struct reader *r, const struct tree *t);
/* Text with each ${{ matrix.NAME }} replaced; -EINVAL if t is not text. */
int reader_text(struct reader *r, const struct tree *t, const char **out);
/* An array of t->nkids elements of `size`. */
int reader_array(struct reader *r, const struct tree *t, size_t size, void *out);

/* What may stand in a map: `into` + offset is given to take. */
struct key {
	const char *name;
	int (*take)(struct reader *r, const struct tree *t, void *into);
	size_t offset;
};
int reader_keys(struct reader *r, const struct tree *map, const struct key *keys, size_t nkeys,
	const char *what, void *into);
int reader_is(struct reader *r, const struct tree *t, enum tree_kind kind);
int take_text(struct reader *r, const struct tree *t, void *into); /* const char **, not empty */

/* Pairs of names that a shell could have and text: before's, then t's own, which win. */
int reader_env(struct reader *r, const struct tree *t, const struct job_pair *before,
	size_t nbefore, struct job_pair **out, size_t *n);
int reader_step(struct reader *r, const struct tree *t, size_t number, const struct tree *env,
	struct job_step *out);

/* -- running (run.c, command.c, lines.c, artifact.c) -- */

/* Cuts a stream of bytes into lines without control characters (colours stay). */
struct lines {
	char buf[4096];
	size_t n;
};
typedef void (*lines_fn)(void *arg, const char *line);
void lines_add(struct lines *l, const char *data, size_t n, lines_fn fn, void *arg);
void lines_end(struct lines *l, lines_fn fn, void *arg);
void tail_add(struct job_tail *t, const char *line);

/* The arguments of one step's `sandbox run`: malloc'ed, NULL-terminated. */
int step_argv(const struct job *j, const struct job_step *s, const char *sandbox,
	const char *workspace, char ***out, struct image_error *e);
void step_argv_free(char **argv);

/* "12.3 s", "2 min 05 s" */
void job_duration(uint64_t ns, char out[24]);

int artifact_copy(const char *workspace, const struct job_artifact *a, struct image_error *e);

#endif

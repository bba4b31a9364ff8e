/* SPDX-License-Identifier: Apache-2.0
 *
 * CI job files: what one says (docs/job.md), and running it as children of `sandbox run`.
 */
#ifndef IMAGES_JOB_H
#define IMAGES_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "images/error.h"
#include "images/job/arena.h"

#define JOB_FILE_MAX	(1u << 20)
#define JOB_ENTRIES_MAX 256u
#define JOB_STEPS_MAX	256u
#define JOB_WORKSPACE	"/workspace" /* where steps find what they share */

struct job_pair {
	const char *name, *value;
};
struct job_mount {
	const char *host, *path;
	bool writable;
};
struct job_cache {
	const char *name, *path;
};
struct job_artifact {
	const char *path; /* relative to the workspace */
	const char *to;
};

enum job_outcome {
	JOB_WAITING,
	JOB_RUNNING,
	JOB_PASSED,
	JOB_FAILED,
	JOB_ALLOWED, /* failed, and may: continue-on-error */
	JOB_SKIPPED, /* a step before it failed */
	JOB_INTERRUPTED,
};
const char *job_outcome_name(enum job_outcome o);

/* The last of what a step said: whole lines, cleaned. */
#define JOB_TAIL_MAX (64u << 10)
struct job_tail {
	char *text; /* malloc'ed */
	size_t n;
	bool cut; /* there was more before it */
};

struct job_step {
	const char *name, *image, *run, *workdir;
	const char *cpus, *mem, *pids, *timeout; /* as `sandbox run` takes them; or NULL */
	const char **command;			 /* NULL-terminated, or NULL */
	struct job_pair *env;			 /* the job's and the step's own */
	struct job_mount *mounts;
	struct job_cache *caches;
	struct job_artifact *artifacts;
	size_t nenv, nmounts, ncaches, nartifacts;
	bool continue_on_error;
	unsigned line;
	/* What came of it. */
	enum job_outcome outcome;
	int code;
	uint64_t start_ns, ns;
	struct job_tail tail;
	struct image_error why; /* "": it ran */
};

/* One combination of the matrix, or the only one. */
struct job_entry {
	const char *label; /* "python=3.11 os=debian", or "" */
	struct job_pair *matrix;
	size_t nmatrix;
	struct job_step *steps;
	size_t nsteps;
};

struct job {
	struct arena arena;
	const char *name;
	struct job_entry *entries;
	size_t nentries;
	uint64_t ns;
};

/* file: what errors begin with, as FILE:LINE. */
int job_parse(
	const char *file, const char *data, size_t n, struct job **out, struct image_error *e);
int job_load(const char *path, struct job **out, struct image_error *e); /* "-": stdin */
void job_free(struct job *j);

/* Told of all that happens; text is without control characters. */
struct job_view {
	void (*step_begin)(struct job_view *v, const struct job_entry *n, const struct job_step *s);
	void (*line)(struct job_view *v, const struct job_entry *n, const char *text);
	void (*step_end)(struct job_view *v, const struct job_entry *n, const struct job_step *s);
	void (*tick)(struct job_view *v); /* ten times a second */
	void (*resized)(struct job_view *v);
	void (*end)(struct job_view *v);
};
/* out: a terminal, or where lines are to go. parallel: lines of several entries mix. */
struct job_view *view_live(const struct job *j, int out);
struct job_view *view_plain(const struct job *j, int out, bool parallel);

struct job_options {
	unsigned parallel; /* entries at a time, at least 1 */
	struct job_view *view;
	const char *store; /* of images, or NULL */
};
/* 0: everything ran to its end, and each step's outcome says how. *signal: what the user ended it
 * with, or 0. Signals that end a job are blocked from then on: what follows is brief. */
int job_run(struct job *j, const struct job_options *o, int *signal, struct image_error *e);
int job_code(const struct job *j); /* of the first step that failed, in the file's order; or 0 */

/* Summaries for machines. -errno of the stream. */
int job_json(const struct job *j, int code, FILE *out);
int job_junit(const struct job *j, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-profile: from records of samples to names, to a tree, to a page.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/observe/samples.h"
#include "runtime/profile/hash.h"

/* -- names.c: each text once, and only what can stand in XML, JSON and a terminal -- */
struct names;
struct names *names_new(void);
void names_free(struct names *n);
/* The number of `text`, at most `len` bytes of it. Never fails: where there are too many, or there
 * is no memory for more, it is that of "[other]". */
uint32_t names_add(struct names *n, const char *text, size_t len);
const char *names_text(const struct names *n, uint32_t name);

/* -- stacks.c: a tree of frames, each with its parent; 0 is the root, parents come first -- */
enum stack_frame {	      /* beside a sample's files: what a frame is */
	STACK_NAME = 0x10000, /* value: of names */
	STACK_CALL,	      /* value: a system call's number */
	STACK_FAULT,
	STACK_SLOT = 24, /* a bit */
};
struct stack_node {
	uint64_t value;
	/* Of struct samples_frame, or enum stack_frame; with a frame's slot << STACK_SLOT, which
	 * may be no caller. */
	uint32_t file;
	uint32_t parent;
	uint64_t self, total; /* total: after stacks_sum */
};
struct stacks {
	struct hash_seed seed;
	struct stack_node *node;
	uint32_t *slot; /* hash table of nodes */
	uint32_t count;
	uint64_t cut; /* samples that ended where there were too many nodes */
};
int stacks_init(struct stacks *s);
void stacks_free(struct stacks *s);
/* The child, made if need be; 0 when there are too many. */
uint32_t stacks_child(struct stacks *s, uint32_t parent, uint32_t file, uint64_t value);
void stacks_sum(struct stacks *s);

/* -- symbols.c: the files that frames are in -- */
struct symbols;
/* dir: a directory that has the files under their paths inside; NULL: only the host's own. */
struct symbols *symbols_new(const char *dir);
void symbols_free(struct symbols *s);
void symbols_file(struct symbols *s, const struct samples_file *f);
/* Which word of the stack is the return address at an innermost frame, as elf_file_caller. */
int symbols_caller(struct symbols *s, uint32_t file, uint64_t value);
/* The name of what is at a frame. */
uint32_t symbols_name(struct symbols *s, struct names *n, uint32_t file, uint64_t value);

/* stacks.c: one more sample. Reads no file: while it does the launcher would stop sampling. */
void stacks_add(struct stacks *s, struct names *n, const struct samples_sample *sample);

/* -- tree.c: the same by names, siblings in the order of their names -- */
struct tree {
	struct stacks by_name;
	uint32_t *order; /* nodes as they are visited from the root, children behind parents */
	uint32_t *depth; /* by node */
};
int tree_make(struct tree *t, const struct stacks *raw, struct symbols *s, struct names *n);
void tree_free(struct tree *t);

/* -- what is written: 0 or -ENOMEM -- */
struct profile_about {
	const char *title; /* cleaned */
	uint32_t hz;
	uint64_t samples, lost, cut;
	const char *backend; /* "" if not known */
};
void folded_write(FILE *out, const struct tree *t, const struct names *n);
int json_write(
	FILE *out, const struct tree *t, const struct names *n, const struct profile_about *about);
int flame_write(
	FILE *out, const struct tree *t, const struct names *n, const struct profile_about *about);

#endif

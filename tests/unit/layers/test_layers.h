/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_LAYERS_H
#define TEST_LAYERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "images/layer/layer_internal.h"

extern const struct CMUnitTest read_tests[], sorted_tests[], stock_tests[], tree_tests[],
	write_tests[];
extern const size_t read_ntests, sorted_ntests, stock_ntests, tree_ntests, write_ntests;

int scratch_enter(void **state); /* into an empty directory of the test's own */
int scratch_leave(void **state);
struct store *store_here(void);
#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

/* -- archives made by hand: what no honest writer would make -- */

struct tar {
	char *data;
	size_t n;
};
/* size is what the header says; content what follows it (NULL: nothing). */
void tar_member(struct tar *t, char type, const char *name, const char *link, uint64_t size,
	const char *content);
void tar_file(struct tar *t, const char *name, const char *content);
/* A pax header for the next member. */
void tar_pax(struct tar *t, const char *key, const void *value, size_t n);
void tar_end(struct tar *t);
void tar_free(struct tar *t);

/* -- what a sink was told, a line for each call:
 * "file etc/motd 0644 0:0 8", "dir etc 0755 0:0", "link a -> b", "hard b = a", "gone x", "opaque
 * d", "dev x 1,3", "  user.a=3" and "  data 0+8" -- */
struct log {
	char text[65536];
	size_t n;
};
struct layer_sink log_sink(struct log *l);

/* Reads what t holds; the result of layer_read_fd. */
int tar_read(const struct tar *t, struct log *l, struct image_error *e);
int bytes_read(const void *data, size_t n, struct layer_limits *limits, struct log *l,
	struct image_error *e);
void expect_refused(struct tar *t, const char *part); /* ends and frees t */
void expect_log(struct tar *t, const char *text);     /* the same */
void expect_failure(int got, int expected, const struct image_error *e, const char *part);
void expect_ok(int got, const struct image_error *e);

#endif

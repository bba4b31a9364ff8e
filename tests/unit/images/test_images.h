/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_IMAGES_H
#define TEST_IMAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "images/store/store.h"

/* Each test has an empty directory to itself, the current one; the store is "s" in it. */
int scratch_enter(void **state);
int scratch_leave(void **state);

struct store *store_here(enum store_mode mode);
/* Fails unless err is what was expected and the sentence says `part`. */
void expect_failure(int got, int expected, const struct image_error *e, const char *part);
void file_write(const char *path, const void *data, size_t n);
size_t file_count(const char *dir); /* without those whose name begins with a dot */
void blob_file(const struct digest *d, char out[160]);

#define WITH_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int group_name(void), group_open(void), group_blob(void), group_names(void);

#endif

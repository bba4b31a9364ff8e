/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_IMAGES_H
#define TEST_IMAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "images/oci/oci.h"

/* Each test has an empty directory to itself, the current one; the store is "s" in it. */
int scratch_enter(void **state);
int scratch_leave(void **state);

struct store *store_here(enum store_mode mode);
/* Fails unless err is what was expected and the sentence says `part`. */
void expect_failure(int got, int expected, const struct image_error *e, const char *part);
void file_write(const char *path, const void *data, size_t n);
size_t file_count(const char *dir); /* without those whose name begins with a dot */
/* An image of one layer; its configuration has this member "config". *out: its manifest. */
void image_put(struct store *s, const char *name, const char *config, struct descriptor *out);
/* A document under a name, whatever it is. */
void document_put(struct store *s, const char *name, const char *type, const char *text,
	struct store_ref *out);
void blob_file(const struct digest *d, char out[160]);

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define DESCRIPTOR(type, hex)                                                                      \
	"{\"mediaType\":\"" type "\",\"size\":7,\"digest\":\"sha256:" hex "\"}"

#define WITH_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int group_name(void), group_open(void), group_blob(void), group_names(void), group_manifest(void),
	group_config(void), group_image(void), group_image_open(void), group_kill(void),
	group_scratch(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What went wrong, for the user. Functions of images/ that take one return 0, or -errno with the
 * sentence filled; nothing under images/ but images/cli prints.
 */
#ifndef IMAGES_ERROR_H
#define IMAGES_ERROR_H

struct image_error {
	char text[512]; /* one line, without "sandbox: ", may hold what a stranger named things:
			   clean it to print */
};

/* Fills *e (unless NULL) and returns err, a negative errno. */
__attribute__((format(printf, 3, 4))) int image_fail(
	struct image_error *e, int err, const char *fmt, ...);
/* Puts "CONTEXT: " before what *e says. Returns err. */
__attribute__((format(printf, 3, 4))) int image_within(
	struct image_error *e, int err, const char *fmt, ...);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that the reader can be asked of an image, for damaged ones: it may say no, and must
 * stay within its bounds. Directories are entered a few levels deep only: a damaged tree may be
 * endless.
 */
#ifndef TEST_FLAT_READ_ALL_H
#define TEST_FLAT_READ_ALL_H

#include "images/flat/flat.h"

void read_all(int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The changes of an image, handed out at the end.
 */
#ifndef FS_KEEP_H
#define FS_KEEP_H

#include "fs/vfs.h"

/* Writes them to the host's file of this handle. s: of image_mount. What goes wrong is logged, and
 * the archive has no end. */
void imagefs_keep(struct super *s, u32 handle);

#endif

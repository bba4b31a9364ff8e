/* SPDX-License-Identifier: Apache-2.0
 * Character devices, by Linux's numbers.
 */
#ifndef FS_DEV_H
#define FS_DEV_H

#include "fs/vfs.h"

/* open(2) of a character device; sets f->ops and f->priv. f->inode is i. -ENXIO: no such device. */
int dev_open(struct inode *i, struct file *f);

#endif

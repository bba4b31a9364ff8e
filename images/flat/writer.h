/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the writer: out (the file), content (of the file that is being read), xattr, sink
 * (layers into the tree), metadata (the tree into the file, at the end).
 */
#ifndef FLAT_WRITER_H
#define FLAT_WRITER_H

#include "images/flat/flat.h"
#include "images/flat/tree.h"
#include "kernel-shim/abi/erofs.h"

#define FLAT_CHUNKS_MAX (1u << 16)     /* entries of a file's table; larger files, larger chunks */
#define FLAT_TAILS_MAX	(256ull << 20) /* ends of files in memory; later ones take whole blocks */
#define FLAT_STAGE	(256u << 10)

/* The file: written through a buffer, as neighbours mostly follow each other. */
struct out {
	int fd;
	uint64_t at; /* where the buffer belongs */
	size_t used;
	uint8_t *stage;
	uint64_t next; /* first free block */
};
int out_begin(struct out *o, int fd, struct image_error *e);
void out_end(struct out *o);
int out_write(struct out *o, uint64_t at, const void *data, size_t n, struct image_error *e);
int out_flush(struct out *o, struct image_error *e);
int out_reserve(struct out *o, uint64_t blocks, uint32_t *first, struct image_error *e);
/* Blocks that nobody needs any more: zeros from now on, without space where the file system can. */
int out_discard(struct out *o, uint32_t first, uint64_t blocks, struct image_error *e);

/* The regular file whose content comes in. */
struct content {
	struct node *file; /* NULL: none */
	uint64_t end;	   /* of what came */
	uint64_t block;	   /* that page holds */
	uint64_t nblocks;  /* that may get space: all, or all but an inline tail */
	bool dirty;	   /* page holds something */
	uint32_t nmap;
	uint32_t map[FLAT_CHUNKS_MAX];
	uint8_t page[EROFS_BLOCK];
};

struct flat_writer {
	struct tree tree;
	struct out out;
	struct content content;
	struct layer_sink sink;
	uint64_t tails;	    /* bytes of ends of regular files in memory */
	bool done;	    /* the tree is only taken down: its blocks stay */
	int failed;	    /* where nothing can be returned */
	char left_out[256]; /* attributes that the format has no place for */
};

int content_begin(struct flat_writer *w, struct node *file, struct image_error *e);
int content_add(
	struct flat_writer *w, const void *data, size_t n, uint64_t offset, struct image_error *e);
int content_end(struct flat_writer *w, struct image_error *e); /* no file open: nothing */
/* Blocks of a symbolic link that is too long for its inode's block. */
int content_link(struct flat_writer *w, struct node *link, struct image_error *e);
/* For tree.gone. */
void content_gone(void *arg, const struct node *n);
/* Whether tail bytes fit behind the inode and its attributes in one block. */
static inline bool content_fits(const struct node *n, uint64_t tail)
{
	return sizeof(struct erofs_inode_extended) + n->xattr_size + tail <= EROFS_BLOCK;
}

/* The area of attributes as it is on disk; *area NULL for none. Names of those that it has no place
 * for are added to left_out. */
int xattr_pack(const struct layer_xattr *x, size_t n, uint8_t **area, uint32_t *size,
	char left_out[256], struct image_error *e);

/* One directory's entries with "." and "..", and how they fall into blocks. */
struct dir_item {
	const char *name;
	size_t len;
	const struct node *node;
};
int dir_items(const struct node *dir, struct dir_item **out, size_t *n); /* malloc'ed; -ENOMEM */
/* How many of n items fit in a block; *bytes: what they fill of it. */
size_t dir_fit(const struct dir_item *items, size_t n, size_t *bytes);
void dir_block(const struct dir_item *items, size_t n, uint8_t block[EROFS_BLOCK]);

/* Inodes, directories and the superblock, after all content. */
int metadata_write(struct flat_writer *w, struct image_error *e);
/* The superblock, checksummed, at its place in block 0. */
void super_fill(uint8_t block[EROFS_BLOCK], struct erofs_super *s);

#endif

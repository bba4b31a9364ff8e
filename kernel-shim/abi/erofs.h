/* SPDX-License-Identifier: Apache-2.0
 *
 * The EROFS on-disk format (Linux' Documentation/filesystems/erofs.rst), as much of it as flattened
 * images use: images/flat writes it, fs/imagefs reads it. Uncompressed, 4 KiB blocks, all integers
 * little-endian. erofs-utils of Debian 12 (fsck.erofs) and Linux read the same files.
 *
 *   block 0: superblock at byte 1024; file data at whole blocks; metadata from meta_blkaddr on.
 *   An inode's number (nid) is its byte offset from the metadata's start / 32. The root's must fit
 * 16 bits. After an inode: its extended attributes, then the tail of its data (EROFS_INLINE) or its
 * chunk table (EROFS_CHUNKS).
 */
#ifndef ABI_EROFS_H
#define ABI_EROFS_H

#include <stdint.h>

#define EROFS_SUPER_OFFSET 1024u
#define EROFS_MAGIC	   0xe0f5e1e2u
#define EROFS_BLOCK	   4096u
#define EROFS_SLOT	   32u /* bytes of a nid */

#define EROFS_COMPAT_CHECKSUM                                                                      \
	1u /* crc32c of the first block from the superblock on, with checksum 0, seed ~0 */
#define EROFS_INCOMPAT_CHUNKS 4u

struct erofs_super {
	uint32_t magic;
	uint32_t checksum;
	uint32_t feature_compat;
	uint8_t blkszbits; /* 12 */
	uint8_t extslots;  /* 0 */
	uint16_t root_nid;
	uint64_t inos;
	uint64_t build_time;
	uint32_t build_time_ns;
	uint32_t blocks;
	uint32_t meta_blkaddr;
	uint32_t xattr_blkaddr; /* of shared attributes */
	uint8_t uuid[16];
	uint8_t volume_name[16];
	uint32_t feature_incompat;
	uint16_t compression;
	uint16_t extra_devices;
	uint16_t devt_slotoff;
	uint8_t reserved[38];
};

/* i_format: bit 0 extended, bits 1-3 layout */
#define EROFS_EXTENDED	   1u
#define EROFS_LAYOUT(fmt)  (((fmt) >> 1) & 7u)
#define EROFS_FORMAT_KNOWN 0xfu
enum erofs_layout {
	EROFS_PLAIN = 0,  /* all data from block u on */
	EROFS_INLINE = 2, /* whole blocks from block u on, the rest after the inode, in the inode's
			     own block */
	EROFS_CHUNKS = 4, /* a table of block numbers after the inode: files with holes */
};

struct erofs_inode_compact {
	uint16_t format;
	uint16_t xattr_icount;
	uint16_t mode;
	uint16_t nlink;
	uint32_t size;
	uint32_t reserved;
	uint32_t u; /* first block, device number (new_encode_dev) or chunk format */
	uint32_t ino;
	uint16_t uid, gid;
	uint32_t reserved2;
};

struct erofs_inode_extended {
	uint16_t format;
	uint16_t xattr_icount; /* 0: none; n: a header of 12 bytes and 4 * (n - 1) bytes of them */
	uint16_t mode;
	uint16_t reserved;
	uint64_t size;
	uint32_t u;
	uint32_t ino;
	uint32_t uid, gid;
	uint64_t mtime;
	uint32_t mtime_ns;
	uint32_t nlink;
	uint8_t reserved2[16];
};

/* EROFS_CHUNKS: u's low 16 bits. The table holds uint32_t block numbers (or, with
 * EROFS_CHUNK_INDEXES, which is not written here, records of 8 bytes that end with one), aligned to
 * their size. */
#define EROFS_CHUNK_BITS    0x1fu /* blocks of a chunk, as a power of 2 */
#define EROFS_CHUNK_INDEXES 0x20u
#define EROFS_HOLE	    0xffffffffu

/* A directory is blocks (the last may be short); a block is entries, sorted by name (bytes), then
 * the names. The first entry's name_off / 12 is their number; the last name ends at a NUL or with
 * the block. Blocks are in order too. "." and ".." are entries. */
struct erofs_dirent {
	uint64_t nid;
	uint16_t name_off;
	uint8_t type; /* EROFS_FT_* */
	uint8_t reserved;
} __attribute__((packed));
enum {
	EROFS_FT_REG = 1,
	EROFS_FT_DIR,
	EROFS_FT_CHR,
	EROFS_FT_BLK,
	EROFS_FT_FIFO,
	EROFS_FT_SOCK,
	EROFS_FT_LNK
};

/* Extended attributes: the header, nshared numbers of shared ones (byte offset / 4 from
 * xattr_blkaddr), then entries, each padded to 4 bytes: name without its prefix, then the value. */
struct erofs_xattr_header {
	uint32_t filter;
	uint8_t nshared;
	uint8_t reserved[7];
};
struct erofs_xattr_entry {
	uint8_t name_len;
	uint8_t prefix; /* EROFS_XATTR_* */
	uint16_t value_size;
};
enum {
	EROFS_XATTR_USER = 1,
	EROFS_XATTR_ACL_ACCESS,	 /* the whole name */
	EROFS_XATTR_ACL_DEFAULT, /* the whole name */
	EROFS_XATTR_TRUSTED,
	EROFS_XATTR_SECURITY = 6,
};

#endif

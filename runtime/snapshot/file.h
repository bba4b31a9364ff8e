/* SPDX-License-Identifier: Apache-2.0
 *
 * A snapshot's file: a page of head, the parts, the table of extents, and then guest memory, whole
 * pages at multiples of the page size, so that it can be mapped. All of it has checksums (XXH3, 64
 * bits), which tell damage, not forgery: what is in the parts is the reader's to doubt.
 */
#ifndef SNAPSHOT_FILE_H
#define SNAPSHOT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_MAGIC	     "SANDSNAP"
#define SNAPSHOT_VERSION     2u
#define SNAPSHOT_PAGE	     4096u
#define SNAPSHOT_PART_MAX    (64u << 20)
#define SNAPSHOT_EXTENTS_MAX 32768u /* each is a mapping, of which a process has some 65,000 */

enum snapshot_part {
	SNAPSHOT_CONFIG,  /* what the sandbox was given (launch) */
	SNAPSHOT_SERVICE, /* what is open and watched (service) */
	SNAPSHOT_HOME,	  /* vCPU and clocks (launch) */
	SNAPSHOT_PARTS
};

#define SNAPSHOT_CPU_WORDS 12

/* What must be there again. Strings end with 0. */
struct snapshot_needs {
	char backend[16], home[16];
	uint64_t build; /* of the shim's image and what goes with it */
	uint64_t mem_size, xcr0;
	uint32_t xsave_size, cpus;
	uint32_t caps;			  /* that must be the same */
	uint32_t cpu_vendor[3];		  /* CPUID, leaf 0 */
	uint32_t cpu[SNAPSHOT_CPU_WORDS]; /* bits that must be there */
};

struct snapshot_extent {
	uint64_t gpa, size; /* whole pages */
	uint64_t off;	    /* in the file, of a page */
	uint64_t stored;    /* bytes there: size, or fewer, and then they are one frame of zstd */
	uint64_t sum;	    /* of these */
};
#define SNAPSHOT_FRAME_MAX (16u << 20) /* of what is in a frame */

/* libzstd, which is loaded by whoever wants it only: launchers begin often. 0 or -ENOENT. */
struct snapshot_zstd {
	void *library;
	size_t (*compress)(void *to, size_t room, const void *from, size_t n, int level);
	size_t (*decompress)(void *to, size_t room, const void *from, size_t n);
	unsigned (*is_error)(size_t code);
};
int snapshot_zstd_load(struct snapshot_zstd *z);
void snapshot_zstd_unload(struct snapshot_zstd *z);

struct snapshot_bytes {
	uint8_t *p;
	uint64_t n;
};

/* For `build`. */
uint64_t snapshot_hash(const void *p, size_t n);

/* -- writing -- */

/* ram: where guest-physical 0 is. Of the extents gpa and size are given, sorted, with gaps between
 * them, not adjacent to each other; the rest is filled in. zstd: they are compressed, and have at
 * most SNAPSHOT_FRAME_MAX bytes; or NULL. `stop` is asked every now and then: not
 * 0 ends it with that. 0 or -errno. */
struct snapshot_source {
	const struct snapshot_needs *needs;
	struct snapshot_bytes part[SNAPSHOT_PARTS];
	const uint8_t *ram;
	struct snapshot_extent *extent;
	uint32_t nextents;
	const struct snapshot_zstd *zstd;
	int (*stop)(void *arg);
	void *arg;
};
int snapshot_write(int fd, const struct snapshot_source *from);

/* -- reading -- */

struct snapshot_file {
	int fd; /* the caller's */
	struct snapshot_needs needs;
	struct snapshot_bytes part[SNAPSHOT_PARTS]; /* private copies */
	struct snapshot_extent *extent; /* sorted, disjoint, within mem_size and the file */
	uint32_t nextents;
	uint64_t size;
};

/* Head, parts and extents, checked. 0, or -errno with a sentence without a subject in why: "is cut
 * off". */
int snapshot_file_open(struct snapshot_file *f, int fd, char *why, size_t why_size);
/* Is any of it compressed? */
bool snapshot_file_packed(const struct snapshot_file *f);
/* Fills `to` with an extent that is. 0 or -errno. */
int snapshot_file_unpack(const struct snapshot_file *f, const struct snapshot_extent *e,
	const struct snapshot_zstd *z, uint8_t *to);
/* That memory is what it was: reads all of it. As above. */
int snapshot_file_verify(const struct snapshot_file *f, char *why, size_t why_size);
/* Who else could have written it? What a snapshot says is granted will be opened. As above. */
int snapshot_file_trust(int fd, char *why, size_t why_size);
void snapshot_file_close(struct snapshot_file *f);

#endif

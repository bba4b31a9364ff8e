/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of what user code is doing: where they are written, and in what form. In home host the
 * shim writes them (home/host/sample.c), in home guest the launcher's vCPU threads
 * (runtime/sample); a process of the launcher's user reads them (runtime/observe/samples.h). One
 * page of control, then a ring of records.
 *
 * The reader says what it wants in `request` and until when in `until_ns`: one that is killed stops
 * asking, but for a ring of its own (--samples-fd), which asks without end. The writer believes
 * neither a number of the reader's nor that the pages of the ring are there; a reader that is late
 * loses samples, and `lost` counts them.
 */
#ifndef ABI_SAMPLES_H
#define ABI_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLES_VERSION 1u
#define SAMPLES_CONTROL 4096u	   /* bytes, before the ring */
#define SAMPLES_RING	(1u << 20) /* bytes */
#define SAMPLES_SIZE	(SAMPLES_CONTROL + SAMPLES_RING)
#define SAMPLES_HZ_MAX	1000u
#define SAMPLES_FRAMES	128u /* the most of one stack */
#define SAMPLES_WORDS	32u  /* of the stack, from RSP on, that are looked at for a caller */
#define SAMPLES_FILES	1024u
#define SAMPLES_PATH	1024u /* with its NUL */
/* User code that would run on for longer comes out, to see whether somebody asks. */
#define SAMPLES_LOOK_NS 200000000ull

struct samples_control {
	/* The reader's. */
	uint64_t request;  /* session << 32 | samples per second; 0: none */
	uint64_t until_ns; /* CLOCK_MONOTONIC */
	uint64_t tail;	   /* bytes that were taken out of the ring so far */
	uint64_t pad0[5];
	/* The writer's. */
	uint64_t head; /* bytes that were put into it so far */
	uint64_t lost; /* samples that found no room */
	uint64_t pad1[6];
};
_Static_assert(sizeof(struct samples_control) == 128, "samples ABI");

enum samples_kind {
	SAMPLES_BEGIN = 1, /* struct samples_begin: what follows is of this session */
	SAMPLES_FILE,	   /* struct samples_file: comes before the samples that name it */
	SAMPLES_SAMPLE,	   /* struct samples_sample */
};

/* Of each record. Records follow each other, across the ring's end too. */
struct samples_head {
	uint32_t size; /* of the record with this, a multiple of 8 */
	uint32_t kind; /* enum samples_kind */
};

struct samples_begin {
	struct samples_head head;
	uint64_t session;
};

/* What a frame's `file` says: one of these, or of a SAMPLES_FILE. */
enum samples_place {
	SAMPLES_NOWHERE,   /* nothing executable is mapped there; value is the address */
	SAMPLES_ANONYMOUS, /* memory of no file: code that was made; value is the address */
	SAMPLES_VDSO,	   /* value is the offset in the image */
	SAMPLES_FIRST_FILE = 16,
};

enum samples_file_type {
	SAMPLES_HOST_FILE,  /* dev, ino: the host's */
	SAMPLES_INNER_FILE, /* of an image or in memory: there is no file of the host that is it */
};

struct samples_file {
	struct samples_head head;
	uint32_t id, type;
	uint64_t dev, ino;
	uint16_t path_len, host_len; /* without NUL */
	uint32_t pad;
	/* path_len bytes: the path inside; host_len bytes: where the host may have it, or nothing
	 */
	char text[];
};
_Static_assert(sizeof(struct samples_file) == 40, "samples ABI");

/* Value is an offset in the file, of the instruction or, but for the first frame, of the call's
 * last byte. */
struct samples_frame {
	uint64_t value;
	uint32_t file;
	/* 0; or 1 + n: it is the n-th word of the stack from RSP on, which may be a return address.
	 * Those come behind the innermost frame: a function without a frame pointer of its own has
	 * its caller there, where only its file says. */
	uint32_t slot;
};

enum samples_in {
	SAMPLES_IN_USER,
	SAMPLES_IN_CALL,  /* the shim answers system call `nr` for it */
	SAMPLES_IN_FAULT, /* or its page fault or exception */
	SAMPLES_IN_OTHER, /* or was interrupted */
};

struct samples_sample {
	struct samples_head head;
	uint32_t pid, tid;
	uint32_t ticks; /* how many periods it stands for */
	uint16_t in;	/* enum samples_in */
	uint16_t nr;
	uint16_t cpu, nframes;
	uint32_t pad;
	char comm[16]; /* ends with NUL; any bytes */
	struct samples_frame frame[];
};
_Static_assert(sizeof(struct samples_sample) == 48, "samples ABI");

#define SAMPLES_RECORD_MAX                                                                         \
	(sizeof(struct samples_sample) + SAMPLES_FRAMES * sizeof(struct samples_frame))
_Static_assert(sizeof(struct samples_file) + 2 * SAMPLES_PATH <= SAMPLES_RECORD_MAX,
	"no record is larger than the largest sample");

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_INTERNAL_H
#define SAMPLE_INTERNAL_H

#include <pthread.h>

#include "kernel-shim/home/host/sample_writer.h"
#include "runtime/sample/sample.h"

/* What of it all a look at guest memory needs. */
struct sampler {
	struct sampler_config c;
	pthread_mutex_t lock; /* guards what follows, and is held while a sample is taken */
	uint64_t request;     /* as last seen */
	uint64_t period;      /* 0: nobody asks */
	struct sample_writer writer;
};

/* -- memory.c: false: it is not there -- */

/* At a guest-physical address; at an address of the shim's, in ring 0. */
bool sample_read(const struct sampler *s, uint64_t gpa, void *out, size_t n);
bool sample_read_shim(const struct sampler *s, uint64_t va, void *out, size_t n);
/* As the processor would find it in ring 3, by the tables at guest-physical pgd: pages of 4 KiB. */
struct sample_page {
	uint64_t gpa; /* of the page */
	bool code;    /* it may be executed */
};
bool sample_page(const struct sampler *s, uint64_t pgd, uint64_t va, struct sample_page *out);
/* An aligned word of user code's, in RAM: pages of files are not read, their files may shrink. */
bool sample_user_word(const struct sampler *s, uint64_t pgd, uint64_t va, uint64_t *out);
bool sample_is_code(const struct sampler *s, uint64_t pgd, uint64_t va);

/* -- task.c -- */

/* What runs on a processor, copied. */
struct sample_task {
	uint32_t pid, tid;
	char comm[16];
	uint32_t trap_kind;	/* what the shim was entered for the last time */
	uint64_t rip, rsp, rbp; /* of user code then */
	uint8_t in_syscall;
	uint64_t orig_rax;
	uint64_t pgd, vmas, vdso;
	uint32_t nvmas;
};
/* False: the processor runs no task. */
bool sample_task(const struct sampler *s, uint32_t cpu, struct sample_task *out);

struct sample_vma {
	uint64_t start, end, offset, file;
	uint32_t prot;
};
bool sample_vma(
	const struct sampler *s, const struct sample_task *t, uint64_t va, struct sample_vma *out);

/* -- file.c: the number of the file at `file`, told to the reader when it is seen first;
 * SAMPLES_NOWHERE when it cannot be. -- */
uint32_t sample_inner_file(struct sampler *s, uint64_t file);

/* -- stack.c: where user code is, the innermost frame first; how many. -- */
uint32_t sample_frames(struct sampler *s, const struct sample_task *t, const struct sampler_at *at,
	struct samples_frame out[SAMPLES_FRAMES]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's memory, made up: RAM in a memfd, page tables, and a shim's structures as `layout` has
 * them.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* the libraries' order */
#include <cmocka.h>

#include "kernel-shim/abi/boot.h"
#include "runtime/sample/sample_internal.h"

#define PAGE  4096ull
#define PTE_P 0x001ull
#define PTE_U 0x004ull
#define NX    (1ull << 63)
#define USER  (PTE_P | PTE_U)

#define RAM_SIZE (2ull << 20)
#define CPUS	 0x1000ull /* guest-physical: of two processors */
#define FREE	 0x2000ull

#define CODE  0x400000ull /* of the program: one page, of a file */
#define STACK 0x7f0000000000ull
#define PAGES 4 /* of it */

struct machine {
	int fd; /* of RAM */
	uint64_t used;
	struct service_memory mem;
	struct samples_control *control; /* the ring behind it */
	struct sampler_config config;
	struct sampler *s;
	/* guest-physical */
	uint64_t pgd, mm, task, vma, file, inode, super, host, dentry, mount, stack;
	uint64_t read; /* of the ring */
};

/* One program with a page of code, which is at 0x3000 of its file, and a stack of PAGES pages. */
int machine_setup(void **state);
int machine_teardown(void **state);

void put(struct machine *m, uint64_t gpa, uint64_t value);
uint64_t get(struct machine *m, uint64_t gpa);
uint64_t shim(uint64_t gpa); /* the shim's address of it */
/* Zeroed RAM. */
uint64_t take(struct machine *m, uint64_t size);
/* The place of the last entry that leads to va, made if need be; or of one of an upper level. */
uint64_t entry(struct machine *m, uint64_t va, int level);
/* A name, a directory or file, in `parent` (0: none). */
uint64_t make_dentry(struct machine *m, uint64_t parent, const char *name, uint32_t len);
uint64_t make_mount(struct machine *m, uint64_t root, uint64_t parent, uint64_t mountpoint);

/* What the task would be read as now. */
struct sample_task task_now(struct machine *m);
/* What has come into the ring since the last call, checked as the reader does. */
struct records {
	unsigned begins, files, samples;
	struct { /* of the last one, as the next */
		uint32_t type;
		uint64_t dev, ino;
	} file;
	char path[SAMPLES_PATH], host[SAMPLES_PATH];
	struct {
		uint32_t pid, tid, ticks;
		uint16_t in, nr, cpu;
		char comm[16];
	} sample;
	struct samples_frame frame[SAMPLES_FRAMES];
};
struct records records_now(struct machine *m);
void ask(struct machine *m, uint32_t session, uint32_t hz, uint64_t until);

/* offsets that no other structure has */
enum {
	CPU_TASK = 8,
	TASK_PROC = 0,
	TASK_MM = 8,
	TASK_TID = 16,
	TASK_COMM = 24,
	TASK_KIND = 40,
	TASK_RIP = 48,
	TASK_RSP = 56,
	TASK_RBP = 64,
	TASK_IN_CALL = 72,
	TASK_NR = 80,
	PROCESS_PID = 4,
	MM_PGD = 8,
	MM_VMAS = 16,
	MM_NVMAS = 24,
	MM_VDSO = 32,
	VMA_START = 0,
	VMA_END = 8,
	VMA_OFFSET = 16,
	VMA_FILE = 24,
	VMA_PROT = 32,
	FILE_INODE = 16,
	FILE_MOUNT = 24,
	FILE_DENTRY = 32,
	INODE_SUPER = 24,
	INODE_INO = 32,
	INODE_HOST = 40,
	HOST_DEV = 8,
	SUPER_TYPE = 0,
	SUPER_DEV = 16,
	DENTRY_PARENT = 8,
	DENTRY_NAME = 16,
	DENTRY_LEN = 24,
	DENTRY_UNHASHED = 28,
	MOUNT_ROOT = 0,
	MOUNT_PARENT = 16,
	MOUNT_POINT = 24,
	TRAP_FAULT = 1,
	TRAP_BUS = 3,
};

extern const struct CMUnitTest memory_tests[], stack_tests[], file_tests[], when_tests[];
extern const size_t memory_count, stack_count, file_count, when_count;

#define TEST(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)

#endif

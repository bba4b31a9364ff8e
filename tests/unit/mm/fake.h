/* SPDX-License-Identifier: Apache-2.0
 * A machine for mm/ to run on: RAM from mmap, one task, files whose pages are frames or a window.
 * It records what it was told of the TLB.
 */
#ifndef TESTS_UNIT_MM_FAKE_H
#define TESTS_UNIT_MM_FAKE_H

#include "mm/mm_internal.h"

#define FAKE_MEM	 (64ull << 20)
#define FAKE_WINDOW_SIZE (4ull << 20)

extern struct kernel fake_kernel;
extern struct boot_block fake_boot;
extern struct task fake_task;
extern struct process fake_process;
extern struct fake_tlb {
	u64 flushes, flushed_pages, added_pages;
	u64 last_va, last_pages;
} fake_tlb;

/* A fresh machine with an empty address space; ends the last one. */
void fake_start(void);
void fake_start_zones(u64 user_start); /* as page_init */
/* The address space goes; true if every frame came back but those of the heap's kept slabs. */
bool fake_stop(void);

enum fake_kind { FAKE_FRAMES, FAKE_WINDOW };
struct file *fake_file(enum fake_kind kind, const void *data, size_t size, u32 oflags);
/* The same with a short text at its start. */
struct file *fake_text(enum fake_kind kind, const char *text, size_t size, u32 oflags);
/* What file_open finds under a name; takes the reference. */
void fake_name(const char *name, struct file *f);
void *fake_file_page(struct file *f, u64 index);
void fake_file_shrink(struct file *f, u64 size);
u32 fake_files_alive(void);

/* What a program does: 0, or the negative errno of the fault. */
int prog_access(u64 va, enum mm_access how);
int prog_read(u64 va, u8 *v);
int prog_write(u64 va, u8 v);
u64 prog_pte(u64 va); /* 0: none */

s64 map_anon(u64 addr, u64 pages, u32 prot, u32 flags);

#endif

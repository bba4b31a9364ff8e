/* SPDX-License-Identifier: Apache-2.0
 *
 * Running user code without virtualization: each address space is a process of the host whose every
 * system call and fault comes back here. Knows nothing of the shim or of Linux programs: it maps
 * what it is told and runs registers until something happens.
 *
 * The memory that may be mapped is one memfd and the files that were added; all spaces of one
 * struct process_vm can reach all of it, whatever they were told to map (filter.c). Everything that
 * comes from a space is written by the program.
 *
 * Errors are 0 or -errno. Several threads may run spaces at the same time, each with a runner of
 * its own: process_run of different runners and process_kick need no lock. Every other call does:
 * one for a process_vm, and none on a space that runs.
 */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/process/layout.h"

struct process_vm;
struct process_runner;
struct process_space;

/* What this processor has. */
struct process_caps {
	uint64_t xcr0;	   /* state components that move with a program; 0: FXSAVE only */
	uint32_t fpu_size; /* bytes of an XSAVE area for them, standard format */
	bool fsgsbase;	   /* RDFSBASE and friends work in user mode */
};
/* 0 if processes can be trapped here, else -errno and a sentence in why[]. */
int process_probe(struct process_caps *out, char *why, size_t why_size);

/* ram_fd: what STUB_FD_RAM will be; stays the caller's. */
int process_vm_create(struct process_vm **out, const struct process_caps *caps, int ram_fd);
/* Forks the zygote: call it in the jail that the spaces shall live in, on a thread that lives as
 * long as they. Capabilities are dropped; no_new_privs must be set. pid_namespace: in one of their
 * own, for which CAP_SYS_ADMIN is needed. limit: called in the zygote before it serves, to close
 * its system calls (not 0: it ends); may be NULL. */
int process_vm_start(struct process_vm *vm, bool pid_namespace, int (*limit)(void *arg), void *arg);
void process_vm_destroy(struct process_vm *vm);

/* A process that is to be forked from this one goes on with a zygote and contexts of its own. All
 * spaces were destroyed before, and process_vm_empty called; all that is left of vm is in memory.
 * make: in this process, with what will be the other's STUB_FD_RAM, as large as this one's. become:
 * in the other. drop: closes what become would have taken. Files keep their numbers. */
struct process_heir {
	int control_fd, socket;
	int pid; /* of the zygote, as its PID namespace has it; it leads a process group */
};
void process_vm_empty(struct process_vm *vm); /* those of spaces that were destroyed are gone */
int process_heir_make(struct process_vm *vm, int ram_fd, struct process_heir *out);
int process_heir_become(struct process_vm *vm, int ram_fd, const struct process_heir *h);
void process_heir_drop(struct process_heir *h);

/* A file that may be mapped from now on: its number for stub_op.fd, or -errno. fd stays the
 * caller's. */
int process_file_add(struct process_vm *vm, int fd);
void process_file_remove(struct process_vm *vm, int number);

/* What a thread runs spaces with. It lives as long as vm. */
int process_runner_create(struct process_vm *vm, struct process_runner **out);

/* An empty address space, for r to run. */
int process_space_create(struct process_runner *r, struct process_space **out);
void process_space_destroy(struct process_space *s);

/* Queues an operation for before the next run. */
int process_space_op(struct process_space *s, const struct stub_op *op);
/* Queues that nothing is mapped any more, and forgets what was queued before. */
void process_space_unmap_all(struct process_space *s);
/* Registers for the next run, and after it those that user code had; cs and ss are set by the run.
 */
struct stub_regs *process_regs(struct process_space *s);
struct process_bases { /* of FS and GS */
	uint64_t fs, gs;
};
struct process_bases process_bases_get(const struct process_space *s);
void process_bases_set(struct process_space *s, struct process_bases bases);
/* What the next run takes over: the FPU state in buf (caps.fpu_size bytes, which the processor must
 * not refuse). Else user code goes on with the state that it had. */
void process_fpu_set(struct process_space *s, const void *buf);
/* The state that user code had when the last run ended, in standard format with no component but
 * xcr0's. */
void process_fpu_get(struct process_space *s, void *buf);

/* Patched system calls: seven bytes of a program's text, with a `syscall` in them, can be replaced
 * by those of process_patch_bytes. It is then a PROCESS_CALL instead of a signal. Each has a number
 * below STUB_PATCHES, the caller's choice. A jump into the replacement, to where an instruction may
 * have begun before (patch.c), is SIGILL there; a step into it is SIGTRAP at process_patch_address.
 * Who goes on at a `ret` whose bytes were replaced must go on at process_patch_tail instead. */
#define PROCESS_PATCH_LEN 7
struct process_patch {
	uint64_t at;  /* of the seven bytes */
	uint64_t ret; /* the address after the `syscall` */
	uint32_t nr;  /* if has_nr: `mov $nr,%eax` was replaced too */
	bool has_nr;
	/* what followed the `syscall` and was replaced, fit to be executed anywhere, and the
	 * address where it goes on after that */
	uint8_t tail_len;
	uint8_t tail[6];
	uint64_t next;
};
/* patch_form.c: can the call that returns to ret, with number nr, be replaced? `code` is
 * PROCESS_LOOK_BEFORE bytes before ret and PROCESS_LOOK_AFTER from there on. */
#define PROCESS_LOOK_BEFORE 7
#define PROCESS_LOOK_AFTER  12
bool process_patch_form(const uint8_t *code, uint64_t ret, uint32_t nr, struct process_patch *out);
void process_patch_bytes(uint32_t index, uint8_t out[PROCESS_PATCH_LEN]);
void process_patch_set(struct process_space *s, uint32_t index, const struct process_patch *p);
static inline uint64_t process_patch_address(uint32_t index)
{
	return STUB_PATCH_CODE + (uint64_t)index * STUB_PATCH_SIZE;
}
static inline uint64_t process_patch_tail(uint32_t index)
{
	return process_patch_address(index) + STUB_PATCH_TAIL;
}

enum process_exit_kind {
	PROCESS_CALL,	   /* a patched system call: registers are as after SYSCALL */
	PROCESS_SIGNAL,	   /* signo, code, trapno, error, addr */
	PROCESS_KICK,	   /* process_kick, or nothing at all */
	PROCESS_NOT_RUN,   /* the same, before user code was entered: registers are as they were */
	PROCESS_OP_FAILED, /* op, error (-errno): operations before it were done, those after not */
	PROCESS_DIED,	   /* the process is gone, was tampered with or does not answer: destroy the
			      space */
	PROCESS_EXIT_KINDS
};
struct process_exit {
	enum process_exit_kind kind;
	int signo, code;
	uint32_t arch;
	uint64_t trapno, error, addr;
	struct stub_op op;
};
/* Does the queued operations and runs user code until something happens. */
void process_run(struct process_space *s, struct process_exit *out);
/* The running or the next run of r ends with PROCESS_KICK or PROCESS_NOT_RUN soon. Any thread,
 * signal handlers. */
void process_kick(struct process_runner *r);

struct process_stats {
	uint64_t exits[PROCESS_EXIT_KINDS];
	uint64_t ops;	  /* changes of what is mapped */
	uint64_t spawned; /* processes made */
	uint64_t slept;	  /* turns that the launcher waited for in the kernel */
};
const char *process_exit_name(enum process_exit_kind kind);
void process_stats(const struct process_vm *vm, struct process_stats *out);
/* From now on exits[PROCESS_EXIT_KINDS] follows what the n-th runner that was made counts; never
 * read. */
void process_show(struct process_vm *vm, uint32_t n, _Atomic uint64_t *exits);

#endif

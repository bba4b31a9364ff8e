/* SPDX-License-Identifier: Apache-2.0
 *
 * What the stub (code inside the trapped processes) and the launcher share: addresses, and the
 * context page through which they take turns. Included by C and assembly.
 *
 * Nothing in a context can be believed by the launcher: the program can write to all of it.
 */
#ifndef PROCESS_LAYOUT_H
#define PROCESS_LAYOUT_H

/* The stub's addresses, at the top of the user half; a program's end at STUB_BASE. */
#define STUB_BASE	  0x7fffffe00000
#define STUB_CONST	  (STUB_BASE + 0x8000)	/* struct stub_const, read-only */
#define STUB_TEXT	  (STUB_BASE + 0x10000) /* code, read-only */
#define STUB_TEXT_SIZE	  0x4000
#define STUB_CTX	  (STUB_BASE + 0x40000) /* struct stub_ctx of this process */
#define STUB_CTX_SIZE	  0x20000
#define STUB_PATCH_CODE	  (STUB_BASE + 0x100000) /* where patched calls go: see patch.c */
#define STUB_PATCH_TABLE  0x60000
#define STUB_LOW_END	  0x70000 /* a program's addresses begin here */
#define STUB_PATCHES	  1024
#define STUB_PATCH_SIZE	  64 /* bytes of code for each: the call, then */
#define STUB_PATCH_TAIL	  32 /* what is done after it in place of the program */
#define STUB_TABLE_SIZE	  0x5000
#define STUB_CODE_SIZE	  (STUB_PATCHES * STUB_PATCH_SIZE)
#define STUB_CALL_ENTRY	  (STUB_TEXT + 64)
#define STUB_ZYGOTE_STACK (STUB_BASE + 0x80000)
#define STUB_ZYGOTE_SIZE  0x4000
#define STUB_END	  0x7ffffffff000

/* The control memfd: text, constants, then for each trapped process its context, table and code. */
#define STUB_FILE_TEXT	0
#define STUB_FILE_CONST STUB_TEXT_SIZE
#define STUB_FILE_CTX	0x10000
#define STUB_SLOT_SIZE	(STUB_CTX_SIZE + STUB_TABLE_SIZE + STUB_CODE_SIZE)

/* Descriptors of zygote and stubs, which share one table. */
#define STUB_FD_CONTROL	   0
#define STUB_FD_RAM	   1 /* the programs' part of guest RAM */
#define STUB_FD_SOCKET	   2
#define STUB_FD_FIRST_FILE 3 /* files of the window, as they come */

#define STUB_KICK_SIGNAL 10 /* SIGUSR1: not queued, so that kicks do not pile up frames */
/* For assembly: offsets in struct stub_ctx. */
#define STUB_CTX_KICKED 16
#define STUB_CTX_REGS	88

#define TURN_LAUNCHER 0
#define TURN_STUB     1

#ifndef __ASSEMBLER__
#include <linux/filter.h>
#include <stdint.h>

/* In the order of struct user_regs_struct; rip to ss is what IRETQ takes. */
struct stub_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	uint64_t rax, rcx, rdx, rsi, rdi, orig_rax;
	uint64_t rip, cs, rflags, rsp, ss;
};

enum stub_op_kind { STUB_OP_MAP, STUB_OP_UNMAP, STUB_OP_PROTECT };
struct stub_op {
	uint32_t kind;
	uint32_t prot; /* PROT_* */
	uint64_t addr, len;
	uint32_t fd;	   /* MAP: STUB_FD_RAM or a file's */
	uint32_t populate; /* MAP: make the page-table entries now */
	uint64_t offset;   /* MAP: in the file */
};
#define STUB_OPS 96

/* What the launcher asks for, in ctx.flags, after the operations. */
#define STUB_RUN       1u  /* enter user code at ctx.regs */
#define STUB_FPU_LOAD  2u  /* before that, take the FPU state from ctx.fpu */
#define STUB_FPU_FRAME 4u  /* or from the signal frame that the last event left */
#define STUB_SET_BASES 8u  /* and FS, GS from ctx.fs_base, ctx.gs_base */
#define STUB_FPU_SAVE  16u /* put what is in the registers into ctx.fpu; with nothing else */

/* Where the program's FPU state is. */
enum stub_event_kind {
	STUB_EV_DONE,	/* ready, or the operations were done */
	STUB_EV_CALL,	/* a patched system call; the FPU state is in the registers */
	STUB_EV_SIGNAL, /* user code was stopped by a signal; regs and the frame hold its state */
	STUB_EV_EARLY,	/* a kick came before user code was entered; value: enum stub_fpu_place */
	STUB_EV_OP_FAILED,  /* value: -errno; index: which */
	STUB_EV_STUB_FAULT, /* the stub itself faulted: the program did something to it */
};
struct stub_event {
	uint32_t kind;
	int32_t signo, code; /* siginfo_t */
	uint32_t arch;	     /* SIGSYS: AUDIT_ARCH_* */
	uint64_t trapno, error, addr;
	uint64_t frame_fpu; /* address of the frame's XSAVE area, 0: none */
	int32_t value;
	uint32_t index;
};

struct stub_ctx {
	/* one cache line that both sides look at */
	uint32_t turn;
	uint32_t stub_sleeps, launcher_sleeps; /* wants a FUTEX_WAKE of turn */
	uint32_t spin;			       /* how often the stub looks before it sleeps */
	uint32_t kicked;		       /* a kick came while the stub was at work */
	uint32_t pad[11];
	/* launcher to stub */
	uint32_t flags, nops;
	uint64_t fs_base, gs_base;
	struct stub_regs regs; /* both ways */
	/* stub to launcher */
	struct stub_event event;
	uint8_t pad2[4096 - 64 - 24 - sizeof(struct stub_regs) - sizeof(struct stub_event)];
	struct stub_op ops[STUB_OPS];
	uint8_t pad3[4096 - sizeof(struct stub_op) * STUB_OPS];
	uint8_t fpu[4096];			 /* XSAVE, standard format */
	uint8_t stack[STUB_CTX_SIZE - 3 * 4096]; /* signals are taken here */
};
_Static_assert(sizeof(struct stub_ctx) == STUB_CTX_SIZE, "whole pages");
_Static_assert(__builtin_offsetof(struct stub_ctx, kicked) == STUB_CTX_KICKED, "for assembly");
_Static_assert(__builtin_offsetof(struct stub_ctx, regs) == STUB_CTX_REGS, "for assembly");

struct stub_const {
	uint64_t address_limit; /* RLIMIT_AS */
	uint64_t xcr0;		/* state components that move with a program; 0: FXSAVE */
	uint32_t fsgsbase;	/* RDFSBASE and friends work in user mode */
	uint32_t nfilter;
	struct sock_filter filter[128];
};

/* How long either side of the zygote's socket tries again when too many descriptors are under way.
 */
#define INFLIGHT_TRIES	 1000
#define INFLIGHT_WAIT_NS 2000000

/* Requests to the zygote over its socket; a descriptor may come with the reply. */
enum zygote_request_kind {
	ZYGOTE_SPAWN, /* arg: number of the context. Reply: 0, with a pidfd */
	ZYGOTE_FILE,  /* with a descriptor. Reply: its number in the table */
	ZYGOTE_CLOSE, /* arg: number in the table */
	/* with three descriptors. Reply: its number. Another zygote, with these in place of its
	 * first three and a table of its own, which begins as a copy of this one; it leads a
	 * process group */
	ZYGOTE_FORK,
};
#define ZYGOTE_FDS_MAX 3 /* that come with a request */
struct zygote_request {
	uint32_t kind, arg;
};
struct zygote_reply {
	int32_t result;
};
#endif
#endif

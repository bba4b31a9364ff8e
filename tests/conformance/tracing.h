/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs about ptrace share: making a traced child, and saying what wait told. */
#ifndef CONFORMANCE_TRACING_H
#define CONFORMANCE_TRACING_H

#include "behave.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

/* glibc's wrapper moves the result of PEEK requests: this is the call as the kernel has it. */
long trace(long request, pid_t pid, void *addr, void *data);
#define NR(n) ((void *)(long)(n))

/* A child that asks to be traced, stops, and then runs fn. Returns when it has stopped. */
pid_t traced_child(void (*fn)(void));
/* A child that nobody traces: it has run `ready` and then waits for a signal for ever. */
pid_t idle_child(void (*ready)(void));
void kill_child(pid_t pid); /* and waits for its end */
/* Waits for the next news of pid (-1: of any), with __WALL; says it; returns the status. */
int next_stop(const char *label, pid_t pid);
void say_stop(const char *label, int status);
/* Lets it go on by request and says the next stop. */
int step_on(const char *label, long request, pid_t pid, int signal);
unsigned long peek_user(pid_t pid, size_t offset);
#define REG(pid, name) peek_user(pid, offsetof(struct user_regs_struct, name))
void say_siginfo(const char *label, pid_t pid);
/* The State: letter and TracerPid of /proc/PID/status. */
void say_proc(const char *label, pid_t pid);

#endif

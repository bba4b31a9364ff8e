/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conformance program is a table of named behaviours. Each performs some calls and prints what it
 * saw; the runner compares that text with what the same binary prints natively. So: print every
 * step, and print nothing that may differ between two correct runs (ids, addresses, times).
 */
#ifndef CONFORMANCE_BEHAVE_H
#define CONFORMANCE_BEHAVE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct behaviour {
	const char *name;
	void (*run)(void);
};

/* Ends with an entry whose name is NULL. */
extern const struct behaviour behaviours[];

#define BEHAVIOUR(fn)                                                                              \
	{                                                                                          \
#fn, fn                                                                            \
	}

/* A program that executes itself again handles `PROGRAM --child WHAT …` here; argv[0] is WHAT. */
int behave_child(int argc, char **argv) __attribute__((weak));

/* R: result and errno of a call, labelled with its own source text. OK: the same, but a success is
 * only "ok", for results that may differ (descriptors are fine with R: the lowest free one is ABI).
 */
#define R(e)  (errno = 0, observe_result(#e, (long)(e)))
#define OK(e) (errno = 0, observe_ok(#e, (long)(e)))
/* V: a plain number. T: a truth. S: a string, escaped. P: a mapping address, shown as ok or errno.
 */
#define V(e) observe_value(#e, (long)(e))
#define T(e) observe_truth(#e, (e) ? true : false)
#define S(e) observe_string(#e, (e))
#define P(e) (errno = 0, observe_pointer(#e, (void *)(e)))
/* E: a function that returns its error number (pthread_*, posix_*). */
#define E(e) observe_error(#e, (int)(e))

long observe_result(const char *label, long result);
long observe_ok(const char *label, long result);
long observe_value(const char *label, long value);
bool observe_truth(const char *label, bool truth);
void observe_string(const char *label, const char *text);
void *observe_pointer(const char *label, void *pointer);
int observe_error(const char *label, int error);

/* One unbuffered write: a line is whole even when several processes print, and survives a crash. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_bytes(const char *label, const void *bytes, size_t size);

const char *errno_name(int error);
const char *signal_name(int signal);

/* "exited 3", "killed by SIGSEGV", "stopped by SIGSTOP", "continued". */
void say_status(const char *label, int status);
/* Forks, runs fn in the child, and says how the child ended. */
void in_child(const char *label, void (*fn)(void));
/* Waits for one child (-1: whichever is next) and says how it ended. */
void reap(const char *label, pid_t pid);

/* Set-up steps: a failure here ends the behaviour with a message. */
void make_file(const char *path, const char *contents);
int open_file(const char *path, int flags);
void show_file(const char *path);
void show_type(const char *path);
void must(bool condition, const char *what);
#define MUST(e) must((e), #e)

int64_t now_ns(clockid_t clock);
void sleep_ms(int ms);
/* Until that process or thread waits for something in the kernel: whoever has nothing to wait for
 * before is then in the call in question, however busy the machine. */
void until_asleep(pid_t tid);
/* Until all other threads of this process do. */
void until_threads_asleep(void);
/* A child that sends the signal to its parent, once that sleeps. */
pid_t signal_when_asleep(int signal);
/* As root: a user whom nobody else is, so that what is counted for each user is counted for us. */
void become_nobody_else(void);
/* Path of this program's own executable. */
const char *self_path(void);

#endif

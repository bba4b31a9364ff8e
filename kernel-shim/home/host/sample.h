/* SPDX-License-Identifier: Apache-2.0
 * Samples of user code, while somebody asks for them (abi/samples.h): user code is kicked at each
 * period's end, and what the task's stack looks like then is noted. Time in which the shim works
 * for a task counts too; time in which a task sleeps does not.
 *
 * All of it is called with the kernel lock.
 */
#ifndef HOME_HOST_SAMPLE_H
#define HOME_HOST_SAMPLE_H

#include "core/task.h"
#include "home/host/sample_writer.h"

/* The current task is about to run user code; it has come back. */
void host_sample_enter(struct task *t);
void host_sample_leave(struct task *t);

/* sample_stack.c: where t's user code is, the innermost frame first; how many. What is not in
 * memory is not brought there, and no word of the stack is believed. */
u32 sample_stack(struct task *t, struct samples_frame out[SAMPLES_FRAMES]);

/* sample.c: where they go. */
struct sample_writer *host_sample_writer(void);

/* sample_file.c */
/* The number of an inode's file, told to the reader when it is seen first; SAMPLES_NOWHERE when
 * there are too many, or no room to tell. */
struct file;
u32 sample_file(const struct file *f);

#endif

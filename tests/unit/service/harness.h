/* SPDX-License-Identifier: Apache-2.0
 *
 * What the channel service's tests share: a service with a megabyte of guest memory, a window, and
 * a temporary directory with a writable grant, a read-only grant and a secret beside them.
 *
 *   top/rw/            granted writable      file "hello" (5 bytes), dir "dir", link "out" ->
 * ../secret top/ro/            granted read-only     file "hello", dir "dir", FIFO "fifo"
 *   top/secret/        not granted           file "key"
 */
#ifndef TESTS_SERVICE_HARNESS_H
#define TESTS_SERVICE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/service/service.h"

#define RAM_SIZE    (1u << 20)
#define WINDOW_SIZE (1u << 20)
#define PAGE	    4096u
#define CONSTANT    (RAM_SIZE / 2) /* a page of RAM that no request may write to */

struct world {
	struct service *s;
	struct service_memory mem;
	char top[64];
	int top_fd, rw_fd, ro_fd;
	uint64_t rw, ro; /* DIR handles */

	/* the last call */
	struct chan_msg msg;
	uint8_t out[CHAN_DATA_SIZE];

	/* what the callbacks saw */
	_Atomic unsigned kicks;
	unsigned denied, logs, exits;
	char denied_op[32], denied_path[4096], denied_flag[4200], log[1100];
	uint32_t log_kind;
	int wait_status;
	struct chan_report report;
};

/* cmocka's set-up and tear-down; *state is a struct world. */
int world_open(void **state);
int world_close(void **state);
/* Another service with the same grants takes the place of the first. */
void world_anew(struct world *w);

/* One request with up to four arguments and in_len bytes of data; returns the result. */
int64_t call_data(struct world *w, unsigned op, const void *in, size_t in_len, uint64_t a0,
	uint64_t a1, uint64_t a2, uint64_t a3);
#define call(w, op, ...)	    call_name(w, op, "", __VA_ARGS__)
#define call_name(w, op, name, ...) CALL_(w, op, name, __VA_ARGS__, 0, 0, 0, 0)
#define CALL_(w, op, name, a, b, c, d, ...)                                                        \
	call_data(w, CHAN_OP_##op, name, strlen(name), (uint64_t)(a), (uint64_t)(b),               \
		(uint64_t)(c), (uint64_t)(d))

/* READ or WRITE of one segment at gpa. */
int64_t call_io(
	struct world *w, unsigned op, uint64_t handle, uint64_t off, uint64_t gpa, uint64_t len);

const struct chan_walk_ent *walk_ent(struct world *w, unsigned i);
struct chan_attr last_attr(struct world *w);
void put_file(int dirfd, const char *name, const char *text);
/* The file's text, in a buffer of its own until the next call; NULL if there is none. */
const char *get_file(int dirfd, const char *name);
uint64_t now_ns(void);

/* The tests of each file. */
extern const struct CMUnitTest decode_tests[], name_tests[], open_tests[], create_tests[],
	io_tests[], event_tests[], tty_tests[], ring_tests[], race_tests[], reach_tests[],
	snapshot_tests[];
extern const size_t decode_count, name_count, open_count, create_count, io_count, event_count,
	tty_count, ring_count, race_count, reach_count, snapshot_count;

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
#define TESTS(noun, ...)                                                                           \
	const struct CMUnitTest noun##_tests[] = {__VA_ARGS__};                                    \
	const size_t noun##_count = sizeof(noun##_tests) / sizeof(noun##_tests[0])

#endif

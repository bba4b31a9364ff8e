/* SPDX-License-Identifier: Apache-2.0
 *
 * The service's state, written and read: handles keep their numbers, and nothing is believed that
 * the grants do not bear out.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/snapshot/coder.h"
#include "tests/unit/service/harness.h"

static int save(struct world *w, struct coder *c, char why[512])
{
	*c = (struct coder){.reads = false};
	return service_state(w->s, c, why, 512);
}

static void saved(struct world *w, struct coder *c)
{
	char why[512];

	assert_int_equal(save(w, c, why), 0);
}

/* By a service that is new. */
static int load(struct world *w, const struct coder *from, char why[512])
{
	struct coder c = coder_of(from->p, from->n);

	world_anew(w);
	return service_state(w->s, &c, why, 512);
}

static uint64_t opened(struct world *w, uint64_t dir, const char *name, uint64_t flags)
{
	int64_t h = call_name(w, OPEN, name, dir, flags);

	assert_true(h > 0);
	return (uint64_t)h;
}

static void test_handles_keep_their_numbers(void **state)
{
	struct world *w = *state;
	uint64_t gone = opened(w, w->ro, "hello", CHAN_O_READ);
	uint64_t file = opened(w, w->rw, "hello", CHAN_O_READ | CHAN_O_WRITE);
	int64_t dir = call(w, OPENDIR, w->ro), again;
	struct coder c;
	char why[512];

	assert_true(dir > 0);
	assert_int_equal(call(w, FORGET, gone), 0);
	saved(w, &c);
	assert_int_equal(load(w, &c, why), 0);
	assert_int_equal(call(w, GETATTR, gone), -EBADF);
	assert_int_equal(call_io(w, CHAN_OP_READ, file, 0, 0, 5), 5);
	assert_memory_equal(w->mem.ram, "hello", 5);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, file, 0, 0, 1), 1);
	assert_true(call(w, READDIR, dir, 0) > 0);
	/* what was free is used again as it would have been */
	again = call_name(w, OPEN, "hello", w->ro, CHAN_O_READ);
	assert_int_equal(again & 0xfffff, gone & 0xfffff);
	assert_int_equal(again >> 20, (gone >> 20) + 1);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, (uint64_t)again, 0, 0, 1), -EBADF);
	coder_free(&c);
}

static void test_what_lies_in_the_window_lies_there_again(void **state)
{
	struct world *w = *state;
	uint64_t file = opened(w, w->rw, "hello", CHAN_O_READ | CHAN_O_WRITE);
	struct coder c;
	char why[512];

	service_note_window(w->s);
	assert_int_equal(call(w, MAP, file, 0, 3 * PAGE, PAGE), 0);
	assert_int_equal(call(w, UNMAP, 0, 2 * PAGE, PAGE), 0); /* the rest lies there still */
	assert_int_equal(call(w, FORGET, file), 0);
	saved(w, &c);
	assert_int_equal(load(w, &c, why), 0);
	assert_memory_equal(w->mem.window + PAGE, "hello", 5);
	w->mem.window[PAGE] = 'J';
	assert_string_equal(get_file(w->rw_fd, "hello"), "Jello");
	coder_free(&c);
}

static void test_watches_go_on(void **state)
{
	struct world *w = *state;
	int64_t dir = call(w, OPENDIR, w->ro);
	struct coder c;
	char why[512];

	assert_int_equal(call(w, WATCH, dir, POLLIN, 9), 0); /* always ready: an event at once */
	saved(w, &c);
	assert_int_equal(load(w, &c, why), 0);
	assert_int_equal(call(w, WAIT, 0), sizeof(struct chan_event));
	assert_int_equal(((struct chan_event *)(void *)w->out)->tag, 9);
	coder_free(&c);
}

static void test_what_cannot_be_found_again_is_refused(void **state)
{
	struct world *w = *state;
	uint64_t file = opened(w, w->rw, "hello", CHAN_O_READ);
	struct coder c;
	char why[512];

	assert_int_equal(call(w, FLOCK, file, 2), 0);
	assert_int_equal(save(w, &c, why), -ENOTSUP);
	assert_non_null(strstr(why, "rw/hello is locked"));
	coder_free(&c);
	assert_int_equal(call(w, FLOCK, file, 8), 0);
	saved(w, &c);
	coder_free(&c);
	assert_int_equal(unlinkat(w->rw_fd, "hello", 0), 0);
	assert_int_equal(save(w, &c, why), -ENOENT);
	assert_non_null(strstr(why, "was removed, renamed or replaced"));
	coder_free(&c);
	put_file(w->rw_fd, "hello", "other");
	assert_int_equal(save(w, &c, why), -ESTALE);
	coder_free(&c);
}

static void test_what_has_changed_is_refused(void **state)
{
	struct world *w = *state;
	struct coder c;
	char why[512];

	opened(w, w->ro, "hello", CHAN_O_READ);
	saved(w, &c);
	put_file(w->ro_fd, "hello", "longer than it was");
	assert_int_equal(load(w, &c, why), -ETXTBSY);
	assert_non_null(strstr(why, "ro/hello was open and has changed"));
	assert_int_equal(unlinkat(w->ro_fd, "hello", 0), 0);
	assert_int_equal(load(w, &c, why), -ENOENT);
	assert_non_null(strstr(why, "is not there any more"));
	coder_free(&c);
}

/* As policy makes /etc/hosts for an image. */
static uint64_t grant_made(struct world *w, const char *text)
{
	int fd = memfd_create("made", MFD_CLOEXEC), path;
	char link[32];
	int64_t h;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	path = open(link, O_PATH | O_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	h = service_grant(w->s, path, false, "hosts");
	assert_true(h > 0);
	close(path);
	close(fd);
	return (uint64_t)h;
}

static void test_what_was_made_for_it_may_be_another_file(void **state)
{
	struct world *w = *state;
	uint64_t node = grant_made(w, "hosts"), file = opened(w, node, "", CHAN_O_READ);
	struct coder c, from;
	struct chan_attr was;
	char why[512];

	assert_int_equal(call(w, GETATTR, node), 0);
	was = last_attr(w);
	saved(w, &c);
	assert_true(load(w, &c, why) < 0); /* it is not granted again */
	world_anew(w);
	assert_int_equal(grant_made(w, "hosts"), node);
	from = coder_of(c.p, c.n);
	assert_int_equal(service_state(w->s, &from, why, sizeof(why)), 0);
	assert_int_equal(call_io(w, CHAN_OP_READ, file, 0, 0, 5), 5);
	assert_memory_equal(w->mem.ram, "hosts", 5);
	assert_int_equal(call(w, GETATTR, node), 0);
	assert_int_equal(last_attr(w).ino, was.ino);
	assert_int_equal(last_attr(w).dev, was.dev);
	assert_int_equal(last_attr(w).btime, was.btime);
	assert_int_equal(last_attr(w).btime_ns, was.btime_ns);
	coder_free(&c);
}

/* -- forged -- */

static void replace(struct coder *c, const char *what, const char *with)
{
	size_t n = strlen(what);
	unsigned found = 0;

	assert_int_equal(n, strlen(with));
	for (size_t i = 0; i + n <= c->n; i++) {
		if (memcmp(c->p + i, what, n) != 0)
			continue;
		memcpy(c->p + i, with, n);
		found++;
	}
	assert_true(found > 0);
}

static void test_a_path_does_not_lead_out_of_its_grant(void **state)
{
	struct world *w = *state;
	struct coder c;
	char why[512];

	opened(w, w->ro, "hello", CHAN_O_READ);
	saved(w, &c);
	replace(&c, "/ro/hello", "/ro/../rw");
	assert_true(load(w, &c, why) < 0);
	replace(&c, "/ro/../rw", "/secret/k");
	assert_true(load(w, &c, why) < 0);
	coder_free(&c);
}

/* Whatever is changed, it is refused or harmless, and nothing leaks (ASan). */
static void test_no_byte_is_believed(void **state)
{
	struct world *w = *state;
	struct coder c;
	char why[512];

	opened(w, w->ro, "hello", CHAN_O_READ);
	call(w, FORGET, opened(w, w->rw, "hello", CHAN_O_READ));
	service_note_window(w->s);
	saved(w, &c);
	for (size_t n = 0; n < c.n; n++) {
		const struct coder cut = {.p = c.p, .n = n};

		assert_true(load(w, &cut, why) < 0);
	}
	for (size_t i = 0; i < c.n; i++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			c.p[i] ^= (uint8_t)(1u << bit);
			(void)load(w, &c, why);
			c.p[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(load(w, &c, why), 0);
	coder_free(&c);
}

static void test_deadlines_by_the_guests_clock(void **state)
{
	struct world *w = *state;

	assert_int_equal(service_host_ns(w->s, 5), 5);
	service_set_clock(w->s, 100); /* the guest is ahead */
	assert_int_equal(service_host_ns(w->s, 150), 50);
	assert_int_equal(service_host_ns(w->s, 5), 0);
	assert_true(service_host_ns(w->s, UINT64_MAX) > INT64_MAX);
	service_set_clock(w->s, (uint64_t)-100); /* behind */
	assert_int_equal(service_host_ns(w->s, 5), 105);
	assert_true(service_host_ns(w->s, UINT64_MAX - 5) == UINT64_MAX);
}

TESTS(snapshot, WORLD_TEST(test_handles_keep_their_numbers),
	WORLD_TEST(test_what_lies_in_the_window_lies_there_again), WORLD_TEST(test_watches_go_on),
	WORLD_TEST(test_what_cannot_be_found_again_is_refused),
	WORLD_TEST(test_what_has_changed_is_refused),
	WORLD_TEST(test_what_was_made_for_it_may_be_another_file),
	WORLD_TEST(test_a_path_does_not_lead_out_of_its_grant),
	WORLD_TEST(test_no_byte_is_believed), WORLD_TEST(test_deadlines_by_the_guests_clock));

/* SPDX-License-Identifier: Apache-2.0
 *
 * For programs that are to be started once and called many times (sandbox.h, "templates";
 * `sandbox serve`): a program gets ready, says so, and answers one request.
 *
 *	int main(void)
 *	{
 *		struct model *m = load_model();
 *		void *request;
 *		size_t size;
 *
 *		sb_ready();
 *		if (sb_request(&request, &size))
 *			return 1;
 *		return sb_respond(answer(m, request, size), ...) ? 1 : 0;
 *	}
 *
 * Without this header a program is ready where it first asks for its stdin by itself. The request
 * is all of stdin, the answer is stdout. Header only; started by a shell such a program does the
 * same with the shell's stdin. What is to be another in each clone, as the seed of a generator, is
 * made after sb_ready, or again when sb_generation has changed. Errors: 0 or -1 with errno.
 */
#ifndef SANDBOX_GUEST_H
#define SANDBOX_GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* Here the template stops, and each clone goes on. At once where there is none. */
static inline void sb_ready(void)
{
	struct pollfd p;

	p.fd = STDIN_FILENO;
	p.events = POLLIN;
	p.revents = 0;
	poll(&p, 1, 0);
}

/* Which copy of the program this is: 0 for the one that was started, another number, drawn at
 * random, in each clone; 0 outside of a sandbox. For code that cannot know where sb_ready is, such
 * as a library with a generator of its own: what it asks for costs a few system calls. */
static inline uint64_t sb_generation(void)
{
	char text[24];
	uint64_t generation = 0;
	ssize_t n = -1, i;
	int saved = errno, fd = open("/proc/sys/kernel/random/generation", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	for (i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		generation = generation * 10 + (uint64_t)(text[i] - '0');
	errno = saved;
	return generation;
}

/* All of the request: malloc(3)'s, the caller's to free. Of no bytes: *data is not NULL. */
static inline int sb_request(void **data, size_t *size)
{
	size_t room = 4096, n = 0;
	char *buf = (char *)malloc(room), *more;
	ssize_t got = -1;

	while (buf) {
		got = read(STDIN_FILENO, buf + n, room - n);
		if (!got || (got < 0 && errno != EINTR))
			break;
		n += got > 0 ? (size_t)got : 0;
		if (n < room)
			continue;
		more = room > (size_t)-1 / 2 ? NULL : (char *)realloc(buf, room *= 2);
		if (!more) {
			free(buf);
			errno = ENOMEM;
		}
		buf = more;
	}
	if (buf && got < 0) {
		int saved = errno;

		free(buf);
		errno = saved;
		buf = NULL;
	}
	*data = buf;
	*size = buf ? n : 0;
	return buf ? 0 : -1;
}

/* May be called several times: one after the other is the answer. */
static inline int sb_respond(const void *data, size_t size)
{
	const char *p = (const char *)data;
	ssize_t done;

	for (; size; p += done, size -= (size_t)done) {
		done = write(STDOUT_FILENO, p, size);
		if (done < 0 && errno != EINTR)
			return -1;
		done = done < 0 ? 0 : done;
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * A used clone becomes another one. What the kernel copied for it goes with its process.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/template.h"

#define RUN offsetof(struct sb, pid) /* from here on one run's */

/* What the caller's descriptor is readable for, with EPOLLIN all but the last. */
#define WATCHED (SINKS + 3)

static void watched(const struct sb *s, int fds[WATCHED])
{
	for (int i = 0; i < SINKS; i++)
		fds[i] = s->sinks[i].fd;
	fds[SINKS] = s->pidfd;
	fds[SINKS + 1] = s->timer;
	fds[SINKS + 2] = s->source.fd;
}

/* Without an error: what a descriptor's number named was closed, if it is not there. */
static void unwatch(int epoll, const struct sb *run)
{
	int fds[WATCHED];

	watched(run, fds);
	for (int i = 0; i < WATCHED; i++)
		if (fds[i] >= 0)
			epoll_ctl(epoll, EPOLL_CTL_DEL, fds[i], NULL);
}

static int watch(int epoll, const struct sb *run)
{
	int fds[WATCHED];

	watched(run, fds);
	for (int i = 0; i < WATCHED; i++) {
		struct epoll_event ev = {
			.events = i < WATCHED - 1 ? EPOLLIN : EPOLLOUT, .data.fd = fds[i]};

		if (fds[i] >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &ev))
			return -errno;
	}
	return 0;
}

static void exchange(struct sb *a, struct sb *b)
{
	char kept[sizeof(struct sb) - RUN];

	memcpy(kept, (char *)a + RUN, sizeof kept);
	memcpy((char *)a + RUN, (char *)b + RUN, sizeof kept);
	memcpy((char *)b + RUN, kept, sizeof kept);
}

static int replace(struct sb *s, struct sb_template *t, const struct sb_clone_config *c,
	struct sb_error **error)
{
	struct sb *other = NULL;
	int r;

	/* first: what it does to the host's files is over when the other begins */
	r = sandbox_end(s, SB_END_KILLED);
	if (r)
		return error_system(error, "pidfd_send_signal", -r, "cannot end the sandbox");
	sandbox_end_process(s);
	r = clone_get(t, c, &other, error);
	if (r)
		return r;
	r = watch(s->epoll, other);
	if (r) {
		unwatch(s->epoll, other);
		sb_free(other);
		return error_system(error, "epoll_ctl", -r, "cannot watch the clone");
	}
	unwatch(s->epoll, s);
	exchange(s, other);
	sb_free(other);
	return 0;
}

int sb_reset(struct sb *s, struct sb_template *t, const struct sb_clone_config *config,
	struct sb_error **error)
{
	struct sb_clone_config c;
	int r;

	if (error)
		*error = NULL;
	if (!s->is_clone)
		return error_set(error, SB_INVALID, "the sandbox is no clone");
	r = config_read_clone(config, &c, error);
	if (r)
		return r;
	if (pthread_mutex_lock(&s->lock))
		return error_set(error, SB_BUSY, "called from a callback of the same sandbox");
	r = replace(s, t, &c, error);
	pthread_mutex_unlock(&s->lock);
	return r;
}

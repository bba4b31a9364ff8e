/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/transfer/sink.h"

#define BUFFER (256u << 10)

struct copy {
	int fd;
	const char *path;
	uint64_t left;
	struct hasher *h;
	struct meter *m;
	int (*write)(void *arg, const void *data, size_t n, struct image_error *e);
	void *arg;
	struct image_error *e;
};

static int copy_some(struct copy *c, char *buf)
{
	ssize_t n = read(c->fd, buf, c->left < BUFFER ? (size_t)c->left : BUFFER);

	if (n < 0)
		return image_fail(c->e, -errno, "cannot read %s: %s", c->path, strerror(errno));
	if (!n)
		return image_fail(c->e, -EBADMSG, "%s is cut short in the store", c->path);
	hasher_add(c->h, buf, (size_t)n);
	c->left -= (uint64_t)n;
	meter_add(c->m, (uint64_t)n);
	return c->write(c->arg, buf, (size_t)n, c->e);
}

int sink_copy(int fd, const char *path, uint64_t size, const struct digest *d, struct meter *m,
	int (*write)(void *arg, const void *data, size_t n, struct image_error *e), void *arg,
	struct image_error *e)
{
	struct copy c = {fd, path, size, hasher_new(), m, write, arg, e};
	char *buf = malloc(BUFFER);
	struct digest got = {""};
	int r = buf && c.h ? 0 : image_fail(e, -ENOMEM, "out of memory");

	while (!r && c.left)
		r = copy_some(&c, buf);
	if (c.h)
		hasher_end(c.h, &got);
	free(buf);
	if (!r && !digest_equal(&got, d))
		r = image_fail(e, -EBADMSG,
			"%s is damaged in the store: it is sha256:%s and should be sha256:%s", path,
			got.hex, d->hex);
	return r;
}

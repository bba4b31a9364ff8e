/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/unit/layers/test_layers.h"

#define BLOCK 512u

static void append(struct tar *t, const void *data, size_t n)
{
	size_t padded = (n + BLOCK - 1) / BLOCK * BLOCK;

	t->data = realloc(t->data, t->n + padded + 1);
	assert_non_null(t->data);
	memset(t->data + t->n, 0, padded);
	if (n)
		memcpy(t->data + t->n, data, n);
	t->n += padded;
}

void tar_member(struct tar *t, char type, const char *name, const char *link, uint64_t size,
	const char *content)
{
	char h[BLOCK + 1] = "", sum[8];
	unsigned total = 0;

	strncpy(h, name, 100);
	memcpy(h + 100, type == '5' ? "0000755" : "0000644", 8);
	memcpy(h + 108,
		"0000000\0"
		"0000000",
		16);
	snprintf(h + 124, 13, "%011llo", (unsigned long long)size);
	memcpy(h + 136, "00000000000\0        ", 20);
	h[156] = type;
	if (link)
		strncpy(h + 157, link, 100);
	memcpy(h + 257,
		"ustar\0"
		"00",
		8);
	memcpy(h + 329,
		"0000001\0"
		"0000003",
		16);
	for (size_t i = 0; i < BLOCK; i++)
		total += (unsigned char)h[i];
	snprintf(sum, sizeof sum, "%06o", total & 0777777u);
	memcpy(h + 148, sum, 8);
	append(t, h, BLOCK);
	if (content)
		append(t, content, size);
}

void tar_file(struct tar *t, const char *name, const char *content)
{
	tar_member(t, '0', name, NULL, strlen(content), content);
}

void tar_pax(struct tar *t, const char *key, const void *value, size_t n)
{
	char record[4096];
	size_t rest = strlen(key) + n + 3, len = rest + 2; /* of two digits or three */
	int at;

	if (len > 99)
		len = rest + 3;
	at = snprintf(record, sizeof record, "%zu %s=", len, key);
	assert_true((size_t)at + n + 1 == len && len < sizeof record);
	memcpy(record + at, value, n);
	record[len - 1] = '\n';
	tar_member(t, 'x', "pax", NULL, len, record);
}

void tar_end(struct tar *t)
{
	append(t, (const char[2 * BLOCK]){0}, 2 * BLOCK);
}

void tar_free(struct tar *t)
{
	free(t->data);
	*t = (struct tar){0};
}

__attribute__((format(printf, 2, 3))) static void note(struct log *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->n, sizeof l->text - l->n, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof l->text - l->n);
	l->n += (size_t)n;
}

static void note_node(struct log *l, const struct layer_entry *m)
{
	unsigned perm = m->mode & 07777;

	if (S_ISREG(m->mode))
		note(l, "file %s %04o %u:%u %llu\n", m->path, perm, m->uid, m->gid,
			(unsigned long long)m->size);
	else if (S_ISDIR(m->mode))
		note(l, "dir %s %04o %u:%u\n", m->path, perm, m->uid, m->gid);
	else if (S_ISLNK(m->mode))
		note(l, "link %s -> %s\n", m->path, m->target);
	else if (S_ISFIFO(m->mode))
		note(l, "fifo %s\n", m->path);
	else
		note(l, "dev %s %u,%u\n", m->path, major(m->rdev), minor(m->rdev));
	for (size_t i = 0; i < m->nxattrs; i++)
		note(l, "  %s=%zu\n", m->xattrs[i].name, m->xattrs[i].size);
}

static int on_entry(void *arg, const struct layer_entry *m, struct image_error *e)
{
	struct log *l = arg;

	if (m->kind == LAYER_NODE)
		note_node(l, m);
	else if (m->kind == LAYER_HARDLINK)
		note(l, "hard %s = %s\n", m->path, m->target);
	else
		note(l, "%s %s\n", m->kind == LAYER_OPAQUE ? "opaque" : "gone", m->path);
	return 0;
}

static int on_data(void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	if (n < BLOCK * 2) /* longer content comes in pieces of libarchive's choice */
		note(arg, "  data %llu+%zu\n", (unsigned long long)offset, n);
	return 0;
}

struct layer_sink log_sink(struct log *l)
{
	return (struct layer_sink){on_entry, on_data, l};
}

int bytes_read(const void *data, size_t n, struct layer_limits *limits, struct log *l,
	struct image_error *e)
{
	struct layer_sink sink = log_sink(l);
	int fd = memfd_create("archive", MFD_CLOEXEC), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	l->n = 0;
	l->text[0] = 0;
	r = layer_read_fd(fd, "a.tar", limits, &sink, NULL, e);
	close(fd);
	return r;
}

int tar_read(const struct tar *t, struct log *l, struct image_error *e)
{
	struct layer_limits limits = layer_limits_default;

	return bytes_read(t->data, t->n, &limits, l, e);
}

void expect_failure(int got, int expected, const struct image_error *e, const char *part)
{
	if (got != expected || !strstr(e->text, part))
		fail_msg("%d \"%s\", expected %d and \"%s\"", got, got ? e->text : "", expected,
			part);
}

void expect_ok(int got, const struct image_error *e)
{
	if (got)
		fail_msg("%d: %s", got, e->text);
}

void expect_refused(struct tar *t, const char *part)
{
	static struct log l;
	struct image_error e = {""};

	tar_end(t);
	expect_failure(tar_read(t, &l, &e), -EBADMSG, &e, part);
	tar_free(t);
}

void expect_log(struct tar *t, const char *text)
{
	static struct log l;
	struct image_error e = {""};

	tar_end(t);
	expect_ok(tar_read(t, &l, &e), &e);
	assert_string_equal(l.text, text);
	tar_free(t);
}

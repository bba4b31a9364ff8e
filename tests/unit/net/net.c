/* SPDX-License-Identifier: Apache-2.0
 * See net.h.
 */
#include "net.h"
#include "mm/mm.h"

#define HDR	(NET_BUF - 0x1000)
#define IOV	(NET_BUF - 0xf00)
#define NAME	(NET_BUF - 0xe00)
#define CONTROL (NET_BUF - 0xc00)

extern u64 heap_live, heap_fail_at;

void n_pair(int type, long fd[2])
{
	u_expect(u_syscall(__NR_socketpair, AF_UNIX, type, 0, NAME), 0);
	fd[0] = (s32)u_get32(NAME);
	fd[1] = (s32)u_get32(NAME + 4);
}

long n_socket(int family, int type)
{
	return u_syscall(__NR_socket, family, type, 0);
}

long n_unix(u64 nr, long fd, const char *path)
{
	char raw[128] = {AF_UNIX};
	size_t n = strlen(path);

	memcpy(raw + 2, path, n + 1);
	if (*path == '@')
		raw[2] = 0;
	u_write(NAME, raw, sizeof(raw));
	return u_syscall(nr, fd, NAME, 2 + n + (*path != '@'));
}

long n_inet(u64 nr, long fd, u32 ip, u16 port)
{
	u8 raw[16] = {AF_INET, 0, (u8)(port >> 8), (u8)port, (u8)(ip >> 24), (u8)(ip >> 16),
		(u8)(ip >> 8), (u8)ip};

	u_write(NAME, raw, sizeof(raw));
	return u_syscall(nr, fd, NAME, sizeof(raw));
}

u16 n_port(long fd)
{
	u8 raw[4];

	u_put32(NAME + 64, 64);
	u_expect(u_syscall(__NR_getsockname, fd, NAME, NAME + 64), 0);
	u_read(raw, NAME, sizeof(raw));
	return (u16)(raw[2] << 8 | raw[3]);
}

long n_listen(u32 backlog)
{
	long fd = n_socket(AF_INET, SOCK_STREAM);

	u_expect(n_inet(__NR_bind, fd, LOOPBACK, 0), 0);
	u_expect(u_syscall(__NR_listen, fd, backlog), 0);
	return fd;
}

void n_connected(long listener, long fd[2])
{
	fd[0] = n_socket(AF_INET, SOCK_STREAM);
	u_expect(n_inet(__NR_connect, fd[0], LOOPBACK, n_port(listener)), 0);
	fd[1] = u_syscall(__NR_accept, listener, 0, 0);
	u_check(fd[1] >= 0);
}

long n_send(long fd, const void *data, size_t n, u32 flags)
{
	u_check(n <= NET_MAX);
	u_write(NET_BUF, data, n);
	return u_syscall(__NR_sendto, fd, NET_BUF, n, flags, 0, 0);
}

long n_recv(long fd, void *data, size_t n, u32 flags)
{
	long r;

	u_check(n <= NET_MAX);
	r = u_syscall(__NR_recvfrom, fd, NET_BUF, n, flags, 0, 0);
	if (r > 0)
		u_read(data, NET_BUF, min_u64((u64)r, n));
	return r;
}

long n_close(long fd)
{
	return u_syscall(__NR_close, fd);
}

static void header(size_t size, size_t control)
{
	struct user_msghdr h = {.iov = IOV, .iovlen = 1, .control = CONTROL, .controllen = control};

	u_put64s(IOV, NET_BUF, size);
	u_write(HDR, &h, sizeof(h));
}

long n_send_fds(long fd, const char *text, const int *fds, u32 n)
{
	struct user_cmsghdr c = {CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};

	header(strlen(text), CMSG_SPACE(n * sizeof(int)));
	u_write(NET_BUF, text, strlen(text));
	u_write(CONTROL, &c, sizeof(c));
	u_write(CONTROL + sizeof(c), fds, n * sizeof(int));
	return u_syscall(__NR_sendmsg, fd, HDR, MSG_NOSIGNAL);
}

long n_recv_fds(long fd, char *text, size_t size, int *fds, u32 max, u32 *n)
{
	struct user_msghdr h;
	long r;

	header(size, CMSG_SPACE(max * sizeof(int)));
	r = u_syscall(__NR_recvmsg, fd, HDR, MSG_DONTWAIT);
	*n = 0;
	if (r < 0)
		return r;
	u_read(text, NET_BUF, (size_t)r);
	u_read(&h, HDR, sizeof(h));
	if (h.controllen) {
		*n = (u32)((u_get64(CONTROL) - sizeof(struct user_cmsghdr)) / sizeof(int));
		u_read(fds, CONTROL + sizeof(struct user_cmsghdr), *n * sizeof(int));
	}
	return r;
}

void n_setopt(long fd, int name, u32 value)
{
	u_put32(NAME, value);
	u_expect(u_syscall(__NR_setsockopt, fd, SOL_SOCKET, name, NAME, 4), 0);
}

u32 n_poll(long fd)
{
	u_put32(NAME, (u32)fd);
	u_put32(NAME + 4, 0x7fff);
	u_syscall(__NR_poll, NAME, 1, 0);
	return u_get32(NAME + 4) >> 16;
}

/* The close of a local socket looks for rings. */
static void collect(void)
{
	n_close(n_socket(AF_UNIX, SOCK_STREAM));
}

void n_without_memory(u_fn fn)
{
	u64 live, pages, left = 0;

	fn(NULL); /* what stays for ever is made now */
	collect();
	live = heap_live;
	pages = pages_free_count();
	for (u64 n = 1; !left; n++) {
		heap_fail_at = n;
		fn(NULL);
		left = heap_fail_at;
		heap_fail_at = 0;
		collect();
		if (heap_live != live || pages_free_count() != pages)
			u_fail(__FILE__, __LINE__,
				"the %llu-th allocation failed: %lld blocks and %lld pages stayed",
				(unsigned long long)n, (long long)(heap_live - live),
				(long long)(pages - pages_free_count()));
	}
}

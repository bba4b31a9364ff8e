/* SPDX-License-Identifier: Apache-2.0
 * ioctl on network interfaces (netdevice(7)). There is lo, up, and nothing can be changed.
 */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/sockios.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/netdev.h"
#include "net/uapi.h"

struct user_ifreq { /* the kernel's header would take libc's with it */
	char name[16];
	union {
		struct {
			u16 family;
			u8 data[14];
		} address;
		int16_t flags;
		s32 number;
		u8 raw[24];
	};
};
_Static_assert(sizeof(struct user_ifreq) == 40, "struct ifreq");

struct user_ifconf {
	s32 len;
	u32 pad;
	u64 req;
};

static void put_address(struct user_ifreq *r, u32 ip)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {.s_addr = ip}};

	memcpy(&r->address, &in, sizeof(in));
}

#define LO_IP	0x0100007fu /* 127.0.0.1 as it lies in memory */
#define LO_MASK 0x000000ffu

/* One entry: the interfaces that have an address of version 4. */
static long list_interfaces(u64 arg)
{
	struct user_ifreq r = {.name = LO_NAME};
	struct user_ifconf c;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	put_address(&r, LO_IP);
	if (c.req && c.len < (s32)sizeof(r))
		c.len = 0;
	else if (c.req && copy_to_user(c.req, &r, sizeof(r)))
		return -EFAULT;
	else
		c.len = sizeof(r);
	return copy_to_user(arg, &c, sizeof(c));
}

static int answer(u32 cmd, struct user_ifreq *r)
{
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = (int16_t)(LO_FLAGS & 0xffff);
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		put_address(r, LO_IP);
		return 0;
	case SIOCGIFNETMASK:
		put_address(r, LO_MASK);
		return 0;
	case SIOCGIFBRDADDR:
		put_address(r, 0);
		return 0;
	case SIOCGIFMETRIC:
		r->number = 0;
		return 0;
	case SIOCGIFMTU:
		r->number = (s32)LO_MTU;
		return 0;
	case SIOCGIFHWADDR:
		memset(r->raw, 0, sizeof(r->raw));
		r->address.family = LO_TYPE;
		return 0;
	case SIOCGIFINDEX:
		r->number = LO_INDEX;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = (s32)LO_TXQLEN;
		return 0;
	case SIOCGIFMAP:
		memset(r->raw, 0, sizeof(r->raw));
		return 0;
	default:
		return -ENOTTY;
	}
}

static bool is_question(u32 cmd)
{
	struct user_ifreq r = {0};

	return cmd == SIOCGIFNAME || answer(cmd, &r) == 0;
}

static bool is_change(u32 cmd)
{
	switch (cmd) {
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
	case SIOCSIFTXQLEN:
	case SIOCSIFNAME:
	case SIOCSIFMAP:
		return true;
	default:
		return false;
	}
}

static long one_interface(u32 cmd, u64 arg)
{
	struct user_ifreq r;
	int err;

	if (copy_from_user(&r, arg, sizeof(r)))
		return -EFAULT;
	r.name[sizeof(r.name) - 1] = 0;
	if (cmd == SIOCGIFNAME) {
		err = r.number == LO_INDEX ? 0 : -ENODEV;
		memcpy(r.name, LO_NAME, sizeof(LO_NAME));
	} else {
		err = strcmp(r.name, LO_NAME) ? -ENODEV : answer(cmd, &r);
	}
	return err ? err : copy_to_user(arg, &r, sizeof(r));
}

long netdev_ioctl(u32 cmd, u64 arg)
{
	if (cmd == SIOCGIFCONF)
		return list_interfaces(arg);
	if (is_question(cmd))
		return one_interface(cmd, arg);
	return is_change(cmd) ? -EPERM : -ENOTTY;
}

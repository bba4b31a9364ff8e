/* SPDX-License-Identifier: Apache-2.0
 *
 * The host end of the channel where there is one image and one serial line. A request is copied
 * out of guest memory once and held against the table of operations by the launcher's own decoder
 * (runtime/service/decode.c); what is not answered here there is not.
 */
#include <asm/errno.h>
#include <linux/poll.h>
#include <linux/stat.h>

#include "runtime/metal/box.h"
#include "runtime/service/service_internal.h"

#define CONSOLE_DEVICE (4u << 8 | 64u) /* ttyS0 */
#define SLOT_WINDOW    8u	       /* the first that shows the image; before are those of RAM */
#define RANDOM_MAX     256u

static uint8_t in[CHAN_DATA_SIZE], out[CHAN_DATA_SIZE];

static uint64_t image_pages_size(const struct box *b)
{
	return (b->image_size + VMX_PAGE_SIZE - 1) & VMX_PAGE_MASK;
}

/* -- the two files -- */

static int64_t do_getattr(struct box *b, struct chan_msg *m)
{
	struct chan_attr a = {.ino = m->a[0], .nlink = 1, .blksize = VMX_PAGE_SIZE, .dev = 1};

	if (m->in_len)
		return -ENOTDIR;
	if (m->a[0] == BOX_IMAGE) {
		a.mode = S_IFREG | 0444;
		a.size = b->image_size;
		a.blocks = image_pages_size(b) / 512;
		a.flags = CHAN_ATTR_READONLY;
	} else {
		a.mode = S_IFCHR | 0620;
		a.rdev = CONSOLE_DEVICE;
		a.flags = CHAN_ATTR_STREAM;
	}
	memcpy(out, &a, sizeof(a));
	m->out_len = sizeof(a);
	return 0;
}

static int64_t do_read(struct box *b, struct chan_msg *m)
{
	uint8_t *to[CHAN_SEGS_MAX];
	int64_t n = 0;

	if (m->a[0] != BOX_CONSOLE)
		return -EBADF;
	for (unsigned i = 0; i < m->nseg; i++) {
		const struct gpa at = {m->seg[i].gpa};

		to[i] = service_gpa_ptr_write(&b->mem, at, m->seg[i].len);
		if (!to[i])
			return -EFAULT;
	}
	if (b->input && !metal_console_ready())
		return -EAGAIN;
	for (unsigned i = 0; i < m->nseg; i++)
		for (uint64_t k = 0; k < m->seg[i].len; k++) {
			if (!b->input || !metal_console_ready())
				return n;
			to[i][k] = metal_console_read();
			n++;
		}
	return n;
}

static int64_t do_write(struct box *b, struct chan_msg *m)
{
	int64_t n = 0;

	if (m->a[0] != BOX_CONSOLE)
		return -EBADF;
	for (unsigned i = 0; i < m->nseg; i++) {
		const struct gpa at = {m->seg[i].gpa};
		const void *from = service_gpa_ptr(&b->mem, at, m->seg[i].len);

		if (!from)
			return -EFAULT;
		metal_console_write(from, m->seg[i].len);
		n += (int64_t)m->seg[i].len;
	}
	return n;
}

static uint32_t console_events(const struct box *b)
{
	return POLLOUT | (!b->input || metal_console_ready() ? POLLIN : 0);
}

static int64_t do_poll(struct box *b, struct chan_msg *m)
{
	return (int64_t)((m->a[0] == BOX_CONSOLE ? console_events(b) : POLLIN) & m->a[1]);
}

static int64_t do_watch(struct box *b, struct chan_msg *m)
{
	if (m->a[0] != BOX_CONSOLE)
		return -EPERM; /* as epoll has it for a regular file */
	b->watched = (uint32_t)m->a[1];
	b->watch_tag = m->a[2];
	return 0;
}

static int64_t do_nothing(struct box *b, struct chan_msg *m)
{
	return 0;
}

static int64_t do_seek(struct box *b, struct chan_msg *m)
{
	return -ESPIPE;
}

static int64_t do_tty(struct box *b, struct chan_msg *m)
{
	return -ENOTTY;
}

/* -- the window -- */

/* Slots of the image: the offset in the window and the length of each, 0: free. */
static struct {
	uint64_t off, len;
} mapped[SBV_SLOTS - SLOT_WINDOW];

static int64_t do_map(struct box *b, struct chan_msg *m)
{
	struct sbv_memory memory = {
		.flags = SBV_MEM_READONLY,
		.gpa = BOOT_WINDOW_GPA + m->a[3],
		.hva = (uintptr_t)b->image + m->a[1],
		.size = (m->a[2] + VMX_PAGE_SIZE - 1) & VMX_PAGE_MASK,
	};
	size_t i = 0;
	int r;

	if (m->a[0] != BOX_IMAGE)
		return -ENODEV;
	/* The decoder saw to it that no sum overflows. */
	if (m->a[1] + memory.size > image_pages_size(b) || m->a[3] + memory.size > BOOT_WINDOW_SIZE)
		return -EINVAL;
	while (i < VMX_ARRAY_SIZE(mapped) && mapped[i].len)
		i++;
	if (i == VMX_ARRAY_SIZE(mapped))
		return -ENOMEM;
	memory.slot = SLOT_WINDOW + (uint32_t)i;
	r = vmx_vm_set_memory(b->vm, &memory);
	if (!r) {
		mapped[i].off = m->a[3];
		mapped[i].len = memory.size;
	}
	return r;
}

static int64_t do_unmap(struct box *b, struct chan_msg *m)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(mapped); i++) {
		struct sbv_memory gone = {.slot = SLOT_WINDOW + (uint32_t)i};

		if (!mapped[i].len || mapped[i].off != m->a[1] || mapped[i].len != m->a[2])
			continue;
		mapped[i].len = 0;
		return vmx_vm_set_memory(b->vm, &gone);
	}
	return -EINVAL;
}

/* -- time, life -- */

static int64_t do_random(struct box *b, struct chan_msg *m)
{
	size_t n = m->a[0] < RANDOM_MAX ? (size_t)m->a[0] : RANDOM_MAX;

	box_random(out, n);
	m->out_len = (uint32_t)n;
	return (int64_t)n;
}

bool box_event(const struct box *b)
{
	return b->watched & console_events(b);
}

static int64_t do_wait(struct box *b, struct chan_msg *m)
{
	struct chan_event ev = {.kind = CHAN_EV_READY};

	while (!box_event(b) && m->a[0] && box_now_ns(b) < m->a[0])
		metal_interrupts_wait();
	if (!box_event(b))
		return 0;
	ev.value = b->watched & console_events(b);
	ev.tag = b->watch_tag;
	b->watched = 0;
	memcpy(out, &ev, sizeof(ev));
	m->out_len = sizeof(ev);
	return sizeof(ev);
}

void box_print(const uint8_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = text[i] < ' ' || text[i] > '~' ? '?' : text[i];

		metal_console_write(&c, 1);
	}
}

static int64_t do_log(struct box *b, struct chan_msg *m)
{
	metal_print("sandbox: ");
	box_print(in, m->in_len);
	metal_print("\n");
	return 0;
}

static int64_t do_exit(struct box *b, struct chan_msg *m)
{
	b->ended = true;
	b->status = (uint32_t)m->a[0];
	memcpy(&b->report, in, m->in_len); /* at most its size: the decoder */
	return 0;
}

static int64_t (*const perform[CHAN_OP_COUNT])(struct box *b, struct chan_msg *m) = {
	[CHAN_OP_GETATTR] = do_getattr,
	[CHAN_OP_FORGET] = do_nothing, /* these files stay */
	[CHAN_OP_READ] = do_read,
	[CHAN_OP_WRITE] = do_write,
	[CHAN_OP_SEEK] = do_seek,
	[CHAN_OP_MAP] = do_map,
	[CHAN_OP_UNMAP] = do_unmap,
	[CHAN_OP_POLL] = do_poll,
	[CHAN_OP_WATCH] = do_watch,
	[CHAN_OP_WAIT] = do_wait,
	[CHAN_OP_TTY] = do_tty,
	[CHAN_OP_RANDOM] = do_random,
	[CHAN_OP_LOG] = do_log,
	[CHAN_OP_STOP] = do_nothing, /* nobody could continue it */
	[CHAN_OP_EXIT] = do_exit,
};

static bool is_handle(uint8_t kind)
{
	return kind == ARG_DIR || kind == ARG_DIRX || kind == ARG_FILE || kind == ARG_NODE;
}

static int64_t handle_request(struct box *b, struct chan_msg *m)
{
	int r = service_decode(m, in, b->mem.ram_size);

	if (r)
		return r;
	for (unsigned i = 0; i < 4; i++) {
		uint8_t kind = service_op_table[m->op].arg[i];

		if (is_handle(kind) && m->a[i] != BOX_CONSOLE && m->a[i] != BOX_IMAGE)
			return -EBADF;
		if (kind == ARG_DIR || kind == ARG_DIRX)
			return -ENOTDIR;
	}
	return perform[m->op] ? perform[m->op](b, m) : -EOPNOTSUPP;
}

static void serve_slot(struct box *b, struct chan_msg *slot)
{
	struct chan_msg m;

	memcpy(&m, slot, sizeof(m));
	if (m.in_len <= CHAN_DATA_SIZE)
		memcpy(in, b->ring->data, m.in_len);
	m.out_len = 0;
	m.result = handle_request(b, &m);
	memcpy(b->ring->data, out, m.out_len);
	slot->out_len = m.out_len;
	slot->result = m.result;
	slot->state = CHAN_SLOT_DONE;
	if (m.op == CHAN_OP_WAIT)
		b->ring->events = 0;
}

/* The guest does not run now, so that nothing changes under us; but neither counter is believed. */
void box_serve(struct box *b)
{
	for (uint32_t n = 0; n < CHAN_SLOTS && !b->ended; n++) {
		struct chan_msg *slot = &b->ring->slot[b->ring->sq_head % CHAN_SLOTS];

		if (b->ring->sq_head == b->ring->sq_tail || slot->state != CHAN_SLOT_READY)
			return;
		serve_slot(b, slot);
		b->ring->sq_head++;
	}
}

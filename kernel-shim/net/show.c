/* SPDX-License-Identifier: Apache-2.0
 * Sockets as /proc/net shows them. Addresses of the kernel are zero, as for an ordinary user.
 */
#include "core/task.h"
#include "fs/seqbuf.h"
#include "net/inet_internal.h"
#include "net/show.h"
#include "net/state.h"
#include "net/unix_internal.h"

#define ROW_TCP 149u /* columns of a row of tcp */
#define ROW_UDP 127u

static unsigned long inode_number(const struct socket *s)
{
	return s->file && s->file->inode ? s->file->inode->ino : 0;
}

/* -- local sockets -- */

static void unix_row(struct seqbuf *s, const struct socket *u)
{
	const u32 accepts = 0x10000; /* __SO_ACCEPTCON */
	/* SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING */
	u32 state = u->state == SK_CONNECTED ? (u->file ? 3 : 2) : (u->file ? 1 : 4);

	seq_printf(s, "%016x: %08X 00000000 %08X %04X %02X %5lu", 0, u->refs + 1,
		u->state == SK_LISTENING ? accepts : 0, u->ops->type, state, inode_number(u));
	if (u->name) {
		bool abstract = !u->name->raw[UNIX_PATH_AT];
		u32 end = u->name->len - !abstract; /* a path ends with a NUL */

		seq_puts(s, " ");
		for (u32 i = UNIX_PATH_AT; i < end; i++)
			seq_printf(s, "%c", u->name->raw[i] ? u->name->raw[i] : '@');
	}
	seq_puts(s, "\n");
}

void net_show_unix(struct seqbuf *s)
{
	seq_puts(s, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	list_for_each(l, &net_state()->unix_sockets)
	{
		unix_row(s, &list_entry(l, struct unix_sock, all_link)->s);
	}
}

/* -- TCP and UDP -- */

/* Words of an address as they lie in memory, read as numbers. */
static void put_end(struct seqbuf *s, const struct inet_end *e, u16 family)
{
	u32 word[4];

	memcpy(word, e->ip, sizeof(word));
	if (family == AF_INET)
		seq_printf(s, "%08X", word[3]);
	else
		seq_printf(s, "%08X%08X%08X%08X", word[0], word[1], word[2], word[3]);
	seq_printf(s, ":%04X", e->port);
}

static void put_ends(struct seqbuf *s, const struct inet_sock *i)
{
	put_end(s, &i->local, i->s.family);
	seq_puts(s, " ");
	put_end(s, &i->remote, i->s.family);
}

static void tcp_row(struct seqbuf *s, const struct inet_sock *i, u32 number)
{
	bool listens = i->s.state == SK_LISTENING;
	size_t start = s->len;

	seq_printf(s, "%4u: ", number);
	put_ends(s, i);
	seq_printf(s, " %02X %08X:%08X 00:00000000 %08X %5u %8d %lu %u %016x", tcp_state_number(i),
		0, listens ? i->s.backlog_len : (u32)i->s.rx.bytes, 0, i->uid, 0,
		inode_number(&i->s), i->s.refs, 0);
	seq_puts(s, listens ? " 100 0 0 10 0" : " 20 4 30 10 -1");
	if (i->s.family == AF_INET)
		seq_pad(s, start, ROW_TCP);
	seq_puts(s, "\n");
}

static void udp_row(struct seqbuf *s, const struct inet_sock *i, u32 number)
{
	u32 state = i->s.state == SK_CONNECTED ? 1 : 7;
	size_t start = s->len;

	seq_printf(s, "%5u: ", number);
	put_ends(s, i);
	seq_printf(s, " %02X %08X:%08X 00:00000000 %08X %5u %8d %lu %u %016x 0", state, 0,
		(u32)i->s.rx.cost, 0, i->uid, 0, inode_number(&i->s), i->s.refs + 1, 0);
	if (i->s.family == AF_INET)
		seq_pad(s, start, ROW_UDP);
	seq_puts(s, "\n");
}

static void each(struct seqbuf *s, enum inet_proto proto, u16 family,
	void (*row)(struct seqbuf *s, const struct inet_sock *i, u32 number))
{
	u32 number = 0;

	for (u32 b = 0; b < PORT_BUCKETS; b++) {
		list_for_each(l, &net_state()->ports[proto][b])
		{
			const struct inet_sock *i = list_entry(l, struct inet_sock, port_link);

			if (i->s.family == family)
				row(s, i, number++);
		}
	}
}

#define COLUMNS_V4 "local_address rem_address  "
#define COLUMNS_V6 "local_address                         remote_address                       "
#define COLUMNS	   " st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

void net_show_tcp(struct seqbuf *s, u16 family)
{
	size_t start = s->len;

	seq_printf(s, "  sl  %s%s", family == AF_INET ? COLUMNS_V4 : COLUMNS_V6, COLUMNS);
	if (family == AF_INET)
		seq_pad(s, start, ROW_TCP);
	seq_puts(s, "\n");
	each(s, INET_TCP, family, tcp_row);
}

void net_show_udp(struct seqbuf *s, u16 family)
{
	size_t start = s->len;

	seq_printf(s, family == AF_INET ? "   sl  %s" : "  sl  %s",
		family == AF_INET ? COLUMNS_V4 : COLUMNS_V6);
	seq_puts(s, COLUMNS " ref pointer drops");
	if (family == AF_INET)
		seq_pad(s, start, ROW_UDP);
	seq_puts(s, "\n");
	each(s, INET_UDP, family, udp_row);
}

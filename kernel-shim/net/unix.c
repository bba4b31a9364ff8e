/* SPDX-License-Identifier: Apache-2.0
 * Local sockets: what streams, datagrams and sequenced packets share.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/families.h"
#include "net/state.h"
#include "net/unix_internal.h"

struct socket *unix_new(const struct sock_ops *ops)
{
	struct unix_sock *u = kzalloc(sizeof(*u));

	if (!u)
		return NULL;
	socket_init(&u->s, ops, AF_UNIX);
	list_init(&u->name_link);
	list_init(&u->clients);
	list_init(&u->client_link);
	list_init(&u->flight_link);
	list_add_tail(&net_state()->unix_sockets, &u->all_link);
	return &u->s;
}

int unix_create(s32 type, s32 protocol, struct socket **out)
{
	const struct sock_ops *ops;

	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	switch (type) {
	case SOCK_STREAM:
		ops = &unix_stream_ops;
		break;
	case SOCK_DGRAM:
	case SOCK_RAW: /* BSD's word for it */
		ops = &unix_dgram_ops;
		break;
	case SOCK_SEQPACKET:
		ops = &unix_seqpacket_ops;
		break;
	default:
		return -ESOCKTNOSUPPORT;
	}
	*out = unix_new(ops);
	return *out ? 0 : -ENOMEM;
}

struct user_ucred ucred_current(void)
{
	return (struct user_ucred){current->proc->pid, current->cred.euid, current->cred.egid};
}

int unix_name(struct socket *s, enum sock_side side, struct sock_addr *out)
{
	struct socket *of = side == SIDE_OWN ? s : s->peer;

	if (!of)
		return -ENOTCONN;
	sock_name_show(of->name, out);
	if (!of->name) {
		out->len = UNIX_PATH_AT;
		out->family = AF_UNIX;
	}
	return 0;
}

bool unix_writable(const struct socket *s)
{
	return s->state != SK_LISTENING && s->charged * 4ull <= s->opt.sndbuf;
}

/* FIONREAD of datagrams is about the next one. */
static long bytes_queued(struct socket *s)
{
	const struct packet *p = queue_first(&s->rx);

	if (s->state == SK_LISTENING)
		return -EINVAL;
	if (s->ops == &unix_dgram_ops)
		return p ? p->len : 0;
	return (long)s->rx.bytes;
}

long unix_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	long n;

	switch (cmd) {
	case FIONREAD:
		n = bytes_queued(s);
		return n < 0 ? n : put_user_u32(arg, (u32)n);
	case TIOCOUTQ:
		return put_user_u32(arg, s->charged);
	default:
		return -ENOTTY;
	}
}

/* Each side of a connection knows what the other will not do any more. */
int unix_shutdown(struct socket *s, u32 how)
{
	struct socket *peer = s->peer;

	s->shutdown |= how;
	sock_wake(s, SOCK_CHANGED);
	if (peer && s->ops != &unix_dgram_ops) {
		peer->shutdown |=
			(how & SHUT_RECV ? SHUT_SEND : 0) | (how & SHUT_SEND ? SHUT_RECV : 0);
		sock_wake(peer, SOCK_CHANGED);
	}
	return 0;
}

int unix_scm(struct socket *s, const struct sock_msg *m, struct scm *out)
{
	int r = scm_parse(m, out);

	if (!r && out->rights)
		r = rights_launch(out->rights);
	if (!r && (s->opt.on & OPT_PASSCRED))
		r = unix_autobind(s);
	if (r)
		scm_release(out);
	return r;
}

void unix_want_cred(const struct socket *s, const struct socket *other, struct scm *scm)
{
	if (!scm->has_cred && ((s->opt.on | other->opt.on) & OPT_PASSCRED))
		scm_add_cred(scm);
}

void unix_close(struct socket *s)
{
	struct unix_sock *u = unix_of(s);

	s->dead = true;
	unix_unname(s);
	list_del(&u->all_link);
	if (s->ops == &unix_dgram_ops)
		unix_dgram_hangup(s);
	else
		unix_stream_hangup(s);
	s->state = SK_CLOSED;
	s->shutdown = SHUT_BOTH;
	sock_wake(s, SOCK_CHANGED);
	queue_purge(&s->rx);
	socket_drop_peer(s);
	if (s->file)
		rights_collect();
}

void unix_free(struct socket *s)
{
	if (!s->dead) /* made, but never given to anybody */
		list_del(&unix_of(s)->all_link);
	socket_fini(s);
	kfree(unix_of(s));
}

/* SPDX-License-Identifier: Apache-2.0
 * What comes beside the bytes of a message on a local socket: descriptors and credentials
 * (unix(7)); and how control messages are taken from and given to programs.
 */
#ifndef NET_SCM_H
#define NET_SCM_H

#include "core/types.h"
#include "net/uapi.h"

struct file;
struct sock_msg;
struct socket;

/* Files in flight. */
struct rights {
	u32 refs;
	u32 n;
	bool in_flight; /* counted as such: they are in a queue */
	struct list dying_link;
	struct file *file[];
};

struct scm {
	struct rights *rights; /* a reference, or NULL */
	struct user_ucred cred;
	bool has_cred; /* else the receiver learns nothing of the sender */
};

/* Walks the control messages of m: the next after c (NULL: the first), NULL at the end,
 * err_ptr(-EINVAL) for one that does not fit. */
const struct user_cmsghdr *cmsg_next(const struct sock_msg *m, const struct user_cmsghdr *c);
static inline const void *cmsg_data(const struct user_cmsghdr *c)
{
	return c + 1;
}

/* What m's control messages say, checked (Linux scm_send). On 0 the caller owns out->rights. */
int scm_parse(const struct sock_msg *m, struct scm *out);
/* The caller's own identity, where he gave none. */
void scm_add_cred(struct scm *s);
bool scm_same_sender(const struct scm *a, const struct scm *b);
void scm_release(struct scm *s);

/* Room for control messages in the program's memory. */
struct control {
	u64 base, room; /* what is left of it */
	u32 flags;	/* MSG_CTRUNC when something had no room */
};
void control_put(struct control *c, s32 level, s32 type, const void *data, u32 len);
/* sock_ops.control of local sockets: credentials if wanted, then descriptors. */
void scm_deliver(struct socket *s, struct control *c, const struct sock_msg *m);

/* -- rights.c: files in flight -- */
struct rights *rights_new(u32 n); /* without files yet */
struct rights *rights_get(struct rights *r);
void rights_put(struct rights *r); /* the last closes the files */
/* They go into a queue; rights_put takes them out. -ETOOMANYREFS when there are too many. */
int rights_launch(struct rights *r);
/* Empties the queues of sockets that only queues of such sockets hold. */
void rights_collect(void);

#endif

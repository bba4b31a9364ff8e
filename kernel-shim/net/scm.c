/* SPDX-License-Identifier: Apache-2.0
 * Control messages (cmsg(3)): taken apart when they are sent, written when they are received.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/socket.h"

#define NOBODY 65534u /* who did not say who he is */

const struct user_cmsghdr *cmsg_next(const struct sock_msg *m, const struct user_cmsghdr *c)
{
	const u8 *end, *at;

	if (!m->control)
		return NULL;
	end = m->control + m->control_len;
	at = c ? (const u8 *)c + CMSG_ALIGN(c->len) : m->control;
	/* what is too short for a header ends the list quietly, as CMSG_NXTHDR */
	if (at > end || (size_t)(end - at) < sizeof(*c))
		return NULL;
	c = (const struct user_cmsghdr *)at;
	if (c->len < sizeof(*c) || c->len > (u64)(end - at))
		return err_ptr(-EINVAL);
	return c;
}

/* -- sending -- */

static int add_rights(const struct user_cmsghdr *c, struct scm *out)
{
	const s32 *fd = cmsg_data(c);
	u32 n = (u32)((c->len - sizeof(*c)) / sizeof(*fd)), old = out->rights ? out->rights->n : 0;
	struct rights *r;

	if (!n)
		return 0;
	if (old + n > SCM_MAX_FD)
		return -EINVAL;
	r = rights_new(old + n);
	if (!r)
		return -ENOMEM;
	for (; r->n < old; r->n++) {
		r->file[r->n] = out->rights->file[r->n];
		file_get(r->file[r->n]);
	}
	rights_put(out->rights);
	out->rights = r;
	for (u32 i = 0; i < n; i++) {
		r->file[r->n] = fd_get_any(fd[i]);
		if (!r->file[r->n])
			return -EBADF;
		r->n++;
	}
	return 0;
}

static bool is_one_of(u32 id, u32 real, u32 effective, u32 saved)
{
	return id == real || id == effective || id == saved;
}

/* Who says to be somebody else needs the capability to become that. */
static int check_cred(const struct user_ucred *u)
{
	const struct cred *c = &current->cred;

	if ((u->pid != current->proc->pid && !cred_has(c, CAP_SYS_ADMIN)) ||
		(!is_one_of(u->uid, c->uid, c->euid, c->suid) && !cred_has(c, CAP_SETUID)) ||
		(!is_one_of(u->gid, c->gid, c->egid, c->sgid) && !cred_has(c, CAP_SETGID)))
		return -EPERM;
	return u->pid == current->proc->pid || process_find(u->pid) ? 0 : -ESRCH;
}

static int add_cred(const struct user_cmsghdr *c, struct scm *out)
{
	if (c->len != CMSG_LEN(sizeof(out->cred)))
		return -EINVAL;
	memcpy(&out->cred, cmsg_data(c), sizeof(out->cred));
	out->has_cred = true;
	return check_cred(&out->cred);
}

int scm_parse(const struct sock_msg *m, struct scm *out)
{
	const struct user_cmsghdr *c = NULL;
	int r = 0;

	memset(out, 0, sizeof(*out));
	while (!r && (c = cmsg_next(m, c))) {
		if (is_err(c))
			r = -EINVAL;
		else if (c->level != SOL_SOCKET)
			continue;
		else if (c->type == SCM_RIGHTS)
			r = add_rights(c, out);
		else if (c->type == SCM_CREDENTIALS)
			r = add_cred(c, out);
		else
			r = -EINVAL;
	}
	if (r)
		scm_release(out);
	return r;
}

void scm_add_cred(struct scm *s)
{
	const struct cred *c = &current->cred;

	s->cred = (struct user_ucred){current->proc->pid, c->uid, c->gid};
	s->has_cred = true;
}

bool scm_same_sender(const struct scm *a, const struct scm *b)
{
	return a->has_cred == b->has_cred &&
	       (!a->has_cred || !memcmp(&a->cred, &b->cred, sizeof(a->cred)));
}

void scm_release(struct scm *s)
{
	rights_put(s->rights);
	s->rights = NULL;
}

/* -- receiving -- */

void control_put(struct control *c, s32 level, s32 type, const void *data, u32 len)
{
	struct user_cmsghdr h = {CMSG_LEN(len), level, type};

	if (c->room < sizeof(h)) {
		c->flags |= MSG_CTRUNC;
		return;
	}
	if (c->room < h.len) {
		c->flags |= MSG_CTRUNC;
		h.len = c->room;
	}
	if (copy_to_user(c->base, &h, sizeof(h)) ||
		copy_to_user(c->base + sizeof(h), data, h.len - sizeof(h)))
		return;
	h.len = min_u64(CMSG_SPACE(len), c->room);
	c->base += h.len;
	c->room -= h.len;
}

/* Descriptors for as many as the program has room for; the others go. */
static void put_rights(struct control *c, const struct rights *r, bool cloexec)
{
	u64 room = c->room < sizeof(struct user_cmsghdr)
			   ? 0
			   : (c->room - sizeof(struct user_cmsghdr)) / sizeof(s32);
	u64 at = c->base + sizeof(struct user_cmsghdr);
	struct user_cmsghdr h = {0, SOL_SOCKET, SCM_RIGHTS};
	u32 n = 0;

	for (; n < r->n && n < room; n++) {
		s32 fd;

		file_get(r->file[n]);
		fd = fd_install(r->file[n], cloexec, 0);
		if (fd < 0 || put_user_u32(at + n * sizeof(fd), (u32)fd))
			break;
	}
	if (n < r->n)
		c->flags |= MSG_CTRUNC;
	h.len = CMSG_LEN(n * sizeof(s32));
	if (!n || copy_to_user(c->base, &h, sizeof(h)))
		return;
	h.len = min_u64(CMSG_SPACE(n * sizeof(s32)), c->room);
	c->base += h.len;
	c->room -= h.len;
}

void scm_deliver(struct socket *s, struct control *c, const struct sock_msg *m)
{
	struct user_ucred u = {0, NOBODY, NOBODY};

	if (m->cred_wanted) {
		if (m->scm.has_cred)
			u = m->scm.cred;
		control_put(c, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
	}
	if (m->scm.rights)
		put_rights(c, m->scm.rights, m->flags & MSG_CMSG_CLOEXEC);
}

/* SPDX-License-Identifier: Apache-2.0
 * Which file a mapping is of: what the shim has of it. The reader opens a file of the host only if
 * device and inode are those that it was told, and parses it as one that a program may have made;
 * so a guest that lies here gets wrong names into its own profile.
 */
#include <string.h>

#include "runtime/sample/sample_internal.h"

#define STEPS_MAX    256u /* names and mounts of a path */
#define NAME_LONGEST 255u

#define GET(s, base, offset, to) sample_read_shim(s, (base) + (offset), to, sizeof(*(to)))

/* -- a path, from its end -- */

struct path_end {
	char text[SAMPLES_PATH];
	size_t at; /* where it begins so far */
};

/* What is no name could lead to where no mount is. */
static bool is_name(const char *name, size_t n)
{
	return !memchr(name, 0, n) && !memchr(name, '/', n) && !(n == 1 && name[0] == '.') &&
	       !(n == 2 && name[0] == '.' && name[1] == '.');
}

static bool prepend(const struct sampler *s, uint64_t dentry, struct path_end *p)
{
	const struct guest_layout *l = s->c.layout;
	uint64_t name;
	uint32_t n;

	if (!GET(s, dentry, l->dentry.name, &name) || !GET(s, dentry, l->dentry.len, &n) || !n ||
		n > NAME_LONGEST || n >= p->at)
		return false;
	p->at -= n;
	if (!sample_read_shim(s, name, p->text + p->at, n) || !is_name(p->text + p->at, n))
		return false;
	p->text[--p->at] = '/';
	return true;
}

struct place {
	uint64_t mount, dentry;
};

/* To what it lies in; *more: there was something. False: that cannot be read. */
static bool step_up(const struct sampler *s, struct place *at, struct path_end *p, bool *more)
{
	const struct guest_layout *l = s->c.layout;
	uint64_t root, parent;

	if (!GET(s, at->mount, l->mount.root, &root))
		return false;
	if (at->dentry == root) {
		if (!GET(s, at->mount, l->mount.parent, &parent))
			return false;
		*more = parent;
		if (!parent)
			return true;
		if (!GET(s, at->mount, l->mount.mountpoint, &at->dentry))
			return false;
		at->mount = parent;
		return true;
	}
	if (!GET(s, at->dentry, l->dentry.parent, &parent))
		return false;
	*more = parent;
	if (!parent)
		return true;
	if (!prepend(s, at->dentry, p))
		return false;
	at->dentry = parent;
	return true;
}

/* What is at its end, if it has no name any more. */
static bool say_deleted(const struct sampler *s, uint64_t dentry, struct path_end *p)
{
	static const char deleted[] = " (deleted)";
	uint8_t unhashed;

	if (!GET(s, dentry, s->c.layout->dentry.unhashed, &unhashed))
		return false;
	if (unhashed) {
		p->at -= sizeof(deleted) - 1;
		memcpy(p->text + p->at, deleted, sizeof(deleted) - 1);
	}
	return true;
}

/* Inside, as /proc/PID/maps has it: what precedes p->at in p->text stays unused. False: it has
 * none that can be told. */
static bool path_of(const struct sampler *s, uint64_t file, struct path_end *p)
{
	const struct guest_layout *l = s->c.layout;
	struct place at;
	bool more = true;

	p->at = sizeof(p->text) - 1;
	p->text[p->at] = 0;
	if (!GET(s, file, l->file.mount, &at.mount) || !GET(s, file, l->file.dentry, &at.dentry) ||
		!at.dentry || !say_deleted(s, at.dentry, p))
		return false;
	for (unsigned i = 0; i < STEPS_MAX && more; i++)
		if (!step_up(s, &at, p, &more))
			return false;
	if (!more && p->text[p->at] != '/' && p->at)
		p->text[--p->at] = '/';
	return !more;
}

/* -- the file -- */

static bool key_of(const struct sampler *s, uint64_t file, struct sample_key *out)
{
	const struct guest_layout *l = s->c.layout;
	uint64_t inode, super, type, host;
	char name[5];

	*out = (struct sample_key){.type = SAMPLES_INNER_FILE};
	if (!GET(s, file, l->file.inode, &inode) || !inode ||
		!GET(s, inode, l->inode.ino, &out->ino) || !GET(s, inode, l->inode.super, &super) ||
		!GET(s, super, l->super.type, &type) || !GET(s, type, 0, &name))
		return false;
	if (memcmp(name, "host", sizeof(name)))
		return GET(s, super, l->super.dev, &out->dev);
	out->type = SAMPLES_HOST_FILE;
	return GET(s, inode, l->inode.host, &host) && GET(s, host, l->host.dev, &out->dev);
}

static uint32_t tell(
	struct sampler *s, uint64_t file, struct sample_key *known, const struct sample_key *k)
{
	char text[2 * SAMPLES_PATH], there[SAMPLES_PATH] = "";
	struct path_end p;
	size_t len = 0, host = 0;

	if (path_of(s, file, &p)) {
		len = sizeof(p.text) - 1 - p.at;
		memcpy(text, p.text + p.at, len + 1);
	}
	if (len && k->type == SAMPLES_HOST_FILE)
		host = s->c.host_path(s->c.arg, text, there, sizeof(there));
	memcpy(text + len, there, host);
	return sample_writer_tell(&s->writer, known, k, text, len, host);
}

uint32_t sample_inner_file(struct sampler *s, uint64_t file)
{
	struct sample_key *known, k;

	if (!key_of(s, file, &k))
		return SAMPLES_NOWHERE;
	known = sample_writer_find(&s->writer, k.dev, k.ino, k.type);
	return known->id ? known->id : tell(s, file, known, &k);
}

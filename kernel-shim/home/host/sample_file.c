/* SPDX-License-Identifier: Apache-2.0
 * The files that samples name.
 */
#include "fs/hostfs_internal.h"
#include "home/host/host_internal.h"
#include "home/host/sample.h"

static bool is_hosts(const struct inode *i)
{
	return !strcmp(i->super->type, "host");
}

/* Its path inside, and the host's if it is the host's. */
static u32 tell(const struct file *f, struct sample_key *known, const struct sample_key *k)
{
	struct sample_writer *w = host_sample_writer();
	char text[2 * SAMPLES_PATH], there[SAMPLES_PATH] = "";
	s64 len = f->path.dentry ? path_string(&f->path, text, SAMPLES_PATH) : 0;
	size_t host = 0;

	if (len < 0)
		len = 0;
	if (len && k->type == SAMPLES_HOST_FILE)
		host = host_home.c.host_path(host_home.c.channel_arg, text, there, sizeof(there));
	memcpy(text + len, there, host);
	return sample_writer_tell(w, known, k, text, (size_t)len, host);
}

u32 sample_file(const struct file *f)
{
	const struct inode *i = f->inode;
	struct sample_key k = {.dev = i->super->dev, .ino = i->ino, .type = SAMPLES_INNER_FILE};
	struct sample_key *known;

	if (is_hosts(i)) {
		k.type = SAMPLES_HOST_FILE;
		k.dev = host_inode(i)->host_dev;
	}
	known = sample_writer_find(host_sample_writer(), k.dev, k.ino, k.type);
	return known->id ? known->id : tell(f, known, &k);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sdk/lib/error.h"
#include "sdk/lib/sandbox_internal.h"

int sb_get_result(struct sb *s, struct sb_result *result, struct sb_error **error)
{
	size_t size = result->size;

	if (error)
		*error = NULL;
	if (size < offsetof(struct sb_result, message))
		return error_set(error, SB_INVALID, "size must be sizeof(struct sb_result)");
	if (!atomic_load(&s->over))
		return SB_RUNNING;
	/* a newer caller finds 0 in what this library does not know */
	memset(result, 0, size);
	memcpy(result, &s->result, size < sizeof s->result ? size : sizeof s->result);
	result->size = size;
	return 0;
}

static const void *give(const char *data, size_t n, size_t *size, bool more, int *truncated)
{
	*size = n;
	if (truncated)
		*truncated = more;
	return data ? data : "";
}

const void *sb_output(struct sb *s, int stream, size_t *size, int *truncated)
{
	const struct sink *k = &s->sinks[stream == 2 ? SINK_ERR : SINK_OUT];

	*size = 0;
	if ((stream != 1 && stream != 2) || !k->limit || !atomic_load(&s->over))
		return NULL;
	return give(k->data, k->size, size, k->total > k->size, truncated);
}

const void *sb_file_data(struct sb *s, size_t index, size_t *size, int *truncated)
{
	*size = 0;
	if (!atomic_load(&s->over) || index >= s->nfiles || !s->files[index].data)
		return NULL;
	return give(s->files[index].data, s->files[index].size, size, s->files[index].truncated,
		truncated);
}

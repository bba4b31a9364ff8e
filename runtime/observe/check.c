/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of a state file to what may be shown.
 */
#include <errno.h>
#include <string.h>

#include "runtime/observe/look.h"

const char *observe_op_name(unsigned op)
{
	static const char *const names[CHAN_OP_COUNT] = {
		NULL,
#define CHAN_OP(name, text, ...) text,
#include "kernel-shim/abi/chan_ops.h"
#undef CHAN_OP
	};

	return op < CHAN_OP_COUNT ? names[op] : NULL;
}

const char *observe_exit_name(const struct observe_seen *s, unsigned reason)
{
	if (reason >= s->head.reasons)
		return NULL;
	return s->head.exits == OBSERVE_EXITS_VM
		       ? vm_exit_name((enum vm_exit_reason)reason)
		       : process_exit_name((enum process_exit_kind)reason);
}

/* Letters, digits and what host names have besides: what a terminal and a label can take. */
static bool is_word(const char *s, size_t size, bool may_be_empty)
{
	size_t n = strnlen(s, size);

	if (n == size || (!n && !may_be_empty))
		return false;
	for (; *s; s++)
		if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._",
			    *s))
			return false;
	return true;
}

static bool head_is_good(const struct observe_head *h, size_t size)
{
	uint32_t reasons = h->exits == OBSERVE_EXITS_VM ? (uint32_t)VM_EXIT_REASONS
							: (uint32_t)PROCESS_EXIT_KINDS;

	return h->magic == OBSERVE_MAGIC && h->version == OBSERVE_VERSION &&
	       h->ops == CHAN_OP_COUNT && h->exits <= OBSERVE_EXITS_PROCESS &&
	       h->reasons == reasons && h->cpus >= 1 && h->cpus <= OBSERVE_CPUS &&
	       h->size == observe_size(h->cpus) && h->size == size && h->pid > 0 &&
	       is_word(h->id, sizeof h->id, false) && strlen(h->id) == OBSERVE_ID &&
	       is_word(h->name, sizeof h->name, true) &&
	       is_word(h->backend, sizeof h->backend, false) &&
	       is_word(h->home, sizeof h->home, false) &&
	       strnlen(h->program, sizeof h->program) < sizeof h->program;
}

static void add_histogram(struct histogram *to, const volatile struct histogram *from)
{
	to->ns += from->ns;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->count[i] += from->count[i];
}

/* `bytes` is the caller's own copy: plain reads will do. */
int observe_check(const void *bytes, size_t size, struct observe_seen *out)
{
	const struct observe_state *s = bytes;

	memset(out, 0, sizeof *out);
	if (size < sizeof *s)
		return -EBADMSG;
	memcpy(&out->head, &s->head, sizeof out->head);
	if (!head_is_good(&out->head, size))
		return -EBADMSG;
	out->denials = s->denials;
	out->shim.syscalls = s->shim.syscalls;
	out->shim.pages_used = s->shim.pages_used;
	out->shim.user_ns = s->shim.user_ns;
	for (unsigned i = 0; i < SERVICE_SHOWN_OPS; i++) {
		out->calls[i] = s->channel.calls[i];
		add_histogram(&out->op_time[i], &s->channel.time[i]);
	}
	out->rejected = s->channel.rejected;
	for (uint32_t cpu = 0; cpu < out->head.cpus; cpu++) {
		for (unsigned i = 0; i < OBSERVE_EXITS; i++)
			out->exits[i] += s->cpu[cpu].exits[i];
		add_histogram(&out->inside, &s->cpu[cpu].inside);
		add_histogram(&out->outside, &s->cpu[cpu].outside);
	}
	return 0;
}

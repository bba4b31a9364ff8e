/* SPDX-License-Identifier: Apache-2.0
 * Templates and clones in home guest. The service's thread stops in a request, while the vCPU's
 * waits for the answer to its doorbell: that one saves the vCPU's state, for nobody else may. A
 * clone loads it into a vCPU of its own, with a thread that begins by waiting for the same answer.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-shim/home/guest/layout.h"
#include "runtime/launch/guest_image.h"
#include "runtime/launch/home_guest.h"

#define RANDOM_KEY 32u
#define WAKE_NS	   1000000 /* between two wakings: the first can come too early */

enum { SAVE_NONE, SAVE_WANTED, SAVE_DONE };

int guest_clone_prepare(struct launch *l)
{
	struct home_guest *h = l->home_state;

	h->saved = malloc(l->c->backend->vcpu_saved_size(l->vcpu[0]));
	return h->saved ? 0 : -ENOMEM;
}

/* -- in the template -- */

void guest_save_if_wanted(struct guest_vcpu *v)
{
	struct home_guest *h = v->l->home_state;

	if (atomic_load(&h->saving) != SAVE_WANTED)
		return;
	h->save_err = v->l->c->backend->vcpu_save(v->l->vcpu[v->id], h->saved);
	atomic_store(&h->saving, SAVE_DONE);
	guest_futex(&h->saving, FUTEX_WAKE, INT_MAX, NULL);
}

static void rest(_Atomic uint32_t *word, uint32_t value)
{
	uint64_t until = launch_now_ns() + WAKE_NS;
	const struct timespec at = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};

	guest_futex(word, FUTEX_WAIT_BITSET, value, &at);
}

int guest_park(struct launch *l, const struct chan_msg *m)
{
	struct home_guest *h = l->home_state;

	(void)m;
	atomic_store(&h->saving, SAVE_WANTED);
	while (atomic_load(&h->saving) == SAVE_WANTED && !atomic_load(&h->stop)) {
		guest_futex(&h->served, FUTEX_WAKE, INT_MAX, NULL);
		rest(&h->saving, SAVE_WANTED);
	}
	return atomic_load(&h->saving) == SAVE_DONE ? h->save_err : -ECANCELED;
}

/* -- in a clone -- */

/* The shim's generator is in guest memory, with all that it knows: what it will give out is made to
 * depend on the seed, which no other clone has. It takes its first one from the boot block. */
int guest_add_random(struct launch *l, const uint8_t *seed, size_t n)
{
	const struct guest_layout *layout =
		guest_image_data("guest_layout", sizeof(struct guest_layout));
	const struct gpa at = {layout ? layout->random - BOOT_IMAGE_VA : UINT64_MAX};
	uint8_t *key = service_gpa_ptr_write(&l->mem, at, RANDOM_KEY);

	if (!key || n < RANDOM_KEY || n < sizeof(l->boot->random))
		return -ENOEXEC;
	for (size_t i = 0; i < RANDOM_KEY; i++)
		key[i] ^= seed[i];
	for (size_t i = 0; i < sizeof(l->boot->random); i++)
		l->boot->random[i] ^= seed[i];
	return 0;
}

static int start_vcpu(struct launch *l)
{
	struct home_guest *h = l->home_state;
	int r;

	h->vcpu[0].resumes = true;
	h->vcpu[0].begun = false;
	h->vcpu[0].kicked = false;
	r = guest_vcpus_start(l);
	while (!r && !atomic_load(&h->vcpu[0].begun)) /* from then on it can be kicked */
		rest(&h->saving, SAVE_DONE);
	return r;
}

int guest_become(struct launch *l, const uint8_t *seed, size_t n)
{
	struct home_guest *h = l->home_state;
	int r = launch_vm_again(l, h->saved);

	/* the template's: a timer of its that went off would have this vCPU come out for ever */
	h->sampler = NULL;
	h->vcpu[0].sampling = (struct guest_sampling){.time = false};
	if (!r)
		r = guest_add_random(l, seed, n);
	return r ? r : start_vcpu(l);
}

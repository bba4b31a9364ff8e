/* SPDX-License-Identifier: Apache-2.0
 * What a snapshot needs to go on: this build of the sandbox, which its memory has the shim of, and
 * a CPU that can do all that the program has seen that it can.
 */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "runtime/launch/guest_image.h"
#include "runtime/launch/snapshot_internal.h"

/* CPUID leaves and registers (SDM vol. 2A), whose bits say what there is. Of leaf 1, ECX bit 27 is
 * the operating system's. */
static const struct {
	uint32_t leaf, subleaf;
	unsigned reg; /* EAX, EBX, ECX, EDX */
	uint32_t not ;
} words[] = {
	{1, 0, 2, 1u << 27},
	{1, 0, 3, 0},
	{7, 0, 1, 0},
	{7, 0, 2, 1u << 4}, /* OSPKE */
	{7, 0, 3, 0},
	{7, 1, 0, 0},
	{0xd, 1, 0, 0},
	{0x80000001, 0, 2, 0},
	{0x80000001, 0, 3, 0},
	{0x80000008, 0, 1, 0},
};
_Static_assert(sizeof(words) / sizeof(*words) < SNAPSHOT_CPU_WORDS, "one more is HWCAP");

enum { CAP_SYSRET = 1, CAP_XSAVE = 2, CAP_ANNOUNCE = 4, CAP_FSGSBASE = 8 };

static void read_cpu(struct snapshot_needs *n)
{
	uint32_t r[4], i;

	__cpuid(0, r[0], n->cpu_vendor[0], n->cpu_vendor[1], n->cpu_vendor[2]);
	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (__get_cpuid_count(words[i].leaf, words[i].subleaf, &r[0], &r[1], &r[2], &r[3]))
			n->cpu[i] = r[words[i].reg] & ~words[i].not ;
	n->cpu[i] = (uint32_t)getauxval(AT_HWCAP);
}

void snapshot_needs_here(const struct launch_config *c, struct snapshot_needs *n)
{
	uint64_t image_size;
	const uint8_t *image = guest_image_bytes(&image_size);

	*n = (struct snapshot_needs){
		.build = snapshot_hash(image, image_size),
		.mem_size = c->mem_size,
		.xcr0 = c->caps.xcr0,
		.xsave_size = c->caps.xsave_size,
		.cpus = c->cpus,
		.caps = (c->caps.sysret ? CAP_SYSRET : 0) | (c->caps.xsave ? CAP_XSAVE : 0) |
			(c->caps.announce ? CAP_ANNOUNCE : 0) |
			(c->caps.fsgsbase ? CAP_FSGSBASE : 0),
	};
	snprintf(n->backend, sizeof(n->backend), "%s", c->backend->name);
	snprintf(n->home, sizeof(n->home), "%s", c->home == LAUNCH_HOME_GUEST ? "guest" : "host");
	read_cpu(n);
}

const char *snapshot_needs_missing(
	const struct snapshot_needs *of, const struct snapshot_needs *here)
{
	if (of->build != here->build)
		return "was made by another build of sandbox";
	if (strcmp(of->backend, here->backend) != 0 || strcmp(of->home, here->home) != 0)
		return "was made with another backend";
	if (memcmp(of->cpu_vendor, here->cpu_vendor, sizeof(of->cpu_vendor)) != 0)
		return "was made on a CPU of another vendor";
	for (unsigned i = 0; i < SNAPSHOT_CPU_WORDS; i++)
		if (of->cpu[i] & ~here->cpu[i])
			return "was made on a CPU that can do more than this one";
	if (of->xcr0 != here->xcr0 || of->xsave_size != here->xsave_size || of->caps != here->caps)
		return "was made on another kind of CPU";
	return NULL;
}

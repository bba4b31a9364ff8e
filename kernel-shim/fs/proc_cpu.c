/* SPDX-License-Identifier: Apache-2.0
 * /proc/cpuinfo, from CPUID. Names of flags as in Linux's arch/x86/include/asm/cpufeatures.h.
 */
#include "fs/proc_internal.h"

typedef unsigned long long ull;

enum reg { EAX, EBX, ECX, EDX };
struct cpuid {
	u32 r[4];
};

static struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid c;

	__asm__ volatile("cpuid"
			 : "=a"(c.r[EAX]), "=b"(c.r[EBX]), "=c"(c.r[ECX]), "=d"(c.r[EDX])
			 : "a"(leaf), "c"(sub));
	return c;
}

/* -- flags -- */

#define XCR0_AVX    0x6ull
#define XCR0_AVX512 0xe6ull

struct flag {
	u8 bit;
	const char *name;
	u16 xcr0; /* state that the program must have for it */
};
struct flag_word {
	u32 leaf, sub;
	enum reg reg;
	const struct flag *flags;
	u32 n;
};

static const struct flag leaf1_edx[] = {{0, "fpu", 0}, {1, "vme", 0}, {2, "de", 0}, {3, "pse", 0},
	{4, "tsc", 0}, {5, "msr", 0}, {6, "pae", 0}, {7, "mce", 0}, {8, "cx8", 0}, {9, "apic", 0},
	{11, "sep", 0}, {12, "mtrr", 0}, {13, "pge", 0}, {14, "mca", 0}, {15, "cmov", 0},
	{16, "pat", 0}, {17, "pse36", 0}, {19, "clflush", 0}, {23, "mmx", 0}, {24, "fxsr", 0},
	{25, "sse", 0}, {26, "sse2", 0}, {27, "ss", 0}, {28, "ht", 0}};
static const struct flag ext1_edx[] = {{11, "syscall", 0}, {20, "nx", 0}, {22, "mmxext", 0},
	{25, "fxsr_opt", 0}, {26, "pdpe1gb", 0}, {27, "rdtscp", 0}, {29, "lm", 0}};
static const struct flag leaf1_ecx[] = {{0, "pni", 0}, {1, "pclmulqdq", 0}, {9, "ssse3", 0},
	{12, "fma", XCR0_AVX}, {13, "cx16", 0}, {17, "pcid", 0}, {19, "sse4_1", 0},
	{20, "sse4_2", 0}, {21, "x2apic", 0}, {22, "movbe", 0}, {23, "popcnt", 0}, {25, "aes", 0},
	{26, "xsave", 0}, {28, "avx", XCR0_AVX}, {29, "f16c", XCR0_AVX}, {30, "rdrand", 0},
	{31, "hypervisor", 0}};
static const struct flag ext1_ecx[] = {{0, "lahf_lm", 0}, {5, "abm", 0}, {6, "sse4a", 0},
	{7, "misalignsse", 0}, {8, "3dnowprefetch", 0}};
static const struct flag leaf7_ebx[] = {{0, "fsgsbase", 0}, {3, "bmi1", 0}, {5, "avx2", XCR0_AVX},
	{7, "smep", 0}, {8, "bmi2", 0}, {9, "erms", 0}, {10, "invpcid", 0},
	{16, "avx512f", XCR0_AVX512}, {17, "avx512dq", XCR0_AVX512}, {18, "rdseed", 0},
	{19, "adx", 0}, {20, "smap", 0}, {21, "avx512ifma", XCR0_AVX512}, {23, "clflushopt", 0},
	{24, "clwb", 0}, {28, "avx512cd", XCR0_AVX512}, {29, "sha_ni", 0},
	{30, "avx512bw", XCR0_AVX512}, {31, "avx512vl", XCR0_AVX512}};
static const struct flag leafd1_eax[] = {
	{0, "xsaveopt", 0}, {1, "xsavec", 0}, {2, "xgetbv1", 0}, {3, "xsaves", 0}};
static const struct flag leaf7_ecx[] = {{1, "avx512vbmi", XCR0_AVX512}, {2, "umip", 0},
	{3, "pku", 0}, {6, "avx512_vbmi2", XCR0_AVX512}, {8, "gfni", 0}, {9, "vaes", XCR0_AVX},
	{10, "vpclmulqdq", XCR0_AVX}, {11, "avx512_vnni", XCR0_AVX512},
	{12, "avx512_bitalg", XCR0_AVX512}, {14, "avx512_vpopcntdq", XCR0_AVX512},
	{22, "rdpid", 0}};
static const struct flag leaf7_edx[] = {{4, "fsrm", 0}};

#define WORD(leaf, sub, reg, table)                                                                \
	{                                                                                          \
		leaf, sub, reg, table, ARRAY_SIZE(table)                                           \
	}
static const struct flag_word flag_words[] = {
	WORD(1, 0, EDX, leaf1_edx),
	WORD(0x80000001, 0, EDX, ext1_edx),
	WORD(1, 0, ECX, leaf1_ecx),
	WORD(0x80000001, 0, ECX, ext1_ecx),
	WORD(7, 0, EBX, leaf7_ebx),
	WORD(0xd, 1, EAX, leafd1_eax),
	WORD(7, 0, ECX, leaf7_ecx),
	WORD(7, 0, EDX, leaf7_edx),
};

static void show_flags(struct seqbuf *s)
{
	u32 max = cpuid(0, 0).r[EAX], max_ext = cpuid(0x80000000, 0).r[EAX];

	seq_puts(s, "flags\t\t:");
	for (u32 w = 0; w < ARRAY_SIZE(flag_words); w++) {
		const struct flag_word *word = &flag_words[w];
		u32 bits;

		if (word->leaf > (word->leaf & 0x80000000 ? max_ext : max))
			continue;
		bits = cpuid(word->leaf, word->sub).r[word->reg];
		for (u32 i = 0; i < word->n; i++) {
			const struct flag *f = &word->flags[i];

			if ((bits >> f->bit & 1) && (kern->xcr0 & f->xcr0) == f->xcr0)
				seq_printf(s, " %s", f->name);
		}
	}
	seq_puts(s, "\n");
}

/* -- the rest -- */

struct cpu_id {
	char vendor[13], model_name[49];
	u32 family, model, stepping, level, clflush, phys_bits, virt_bits, cache_kb;
	ull khz;
};

static void read_vendor(struct cpu_id *id)
{
	struct cpuid c = cpuid(0, 0);

	id->level = c.r[EAX];
	memcpy(id->vendor, &c.r[EBX], 4);
	memcpy(id->vendor + 4, &c.r[EDX], 4);
	memcpy(id->vendor + 8, &c.r[ECX], 4);
}

static void read_signature(struct cpu_id *id)
{
	struct cpuid c = cpuid(1, 0);
	u32 sig = c.r[EAX];

	id->family = sig >> 8 & 0xf;
	id->model = sig >> 4 & 0xf;
	if (id->family == 0xf)
		id->family += sig >> 20 & 0xff;
	if (id->family >= 6)
		id->model += (sig >> 16 & 0xf) << 4;
	id->stepping = sig & 0xf;
	id->clflush = (c.r[EBX] >> 8 & 0xff) * 8;
}

static void read_extended(struct cpu_id *id)
{
	u32 max = cpuid(0x80000000, 0).r[EAX];

	id->phys_bits = 36;
	id->virt_bits = 48;
	for (u32 i = 0; i < 3 && max >= 0x80000004; i++) {
		struct cpuid c = cpuid(0x80000002 + i, 0);

		memcpy(id->model_name + i * sizeof(c), &c, sizeof(c));
	}
	if (max >= 0x80000006)
		id->cache_kb = cpuid(0x80000006, 0).r[ECX] >> 16;
	if (max >= 0x80000008) {
		u32 bits = cpuid(0x80000008, 0).r[EAX];

		id->phys_bits = bits & 0xff;
		id->virt_bits = bits >> 8 & 0xff;
	}
}

/* The frequency of the TSC, from the clock's scale: ns = tsc * mult >> shift. */
static ull tsc_khz(void)
{
	const volatile struct boot_clock *c = kern->clock;

	if (!c || !c->mult || c->shift > 43)
		return 0;
	return (1000000ull << c->shift) / c->mult;
}

static void cpu_id_read(struct cpu_id *id)
{
	memset(id, 0, sizeof(*id));
	read_vendor(id);
	read_signature(id);
	read_extended(id);
	id->khz = tsc_khz();
}

static void show_cpu(
	struct seqbuf *s, const struct cpu_id *id, u32 n, u32 ncpus, const struct seqbuf *flags)
{
	seq_printf(s,
		"processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: "
		"%s\n"
		"stepping\t: %u\ncpu MHz\t\t: %llu.%03llu\ncache size\t: %u KB\n",
		n, id->vendor, id->family, id->model,
		id->model_name[0] ? id->model_name : "unknown", id->stepping, id->khz / 1000,
		id->khz % 1000, id->cache_kb);
	seq_printf(s,
		"physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: "
		"%u\n"
		"initial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\n"
		"wp\t\t: yes\n",
		ncpus, n, ncpus, n, n, id->level);
	seq_write(s, flags->buf, flags->len);
	seq_printf(s,
		"bugs\t\t:\nbogomips\t: %llu.%02llu\nclflush size\t: %u\ncache_alignment\t: %u\n"
		"address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
		id->khz / 500, id->khz / 5 % 100, id->clflush, id->clflush, id->phys_bits,
		id->virt_bits);
}

int proc_show_cpuinfo(struct seqbuf *s, const struct pseudo_node *n)
{
	u32 ncpus = kern->boot->ncpus;
	struct seqbuf flags;
	struct cpu_id id;

	cpu_id_read(&id);
	seq_init(&flags);
	show_flags(&flags);
	for (u32 i = 0; i < ncpus; i++)
		show_cpu(s, &id, i, ncpus, &flags);
	seq_free(&flags);
	return 0;
}

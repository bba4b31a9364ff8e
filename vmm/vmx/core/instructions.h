/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Every privileged or sensitive instruction, and what becomes of it in a guest of this core. The
 * page docs/vmx-instructions.md is made from this, and vmm/vmx/metal runs each row in ring 0 and in
 * ring 3.
 *
 * X(name, bytes, ring0, ring3, note). bytes: the instruction as the test runs it, with the
 *registers that metal's test_instructions.c sets up. Outcomes: HARDWARE  the CPU does it, without
 *an exit EMULATED  the core does it, and the guest goes on behind it USER      the launcher is
 *asked UD, GP, BP  the guest gets the exception SHADOW	  HARDWARE with EPT, EMULATED with shadow
 *paging RDTSCP	  HARDWARE where the CPU has the control, else UD XSAVE	  EMULATED, and UD where the
 *host does not use XSAVE; XSAVE_GP: GP, and UD there VMCALL	  UD with EPT, EMULATED with shadow
 *paging
 */
#ifndef VMX_CORE_INSTRUCTIONS_H
#define VMX_CORE_INSTRUCTIONS_H

#define VMX_INSTRUCTIONS(X)                                                                        \
	X("CPUID", "\x0f\xa2", EMULATED, EMULATED, "filtered: core/cpuid.c")                       \
	X("HLT", "\xf4", USER, GP, "")                                                             \
	X("INVD", "\x0f\x08", EMULATED, GP, "nothing to do: memory is coherent")                   \
	X("WBINVD", "\x0f\x09", EMULATED, GP, "nothing to do")                                     \
	X("INVLPG [rax]", "\x0f\x01\x38", SHADOW, GP, "an exit only with shadow paging")           \
	X("INVPCID rax, [rcx]", "\x66\x0f\x38\x82\x01", UD, UD, "not offered")                     \
	X("RDTSC", "\x0f\x31", HARDWARE, HARDWARE, "the host's TSC and the guest's offset")        \
	X("RDTSCP", "\x0f\x01\xf9", RDTSCP, RDTSCP, "#UD where the CPU has no control for it")     \
	X("RDPMC", "\x0f\x33", GP, GP, "no counters")                                              \
	X("RDMSR", "\x0f\x32", EMULATED, GP, "those of core/msr.c; others are #GP")                \
	X("WRMSR", "\x0f\x30", EMULATED, GP, "as RDMSR")                                           \
	X("XSETBV", "\x0f\x01\xd1", XSAVE, XSAVE_GP, "what the host has, of x87 to AVX-512")       \
	X("IN al, dx", "\xec", USER, GP, "")                                                       \
	X("OUT dx, al", "\xee", USER, GP, "the channel's doorbell may end in the module")          \
	X("INSB", "\x6c", GP, GP, "no device has string ports")                                    \
	X("OUTSB", "\x6e", GP, GP, "as INSB")                                                      \
	X("MOV rax, cr0", "\x0f\x20\xc0", HARDWARE, GP, "the guest's own value")                   \
	X("MOV cr0, rax", "\x0f\x22\xc0", EMULATED, GP, "PE PG WP NE stay set: else #GP")          \
	X("MOV rax, cr3", "\x0f\x20\xd8", SHADOW, GP, "an exit only with shadow paging")           \
	X("MOV cr3, rax", "\x0f\x22\xd8", SHADOW, GP, "as reading it")                             \
	X("MOV rax, cr4", "\x0f\x20\xe0", HARDWARE, GP, "the guest's own value")                   \
	X("MOV cr4, rax", "\x0f\x22\xe0", EMULATED, GP, "bits that CPUID offers, PAE set")         \
	X("MOV rax, cr8", "\x44\x0f\x20\xc0", EMULATED, GP, "a register without an APIC")          \
	X("MOV cr8, rax", "\x44\x0f\x22\xc0", EMULATED, GP, "as reading it")                       \
	X("MOV rax, dr7", "\x0f\x21\xf8", EMULATED, GP, "")                                        \
	X("MOV dr7, rax", "\x0f\x23\xf8", EMULATED, GP, "breakpoints work")                        \
	X("CLTS", "\x0f\x06", HARDWARE, GP, "an exit, emulated, if CR0.TS was set")                \
	X("LMSW ax", "\x0f\x01\xf0", EMULATED, GP, "as MOV cr0")                                   \
	X("SMSW eax", "\x0f\x01\xe0", HARDWARE, HARDWARE, "")                                      \
	X("MONITOR", "\x0f\x01\xc8", UD, UD, "not offered")                                        \
	X("MWAIT", "\x0f\x01\xc9", UD, UD, "not offered")                                          \
	X("PAUSE", "\xf3\x90", HARDWARE, HARDWARE, "an exit in a long loop, where there is PLE")   \
	X("GETSEC", "\x0f\x37", UD, UD, "not offered")                                             \
	X("VMCALL", "\x0f\x01\xc1", VMCALL, UD, "announcements with shadow paging, else #UD")      \
	X("VMLAUNCH", "\x0f\x01\xc2", UD, UD, "no VMX inside")                                     \
	X("VMRESUME", "\x0f\x01\xc3", UD, UD, "")                                                  \
	X("VMXOFF", "\x0f\x01\xc4", UD, UD, "")                                                    \
	X("VMREAD rax, rcx", "\x0f\x78\xc8", UD, UD, "")                                           \
	X("VMWRITE rcx, rax", "\x0f\x79\xc8", UD, UD, "")                                          \
	X("VMPTRLD [rax]", "\x0f\xc7\x30", UD, UD, "")                                             \
	X("VMPTRST [rax]", "\x0f\xc7\x38", UD, UD, "")                                             \
	X("VMCLEAR [rax]", "\x66\x0f\xc7\x30", UD, UD, "")                                         \
	X("VMXON [rax]", "\xf3\x0f\xc7\x30", UD, UD, "")                                           \
	X("INVEPT rax, [rcx]", "\x66\x0f\x38\x80\x01", UD, UD, "")                                 \
	X("INVVPID rax, [rcx]", "\x66\x0f\x38\x81\x01", UD, UD, "")                                \
	X("VMFUNC", "\x0f\x01\xd4", UD, UD, "")                                                    \
	X("RSM", "\x0f\xaa", UD, UD, "")                                                           \
	X("SGDT [rax]", "\x0f\x01\x00", HARDWARE, HARDWARE, "#GP in ring 3 with CR4.UMIP")         \
	X("SIDT [rax]", "\x0f\x01\x08", HARDWARE, HARDWARE, "as SGDT")                             \
	X("LGDT [rax]", "\x0f\x01\x10", HARDWARE, GP, "")                                          \
	X("LIDT [rax]", "\x0f\x01\x18", HARDWARE, GP, "")                                          \
	X("SYSENTER", "\x0f\x34", GP, GP, "IA32_SYSENTER_CS is 0")                                 \
	X("CLI", "\xfa", HARDWARE, GP, "")                                                         \
	X("STI", "\xfb", HARDWARE, GP, "")                                                         \
	X("INT3", "\xcc", BP, BP, "the guest's own handler")                                       \
	X("UD2", "\x0f\x0b", UD, UD, "")

#endif

# SPDX-License-Identifier: Apache-2.0
# The core without a system, and its tests: a multiboot image. tests/emulated/metal starts it.

METAL_BIN  := $(B)/vmx-metal/metal.elf
# The core and the machine under it: what runtime/metal stands on, too.
METAL_MACHINE_SRCS := $(addprefix vmm/vmx/core/,announce.c caps.c control.c cpuid.c entry.S ept.c event.c exits.c fpu.c memory.c msr.c \
	setup.c shadow.c shadow_announce.c shadow_around.c shadow_fault.c shadow_lru.c shadow_map.c shadow_page.c shadow_sync.c \
	shadow_walk.c state.c vcpu.c vm.c) \
	$(addprefix vmm/vmx/metal/,boot.S traps.S apic.c console.c format.c host.c multiboot.c pages.c string.c traps.c)
METAL_SRCS := $(METAL_MACHINE_SRCS) vmm/vmx/guest/hostile.c vmm/vmx/guest/image.c \
	$(addprefix vmm/vmx/metal/,guest.c main.c test.c test_cpu.c test_entry.c test_events.c test_hostile.c test_instructions.c \
	test_memory.c test_paging.c test_state.c test_turns.c)
METAL_MACHINE_OBJS := $(patsubst %,$(B)/vmx-metal/%.o,$(METAL_MACHINE_SRCS))
METAL_OBJS := $(patsubst %,$(B)/vmx-metal/%.o,$(METAL_SRCS))
METAL_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-builtin -fno-stack-protector -fno-strict-aliasing -fno-common \
	-fno-asynchronous-unwind-tables -fno-pic -fno-pie -mgeneral-regs-only -mno-red-zone -fcf-protection=none -U_FORTIFY_SOURCE

$(B)/vmx-metal/%.o: %
	@mkdir -p $(@D)
	$(Q)$(CC) $(METAL_CFLAGS) -MMD -MP -c $< -o $@

$(METAL_BIN): $(METAL_OBJS) vmm/vmx/metal/link.ld
	$(Q)$(LD) -nostdlib -static -z max-page-size=4096 -z noexecstack -T vmm/vmx/metal/link.ld $(METAL_OBJS) -o $@

-include $(METAL_OBJS:.o=.d)

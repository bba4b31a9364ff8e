# SPDX-License-Identifier: Apache-2.0
# The process backend, and the stub that runs in its processes: a blob of position-independent code.
PROCESS_SRCS := $(addprefix vmm/process/,names.c ops.c vm.c space.c context.c turn.c zygote.c fork.c filter.c patch.c patch_form.c probe.c)

STUB_CFLAGS := -std=gnu11 $(OPT) $(WARN) -I. -ffreestanding -fno-builtin -fPIE -mgeneral-regs-only \
	-fno-stack-protector -fcf-protection=none -fno-jump-tables -fno-asynchronous-unwind-tables \
	-U_FORTIFY_SOURCE -D_GNU_SOURCE
STUB_OBJS := $(patsubst %,$(B)/stub/%.o,$(addprefix vmm/process/,stub.c stub_zygote.c stub_entry.S))
STUB_ELF := $(B)/vmm/process/stub.elf
STUB_BLOB := $(B)/vmm/process/stub.bin
STUB_IMAGE_OBJ := $(B)/vmm/process/stub_image.o

$(B)/stub/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STUB_CFLAGS) -MMD -MP -c $< -o $@

$(B)/stub/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -MMD -MP -c $< -o $@

$(STUB_ELF): $(STUB_OBJS) vmm/process/stub.lds
	@mkdir -p $(@D)
	$(Q)$(CC) -nostdlib -static -Wl,-T,vmm/process/stub.lds -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 $(STUB_OBJS) -o $@

$(STUB_BLOB): $(STUB_ELF)
	$(Q)objcopy -O binary -j .text $< $@

$(STUB_IMAGE_OBJ): vmm/process/stub_image.S $(STUB_BLOB)
	$(Q)$(CC) -DIMAGE='"$(STUB_BLOB)"' -c $< -o $@

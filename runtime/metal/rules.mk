# SPDX-License-Identifier: Apache-2.0
# sandbox-metal: a multiboot image of the VMX core, the shim and a launcher for one program. tests/emulated/metal starts it.

METAL_BOX_BIN  := $(B)/sandbox-metal
METAL_BOX_SRCS := $(addprefix runtime/metal/,main.c block.c clock.c random.c serve.c) runtime/service/decode.c \
	runtime/service/gpa.c runtime/launch/boot_builder.c runtime/launch/guest_image.c
METAL_BOX_OBJS := $(patsubst %,$(B)/vmx-metal/%.o,$(METAL_BOX_SRCS))
$(METAL_BOX_OBJS): METAL_CFLAGS += -I. -D_GNU_SOURCE

.PHONY: metal
metal: $(METAL_BOX_BIN)
$(METAL_BOX_BIN): $(METAL_MACHINE_OBJS) $(METAL_BOX_OBJS) $(GUEST_IMAGE_OBJ) vmm/vmx/metal/link.ld
	$(Q)$(LD) -nostdlib -static -z max-page-size=4096 -z noexecstack -T vmm/vmx/metal/link.ld $(METAL_MACHINE_OBJS) \
		$(METAL_BOX_OBJS) $(GUEST_IMAGE_OBJ) -o $@

-include $(METAL_BOX_OBJS:.o=.d)

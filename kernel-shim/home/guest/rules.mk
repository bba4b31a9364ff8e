# SPDX-License-Identifier: Apache-2.0
# The guest's image, and the object that carries it inside the launcher.
GUEST_SRCS += $(addprefix kernel-shim/home/guest/,announce.c cpu.c layout.c lock.c platform.c)
GUEST_ASM  += kernel-shim/home/guest/entry.S

GUEST_OBJS := $(patsubst %,$(B)/guest/%.o,$(sort $(CORE_SRCS)) $(GUEST_ONLY_SRCS) $(GUEST_SRCS) $(GUEST_ASM) $(CORE_ASM))
GUEST_IMAGE := $(B)/kernel-shim/shim.elf
GUEST_IMAGE_OBJ := $(B)/kernel-shim/shim_image.o

# What calls, faults and switches go through is built for speed, the rest for size.
GUEST_FAST := $(addprefix kernel-shim/,home/guest/% sys/dispatch.c \
	$(addprefix mm/,fault.c fork.c page.c pgtable.c slab.c uaccess.c uio.c) \
	$(addprefix core/,clock.c futex.c idle.c loop.c sched.c string.c wait.c))
$(patsubst %,$(B)/guest/%.o,$(filter-out $(GUEST_FAST),$(CORE_SRCS))): GUEST_CFLAGS += -Oz

$(B)/guest/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/guest/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -iquote kernel-shim -I$(B) -MMD -MP -c $< -o $@

$(GUEST_IMAGE): $(GUEST_OBJS) kernel-shim/home/guest/image.lds
	@mkdir -p $(@D)
	$(Q)$(CC) -nostdlib -static -Wl,-T,kernel-shim/home/guest/image.lds -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 $(GUEST_OBJS) -o $@

# Symbols stay: the launcher looks for some. What is for debuggers only would be most of the launcher.
$(GUEST_IMAGE).carried: $(GUEST_IMAGE)
	$(Q)objcopy --strip-debug $< $@

$(GUEST_IMAGE_OBJ): kernel-shim/home/guest/image.S $(GUEST_IMAGE).carried
	$(Q)$(CC) -DIMAGE='"$(GUEST_IMAGE).carried"' -c $< -o $@

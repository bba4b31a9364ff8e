# SPDX-License-Identifier: Apache-2.0
CORE_SRCS += $(addprefix kernel-shim/mm/,page.c slab.c pgtable.c vma.c space.c map.c remap.c protect.c \
	advise.c fault.c fork.c uaccess.c uio.c)
# No guest asks for it, and its image is full.
HOSTHOME_SRCS += kernel-shim/mm/freeze.c
CORE_SRCS += $(addprefix kernel-shim/sys/,mmap.c mlock.c exec.c)
CORE_SRCS += $(addprefix kernel-shim/core/,exec.c exec_script.c exec_stack.c elf.c)
# The compiler needs these; the host home has libc's.
GUEST_ONLY_SRCS += kernel-shim/core/string.c

# The vDSO: built for programs, carried by every build of the core.
CORE_SRCS += kernel-shim/vdso/vdso.c
CORE_ASM += kernel-shim/vdso/image.S
VDSO := $(B)/kernel-shim/vdso.so
VDSO_CFLAGS := -std=gnu11 -O2 $(WARN) -Ikernel-shim -ffreestanding -fno-builtin -fPIC -fno-stack-protector \
	-fasynchronous-unwind-tables -fcf-protection=none -fvisibility=hidden -mgeneral-regs-only \
	-U_FORTIFY_SOURCE
VDSO_LDFLAGS := -nostdlib -shared -Wl,-T,kernel-shim/vdso/vdso.lds -Wl,-soname,linux-vdso.so.1 \
	-Wl,--hash-style=both -Wl,--build-id=sha1 -Wl,-Bsymbolic -Wl,--eh-frame-hdr -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096 -Wl,--no-undefined

$(VDSO): kernel-shim/vdso/vclock.c kernel-shim/vdso/vdso.lds kernel-shim/abi/boot.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(VDSO_CFLAGS) $(VDSO_LDFLAGS) $< -o $@.tmp
	$(Q)objcopy --strip-debug $@.tmp $@
	@rm -f $@.tmp

$(foreach h,host guest,$(B)/$(h)/kernel-shim/vdso/image.S.o): $(VDSO)

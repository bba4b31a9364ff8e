# SPDX-License-Identifier: Apache-2.0
# mm/, the ELF loader, exec and the vDSO on a machine of their own (fake.c), under the sanitizers.
UNIT_MM_DIR  := $(B)/tests/unit/mm
UNIT_MM_BIN  := $(UNIT_MM_DIR)/unit-mm
UNIT_MM_CORE := $(addprefix kernel-shim/,$(addprefix mm/,page.c slab.c pgtable.c vma.c space.c map.c \
	remap.c protect.c advise.c fault.c fork.c freeze.c uaccess.c uio.c) \
	$(addprefix core/,exec.c exec_script.c exec_stack.c elf.c format.c) vdso/vdso.c)
UNIT_MM_OWN  := $(addprefix tests/unit/mm/,fake.c image.c main.c test_page.c test_map.c test_fault.c \
	test_fork.c test_freeze.c test_uaccess.c test_remap.c test_elf.c test_exec.c test_vdso.c test_format.c)
UNIT_MM_SAN  := -O1 -DSHIM_CHECKS -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all $(UNIT_COV)
UNIT_MM_OBJS := $(patsubst %,$(UNIT_MM_DIR)/%.o,$(UNIT_MM_CORE) $(UNIT_MM_OWN)) \
	$(UNIT_MM_DIR)/string.o $(B)/host/kernel-shim/vdso/image.S.o
# The guest home's string functions beside libc's: with other names, and without the sanitizers, which
# would watch the copies they make of them.
UNIT_MM_RENAME := $(foreach f,memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr \
	strrchr,-D$(f)=guest_$(f))

$(UNIT_MM_DIR)/string.o: kernel-shim/core/string.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTHOME_CFLAGS) $(UNIT_MM_RENAME) -MMD -MP -c $< -o $@

$(UNIT_MM_DIR)/kernel-shim/%.c.o: kernel-shim/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTHOME_CFLAGS) $(UNIT_MM_SAN) -MMD -MP -c $< -o $@

$(UNIT_MM_DIR)/tests/%.c.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_MM_SAN) -MMD -MP -c $< -o $@

$(UNIT_MM_BIN): $(UNIT_MM_OBJS)
	$(Q)$(CC) $(UNIT_MM_SAN) -pie $^ -o $@ -lcmocka

UNIT_BINS += $(UNIT_MM_BIN)

.PHONY: unit-mm
unit-mm: $(UNIT_MM_BIN)
	$(Q)$<

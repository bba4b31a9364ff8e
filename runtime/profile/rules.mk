# SPDX-License-Identifier: Apache-2.0
# build/sandbox-profile: what `sandbox profile` starts, with libelf. It reads files that a program may have made.
PROFILE_LIB_SRCS := $(addprefix runtime/profile/, names.c stacks.c elf_file.c symbols.c tree.c flame.c folded.c) runtime/cli/xml.c
PROFILE_SRCS := $(addprefix runtime/profile/, main.c session.c output.c limits.c) $(PROFILE_LIB_SRCS) $(OBSERVE_STATE_SRCS) $(OBSERVE_LOOK_SRCS) \
	$(OBSERVE_SAMPLES_SRCS) vmm/vm.c vmm/process/names.c $(addprefix runtime/,cli/cli.c cli/text.c cli/whole.c policy/parse.c policy/path.c)
PROFILE_SCRIPT := $(B)/runtime/profile/flame_script.o
PROFILE_OBJS := $(patsubst %,$(B)/%.o,$(PROFILE_SRCS)) $(PROFILE_SCRIPT)

$(PROFILE_SCRIPT): runtime/profile/flame_script.S runtime/profile/flame.js
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

$(B)/sandbox-profile: $(PROFILE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(PROFILE_OBJS) -ldw -lelf -ljansson -o $@

# SPDX-License-Identifier: Apache-2.0
# build/sandbox-image: what `sandbox image` and `sandbox job` start. Folders add to IMAGE_SRCS.
IMAGE_SRCS := images/error.c images/digest.c images/hasher.c images/beneath.c images/launcher.c images/scratch.c
include $(wildcard images/*/rules.mk)
# What the launcher links of it.
SANDBOX_SRCS += images/upper/number.c $(IMAGE_OPEN_SRCS) $(FLAT_READER_SRCS)
IMAGE_LIBS := -larchive -lzstd -lz -lcrypto -ljansson -pthread
IMAGE_LIBS += -lyaml # job
IMAGE_LIBS += -lcurl # transfer
IMAGE_OBJS := $(patsubst %,$(B)/%.o,$(IMAGE_SRCS))

$(B)/sandbox-image: $(IMAGE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack $(IMAGE_OBJS) $(IMAGE_LIBS) -o $@

# SPDX-License-Identifier: Apache-2.0
# Unit tests of images: the store and the documents, under the sanitizers.
UNIT_IMAGES_SRCS := images/error.c images/digest.c images/hasher.c images/scratch.c $(IMAGE_STORE_SRCS) $(IMAGE_OCI_SRCS) images/open/open.c images/flat/name.c \
	$(addprefix tests/unit/images/, test_main.c test_blob.c test_name.c test_names.c test_open.c \
	test_manifest.c test_config.c test_image.c test_image_open.c test_kill.c test_scratch.c)
UNIT_IMAGES_DIR  := $(B)/tests/unit/images
UNIT_IMAGES_BIN  := $(UNIT_IMAGES_DIR)/unit-images
UNIT_IMAGES_OBJS := $(patsubst %.c,$(UNIT_IMAGES_DIR)/%.o,$(UNIT_IMAGES_SRCS))
UNIT_IMAGES_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_IMAGES_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_IMAGES_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_IMAGES_BIN): $(UNIT_IMAGES_OBJS)
	$(Q)$(CC) $(UNIT_IMAGES_CFLAGS) $^ -o $@ -lcmocka -lcrypto -ljansson -pthread -Wl,--wrap=openat

UNIT_BINS += $(UNIT_IMAGES_BIN)

.PHONY: unit-images
unit-images: $(UNIT_IMAGES_BIN)
	$(Q)$<

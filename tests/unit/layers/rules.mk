# SPDX-License-Identifier: Apache-2.0
# Unit tests of images/layer: archives of strangers and of our own, under the sanitizers.
UNIT_LAYERS_SRCS := images/error.c images/digest.c images/hasher.c $(IMAGE_PARSE_SRCS) $(IMAGE_STORE_SRCS) $(IMAGE_LAYER_SRCS) \
	images/transfer/stock.c \
	$(addprefix tests/unit/layers/, test_main.c tar.c test_read.c test_sorted.c test_stock.c test_tree.c test_write.c)
UNIT_LAYERS_DIR  := $(B)/tests/unit/layers
UNIT_LAYERS_BIN  := $(UNIT_LAYERS_DIR)/unit-layers
UNIT_LAYERS_OBJS := $(patsubst %.c,$(UNIT_LAYERS_DIR)/%.o,$(UNIT_LAYERS_SRCS))
UNIT_LAYERS_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_LAYERS_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_LAYERS_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_LAYERS_BIN): $(UNIT_LAYERS_OBJS)
	$(Q)$(CC) $(UNIT_LAYERS_CFLAGS) $^ -o $@ -lcmocka -larchive -lzstd -lz -lcrypto -ljansson -pthread

UNIT_BINS += $(UNIT_LAYERS_BIN)

.PHONY: unit-layers
unit-layers: $(UNIT_LAYERS_BIN)
	$(Q)$<

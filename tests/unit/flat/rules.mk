# SPDX-License-Identifier: Apache-2.0
# Unit tests of images/flat, under the sanitizers; flatten_tree makes an image of a directory.
UNIT_FLAT_DIR  := $(B)/tests/unit/flat
UNIT_FLAT_BIN  := $(UNIT_FLAT_DIR)/unit-flat
UNIT_FLAT_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_FLAT_CORE := $(FLAT_WRITER_SRCS) $(FLAT_READER_SRCS) images/error.c images/digest.c images/hasher.c
UNIT_FLAT_SRCS := $(UNIT_FLAT_CORE) $(addprefix tests/unit/flat/,main.c flat.c read_all.c test_content.c test_damage.c test_layers.c)
UNIT_FLAT_OBJS := $(patsubst %.c,$(UNIT_FLAT_DIR)/%.o,$(UNIT_FLAT_SRCS))
FLATTEN_TREE   := $(UNIT_FLAT_DIR)/flatten_tree

$(UNIT_FLAT_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_FLAT_SAN) -MMD -MP -c $< -o $@

$(UNIT_FLAT_BIN): $(UNIT_FLAT_OBJS)
	$(Q)$(CC) $(UNIT_FLAT_SAN) $^ -o $@ -lcmocka -lcrypto

UNIT_BINS += $(UNIT_FLAT_BIN)

# Without sanitizers: it is for large trees too.
$(FLATTEN_TREE): $(patsubst %,$(B)/%.o,$(UNIT_FLAT_CORE) tests/unit/flat/flatten_tree.c)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -pthread $^ -o $@ -lcrypto

.PHONY: unit-flat flatten-tree
unit-flat: $(UNIT_FLAT_BIN)
	$(Q)$<
flatten-tree: $(FLATTEN_TREE)

# SPDX-License-Identifier: Apache-2.0
# Unit tests of images/flat, under the sanitizers; flatten_tree makes an image of a directory.
UNIT_FLAT_DIR  := $(B)/tests/unit/flat
UNIT_FLAT_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLATTEN_TREE   := $(UNIT_FLAT_DIR)/flatten_tree
UNIT_FLAT_CORE := $(FLAT_WRITER_SRCS) images/error.c images/digest.c
UNIT_FLAT_CORE_OBJS := $(patsubst %.c,$(UNIT_FLAT_DIR)/%.o,$(UNIT_FLAT_CORE))

$(UNIT_FLAT_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_FLAT_SAN) -MMD -MP -c $< -o $@

# Without sanitizers: it is for large trees too.
$(FLATTEN_TREE): $(patsubst %,$(B)/%.o,$(UNIT_FLAT_CORE) tests/unit/flat/flatten_tree.c)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -pthread $^ -o $@ -lcrypto

.PHONY: flatten-tree
flatten-tree: $(FLATTEN_TREE)

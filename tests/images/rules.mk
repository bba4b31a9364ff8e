# SPDX-License-Identifier: Apache-2.0
# `make check-images`: the image tool by its command line, with real clients of the container world: as it is shipped, and the tests
# that write and read stores once more under the sanitizers. `make fuzz-images`: what reads strangers' files, for a bounded time.
.PHONY: check-images fuzz-images
IMAGE_PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider -n 2
check-images: all conformance-programs asan-sandbox
	$(Q)SANDBOX_BIN=$(abspath $(B))/sandbox $(IMAGE_PYTEST) tests/images
	$(Q)ASAN_OPTIONS=detect_leaks=0 SANDBOX_BIN=$(abspath $(B))/asan/sandbox $(IMAGE_PYTEST) tests/images \
		-k "hostile or pack or flat or store or transfer or build"

FUZZ_IMAGES := $(patsubst tests/fuzz/%/rules.mk,fuzz-%,$(filter-out %/channel/rules.mk %/elf/rules.mk,$(wildcard tests/fuzz/*/rules.mk)))
fuzz-images: $(FUZZ_IMAGES)

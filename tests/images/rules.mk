# SPDX-License-Identifier: Apache-2.0
# `make check-images`: the image tool by its command line, with real clients of the container world.
.PHONY: check-images
check-images: all
	$(Q)SANDBOX_BIN=$(abspath $(B))/sandbox /usr/bin/python3 -m pytest -q -p no:cacheprovider -n 2 tests/images

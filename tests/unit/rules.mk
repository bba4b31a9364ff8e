# SPDX-License-Identifier: Apache-2.0
# Unit tests: each folder adds its binary to UNIT_BINS. `unit` runs them one after another.
include $(wildcard tests/unit/*/rules.mk)

unit: $(UNIT_BINS)
	$(Q)failed=; for b in $(UNIT_BINS); do echo "== $$b"; $$b || failed="$$failed $$b"; done; \
		if [ -n "$$failed" ]; then echo "unit: failed:$$failed" >&2; exit 1; fi

# SPDX-License-Identifier: Apache-2.0
# What stands between a program and the host. Each folder adds its binaries to SECURITY_BINS.
SECURITY_BINS :=
include $(wildcard tests/security/*/rules.mk)

.PHONY: security
security: $(SECURITY_BINS)
	$(Q)failed=; for b in $(SECURITY_BINS); do echo "== $$b"; $$b || failed="$$failed $$b"; done; \
		if [ -n "$$failed" ]; then echo "security: failed:$$failed" >&2; exit 1; fi
	@$(MAKE) --no-print-directory security-guest

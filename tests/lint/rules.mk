# SPDX-License-Identifier: Apache-2.0
# `make lint`: style and static checks; each is a target too. `make check-clang`: the other compiler's warnings.
LINT_DIRS := $(wildcard .ci docs images kernel-shim runtime sdk tests vmm)
LINT_C     = $(shell find $(LINT_DIRS) -name '*.[ch]')
# Conformance programs and those that tests run do on purpose what cppcheck warns of; the kernel module is
# written in the kernel's macros, which it does not know, as the BPF program is in libbpf's.
LINT_CPP   = $(filter-out tests/conformance/% tests/programs/% vmm/vmx/linux/% %.bpf.c,$(filter %.c,$(LINT_C)))

.PHONY: lint lint-size lint-format lint-cppcheck lint-shell lint-python lint-includes
lint: lint-size lint-format lint-cppcheck lint-shell lint-python lint-includes check-docs

# The shim's text, as it is shipped: small enough to be read.
SHIM_TEXT_MAX := 262144
lint-size: $(GUEST_IMAGE)
	$(Q)size -A $< | awk '$$1 == ".text" && $$2 >= $(SHIM_TEXT_MAX) { print "$<: text of " $$2 " bytes, limit $(SHIM_TEXT_MAX)"; exit 1 }'

lint-format:
	$(Q)clang-format --dry-run -Werror $(LINT_C)

lint-cppcheck:
	@mkdir -p $(B)/lint
	$(Q)cppcheck -j2 --quiet --error-exitcode=1 --inline-suppr --std=c11 --cppcheck-build-dir=$(B)/lint \
		--enable=warning,performance,portability -I. -Ikernel-shim --suppress=missingIncludeSystem $(LINT_CPP)

lint-shell:
	$(Q)find $(LINT_DIRS) -type f -exec awk 'FNR == 1 && /^#!.*sh$$/ { print FILENAME }' {} + | xargs shellcheck -x

lint-python:
	$(Q)find $(LINT_DIRS) -type f \( -name '*.py' -o -exec sh -c 'head -n1 "$$1" | grep -q "^#!.*python"' sh {} \; \) \
		-exec pyflakes3 {} +

lint-includes:
	$(Q)tests/lint/includes

# All that is compiled but the conformance programs, whose variants have compilers of their own.
.PHONY: compile check-clang
compile: all $(UNIT_BINS) $(VMM_MEASURE_BIN) $(KVM_PROBE_BIN) $(HOSTILE_BIN) $(METAL_BIN) $(METAL_BOX_BIN) bench-programs

check-clang:
	@$(MAKE) --no-print-directory CC=clang B=$(B)/clang compile

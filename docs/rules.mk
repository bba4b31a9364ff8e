# SPDX-License-Identifier: Apache-2.0
# Pages that are made of tables: `make docs` after a change of one, `make check-docs` tells when that was forgotten.

DOCS_MADE := abi channel host-calls vmx-instructions

.PHONY: docs check-docs
docs:
	$(Q)for page in $(DOCS_MADE); do docs/gen-$$page.sh >docs/$$page.md.new && mv docs/$$page.md.new docs/$$page.md || exit 1; done

check-docs:
	@mkdir -p $(B)/docs
	$(Q)for page in $(DOCS_MADE); do \
		docs/gen-$$page.sh >$(B)/docs/$$page.md || exit 1; \
		cmp -s $(B)/docs/$$page.md docs/$$page.md || { echo "docs/$$page.md is stale: make docs" >&2; exit 1; }; \
	done

# SPDX-License-Identifier: Apache-2.0
# Which lines of the shim's core the unit tests and the conformance suite reach: builds of their own under
# $(B)/coverage, where the core (and nothing else of the launcher) counts. COVERAGE_ARGS: tests/coverage/report --help.
COVERAGE_B := $(B)/coverage
COVERAGE_UNITS := $(addprefix $(COVERAGE_B)/tests/unit/,core/unit-core fs/unit-fs io/unit-io net/unit-net mm/unit-mm)
COVERAGE_COUNTERS := $(abspath $(COVERAGE_B))/counters
# Atomic: all runs of the launcher share their counters.
COVERAGE_FLAGS := -fprofile-arcs -ftest-coverage -fprofile-update=atomic -fprofile-info-section=gcov_info -fdata-sections

$(B)/tests/coverage/counters.c.o: HOST_CFLAGS += '-DCOVERAGE_FILE="$(abspath $(B))/counters"'

.PHONY: coverage coverage-begin coverage-sandbox coverage-units coverage-report
coverage: CONF_SANDBOX := $(abspath $(COVERAGE_B))/sandbox
coverage: coverage-begin coverage-sandbox coverage-units conformance-programs
	$(Q)for b in $(COVERAGE_UNITS); do echo "== $$b"; $$b || exit 1; done
	@echo "== conformance, with counters"
	$(Q)SANDBOX_BACKEND=process $(CONFORMANCE)
	@$(MAKE) --no-print-directory coverage-report

# What was counted by what was built before says nothing of these builds.
coverage-begin:
	$(Q)rm -f $(COVERAGE_COUNTERS)
	$(Q)if [ -d $(COVERAGE_B) ]; then find $(COVERAGE_B) -name '*.gcda' -delete; fi

coverage-sandbox: coverage-begin
	@$(MAKE) --no-print-directory B=$(COVERAGE_B) OPT="-O1 -g" COV="$(COVERAGE_FLAGS)" \
		SAN_SRCS=tests/coverage/counters.c HOST_LIBS="$(HOST_LIBS) -lgcov -Wl,-T,tests/coverage/counters.lds" \
		$(COVERAGE_B)/sandbox

coverage-units: coverage-begin
	@$(MAKE) --no-print-directory B=$(COVERAGE_B) UNIT_COV=--coverage $(COVERAGE_UNITS)

# What has been counted so far.
coverage-report:
	$(Q)COVERAGE_DUMP=1 $(COVERAGE_B)/sandbox
	$(Q)tests/coverage/report $(COVERAGE_B) $(COVERAGE_ARGS)

# SPDX-License-Identifier: Apache-2.0
# The launcher as strangers use it: bad input, options, signals, terminals, the jail. CLI_ARGS adds to pytest's command.
.PHONY: cli
CLI_ARGS ?=
cli: $(B)/sandbox conformance-programs
	$(Q)SANDBOX_BIN="$(abspath $(B))/sandbox" /usr/bin/python3 -m pytest -q -n 3 -p no:cacheprovider \
		tests/cli $(CLI_ARGS)

# All of the conformance suite's programs under `sandbox trace --host`, against docs/host-calls.md; `make cli` runs a part of them. As root.
.PHONY: host-calls
host-calls: $(B)/sandbox conformance-programs
	$(Q)HOST_CALLS=all SANDBOX_BIN="$(abspath $(B))/sandbox" /usr/bin/python3 -m pytest -q -p no:cacheprovider \
		tests/cli/test_host_calls.py $(CLI_ARGS)

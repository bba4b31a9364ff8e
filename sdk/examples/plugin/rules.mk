# SPDX-License-Identifier: Apache-2.0
.PHONY: sdk-examples
sdk-examples: $(B)/plugin-host $(B)/plugin-filter

$(B)/plugin-host: $(B)/sdk/pic/sdk/examples/plugin/host.c.o $(B)/libsandbox.so
	$(Q)$(CC) $< -o $@ -L$(B) -lsandbox -Wl,-rpath,'$$ORIGIN'

$(B)/plugin-filter: sdk/examples/plugin/filter.c
	$(Q)sdk/bin/sandbox-cc -Wall -Wextra -Werror $< -o $@

# SPDX-License-Identifier: Apache-2.0
JUDGE_OBJS := $(patsubst %,$(B)/sdk/pic/sdk/examples/%.o,$(addprefix judge/,main.c http.c queue.c submission.c connections.c judge.c text.c assets.c assets.S) \
	server/argument.c server/listen.c)

sdk-examples: $(B)/sandbox-judge

$(B)/sdk/pic/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

$(B)/sdk/pic/sdk/examples/judge/assets.S.o: $(wildcard sdk/examples/judge/page/*)

$(B)/sandbox-judge: $(JUDGE_OBJS) $(B)/libsandbox.so
	$(Q)$(CC) $(SAN) -pthread $(JUDGE_OBJS) -o $@ -L$(B) -lsandbox -Wl,-rpath,'$$ORIGIN' -lmicrohttpd -ljansson

# At full load with hostile submissions, for longer than check-sdk does it.
.PHONY: judge-load
judge-load: all sdk-examples
	$(Q)SANDBOX_BIN=$(abspath $(B))/sandbox /usr/bin/python3 -B tests/sdk/judge_load.py $(or $(SECONDS),120)

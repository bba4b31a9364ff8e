# SPDX-License-Identifier: Apache-2.0
FAAS_OBJS := $(patsubst %,$(B)/sdk/pic/sdk/examples/%.o,faas/main.c faas/http.c faas/function.c server/argument.c server/listen.c)

sdk-examples: $(B)/sandbox-faas

$(B)/sandbox-faas: $(FAAS_OBJS) $(B)/libsandbox.so
	$(Q)$(CC) $(SAN) -pthread $(FAAS_OBJS) -o $@ -L$(B) -lsandbox -Wl,-rpath,'$$ORIGIN' -lmicrohttpd

# SPDX-License-Identifier: Apache-2.0
# The launcher and the image tool under AddressSanitizer and UndefinedBehaviorSanitizer: $(B)/asan/sandbox, $(B)/asan/sandbox-image.
SEC_ASAN_SANDBOX := $(B)/asan/sandbox

.PHONY: asan-sandbox
asan-sandbox:
	@$(MAKE) --no-print-directory B=$(B)/asan OPT="-O1 -g" \
		SAN="-DSHIM_CHECKS -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all" \
		JAIL_ALSO=tests/security/asan/jail_also.c SAN_SRCS=tests/security/asan/options.c \
		$(B)/asan/sandbox $(B)/asan/sandbox-image

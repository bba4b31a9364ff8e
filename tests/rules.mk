# SPDX-License-Identifier: Apache-2.0
include $(wildcard tests/unit/rules.mk tests/security/rules.mk tests/conformance/rules.mk tests/cli/rules.mk tests/emulated/rules.mk \
	tests/images/rules.mk tests/lint/rules.mk tests/fuzz/*/rules.mk tests/bench/rules.mk tests/coverage/rules.mk)

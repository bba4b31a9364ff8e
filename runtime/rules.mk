# SPDX-License-Identifier: Apache-2.0
# The launcher: build/sandbox.
include runtime/launch/rules.mk runtime/jail/rules.mk runtime/sample/rules.mk runtime/service/rules.mk runtime/snapshot/rules.mk runtime/observe/rules.mk
include $(wildcard runtime/policy/rules.mk runtime/cli/rules.mk)
include runtime/relay/rules.mk runtime/trace/rules.mk runtime/metrics/rules.mk runtime/profile/rules.mk runtime/metal/rules.mk

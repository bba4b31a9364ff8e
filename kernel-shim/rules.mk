# SPDX-License-Identifier: Apache-2.0
# The core's sources, built three ways: for the guest's ring 0, for the launcher, and for unit tests.
include kernel-shim/core/rules.mk kernel-shim/mm/rules.mk kernel-shim/fs/rules.mk

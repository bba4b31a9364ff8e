# SPDX-License-Identifier: Apache-2.0
CORE_SRCS +=

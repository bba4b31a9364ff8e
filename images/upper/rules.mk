# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += images/upper/upper.c

# SPDX-License-Identifier: Apache-2.0
IMAGE_TRANSFER_SRCS := $(addprefix images/transfer/,archive.c auth.c check.c directory.c export.c export_docker.c export_layout.c \
	http.c http_url.c import.c import_docker.c name.c parts.c pull.c push.c registry.c remote.c sink_archive.c sink_copy.c \
	sink_directory.c stock.c take.c taker.c)
IMAGE_SRCS += $(IMAGE_TRANSFER_SRCS)

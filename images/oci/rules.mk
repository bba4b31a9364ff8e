# SPDX-License-Identifier: Apache-2.0
# IMAGE_PARSE_SRCS: without libcrypto and files; the launcher links them, too.
IMAGE_PARSE_SRCS := $(addprefix images/oci/,config.c descriptor.c manifest.c media.c platform.c source.c)
IMAGE_OCI_SRCS := $(IMAGE_PARSE_SRCS) $(addprefix images/oci/,load.c write.c)
IMAGE_SRCS += $(IMAGE_OCI_SRCS)

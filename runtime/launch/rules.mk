# SPDX-License-Identifier: Apache-2.0
SANDBOX_SRCS += $(addprefix runtime/launch/, launch.c threads.c memory.c template.c proxy_header.c bootblock.c boot_builder.c clock.c home_host.c host_core.c host_path.c home_process.c \
	home_guest.c guest_vcpu.c guest_sample.c guest_clone.c guest_image.c \
	guest_snapshot.c snapshot.c snapshot_config.c snapshot_needs.c restore.c)

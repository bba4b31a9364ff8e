# SPDX-License-Identifier: Apache-2.0
SERVICE_SRCS := $(addprefix runtime/service/, copied.c create.c decode.c describe.c dir.c gpa.c grant.c handles.c io.c kept.c names.c \
	open.c policy.c service.c snapshot.c stats.c text.c tty.c wait.c walk.c watch.c window.c window_note.c xattr.c)
SANDBOX_SRCS += $(SERVICE_SRCS)

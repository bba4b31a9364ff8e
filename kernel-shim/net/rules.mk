# SPDX-License-Identifier: Apache-2.0
# sockets: what all have in common; local ones
CORE_SRCS += $(addprefix kernel-shim/net/,socket.c sockfile.c listen.c options.c packet.c transfer.c \
	scm.c rights.c unix.c unix_name.c unix_stream.c unix_dgram.c)
CORE_SRCS += $(addprefix kernel-shim/sys/,socket.c socket_msg.c)

# SPDX-License-Identifier: Apache-2.0
# sockets: what all have in common
CORE_SRCS += $(addprefix kernel-shim/net/,socket.c sockfile.c listen.c options.c packet.c transfer.c urgent.c)
# local ones
CORE_SRCS += $(addprefix kernel-shim/net/,scm.c rights.c unix.c unix_name.c unix_stream.c \
	unix_dgram.c)
# TCP and UDP over loopback, the interface
CORE_SRCS += $(addprefix kernel-shim/net/,inet.c inet_addr.c inet_port.c inet_option.c tcp.c \
	tcp_io.c udp.c netdev.c netlink.c rtnetlink.c show.c)
CORE_SRCS += $(addprefix kernel-shim/sys/,socket.c socket_msg.c)

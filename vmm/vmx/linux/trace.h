/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Tracepoints: /sys/kernel/tracing/events/sandbox_vmx.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sandbox_vmx

#if !defined(SANDBOX_VMX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SANDBOX_VMX_TRACE_H

#include <linux/tracepoint.h>

#include "module.h"

/* clang-format off */
TRACE_EVENT(sandbox_vmx_entry,
	TP_PROTO(const struct sbv_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
	),
	TP_fast_assign(
		__entry->vm = v->vm->id;
		__entry->vcpu = v->index;
	),
	TP_printk("vm %u vcpu %u", __entry->vm, __entry->vcpu)
);

TRACE_EVENT(sandbox_vmx_exit,
	TP_PROTO(const struct sbv_vcpu *v, u32 reason),
	TP_ARGS(v, reason),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vm = v->vm->id;
		__entry->vcpu = v->index;
		__entry->reason = reason;
		__entry->rip = vmx_vcpu_regs(v->core)->rip;
	),
	TP_printk("vm %u vcpu %u reason %u%s rip %llx", __entry->vm, __entry->vcpu,
		  __entry->reason & 0xffff, __entry->reason >> 31 ? " (entry failed)" : "",
		  __entry->rip)
);

TRACE_EVENT(sandbox_vmx_user,
	TP_PROTO(const struct sbv_vcpu *v, u32 reason),
	TP_ARGS(v, reason),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vm = v->vm->id;
		__entry->vcpu = v->index;
		__entry->reason = reason;
		__entry->rip = v->run->regs.rip;
	),
	TP_printk("vm %u vcpu %u %s rip %llx", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->reason,
				   { SBV_EXIT_IO_OUT, "out" },
				   { SBV_EXIT_IO_IN, "in" },
				   { SBV_EXIT_MMIO, "mmio" },
				   { SBV_EXIT_HLT, "hlt" },
				   { SBV_EXIT_INTR, "intr" },
				   { SBV_EXIT_SHUTDOWN, "shutdown" },
				   { SBV_EXIT_MEMORY, "memory" },
				   { SBV_EXIT_FAIL, "fail" }),
		  __entry->rip)
);

TRACE_EVENT(sandbox_vmx_fault,
	TP_PROTO(u64 hva, bool write, int error),
	TP_ARGS(hva, write, error),
	TP_STRUCT__entry(
		__field(u64, hva)
		__field(bool, write)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->hva = hva;
		__entry->write = write;
		__entry->error = error;
	),
	TP_printk("hva %llx %s %d", __entry->hva, __entry->write ? "write" : "read",
		  __entry->error)
);

/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

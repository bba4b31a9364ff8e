/* SPDX-License-Identifier: Apache-2.0
 * Lines for the launcher.
 */
#include "core/task.h"

#define LOG_LINE_MAX 1024

void klog(u32 kind, const char *fmt, ...)
{
	struct chan_msg m = {.op = CHAN_OP_LOG, .a = {kind}};
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvfmt((char *)plat_chan_data(), LOG_LINE_MAX, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	m.in_len = (u32)min_u64((u64)n, LOG_LINE_MAX - 1);
	plat_channel(&m);
}

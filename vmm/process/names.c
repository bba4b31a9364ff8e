/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/process/process.h"

const char *process_exit_name(enum process_exit_kind kind)
{
	static const char *const names[PROCESS_EXIT_KINDS] = {
		[PROCESS_CALL] = "patched-call",
		[PROCESS_SIGNAL] = "signal",
		[PROCESS_KICK] = "kick",
		[PROCESS_NOT_RUN] = "kick-early",
		[PROCESS_OP_FAILED] = "map-failed",
		[PROCESS_DIED] = "died",
	};

	return names[kind];
}

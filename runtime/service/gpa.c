/* SPDX-License-Identifier: Apache-2.0
 *
 * The checked gateway to guest RAM. Asks nobody for anything: it is runtime/metal's too.
 */
#include "runtime/service/service.h"

void *service_gpa_ptr(const struct service_memory *mem, struct gpa gpa, uint64_t len)
{
	if (gpa.v > mem->ram_size || len > mem->ram_size - gpa.v)
		return NULL;
	return mem->ram + gpa.v;
}

void *service_gpa_ptr_write(const struct service_memory *mem, struct gpa gpa, uint64_t len)
{
	if (len && gpa.v < mem->constant_end &&
		(gpa.v >= mem->constant_start || len > mem->constant_start - gpa.v))
		return NULL;
	return service_gpa_ptr(mem, gpa, len);
}

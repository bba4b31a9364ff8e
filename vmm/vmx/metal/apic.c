/* SPDX-License-Identifier: Apache-2.0
 *
 * The local APIC (SDM vol. 3A, 11): an interrupt to oneself, and a timer, so that a guest that
 * never exits does not run for ever. The two 8259s are masked.
 */
#include "metal.h"
#include "port.h"

#define REG_EOI		   0xb0
#define REG_SPURIOUS	   0xf0
#define REG_COMMAND	   0x300
#define REG_TIMER	   0x320
#define REG_TIMER_INITIAL  0x380
#define REG_TIMER_LEFT	   0x390
#define REG_TIMER_DIVISION 0x3e0

#define SPURIOUS_ENABLE	  0x100
#define COMMAND_SELF	  (1u << 18)
#define TIMER_PERIODIC	  (1u << 17)
#define TIMER_DIVIDE_BY_1 0xb
#define TIMER_COUNT	  2000000

static volatile uint32_t *reg(uint32_t offset)
{
	return (volatile uint32_t *)(uintptr_t)(METAL_APIC + offset);
}

void metal_apic_init(void)
{
	port_out8(0x21, 0xff);
	port_out8(0xa1, 0xff);
	*reg(REG_SPURIOUS) = SPURIOUS_ENABLE | 0xff;
	*reg(REG_TIMER_DIVISION) = TIMER_DIVIDE_BY_1;
	*reg(REG_TIMER) = TIMER_PERIODIC | METAL_VECTOR_TIMER;
	*reg(REG_TIMER_INITIAL) = TIMER_COUNT;
}

void metal_apic_self(uint8_t vector)
{
	*reg(REG_COMMAND) = COMMAND_SELF | vector;
}

void metal_apic_eoi(void)
{
	*reg(REG_EOI) = 0;
}

void metal_apic_timer(uint32_t count)
{
	*reg(REG_TIMER_INITIAL) = count;
}

uint32_t metal_apic_timer_left(void)
{
	return *reg(REG_TIMER_LEFT);
}

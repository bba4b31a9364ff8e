/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: the processor's counter, measured once against the PIT (8254), and the date of the
 * motherboard's clock (MC146818), which is taken to be UTC.
 */
#include "runtime/metal/box.h"
#include "vmm/vmx/core/x86.h"
#include "vmm/vmx/metal/port.h"

#define CLOCK_SHIFT 32

#define PIT_HZ	    1193182u
#define PIT_DATA2   0x42
#define PIT_COMMAND 0x43
#define PIT_ONCE2   0xb0 /* channel 2, both bytes, mode 0 */
#define PIT_GATE    0x61
#define GATE_ON	    0x01
#define GATE_SOUND  0x02
#define GATE_DONE   0x20

#define RTC_INDEX    0x70
#define RTC_DATA     0x71
#define RTC_A	     0x0a
#define RTC_A_BUSY   0x80
#define RTC_B	     0x0b
#define RTC_B_BINARY 0x04
#define RTC_B_24H    0x02
#define RTC_PM	     0x80

#define LOOKS_MAX  100000000u
#define MEASURE_MS 20u
#define TICK_MS	   4u

static uint64_t mult; /* ns = cycles * mult >> CLOCK_SHIFT */

/* -- how fast -- */

static void pit_wait(uint32_t ms)
{
	uint32_t n = PIT_HZ * ms / 1000;
	uint8_t gate = port_in8(PIT_GATE) & (uint8_t) ~(GATE_ON | GATE_SOUND);

	port_out8(PIT_GATE, gate);
	port_out8(PIT_COMMAND, PIT_ONCE2);
	port_out8(PIT_DATA2, (uint8_t)n);
	port_out8(PIT_DATA2, (uint8_t)(n >> 8));
	port_out8(PIT_GATE, gate | GATE_ON);
	for (uint32_t looks = LOOKS_MAX; !(port_in8(PIT_GATE) & GATE_DONE); looks--)
		if (!looks)
			metal_die("no PIT (8254) that counts");
}

void box_clock_init(struct box *b)
{
	uint64_t begun, cycles;
	uint32_t ticks;

	metal_apic_timer(UINT32_MAX);
	begun = x86_rdtsc();
	pit_wait(MEASURE_MS);
	cycles = x86_rdtsc() - begun;
	ticks = UINT32_MAX - metal_apic_timer_left();
	if (cycles && ticks >= MEASURE_MS)
		mult = (((uint64_t)MEASURE_MS * 1000000) << CLOCK_SHIFT) / cycles;
	else
		metal_die("the clocks of this machine stand still");
	metal_apic_timer(ticks / MEASURE_MS * TICK_MS);
}

uint64_t box_now_ns(const struct box *b)
{
	const struct boot_clock *k = b->clock;
	unsigned __int128 passed = (unsigned __int128)(x86_rdtsc() - k->base_tsc) * mult;

	return k->mono_ns + (uint64_t)(passed >> CLOCK_SHIFT);
}

/* -- the date -- */

static uint8_t rtc(uint8_t index)
{
	port_out8(RTC_INDEX, index);
	return port_in8(RTC_DATA);
}

struct date {
	uint8_t second, minute, hour, day, month, year;
};

static struct date rtc_read(void)
{
	struct date d;

	for (uint32_t looks = LOOKS_MAX; rtc(RTC_A) & RTC_A_BUSY; looks--)
		if (!looks)
			metal_die("no clock (MC146818) that can be read");
	d = (struct date){rtc(0), rtc(2), rtc(4), rtc(7), rtc(8), rtc(9)};
	return d;
}

static uint8_t from_bcd(uint8_t n)
{
	return (uint8_t)(n % 16 + n / 16 * 10);
}

static struct date rtc_date(void)
{
	struct date d, again = rtc_read();
	uint8_t format = rtc(RTC_B);
	bool pm;

	do { /* it may have been changed between */
		d = again;
		again = rtc_read();
	} while (memcmp(&d, &again, sizeof(d)));
	pm = !(format & RTC_B_24H) && (d.hour & RTC_PM);
	d.hour &= (uint8_t) ~(format & RTC_B_24H ? 0 : RTC_PM);
	if (!(format & RTC_B_BINARY))
		d = (struct date){from_bcd(d.second), from_bcd(d.minute), from_bcd(d.hour),
			from_bcd(d.day), from_bcd(d.month), from_bcd(d.year)};
	if (!(format & RTC_B_24H))
		d.hour = (uint8_t)(d.hour % 12 + (pm ? 12 : 0));
	return d;
}

/* Seconds since 1970. Years are counted from March, so that the leap day is the last. */
static uint64_t seconds_of(const struct date *d)
{
	uint64_t year = 2000u + d->year - (d->month <= 2), month = (d->month + 9u) % 12;
	uint64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 +
			d->day - 1 - 719468;

	return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

void box_clock_publish(struct box *b)
{
	struct boot_clock *k = b->clock;
	const struct date d = rtc_date();

	k->shift = CLOCK_SHIFT;
	k->mult = mult;
	k->base_tsc = x86_rdtsc();
	k->mono_ns = k->boot_ns = k->raw_ns = 1000000000; /* not 0, which means "no time" */
	k->real_ns = seconds_of(&d) * 1000000000;
	k->ncpus = 1;
}

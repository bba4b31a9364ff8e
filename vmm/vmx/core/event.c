/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Events: exceptions made for the guest, the launcher's interrupts, and deliveries that an exit cut
 * short (SDM 26.6, 27.2.4, 31.7.1).
 */
#include "vcpu.h"

static bool contributory(uint32_t vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

/* SDM vol. 3A, table 6-5. The one that was being delivered is v->event. */
static bool makes_double_fault(const struct vmx_vcpu *v, uint32_t vector)
{
	uint32_t first = v->event & EVENT_VECTOR;

	if ((v->event & EVENT_TYPE) != EVENT_HARDWARE)
		return false;
	if (first == X86_VECTOR_PF)
		return contributory(vector) || vector == X86_VECTOR_PF;
	return contributory(first) && contributory(vector);
}

enum vmx_step vmx_inject(struct vmx_vcpu *v, uint32_t vector, bool with_error, uint32_t error)
{
	bool exception = v->event && (v->event & EVENT_TYPE) == EVENT_HARDWARE;

	if (exception && (v->event & EVENT_VECTOR) == X86_VECTOR_DF && vector != X86_VECTOR_DB)
		return vmx_to_user(v, SBV_EXIT_SHUTDOWN);
	if (makes_double_fault(v, vector)) {
		vector = X86_VECTOR_DF;
		with_error = true;
		error = 0;
	} else if ((v->event & EVENT_TYPE) == EVENT_EXTERNAL && v->event &&
		   v->irq == SBV_IRQ_NONE) {
		v->irq = v->event & EVENT_VECTOR; /* after the exception */
	}
	v->event = EVENT_VALID | EVENT_HARDWARE | vector | (with_error ? EVENT_ERROR_CODE : 0);
	v->event_error = error;
	return VMX_STEP_ENTER;
}

enum vmx_step vmx_inject_ud(struct vmx_vcpu *v)
{
	return vmx_inject(v, X86_VECTOR_UD, false, 0);
}

enum vmx_step vmx_inject_gp(struct vmx_vcpu *v)
{
	return vmx_inject(v, X86_VECTOR_GP, true, 0);
}

static void set_window(struct vmx_vcpu *v, bool on)
{
	if (v->window == on)
		return;
	v->window = on;
	vmcs_write(VMCS_PRIMARY_CONTROLS, vmx_caps.primary | (on ? PRIMARY_INTERRUPT_WINDOW : 0));
}

static bool takes_interrupt(const struct vmx_vcpu *v)
{
	return (v->regs.rflags & RFLAGS_IF) &&
	       !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		       (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
}

/* Its delivery was cut short, and the owner has cleared IF since: it waits. Entering with it would
 * fail (26.3.1.4). */
static void external_event_waits(struct vmx_vcpu *v)
{
	if (!v->event || (v->event & EVENT_TYPE) != EVENT_EXTERNAL || takes_interrupt(v))
		return;
	if (v->irq == SBV_IRQ_NONE)
		v->irq = v->event & EVENT_VECTOR;
	v->event = 0;
}

void vmx_event_before_entry(struct vmx_vcpu *v)
{
	external_event_waits(v);
	if (!v->event && v->irq != SBV_IRQ_NONE && takes_interrupt(v)) {
		v->event = EVENT_VALID | EVENT_EXTERNAL | v->irq;
		v->irq = SBV_IRQ_NONE;
		v->stats.interrupts++;
	}
	set_window(v, v->irq != SBV_IRQ_NONE);
	if (!v->event)
		return;
	vmcs_write(VMCS_ENTRY_EVENT, v->event);
	if (v->event & EVENT_ERROR_CODE)
		vmcs_write(VMCS_ENTRY_EVENT_ERROR, v->event_error);
	if ((v->event & EVENT_TYPE) >= EVENT_SOFTWARE_INTERRUPT)
		vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH, v->event_length);
}

/* What was being delivered when the exit came is delivered again, unless the exit's handler puts
 * something else in its place. */
void vmx_event_after_exit(struct vmx_vcpu *v)
{
	uint32_t info = (uint32_t)vmcs_read(VMCS_IDT_VECTORING);

	v->event = 0;
	if (!(info & EVENT_VALID))
		return;
	v->event = info & (EVENT_VALID | EVENT_ERROR_CODE | EVENT_TYPE | EVENT_VECTOR);
	if (info & EVENT_ERROR_CODE)
		v->event_error = (uint32_t)vmcs_read(VMCS_IDT_VECTORING_ERROR);
	if ((info & EVENT_TYPE) >= EVENT_SOFTWARE_INTERRUPT)
		v->event_length = (uint32_t)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
}

/* --- as the owner sees it --- */

/* Exceptions that push an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC (SDM vol. 3A, table 6-1).
 */
#define WITH_ERROR	   0x27d00u
#define LAST_EXCEPTION	   19u
#define INSTRUCTION_LENGTH 15u

static bool software_event_valid(const struct sbv_vcpu_state *s)
{
	return !(s->event & EVENT_ERROR_CODE) && s->event_length > 0 &&
	       s->event_length <= INSTRUCTION_LENGTH;
}

/* 26.2.1.3. NMIs are the host's. */
bool vmx_event_valid(const struct sbv_vcpu_state *s)
{
	uint32_t vector = s->event & EVENT_VECTOR;
	bool error = s->event & EVENT_ERROR_CODE;

	if (!s->event)
		return true;
	if (!(s->event & EVENT_VALID) ||
		(s->event & ~(EVENT_VALID | EVENT_ERROR_CODE | EVENT_TYPE | EVENT_VECTOR)))
		return false;
	switch (s->event & EVENT_TYPE) {
	case EVENT_EXTERNAL: /* it waits where it cannot be taken: external_event_waits */
		return !error;
	case EVENT_HARDWARE:
		return vector <= LAST_EXCEPTION && error == (WITH_ERROR >> vector & 1) &&
		       !(error && s->event_error >> 15);
	case EVENT_SOFTWARE_INTERRUPT:
		return software_event_valid(s);
	case EVENT_PRIVILEGED:
		return vector == X86_VECTOR_DB && software_event_valid(s);
	case EVENT_SOFTWARE_EXCEPTION:
		return (vector == X86_VECTOR_BP || vector == X86_VECTOR_OF) &&
		       software_event_valid(s);
	default:
		return false;
	}
}

void vmx_event_get(const struct vmx_vcpu *v, struct sbv_vcpu_state *s)
{
	s->event = v->event;
	if (v->event & EVENT_ERROR_CODE)
		s->event_error = v->event_error;
	if (v->event && (v->event & EVENT_TYPE) >= EVENT_SOFTWARE_INTERRUPT)
		s->event_length = v->event_length;
}

void vmx_event_set(struct vmx_vcpu *v, const struct sbv_vcpu_state *s)
{
	v->event = s->event;
	v->event_error = s->event_error;
	v->event_length = s->event_length;
}

bool vmx_vcpu_event_in_flight(const struct vmx_vcpu *v)
{
	return v->event;
}

enum vmx_step vmx_exit_window(struct vmx_vcpu *v)
{
	set_window(v, false);
	return VMX_STEP_ENTER;
}

/* #DB: the exit's qualification has DR6's bits, and DR6 itself is unchanged (27.2.1). */
static enum vmx_step debug_exception(struct vmx_vcpu *v)
{
	v->dr6 = (v->dr6 & ~0xfull) | DR6_FIXED |
		 (vmcs_read(VMCS_EXIT_QUALIFICATION) & DR6_WRITABLE);
	v->dr7 &= ~DR7_GD;
	return vmx_inject(v, X86_VECTOR_DB, false, 0);
}

enum vmx_step vmx_exit_exception(struct vmx_vcpu *v)
{
	uint32_t info = (uint32_t)vmcs_read(VMCS_EXIT_EVENT);

	if ((info & EVENT_TYPE) == EVENT_NMI)
		return VMX_STEP_ENTER; /* the host had it, in vmx_vcpu_enter */
	switch (info & EVENT_VECTOR) {
	case X86_VECTOR_MC:
		return VMX_STEP_ENTER; /* likewise */
	case X86_VECTOR_DB:
		return debug_exception(v);
	case X86_VECTOR_AC:
		return vmx_inject(v, X86_VECTOR_AC, true, 0);
	case X86_VECTOR_PF:
		return VMX_STEP_SLEEP;
	default:
		return vmx_fail(v, SBV_FAIL_EXIT, info);
	}
}

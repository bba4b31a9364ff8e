# The emulated machine and the probe of /dev/kvm. EMULATED_ARGS adds to the command line of `run`.

$(B)/emulated/bin/kvm_probe: tests/emulated/kvm_probe.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -static -o $@ $<

.PHONY: probe-kvm probe-kvm-emulated
probe-kvm: $(B)/emulated/bin/kvm_probe
	$<

probe-kvm-emulated: $(B)/emulated/bin/kvm_probe
	$(Q)EMULATED_BUILD=$(abspath $(B))/emulated tests/emulated/run $(EMULATED_ARGS) --bin $< -- kvm_probe

# The conformance behaviours where ring 0 is real: QEMU's nested SVM with Debian's KVM.
.PHONY: check-emulated
check-emulated: $(B)/sandbox conformance-programs
	$(Q)EMULATED_BUILD=$(abspath $(B))/emulated tests/emulated/run $(EMULATED_ARGS) --timeout 2400 \
		--bin $(B)/sandbox:/usr/local/bin/sandbox \
		--tree $(B)/tests/conformance/dynamic:/conformance/dynamic \
		--tree tests/conformance/run-list.sh:/conformance/run-list.sh \
		--tree tests/emulated/conformance:/conformance/run \
		--tree tests/emulated/known-gaps:/conformance/known-gaps \
		--env HOMES=guest \
		-- sh /conformance/run /conformance

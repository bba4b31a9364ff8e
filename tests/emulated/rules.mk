# The emulated machine and the probe of /dev/kvm. EMULATED_ARGS adds to the command line of `run`.

KVM_PROBE      := tests/emulated/kvm_probe
KVM_PROBE_BIN  := $(B)/$(KVM_PROBE)/kvm_probe
KVM_PROBE_OBJS := $(patsubst %,$(B)/$(KVM_PROBE)/%.o,guest.S machine.c cases.c offers.c main.c)

$(B)/$(KVM_PROBE)/%.S.o: $(KVM_PROBE)/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -c $< -o $@

$(KVM_PROBE_BIN): $(KVM_PROBE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $^

.PHONY: probe-kvm probe-kvm-emulated
probe-kvm: $(KVM_PROBE_BIN)
	$<

probe-kvm-emulated: $(KVM_PROBE_BIN)
	$(Q)EMULATED_BUILD="$(abspath $(B))/emulated" tests/emulated/run $(EMULATED_ARGS) --bin $< -- kvm_probe

# All that a true ring 0 is needed for. EMULATED_TESTS adds to pytest's command line.
$(B)/box.erofs: $(FLATTEN_TREE) tests/emulated/box
	$(Q)tests/emulated/box $(FLATTEN_TREE) $@

.PHONY: check-emulated
check-emulated: all $(B)/box.erofs $(UNIT_VMM_BIN) conformance-programs bench-programs
	$(Q)B="$(abspath $(B))" tests/emulated/suite $(EMULATED_TESTS)

# Home guest's figures of counts.json, measured in the machine: $(B)/counts.json is what counts.json would then be.
.PHONY: counts-emulated
counts-emulated: $(B)/sandbox bench-programs
	$(Q)EMULATED_BUILD="$(abspath $(B))/emulated" tests/emulated/run --plain --timeout 7200 \
		--tree tests/bench:/suite/tests/bench \
		$(foreach f,sandbox bench/micro bench/hello bench/steps,$(abspath $(B))/$f:/suite/build/$f) \
		--disk-package python3 python3-pytest \
		--env SANDBOX_BIN=/suite/build/sandbox B=/home/tester/build -- \
		sh -c 'mkdir "$$B" && cp -r /suite/build/bench "$$B" && \
			python3 /suite/tests/bench/test_counts.py --write - kvm/guest' | \
		tee /dev/stderr | sed -n '/^{$$/,$$p' >"$(B)/counts.json"
	@test -s $(B)/counts.json

# Without an operating system, in Bochs: the VMX core's own tests (METAL_ARGS adds to the command line), and programs.
.PHONY: check-metal
check-metal: $(METAL_BIN) $(METAL_BOX_BIN) $(B)/sandbox $(FLATTEN_TREE) conformance-programs
	$(Q)EMULATED_BUILD="$(abspath $(B))/emulated" tests/emulated/metal --image $< $(METAL_ARGS)
	$(Q)B="$(abspath $(B))" tests/emulated/metal_programs

# Backend vmx in Bochs, with EPT and with shadow paging: tests/emulated/vmx says what VMX_TESTS and the others choose.
# bench-vmx: its paths against kvm_intel's in the same machine, in instructions.
# hostile-vmx: hostile guests for FUZZ_SECONDS of the machine's clock on each CPU, of seeds from FUZZ_SEED on; with
# HOSTILE_SEEDS=1 that one alone.
# check-dkms: the module once more, as DKMS builds it.
.PHONY: vmx-emulated check-vmx check-dkms bench-vmx hostile-vmx
vmx-emulated: $(B)/sandbox
	$(Q)$(MAKE) --no-print-directory vmx-module KDIR="$$(EMULATED_BUILD="$(abspath $(B))/emulated" tests/emulated/headers)"
check-vmx: vmx-emulated all $(B)/box.erofs conformance-programs $(UNIT_VMM_BIN) $(HOSTILE_BIN)
	$(Q)B="$(abspath $(B))" KO="$(abspath $(VMX_MODULE_DIR))/sandbox-vmx.ko" tests/emulated/vmx
check-dkms:
	$(Q)EMULATED_BUILD="$(abspath $(B))/emulated" tests/emulated/dkms
bench-vmx: vmx-emulated $(B)/bench/exit_paths
	$(Q)B="$(abspath $(B))" KO="$(abspath $(VMX_MODULE_DIR))/sandbox-vmx.ko" tests/emulated/vmx --paths
hostile-vmx: vmx-emulated $(HOSTILE_BIN)
	$(Q)B="$(abspath $(B))" KO="$(abspath $(VMX_MODULE_DIR))/sandbox-vmx.ko" TIME=$$(($(FUZZ_SECONDS) * 4 + 300)) \
		tests/emulated/vmx --hostile --seconds $(FUZZ_SECONDS) --first $(or $(FUZZ_SEED),1) --seeds $(or $(HOSTILE_SEEDS),0)

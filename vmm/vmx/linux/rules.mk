# SPDX-License-Identifier: Apache-2.0
# The kernel module: built by the kernel's own makefiles, in a copy under $(B) so that nothing is made here.
#   make vmx-module KDIR=/usr/src/linux-headers-…     build/vmx-module/sandbox-vmx.ko
#   make install-dkms                                 to DESTDIR/usr/src, and the udev rule

KDIR ?= /lib/modules/$(shell uname -r)/build
VMX_MODULE_DIR := $(B)/vmx-module
VMX_MODULE_SRCS := vmm/vmx/abi.h $(wildcard vmm/vmx/core/*.[chS]) $(wildcard vmm/vmx/linux/*.[ch])
VMX_MODULE_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' vmm/vmx/linux/dkms.conf)

# The tree that Kbuild wants, in $(1).
define vmx_module_tree
	@mkdir -p $(1)/core $(1)/linux
	$(Q)for f in $(1)/core/*.[chS] $(1)/linux/*.[ch]; do [ -e "vmm/vmx/$${f#$(1)/}" ] || rm -f $$f; done
	$(Q)for f in $(VMX_MODULE_SRCS); do cmp -s $$f $(1)/$${f#vmm/vmx/} || cp $$f $(1)/$${f#vmm/vmx/} || exit 1; done
	$(Q)cmp -s vmm/vmx/linux/Kbuild $(1)/Kbuild || cp vmm/vmx/linux/Kbuild $(1)/Kbuild
endef

.PHONY: vmx-module install-dkms uninstall-dkms
vmx-module:
	$(call vmx_module_tree,$(VMX_MODULE_DIR))
	$(Q)$(MAKE) -C $(KDIR) M=$(abspath $(VMX_MODULE_DIR)) modules

DKMS_DIR := $(DESTDIR)/usr/src/sandbox-vmx-$(VMX_MODULE_VERSION)
install-dkms:
	$(call vmx_module_tree,$(DKMS_DIR))
	install -m 644 vmm/vmx/linux/dkms.conf $(DKMS_DIR)/dkms.conf
	install -D -m 644 vmm/vmx/linux/61-sandbox-vmx.rules $(DESTDIR)/usr/lib/udev/rules.d/61-sandbox-vmx.rules
	@echo "next: dkms install sandbox-vmx/$(VMX_MODULE_VERSION) && udevadm control --reload && modprobe sandbox-vmx"

uninstall-dkms:
	rm -rf $(DKMS_DIR)
	rm -f $(DESTDIR)/usr/lib/udev/rules.d/61-sandbox-vmx.rules

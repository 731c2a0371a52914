# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# build/NAME.iso: the image on a disc that starts by BIOS and by UEFI.
#
# CMDLINE: the kernel's command line; what apps/NAME/app.mk says is the default.
# INITRD: an initial RAM disk (cpio, newc), if there is one.

app_cmdline = $(if $(filter command environment,$(origin CMDLINE)),$(CMDLINE),$(shell \
	sed -n 's/^CMDLINE *:= *//p' apps/$(1)/app.mk 2>/dev/null))

build/%.iso: build/%.elf tools/mkiso $(INITRD) build/iso.setting
	@echo "  ISO     $@"
	@tools/mkiso --cmdline '$(subst ','\'',$(call app_cmdline,$*))' \
		$(if $(INITRD),--initrd '$(INITRD)') $< $@

# Changes when what was typed does, so that the disc is made anew.
build/iso.setting: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(INITRD) $(call app_cmdline,$(APP)))' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

.PHONY: iso FORCE
FORCE:
iso: app deps ## makes build/APP.iso, a disc that starts by BIOS and by UEFI; CMDLINE= INITRD=
	@$(MAKE) $(JOBS) build/$(APP).iso

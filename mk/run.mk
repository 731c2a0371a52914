# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make run [APP=httpd] [WWW=FOLDER | SHARE=FOLDER] [PORT=8080] [MACHINE=q35] [MEMORY=256M]
#
# WWW: a disk is made of the folder. SHARE: the guest has the folder itself, by 9p, as its
# root; what is changed there is seen.

# An application without a folder of files, like hello, gets no disk unless WWW says so.
WWW     ?= $(wildcard apps/$(APP)/www)
MACHINE ?= q35
MEMORY  ?= 256M
RUN_ISO	 = $(if $(SHARE),build/run/$(APP).iso,build/$(APP).iso)

.PHONY: run
run: app deps ## boots APP in QEMU, with a disk of WWW or the folder SHARE; PORT= MACHINE= MEMORY=
	@$(MAKE) $(JOBS) build/$(APP).iso
	@$(if $(SHARE),mkdir -p build/run && tools/mkiso --cmdline \
		'root=9p:share $(filter-out root=%,$(subst ','\'',$(call app_cmdline,$(APP))))' \
		build/$(APP).elf $(RUN_ISO))
	@tools/run $(if $(SHARE),--share '$(SHARE)',$(if $(WWW),--www '$(WWW)')) $(if $(PORT),--port $(PORT)) \
		--machine $(MACHINE) --memory $(MEMORY) $(RUN_ISO)

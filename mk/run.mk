# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make run [APP=httpd] [WWW=FOLDER] [PORT=8080] [MACHINE=q35] [MEMORY=256M]

# An application without a folder of files, like hello, gets no disk unless WWW says so.
WWW     ?= $(wildcard apps/$(APP)/www)
MACHINE ?= q35
MEMORY  ?= 256M

.PHONY: run
run: app deps ## boots APP in QEMU, with a disk made from WWW
	@$(MAKE) $(JOBS) build/$(APP).iso
	@tools/run $(if $(WWW),--www '$(WWW)') $(if $(PORT),--port $(PORT)) \
		--machine $(MACHINE) --memory $(MEMORY) build/$(APP).iso

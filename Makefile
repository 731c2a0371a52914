# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# `make help` lists what can be asked for; the pieces are in mk/.

APP ?= httpd
.DEFAULT_GOAL := image
MAKEFLAGS += --no-print-directory
ARCH  = x86_64
BUILD = build

include mk/deps.mk
include mk/ports.mk
include mk/kernel.mk
include mk/image.mk
include mk/iso.mk
include mk/run.mk
-include mk/unit.mk
-include mk/check.mk
-include mk/fuzz.mk
-include mk/test.mk
-include mk/host.mk
-include mk/models.mk
-include mk/bench.mk
-include mk/bench_ring.mk

# Lists of headers come with the objects; make is not to look for ways to make them.
%.d: ;

APPS = $(notdir $(patsubst %/,%,$(wildcard apps/*/)))

.PHONY: help image images clean
help: ## this list
	@echo 'make TARGET [APP=$(APP)] [WWW=FOLDER] …; applications: $(APPS)'
	@echo 'Missing packages are installed; DEPS=no leaves the machine as it is.'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | sort -u | expand -t 15 | sed 's/^/  /'

image: app deps ## builds build/APP.elf, the bootable image
	@$(MAKE) $(JOBS) $(BUILD)/$(APP).elf

images: deps ## builds the images of all applications
	@$(MAKE) $(JOBS) $(APPS:%=$(BUILD)/%.elf)

clean: ## removes build/ (downloaded sources stay in the cache)
	rm -rf $(BUILD)

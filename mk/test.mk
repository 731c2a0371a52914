# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
#	make test		everything, and whether the tables below are up to date
#	make test-host		what runs on the host: applications, tools
#	make test-qemu ROWS=blocks	boots the machines that have that in their name
#	make conformance	docs/conformance.md, from what it runs
#	make support		the README's table, from what was run last
#
# The others are in unit.mk, fuzz.mk, models.mk and host.mk.

.PHONY: test test-host test-qemu test-images
test: deps-test ## everything: check, models, some fuzzing, tests on the host, machines in QEMU
	@$(MAKE) check
	@$(MAKE) models
	@$(MAKE) test-host
	@$(MAKE) test-fuzz
	@$(MAKE) test-vhost
	@$(MAKE) test-qtest
	@$(MAKE) test-qemu
	@tools/support --check
	@tools/conformance --compare docs/conformance.md

test-host: deps-test ## the tests of applications and tools that run on the host
	@if [ -d tests/host ]; then tools/pytest -q -rs -p no:cacheprovider tests/host; fi

test-qemu: deps-test ## boots every door and device: ROWS=NAME chooses
	@$(MAKE) $(JOBS) test-images
	@tests/qemu/run $(if $(ROWS),-k '$(ROWS)')

test-images: $(patsubst apps/%/,$(BUILD)/%.elf,$(wildcard apps/*/)) $(PROBE_IMAGES) $(GUEST_IMAGES)

# What each demand on a virtio driver is kept and checked by (tests/conformance), and the
# README's table of what was driven how.
.PHONY: conformance support
conformance: deps-test ## runs what checks the demands on a driver, writes docs/conformance.md
	@$(MAKE) unit
	@$(MAKE) models
	@$(MAKE) test-vhost
	@$(MAKE) test-qtest
	@$(MAKE) test-qemu
	@tools/conformance --write docs/conformance.md

support: ## writes the README's support table from what the last tests showed
	@tools/support --write

# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make test: everything. `make test-qemu ROWS=blocks` boots the machines that have that in
# their name.

.PHONY: test test-host test-qemu test-images
test: deps-test ## check, the tests on the host, some fuzzing, and the tests in QEMU
	@$(MAKE) check
	@$(MAKE) test-host
	@$(MAKE) test-fuzz
	@$(MAKE) test-vhost
	@$(MAKE) test-qtest
	@$(MAKE) test-qemu

test-host: deps-test ## the tests of applications and tools that run on the host
	@if [ -d tests/host ]; then tools/pytest -q -rs -p no:cacheprovider tests/host; fi

test-qemu: deps-test ## boots every door and device: ROWS=NAME chooses
	@$(MAKE) $(JOBS) test-images
	@tests/qemu/run $(if $(ROWS),-k '$(ROWS)')

test-images: $(patsubst apps/%/,$(BUILD)/%.elf,$(wildcard apps/*/)) $(PROBE_IMAGES) $(GUEST_IMAGES)

# What each demand on a virtio driver is kept and checked by (tests/conformance).
.PHONY: conformance
conformance: deps-test ## runs what checks the demands on a driver, writes docs/conformance.md
	@$(MAKE) unit
	@$(MAKE) test-qemu
	@tools/conformance --write docs/conformance.md

# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make host APP=blkcat: build/host/APP, a Linux process that is a machine: kernel and
# drivers as they are, on arch/host, with other processes for devices (vhost-user). The
# application's C library is Linux's. build/host-asan/APP is the same under the sanitizers.
#
#	make test-vhost ROWS=blkcat	such processes against back ends (tests/vhost)
#	make test-qtest ROWS=scsi	drivers against QEMU's device models (tests/qtest)

HOST_CC	      ?= gcc
HOST_INCLUDE   = -Iarch/host/include -I. -Iinclude
HOST_CFLAGS    = -std=gnu11 -D_GNU_SOURCE -g -fno-omit-frame-pointer -fno-strict-aliasing \
	-fno-common -ffunction-sections -fdata-sections $(WARNINGS) $(HOST_INCLUDE)
HOST_SANITIZE  = -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_LIBC      = $(shell $(HOST_CC) -print-file-name=libc.so.6)
HOST_LDFLAGS   = -Wl,--wrap=main -Wl,--gc-sections -u virtio_transports

# What of the kernel stands on a machine's own ground has its counterpart in arch/host.
HOST_NOT       = kernel/acpi% kernel/aml% kernel/backtrace% kernel/irq% kernel/main% kernel/memory% kernel/pci% \
	kernel/stack% kernel/string% kernel/symbols% virtio/transport/%
HOST_SRC       = $(filter-out $(HOST_NOT),$(wildcard kernel/*.c virtio/*.c virtio/*/*.c)) \
	$(wildcard virtio/transport/vhost_user*.c arch/host/*.c arch/host/*.S fs/fuse*.c) \
	fs/change.c fs/names.c fs/share.c fs/tree.c
HOST_APPS      = blkcat netecho portcat rngdump

HOST_TESTS     = $(patsubst tests/vhost/%/,%,$(wildcard tests/vhost/*/))
host_objects   = $(patsubst %.c,$(BUILD)/$(1)/obj/%.o,$(wildcard $(2)/*.c))

# $(1): host or host-asan, $(2): flags of that build
define host_rules
$(BUILD)/$(1)/obj/%.o: %.c mk/host.mk
	@mkdir -p $$(@D)
	@$$(HOST_CC) $$(HOST_CFLAGS) $(2) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/obj/%.o: %.S mk/host.mk
	@mkdir -p $$(@D)
	@$$(HOST_CC) -g -c $$< -o $$@

$(BUILD)/$(1)/libferrule.a: $$(patsubst %,$(BUILD)/$(1)/obj/%.o,$$(basename $$(HOST_SRC)))
	@echo '  AR      $$@'
	@rm -f $$@ && $$(AR) rcs $$@ $$^

# The program's names are its own, as in an image (image.mk).
$(BUILD)/$(1)/private_names: tools/private-names $(BUILD)/$(1)/libferrule.a
	@$$^ -- $$(HOST_LIBC) >$$@.new
	@mv $$@.new $$@

# Applications are not asked for prototypes.
$(BUILD)/$(1)/obj/apps/%.o $(BUILD)/$(1)/obj/tests/%.o: HOST_CFLAGS += -Wno-missing-prototypes

.PRECIOUS: $(BUILD)/$(1)/obj/%.o
$$(HOST_APPS:%=$(BUILD)/$(1)/%): $(BUILD)/$(1)/%: $$$$(call host_objects,$(1),apps/$$$$*) \
		$(BUILD)/$(1)/libferrule.a $(BUILD)/$(1)/private_names
	@echo '  LINK    $$@'
	@rm -f $$@.a && $$(AR) qc $$@.a $$(filter %.o,$$^)
	@$$(OBJCOPY) --redefine-syms=$(BUILD)/$(1)/private_names $$@.a
	@$$(HOST_CC) $(2) $$(HOST_LDFLAGS) -Wl,--whole-archive $$@.a -Wl,--no-whole-archive \
		$$(filter %/libferrule.a,$$^) -o $$@
	@rm -f $$@.a

$$(HOST_TESTS:%=$(BUILD)/$(1)/%): $(BUILD)/$(1)/%: $$$$(call host_objects,$(1),tests/vhost/$$$$*) \
		$(BUILD)/$(1)/libferrule.a
	@echo '  LINK    $$@'
	@$$(HOST_CC) $(2) $$(HOST_LDFLAGS) $$^ -o $$@

-include $$(shell test -d $(BUILD)/$(1)/obj && find $(BUILD)/$(1)/obj -name '*.d')
endef
$(eval $(call host_rules,host,-O2))
$(eval $(call host_rules,host-asan,-O1 $(HOST_SANITIZE)))

.PHONY: host
host: deps ## builds build/host/APP, APP as a Linux process with vhost-user devices
	@[ -n '$(filter $(APP),$(HOST_APPS))' ] || \
		{ echo 'make host APP=NAME: NAME is one of $(HOST_APPS)' >&2; exit 1; }
	@$(MAKE) $(JOBS) $(BUILD)/host/$(APP)

# The programs that tests/vhost/ runs against back ends, plain and under the sanitizers.
.PHONY: test-vhost vhost-images
vhost-images: $(foreach kind,host host-asan,$(addprefix $(BUILD)/$(kind)/,$(HOST_APPS) $(HOST_TESTS)))

test-vhost: deps-test ## drivers against back ends in other processes: ROWS=NAME chooses
	@$(MAKE) $(JOBS) vhost-images
	@tools/pytest -q -rs -p no:cacheprovider tests/vhost $(if $(ROWS),-k '$(ROWS)')

# Real device models without a guest: the drivers, PCI and its transports in one process,
# which drives QEMU over its qtest socket (tests/qtest).
QTEST_NOT = kernel/backtrace% kernel/main% kernel/memory% kernel/stack% kernel/string% \
	kernel/symbols% virtio/transport/vhost_user%
QTEST_SRC = $(filter-out $(QTEST_NOT),$(wildcard kernel/*.c virtio/*.c virtio/*/*.c)) \
	$(filter-out arch/host/memfd.c arch/host/devices.c arch/host/transports.c, \
	$(wildcard arch/host/*.c arch/host/*.S)) $(wildcard tests/qtest/*.c)
QTEST_OBJ = $(patsubst %,$(BUILD)/qtest/obj/%.o,$(basename $(QTEST_SRC)))
QTEST_CFLAGS = -Itests/qtest/include $(HOST_CFLAGS) -O1 $(HOST_SANITIZE)
QTEST_ROOTS = $(addprefix -u ,virtio_pci_driver virtio_block_driver virtio_scsi_driver \
	virtio_pmem_driver virtio_console_driver ferrule_net_at ferrule_balloon_info p9_get16)

$(BUILD)/qtest/obj/%.o: %.c mk/host.mk
	@mkdir -p $(@D)
	@$(HOST_CC) $(QTEST_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/qtest/obj/%.o: %.S mk/host.mk
	@mkdir -p $(@D)
	@$(HOST_CC) -g -c $< -o $@

$(BUILD)/qtest/libferrule.a: $(QTEST_OBJ)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/qtest/probe: $(BUILD)/qtest/libferrule.a
	@echo '  LINK    $@'
	@$(HOST_CC) $(HOST_SANITIZE) -Wl,--wrap=main,--wrap=virtio_features_negotiate,--gc-sections \
		-u main $(QTEST_ROOTS) $< -o $@

-include $(shell test -d $(BUILD)/qtest/obj && find $(BUILD)/qtest/obj -name '*.d')

.PHONY: test-qtest
test-qtest: deps-test ## drivers against QEMU's device models, without a guest: ROWS=NAME chooses
	@$(MAKE) $(JOBS) $(BUILD)/qtest/probe
	@tools/pytest -q -rs -p no:cacheprovider tests/qtest $(if $(ROWS),-k '$(ROWS)')

# What only the host has is checked as the host compiles it.
HOST_CHECKED = $(wildcard arch/host/*.c virtio/transport/vhost_user*.c tests/vhost/*/*.c tests/qtest/*.c)
$(foreach kind,clang cppcheck tidy,$(patsubst %,$(CHECK)/host/%.$(kind),$(wildcard tests/qtest/*.c))): \
	HOST_INCLUDE = -Itests/qtest/include -Iarch/host/include -I. -Iinclude

check-clang: $(HOST_CHECKED:%=$(CHECK)/host/%.clang)
$(CHECK)/host/%.clang: % mk/host.mk
	@mkdir -p $(@D)
	@$(CLANG) $(HOST_CFLAGS) -Wno-missing-prototypes -O1 -MMD -MP -MT $@ -MF $@.d -c $< -o $(@:.clang=.o)
	@touch $@

check-cppcheck: $(HOST_CHECKED:%=$(CHECK)/host/%.cppcheck)
$(CHECK)/host/%.cppcheck: % mk/host.mk $(CHECK)/host/%.clang
	@cppcheck $(filter-out -I%,$(CPPCHECK_FLAGS)) $(HOST_INCLUDE) $<
	@touch $@

check-tidy: $(HOST_CHECKED:%=$(CHECK)/host/%.tidy)
$(CHECK)/host/%.tidy: % .clang-tidy mk/host.mk $(CHECK)/host/%.clang
	@clang-tidy --quiet $< -- $(HOST_CFLAGS) 2>$@.log || { cat $@.log >&2; exit 1; }
	@mv $@.log $@

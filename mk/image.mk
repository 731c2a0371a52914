# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Images: build/APP.elf from apps/APP/*.c, and in the same way those of the tests and
# benchmarks, build/probes/NAME.elf from tests/probes/NAME.c, build/guest/NAME.elf from
# tests/guest/NAME/*.c and build/bench/NAME.elf from bench/guest/NAME.c. What an application
# asks for beside its sources is in apps/APP/app.mk: LINK, symbols to link in; CMDLINE, see
# iso.mk.

# Applications may use the vector registers; they see the C library and include/ferrule.
APP_CFLAGS = $(COMMON_CFLAGS) -Iinclude $(WARNINGS) -Wno-missing-prototypes $(CFLAGS_EXTRA)
LIBGCC	  := $(shell $(CC) -print-libgcc-file-name 2>/dev/null)

# Libraries an image may draw from. The stubs come last: they answer for the system calls
# that nothing before them implements.
LIBRARIES = $(RUNTIME) $(MUSL_LIB) $(LWIP_LIB) $(EXT2FS_LIB)
LINK = $(LD) -T linker.ld -static -nostdlib --gc-sections -z noexecstack \
	-z max-page-size=4096 --build-id=none --no-warn-rwx-segments
GROUP = --start-group $(LIBRARIES) $(LIBGCC) --end-group $(ENOSYS_OBJ)

# Every image has the virtio console, over PCI.
ROOTS = -u virtio_console_driver -u virtio_pci_driver -u pci_scan

app_roots = $(ROOTS) $(addprefix -u ,$(shell sed -n 's/^LINK *:= *//p' apps/$(1)/app.mk 2>/dev/null))

# The program's names are its own: before it is linked, those that the runtime has too, or wants
# (port_of), are changed in its objects (program.port_of). HIDE is empty for those that are to
# get at the runtime's.
PRIVATE = $(BUILD)/private_names
HIDE = --redefine-syms=$(PRIVATE)
$(PRIVATE): tools/private-names $(BOOT_OBJ) $(LIBRARIES) $(ENOSYS_OBJ) linker.ld
	@tools/private-names $(BOOT_OBJ) $(filter-out $(MUSL_LIB),$(LIBRARIES)) $(ENOSYS_OBJ) linker.ld \
		-- $(MUSL_LIB) $(LIBGCC) >$@.new
	@mv $@.new $@

# Linked twice: the second time with the table of symbols that a backtrace needs, and the
# image's name. build/APP.elf is what boots; build/APP.debug is the same for a debugger.
define link_image
@mkdir -p $(@D)
@echo '  LINK    $@'
@rm -f $@.a && $(AR) qc $@.a $(2) && $(OBJCOPY) $(HIDE) $@.a
@$(LINK) $(1) -o $@.plain $(BOOT_OBJ) $(PROGRAM) $(GROUP)
@tools/symbols.py $@.plain >$@.S
@printf '\t.section .rodata\n\t.globl application_name\napplication_name: .asciz "%s"\n' \
	'$(basename $(@F))' >>$@.S
@$(CC) -c $@.S -o $@.o
@$(LINK) $(1) -Map=$(@:.elf=.map) -o $(@:.elf=.debug) $(BOOT_OBJ) $(PROGRAM) $@.o $(GROUP)
@$(STRIP) -s -o $@.new $(@:.elf=.debug)
@tools/drop-sections $@.new
@tools/check-image $@.new
@rm -f $@.plain $@.S $@.o $@.a
@mv $@.new $@
endef
PROGRAM = --whole-archive $@.a --no-whole-archive
STRIP = strip
OBJCOPY = objcopy

IMAGE_DEPS = $(BOOT_OBJ) $(LIBRARIES) $(ENOSYS_OBJ) $(PRIVATE) linker.ld tools/symbols.py \
	tools/drop-sections tools/check-image

app_objects = $(patsubst %.c,$(OBJ)/%.o,$(wildcard apps/$(1)/*.c))
guest_objects = $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/guest/$(1)/*.c))

.SECONDEXPANSION:
.SECONDARY:
$(OBJ)/apps/%.o: KERNEL_CFLAGS = $(APP_CFLAGS)
$(OBJ)/tests/%.o: KERNEL_CFLAGS = $(APP_CFLAGS)
# Those that look into the kernel, or add to its shell.
$(OBJ)/tests/guest/liars/%.o $(OBJ)/tests/guest/recover/%.o: CFLAGS_EXTRA += $(INCLUDES)
$(BUILD)/guest/liars.elf $(BUILD)/guest/recover.elf: HIDE =
$(OBJ)/bench/%.o: KERNEL_CFLAGS = $(APP_CFLAGS)

PROBE_IMAGES = $(patsubst tests/probes/%.c,$(BUILD)/probes/%.elf,$(wildcard tests/probes/*.c))
BENCH_IMAGES = $(patsubst bench/guest/%.c,$(BUILD)/bench/%.elf,$(wildcard bench/guest/*.c))
GUEST_IMAGES = $(patsubst tests/guest/%/,$(BUILD)/guest/%.elf,$(wildcard tests/guest/*/))

# Said of each file: a pattern would lose to build/%.elf below, whose objects need no rule.
$(PROBE_IMAGES): $(BUILD)/probes/%.elf: $(OBJ)/tests/probes/%.o $(IMAGE_DEPS)
	$(call link_image,$(ROOTS),$<)

$(BENCH_IMAGES): $(BUILD)/bench/%.elf: $(OBJ)/bench/guest/%.o $(IMAGE_DEPS)
	$(call link_image,$(ROOTS),$<)

$(GUEST_IMAGES): $(BUILD)/guest/%.elf: $$(call guest_objects,$$*) $(IMAGE_DEPS)
	$(call link_image,$(ROOTS),$(call guest_objects,$*))

$(BUILD)/%.elf: $$(call app_objects,$$*) $$(wildcard apps/$$*/app.mk) $(IMAGE_DEPS)
	@[ -n '$(call app_objects,$*)' ] || { echo 'no application apps/$*/*.c' >&2; exit 1; }
	$(call link_image,$(call app_roots,$*),$(call app_objects,$*))

-include $(patsubst %.c,$(OBJ)/%.d,$(wildcard apps/*/*.c tests/probes/*.c tests/guest/*/*.c bench/guest/*.c))

# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Fuzzing on the host. Each tests/fuzz/fuzz_NAME.c becomes three programs: libFuzzer's and
# AFL++'s, by clang, and build/fuzz/gcc/NAME, which runs given inputs once.
#
#	make fuzz MINUTES=10 [FUZZ="net ring"]	looks for new inputs
#	make test-fuzz				runs the same inputs each time
#	make fuzz-replay			runs the corpus and all past crashes, by gcc
#	make fuzz-minimise			keeps what was found, small, in the corpus
#
# The first comment of a target names its sources, and how many inputs test-fuzz runs, see
# tests/fuzz/fuzz.h. All variables of the sources are moved to sections that
# tests/fuzz/world.c puts back after each input.

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ	     ?= $(FUZZ_TARGETS)
MINUTES	     ?= 5
FUZZ_SECONDS  = $(shell expr $(MINUTES) \* 60)
FUZZ_LIST    := build/fuzz/sources.mk

FUZZ_HOST := $(addprefix tests/unit/host/,io.c irq.c cpu.c log.c time.c thread.c panic.c \
	cmdline.c mmu.c)
FUZZ_bare := tests/fuzz/world.c tests/fuzz/memory.c
FUZZ_core := $(FUZZ_bare) $(FUZZ_HOST) $(MOCK_CORE) \
	$(filter-out virtio/info.c,$(wildcard virtio/*.c)) $(wildcard virtio/ring/*.c) \
	kernel/format.c kernel/cmdline_number.c
FUZZ_device := $(FUZZ_core) tests/fuzz/device.c $(MOCK_DIR)/transport.c virtio/device/watchdog.c
FUZZ_pci := $(FUZZ_core) $(MOCK_PCI) $(MOCK_DIR)/pci.c kernel/acpi.c $(wildcard kernel/aml*.c kernel/pci*.c) \
	$(wildcard virtio/transport/pci*.c) virtio/transport/transports.c
FUZZ_mmio := $(FUZZ_pci) $(MOCK_DIR)/mmio.c $(wildcard virtio/transport/mmio*.c)

$(FUZZ_LIST): $(FUZZ_TARGETS:%=tests/fuzz/fuzz_%.c)
	@mkdir -p $(@D)
	@awk 'FNR == 1 { n = FILENAME; gsub(/.*fuzz_|\.c$$/, "", n); inside = 0; \
	              print "FUZZ_OF_" n " := tests/fuzz/fuzz_" n ".c" } \
	      FNR <= 20 { line = $$0; \
	        if (sub(/.*\/\* sources:/, "", line)) inside = 1; \
	        if (inside) { ended = index(line, "*/"); sub(/\*\/.*/, "", line); \
	              sub(/^ \*/, "", line); count = split(line, word, /[ \t]+/); \
	              for (i = 1; i <= count; i++) if (word[i] ~ /\.c$$/) \
	                print "FUZZ_OF_" n " += $$(wildcard " word[i] ")"; \
	              else if (word[i] != "") print "FUZZ_OF_" n " += $$(FUZZ_" word[i] ")"; \
	              if (ended) inside = 0 } }' $^ > $@
ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
-include $(FUZZ_LIST)
-include $(shell test -d build/fuzz && find build/fuzz -name '*.d')
endif

FUZZ_CFLAGS := $(filter-out -Wmissing-prototypes,$(UNIT_CFLAGS)) -Itests/fuzz -DFUZZING
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CC_gcc := $(UNIT_CC) $(FUZZ_SANITIZE)
FUZZ_CC_libfuzzer := $(CLANG) $(FUZZ_SANITIZE)
# How deep the stack was is no guide: it depends on the environment's size.
FUZZ_COVER_libfuzzer := -fsanitize=fuzzer-no-link -fno-sanitize-coverage=stack-depth
FUZZ_CC_afl := env AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1 afl-clang-fast
FUZZ_LINK_gcc := $(UNIT_CC) $(FUZZ_SANITIZE)
FUZZ_LINK_libfuzzer := $(CLANG) $(FUZZ_SANITIZE) -fsanitize=fuzzer
FUZZ_LINK_afl := $(FUZZ_CC_afl) -fsanitize=fuzzer

# What is not part of the world that is put back.
FUZZ_KEPT := tests/fuzz/world.c tests/fuzz/memory.c tests/fuzz/main.c

# Sockets know lwIP's types.
FUZZ_LWIP := posix/vsoc%.o tests/fuzz/socket%.o tests/fuzz/fuzz_vsoc%.o tests/unit/host/socke%.o
$(foreach each,gcc libfuzzer afl,$(eval $(FUZZ_LWIP:%=build/fuzz/$(each)/obj/%): \
	FUZZ_CFLAGS += -isystem build/ports/lwip/include -Inet/lwip/include -Wno-type-limits))

# $1: gcc, libfuzzer or afl
define FUZZ_RULES
build/fuzz/$1/obj/%.o: %.c mk/fuzz.mk
	@mkdir -p $$(@D)
	@$$(FUZZ_CC_$1) $$(if $$(filter $$<,$$(FUZZ_KEPT)),,$$(FUZZ_COVER_$1)) $$(FUZZ_CFLAGS) -MMD -MP -c $$< -o $$@
	@$$(if $$(filter $$<,$$(FUZZ_KEPT)),,objcopy --rename-section .data=fuzz_data \
		--rename-section .data.rel=fuzz_data --rename-section .data.rel.local=fuzz_data \
		--rename-section .bss=fuzz_bss $$@)
$$(foreach each,$$(FUZZ_TARGETS),$$(eval build/fuzz/$1/$$(each): \
	$$(patsubst %.c,build/fuzz/$1/obj/%.o,$$(sort $$(FUZZ_OF_$$(each)) \
	$(if $(filter gcc,$1),tests/fuzz/main.c)))))
$$(FUZZ_TARGETS:%=build/fuzz/$1/%): mk/fuzz.mk
	@$$(FUZZ_LINK_$1) $$(filter %.o,$$^) -lpthread -o $$@
endef
$(foreach each,gcc libfuzzer afl,$(eval $(call FUZZ_RULES,$(each))))

.PHONY: fuzz fuzz-build fuzz-replay fuzz-minimise test-fuzz
fuzz: deps-test ## looks for new inputs for MINUTES, all targets or FUZZ="NAME …"
	@$(MAKE) $(JOBS) $(foreach each,libfuzzer afl,$(FUZZ:%=build/fuzz/$(each)/%))
	@tests/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZ)

test-fuzz: deps-test ## fuzzes for half a minute, with the same inputs each time
	@$(MAKE) $(JOBS) $(FUZZ:%=build/fuzz/libfuzzer/%)
	@tests/fuzz/run --fixed $(FUZZ)

fuzz-replay: deps-test ## runs what fuzzing has found so far
	@$(MAKE) $(JOBS) $(FUZZ:%=build/fuzz/gcc/%.replay)
build/fuzz/gcc/%.replay: build/fuzz/gcc/%
	@out=$$(timeout 120 $< $(wildcard tests/fuzz/corpus/$*) 2>&1 </dev/null) || \
		{ echo "fuzz corpus $*: FAILED"; echo "$$out"; exit 1; }; \
		printf 'fuzz corpus %-12s %s\n' $* "$$out"

fuzz-minimise: deps-test ## keeps what fuzzing found, small, in the corpus
	@$(MAKE) $(JOBS) $(FUZZ:%=build/fuzz/libfuzzer/%)
	@tests/fuzz/run --minimise $(FUZZ)

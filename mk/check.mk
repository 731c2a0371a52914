# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make check: what can be said of the sources without booting them: check-format,
# check-clang, check-cppcheck and check-tidy, which also go by themselves, the unit tests,
# and old fuzz inputs. Each file's verdict is kept in build/check until the file, or one
# that it includes, changes.

CHECK	    = $(BUILD)/check
CLANG	   ?= clang
CLANG_INC   = $(shell $(CLANG) -print-resource-dir)/include
SOURCE_DIRS = apps arch bench boot fs include kernel net ports posix shell tests virtio
STYLED	    = $(shell find $(SOURCE_DIRS) -name '*.[ch]' -not -path '*/build/*')

# The target's code as clang sees it: our flags, and its own headers behind the C library's,
# as its <limits.h> does not lead on to that one in freestanding code.
CLANG_FLAGS = $(subst -isystem $(GCC_INC),,$(COMMON_CFLAGS)) -isystem $(CLANG_INC) \
	$(INCLUDES) --target=x86_64-linux-gnu -isystem $(LWIP_INC) -Inet/lwip/include \
	-isystem $(EXT2FS_INC)
CHECKED_ROOMS = $(filter %.c,$(BOOT_SRC) $(ROOM_SRC))
CHECKED_APPS  = $(wildcard apps/*/*.c tests/guest/*/*.c tests/probes/*.c bench/guest/*.c)

.PHONY: check check-format check-clang check-cppcheck check-tidy
check: deps-test ## format, both compilers, cppcheck, clang-tidy, unit tests, old fuzz inputs
	@$(MAKE) $(JOBS) check-format
	@$(MAKE) $(JOBS) check-clang
	@$(MAKE) $(JOBS) check-cppcheck
	@$(MAKE) $(JOBS) check-tidy
	@$(MAKE) unit
	@$(MAKE) fuzz-replay
	@echo 'check: all is well'

check-format: $(STYLED:%=$(CHECK)/%.format)
$(CHECK)/%.format: % .clang-format
	@mkdir -p $(@D)
	@clang-format --dry-run -Werror $<
	@touch $@

$(CHECKED_ROOMS:%=$(CHECK)/%.clang): CLANG_MODE = -mgeneral-regs-only
check-clang: $(CHECKED_ROOMS:%=$(CHECK)/%.clang) $(CHECKED_APPS:%=$(CHECK)/%.clang)
$(CHECK)/%.c.clang: %.c mk/check.mk | $(MUSL_LIB) $(LWIP_LIB) $(EXT2FS_LIB)
	@mkdir -p $(@D)
	@$(CLANG) $(CLANG_FLAGS) $(WARNINGS) $(if $(CLANG_MODE),,-Wno-missing-prototypes) \
		$(CLANG_MODE) -MMD -MP -MT $@ -MF $@.d -c $< -o $(@:.clang=.o)
	@touch $@

# cppcheck reads a file by itself: what it cannot find of other libraries it does without.
# Not heard: objects on a stack in lists, bounds that the linker gives as separate symbols.
CPPCHECK_FLAGS = --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 \
	--enable=warning,portability,performance --suppress=missingIncludeSystem \
	--suppress=preprocessorErrorDirective --suppress=autoVariables --suppress=zerodivcond --suppress=comparePointers \
	$(filter -I%,$(INCLUDES)) -D__x86_64__ -D__GNUC__=12 '-D_Noreturn=__attribute__((noreturn))'
check-cppcheck: $(CHECKED_ROOMS:%=$(CHECK)/%.cppcheck) $(CHECKED_APPS:%=$(CHECK)/%.cppcheck)
$(CHECK)/%.cppcheck: % mk/check.mk $(CHECK)/%.clang
	@cppcheck $(CPPCHECK_FLAGS) $<
	@touch $@

check-tidy: $(CHECKED_ROOMS:%=$(CHECK)/%.tidy) $(CHECKED_APPS:%=$(CHECK)/%.tidy)
$(CHECK)/%.tidy: % .clang-tidy mk/check.mk $(CHECK)/%.clang
	@clang-tidy --quiet $< -- $(CLANG_FLAGS) 2>$@.log || { cat $@.log >&2; exit 1; }
	@mv $@.log $@

-include $(shell test -d $(CHECK) && find $(CHECK) -name '*.d')

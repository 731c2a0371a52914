# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Third-party libraries, from source packages that ports/fetch obtains by version and
# checksum. Each ports/NAME/Makefile builds one into build/ports/NAME; what it says goes
# to build.log there. Two builds at a time take turns. What builds an image builds them;
# `make ports` does nothing else.

PORTS	   = build/ports
MUSL_INC   = $(PORTS)/musl/include
MUSL_LIB   = $(PORTS)/musl/lib/libc.a
ENOSYS_OBJ = $(PORTS)/musl/enosys.o
LWIP_INC   = $(PORTS)/lwip/include
LWIP_LIB   = $(PORTS)/lwip/liblwip.a
EXT2FS_INC = $(PORTS)/e2fsprogs/include
EXT2FS_LIB = $(PORTS)/e2fsprogs/libext2fs.a

# The same code model as ours: top 2 GiB, no red zone below the stack pointer, because
# interrupts arrive on the stack that is in use.
PORT_CFLAGS = -O2 -mcmodel=kernel -mno-red-zone -fno-pic -fno-pie -fcf-protection=none \
	-fno-omit-frame-pointer -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)/=

define build_port
@echo '  PORT    $(1)'
@mkdir -p $(PORTS)/$(1)
+@flock $(PORTS)/$(1)/lock $(MAKE) --no-print-directory $(JOBS) -f ports/$(1)/Makefile OUT=$(PORTS)/$(1) \
	MUSL_INC=$(MUSL_INC) CC='$(CC)' PORT_CFLAGS='$(PORT_CFLAGS)' \
	>$(PORTS)/$(1)/build.log 2>&1 || \
	{ tail -n 40 $(PORTS)/$(1)/build.log; echo '(from $(PORTS)/$(1)/build.log)'; exit 1; } >&2
@touch $(2)
endef

$(MUSL_LIB) $(ENOSYS_OBJ) &: ports/fetch mk/ports.mk posix/enosys.h net/net.h kernel/linkset.h \
		$(wildcard ports/musl/* ports/musl/replace/*)
	$(call build_port,musl,$(MUSL_LIB) $(ENOSYS_OBJ))

$(LWIP_LIB): $(MUSL_LIB) ports/fetch mk/ports.mk $(wildcard ports/lwip/*) \
		$(wildcard net/lwip/include/*.h net/lwip/include/*/*.h)
	$(call build_port,lwip,$@)

$(EXT2FS_LIB): $(MUSL_LIB) ports/fetch mk/ports.mk $(wildcard ports/e2fsprogs/* ports/e2fsprogs/include/*.h ports/e2fsprogs/include/*/*.h)
	$(call build_port,e2fsprogs,$@)

.PHONY: ports
ports: $(MUSL_LIB) $(ENOSYS_OBJ) $(LWIP_LIB) $(EXT2FS_LIB)

# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# The runtime: boot and entry objects, and one archive of all rooms. What of the archive
# goes into an image is decided by what the application refers to.

OBJ	= $(BUILD)/obj
GCC_INC := $(shell $(CC) -print-file-name=include 2>/dev/null)

# What every request, packet, wake-up and much of boot spends its time in is compiled for speed,
# all else for size. Jump tables are larger than the comparisons they stand for; of fills and
# copies, the compiler would make `rep` of bytes, which memset() and memcpy() do better.
OPTIMIZE = -Os -fno-jump-tables -fno-builtin-memset -fno-builtin-memcpy
FAST	 = -O2 -falign-functions=1 -falign-jumps=1 -falign-loops=1 -falign-labels=1
HOT	 = $(addprefix arch/$(ARCH)/,clock clock_event kvm_clock) \
	$(addprefix kernel/,sched string sync time wait) \
	$(addprefix virtio/,ring/split ring/split_in_order ring/packed ring/packed_events ring/packed_in_order ring/layouts ring/tables $(addprefix device/,block_issue block_request disk_api disk_data) device/net_api device/net_rx device/net_tx device/net_mq device/pieces device/exchange) \
	net/% $(addprefix fs/,cache ext4_data ext4_io fuse_data p9_data share tree) \
	$(addprefix posix/,epoll% fd file io poll positioned read sendfile socket%)
$(HOT:%=$(OBJ)/%.o): OPTIMIZE = $(FAST)
$(OBJ)/apps/%.o $(OBJ)/bench/%.o $(OBJ)/tests/%.o: OPTIMIZE = -O2

WARNINGS = -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
COMMON_CFLAGS = -std=gnu11 $(OPTIMIZE) -g -mcmodel=kernel -mno-red-zone -fno-pic \
	-fno-pie -fcf-protection=none -fno-omit-frame-pointer -ffunction-sections \
	-fdata-sections -fno-common -fno-strict-aliasing -fno-asynchronous-unwind-tables \
	-fstack-protector-strong -mstack-protector-guard=global -ffile-prefix-map=$(CURDIR)/= \
	-nostdinc -isystem $(GCC_INC) -isystem $(MUSL_INC)
INCLUDES = -I. -Iinclude -Iarch/$(ARCH)/include

# Interrupts change what no function that is called does, so no conclusions may be drawn
# about static variables from the bodies of functions (-fno-ipa-reference).
# Interrupts save no vector registers: kernel code has none. memcpy() and its like are what
# the compiler takes them for (-fbuiltin), save where they are defined.
KERNEL_CFLAGS = $(COMMON_CFLAGS) -ffreestanding -fbuiltin $(INCLUDES) $(WARNINGS) \
	-mgeneral-regs-only -fno-ipa-reference

BOOT_SRC = $(wildcard boot/*.c boot/*.S)
# vhost-user is a transport of the host's alone (mk/host.mk).
ROOM_SRC = $(filter-out virtio/transport/vhost_user%,$(wildcard arch/$(ARCH)/*.c arch/$(ARCH)/*.S \
	kernel/*.c virtio/*.c virtio/*/*.c net/*.c fs/*.c posix/*.c shell/*.c))
BOOT_OBJ = $(addprefix $(OBJ)/,$(addsuffix .o,$(basename $(BOOT_SRC))))
ROOM_OBJ = $(addprefix $(OBJ)/,$(addsuffix .o,$(basename $(ROOM_SRC))))
RUNTIME	 = $(BUILD)/libferrule.a

$(OBJ)/kernel/string.o: KERNEL_CFLAGS += -fno-builtin -fno-tree-loop-distribute-patterns
$(OBJ)/net/%.o $(OBJ)/posix/%.o $(OBJ)/shell/%.o: KERNEL_CFLAGS += -isystem $(LWIP_INC) -Inet/lwip/include
$(OBJ)/fs/%.o: KERNEL_CFLAGS += -isystem $(EXT2FS_INC)
$(filter $(OBJ)/net/% $(OBJ)/posix/% $(OBJ)/shell/%,$(ROOM_OBJ)): | $(LWIP_LIB)
$(filter $(OBJ)/fs/%,$(ROOM_OBJ)): | $(EXT2FS_LIB)

$(OBJ)/%.o: %.c mk/kernel.mk | $(MUSL_LIB)
	@mkdir -p $(@D)
	@echo '  CC      $<'
	@$(CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

$(OBJ)/%.o: %.S mk/kernel.mk
	@mkdir -p $(@D)
	@echo '  AS      $<'
	@$(CC) $(INCLUDES) -g -MMD -MP -c $< -o $@

$(RUNTIME): $(ROOM_OBJ)
	@echo '  AR      $@'
	@rm -f $@ && $(AR) rcs $@ $^

-include $(BOOT_OBJ:.o=.d) $(ROOM_OBJ:.o=.d)

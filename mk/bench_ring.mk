# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make bench-ring: what a buffer costs in each layout of the ring, beside a textbook ring and references,
# on the host; the table goes into docs/performance.md, between its markers.

BENCH_RING	 = $(BUILD)/bench/ring
BENCH_RING_HOST	 = bench/ring/bench.c bench/ring/contender.c bench/ring/count.c bench/ring/reference.c kernel/format.c \
	$(addprefix tests/unit/host/,page.c heap.c panic.c log.c io.c)
BENCH_RING_RINGS = $(filter-out virtio/ring/mapped.c,$(wildcard virtio/ring/*.c)) bench/ring/textbook.c bench/ring/device.c
BENCH_RING_FLAGS = -std=gnu11 -D_GNU_SOURCE $(FAST) -g -fno-pie -mno-red-zone -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-common -fcf-protection=none $(WARNINGS) \
	-Itests/unit/host/include -Itests/unit -I. -Iinclude

# The rings as the kernel has them.
$(BENCH_RING_RINGS:%.c=$(BENCH_RING)/%.o): BENCH_RING_FLAGS += -ffreestanding -fbuiltin \
	-mgeneral-regs-only -fstack-protector-strong
$(BENCH_RING)/%.o: %.c mk/bench_ring.mk
	@mkdir -p $(@D)
	@$(CC) $(BENCH_RING_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/bench/ring_costs: $(patsubst %.c,$(BENCH_RING)/%.o,$(BENCH_RING_HOST) $(BENCH_RING_RINGS))
	@$(CC) -no-pie $^ -o $@

.PHONY: bench-ring
bench-ring: ## what a buffer costs in each ring, on the host, beside a textbook ring
	@$(MAKE) $(JOBS) $(BUILD)/bench/ring_costs
	@$(BUILD)/bench/ring_costs | tee $(BENCH_RING)/table
	@sed -i -e '/<!-- ring costs -->/,/<!-- end of ring costs -->/{//!d}' \
		-e '/<!-- ring costs -->/r $(BENCH_RING)/table' docs/performance.md

-include $(shell test -d $(BENCH_RING) && find $(BENCH_RING) -name '*.d')

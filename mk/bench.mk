# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make bench [LINUX=1] [CASE="boot ping"]: costs in guest instructions, kicks and
# interrupts; LINUX=1 measures a Linux guest on the same QEMU beside ours. The cases are
# named in bench/run, the results are in build/bench/results.txt.

$(BUILD)/bench/icount.so: bench/plugin/icount.c
	@mkdir -p $(@D)
	@$(CC) -O2 $(WARNINGS) -shared -fPIC -o $@ $<

.PHONY: bench bench-images
bench-images: $(BUILD)/bench/icount.so $(BUILD)/hello.elf $(BUILD)/httpd.elf \
	$(BENCH_IMAGES)

bench: deps-bench ## measures; LINUX=1 beside a Linux guest, CASE= only some
	@$(MAKE) $(JOBS) bench-images
	@$(if $(LINUX),bench/linux/setup $(BUILD)/bench/linux)
	@bench/run --out $(BUILD)/bench/results.txt $(if $(LINUX),--linux $(BUILD)/bench/linux) $(CASE)

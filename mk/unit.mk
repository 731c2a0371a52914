# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Host unit tests. Each tests/unit/test_NAME.c becomes the program build/unit/test_NAME,
# linked with the files its first comment names:
#
#	/* sources: kernel/page.c tests/unit/host/log.c */
#	/* libraries: -lm */                             (if it needs any)
#
# mock/mock.c stands for all of the mock but its transports, mock/virtio_pci.c for all of
# a virtio PCI function, virtio/ring/virtqueue.c for all rings, virtio/virtio.c for all of
# the virtio core (save info.c and complete.c) with the numbers of its command line,
# net/stack.c for all of the network stack, its sockets and lwIP.
#
# A test of a device driver (it names mock/transport.c) runs once for each ring layout,
# which mock_new() takes from FERRULE_TEST_RING; one that says "rings: own" sees to that
# itself, or has nothing to do with it.
#
#	make unit              builds and runs all; fails if one fails
#	make unit T=test_page  one of them
#	make unit-clang        compiles all of it with clang, to hear its warnings

UNIT_CC ?= gcc
UNIT_CLANG ?= clang
UNIT_WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
UNIT_INCLUDE := -Itests/unit/host/include -Itests/unit -I. -Iinclude
UNIT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing \
	-fno-common $(UNIT_WARN) $(UNIT_INCLUDE)
UNIT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_SECONDS ?= 120
T ?= $(basename $(notdir $(UNIT_TESTS)))

UNIT_TESTS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_LIST := build/unit/sources.mk
UNIT_LAYOUTS ?= split split-in-order packed packed-in-order

# What one name stands for.
MOCK_DIR := tests/unit/mock
MOCK_PCI := $(wildcard $(MOCK_DIR)/virtio_pci*.c)
MOCK_CORE := $(filter-out $(MOCK_PCI) $(addprefix $(MOCK_DIR)/,pci.c mmio.c transport.c), \
	$(wildcard $(MOCK_DIR)/*.c))
LWIP_SOURCE := build/ports/lwip/source/src
UNIT_NET := $(filter-out net/stack.c,$(wildcard net/*.c)) \
	$(filter-out posix/socket_pair.c,$(wildcard posix/socket*.c)) \
	$(addprefix $(LWIP_SOURCE)/core/,def.c dns.c inet_chksum.c init.c ip.c mem.c memp.c netif.c \
		pbuf.c raw.c tcp.c tcp_in.c tcp_out.c timeouts.c udp.c) \
	$(addprefix $(LWIP_SOURCE)/core/ipv4/,dhcp.c etharp.c icmp.c ip4.c ip4_addr.c ip4_frag.c) \
	$(addprefix $(LWIP_SOURCE)/core/ipv6/,ethip6.c icmp6.c inet6.c ip6.c ip6_addr.c ip6_frag.c mld6.c nd6.c) \
	$(LWIP_SOURCE)/netif/ethernet.c
UNIT_MEANS := $(MOCK_DIR)/mock.c=$(MOCK_CORE); \
	$(MOCK_DIR)/virtio_pci.c=$(MOCK_PCI); \
	virtio/ring/virtqueue.c=$(wildcard virtio/ring/*.c); \
	net/stack.c=$(UNIT_NET); \
	virtio/virtio.c=$(filter-out virtio/info.c virtio/complete.c,$(wildcard virtio/*.c)) kernel/cmdline_number.c

# The link line of each test, from its comments.
$(UNIT_LIST): $(UNIT_TESTS) mk/unit.mk $(MOCK_DIR) virtio virtio/ring net posix
	@mkdir -p $(@D)
	@awk -v means='$(UNIT_MEANS)' 'BEGIN { count = split(means, each, /; */); \
	        for (i = 1; i <= count; i++) { split(each[i], pair, /=/); all[pair[1]] = pair[2] } } \
	      FNR == 1 { n = FILENAME; gsub(/.*\/|\.c$$/, "", n); \
	              print "build/unit/" n ": build/unit/obj/tests/unit/" n ".o" } \
	      FNR <= 60 { line = $$0; \
	        if (sub(/.*(\/\* | \*|^)[ \t]*sources:/, "", line)) inside = 1; \
	        else if ($$0 ~ /libraries:/) { sub(/.*libraries:/, "", line); sub(/\*\/.*/, "", line); \
	              print "build/unit/" n ": UNIT_LIBRARIES :=" line } \
	        if ($$0 ~ /sanitizers:.*thread/) print "UNIT_TSAN += " n; \
	        if ($$0 ~ /rings: own|one_queue\.h/) print "UNIT_ONE_RING += " n; \
	        if (inside) { ended = index(line, "*/"); sub(/\*\/.*/, "", line); \
	              if (line ~ /mock\/transport\.c/) print "UNIT_RINGS += " n; \
	              for (name in all) if (index(line, name)) line = line " " all[name]; \
	              count = split(line, word, /[ \t]+/); \
	              for (i = 1; i <= count; i++) if (word[i] ~ /\.[cS]$$/) { \
	                object = word[i]; sub(/\.[cS]$$/, ".o", object); \
	                print "build/unit/" n ": build/unit/obj/" object; \
	                if (word[i] ~ /\.c$$/) { print "UNIT_SOURCES += " word[i]; \
                  print "UNIT_OF_" n " += " word[i] } } \
	              if (ended) inside = 0 } }' $(UNIT_TESTS) /dev/null > $@

ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
-include $(UNIT_LIST)
-include $(shell test -d build/unit/obj && find build/unit/obj build/unit/tsan -name '*.d' 2>/dev/null)
endif

# The network stack, its sockets and their test see lwIP, which is built from its port's
# source with the host's flags. (On the host the direct map begins at 0, so that a check of
# posix/pointer.h against it is always true.)
UNIT_LWIP := net/% posix/socke% posix/vsoc% tests/unit/host/socke% tests/unit/test_vsoc% tests/unit/test_net_st% build/ports/lwip/%
$(UNIT_LWIP:%=build/unit/obj/%.o) $(UNIT_LWIP:%=build/unit/clang/%.ok): UNIT_CFLAGS += \
	-isystem build/ports/lwip/include -Inet/lwip/include -Wno-type-limits
build/unit/obj/build/ports/lwip/%.o build/unit/clang/build/ports/lwip/%.ok: UNIT_CFLAGS += -w
$(addprefix build/unit/obj/,$(filter net/%.o posix/socket%.o tests/unit/test_net_st%.o, \
	$(patsubst %.c,%.o,$(UNIT_SOURCES) $(UNIT_TESTS)))): | $(LWIP_LIB)
build/ports/lwip/source/src/%.c: | $(LWIP_LIB) ;

build/unit/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_SANITIZE) -MMD -MP -c $< -o $@

# Assembly is tested under names of its own (asm_memcpy), beside the host's.
build/unit/obj/%.o: %.S
	@mkdir -p $(@D)
	@$(UNIT_CC) -c $< -o $@ && objcopy --prefix-symbols=asm_ $@

$(UNIT_TESTS:tests/unit/%.c=build/unit/%):
	@$(UNIT_CC) $(UNIT_SANITIZE) $(sort $(filter %.o,$^)) -lcmocka -lpthread $(UNIT_LIBRARIES) -o $@

# Tests with "sanitizers: thread" are also run under ThreadSanitizer. What is volatile is
# meant to race, as in the kernel; tests/unit/mock/thread_sanitizer.c lets it.
UNIT_TSAN_CFLAGS := -fsanitize=thread --param tsan-distinguish-volatile=1
build/unit/tsan/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_TSAN_CFLAGS) -MMD -MP -c $< -o $@
$(foreach each,$(UNIT_TSAN),$(eval build/unit/tsan/$(each): $(patsubst %.c,\
	build/unit/tsan/obj/%.o,$(sort tests/unit/$(each).c $(UNIT_OF_$(each))))))
$(UNIT_TSAN:%=build/unit/tsan/%):
	@$(UNIT_CC) -fsanitize=thread $(filter %.o,$^) -lcmocka -lpthread -o $@
build/unit/tsan/%.run: build/unit/tsan/%
	@if TSAN_OPTIONS=halt_on_error=1 timeout $(UNIT_SECONDS) $< > build/unit/tsan/$*.log 2>&1; \
	then printf '%-28s %s\n' "$* threads" "$$(grep -E '^\[  (PASSED|SKIPPED) *\]' build/unit/tsan/$*.log | tr '\n' ' ')"; \
	else echo "$* (threads): failed with status $$?"; cat build/unit/tsan/$*.log; exit 1; fi

# Runs one program, shows cmocka's closing lines, and all it said if it failed; notes the
# ring layouts it passed with.
unit_layouts = $(if $(filter $1,$(filter-out $(UNIT_ONE_RING),$(UNIT_RINGS))),$(UNIT_LAYOUTS),one)
build/unit/%.run: build/unit/%
	@rm -f build/unit/$*.layouts; for ring in $(call unit_layouts,$*); do \
		name='$*'; export FERRULE_TEST_RING=; \
		[ $$ring = one ] || { name="$* $$ring"; FERRULE_TEST_RING=$$ring; }; \
		if timeout $(UNIT_SECONDS) $< > build/unit/$*.log 2>&1; \
		then echo $$ring >> build/unit/$*.layouts; printf '%-28s %s\n' "$$name" "$$(grep -E '^\[  (PASSED|SKIPPED) *\]' build/unit/$*.log | tr '\n' ' ')"; \
		else echo "$$name: failed with status $$?"; cat build/unit/$*.log; exit 1; fi; \
	done

.PHONY: unit unit-clang
.PRECIOUS: build/unit/obj/%.o build/unit/tsan/obj/%.o
unit: deps-test ## the unit tests: T=test_NAME chooses
	@$(MAKE) $(JOBS) $(T:%=build/unit/%.run) $(patsubst %,build/unit/tsan/%.run,$(filter $(UNIT_TSAN),$T))

unit-clang: $(patsubst %.c,build/unit/clang/%.ok,$(sort $(UNIT_TESTS) $(UNIT_SOURCES))) ## compiles the unit tests and what they test with clang
build/unit/clang/%.ok: %.c
	@mkdir -p $(@D)
	@$(UNIT_CLANG) $(UNIT_CFLAGS) -fsyntax-only $< && touch $@

# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Read by musl's Makefile after its config.mak: these objects of libc.a are made from our
# files, in the place of musl's. PORT and GENERATED are set there.

replace = obj/src/$(1).o: $(PORT)/replace/$(2).c $(GENERATED)/direct_calls.h; \
	$$(CC) $$(CFLAGS_ALL) $$(CFLAGS_NOSSP) -c -o $$@ $$<

$(eval $(call replace,env/__libc_start_main,libc_start_main))
$(eval $(call replace,env/__init_tls,init_tls))
$(eval $(call replace,ipc/semtimedop,semtimedop))
$(eval $(call replace,misc/syscall,syscall))
$(eval $(call replace,network/resolvconf,resolvconf))
$(eval $(call replace,process/$(ARCH)/vfork,vfork))
$(eval $(call replace,signal/$(ARCH)/restore,restore))
$(eval $(call replace,thread/__syscall_cp,__syscall_cp))
$(eval $(call replace,thread/$(ARCH)/__set_thread_area,set_thread_area))
$(eval $(call replace,thread/$(ARCH)/__unmapself,unmapself))
$(eval $(call replace,thread/$(ARCH)/clone,clone))
$(eval $(call replace,thread/$(ARCH)/syscall_cp,syscall_cp))

# It asks the network for its name servers.
obj/src/network/resolvconf.o: CFLAGS_ALL += -iquote $(srcdir)/src/network -I$(PORT)/../..
obj/src/network/resolvconf.o: $(PORT)/../../net/net.h $(PORT)/../../kernel/linkset.h

# The stack protector is the kernel's; the table behind syscall() is generated.
AOBJS = $(filter-out obj/src/env/__stack_chk_fail.o,$(LIBC_OBJS)) obj/ferrule_calls.o

obj/ferrule_calls.o: $(GENERATED)/ferrule_calls.c obj/include/bits/syscall.h
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

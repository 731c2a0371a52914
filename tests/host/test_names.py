# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers

"""A program's names are its own: one that has all global names of the runtime for itself runs."""

import os
import re
import subprocess

import tree

# What C, POSIX or this project say is theirs.
PUBLIC = re.compile(r"__|_[A-Z]|ferrule_|(mem(chr|cmp|cpy|move|set)|str(chr|cmp|len|ncmp|nlen|rchr)|main)$")

MAIN = r"""
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int check_names(void);

static void *listen_once(void *listener)
{
	int peer = accept(*(int *)listener, NULL, NULL);

	if (peer < 0 || write(peer, "heard", 5) != 5)
		abort();
	return NULL;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = socket(AF_INET, SOCK_STREAM, 0), talker = socket(AF_INET, SOCK_STREAM, 0);
	char said[6] = "";
	pthread_t thread;

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    pthread_create(&thread, NULL, listen_once, &listener) ||
	    connect(talker, (struct sockaddr *)&address, sizeof(address)) || read(talker, said, 5) != 5 ||
	    pthread_join(thread, NULL) || fopen("/no/file", "r") || errno != ENOENT)
		abort();
	printf("%s, with %d names\n", said, check_names());
	return 0;
}
"""


def defined(*files):
    listing = subprocess.run(["nm", "-g", "--defined-only", *files], cwd=tree.TOP, check=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout
    return {name for name in re.findall(r"^[0-9a-f]+ \w (\w+)$", listing, re.M) if not PUBLIC.match(name)}


def program(mine):
    """Variables and functions in turn, and what finds out whether they are who they say they are."""
    lines, checks = [], []
    for number, name in enumerate(mine):
        if number % 2:
            lines.append(f"int {name} = {number};")
            checks.append(f"\tmine += {name}++ == {number};")
        else:
            lines.append(f"int {name}(int add) {{ return add + {number}; }}")
            checks.append(f"\tmine += {name}(1) == {number + 1};")
    return "\n".join([*lines, "int check_names(void)", "{", "\tint mine = 0;", "", *checks, "\treturn mine;", "}", ""])


def test_all_names_of_the_runtime(tmp_path):
    """With the shell, shares and all that comes with sockets and files."""
    tree.make(tree.TOP, "build/hello.elf")
    ports = "build/ports/"
    found = defined("build/libferrule.a", ports + "lwip/liblwip.a", ports + "e2fsprogs/libext2fs.a",
                    ports + "musl/enosys.o", "build/hello.debug")
    # The image has those of the linker script, and those that only a linked image has.
    assert {"KERNEL_BASE", "application_name", "image_start", "text_end"} < found
    mine = sorted(found - defined(ports + "musl/lib/libc.a"))
    assert len(mine) > 1500
    files = {"main.c": MAIN, "names.c": program(mine),
             "app.mk": "LINK := ferrule_shell ferrule_virtiofs ferrule_9p ferrule_balloon_info\n"}
    disk = os.path.join(tmp_path, "disk")
    with open(disk, "wb") as f:
        f.truncate(1 << 20)
    with tree.application(tmp_path, "allnames", files) as image:
        said = tree.boot(image, "log=info net=dhcp", "-drive", f"if=none,id=d,format=raw,file={disk}", "-device",
                         "virtio-blk-pci,drive=d", "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n")
    assert "heard, with %d names\n" % len(mine) in said, said


def test_as_a_process(tmp_path):
    """The same on Linux, with the names that are there."""
    tree.make(tree.TOP, "build/host/libferrule.a")
    mine = sorted(defined("build/host/libferrule.a") - {"nanosleep", "sleep", "usleep"})
    assert len(mine) > 400
    main = "#include <stdio.h>\nint check_names(void);\nint main(void) { printf(\"%d\\n\", check_names()); return 0; }\n"
    with tree.application(tmp_path, "hostnames", {"main.c": main, "names.c": program(mine)}, "build/host/%s") as process:
        said = subprocess.run([process], check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    assert said == "%d\n" % len(mine)


def test_the_runtime_is_out_of_reach(tmp_path):
    """What a program does not define it does not find in the runtime."""
    main = "int page_alloc(void);\nint main(void) { return page_alloc(); }\n"
    try:
        with tree.application(tmp_path, "reach", {"main.c": main}):
            found = True
    except AssertionError as error:
        assert "page_alloc" in str(error)
        found = False
    assert not found


def test_names_in_a_backtrace(tmp_path):
    """They are as the program has them."""
    main = """#include <stdlib.h>
__attribute__((noinline)) void page_alloc(void) { abort(); }
int main(void) { page_alloc(); return 0; }
"""
    with tree.application(tmp_path, "traced", {"main.c": main}) as image:
        said = tree.boot(image, "", status=124)
    assert re.search(r"^  #\d  0x\w+ page_alloc\+", said, re.M), said

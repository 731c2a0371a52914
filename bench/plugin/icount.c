/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A QEMU TCG plugin that counts the guest's instructions exactly.
 *
 * It writes lines "mark WHAT instructions N halts N", counts since QEMU started, into
 * QEMU's log (-d plugin -D FILE), where they stand in order with the lines of -trace:
 *
 *   - when the guest executes the 8-byte no-op 0f 1f 84 00 IMM32 (nopl imm32(%rax,%rax,1))
 *     with IMM32 = 0x4b52414d ^ ID, ID < 256, at any privilege; WHAT is ID. See mark.h;
 *   - when it executes the instruction at an address of at=ADDRESS; WHAT is the address;
 *   - when the host writes a byte to the descriptor of ask=FD, which is a socket; WHAT is
 *     "ask", and a byte is answered. The guest should be idle then.
 *
 * An instruction counts when it starts: one that faults and is run again counts twice.
 * Each iteration of a rep string instruction counts, as in QEMU's own -icount.
 *
 * Usage: -plugin icount.so[,at=ADDRESS...][,ask=FD] -d plugin -D FILE */

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The part used here of QEMU's plugin interface, version 1: Debian has no header of it. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*insn_callback)(unsigned vcpu, void *context);

enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    insn_callback callback, int flags,
					    void *context);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						int operation, void *where,
						uint64_t value);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_outs(const char *text);

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
extern int qemu_plugin_version;

int qemu_plugin_version = 1;

#define MARK_MAGIC 0x4b52414du
#define AT_MAX	   16

/* Written by the vCPU's thread (there is one), read by the one that answers the host. */
static volatile uint64_t instructions, halts;
static uint64_t at[AT_MAX];
static unsigned at_count;

static void report(const char *what)
{
	char line[128];

	snprintf(line, sizeof(line),
		 "mark %s instructions %" PRIu64 " halts %" PRIu64 "\n", what,
		 instructions, halts);
	qemu_plugin_outs(line);
}

static void on_mark(unsigned vcpu, void *context)
{
	char what[16];

	(void)vcpu;
	snprintf(what, sizeof(what), "%u", (unsigned)(uintptr_t)context);
	report(what);
}

static void on_address(unsigned vcpu, void *context)
{
	char what[32];

	(void)vcpu;
	snprintf(what, sizeof(what), "%#" PRIx64, *(uint64_t *)context);
	report(what);
}

/* The ID of a marker; false: it is another instruction. */
static bool is_mark(const uint8_t *bytes, size_t length, uint32_t *id)
{
	static const uint8_t nop[4] = { 0x0f, 0x1f, 0x84, 0x00 };

	if (length != 8 || memcmp(bytes, nop, sizeof(nop)) != 0)
		return false;
	memcpy(id, bytes + 4, 4);
	*id ^= MARK_MAGIC;
	return *id < 256;
}

static void translate_insn(struct qemu_plugin_insn *insn)
{
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	uint32_t id;

	qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64,
						   (void *)&instructions, 1);
	if (bytes[0] == 0xf4)
		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64,
							   (void *)&halts, 1);
	if (is_mark(bytes, qemu_plugin_insn_size(insn), &id))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS,
						       (void *)(uintptr_t)id);
	for (unsigned i = 0; i < at_count; i++)
		if (address == at[i])
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_address,
							       CB_NO_REGS, &at[i]);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++)
		translate_insn(qemu_plugin_tb_get_insn(tb, i));
}

static void *answer(void *context)
{
	int fd = (int)(intptr_t)context;
	char byte;

	while (read(fd, &byte, 1) == 1) {
		report("ask");
		if (write(fd, &byte, 1) != 1)
			break;
	}
	return NULL;
}

/* QEMU's signals are for QEMU's own threads. */
static bool start_answering(int fd)
{
	sigset_t all, before;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		pthread_detach(thread);
	return !error;
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "at=", 3) && at_count < AT_MAX) {
			at[at_count++] = strtoull(argv[i] + 3, NULL, 0);
		} else if (!strncmp(argv[i], "ask=", 4)) {
			if (!start_answering((int)strtol(argv[i] + 4, NULL, 10)))
				return -1;
		} else {
			fprintf(stderr, "icount: what is %s?\n", argv[i]);
			return -1;
		}
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Users and groups. The program owns the machine: identities are kept for programs that
 * give up privileges and look whether they did; nothing is decided by them. */

#include <errno.h>
#include <stdint.h>
#include <posix/calls.h>
#include <posix/pointer.h>

#define UNCHANGED  UINT32_MAX
#define GROUPS_MAX 32 /* what sysconf(_SC_NGROUPS_MAX) says */

static struct identity {
	unsigned real, effective; /* atomic words */
} user, group;
static unsigned groups[GROUPS_MAX];
static int group_count;

static unsigned get(const unsigned *id)
{
	return __atomic_load_n(id, __ATOMIC_RELAXED);
}

static long set(struct identity *identity, unsigned real, unsigned effective)
{
	if (real != UNCHANGED)
		__atomic_store_n(&identity->real, real, __ATOMIC_RELAXED);
	if (effective != UNCHANGED)
		__atomic_store_n(&identity->effective, effective, __ATOMIC_RELAXED);
	return 0;
}

long sys_getuid(void)
{
	return get(&user.real);
}

long sys_geteuid(void)
{
	return get(&user.effective);
}

long sys_getgid(void)
{
	return get(&group.real);
}

long sys_getegid(void)
{
	return get(&group.effective);
}

long sys_setuid(unsigned id)
{
	return id == UNCHANGED ? -EINVAL : set(&user, id, id);
}

long sys_setgid(unsigned id)
{
	return id == UNCHANGED ? -EINVAL : set(&group, id, id);
}

long sys_setreuid(unsigned real, unsigned effective)
{
	return set(&user, real, effective);
}

long sys_setregid(unsigned real, unsigned effective)
{
	return set(&group, real, effective);
}

long sys_setresuid(unsigned real, unsigned effective, unsigned saved)
{
	(void)saved; /* whoever asks gets what he asks for */
	return set(&user, real, effective);
}

long sys_setresgid(unsigned real, unsigned effective, unsigned saved)
{
	(void)saved;
	return set(&group, real, effective);
}

long sys_getgroups(int size, unsigned *list)
{
	if (size == 0)
		return group_count;
	if (size < group_count)
		return -EINVAL;
	if (buffer_is_bad(list, (size_t)group_count * sizeof(*list)))
		return -EFAULT;
	for (int i = 0; i < group_count; i++)
		list[i] = groups[i];
	return group_count;
}

long sys_setgroups(size_t count, const unsigned *list)
{
	if (count > GROUPS_MAX)
		return -EINVAL;
	if (buffer_is_bad(list, count * sizeof(*list)))
		return -EFAULT;
	for (size_t i = 0; i < count; i++)
		groups[i] = list[i];
	group_count = (int)count;
	return 0;
}

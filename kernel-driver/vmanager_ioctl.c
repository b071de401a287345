// SPDX-License-Identifier: GPL-2.0-only
/*
 * The prologue and epilogue of every ioctl: copy in, check size, flags and reserved fields, carry out, copy out.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "vmanager_driver.h"

/* No flag is defined yet. */
#define KNOWN_FLAGS 0

/* Room for any argument. */
union argument {
	struct vmanager_header header;
	struct vmanager_version version;
	struct vmanager_host host;
	struct vmanager_cpu_info cpu_info;
	struct vmanager_create create;
	struct vmanager_list list;
	struct vmanager_info info;
	struct vmanager_link link;
	struct vmanager_deploy deploy;
	struct vmanager_control control;
	struct vmanager_console console;
	struct vmanager_stats stats;
};

/**
 * vmanager_refuse - note why a call fails
 * @why: header of the call's argument
 * @error: negative errno
 * @reason: VMANAGER_REASON_*
 * @a: first detail
 * @b: second detail
 *
 * Return: @error.
 */
int vmanager_refuse(struct vmanager_header *why, int error, u32 reason, u64 a, u64 b)
{
	why->reason = reason;
	why->detail[0] = a;
	why->detail[1] = b;
	return error;
}

static const struct vmanager_call *find(const struct vmanager_call *calls, size_t count, unsigned int command)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (calls[i].command == command)
			return &calls[i];
	return NULL;
}

static int check(const struct vmanager_call *call, void *argument)
{
	struct vmanager_header *header = argument;

	if (header->flags & ~KNOWN_FLAGS)
		return vmanager_refuse(header, -EINVAL, VMANAGER_REASON_FLAGS, header->flags, KNOWN_FLAGS);
	if (header->reserved || (call->reserved && *(u32 *)(argument + call->reserved)))
		return vmanager_refuse(header, -EINVAL, VMANAGER_REASON_RESERVED, 0, 0);
	return 0;
}

/* Answers -EINVAL also if only the header could be read: it is all that is written back then. */
static int copy_in(const struct vmanager_call *call, void *argument, const void __user *user, u32 size)
{
	struct vmanager_header *header = argument;
	int err;

	if (size < call->least || size > PAGE_SIZE) {
		header->size = size;
		return vmanager_refuse(header, -EINVAL, VMANAGER_REASON_SIZE, size, call->least);
	}
	err = copy_struct_from_user(argument, call->size, user, size);
	/* The caller may have changed the size meanwhile; what was checked counts. */
	header->size = size;
	if (err == -E2BIG)
		return vmanager_refuse(header, -EINVAL, VMANAGER_REASON_RESERVED, 0, 0);
	return err;
}

static int copy_out(void __user *user, const void *argument, u32 size)
{
	return copy_to_user(user, argument, size) ? -EFAULT : 0;
}

/**
 * vmanager_dispatch - an ioctl
 * @calls: what the file knows
 * @count: number of @calls
 * @file: given to the call
 * @command: ioctl number
 * @user: argument
 *
 * Return: 0 or a negative errno, with its reason in the argument's header.
 */
long vmanager_dispatch(const struct vmanager_call *calls, size_t count, void *file, unsigned int command,
		       void __user *user)
{
	const struct vmanager_call *call = find(calls, count, command);
	union argument argument = {};
	struct vmanager_header *header = &argument.header;
	u32 size;
	int err;

	if (!call)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < sizeof(*header))
		return -EINVAL;
	err = copy_in(call, &argument, user, size);
	if (err == -EFAULT)
		return err;
	if (err)
		return copy_out(user, header, sizeof(*header)) ?: err;
	header->reason = VMANAGER_REASON_NONE;
	memset(header->detail, 0, sizeof(header->detail));
	err = check(call, &argument) ?: call->run(file, &argument);
	return copy_out(user, &argument, min(size, call->size)) ?: err;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links: memory that two partitions share. The firmware keeps the record of them; the driver chooses the place.
 */
#include <linux/errno.h>
#include <linux/mutex.h>

#include "vmanager_driver.h"

/**
 * vmanager_link_info - carry out VMANAGER_LINK_INFO
 * @link: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_link_info(struct vmanager_link *link)
{
	u64 out[3];
	int err = vmanager_smc_query(VMANAGER_SMC_LINK_INFO, link->index, 0, out, &link->header);

	if (err)
		return err;
	link->first = lower_32_bits(out[0]);
	link->second = upper_32_bits(out[0]);
	link->base = out[1];
	link->size = out[2];
	return 0;
}

/* Numbers of partitions that exist and may be joined. */
static int check_end(u32 id, struct vmanager_link *link)
{
	struct vmanager_partition *partition = vmanager_partition_find(id);
	u32 world;

	if (!partition)
		return vmanager_refuse(&link->header, -ENODEV, VMANAGER_REASON_NO_PARTITION, id, 0);
	world = partition->world;
	vmanager_partition_put(partition);
	if (world == VMANAGER_WORLD_SECURE || link->first == link->second)
		return vmanager_refuse(&link->header, -EINVAL, VMANAGER_REASON_LINK_ENDS, link->first, link->second);
	return 0;
}

static int check_count(struct vmanager_link *link)
{
	struct vmanager_link last = { .index = VMANAGER_SMC_LINKS_MAX - 1 };
	int err = vmanager_link_info(&last);

	if (!err && last.size)
		err = vmanager_refuse(&link->header, -ENOSPC, VMANAGER_REASON_LINKS, VMANAGER_SMC_LINKS_MAX,
				      VMANAGER_SMC_LINKS_MAX);
	return err;
}

static int link_locked(struct vmanager_link *link)
{
	struct vmanager_regs regs = { .in = { link->first, link->second } };
	int err;

	err = check_end(link->first, link) ?: check_end(link->second, link) ?: check_count(link) ?:
	      vmanager_plan_link(&regs.in[2], &link->header);
	if (err)
		return err;
	err = vmanager_smc(VMANAGER_SMC_LINK_CREATE, &regs, &link->header);
	if (err == -EBADFD)
		return vmanager_refuse(&link->header, err, VMANAGER_REASON_LINK_STATE, link->first, link->second);
	if (err)
		return err;
	link->base = regs.in[2];
	link->size = vmanager_board.granule;
	return 0;
}

/**
 * vmanager_link_create - carry out VMANAGER_LINK
 * @link: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_link_create(struct vmanager_link *link)
{
	int err;

	if (link->index)
		return vmanager_refuse(&link->header, -EINVAL, VMANAGER_REASON_RESERVED, 0, 0);
	if (mutex_lock_killable(&vmanager_create_lock))
		return -EINTR;
	err = link_locked(link);
	mutex_unlock(&vmanager_create_lock);
	return err;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMANAGER_CREATE: plan, take the CPUs from Linux, let the firmware make the partition.
 */
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "vmanager_driver.h"

/* A CPU that Linux has let go may need a moment until the firmware has parked it. */
#define CREATE_TRIES 50
#define CREATE_PAUSE_US 2000

DEFINE_MUTEX(vmanager_create_lock);

static int check_name(struct vmanager_create *create)
{
	unsigned int i;

	for (i = 0; i < VMANAGER_NAME_SIZE && create->name[i]; i++)
		if (iscntrl(create->name[i]) && create->name[i] < 0x80)
			return vmanager_refuse(&create->header, -EINVAL, VMANAGER_REASON_NAME, i, 0);
	if (i == VMANAGER_NAME_SIZE)
		return vmanager_refuse(&create->header, -EINVAL, VMANAGER_REASON_NAME, i, 0);
	return 0;
}

/* Under vmanager_list_lock. */
static int check_taken(struct vmanager_create *create)
{
	struct vmanager_partition *other;

	list_for_each_entry(other, &vmanager_partitions, node) {
		if (create->name[0] && !strcmp(other->name, (char *)create->name))
			return vmanager_refuse(&create->header, -EEXIST, VMANAGER_REASON_NAME_TAKEN, other->id, 0);
		if (memchr_inv(create->uuid, 0, VMANAGER_UUID_SIZE) &&
		    !memcmp(other->uuid, create->uuid, VMANAGER_UUID_SIZE))
			return vmanager_refuse(&create->header, -EEXIST, VMANAGER_REASON_UUID_TAKEN, other->id, 0);
	}
	return 0;
}

static int check_create(struct vmanager_create *create)
{
	int err = check_name(create);

	if (err)
		return err;
	mutex_lock(&vmanager_list_lock);
	err = check_taken(create);
	mutex_unlock(&vmanager_list_lock);
	if (err)
		return err;
	if (vmanager_partition_count >= vmanager_board.slots)
		return vmanager_refuse(&create->header, -ENOSPC, VMANAGER_REASON_SLOTS, vmanager_partition_count,
				       vmanager_board.slots);
	return 0;
}

static u64 create_flags(const struct vmanager_create *create)
{
	u64 flags = 0;

	if (create->world == VMANAGER_WORLD_SECURE)
		flags |= VMANAGER_SMC_CREATE_SECURE;
	if (create->shared_with)
		flags |= VMANAGER_SMC_CREATE_SHARED | (u64)create->shared_with << 32;
	return flags;
}

static int firmware_create(struct vmanager_partition *partition, struct vmanager_create *create)
{
	struct vmanager_regs regs = { .in = { create_flags(create), partition->base, partition->memory } };
	unsigned int tries;
	int err;

	memcpy(&regs.in[3], partition->cpus, sizeof(partition->cpus));
	for (tries = 0; tries < CREATE_TRIES; tries++) {
		err = vmanager_smc(VMANAGER_SMC_PART_CREATE, &regs, &create->header);
		if (err != -EBUSY)
			break;
		usleep_range(CREATE_PAUSE_US, 2 * CREATE_PAUSE_US);
	}
	if (!err)
		partition->id = regs.out[0];
	return err;
}

static void firmware_destroy(u32 id)
{
	struct vmanager_header why = {};
	int err;

	do {
		err = vmanager_smc_query(VMANAGER_SMC_PART_DESTROY, id, 0, NULL, &why);
		cond_resched();
	} while (err == VMANAGER_SMC_PENDING);
	if (err)
		pr_err("partition %u cannot be taken back: firmware says %#llx\n", id, why.detail[0]);
}

static void record_fill(struct vmanager_partition *partition, const struct vmanager_create *create)
{
	partition->world = create->world;
	partition->shared_with = create->shared_with;
	partition->memory = create->memory;
	memcpy(partition->uuid, create->uuid, sizeof(partition->uuid));
	memcpy(partition->name, create->name, sizeof(partition->name));
}

/* A partition that shares has the CPUs of another one: Linux does not have them. */
static int take_cpus(struct vmanager_partition *partition, struct vmanager_header *why)
{
	return partition->shared_with ? 0 : vmanager_cpus_take(partition->cpus, why);
}

/**
 * vmanager_partition_give_cpus_back - make a partition's CPUs online again
 * @partition: gone, or never made
 */
void vmanager_partition_give_cpus_back(struct vmanager_partition *partition)
{
	if (!partition->shared_with)
		vmanager_cpus_give_back(partition->cpus);
}

static int create_locked(struct vmanager_create *create)
{
	struct vmanager_partition *partition;
	int err;

	err = check_create(create);
	if (err)
		return err;
	partition = vmanager_partition_new();
	if (!partition)
		return -ENOMEM;
	record_fill(partition, create);
	err = vmanager_plan_create(create, partition->cpus, &partition->base);
	if (err)
		goto put_record;
	err = take_cpus(partition, &create->header);
	if (err)
		goto put_record;
	err = firmware_create(partition, create);
	if (err)
		goto give_back;
	err = vmanager_partition_publish(partition);
	if (err)
		goto destroy;
	create->id = partition->id;
	vmanager_emit_simple(partition, VMANAGER_EVENT_CREATED, VMANAGER_CAUSE_COMMAND, 0);
	return 0;

destroy:
	firmware_destroy(partition->id);
give_back:
	vmanager_partition_give_cpus_back(partition);
put_record:
	vmanager_partition_put(partition);
	return err;
}

/**
 * vmanager_create - carry out VMANAGER_CREATE
 * @create: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_create(struct vmanager_create *create)
{
	int err;

	if (mutex_lock_killable(&vmanager_create_lock))
		return -EINTR;
	err = create_locked(create);
	mutex_unlock(&vmanager_create_lock);
	return err;
}

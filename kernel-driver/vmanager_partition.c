// SPDX-License-Identifier: GPL-2.0-only
/*
 * The records of the partitions: made, found, queried, adopted from the firmware, forgotten. The firmware owns the
 * truth about states and resources; a record adds what the firmware does not keep (name, UUID, image, claims).
 */
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vmanager_driver.h"

/* A CPU that Linux has let go may need a moment until the firmware has parked it. */
#define CREATE_TRIES 50
#define CREATE_PAUSE_US 2000

DEFINE_MUTEX(vmanager_create_lock);
DEFINE_MUTEX(vmanager_list_lock);
LIST_HEAD(vmanager_partitions);
unsigned int vmanager_partition_count;

static void release(struct kref *refs)
{
	struct vmanager_partition *partition = container_of(refs, struct vmanager_partition, refs);

	vmanager_ring_unmap(&partition->ring);
	vmanager_image_free(partition->image);
	kfree(partition);
}

/**
 * vmanager_partition_put - let a record go
 * @partition: the record
 */
void vmanager_partition_put(struct vmanager_partition *partition)
{
	kref_put(&partition->refs, release);
}

/**
 * vmanager_partition_find - a partition by its number
 * @id: the number
 *
 * Return: the record, to be put, or NULL.
 */
struct vmanager_partition *vmanager_partition_find(u32 id)
{
	struct vmanager_partition *partition, *found = NULL;

	mutex_lock(&vmanager_list_lock);
	list_for_each_entry(partition, &vmanager_partitions, node)
		if (partition->id == id) {
			kref_get(&partition->refs);
			found = partition;
			break;
		}
	mutex_unlock(&vmanager_list_lock);
	return found;
}

/**
 * vmanager_partition_by_minor - a partition by its device node
 * @minor: of the node
 *
 * Return: the record, to be put, or NULL.
 */
struct vmanager_partition *vmanager_partition_by_minor(int minor)
{
	struct vmanager_partition *partition, *found = NULL;

	mutex_lock(&vmanager_list_lock);
	list_for_each_entry(partition, &vmanager_partitions, node)
		if (partition->minor == minor) {
			kref_get(&partition->refs);
			found = partition;
			break;
		}
	mutex_unlock(&vmanager_list_lock);
	return found;
}

static struct vmanager_partition *record_new(void)
{
	struct vmanager_partition *partition = kzalloc(sizeof(*partition), GFP_KERNEL_ACCOUNT);

	if (!partition)
		return NULL;
	kref_init(&partition->refs);
	mutex_init(&partition->lock);
	vmanager_ring_init(&partition->ring);
	INIT_WORK(&partition->restart, vmanager_restart_work);
	partition->announced = VMANAGER_STATE_READY;
	return partition;
}

/* Ids rise, so the end of the list is the place. */
static int publish(struct vmanager_partition *partition)
{
	int err = vmanager_node_add(partition);

	if (err)
		return err;
	mutex_lock(&vmanager_list_lock);
	list_add_tail(&partition->node, &vmanager_partitions);
	vmanager_partition_count++;
	mutex_unlock(&vmanager_list_lock);
	vmanager_events_watch();
	return 0;
}

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

static void give_cpus_back(struct vmanager_partition *partition)
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
	partition = record_new();
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
	err = publish(partition);
	if (err)
		goto destroy;
	create->id = partition->id;
	vmanager_emit_simple(partition, VMANAGER_EVENT_CREATED, VMANAGER_CAUSE_COMMAND, 0);
	return 0;

destroy:
	firmware_destroy(partition->id);
give_back:
	give_cpus_back(partition);
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

/**
 * vmanager_partition_remove - take a partition that the firmware has destroyed off the list
 * @partition: the record, which stays until it is put
 */
int vmanager_partition_remove(struct vmanager_partition *partition)
{
	mutex_lock(&vmanager_create_lock);
	vmanager_node_remove(partition);
	mutex_lock(&vmanager_list_lock);
	list_del(&partition->node);
	vmanager_partition_count--;
	mutex_unlock(&vmanager_list_lock);
	vmanager_emit_simple(partition, VMANAGER_EVENT_DESTROYED, VMANAGER_CAUSE_COMMAND, 0);
	give_cpus_back(partition);
	mutex_unlock(&vmanager_create_lock);
	vmanager_partition_put(partition);
	return 0;
}

static void info_fill(struct vmanager_partition *partition, struct vmanager_info *info)
{
	info->id = partition->id;
	info->world = partition->world;
	info->shared_with = partition->shared_with;
	memcpy(info->cpus, partition->cpus, sizeof(info->cpus));
	info->base = partition->base;
	info->memory = partition->memory;
	memcpy(info->uuid, partition->uuid, sizeof(info->uuid));
	memcpy(info->name, partition->name, sizeof(info->name));
	mutex_lock(&partition->lock);
	info->busy = partition->busy;
	info->has_image = partition->image != NULL;
	info->image_bytes = vmanager_image_bytes(partition->image);
	mutex_unlock(&partition->lock);
}

/**
 * vmanager_partition_info - carry out VMANAGER_INFO
 * @partition: the partition
 * @info: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_partition_info(struct vmanager_partition *partition, struct vmanager_info *info)
{
	u64 status, fault[3];
	int err;

	err = vmanager_smc_status(partition->id, &status, &info->header);
	if (err)
		return err;
	err = vmanager_smc_query(VMANAGER_SMC_PART_INFO, partition->id, VMANAGER_SMC_INFO_FAULT, fault,
				 &info->header);
	if (err)
		return err;
	info_fill(partition, info);
	info->state = VMANAGER_SMC_STATUS_STATE(status);
	info->condition = VMANAGER_SMC_STATUS_FAULTED(status);
	if (info->busy == VMANAGER_OPERATION_NONE)
		info->busy = vmanager_smc_pending(status);
	info->fault = fault[0];
	info->fault_address = fault[1];
	info->fault_pc = fault[2];
	return 0;
}

static int read_resources(struct vmanager_partition *partition, struct vmanager_header *why)
{
	u64 out[3];
	int err;

	err = vmanager_smc_query(VMANAGER_SMC_PART_INFO, partition->id, VMANAGER_SMC_INFO_STATUS, out, why);
	if (err)
		return err;
	partition->announced = VMANAGER_SMC_STATUS_STATE(out[0]);
	partition->faulted = VMANAGER_SMC_STATUS_FAULTED(out[0]);
	partition->base = out[1];
	partition->memory = out[2];
	err = vmanager_smc_query(VMANAGER_SMC_PART_INFO, partition->id, VMANAGER_SMC_INFO_CPUS_LOW, out, why);
	if (err)
		return err;
	memcpy(partition->cpus, out, sizeof(out));
	err = vmanager_smc_query(VMANAGER_SMC_PART_INFO, partition->id, VMANAGER_SMC_INFO_CPUS_HIGH, out, why);
	if (err)
		return err;
	partition->cpus[3] = out[0];
	partition->world = out[1] & VMANAGER_SMC_CREATE_SECURE ? VMANAGER_WORLD_SECURE : VMANAGER_WORLD_NON_SECURE;
	partition->shared_with = out[1] >> 32;
	return 0;
}

static int adopt(u32 id, struct vmanager_header *why)
{
	struct vmanager_partition *partition = record_new();
	int err;

	if (!partition)
		return -ENOMEM;
	partition->id = id;
	err = read_resources(partition, why) ?: publish(partition);
	if (err)
		vmanager_partition_put(partition);
	else
		pr_info("partition %u was there before: its name and its image are not known\n", id);
	return err;
}

/**
 * vmanager_partitions_adopt - make records of the partitions that the firmware has
 *
 * They were made before this driver was loaded. Names and images are not known: they take every operation but reboot.
 *
 * Return: 0 or a negative errno.
 */
int vmanager_partitions_adopt(void)
{
	struct vmanager_header why = {};
	u64 out[3] = {};
	int err;

	for (;;) {
		err = vmanager_smc_query(VMANAGER_SMC_PART_NEXT, out[0], 0, out, &why);
		if (err || out[0] == 0)
			return err;
		err = adopt(out[0], &why);
		if (err)
			return err;
	}
}

/**
 * vmanager_partitions_forget - drop every record; the partitions go on without the driver
 */
void vmanager_partitions_forget(void)
{
	struct vmanager_partition *partition, *next;

	list_for_each_entry_safe(partition, next, &vmanager_partitions, node) {
		if (partition->image)
			pr_info("partition %u goes on, but can no longer reboot: its image is dropped\n",
				partition->id);
		flush_work(&partition->restart);
		vmanager_node_remove(partition);
		list_del(&partition->node);
		vmanager_partition_count--;
		vmanager_partition_put(partition);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The records of the partitions: found, queried, adopted from the firmware, forgotten. The firmware owns the
 * truth about states and resources; a record adds what the firmware does not keep (name, UUID, image, claims).
 */
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vmanager_driver.h"

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

/**
 * vmanager_partition_new - an empty record
 *
 * Return: the record, to be put, or NULL.
 */
struct vmanager_partition *vmanager_partition_new(void)
{
	struct vmanager_partition *partition = kzalloc(sizeof(*partition), GFP_KERNEL_ACCOUNT);

	if (!partition)
		return NULL;
	kref_init(&partition->refs);
	mutex_init(&partition->lock);
	vmanager_ring_init(&partition->ring);
	INIT_WORK(&partition->restart, vmanager_restart_work);
	partition->announced = VMANAGER_STATE_READY;
	partition->minor = -1;
	return partition;
}

static void list_remove(struct vmanager_partition *partition)
{
	mutex_lock(&vmanager_list_lock);
	list_del(&partition->node);
	vmanager_partition_count--;
	mutex_unlock(&vmanager_list_lock);
}

/**
 * vmanager_partition_publish - put a record on the list and make its device node
 * @partition: the record, which the list takes over
 *
 * Ids rise, so the end of the list is the place. Whoever sees the node finds the record.
 *
 * Return: 0, or a negative errno and the caller has the record as before.
 */
int vmanager_partition_publish(struct vmanager_partition *partition)
{
	int err;

	mutex_lock(&vmanager_list_lock);
	list_add_tail(&partition->node, &vmanager_partitions);
	vmanager_partition_count++;
	mutex_unlock(&vmanager_list_lock);
	err = vmanager_node_add(partition);
	if (err) {
		list_remove(partition);
		return err;
	}
	vmanager_events_watch();
	return 0;
}

/**
 * vmanager_partition_remove - take a partition that the firmware has destroyed off the list
 * @partition: the record, which stays until it is put
 */
int vmanager_partition_remove(struct vmanager_partition *partition)
{
	mutex_lock(&vmanager_create_lock);
	vmanager_node_remove(partition);
	list_remove(partition);
	vmanager_emit_simple(partition, VMANAGER_EVENT_DESTROYED, VMANAGER_CAUSE_COMMAND, 0);
	vmanager_partition_give_cpus_back(partition);
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
	struct vmanager_partition *partition = vmanager_partition_new();
	int err;

	if (!partition)
		return -ENOMEM;
	partition->id = id;
	err = read_resources(partition, why) ?: vmanager_partition_publish(partition);
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
		list_remove(partition);
		vmanager_partition_put(partition);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on a partition. Each one claims the partition, so that a second one is told EBUSY, looks at the state
 * that the firmware has, acts, and tells the new state. No lock is held while it waits.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "vmanager_driver.h"
#include "vmanager_state.h"

/* What an earlier call began and did not see the end of may be asked for again; then this call waits for it. */
static int check_state(u64 status, u32 operation, struct vmanager_header *why)
{
	u32 state = VMANAGER_SMC_STATUS_STATE(status);
	u32 pending = vmanager_smc_pending(status);
	u32 reason = vmanager_state_refuses(state, VMANAGER_SMC_STATUS_FAULTED(status), operation);

	if (reason != VMANAGER_REASON_NONE)
		return vmanager_refuse(why, -EBADFD, reason, state, operation);
	if (pending != VMANAGER_OPERATION_NONE && pending != operation)
		return vmanager_refuse(why, -EBUSY, VMANAGER_REASON_BUSY, pending, operation);
	return 0;
}

/*
 * What the state refuses keeps nobody out, not even for a moment: it is looked at before the partition is claimed. The
 * firmware's state counts, so events that were not seen yet make no difference.
 */
static int claim(struct vmanager_partition *partition, u32 operation, struct vmanager_header *why)
{
	u64 status;
	int err;

	mutex_lock(&partition->lock);
	if (partition->gone)
		err = vmanager_refuse(why, -ENODEV, VMANAGER_REASON_NO_PARTITION, partition->id, 0);
	else if (partition->busy != VMANAGER_OPERATION_NONE)
		err = vmanager_refuse(why, -EBUSY, VMANAGER_REASON_BUSY, partition->busy, operation);
	else
		err = vmanager_smc_status(partition->id, &status, why) ?: check_state(status, operation, why);
	if (!err)
		partition->busy = operation;
	mutex_unlock(&partition->lock);
	return err;
}

/* A reset that came while the partition was claimed is carried out now, unless it was shut down meanwhile. */
static void unclaim(struct vmanager_partition *partition)
{
	mutex_lock(&partition->lock);
	if (partition->busy == VMANAGER_OPERATION_SHUTDOWN || partition->gone)
		partition->reset_wanted = false;
	partition->busy = VMANAGER_OPERATION_NONE;
	if (partition->reset_wanted) {
		partition->busy = VMANAGER_OPERATION_REBOOT;
		kref_get(&partition->refs);
		queue_work(system_long_wq, &partition->restart);
	}
	mutex_unlock(&partition->lock);
}

/* The prologue of every operation. */
static int begin(struct vmanager_partition *partition, u32 operation, u64 *status, struct vmanager_header *why)
{
	int err = claim(partition, operation, why);

	if (err)
		return err;
	vmanager_events_drain();
	err = vmanager_smc_status(partition->id, status, why) ?: check_state(*status, operation, why);
	if (err)
		unclaim(partition);
	return err;
}

static void announce_state(struct vmanager_partition *partition)
{
	struct vmanager_header why = {};
	u64 status;

	vmanager_events_drain();
	mutex_lock(&partition->lock);
	if (!vmanager_smc_status(partition->id, &status, &why))
		vmanager_announce(partition, VMANAGER_SMC_STATUS_STATE(status), VMANAGER_CAUSE_COMMAND);
	mutex_unlock(&partition->lock);
}

/* Waits for @state; what the partition is instead is an error. */
static int wait_for(struct vmanager_partition *partition, u32 operation, u32 state,
		    const struct vmanager_control *control, unsigned long deadline, struct vmanager_header *why)
{
	u64 status = 0;
	int err = vmanager_smc_wait(partition->id, state, deadline, &status, why);

	if (err == -ETIME)
		return vmanager_refuse(why, -ETIMEDOUT, VMANAGER_REASON_TIMEOUT, control->timeout_ms,
				       VMANAGER_SMC_STATUS_STATE(status));
	if (!err && VMANAGER_SMC_STATUS_STATE(status) != state)
		return vmanager_refuse(why, -EBADFD, VMANAGER_REASON_STATE, VMANAGER_SMC_STATUS_STATE(status),
				       operation);
	return err;
}

/* Asks the firmware for what takes time, unless that is under way already. */
static int ask(struct vmanager_partition *partition, u32 function, u64 status, struct vmanager_header *why)
{
	int err;

	if (vmanager_smc_pending(status) != VMANAGER_OPERATION_NONE)
		return 0;
	err = vmanager_smc_query(function, partition->id, 0, NULL, why);
	return err == VMANAGER_SMC_PENDING ? 0 : err;
}

/*
 * Loads and starts. The lock is held from the start to the announcement, so that an event of the started partition is
 * told after it. @image may be the kept one; if it is not, it is kept from now on.
 */
static int start(struct vmanager_partition *partition, struct vmanager_image *image, u32 kind, u32 cause,
		 struct vmanager_header *why)
{
	struct vmanager_regs regs = {
		.in = { partition->id, partition->base + vmanager_image_entry(image),
			partition->base + vmanager_image_device_tree(image) },
	};
	int err = vmanager_image_load(image, partition, why);

	if (err)
		goto free_image;
	mutex_lock(&partition->lock);
	err = vmanager_smc(VMANAGER_SMC_PART_START, &regs, why);
	if (!err) {
		swap(partition->image, image);
		partition->reset_wanted = false;
		partition->faulted = false;
		if (kind == VMANAGER_EVENT_REBOOTED)
			vmanager_emit_simple(partition, kind, cause, 0);
		else
			vmanager_announce(partition, VMANAGER_STATE_DEPLOYED, cause);
	}
	mutex_unlock(&partition->lock);
free_image:
	/* The one that was kept until now, or the new one if the partition did not start. */
	if (image != partition->image)
		vmanager_image_free(image);
	return err;
}

/**
 * vmanager_deploy - carry out VMANAGER_DEPLOY
 * @partition: the partition
 * @deploy: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_deploy(struct vmanager_partition *partition, struct vmanager_deploy *deploy)
{
	struct vmanager_header *why = &deploy->header;
	struct vmanager_image *image;
	u64 status;
	int err = begin(partition, VMANAGER_OPERATION_DEPLOY, &status, why);

	if (err)
		return err;
	image = vmanager_image_copy(deploy, partition->memory, why);
	err = PTR_ERR_OR_ZERO(image);
	if (!err)
		err = start(partition, image, VMANAGER_EVENT_STATE, VMANAGER_CAUSE_COMMAND, why);
	unclaim(partition);
	return err;
}

static int do_shutdown(struct vmanager_partition *partition, struct vmanager_control *control, u64 status,
		       unsigned long deadline)
{
	return ask(partition, VMANAGER_SMC_PART_STOP, status, &control->header) ?:
	       wait_for(partition, VMANAGER_OPERATION_SHUTDOWN, VMANAGER_STATE_READY, control, deadline,
			&control->header);
}

static int do_suspend(struct vmanager_partition *partition, struct vmanager_control *control, u64 status,
		      unsigned long deadline)
{
	return ask(partition, VMANAGER_SMC_PART_SUSPEND, status, &control->header) ?:
	       wait_for(partition, VMANAGER_OPERATION_SUSPEND, VMANAGER_STATE_SUSPENDED, control, deadline,
			&control->header);
}

static int do_restore(struct vmanager_partition *partition, struct vmanager_control *control, u64 status,
		      unsigned long deadline)
{
	struct vmanager_header *why = &control->header;
	int err;

	mutex_lock(&partition->lock);
	err = vmanager_smc_query(VMANAGER_SMC_PART_RESUME, partition->id, 0, NULL, why);
	if (!err)
		vmanager_announce(partition, VMANAGER_STATE_DEPLOYED, VMANAGER_CAUSE_COMMAND);
	mutex_unlock(&partition->lock);
	if (err != VMANAGER_SMC_PENDING)
		return err;
	return wait_for(partition, VMANAGER_OPERATION_RESTORE, VMANAGER_STATE_DEPLOYED, control, deadline, why);
}

static int do_reboot(struct vmanager_partition *partition, struct vmanager_control *control, u64 status,
		     unsigned long deadline)
{
	struct vmanager_header *why = &control->header;
	int err;

	if (!partition->image)
		return vmanager_refuse(why, -EBADFD, VMANAGER_REASON_NO_IMAGE, partition->id, 0);
	err = ask(partition, VMANAGER_SMC_PART_STOP, status, why) ?:
	      wait_for(partition, VMANAGER_OPERATION_REBOOT, VMANAGER_STATE_READY, control, deadline, why);
	if (err)
		return err;
	return start(partition, partition->image, VMANAGER_EVENT_REBOOTED, VMANAGER_CAUSE_COMMAND, why);
}

/* Each call zeroes a piece of the memory, so this is work and no waiting; it gives way to others between the pieces. */
static int zero_memory(struct vmanager_partition *partition, struct vmanager_control *control, unsigned long deadline)
{
	struct vmanager_header *why = &control->header;
	int err;

	for (;;) {
		err = vmanager_smc_query(VMANAGER_SMC_PART_DESTROY, partition->id, 0, NULL, why);
		if (err != VMANAGER_SMC_PENDING)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after_eq(jiffies, deadline))
			return vmanager_refuse(why, -ETIMEDOUT, VMANAGER_REASON_TIMEOUT, control->timeout_ms,
					       VMANAGER_STATE_READY);
		cond_resched();
	}
}

static int do_destroy(struct vmanager_partition *partition, struct vmanager_control *control, u64 status,
		      unsigned long deadline)
{
	int err;

	vmanager_ring_close(&partition->ring, true);
	err = zero_memory(partition, control, deadline);
	if (err) {
		vmanager_ring_close(&partition->ring, false);
		return err;
	}
	mutex_lock(&partition->lock);
	partition->gone = true;
	mutex_unlock(&partition->lock);
	return 0;
}

typedef int (*operation_fn)(struct vmanager_partition *partition, struct vmanager_control *control, u64 status,
			    unsigned long deadline);

static const operation_fn operations[] = {
	[VMANAGER_OPERATION_SHUTDOWN] = do_shutdown,
	[VMANAGER_OPERATION_REBOOT] = do_reboot,
	[VMANAGER_OPERATION_SUSPEND] = do_suspend,
	[VMANAGER_OPERATION_RESTORE] = do_restore,
	[VMANAGER_OPERATION_DESTROY] = do_destroy,
};

/**
 * vmanager_control - carry out an operation without data
 * @partition: the partition; its record stays valid after a destroy
 * @operation: VMANAGER_OPERATION_*, not DEPLOY
 * @control: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_control(struct vmanager_partition *partition, u32 operation, struct vmanager_control *control)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(control->timeout_ms);
	u64 status;
	int err = begin(partition, operation, &status, &control->header);

	if (err)
		return err;
	err = operations[operation](partition, control, status, deadline);
	if (!partition->gone)
		announce_state(partition);
	unclaim(partition);
	if (partition->gone)
		return vmanager_partition_remove(partition);
	return err;
}

static int restart(struct vmanager_partition *partition)
{
	struct vmanager_header why = {};
	u64 status;
	int err = vmanager_smc_status(partition->id, &status, &why);

	if (err)
		return err;
	if (VMANAGER_SMC_STATUS_STATE(status) != VMANAGER_STATE_READY)
		return -EBADFD;
	return start(partition, partition->image, VMANAGER_EVENT_REBOOTED, VMANAGER_CAUSE_GUEST, &why);
}

/**
 * vmanager_restart_work - load and start a partition that asked for a reset
 * @work: in the partition, which is claimed and held for this
 */
void vmanager_restart_work(struct work_struct *work)
{
	struct vmanager_partition *partition = container_of(work, struct vmanager_partition, restart);
	int err = restart(partition);

	if (err) {
		pr_err("partition %u does not come back from its reset: %d\n", partition->id, err);
		mutex_lock(&partition->lock);
		partition->reset_wanted = false;
		mutex_unlock(&partition->lock);
		announce_state(partition);
	}
	unclaim(partition);
	vmanager_partition_put(partition);
}

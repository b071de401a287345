// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the firmware: fetched by its interrupt, or by polling while there are partitions.
 */
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "vmanager_driver.h"

#define NODE_COMPATIBLE "aivirt,vmanager"

static unsigned int poll_ms = 50;
module_param(poll_ms, uint, 0644);
MODULE_PARM_DESC(poll_ms, "how often events are fetched if the board has no event interrupt, in ms");

/* One fetcher at a time, so that events are told in their order. */
static DEFINE_MUTEX(fetch_lock);
static unsigned int irq;

static void poll_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(poll, poll_work);

static void guest_reset(struct vmanager_partition *partition)
{
	if (!partition->image) {
		pr_warn("partition %u asked for a reset, but its image is not known\n", partition->id);
		vmanager_announce(partition, VMANAGER_STATE_READY, VMANAGER_CAUSE_GUEST);
		return;
	}
	partition->reset_wanted = true;
	if (partition->busy == VMANAGER_OPERATION_NONE) {
		partition->busy = VMANAGER_OPERATION_REBOOT;
		kref_get(&partition->refs);
		queue_work(system_long_wq, &partition->restart);
	}
}

/* During a reboot READY is passed through and not worth an event. */
static void stopped(struct vmanager_partition *partition)
{
	if (partition->busy != VMANAGER_OPERATION_REBOOT)
		vmanager_announce(partition, VMANAGER_STATE_READY, VMANAGER_CAUSE_COMMAND);
}

static void faulted(struct vmanager_partition *partition, u64 reason)
{
	if (partition->faulted)
		return;
	partition->faulted = true;
	vmanager_emit_simple(partition, VMANAGER_EVENT_FAULTED, VMANAGER_CAUSE_FIRMWARE, reason);
}

static void handle(struct vmanager_partition *partition, u32 kind, u32 detail)
{
	mutex_lock(&partition->lock);
	switch (kind) {
	case VMANAGER_SMC_EVENT_STOPPED:
		stopped(partition);
		break;
	case VMANAGER_SMC_EVENT_SUSPENDED:
		vmanager_announce(partition, VMANAGER_STATE_SUSPENDED, VMANAGER_CAUSE_COMMAND);
		break;
	case VMANAGER_SMC_EVENT_GUEST_OFF:
		vmanager_announce(partition, VMANAGER_STATE_READY, VMANAGER_CAUSE_GUEST);
		break;
	case VMANAGER_SMC_EVENT_GUEST_RESET:
		guest_reset(partition);
		break;
	case VMANAGER_SMC_EVENT_FAULTED:
		faulted(partition, detail);
		break;
	default:
		pr_warn("partition %u: event %u is not known\n", partition->id, kind);
	}
	mutex_unlock(&partition->lock);
}

/* After events were lost, the state itself tells. */
static void resync(void)
{
	struct vmanager_partition *partition;
	struct vmanager_header why = {};
	u64 status;

	mutex_lock(&vmanager_list_lock);
	list_for_each_entry(partition, &vmanager_partitions, node) {
		if (vmanager_smc_status(partition->id, &status, &why))
			continue;
		if (!mutex_trylock(&partition->lock))
			continue;
		if (partition->busy == VMANAGER_OPERATION_NONE)
			vmanager_announce(partition, VMANAGER_SMC_STATUS_STATE(status), VMANAGER_CAUSE_FIRMWARE);
		mutex_unlock(&partition->lock);
	}
	mutex_unlock(&vmanager_list_lock);
}

static bool fetch(void)
{
	struct vmanager_partition *partition;
	struct vmanager_header why = {};
	u64 out[3];
	u32 kind;

	if (vmanager_smc_query(VMANAGER_SMC_EVENT_GET, 0, 0, out, &why))
		return false;
	kind = lower_32_bits(out[1]);
	if (kind == VMANAGER_SMC_EVENT_OVERFLOW) {
		pr_warn("firmware lost %u events\n", upper_32_bits(out[1]));
		resync();
		return true;
	}
	if (out[0] == 0)
		return false;
	partition = vmanager_partition_find(out[0]);
	if (partition) {
		handle(partition, kind, upper_32_bits(out[1]));
		vmanager_partition_put(partition);
	}
	return true;
}

/**
 * vmanager_events_drain - fetch and handle all events that wait
 *
 * Called before an operation looks at a state, so that an old event is not taken for news. Takes the partitions' locks.
 */
void vmanager_events_drain(void)
{
	mutex_lock(&fetch_lock);
	while (fetch())
		cond_resched();
	mutex_unlock(&fetch_lock);
}

static void poll_work(struct work_struct *work)
{
	vmanager_events_drain();
	vmanager_events_watch();
}

/**
 * vmanager_events_watch - poll for events, if the board has no interrupt and there are partitions
 */
void vmanager_events_watch(void)
{
	if (!irq && READ_ONCE(vmanager_partition_count))
		schedule_delayed_work(&poll, msecs_to_jiffies(max(poll_ms, 1u)));
}

static irqreturn_t on_interrupt(int number, void *data)
{
	vmanager_events_drain();
	return IRQ_HANDLED;
}

static unsigned int map_interrupt(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, NODE_COMPATIBLE);
	unsigned int mapped = 0;
	struct irq_data *data;

	if (node)
		mapped = irq_of_parse_and_map(node, 0);
	of_node_put(node);
	data = mapped ? irq_get_irq_data(mapped) : NULL;
	if (data && data->hwirq != vmanager_board.interrupt) {
		pr_warn("node " NODE_COMPATIBLE " names interrupt %lu, firmware %u: events are polled\n", data->hwirq,
			vmanager_board.interrupt);
		return 0;
	}
	return data ? mapped : 0;
}

/**
 * vmanager_events_init - begin to fetch events
 *
 * Return: 0 always: without an interrupt events are polled.
 */
int vmanager_events_init(void)
{
	unsigned int mapped = vmanager_board.interrupt ? map_interrupt() : 0;
	int err;

	if (mapped) {
		err = request_threaded_irq(mapped, NULL, on_interrupt, IRQF_ONESHOT, VMANAGER_NAME, &fetch_lock);
		if (err)
			pr_warn("interrupt %u cannot be had (%d): events are polled\n", mapped, err);
		else
			irq = mapped;
	}
	if (!irq)
		pr_info("events are polled every %u ms\n", poll_ms);
	vmanager_events_drain();
	vmanager_events_watch();
	return 0;
}

void vmanager_events_exit(void)
{
	if (irq)
		free_irq(irq, &fetch_lock);
	cancel_delayed_work_sync(&poll);
}

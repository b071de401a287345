// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: fetched from the firmware (interrupt, or polling while there are partitions), told to every open file.
 */
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmanager_driver.h"

#define NODE_COMPATIBLE "aivirt,vmanager"

static unsigned int poll_ms = 50;
module_param(poll_ms, uint, 0644);
MODULE_PARM_DESC(poll_ms, "how often events are fetched if the board has no event interrupt, in ms");

/* Queues and the sequence number. */
static DEFINE_MUTEX(queues_lock);
static LIST_HEAD(queues);
static u64 next_seq = 1;
/* One fetcher at a time, so that events are told in their order. */
static DEFINE_MUTEX(fetch_lock);
static unsigned int irq;

static void poll_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(poll, poll_work);

/* ---- queues ---- */

/**
 * vmanager_queue_open - a queue for an open file
 * @only: events of this partition only, 0 for all
 *
 * Return: the queue or NULL.
 */
struct vmanager_queue *vmanager_queue_open(u32 only)
{
	struct vmanager_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);

	if (!queue)
		return NULL;
	spin_lock_init(&queue->lock);
	init_waitqueue_head(&queue->wait);
	queue->only = only;
	mutex_lock(&queues_lock);
	list_add_tail(&queue->node, &queues);
	mutex_unlock(&queues_lock);
	return queue;
}

void vmanager_queue_close(struct vmanager_queue *queue)
{
	mutex_lock(&queues_lock);
	list_del(&queue->node);
	mutex_unlock(&queues_lock);
	kfree(queue);
}

static void put(struct vmanager_queue *queue, const struct vmanager_event *event)
{
	spin_lock(&queue->lock);
	if (queue->tail - queue->head == VMANAGER_QUEUE_EVENTS) {
		queue->head++;
		queue->lost++;
	}
	queue->events[queue->tail++ % VMANAGER_QUEUE_EVENTS] = *event;
	spin_unlock(&queue->lock);
	wake_up_interruptible(&queue->wait);
}

bool vmanager_queue_has_event(struct vmanager_queue *queue)
{
	return READ_ONCE(queue->tail) != READ_ONCE(queue->head);
}

static void overflow(struct vmanager_queue *queue, struct vmanager_event *event)
{
	const struct vmanager_event *next = &queue->events[queue->head % VMANAGER_QUEUE_EVENTS];

	*event = (struct vmanager_event) {
		.size = sizeof(*event),
		.kind = VMANAGER_EVENT_OVERFLOW,
		.seq = next->seq - 1,
		.timestamp_ns = next->timestamp_ns,
		.cause = VMANAGER_CAUSE_COMMAND,
		.detail = queue->lost,
	};
	queue->lost = 0;
}

static bool take(struct vmanager_queue *queue, struct vmanager_event *event)
{
	bool found;

	spin_lock(&queue->lock);
	found = queue->tail != queue->head;
	if (found && queue->lost)
		overflow(queue, event);
	else if (found)
		*event = queue->events[queue->head++ % VMANAGER_QUEUE_EVENTS];
	spin_unlock(&queue->lock);
	return found;
}

/**
 * vmanager_queue_read - read() of a file
 * @queue: its queue
 * @buffer: where records go
 * @size: its bytes
 * @wait: whether to wait for the first one
 *
 * Return: bytes read, or -EINVAL, -EAGAIN, -ERESTARTSYS, -EFAULT.
 */
ssize_t vmanager_queue_read(struct vmanager_queue *queue, char __user *buffer, size_t size, bool wait)
{
	struct vmanager_event event;
	size_t done;

	if (size < sizeof(event))
		return -EINVAL;
	do {
		if (wait && wait_event_interruptible(queue->wait, vmanager_queue_has_event(queue)))
			return -ERESTARTSYS;
		for (done = 0; size - done >= sizeof(event) && take(queue, &event); done += sizeof(event))
			if (copy_to_user(buffer + done, &event, sizeof(event)))
				return done ?: -EFAULT;
	} while (wait && !done);
	return done ?: -EAGAIN;
}

/* ---- telling ---- */

/**
 * vmanager_emit - tell every open file
 * @event: without size, seq and timestamp
 */
void vmanager_emit(const struct vmanager_event *event)
{
	struct vmanager_event told = *event;
	struct vmanager_queue *queue;

	mutex_lock(&queues_lock);
	told.size = sizeof(told);
	told.seq = next_seq++;
	told.timestamp_ns = ktime_get_ns();
	list_for_each_entry(queue, &queues, node)
		if (!queue->only || queue->only == told.id)
			put(queue, &told);
	mutex_unlock(&queues_lock);
}

void vmanager_emit_simple(struct vmanager_partition *partition, u32 kind, u32 cause, u64 detail)
{
	const struct vmanager_event event = {
		.kind = kind,
		.id = partition->id,
		.cause = cause,
		.detail = detail,
	};

	vmanager_emit(&event);
}

/**
 * vmanager_announce - tell of a state, once
 * @partition: under its lock
 * @state: its state now
 * @cause: VMANAGER_CAUSE_*
 *
 * The operation that waits and the event of the firmware both tell; whoever comes first is heard.
 */
void vmanager_announce(struct vmanager_partition *partition, u32 state, u32 cause)
{
	const struct vmanager_event event = {
		.kind = VMANAGER_EVENT_STATE,
		.id = partition->id,
		.cause = cause,
		.from = partition->announced,
		.to = state,
	};

	if (partition->announced == state)
		return;
	partition->announced = state;
	vmanager_emit(&event);
}

/* ---- events of the firmware ---- */

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
		err = request_threaded_irq(mapped, NULL, on_interrupt, IRQF_ONESHOT, VMANAGER_NAME, &queues);
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
		free_irq(irq, &queues);
	cancel_delayed_work_sync(&poll);
}

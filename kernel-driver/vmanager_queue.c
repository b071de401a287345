// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of events: each open file has one, and is told what happens to the partitions.
 */
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmanager_driver.h"

/* All queues, and the sequence number. */
static DEFINE_MUTEX(queues_lock);
static LIST_HEAD(queues);
static u64 next_seq = 1;

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

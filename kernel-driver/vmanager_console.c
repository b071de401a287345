// SPDX-License-Identifier: GPL-2.0-only
/*
 * A partition's console: a ring that the firmware shares (vman_core::abi::console). Counters rise for ever; byte n
 * stands at n modulo the size of its area.
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmanager_driver.h"

/* A ring beyond this is a mistake of the firmware. */
#define RING_MAX SZ_16M
/* Bytes copied at a time. */
#define CHUNK SZ_4K

void vmanager_ring_init(struct vmanager_ring *ring)
{
	mutex_init(&ring->lock);
	ring->closed = false;
	ring->at = NULL;
	ring->output_size = 0;
}

/**
 * vmanager_ring_close - refuse or take reads and writes
 * @ring: of a partition that is being destroyed
 * @closed: false if it was not destroyed after all
 */
void vmanager_ring_close(struct vmanager_ring *ring, bool closed)
{
	mutex_lock(&ring->lock);
	ring->closed = closed;
	mutex_unlock(&ring->lock);
}

/**
 * vmanager_ring_unmap - let the mapping go
 * @ring: of a partition that nobody uses any more
 */
void vmanager_ring_unmap(struct vmanager_ring *ring)
{
	if (ring->at)
		memunmap(ring->at);
	ring->at = NULL;
}

/* The firmware writes the ring past its caches, so it is mapped uncached here. */
static int map(struct vmanager_partition *partition, struct vmanager_header *why)
{
	struct vmanager_ring *ring = &partition->ring;
	u64 out[3];
	int err;

	if (ring->closed)
		return vmanager_refuse(why, -ENODEV, VMANAGER_REASON_NO_PARTITION, partition->id, 0);
	if (ring->at)
		return 0;
	err = vmanager_smc_query(VMANAGER_SMC_CONSOLE_INFO, partition->id, 0, out, why);
	if (err && err != -EOPNOTSUPP)
		return err;
	if (err || out[0] == 0 || out[1] <= VMANAGER_RING_OUTPUT || out[1] > RING_MAX)
		return vmanager_refuse(why, -EOPNOTSUPP, VMANAGER_REASON_NO_CONSOLE, partition->id, 0);
	ring->at = memremap(out[0], out[1], MEMREMAP_WC);
	if (!ring->at)
		return -ENOMEM;
	ring->output_size = out[1] - VMANAGER_RING_OUTPUT;
	return 0;
}

static u64 *counter(const struct vmanager_ring *ring, unsigned int offset)
{
	return ring->at + offset;
}

/* What was copied counts only if the counter was read before and after it; the firmware may lap the reader. */
static u64 output_count(const struct vmanager_ring *ring)
{
	u64 count = READ_ONCE(*counter(ring, VMANAGER_RING_OUTPUT_COUNT));

	dma_rmb();
	return count;
}

static u64 oldest(const struct vmanager_ring *ring, u64 count)
{
	return count > ring->output_size ? count - ring->output_size : 0;
}

/* Copies bytes position.. into @chunk; fewer than @length at the end of the area. */
static u32 copy_output(const struct vmanager_ring *ring, u64 position, u32 length, u8 *chunk)
{
	u64 at = position % ring->output_size;

	length = min_t(u64, length, ring->output_size - at);
	memcpy(chunk, ring->at + VMANAGER_RING_OUTPUT + at, length);
	return length;
}

/*
 * Reads up to @length bytes from @position on, or from the oldest one on if they are lost: @position answers which.
 * The byte that the firmware is about to write may be torn, therefore one more than the area's size is lost.
 */
static u32 read_chunk(const struct vmanager_ring *ring, u64 *position, u32 length, u8 *chunk, u64 *end)
{
	u32 got, lost;
	u64 first;

	*end = output_count(ring);
	*position = clamp(*position, oldest(ring, *end), *end);
	got = copy_output(ring, *position, min3((u64)length, *end - *position, (u64)CHUNK), chunk);
	first = oldest(ring, output_count(ring) + 1);
	if (first <= *position)
		return got;
	lost = min_t(u64, first - *position, got);
	memmove(chunk, chunk + lost, got - lost);
	*position = first;
	return got - lost;
}

/* Stops at the first gap, so that the answer is one span. */
static int read_span(const struct vmanager_ring *ring, struct vmanager_console *console, u8 *chunk)
{
	u32 wanted = console->length, done = 0, got;
	u64 next = console->position;

	do {
		u64 at = next;

		got = read_chunk(ring, &at, wanted - done, chunk, &console->end);
		if (done && at != next)
			break;
		if (!done)
			console->position = at;
		if (copy_to_user(u64_to_user_ptr(console->buffer) + done, chunk, got))
			return -EFAULT;
		done += got;
		next = at + got;
	} while (got && done < wanted);
	console->length = done;
	return 0;
}

/**
 * vmanager_console_read - carry out VMANAGER_CONSOLE_READ
 * @partition: whose console
 * @console: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_console_read(struct vmanager_partition *partition, struct vmanager_console *console)
{
	u8 *chunk = kmalloc(CHUNK, GFP_KERNEL);
	int err;

	if (!chunk)
		return -ENOMEM;
	mutex_lock(&partition->ring.lock);
	err = map(partition, &console->header) ?: read_span(&partition->ring, console, chunk);
	mutex_unlock(&partition->ring.lock);
	kfree(chunk);
	return err;
}

static u32 put_input(struct vmanager_ring *ring, const u8 *bytes, u32 length)
{
	u64 count = READ_ONCE(*counter(ring, VMANAGER_RING_INPUT_COUNT));
	u64 taken = READ_ONCE(*counter(ring, VMANAGER_RING_TAKEN_COUNT));
	u8 *area = ring->at + VMANAGER_RING_INPUT;
	u64 room = VMANAGER_RING_INPUT_SIZE - min_t(u64, count - taken, VMANAGER_RING_INPUT_SIZE);
	u32 i;

	length = min_t(u64, length, room);
	for (i = 0; i < length; i++)
		area[(count + i) % VMANAGER_RING_INPUT_SIZE] = bytes[i];
	dma_wmb();
	WRITE_ONCE(*counter(ring, VMANAGER_RING_INPUT_COUNT), count + length);
	return length;
}

/* What is typed before a kernel runs would be read by nobody, or by a later kernel that it was not meant for. */
static int check_running(struct vmanager_partition *partition, struct vmanager_header *why)
{
	u64 status;
	int err = vmanager_smc_status(partition->id, &status, why);

	if (!err && VMANAGER_SMC_STATUS_STATE(status) == VMANAGER_STATE_READY)
		err = vmanager_refuse(why, -EBADFD, VMANAGER_REASON_NOT_RUNNING, partition->id, 0);
	return err;
}

/**
 * vmanager_console_write - carry out VMANAGER_CONSOLE_WRITE
 * @partition: whose console
 * @console: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_console_write(struct vmanager_partition *partition, struct vmanager_console *console)
{
	u8 bytes[VMANAGER_RING_INPUT_SIZE / 8];
	u32 length = min_t(u32, console->length, sizeof(bytes));
	u64 out[3];
	int err;

	if (copy_from_user(bytes, u64_to_user_ptr(console->buffer), length))
		return -EFAULT;
	mutex_lock(&partition->ring.lock);
	err = check_running(partition, &console->header) ?: map(partition, &console->header);
	if (!err) {
		console->length = put_input(&partition->ring, bytes, length);
		console->end = output_count(&partition->ring);
		/* A firmware without this call has no interrupt to raise; the partition polls. */
		err = vmanager_smc_query(VMANAGER_SMC_CONSOLE_NOTIFY, partition->id, 0, out, &console->header);
		if (err == -EOPNOTSUPP)
			err = 0;
	}
	mutex_unlock(&partition->ring.lock);
	return err;
}

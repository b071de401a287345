// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vmanX: the device node of partition X. The node disappears with the partition; files that are still open
 * answer ENODEV, and do not keep it alive.
 */
#include <linux/cdev.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "vmanager_compat.h"
#include "vmanager_driver.h"

#define CLASS_NAME "vman"

static dev_t first;
static struct cdev cdev;
static struct class *class;
static DEFINE_IDA(minors);

struct node_file {
	struct vmanager_partition *partition;
	struct vmanager_queue *queue;
};

static int info(void *file, void *argument)
{
	struct vmanager_partition *partition = file;
	struct vmanager_info *info = argument;

	if (info->id && info->id != partition->id)
		return vmanager_refuse(&info->header, -ENODEV, VMANAGER_REASON_NO_PARTITION, info->id, 0);
	return vmanager_partition_info(partition, info);
}

static int deploy(void *file, void *argument)
{
	return vmanager_deploy(file, argument);
}

static int shutdown(void *file, void *argument)
{
	return vmanager_control(file, VMANAGER_OPERATION_SHUTDOWN, argument);
}

static int reboot(void *file, void *argument)
{
	return vmanager_control(file, VMANAGER_OPERATION_REBOOT, argument);
}

static int suspend(void *file, void *argument)
{
	return vmanager_control(file, VMANAGER_OPERATION_SUSPEND, argument);
}

static int restore(void *file, void *argument)
{
	return vmanager_control(file, VMANAGER_OPERATION_RESTORE, argument);
}

static int destroy(void *file, void *argument)
{
	return vmanager_control(file, VMANAGER_OPERATION_DESTROY, argument);
}

static int console_read(void *file, void *argument)
{
	return vmanager_console_read(file, argument);
}

static int console_write(void *file, void *argument)
{
	return vmanager_console_write(file, argument);
}

static int stats(void *file, void *argument)
{
	struct vmanager_partition *partition = file;
	struct vmanager_stats *stats = argument;
	struct vmanager_header ignored = {};
	u64 counter, status, out[3];
	int err;

	err = vmanager_smc_status(partition->id, &status, &stats->header);
	if (err)
		return err;
	stats->valid = 0;
	for (counter = 0; counter < VMANAGER_SMC_COUNTERS; counter++) {
		if (vmanager_smc_query(VMANAGER_SMC_STATS, partition->id, counter, out, &ignored))
			continue;
		stats->values[counter] = out[0];
		stats->valid |= BIT_ULL(counter);
	}
	return 0;
}

#define CALL(number, type, function, word) { number, sizeof(struct type), sizeof(struct type), word, function }

static const struct vmanager_call calls[] = {
	CALL(VMANAGER_INFO, vmanager_info, info, 0),
	CALL(VMANAGER_DEPLOY, vmanager_deploy, deploy, offsetof(struct vmanager_deploy, reserved)),
	CALL(VMANAGER_SHUTDOWN, vmanager_control, shutdown, offsetof(struct vmanager_control, reserved)),
	CALL(VMANAGER_REBOOT, vmanager_control, reboot, offsetof(struct vmanager_control, reserved)),
	CALL(VMANAGER_SUSPEND, vmanager_control, suspend, offsetof(struct vmanager_control, reserved)),
	CALL(VMANAGER_RESTORE, vmanager_control, restore, offsetof(struct vmanager_control, reserved)),
	CALL(VMANAGER_DESTROY, vmanager_control, destroy, offsetof(struct vmanager_control, reserved)),
	CALL(VMANAGER_CONSOLE_READ, vmanager_console, console_read, offsetof(struct vmanager_console, reserved)),
	CALL(VMANAGER_CONSOLE_WRITE, vmanager_console, console_write, offsetof(struct vmanager_console, reserved)),
	CALL(VMANAGER_STATS, vmanager_stats, stats, 0),
};

static long node_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct node_file *open = file->private_data;

	return vmanager_dispatch(calls, ARRAY_SIZE(calls), open->partition, command, (void __user *)argument);
}

static int node_open(struct inode *inode, struct file *file)
{
	struct node_file *open = kzalloc(sizeof(*open), GFP_KERNEL_ACCOUNT);
	int err;

	if (!open)
		return -ENOMEM;
	open->partition = vmanager_partition_by_minor(iminor(inode));
	if (!open->partition) {
		err = -ENODEV;
		goto free_open;
	}
	open->queue = vmanager_queue_open(open->partition->id);
	if (!open->queue) {
		err = -ENOMEM;
		goto put_partition;
	}
	file->private_data = open;
	return stream_open(inode, file);

put_partition:
	vmanager_partition_put(open->partition);
free_open:
	kfree(open);
	return err;
}

static int node_release(struct inode *inode, struct file *file)
{
	struct node_file *open = file->private_data;

	vmanager_queue_close(open->queue);
	vmanager_partition_put(open->partition);
	kfree(open);
	return 0;
}

static ssize_t node_read(struct file *file, char __user *buffer, size_t size, loff_t *position)
{
	struct node_file *open = file->private_data;

	return vmanager_queue_read(open->queue, buffer, size, !(file->f_flags & O_NONBLOCK));
}

static __poll_t node_poll(struct file *file, poll_table *table)
{
	struct node_file *open = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &open->queue->wait, table);
	if (vmanager_queue_has_event(open->queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(open->partition->gone))
		mask |= EPOLLHUP;
	return mask;
}

static const struct file_operations node_operations = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.read = node_read,
	.poll = node_poll,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * vmanager_node_add - make /dev/vmanX
 * @partition: partition X
 *
 * Return: 0 or a negative errno.
 */
int vmanager_node_add(struct vmanager_partition *partition)
{
	struct device *device;
	int minor = ida_alloc_max(&minors, VMANAGER_PARTITIONS_MAX - 1, GFP_KERNEL);

	if (minor < 0)
		return minor;
	partition->minor = minor;
	device = device_create(class, NULL, first + minor, NULL, "vman%u", partition->id);
	if (IS_ERR(device)) {
		ida_free(&minors, minor);
		return PTR_ERR(device);
	}
	return 0;
}

/**
 * vmanager_node_remove - take /dev/vmanX away
 * @partition: partition X
 */
void vmanager_node_remove(struct vmanager_partition *partition)
{
	device_destroy(class, first + partition->minor);
	ida_free(&minors, partition->minor);
}

/**
 * vmanager_nodes_init - get ready to make nodes
 *
 * Return: 0 or a negative errno.
 */
int vmanager_nodes_init(void)
{
	int err = alloc_chrdev_region(&first, 0, VMANAGER_PARTITIONS_MAX, CLASS_NAME);

	if (err)
		return err;
	cdev_init(&cdev, &node_operations);
	cdev.owner = THIS_MODULE;
	err = cdev_add(&cdev, first, VMANAGER_PARTITIONS_MAX);
	if (err)
		goto free_region;
	class = vmanager_class_create(CLASS_NAME);
	if (IS_ERR(class)) {
		err = PTR_ERR(class);
		goto delete_cdev;
	}
	return 0;

delete_cdev:
	cdev_del(&cdev);
free_region:
	unregister_chrdev_region(first, VMANAGER_PARTITIONS_MAX);
	return err;
}

void vmanager_nodes_exit(void)
{
	class_destroy(class);
	cdev_del(&cdev);
	unregister_chrdev_region(first, VMANAGER_PARTITIONS_MAX);
}

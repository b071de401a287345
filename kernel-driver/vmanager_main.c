// SPDX-License-Identifier: GPL-2.0-only
/*
 * vManager driver: cuts an ARMv8 board into partitions with the help of its firmware. This file: the module and
 * /dev/vmanager, the board.
 */
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "vmanager_driver.h"

static struct dentry *debug_directory;

static int get_version(void *file, void *argument)
{
	struct vmanager_version *version = argument;

	version->abi = VMANAGER_ABI_VERSION;
	version->firmware = vmanager_board.firmware;
	version->slots = vmanager_board.slots;
	return 0;
}

static int host(void *file, void *argument)
{
	return vmanager_host(argument);
}

static int cpu_info(void *file, void *argument)
{
	struct vmanager_cpu_info *info = argument;
	u64 out[3];
	int err;

	if (info->cpu >= vmanager_board.cpus)
		return vmanager_refuse(&info->header, -EINVAL, VMANAGER_REASON_CPU_INDEX, info->cpu,
				       vmanager_board.cpus);
	err = vmanager_smc_query(VMANAGER_SMC_CPU_INFO, info->cpu, 0, out, &info->header);
	if (err)
		return err;
	info->mpidr = out[0];
	info->owner = out[1];
	info->power = out[2];
	info->available = vmanager_cpu_available(info->cpu, info->owner);
	return 0;
}

static int create(void *file, void *argument)
{
	return vmanager_create(argument);
}

/* The numbers are collected first, for the list's lock is not held while user memory is written. */
static int list(void *file, void *argument)
{
	struct vmanager_list *list = argument;
	struct vmanager_partition *partition;
	u32 ids[VMANAGER_PARTITIONS_MAX];
	u32 count = 0;

	mutex_lock(&vmanager_list_lock);
	list_for_each_entry(partition, &vmanager_partitions, node)
		if (count < ARRAY_SIZE(ids))
			ids[count++] = partition->id;
	mutex_unlock(&vmanager_list_lock);
	list->count = count;
	if (copy_to_user(u64_to_user_ptr(list->ids), ids, min(count, list->capacity) * sizeof(ids[0])))
		return -EFAULT;
	return 0;
}

static int info(void *file, void *argument)
{
	struct vmanager_info *info = argument;
	struct vmanager_partition *partition = vmanager_partition_find(info->id);
	int err;

	if (!partition)
		return vmanager_refuse(&info->header, -ENODEV, VMANAGER_REASON_NO_PARTITION, info->id, 0);
	err = vmanager_partition_info(partition, info);
	vmanager_partition_put(partition);
	return err;
}

static int link_create(void *file, void *argument)
{
	return vmanager_link_create(argument);
}

static int link_info(void *file, void *argument)
{
	return vmanager_link_info(argument);
}

#define CALL(number, type, function, word) { number, sizeof(struct type), sizeof(struct type), word, function }

static const struct vmanager_call calls[] = {
	CALL(VMANAGER_GET_VERSION, vmanager_version, get_version, offsetof(struct vmanager_version, reserved)),
	CALL(VMANAGER_HOST, vmanager_host, host, 0),
	CALL(VMANAGER_CPU_INFO, vmanager_cpu_info, cpu_info, 0),
	CALL(VMANAGER_CREATE, vmanager_create, create, 0),
	CALL(VMANAGER_LIST, vmanager_list, list, 0),
	CALL(VMANAGER_INFO, vmanager_info, info, 0),
	CALL(VMANAGER_LINK, vmanager_link, link_create, offsetof(struct vmanager_link, reserved)),
	CALL(VMANAGER_LINK_INFO, vmanager_link, link_info, offsetof(struct vmanager_link, reserved)),
};

static long main_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	return vmanager_dispatch(calls, ARRAY_SIZE(calls), file, command, (void __user *)argument);
}

static int main_open(struct inode *inode, struct file *file)
{
	struct vmanager_queue *queue = vmanager_queue_open(0);

	if (!queue)
		return -ENOMEM;
	file->private_data = queue;
	return stream_open(inode, file);
}

static int main_release(struct inode *inode, struct file *file)
{
	vmanager_queue_close(file->private_data);
	return 0;
}

static ssize_t main_read(struct file *file, char __user *buffer, size_t size, loff_t *position)
{
	return vmanager_queue_read(file->private_data, buffer, size, !(file->f_flags & O_NONBLOCK));
}

static __poll_t main_poll(struct file *file, poll_table *table)
{
	struct vmanager_queue *queue = file->private_data;

	poll_wait(file, &queue->wait, table);
	return vmanager_queue_has_event(queue) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations main_operations = {
	.owner = THIS_MODULE,
	.open = main_open,
	.release = main_release,
	.read = main_read,
	.poll = main_poll,
	.unlocked_ioctl = main_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice main_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = VMANAGER_NAME,
	.fops = &main_operations,
	.mode = 0600,
};

static int __init vmanager_init(void)
{
	int err;

	err = vmanager_smc_probe() ?: vmanager_board_init();
	if (err)
		return err;
	err = vmanager_nodes_init();
	if (err)
		return err;
	err = vmanager_partitions_adopt();
	if (err)
		goto forget;
	vmanager_events_init();
	err = misc_register(&main_device);
	if (err)
		goto stop_events;
	debug_directory = debugfs_create_dir(VMANAGER_NAME, NULL);
	vmanager_trace_init(debug_directory);
	pr_info("%u CPUs, pool of %llu MiB at %#llx, firmware ABI %u.%u\n", vmanager_board.cpus,
		vmanager_board.memory[1] >> 20, vmanager_board.memory[0], vmanager_board.firmware >> 16,
		vmanager_board.firmware & 0xffff);
	return 0;

stop_events:
	vmanager_events_exit();
forget:
	vmanager_partitions_forget();
	vmanager_nodes_exit();
	return err;
}

static void __exit vmanager_exit(void)
{
	debugfs_remove(debug_directory);
	misc_deregister(&main_device);
	vmanager_events_exit();
	vmanager_partitions_forget();
	vmanager_nodes_exit();
}

module_init(vmanager_init);
module_exit(vmanager_exit);

MODULE_ALIAS("of:N*T*Caivirt,vmanager");
MODULE_AUTHOR("The aivirt authors");
MODULE_DESCRIPTION("Partitions of an ARMv8 board: /dev/vmanager and /dev/vmanX");
MODULE_LICENSE("GPL");

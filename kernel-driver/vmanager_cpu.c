// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs of the management partition's Linux: taken before a partition is made of them, given back afterwards.
 */
#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/printk.h>

#include "vmanager_driver.h"

static bool has(const u64 cpus[VMANAGER_CPU_WORDS], unsigned int cpu)
{
	return cpus[cpu / 64] >> (cpu % 64) & 1;
}

/**
 * vmanager_cpu_available - whether a new partition may get a CPU
 * @cpu: index on the board
 * @owner: partition that the firmware says it belongs to
 *
 * A CPU that Linux does not know (nr_cpus=, not in its device tree) is left alone, for nobody could give it back.
 */
bool vmanager_cpu_available(unsigned int cpu, u32 owner)
{
	int linux_cpu = vmanager_board.linux_cpu[cpu];
	struct device *device;

	if (owner != 0 || cpu == vmanager_board.boot_cpu || linux_cpu < 0)
		return false;
	device = get_cpu_device(linux_cpu);
	return device && !device->offline_disabled;
}

/* remove_cpu() answers 1 for a CPU that is off already. */
static int take(unsigned int cpu, struct vmanager_header *why)
{
	int err = remove_cpu(vmanager_board.linux_cpu[cpu]);

	if (err < 0)
		return vmanager_refuse(why, -EBUSY, VMANAGER_REASON_CPU, cpu, -err);
	return 0;
}

static void give_back(unsigned int cpu)
{
	int linux_cpu = vmanager_board.linux_cpu[cpu];
	int err;

	if (linux_cpu < 0)
		return;
	err = add_cpu(linux_cpu);
	if (err < 0)
		pr_warn("CPU %u does not come back: %d\n", cpu, err);
}

/**
 * vmanager_cpus_take - make CPUs offline
 * @cpus: one bit each
 * @why: header to note a refusal in
 *
 * Return: 0, or -EBUSY, and those that went are back.
 */
int vmanager_cpus_take(const u64 cpus[VMANAGER_CPU_WORDS], struct vmanager_header *why)
{
	u64 taken[VMANAGER_CPU_WORDS] = {};
	unsigned int cpu;
	int err;

	for (cpu = 0; cpu < vmanager_board.cpus; cpu++) {
		if (!has(cpus, cpu))
			continue;
		err = take(cpu, why);
		if (err) {
			vmanager_cpus_give_back(taken);
			return err;
		}
		taken[cpu / 64] |= BIT_ULL(cpu % 64);
	}
	return 0;
}

/**
 * vmanager_cpus_give_back - make CPUs online again
 * @cpus: one bit each
 */
void vmanager_cpus_give_back(const u64 cpus[VMANAGER_CPU_WORDS])
{
	unsigned int cpu;

	for (cpu = 0; cpu < vmanager_board.cpus; cpu++)
		if (has(cpus, cpu))
			give_back(cpu);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the board is: read once from the firmware, compared with the device tree and the module's parameters.
 */
#include <linux/errno.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/printk.h>

#include "vmanager_driver.h"

#define POOL_COMPATIBLE "aivirt,vmanager-pool"

static u64 pool[2];
static int pool_words;
module_param_array(pool, ullong, &pool_words, 0444);
MODULE_PARM_DESC(pool, "base,size in bytes of the partitions' memory; must be what the firmware says");

struct vmanager_board vmanager_board;

/**
 * vmanager_board_cpu - the board's number of a CPU
 * @linux_cpu: this Linux's number
 *
 * Return: its index on the board; @linux_cpu itself while the board is not known.
 */
unsigned int vmanager_board_cpu(unsigned int linux_cpu)
{
	unsigned int cpu;

	for (cpu = 0; cpu < vmanager_board.cpus; cpu++)
		if (vmanager_board.linux_cpu[cpu] == (int)linux_cpu)
			return cpu;
	return linux_cpu;
}

static int page(u64 number, u64 out[3])
{
	struct vmanager_header why = {};
	int err = vmanager_smc_query(VMANAGER_SMC_BOARD_INFO, number, 0, out, &why);

	if (err)
		pr_err("firmware refuses page %llu of the board: %#llx\n", number, why.detail[0]);
	return err;
}

static int read_pages(void)
{
	u64 out[3];
	int err;

	err = page(VMANAGER_SMC_BOARD_CPUS, out);
	if (err)
		return err;
	if (out[0] == 0 || out[0] > VMANAGER_CPUS_MAX || out[2] >= out[0] || out[1] < PAGE_SIZE) {
		pr_err("firmware tells of %llu CPUs, boot CPU %llu, granule %llu\n", out[0], out[2], out[1]);
		return -EPROTO;
	}
	vmanager_board.cpus = out[0];
	vmanager_board.granule = out[1];
	vmanager_board.boot_cpu = out[2];

	err = page(VMANAGER_SMC_BOARD_MEMORY, out);
	if (err)
		return err;
	memcpy(vmanager_board.memory, out, sizeof(vmanager_board.memory));

	err = page(VMANAGER_SMC_BOARD_SECURE_MEMORY, out);
	if (err)
		return err;
	memcpy(vmanager_board.secure_memory, out, sizeof(vmanager_board.secure_memory));

	err = page(VMANAGER_SMC_BOARD_EVENT_INTERRUPT, out);
	if (err)
		return err;
	vmanager_board.interrupt = out[0];
	return 0;
}

static u64 linux_cpu_mpidr(unsigned int cpu)
{
	struct device_node *node = of_get_cpu_node(cpu, NULL);
	const __be32 *reg;
	u64 mpidr = U64_MAX;

	if (!node)
		return mpidr;
	reg = of_get_property(node, "reg", NULL);
	if (reg)
		mpidr = of_read_number(reg, of_n_addr_cells(node));
	of_node_put(node);
	return mpidr;
}

static int find_linux_cpu(u64 mpidr)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (linux_cpu_mpidr(cpu) == mpidr)
			return cpu;
	return -1;
}

static int read_cpus(void)
{
	struct vmanager_header why = {};
	unsigned int cpu;
	u64 out[3];
	int err;

	for (cpu = 0; cpu < vmanager_board.cpus; cpu++) {
		err = vmanager_smc_query(VMANAGER_SMC_CPU_INFO, cpu, 0, out, &why);
		if (err) {
			pr_err("firmware refuses to tell of CPU %u: %#llx\n", cpu, why.detail[0]);
			return err;
		}
		vmanager_board.mpidr[cpu] = out[0];
		vmanager_board.linux_cpu[cpu] = find_linux_cpu(out[0]);
	}
	return 0;
}

static int compare_pool(const char *source, u64 base, u64 size)
{
	if (base == vmanager_board.memory[0] && size == vmanager_board.memory[1])
		return 0;
	pr_err("%s says pool %#llx+%#llx, firmware %#llx+%#llx\n", source, base, size, vmanager_board.memory[0],
	       vmanager_board.memory[1]);
	return -EINVAL;
}

static int check_reserved_memory(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, POOL_COMPATIBLE);
	struct resource resource;
	int err;

	if (!node)
		return 0;
	err = of_address_to_resource(node, 0, &resource);
	of_node_put(node);
	if (err) {
		pr_err("node " POOL_COMPATIBLE " has no usable reg\n");
		return err;
	}
	return compare_pool("device tree", resource.start, resource_size(&resource));
}

static int check_parameter(void)
{
	if (pool_words == 0)
		return 0;
	if (pool_words != 2) {
		pr_err("parameter pool needs base,size\n");
		return -EINVAL;
	}
	return compare_pool("parameter", pool[0], pool[1]);
}

/* Linux must not use the pool itself: the firmware takes it away while a partition runs. */
static int check_unused(void)
{
	if (region_intersects(vmanager_board.memory[0], vmanager_board.memory[1], IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) == REGION_DISJOINT)
		return 0;
	pr_err("pool %#llx+%#llx is RAM of this Linux: reserve it with no-map\n", vmanager_board.memory[0],
	       vmanager_board.memory[1]);
	return -EINVAL;
}

/**
 * vmanager_board_init - read what the board is
 *
 * Return: 0, or a negative errno with the reason in the kernel's log.
 */
int vmanager_board_init(void)
{
	return read_pages() ?: read_cpus() ?: check_parameter() ?: check_reserved_memory() ?: check_unused();
}

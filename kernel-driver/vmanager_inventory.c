// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the board has and what of it is taken, given to the planner (vmanager_plan.c).
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "vmanager_driver.h"
#include "vmanager_plan.h"

static_assert(VMANAGER_PLAN_CPU_WORDS == VMANAGER_CPU_WORDS);
static_assert((int)VMANAGER_PLAN_NON_SECURE == VMANAGER_WORLD_NON_SECURE);
static_assert((int)VMANAGER_PLAN_SECURE == VMANAGER_WORLD_SECURE);

/* Affinity level 0 counts the CPUs of a cluster. */
#define MPIDR_CLUSTER_SHIFT 8

struct stock {
	struct vmanager_plan_inventory inventory;
	struct vmanager_plan_range pools[VMANAGER_PLAN_WORLDS];
	u8 clusters[VMANAGER_CPUS_MAX];
	struct vmanager_plan_range used[VMANAGER_PARTITIONS_MAX + VMANAGER_SMC_LINKS_MAX];
};

static int compare_ranges(const void *a, const void *b)
{
	const struct vmanager_plan_range *left = a, *right = b;

	if (left->base == right->base)
		return 0;
	return left->base < right->base ? -1 : 1;
}

static size_t add_partitions(struct stock *stock)
{
	struct vmanager_partition *partition;
	size_t count = 0;

	mutex_lock(&vmanager_list_lock);
	list_for_each_entry(partition, &vmanager_partitions, node) {
		if (count == VMANAGER_PARTITIONS_MAX)
			break;
		stock->used[count].base = partition->base;
		stock->used[count++].size = partition->memory;
	}
	mutex_unlock(&vmanager_list_lock);
	return count;
}

/* A firmware that knows no links has none. */
static int add_links(struct stock *stock, size_t *count, struct vmanager_header *why)
{
	u64 out[3];
	u32 index;
	int err;

	for (index = 0; index < VMANAGER_SMC_LINKS_MAX; index++) {
		err = vmanager_smc_query(VMANAGER_SMC_LINK_INFO, index, 0, out, why);
		if (err)
			return err == -EOPNOTSUPP ? 0 : err;
		if (!out[2])
			break;
		stock->used[*count].base = out[1];
		stock->used[(*count)++].size = out[2];
	}
	return 0;
}

static int count_used(struct stock *stock, struct vmanager_header *why)
{
	size_t count = add_partitions(stock);
	int err = add_links(stock, &count, why);

	if (err)
		return err;
	sort(stock->used, count, sizeof(stock->used[0]), compare_ranges, NULL);
	stock->inventory.used.ranges = stock->used;
	stock->inventory.used.count = count;
	return 0;
}

/* Clusters are numbered in the order of their first CPU; all beyond 255 are one. */
static u8 cluster_of(const struct stock *stock, unsigned int cpu)
{
	u64 cluster = vmanager_board.mpidr[cpu] >> MPIDR_CLUSTER_SHIFT;
	unsigned int other, next = 0;

	for (other = 0; other < cpu; other++) {
		if (vmanager_board.mpidr[other] >> MPIDR_CLUSTER_SHIFT == cluster)
			return stock->clusters[other];
		next = max(next, stock->clusters[other] + 1u);
	}
	return min(next, (unsigned int)U8_MAX);
}

static int count_cpus(struct stock *stock, struct vmanager_header *why)
{
	unsigned int cpu;
	u64 out[3];
	int err;

	for (cpu = 0; cpu < vmanager_board.cpus; cpu++) {
		stock->clusters[cpu] = cluster_of(stock, cpu);
		err = vmanager_smc_query(VMANAGER_SMC_CPU_INFO, cpu, 0, out, why);
		if (err)
			return err;
		if (vmanager_cpu_available(cpu, out[1]))
			stock->inventory.free[cpu / 64] |= BIT_ULL(cpu % 64);
	}
	stock->inventory.clusters = stock->clusters;
	stock->inventory.cluster_count = vmanager_board.cpus;
	stock->inventory.management[vmanager_board.boot_cpu / 64] |= BIT_ULL(vmanager_board.boot_cpu % 64);
	return 0;
}

static void add_pool(struct stock *stock, unsigned int world, const u64 pool[2])
{
	stock->pools[world].base = pool[0];
	stock->pools[world].size = pool[1];
	stock->inventory.pools[world].ranges = &stock->pools[world];
	stock->inventory.pools[world].count = pool[1] ? 1 : 0;
}

static struct stock *take_stock(struct vmanager_header *why)
{
	struct stock *stock = kzalloc(sizeof(*stock), GFP_KERNEL);
	int err;

	if (!stock)
		return ERR_PTR(-ENOMEM);
	stock->inventory.granule = vmanager_board.granule;
	add_pool(stock, VMANAGER_PLAN_NON_SECURE, vmanager_board.memory);
	add_pool(stock, VMANAGER_PLAN_SECURE, vmanager_board.secure_memory);
	err = count_used(stock, why) ?: count_cpus(stock, why);
	if (err) {
		kfree(stock);
		return ERR_PTR(err);
	}
	return stock;
}

static int refuse_list(struct vmanager_header *why)
{
	return vmanager_refuse(why, -EIO, VMANAGER_REASON_NONE, 0, 0);
}

static int plan_errno(enum vmanager_plan_status status, const struct vmanager_create *create,
		      const struct vmanager_plan_detail *detail, struct vmanager_header *why)
{
	u32 memory = create->world == VMANAGER_WORLD_SECURE ? VMANAGER_REASON_SECURE_MEMORY : VMANAGER_REASON_MEMORY;

	switch (status) {
	case VMANAGER_PLAN_OK:
		return 0;
	case VMANAGER_PLAN_NO_CORES:
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_NO_CORES, 0, 0);
	case VMANAGER_PLAN_NO_MEMORY:
	case VMANAGER_PLAN_NOT_A_MULTIPLE:
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_GRANULE, create->memory,
				       vmanager_board.granule);
	case VMANAGER_PLAN_BAD_WORLD:
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_WORLD, create->world, 0);
	case VMANAGER_PLAN_SHARED_NOT_SECURE:
	case VMANAGER_PLAN_SHARED_WITH_MANAGEMENT:
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_SHARED, create->shared_with, 0);
	case VMANAGER_PLAN_NOT_ENOUGH_CORES:
	case VMANAGER_PLAN_NOT_ENOUGH_SHARED_CORES:
		return vmanager_refuse(why, -ENOSPC, VMANAGER_REASON_CORES, detail->wanted, detail->free);
	case VMANAGER_PLAN_NO_POOL:
		return vmanager_refuse(why, -EOPNOTSUPP, VMANAGER_REASON_NO_SECURE_WORLD, 0, 0);
	case VMANAGER_PLAN_NOT_ENOUGH_MEMORY:
	case VMANAGER_PLAN_FRAGMENTED:
		return vmanager_refuse(why, -ENOSPC, memory, detail->wanted, detail->largest);
	case VMANAGER_PLAN_BAD_GRANULE:
	case VMANAGER_PLAN_RANGE_WRAPS:
	case VMANAGER_PLAN_NOT_SORTED:
		return refuse_list(why);
	}
	return refuse_list(why);
}

/* Only the CPUs of a non-critical partition are shared, and not those that it shares itself. */
static int find_shared(struct vmanager_create *create, struct vmanager_plan_request *request)
{
	struct vmanager_partition *other;
	int err = 0;

	if (!create->shared_with)
		return 0;
	other = vmanager_partition_find(create->shared_with);
	if (!other)
		return vmanager_refuse(&create->header, -ENODEV, VMANAGER_REASON_SHARED_GONE, create->shared_with, 0);
	if (other->world == VMANAGER_WORLD_SECURE)
		err = vmanager_refuse(&create->header, -EINVAL, VMANAGER_REASON_SHARED, create->shared_with, 0);
	request->is_sharer = true;
	memcpy(request->shared, other->cpus, sizeof(request->shared));
	vmanager_partition_put(other);
	return err;
}

/**
 * vmanager_plan_create - choose what a new partition gets
 * @create: what is asked; under vmanager_create_lock, so that nothing else is created meanwhile
 * @cpus: (out) its CPUs
 * @base: (out) first address of its memory
 *
 * Return: 0 or a negative errno.
 */
int vmanager_plan_create(struct vmanager_create *create, u64 cpus[VMANAGER_CPU_WORDS], u64 *base)
{
	struct vmanager_plan_request request = {
		.cores = create->cores,
		.world = create->world,
		.memory = create->memory,
	};
	struct vmanager_plan_detail detail;
	struct vmanager_plan_grant grant;
	struct stock *stock;
	int err;

	err = find_shared(create, &request);
	if (err)
		return err;
	stock = take_stock(&create->header);
	if (IS_ERR(stock))
		return PTR_ERR(stock);
	err = plan_errno(vmanager_plan(&stock->inventory, &request, &grant, &detail), create, &detail,
			 &create->header);
	kfree(stock);
	if (err)
		return err;
	memcpy(cpus, grant.cpus, sizeof(grant.cpus));
	*base = grant.memory.base;
	return 0;
}

/* The highest free place, away from where partitions are put. */
static bool find_link(const struct stock *stock, u64 *base)
{
	const struct vmanager_plan_range *pool = &stock->pools[VMANAGER_PLAN_NON_SECURE];
	u64 granule = vmanager_board.granule, end = pool->base + pool->size;
	size_t i = stock->inventory.used.count;

	while (i--) {
		const struct vmanager_plan_range *used = &stock->used[i];

		if (used->base >= end || used->base + used->size <= pool->base)
			continue;
		if (used->base + used->size + granule <= end)
			break;
		end = used->base;
	}
	*base = end - granule;
	return end >= pool->base + granule;
}

/**
 * vmanager_plan_link - choose the place of a link
 * @base: (out) its first address
 * @why: header to note a refusal in
 *
 * Under vmanager_create_lock.
 *
 * Return: 0 or a negative errno.
 */
int vmanager_plan_link(u64 *base, struct vmanager_header *why)
{
	struct stock *stock = take_stock(why);
	bool found;

	if (IS_ERR(stock))
		return PTR_ERR(stock);
	found = find_link(stock, base);
	kfree(stock);
	return found ? 0 : vmanager_refuse(why, -ENOSPC, VMANAGER_REASON_MEMORY, vmanager_board.granule, 0);
}

static int fill_pool(const struct stock *stock, unsigned int world, struct vmanager_pool *pool,
		     struct vmanager_header *why)
{
	struct vmanager_plan_figures figures;

	if (vmanager_plan_memory(&stock->inventory, world, &figures) != VMANAGER_PLAN_OK)
		return refuse_list(why);
	pool->base = stock->pools[world].base;
	pool->total = figures.total;
	pool->free = figures.free;
	pool->largest = figures.largest;
	return 0;
}

/**
 * vmanager_host - carry out VMANAGER_HOST
 * @host: argument
 *
 * Return: 0 or a negative errno.
 */
int vmanager_host(struct vmanager_host *host)
{
	struct stock *stock = take_stock(&host->header);
	int err;

	if (IS_ERR(stock))
		return PTR_ERR(stock);
	host->cpus = vmanager_board.cpus;
	host->boot_cpu = vmanager_board.boot_cpu;
	host->granule = vmanager_board.granule;
	host->management_memory = (u64)totalram_pages() << PAGE_SHIFT;
	err = fill_pool(stock, VMANAGER_PLAN_NON_SECURE, &host->memory, &host->header) ?:
	      fill_pool(stock, VMANAGER_PLAN_SECURE, &host->secure_memory, &host->header);
	kfree(stock);
	return err;
}

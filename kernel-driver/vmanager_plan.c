// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Which CPUs and which memory a new partition gets: see vman-core's `plan` for the rules in words.
 *
 * CPUs: while some cluster can give all that are still wanted, the one with the fewest gives the lowest of them;
 * otherwise the one with the most gives all. Memory: the smallest hole that is large enough gives its lower end.
 * Ties go to the lowest number or address.
 */
#include "vmanager_plan.h"

#define CLUSTERS 256
#define WORD_BITS 64

/* ---- CPU sets ---- */

static bool cpu_in(const u64 *set, unsigned int cpu)
{
	return set[cpu / WORD_BITS] >> (cpu % WORD_BITS) & 1;
}

static unsigned int cpu_count(const u64 *set)
{
	unsigned int cpu, count = 0;

	for (cpu = 0; cpu < VMANAGER_PLAN_CPUS; cpu++)
		count += cpu_in(set, cpu);
	return count;
}

static unsigned int cluster_of(const struct vmanager_plan_inventory *inventory, unsigned int cpu)
{
	return cpu < inventory->cluster_count ? inventory->clusters[cpu] : 0;
}

/* Moves the lowest @wanted CPUs of @from that lie in @cluster (any, if @clusters_of is NULL) to @to. */
static void cpu_move(u64 *from, u64 *to, unsigned int wanted, const struct vmanager_plan_inventory *clusters_of,
		     unsigned int cluster)
{
	unsigned int cpu;

	for (cpu = 0; cpu < VMANAGER_PLAN_CPUS && wanted; cpu++) {
		if (!cpu_in(from, cpu) || (clusters_of && cluster_of(clusters_of, cpu) != cluster))
			continue;
		from[cpu / WORD_BITS] &= ~((u64)1 << (cpu % WORD_BITS));
		to[cpu / WORD_BITS] |= (u64)1 << (cpu % WORD_BITS);
		wanted--;
	}
}

/* ---- cores ---- */

static enum vmanager_plan_status too_few(enum vmanager_plan_status status, u64 wanted, u64 free,
					 struct vmanager_plan_detail *detail)
{
	detail->wanted = wanted;
	detail->free = free;
	return status;
}

static enum vmanager_plan_status plan_shared_cores(const struct vmanager_plan_inventory *inventory,
						   const struct vmanager_plan_request *request, u64 *cpus,
						   struct vmanager_plan_detail *detail)
{
	u64 shared[VMANAGER_PLAN_CPU_WORDS];
	unsigned int cpu, count, word;

	for (cpu = 0; cpu < VMANAGER_PLAN_CPUS; cpu++) {
		if (cpu_in(request->shared, cpu) && cpu_in(inventory->management, cpu)) {
			detail->index = cpu;
			return VMANAGER_PLAN_SHARED_WITH_MANAGEMENT;
		}
	}
	count = cpu_count(request->shared);
	if (request->cores > count)
		return too_few(VMANAGER_PLAN_NOT_ENOUGH_SHARED_CORES, request->cores, count, detail);
	for (word = 0; word < VMANAGER_PLAN_CPU_WORDS; word++)
		shared[word] = request->shared[word];
	cpu_move(shared, cpus, request->cores, NULL, 0);
	return VMANAGER_PLAN_OK;
}

/* The cluster that gives CPUs next: the smallest one that can give @wanted, else the largest. */
static unsigned int next_cluster(const u16 *counts, unsigned int wanted)
{
	unsigned int cluster, fitting = CLUSTERS, largest = 0;

	for (cluster = 0; cluster < CLUSTERS; cluster++) {
		if (counts[cluster] >= wanted && (fitting == CLUSTERS || counts[cluster] < counts[fitting]))
			fitting = cluster;
		if (counts[cluster] > counts[largest])
			largest = cluster;
	}
	return fitting < CLUSTERS ? fitting : largest;
}

static enum vmanager_plan_status plan_own_cores(const struct vmanager_plan_inventory *inventory,
						const struct vmanager_plan_request *request, u64 *cpus,
						struct vmanager_plan_detail *detail)
{
	u64 available[VMANAGER_PLAN_CPU_WORDS];
	u16 counts[CLUSTERS] = { 0 };
	unsigned int cpu, word, count, wanted, cluster;

	for (word = 0; word < VMANAGER_PLAN_CPU_WORDS; word++)
		available[word] = inventory->free[word] & ~inventory->management[word];
	count = cpu_count(available);
	if (request->cores > count)
		return too_few(VMANAGER_PLAN_NOT_ENOUGH_CORES, request->cores, count, detail);
	for (cpu = 0; cpu < VMANAGER_PLAN_CPUS; cpu++)
		if (cpu_in(available, cpu))
			counts[cluster_of(inventory, cpu)]++;
	for (wanted = request->cores; wanted; wanted -= count) {
		cluster = next_cluster(counts, wanted);
		count = counts[cluster] < wanted ? counts[cluster] : wanted;
		cpu_move(available, cpus, count, inventory, cluster);
		counts[cluster] = 0;
	}
	return VMANAGER_PLAN_OK;
}

/* ---- memory ---- */

static u64 range_end(const struct vmanager_plan_range *range)
{
	return range->base + range->size;
}

static enum vmanager_plan_status check_list(const struct vmanager_plan_list *list, u32 id,
					    struct vmanager_plan_detail *detail)
{
	enum vmanager_plan_status status = VMANAGER_PLAN_OK;
	size_t index;

	for (index = 0; index < list->count && status == VMANAGER_PLAN_OK; index++) {
		const struct vmanager_plan_range *range = &list->ranges[index];

		if (range_end(range) < range->base)
			status = VMANAGER_PLAN_RANGE_WRAPS;
		else if (index && range->base < range_end(range - 1))
			status = VMANAGER_PLAN_NOT_SORTED;
		if (status != VMANAGER_PLAN_OK) {
			detail->list = id;
			detail->index = index;
		}
	}
	return status;
}

static enum vmanager_plan_status check_lists(const struct vmanager_plan_inventory *inventory, u32 world,
					     struct vmanager_plan_detail *detail)
{
	enum vmanager_plan_status status;

	status = check_list(&inventory->pools[world], world, detail);
	if (status != VMANAGER_PLAN_OK)
		return status;
	return check_list(&inventory->used, VMANAGER_PLAN_LIST_USED, detail);
}

static bool is_power_of_two(u64 value)
{
	return value && !(value & (value - 1));
}

/* What of the hole from @base to @end can be given: from an aligned base, in whole granules; 0 if nothing. */
static u64 trim(u64 base, u64 end, u64 granule, u64 *from)
{
	u64 align = granule > VMANAGER_PLAN_BASE_ALIGNMENT ? granule : VMANAGER_PLAN_BASE_ALIGNMENT;

	*from = (base + align - 1) & ~(align - 1);
	if (*from < base || *from > end)
		return 0;
	return (end - *from) & ~(granule - 1);
}

/* struct search - the best hole so far, and the sums over all of them */
struct search {
	u64 wanted;
	u64 granule;
	struct vmanager_plan_range best;
	struct vmanager_plan_figures figures;
};

static void consider(struct search *search, u64 base, u64 end)
{
	u64 from, size = trim(base, end, search->granule, &from);

	search->figures.free += size;
	if (size > search->figures.largest)
		search->figures.largest = size;
	if (size >= search->wanted && size && (!search->best.size || size < search->best.size)) {
		search->best.base = from;
		search->best.size = size;
	}
}

/* The holes of @base to @end; @next is the first range in use that may matter, and is moved on. */
static void consider_area(struct search *search, const struct vmanager_plan_list *used, size_t *next, u64 base,
			  u64 end)
{
	while (*next < used->count && used->ranges[*next].base < end) {
		const struct vmanager_plan_range *range = &used->ranges[*next];

		if (range->size && range_end(range) > base) {
			if (range->base > base)
				consider(search, base, range->base);
			base = range_end(range);
			if (base >= end)
				return;
		}
		(*next)++;
	}
	consider(search, base, end);
}

static void search_holes(const struct vmanager_plan_inventory *inventory, u32 world, struct search *search)
{
	const struct vmanager_plan_list *pool = &inventory->pools[world];
	size_t index = 0, next = 0;

	while (index < pool->count) {
		u64 base = pool->ranges[index].base, end = base;

		/* Ranges that touch are one. */
		while (index < pool->count && pool->ranges[index].base == end) {
			search->figures.total += pool->ranges[index].size;
			end = range_end(&pool->ranges[index]);
			index++;
		}
		consider_area(search, &inventory->used, &next, base, end);
	}
}

static enum vmanager_plan_status plan_memory(const struct vmanager_plan_inventory *inventory,
					     const struct vmanager_plan_request *request,
					     struct vmanager_plan_range *memory,
					     struct vmanager_plan_detail *detail)
{
	struct search search = { .wanted = request->memory, .granule = inventory->granule };

	search_holes(inventory, request->world, &search);
	if (search.best.size) {
		memory->base = search.best.base;
		memory->size = request->memory;
		return VMANAGER_PLAN_OK;
	}
	if (!search.figures.total)
		return VMANAGER_PLAN_NO_POOL;
	detail->wanted = request->memory;
	detail->free = search.figures.free;
	detail->largest = search.figures.largest;
	return request->memory > search.figures.free ? VMANAGER_PLAN_NOT_ENOUGH_MEMORY : VMANAGER_PLAN_FRAGMENTED;
}

/* ---- entries ---- */

static enum vmanager_plan_status check_request(const struct vmanager_plan_inventory *inventory,
					       const struct vmanager_plan_request *request)
{
	if (!request->cores)
		return VMANAGER_PLAN_NO_CORES;
	if (!request->memory)
		return VMANAGER_PLAN_NO_MEMORY;
	if (request->world >= VMANAGER_PLAN_WORLDS)
		return VMANAGER_PLAN_BAD_WORLD;
	if (request->is_sharer && request->world != VMANAGER_PLAN_SECURE)
		return VMANAGER_PLAN_SHARED_NOT_SECURE;
	if (!is_power_of_two(inventory->granule))
		return VMANAGER_PLAN_BAD_GRANULE;
	if (request->memory & (inventory->granule - 1))
		return VMANAGER_PLAN_NOT_A_MULTIPLE;
	return VMANAGER_PLAN_OK;
}

enum vmanager_plan_status vmanager_plan(const struct vmanager_plan_inventory *inventory,
					const struct vmanager_plan_request *request,
					struct vmanager_plan_grant *grant,
					struct vmanager_plan_detail *detail)
{
	struct vmanager_plan_grant found = { .cpus = { 0 } };
	enum vmanager_plan_status status;

	*detail = (struct vmanager_plan_detail){ .wanted = 0 };
	status = check_request(inventory, request);
	if (status != VMANAGER_PLAN_OK)
		return status;
	status = check_lists(inventory, request->world, detail);
	if (status != VMANAGER_PLAN_OK)
		return status;
	if (request->is_sharer)
		status = plan_shared_cores(inventory, request, found.cpus, detail);
	else
		status = plan_own_cores(inventory, request, found.cpus, detail);
	if (status != VMANAGER_PLAN_OK)
		return status;
	status = plan_memory(inventory, request, &found.memory, detail);
	if (status == VMANAGER_PLAN_OK)
		*grant = found;
	return status;
}

enum vmanager_plan_status vmanager_plan_memory(const struct vmanager_plan_inventory *inventory, u32 world,
					       struct vmanager_plan_figures *figures)
{
	struct search search = { .wanted = 0, .granule = inventory->granule };
	struct vmanager_plan_detail detail;
	enum vmanager_plan_status status;

	if (world >= VMANAGER_PLAN_WORLDS)
		return VMANAGER_PLAN_BAD_WORLD;
	if (!is_power_of_two(inventory->granule))
		return VMANAGER_PLAN_BAD_GRANULE;
	status = check_lists(inventory, world, &detail);
	if (status != VMANAGER_PLAN_OK)
		return status;
	search_holes(inventory, world, &search);
	*figures = search.figures;
	return VMANAGER_PLAN_OK;
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Runs vmanager_plan.c in user space: one case per input line, one answer per output line. Numbers are as strtoull
 * reads them, separated by spaces.
 *
 * Case: cores world memory is_sharer shared[4] free[4] management[4] granule
 *       count cluster...  then three times (pool, secure pool, in use): count (base size)...
 * Answer: status wanted free largest list index cpus[4] base size, then of vmanager_plan_memory(): status total free
 *         largest
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../vmanager_plan.h"

static char *cursor;

static void die(const char *why)
{
	fprintf(stderr, "plan_filter: %s\n", why);
	exit(2);
}

static u64 number(void)
{
	char *end;
	u64 value;

	errno = 0;
	value = strtoull(cursor, &end, 0);
	if (end == cursor || errno)
		die("number expected");
	cursor = end;
	return value;
}

static void words(u64 *set)
{
	int word;

	for (word = 0; word < VMANAGER_PLAN_CPU_WORDS; word++)
		set[word] = number();
}

/* Exactly as large as needed, so that valgrind sees a read behind the end. */
static void *array(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		die("out of memory");
	return memory;
}

static u8 *clusters(size_t *count)
{
	u8 *list;
	size_t index;

	*count = number();
	list = array(*count, sizeof(*list));
	for (index = 0; index < *count; index++)
		list[index] = (u8)number();
	return list;
}

static struct vmanager_plan_range *ranges(size_t *count)
{
	struct vmanager_plan_range *list;
	size_t index;

	*count = number();
	list = array(*count, sizeof(*list));
	for (index = 0; index < *count; index++) {
		list[index].base = number();
		list[index].size = number();
	}
	return list;
}

static void answer(const struct vmanager_plan_inventory *inventory, const struct vmanager_plan_request *request)
{
	struct vmanager_plan_grant grant = { .cpus = { 0 } };
	struct vmanager_plan_detail detail;
	struct vmanager_plan_figures figures = { .total = 0 };
	enum vmanager_plan_status status;
	int word;

	memset(&detail, 0xff, sizeof(detail));
	status = vmanager_plan(inventory, request, &grant, &detail);
	printf("%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu64, status, detail.wanted, detail.free,
	       detail.largest, detail.list, detail.index);
	for (word = 0; word < VMANAGER_PLAN_CPU_WORDS; word++)
		printf(" %" PRIu64, grant.cpus[word]);
	printf(" %" PRIu64 " %" PRIu64, grant.memory.base, grant.memory.size);
	status = vmanager_plan_memory(inventory, request->world, &figures);
	printf(" %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", status, figures.total, figures.free, figures.largest);
}

static void run(void)
{
	struct vmanager_plan_request request;
	struct vmanager_plan_inventory inventory;
	u8 *cluster_list;
	struct vmanager_plan_range *lists[3];
	size_t counts[3];
	int list;

	request.cores = (u32)number();
	request.world = (u32)number();
	request.memory = number();
	request.is_sharer = number() != 0;
	words(request.shared);
	words(inventory.free);
	words(inventory.management);
	inventory.granule = number();
	cluster_list = clusters(&inventory.cluster_count);
	inventory.clusters = cluster_list;
	for (list = 0; list < 3; list++)
		lists[list] = ranges(&counts[list]);
	for (list = 0; list < 2; list++)
		inventory.pools[list] = (struct vmanager_plan_list){ lists[list], counts[list] };
	inventory.used = (struct vmanager_plan_list){ lists[2], counts[2] };
	answer(&inventory, &request);
	for (list = 0; list < 3; list++)
		free(lists[list]);
	free(cluster_list);
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		cursor = line;
		run();
	}
	free(line);
	return 0;
}

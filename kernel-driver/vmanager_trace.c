// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last SMCs, as JSON lines in debugfs (vmanager/trace), in the form of vman-sim's traces: the board in the first
 * line, then a call in each. Fetching an event when there is none changes nothing and would push out everything else,
 * so it is not recorded.
 */
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "vmanager_driver.h"

#define TRACE_CALLS 4096

struct record {
	u32 cpu;
	u32 function;
	u64 in[7];
	u64 out[4];
};

static DEFINE_SPINLOCK(lock);
static struct record records[TRACE_CALLS];
static u64 recorded;

static bool is_empty_event(u32 function, const u64 out[4])
{
	return function == VMANAGER_SMC_EVENT_GET && out[0] == 0 && out[1] == 0;
}

/**
 * vmanager_trace - remember a call
 * @cpu: the board's index of the CPU that made it
 * @function: x0
 * @in: x1..x7
 * @out: x0..x3 of the answer
 */
void vmanager_trace(unsigned int cpu, u32 function, const u64 in[7], const u64 out[4])
{
	struct record *record;
	unsigned long flags;

	if (is_empty_event(function, out))
		return;
	spin_lock_irqsave(&lock, flags);
	record = &records[recorded++ % TRACE_CALLS];
	record->cpu = cpu;
	record->function = function;
	memcpy(record->in, in, sizeof(record->in));
	memcpy(record->out, out, sizeof(record->out));
	spin_unlock_irqrestore(&lock, flags);
}

static void print(struct seq_file *file, const struct record *record)
{
	unsigned int i;

	seq_printf(file, "{\"cpu\":%u,\"function\":%u,\"args\":[", record->cpu, record->function);
	for (i = 0; i < ARRAY_SIZE(record->in); i++)
		seq_printf(file, "%s%llu", i ? "," : "", record->in[i]);
	seq_puts(file, "],\"return\":[");
	for (i = 0; i < ARRAY_SIZE(record->out); i++)
		seq_printf(file, "%s%llu", i ? "," : "", record->out[i]);
	seq_puts(file, "]}\n");
}

/* One record at a time under the lock; records that were pushed out meanwhile are skipped. */
static bool get(u64 number, struct record *record)
{
	unsigned long flags;
	bool kept;

	spin_lock_irqsave(&lock, flags);
	kept = number < recorded && recorded - number <= TRACE_CALLS;
	if (kept)
		*record = records[number % TRACE_CALLS];
	spin_unlock_irqrestore(&lock, flags);
	return kept;
}

/* CPUs of a cluster are numbered by affinity level 0. */
static unsigned int cluster_size(void)
{
	unsigned int cpu, count = 0;

	for (cpu = 0; cpu < vmanager_board.cpus; cpu++)
		count += vmanager_board.mpidr[cpu] >> 8 == vmanager_board.mpidr[0] >> 8;
	return count;
}

static void print_board(struct seq_file *file)
{
	const struct vmanager_board *board = &vmanager_board;

	seq_printf(file, "{\"trace\":\"vman-smc\",\"version\":1,\"cpus\":%u,\"cluster\":%u,\"boot_cpu\":%u,\"slots\":%u,",
		   board->cpus, cluster_size(), board->boot_cpu, board->slots);
	seq_printf(file, "\"granule\":%llu,\"memory\":[%llu,%llu],\"secure_memory\":[%llu,%llu]}\n", board->granule,
		   board->memory[0], board->memory[1], board->secure_memory[0], board->secure_memory[1]);
}

static int trace_show(struct seq_file *file, void *data)
{
	u64 end = READ_ONCE(recorded);
	u64 number = end > TRACE_CALLS ? end - TRACE_CALLS : 0;
	struct record record;

	print_board(file);
	for (; number < end; number++)
		if (get(number, &record))
			print(file, &record);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(trace);

/**
 * vmanager_trace_init - make the file
 * @directory: of the driver in debugfs
 */
void vmanager_trace_init(struct dentry *directory)
{
	debugfs_create_file("trace", 0400, directory, NULL, &trace_fops);
}

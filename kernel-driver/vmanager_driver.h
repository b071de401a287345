/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the driver share.
 *
 * Locks, outermost first:
 *   vmanager_create_lock   one creation or destruction at a time: plan, CPUs, firmware record
 *   partition->lock        the partition's record, its claim and its last announced state
 *   vmanager_list_lock     the list of partitions
 *   event queue locks      innermost
 * No lock is held while an operation waits for the firmware: the claim (partition->busy) keeps others out.
 */
#ifndef VMANAGER_DRIVER_H
#define VMANAGER_DRIVER_H

#include <linux/cdev.h>
#include <linux/cpumask.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "include/uapi/vmanager.h"
#include "vmanager_smc.h"

#define VMANAGER_NAME "vmanager"
#define VMANAGER_CPUS_MAX (VMANAGER_CPU_WORDS * 64)
/* Partitions that this driver can hold, whatever the firmware allows. */
#define VMANAGER_PARTITIONS_MAX 256

/* ---- vmanager_smc.c, vmanager_trace.c: the firmware ---- */

/* Arguments x1..x7 and results x1..x3 of a call. */
struct vmanager_regs {
	u64 in[7];
	u64 out[3];
};

int vmanager_smc_probe(void);
int vmanager_smc(u32 function, struct vmanager_regs *regs, struct vmanager_header *why);
int vmanager_smc_query(u32 function, u64 a, u64 b, u64 out[3], struct vmanager_header *why);
int vmanager_smc_status(u32 id, u64 *status, struct vmanager_header *why);
u32 vmanager_smc_pending(u64 status);
int vmanager_smc_wait(u32 id, u32 state, unsigned long deadline, u64 *status, struct vmanager_header *why);
bool vmanager_smc_pause(unsigned int *round, unsigned long deadline);

void vmanager_trace_init(struct dentry *directory);
void vmanager_trace(unsigned int cpu, u32 function, const u64 in[7], const u64 out[4]);

/* ---- vmanager_board.c: what the board is ---- */

/**
 * struct vmanager_board - facts of the board, read once
 * @firmware: version of the firmware's service
 * @slots: most partitions at one time
 * @cpus: CPUs of the board
 * @boot_cpu: the management partition's first CPU
 * @granule: unit of memory in bytes
 * @memory: base and size of the pool
 * @secure_memory: base and size of the secure pool
 * @interrupt: GIC INTID of the event interrupt, 0 if events are polled
 * @mpidr: affinity by CPU
 * @linux_cpu: this Linux's number by CPU, -1 if it does not know it
 */
struct vmanager_board {
	u32 firmware;
	u32 slots;
	u32 cpus;
	u32 boot_cpu;
	u64 granule;
	u64 memory[2];
	u64 secure_memory[2];
	u32 interrupt;
	u64 mpidr[VMANAGER_CPUS_MAX];
	int linux_cpu[VMANAGER_CPUS_MAX];
};

extern struct vmanager_board vmanager_board;

int vmanager_board_init(void);
unsigned int vmanager_board_cpu(unsigned int linux_cpu);

/* ---- vmanager_cpu.c: CPUs of the management partition ---- */

bool vmanager_cpu_available(unsigned int cpu, u32 owner);
int vmanager_cpus_take(const u64 cpus[VMANAGER_CPU_WORDS], struct vmanager_header *why);
void vmanager_cpus_give_back(const u64 cpus[VMANAGER_CPU_WORDS]);

/* ---- vmanager_load.c: kept images ---- */

struct vmanager_image;
struct vmanager_partition;

struct vmanager_image *vmanager_image_copy(const struct vmanager_deploy *deploy, u64 memory,
					   struct vmanager_header *why);
int vmanager_image_load(const struct vmanager_image *image, const struct vmanager_partition *partition,
			struct vmanager_header *why);
u64 vmanager_image_bytes(const struct vmanager_image *image);
u64 vmanager_image_entry(const struct vmanager_image *image);
u64 vmanager_image_device_tree(const struct vmanager_image *image);
void vmanager_image_free(struct vmanager_image *image);

/* ---- vmanager_console.c ---- */

/**
 * struct vmanager_ring - a partition's console ring, mapped at the first access
 * @lock: one reader or writer at a time
 * @closed: the partition is being destroyed: the ring may soon be another one's
 * @at: mapping, NULL before
 * @output_size: bytes of the output area
 */
struct vmanager_ring {
	struct mutex lock;
	bool closed;
	void *at;
	u64 output_size;
};

/* ---- vmanager_partition.c: the records ---- */

/**
 * struct vmanager_partition - one partition
 * @node: in the list of partitions
 * @refs: one for the list, one per open file and per user on the way
 * @lock: guards what follows up to @image
 * @busy: operation that is under way
 * @gone: destroyed
 * @reset_wanted: its operating system asked for a reset while an operation was under way
 * @announced: state that the last event told
 * @faulted: whether a fault was announced since the last start
 * @image: kept copy of what was deployed; changed by the holder of the claim, under @lock
 * @id: number that the firmware gave
 * @minor: of /dev/vmanX
 * @world: VMANAGER_WORLD_*
 * @shared_with: partition whose CPUs it shares, 0 for none
 * @cpus: its CPUs
 * @base: of its memory
 * @memory: bytes
 * @uuid: zero for none
 * @name: empty for none
 * @ring: console
 * @restart: loads and starts it again after its operating system's reset
 */
struct vmanager_partition {
	struct list_head node;
	struct kref refs;

	struct mutex lock;
	u32 busy;
	bool gone;
	bool reset_wanted;
	u32 announced;
	bool faulted;
	struct vmanager_image *image;

	u32 id;
	int minor;
	u32 world;
	u32 shared_with;
	u64 cpus[VMANAGER_CPU_WORDS];
	u64 base;
	u64 memory;
	u8 uuid[VMANAGER_UUID_SIZE];
	char name[VMANAGER_NAME_SIZE];

	struct vmanager_ring ring;
	struct work_struct restart;
};

extern struct mutex vmanager_create_lock;
extern struct mutex vmanager_list_lock;
extern struct list_head vmanager_partitions;
extern unsigned int vmanager_partition_count;

struct vmanager_partition *vmanager_partition_new(void);
int vmanager_partition_publish(struct vmanager_partition *partition);
struct vmanager_partition *vmanager_partition_find(u32 id);
struct vmanager_partition *vmanager_partition_by_minor(int minor);
void vmanager_partition_put(struct vmanager_partition *partition);
int vmanager_partition_info(struct vmanager_partition *partition, struct vmanager_info *info);
int vmanager_partitions_adopt(void);
void vmanager_partitions_forget(void);
int vmanager_partition_remove(struct vmanager_partition *partition);

/* ---- vmanager_create.c ---- */

int vmanager_create(struct vmanager_create *create);
void vmanager_partition_give_cpus_back(struct vmanager_partition *partition);

/* ---- vmanager_operation.c: deploy, shutdown, reboot, suspend, restore, destroy ---- */

int vmanager_deploy(struct vmanager_partition *partition, struct vmanager_deploy *deploy);
int vmanager_control(struct vmanager_partition *partition, u32 operation, struct vmanager_control *control);
void vmanager_restart_work(struct work_struct *work);

/* ---- vmanager_inventory.c: planning ---- */

int vmanager_plan_create(struct vmanager_create *create, u64 cpus[VMANAGER_CPU_WORDS], u64 *base);
int vmanager_plan_link(u64 *base, struct vmanager_header *why);

/* ---- vmanager_link.c: memory that two partitions share ---- */

int vmanager_link_create(struct vmanager_link *link);
int vmanager_link_info(struct vmanager_link *link);
int vmanager_host(struct vmanager_host *host);

/* ---- vmanager_console.c ---- */

void vmanager_ring_init(struct vmanager_ring *ring);
void vmanager_ring_unmap(struct vmanager_ring *ring);
void vmanager_ring_close(struct vmanager_ring *ring, bool closed);
int vmanager_console_read(struct vmanager_partition *partition, struct vmanager_console *console);
int vmanager_console_write(struct vmanager_partition *partition, struct vmanager_console *console);

/* ---- vmanager_queue.c: queues of events ---- */

#define VMANAGER_QUEUE_EVENTS 128

/**
 * struct vmanager_queue - events of one open file
 * @node: in the list of queues
 * @lock: guards what follows
 * @wait: readers
 * @only: events of this partition only, 0 for all
 * @head: number of the oldest event kept
 * @tail: number behind the newest one
 * @lost: events dropped since the last one that was read
 * @events: by number modulo %VMANAGER_QUEUE_EVENTS
 */
struct vmanager_queue {
	struct list_head node;
	spinlock_t lock;
	wait_queue_head_t wait;
	u32 only;
	u64 head;
	u64 tail;
	u64 lost;
	struct vmanager_event events[VMANAGER_QUEUE_EVENTS];
};

struct vmanager_queue *vmanager_queue_open(u32 only);
void vmanager_queue_close(struct vmanager_queue *queue);
ssize_t vmanager_queue_read(struct vmanager_queue *queue, char __user *buffer, size_t size, bool wait);
bool vmanager_queue_has_event(struct vmanager_queue *queue);

void vmanager_emit(const struct vmanager_event *event);
void vmanager_emit_simple(struct vmanager_partition *partition, u32 kind, u32 cause, u64 detail);
void vmanager_announce(struct vmanager_partition *partition, u32 state, u32 cause);

/* ---- vmanager_event.c: events of the firmware ---- */

void vmanager_events_drain(void);
void vmanager_events_watch(void);
int vmanager_events_init(void);
void vmanager_events_exit(void);

/* ---- vmanager_ioctl.c: the one prologue ---- */

/**
 * struct vmanager_call - an ioctl
 * @command: its number
 * @size: bytes of its argument
 * @least: bytes of the argument's first version
 * @reserved: offset of the argument's reserved word, 0 if it has none
 * @run: carries it out; @file is what the dispatcher was given
 */
struct vmanager_call {
	unsigned int command;
	u32 size;
	u32 least;
	u32 reserved;
	int (*run)(void *file, void *argument);
};

long vmanager_dispatch(const struct vmanager_call *calls, size_t count, void *file, unsigned int command,
		       void __user *user);
int vmanager_refuse(struct vmanager_header *why, int error, u32 reason, u64 a, u64 b);

/* ---- vmanager_node.c: /dev/vmanX ---- */

int vmanager_nodes_init(void);
void vmanager_nodes_exit(void);
int vmanager_node_add(struct vmanager_partition *partition);
void vmanager_node_remove(struct vmanager_partition *partition);

#endif /* VMANAGER_DRIVER_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which CPUs and which memory a new partition gets.
 *
 * The same rules as vman-core's `plan` in Rust, held to the same vectors (tests/vectors/plan.json). Pure functions:
 * nothing is allocated, nothing is locked, nothing is printed; the time grows linearly with the number of ranges.
 * Compiles in the kernel and, for the tests, in user space.
 */
#ifndef VMANAGER_PLAN_H
#define VMANAGER_PLAN_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

/* The largest number of CPUs that a board can have, and the words of a set of them: bit n % 64 of word n / 64. */
#define VMANAGER_PLAN_CPUS 256
#define VMANAGER_PLAN_CPU_WORDS (VMANAGER_PLAN_CPUS / 64)

/* A partition's memory starts at a multiple of this (bytes), for arm64 Linux wants its image on a 2 MiB boundary. */
#define VMANAGER_PLAN_BASE_ALIGNMENT ((u64)2 << 20)

enum vmanager_plan_world {
	VMANAGER_PLAN_NON_SECURE = 0,
	VMANAGER_PLAN_SECURE = 1,
};

#define VMANAGER_PLAN_WORLDS 2

/**
 * enum vmanager_plan_status - answer of vmanager_plan()
 * @VMANAGER_PLAN_OK: the request is met
 * @VMANAGER_PLAN_NO_CORES: no cores asked
 * @VMANAGER_PLAN_NO_MEMORY: no memory asked
 * @VMANAGER_PLAN_BAD_WORLD: neither non-secure nor secure
 * @VMANAGER_PLAN_SHARED_NOT_SECURE: only a critical (secure) partition shares CPUs
 * @VMANAGER_PLAN_BAD_GRANULE: the granule is no power of two
 * @VMANAGER_PLAN_NOT_A_MULTIPLE: the memory is not a multiple of the granule
 * @VMANAGER_PLAN_RANGE_WRAPS: a range goes past the last address (list, index)
 * @VMANAGER_PLAN_NOT_SORTED: a range lies below the end of the one before it (list, index)
 * @VMANAGER_PLAN_NOT_ENOUGH_CORES: wanted, free
 * @VMANAGER_PLAN_NOT_ENOUGH_SHARED_CORES: wanted, free (CPUs of the set that is shared)
 * @VMANAGER_PLAN_SHARED_WITH_MANAGEMENT: the management partition's CPUs are not shared (index: the lowest)
 * @VMANAGER_PLAN_NO_POOL: the board has no memory of this world
 * @VMANAGER_PLAN_NOT_ENOUGH_MEMORY: wanted, free, largest
 * @VMANAGER_PLAN_FRAGMENTED: enough memory is free, but in pieces: wanted, free, largest
 */
enum vmanager_plan_status {
	VMANAGER_PLAN_OK = 0,
	VMANAGER_PLAN_NO_CORES = 1,
	VMANAGER_PLAN_NO_MEMORY = 2,
	VMANAGER_PLAN_BAD_WORLD = 3,
	VMANAGER_PLAN_SHARED_NOT_SECURE = 4,
	VMANAGER_PLAN_BAD_GRANULE = 5,
	VMANAGER_PLAN_NOT_A_MULTIPLE = 6,
	VMANAGER_PLAN_RANGE_WRAPS = 7,
	VMANAGER_PLAN_NOT_SORTED = 8,
	VMANAGER_PLAN_NOT_ENOUGH_CORES = 9,
	VMANAGER_PLAN_NOT_ENOUGH_SHARED_CORES = 10,
	VMANAGER_PLAN_SHARED_WITH_MANAGEMENT = 11,
	VMANAGER_PLAN_NO_POOL = 12,
	VMANAGER_PLAN_NOT_ENOUGH_MEMORY = 13,
	VMANAGER_PLAN_FRAGMENTED = 14,
};

/* Which list a detail speaks of. */
enum vmanager_plan_list_id {
	VMANAGER_PLAN_LIST_POOL = 0,
	VMANAGER_PLAN_LIST_SECURE_POOL = 1,
	VMANAGER_PLAN_LIST_USED = 2,
};

/* struct vmanager_plan_range - physical memory: @base and @size in bytes; @base + @size does not wrap */
struct vmanager_plan_range {
	u64 base;
	u64 size;
};

/* struct vmanager_plan_list - @count ranges, sorted by base, disjoint; @ranges may be NULL if @count is 0 */
struct vmanager_plan_list {
	const struct vmanager_plan_range *ranges;
	size_t count;
};

/**
 * struct vmanager_plan_inventory - what a board has, and what of it is taken
 * @free: CPUs that no partition owns
 * @management: the management partition's CPUs, never given away, also if they are in @free
 * @clusters: cluster of each CPU by its index
 * @cluster_count: entries of @clusters; CPUs behind them are in cluster 0
 * @pools: memory that partitions are made of, by world
 * @used: memory that is taken or reserved, in either pool or in none
 * @granule: memory is given in multiples of this number of bytes, a power of two
 */
struct vmanager_plan_inventory {
	u64 free[VMANAGER_PLAN_CPU_WORDS];
	u64 management[VMANAGER_PLAN_CPU_WORDS];
	const u8 *clusters;
	size_t cluster_count;
	struct vmanager_plan_list pools[VMANAGER_PLAN_WORLDS];
	struct vmanager_plan_list used;
	u64 granule;
};

/**
 * struct vmanager_plan_request - what a new partition shall have
 * @cores: number of CPUs
 * @world: enum vmanager_plan_world, unchecked
 * @memory: bytes, a multiple of the granule
 * @is_sharer: whether it shares the CPUs @shared of a non-critical partition
 * @shared: those CPUs
 */
struct vmanager_plan_request {
	u32 cores;
	u32 world;
	u64 memory;
	bool is_sharer;
	u64 shared[VMANAGER_PLAN_CPU_WORDS];
};

/* struct vmanager_plan_grant - what it gets: @cpus, and @memory in one piece */
struct vmanager_plan_grant {
	u64 cpus[VMANAGER_PLAN_CPU_WORDS];
	struct vmanager_plan_range memory;
};

/* struct vmanager_plan_detail - figures of a refusal; those that enum vmanager_plan_status does not name are 0 */
struct vmanager_plan_detail {
	u64 wanted;
	u64 free;
	u64 largest;
	u32 list;
	u64 index;
};

/* struct vmanager_plan_figures - memory of one world in bytes: all, what could be given, and that in one piece */
struct vmanager_plan_figures {
	u64 total;
	u64 free;
	u64 largest;
};

/**
 * vmanager_plan() - choose CPUs and memory
 * @inventory: what there is; the caller keeps it from changing
 * @request: what is asked
 * @grant: (out) written on success only
 * @detail: (out) always written
 *
 * Context: any; less than 1 KiB of stack.
 * Return: VMANAGER_PLAN_OK or the first rule that cannot be kept.
 */
enum vmanager_plan_status vmanager_plan(const struct vmanager_plan_inventory *inventory,
					const struct vmanager_plan_request *request,
					struct vmanager_plan_grant *grant,
					struct vmanager_plan_detail *detail);

/**
 * vmanager_plan_memory() - how much memory of a world there is and is free
 * @inventory: what there is
 * @world: enum vmanager_plan_world, unchecked
 * @figures: (out) written on success only
 *
 * Context: any.
 * Return: VMANAGER_PLAN_OK, BAD_WORLD, BAD_GRANULE, RANGE_WRAPS or NOT_SORTED.
 */
enum vmanager_plan_status vmanager_plan_memory(const struct vmanager_plan_inventory *inventory, u32 world,
					       struct vmanager_plan_figures *figures);

#endif /* VMANAGER_PLAN_H */

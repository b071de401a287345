/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Fresh random numbers in a device tree that is loaded again.
 *
 * A kernel takes rng-seed and kaslr-seed of /chosen for numbers that nobody has seen. The kept image of a partition
 * would give it the same ones at each reboot, so they are replaced in the copy before every start.
 *
 * The tree is untrusted: every read is checked against its length. Nothing is allocated, locked or printed. Compiles
 * in the kernel and, for the tests, in user space.
 */
#ifndef VMANAGER_SEED_H
#define VMANAGER_SEED_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

unsigned int vmanager_seed_refresh(u8 *tree, size_t length, void (*fill)(void *buffer, size_t length));

#endif /* VMANAGER_SEED_H */

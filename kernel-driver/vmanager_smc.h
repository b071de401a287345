/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firmware's vManager service: SMC64 fast calls in the OEM owner range (Arm DEN 0028). The numbers are those of
 * vman_core::abi::smc; tests/abi compares them.
 */
#ifndef VMANAGER_SMC_H
#define VMANAGER_SMC_H

#define VMANAGER_SMC(number) (0xC3000000u | (number))

#define VMANAGER_SMC_VERSION VMANAGER_SMC(0x01)
#define VMANAGER_SMC_PART_CREATE VMANAGER_SMC(0x02)
#define VMANAGER_SMC_PART_START VMANAGER_SMC(0x03)
#define VMANAGER_SMC_PART_STOP VMANAGER_SMC(0x04)
#define VMANAGER_SMC_PART_SUSPEND VMANAGER_SMC(0x05)
#define VMANAGER_SMC_PART_RESUME VMANAGER_SMC(0x06)
#define VMANAGER_SMC_PART_DESTROY VMANAGER_SMC(0x07)
#define VMANAGER_SMC_PART_INFO VMANAGER_SMC(0x08)
#define VMANAGER_SMC_PART_NEXT VMANAGER_SMC(0x09)
#define VMANAGER_SMC_BOARD_INFO VMANAGER_SMC(0x0a)
#define VMANAGER_SMC_CONSOLE_INFO VMANAGER_SMC(0x0b)
#define VMANAGER_SMC_EVENT_GET VMANAGER_SMC(0x0c)
#define VMANAGER_SMC_STATS VMANAGER_SMC(0x0d)
#define VMANAGER_SMC_CPU_INFO VMANAGER_SMC(0x0e)
#define VMANAGER_SMC_CONSOLE_NOTIFY VMANAGER_SMC(0x0f)
#define VMANAGER_SMC_PART_LOAD VMANAGER_SMC(0x10)
#define VMANAGER_SMC_CALL_COUNT VMANAGER_SMC(0xff00)
#define VMANAGER_SMC_CALL_UID VMANAGER_SMC(0xff01)
#define VMANAGER_SMC_CALL_REVISION VMANAGER_SMC(0xff03)

/* Answer of CALL_UID in x0..x3. */
#define VMANAGER_SMC_UID_0 0x7c6d3f5au
#define VMANAGER_SMC_UID_1 0x4f0d9be1u
#define VMANAGER_SMC_UID_2 0x83a26c10u
#define VMANAGER_SMC_UID_3 0x5d4e0b97u

/* Version of the service that this driver speaks: major number in the upper, minor in the lower 16 bits. */
#define VMANAGER_SMC_ABI_VERSION 0x00010000u

/* PART_LOAD: most bytes of one call, and what offset, address and size are multiples of. */
#define VMANAGER_SMC_LOAD_MAX 0x10000
#define VMANAGER_SMC_LOAD_ALIGNMENT 8

/* Status of a call that goes on. */
#define VMANAGER_SMC_PENDING 1

/* Refusals in x0, as positive numbers. */
#define VMANAGER_SMC_NOT_SUPPORTED 1
#define VMANAGER_SMC_INVALID_PARAMETERS 2
#define VMANAGER_SMC_DENIED 3
#define VMANAGER_SMC_BUSY 4
#define VMANAGER_SMC_INVALID_STATE 5
#define VMANAGER_SMC_NO_RESOURCES 6
#define VMANAGER_SMC_NOT_FOUND 7
#define VMANAGER_SMC_OVERLAP 8
#define VMANAGER_SMC_FAULTED 9

/* Flags of PART_CREATE; the upper 32 bits hold the id of the partition whose CPUs are shared. */
#define VMANAGER_SMC_CREATE_SECURE 1
#define VMANAGER_SMC_CREATE_SHARED 2

/* Pages of PART_INFO. */
#define VMANAGER_SMC_INFO_STATUS 0
#define VMANAGER_SMC_INFO_CPUS_LOW 1
#define VMANAGER_SMC_INFO_CPUS_HIGH 2
#define VMANAGER_SMC_INFO_FAULT 3

/* x1 of page STATUS. */
#define VMANAGER_SMC_STATUS_STATE(x1) ((x1) & 0xff)
#define VMANAGER_SMC_STATUS_FAULTED(x1) (((x1) >> 8) & 1)
#define VMANAGER_SMC_STATUS_PENDING(x1) (((x1) >> 16) & 0xff)

/* What STATUS_PENDING answers. */
#define VMANAGER_SMC_PENDING_NONE 0
#define VMANAGER_SMC_PENDING_SHUTDOWN 1
#define VMANAGER_SMC_PENDING_SUSPEND 2
#define VMANAGER_SMC_PENDING_DESTROY 3

/* Pages of BOARD_INFO. */
#define VMANAGER_SMC_BOARD_CPUS 0
#define VMANAGER_SMC_BOARD_MEMORY 1
#define VMANAGER_SMC_BOARD_SECURE_MEMORY 2
#define VMANAGER_SMC_BOARD_EVENT_INTERRUPT 3

/* Lower half of x2 of EVENT_GET; the upper half is the detail. */
#define VMANAGER_SMC_EVENT_STOPPED 1
#define VMANAGER_SMC_EVENT_SUSPENDED 2
#define VMANAGER_SMC_EVENT_GUEST_OFF 3
#define VMANAGER_SMC_EVENT_GUEST_RESET 4
#define VMANAGER_SMC_EVENT_FAULTED 5
#define VMANAGER_SMC_EVENT_OVERFLOW 6

/* Number of counters of STATS, from 0. */
#define VMANAGER_SMC_COUNTERS 8

/* The console ring (vman_core::abi::console): offsets of the counters and of the two areas in bytes. */
#define VMANAGER_RING_OUTPUT_COUNT 0
#define VMANAGER_RING_INPUT_COUNT 8
#define VMANAGER_RING_TAKEN_COUNT 16
#define VMANAGER_RING_INPUT 2048
#define VMANAGER_RING_INPUT_SIZE 2048
#define VMANAGER_RING_OUTPUT 4096

#endif /* VMANAGER_SMC_H */

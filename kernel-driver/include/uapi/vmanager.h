/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * Interface of the vManager driver: /dev/vmanager (the board) and /dev/vmanX (partition X).
 *
 * Every argument starts with struct vmanager_header. The caller sets @size to the size of the structure that it
 * knows and zeroes what it does not use. A longer structure is taken if its unknown tail is zero, a shorter one down
 * to the size of the first version; then the missing fields read as zero. For that reason the size is no part of the
 * ioctl number. Fields marked (in), (out) or (in, out); reserved fields must be zero.
 *
 * When a call fails, @reason and @detail of the header name the broken rule (VMANAGER_REASON_*). All calls may be
 * made from any context that may sleep, by whoever may open the file.
 *
 * Every call can also fail with
 *   EFAULT      the argument, or memory that it points to, cannot be read or written
 *   EINVAL      @size is smaller than the first version (REASON_SIZE), a flag is unknown (REASON_FLAGS), a reserved
 *               field or the unknown tail is not zero (REASON_RESERVED)
 *   ENOTTY      the file does not know the call
 *   EPERM       the firmware does not take the call from this system (REASON_FIRMWARE)
 *   EREMOTEIO   the firmware answered a code that the driver does not know (REASON_FIRMWARE)
 * and every call on /dev/vmanX with
 *   ENODEV      the partition is gone (REASON_NO_PARTITION)
 */
#ifndef _UAPI_VMANAGER_H
#define _UAPI_VMANAGER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Not in use by anybody else: Documentation/userspace-api/ioctl/ioctl-number.rst */
#define VMANAGER_IOCTL_MAGIC 0xBE

/* Version of this interface: major number in the upper, minor in the lower 16 bits. */
#define VMANAGER_ABI_VERSION 0x00010000

#define VMANAGER_CPU_WORDS 4
#define VMANAGER_NAME_SIZE 64
#define VMANAGER_UUID_SIZE 16
#define VMANAGER_COUNTERS 16
#define VMANAGER_SEGMENTS_MAX 64

/* State of a partition. */
#define VMANAGER_STATE_READY 1
#define VMANAGER_STATE_DEPLOYED 2
#define VMANAGER_STATE_SUSPENDED 3

/* Condition of a partition. */
#define VMANAGER_CONDITION_RUNNING 0
#define VMANAGER_CONDITION_FAULTED 1

/* World of a partition. */
#define VMANAGER_WORLD_NON_SECURE 0
#define VMANAGER_WORLD_SECURE 1

/* What can be done to a partition. */
#define VMANAGER_OPERATION_NONE 0
#define VMANAGER_OPERATION_DEPLOY 1
#define VMANAGER_OPERATION_SHUTDOWN 2
#define VMANAGER_OPERATION_REBOOT 3
#define VMANAGER_OPERATION_SUSPEND 4
#define VMANAGER_OPERATION_RESTORE 5
#define VMANAGER_OPERATION_DESTROY 6

/* Why a call failed; the two words of @detail in brackets. */
#define VMANAGER_REASON_NONE 0
#define VMANAGER_REASON_SIZE 1 /* EINVAL [given, least]: header.size */
#define VMANAGER_REASON_FLAGS 2 /* EINVAL [given, known]: header.flags */
#define VMANAGER_REASON_RESERVED 3 /* EINVAL [0, 0] */
#define VMANAGER_REASON_NO_PARTITION 4 /* ENODEV [id, 0] */
#define VMANAGER_REASON_STATE 5 /* EBADFD [state, operation] */
#define VMANAGER_REASON_FAULTED 6 /* EBADFD [state, operation] */
#define VMANAGER_REASON_BUSY 7 /* EBUSY [operation under way, operation asked] */
#define VMANAGER_REASON_TIMEOUT 8 /* ETIMEDOUT [timeout in ms, state] */
#define VMANAGER_REASON_FIRMWARE 9 /* by code [x0 of the firmware, function identifier] */
#define VMANAGER_REASON_NO_CORES 10 /* EINVAL [0, 0]: a partition has one core at least */
#define VMANAGER_REASON_CORES 11 /* ENOSPC [wanted, free] */
#define VMANAGER_REASON_GRANULE 12 /* EINVAL [wanted bytes, granule] */
#define VMANAGER_REASON_MEMORY 13 /* ENOSPC [wanted bytes, largest free range] */
#define VMANAGER_REASON_SECURE_MEMORY 14 /* ENOSPC [wanted bytes, largest free range] */
#define VMANAGER_REASON_SLOTS 15 /* ENOSPC [partitions, most] */
#define VMANAGER_REASON_NAME 16 /* EINVAL [position, 0]: control character, or no end */
#define VMANAGER_REASON_NAME_TAKEN 17 /* EEXIST [owner's id, 0] */
#define VMANAGER_REASON_UUID_TAKEN 18 /* EEXIST [owner's id, 0] */
#define VMANAGER_REASON_WORLD 19 /* EINVAL [given, 0] */
#define VMANAGER_REASON_NO_SECURE_WORLD 20 /* EOPNOTSUPP [0, 0]: the board takes no critical partition */
#define VMANAGER_REASON_SHARED 21 /* EINVAL [given id, 0]: only a critical partition shares CPUs, and not so */
#define VMANAGER_REASON_SHARED_GONE 22 /* ENODEV [given id, 0] */
#define VMANAGER_REASON_CPU 23 /* EBUSY [cpu, errno]: Linux does not let the CPU go */
#define VMANAGER_REASON_SEGMENTS 24 /* EINVAL [number given, most] */
#define VMANAGER_REASON_SEGMENT_RANGE 25 /* EINVAL [segment, bytes of the partition] */
#define VMANAGER_REASON_SEGMENT_OVERLAP 26 /* EINVAL [segment, other segment] */
#define VMANAGER_REASON_ENTRY 27 /* EINVAL [entry, 0]: not 4-byte aligned, or in no segment */
#define VMANAGER_REASON_DEVICE_TREE 28 /* EINVAL [device tree, 0]: not 8-byte aligned, or in no segment */
#define VMANAGER_REASON_IMAGE_SIZE 29 /* ENOSPC [bytes, most]: what the management partition can keep a copy of */
#define VMANAGER_REASON_NO_IMAGE 30 /* EBADFD [id, 0]: deployed before the driver was loaded: shut down, deploy */
#define VMANAGER_REASON_SECURE_LOAD 31 /* EOPNOTSUPP [id, offset]: secure memory takes multiples of 8 */
#define VMANAGER_REASON_NO_CONSOLE 32 /* EOPNOTSUPP [id, 0] */
#define VMANAGER_REASON_CPU_INDEX 33 /* EINVAL [given, CPUs of the board] */
#define VMANAGER_REASON_NOT_RUNNING 34 /* EBADFD [id, 0]: nobody reads the console of a READY partition */
#define VMANAGER_REASON_LINK_ENDS 35 /* EINVAL [id, other id]: a link joins two partitions that are not critical */
#define VMANAGER_REASON_LINK_STATE 36 /* EBADFD [id, other id]: one of them is not READY */
#define VMANAGER_REASON_LINKS 37 /* ENOSPC [links, most] */

/* Kinds of struct vmanager_event. */
#define VMANAGER_EVENT_CREATED 1
#define VMANAGER_EVENT_STATE 2
#define VMANAGER_EVENT_REBOOTED 3
#define VMANAGER_EVENT_FAULTED 4
#define VMANAGER_EVENT_DESTROYED 5
#define VMANAGER_EVENT_OVERFLOW 6

/* Who caused an event. */
#define VMANAGER_CAUSE_COMMAND 0
#define VMANAGER_CAUSE_GUEST 1
#define VMANAGER_CAUSE_FIRMWARE 2

/**
 * struct vmanager_header - start of every argument
 * @size: (in) size in bytes of the whole structure as the caller knows it
 * @flags: (in) flags of the call; none is defined yet
 * @reason: (out) VMANAGER_REASON_*
 * @reserved: zero
 * @detail: (out) what @reason says of them
 */
struct vmanager_header {
	__u32 size;
	__u32 flags;
	__u32 reason;
	__u32 reserved;
	__u64 detail[2];
};

/**
 * struct vmanager_version - argument of VMANAGER_GET_VERSION
 * @header: start
 * @abi: (out) version of this interface, %VMANAGER_ABI_VERSION of the driver
 * @firmware: (out) version of the firmware's vManager service, in the same form
 * @slots: (out) most partitions that can exist at one time
 * @reserved: zero
 */
struct vmanager_version {
	struct vmanager_header header;
	__u32 abi;
	__u32 firmware;
	__u32 slots;
	__u32 reserved;
};

/**
 * struct vmanager_pool - memory that partitions are made of
 * @base: (out) first address
 * @total: (out) bytes
 * @free: (out) bytes that belong to no partition
 * @largest: (out) bytes of the largest contiguous free range
 */
struct vmanager_pool {
	__u64 base;
	__u64 total;
	__u64 free;
	__u64 largest;
};

/**
 * struct vmanager_host - argument of VMANAGER_HOST
 * @header: start
 * @cpus: (out) CPUs of the board
 * @boot_cpu: (out) CPU that started the management partition; never given away
 * @granule: (out) memory is given in multiples of this number of bytes
 * @management_memory: (out) bytes of RAM that the management partition's Linux uses
 * @memory: (out) non-secure pool
 * @secure_memory: (out) secure pool; total 0 if the board has none
 */
struct vmanager_host {
	struct vmanager_header header;
	__u32 cpus;
	__u32 boot_cpu;
	__u64 granule;
	__u64 management_memory;
	struct vmanager_pool memory;
	struct vmanager_pool secure_memory;
};

/**
 * struct vmanager_cpu_info - argument of VMANAGER_CPU_INFO
 * @header: start
 * @cpu: (in) index on the board
 * @owner: (out) partition, 0 for the management partition
 * @mpidr: (out) affinity fields of MPIDR_EL1
 * @power: (out) PSCI AFFINITY_INFO: 0 on, 1 off, 2 on pending
 * @available: (out) 1 if a new partition may get it
 */
struct vmanager_cpu_info {
	struct vmanager_header header;
	__u32 cpu;
	__u32 owner;
	__u64 mpidr;
	__u32 power;
	__u32 available;
};

/**
 * struct vmanager_create - argument of VMANAGER_CREATE
 * @header: start
 * @cores: (in) number of CPUs
 * @world: (in) VMANAGER_WORLD_*
 * @memory: (in) bytes, a multiple of the granule
 * @shared_with: (in) partition whose CPUs a critical partition shares; 0 for CPUs of its own
 * @id: (out) number of the new partition
 * @uuid: (in) all zero for none
 * @name: (in) ends with a zero byte; empty for none
 */
struct vmanager_create {
	struct vmanager_header header;
	__u32 cores;
	__u32 world;
	__u64 memory;
	__u32 shared_with;
	__u32 id;
	__u8 uuid[VMANAGER_UUID_SIZE];
	__u8 name[VMANAGER_NAME_SIZE];
};

/**
 * struct vmanager_list - argument of VMANAGER_LIST
 * @header: start
 * @ids: (in) address of an array of __u32, filled with the partitions' numbers in rising order
 * @capacity: (in) numbers that fit
 * @count: (out) partitions that exist; if more than @capacity, the array holds the first of them
 */
struct vmanager_list {
	struct vmanager_header header;
	__aligned_u64 ids;
	__u32 capacity;
	__u32 count;
};

/**
 * struct vmanager_info - argument of VMANAGER_INFO
 * @header: start
 * @id: (in, out) partition; on /dev/vmanX zero or its own number
 * @state: (out) VMANAGER_STATE_*
 * @condition: (out) VMANAGER_CONDITION_*
 * @fault: (out) reason of the fault as the firmware numbers it, 0 for none
 * @busy: (out) operation that is under way, VMANAGER_OPERATION_*
 * @world: (out) VMANAGER_WORLD_*
 * @shared_with: (out) partition whose CPUs it shares, 0 for none
 * @has_image: (out) 1 if the driver holds what a reboot needs
 * @cpus: (out) one bit per CPU
 * @base: (out) first address of its memory
 * @memory: (out) bytes
 * @fault_address: (out) address of the access that faulted
 * @fault_pc: (out) program counter of the fault
 * @image_bytes: (out) bytes of the copy that the driver holds
 * @uuid: (out) zero for none
 * @name: (out) empty for none
 */
struct vmanager_info {
	struct vmanager_header header;
	__u32 id;
	__u32 state;
	__u32 condition;
	__u32 fault;
	__u32 busy;
	__u32 world;
	__u32 shared_with;
	__u32 has_image;
	__u64 cpus[VMANAGER_CPU_WORDS];
	__u64 base;
	__u64 memory;
	__u64 fault_address;
	__u64 fault_pc;
	__u64 image_bytes;
	__u8 uuid[VMANAGER_UUID_SIZE];
	__u8 name[VMANAGER_NAME_SIZE];
};

/**
 * struct vmanager_link - argument of VMANAGER_LINK and VMANAGER_LINK_INFO
 * @header: start
 * @first: (in; out for LINK_INFO) a partition
 * @second: (in; out for LINK_INFO) another one
 * @base: (out) first address of the link, in both partitions
 * @size: (out) bytes
 * @index: (in) zero; for LINK_INFO the number of the link, from 0
 * @reserved: zero
 */
struct vmanager_link {
	struct vmanager_header header;
	__u32 first;
	__u32 second;
	__u64 base;
	__u64 size;
	__u32 index;
	__u32 reserved;
};

/**
 * struct vmanager_segment - a piece of what is deployed
 * @offset: (in) where it goes, from the start of the partition's memory
 * @length: (in) bytes
 * @data: (in) address of the bytes
 */
struct vmanager_segment {
	__u64 offset;
	__u64 length;
	__aligned_u64 data;
};

/**
 * struct vmanager_deploy - argument of VMANAGER_DEPLOY
 * @header: start
 * @segments: (in) address of an array of struct vmanager_segment
 * @segment_count: (in) 1 to %VMANAGER_SEGMENTS_MAX
 * @reserved: zero
 * @entry: (in) first instruction, from the start of the partition's memory
 * @device_tree: (in) device tree, given to the kernel in x0, from the start of the partition's memory
 */
struct vmanager_deploy {
	struct vmanager_header header;
	__aligned_u64 segments;
	__u32 segment_count;
	__u32 reserved;
	__u64 entry;
	__u64 device_tree;
};

/**
 * struct vmanager_control - argument of the operations without data
 * @header: start
 * @timeout_ms: (in) how long to wait for the operation to be complete
 * @reserved: zero
 */
struct vmanager_control {
	struct vmanager_header header;
	__u32 timeout_ms;
	__u32 reserved;
};

/**
 * struct vmanager_console - argument of VMANAGER_CONSOLE_READ and VMANAGER_CONSOLE_WRITE
 * @header: start
 * @position: (in, out) read: first byte wanted, of all that the partition has ever printed; answers the position of
 *	the first byte that was read, which is later if the ring has dropped bytes
 * @buffer: (in) address of the buffer
 * @length: (in, out) bytes of the buffer; answers how many were read or taken
 * @reserved: zero
 * @end: (out) position behind the last byte that the partition has printed
 */
struct vmanager_console {
	struct vmanager_header header;
	__u64 position;
	__aligned_u64 buffer;
	__u32 length;
	__u32 reserved;
	__u64 end;
};

/**
 * struct vmanager_stats - argument of VMANAGER_STATS
 * @header: start
 * @valid: (out) one bit per counter that the board counts
 * @values: (out) by number of the firmware's counter
 */
struct vmanager_stats {
	struct vmanager_header header;
	__u64 valid;
	__u64 values[VMANAGER_COUNTERS];
};

/**
 * struct vmanager_event - record that read() of /dev/vmanager and /dev/vmanX answers
 * @size: bytes of this record: the next one follows behind it
 * @kind: VMANAGER_EVENT_*
 * @seq: rises by one with every event of the board; on /dev/vmanager a gap is an overflow of this queue
 * @timestamp_ns: CLOCK_MONOTONIC
 * @id: partition; 0 for an overflow
 * @cause: VMANAGER_CAUSE_*
 * @from: state before, of VMANAGER_EVENT_STATE
 * @to: state now, of VMANAGER_EVENT_STATE
 * @detail: reason of a fault; number of events that an overflow lost
 *
 * Each open file has a queue of its own, empty at first. read() answers whole records, waits for the first one unless
 * O_NONBLOCK is set (EAGAIN), and fails with EINVAL if not even one fits. poll() tells POLLIN, and on /dev/vmanX
 * POLLHUP when the partition is gone.
 */
struct vmanager_event {
	__u32 size;
	__u32 kind;
	__u64 seq;
	__u64 timestamp_ns;
	__u32 id;
	__u32 cause;
	__u32 from;
	__u32 to;
	__u64 detail;
};

/* ---- /dev/vmanager ---- */

/**
 * VMANAGER_GET_VERSION - versions of driver and firmware (struct vmanager_version)
 *
 * Return: 0, or the errors of every call.
 */
#define VMANAGER_GET_VERSION _IO(VMANAGER_IOCTL_MAGIC, 0x00)

/**
 * VMANAGER_HOST - what the board is and has left (struct vmanager_host)
 *
 * Return: 0, or the errors of every call.
 */
#define VMANAGER_HOST _IO(VMANAGER_IOCTL_MAGIC, 0x01)

/**
 * VMANAGER_CPU_INFO - one CPU (struct vmanager_cpu_info)
 *
 * Return: 0, or
 *   EINVAL  there is no such CPU (REASON_CPU_INDEX)
 */
#define VMANAGER_CPU_INFO _IO(VMANAGER_IOCTL_MAGIC, 0x02)

/**
 * VMANAGER_CREATE - make a partition (struct vmanager_create)
 *
 * The driver plans CPUs and memory, takes the CPUs from the management partition's Linux and lets the firmware make
 * the partition. It is READY; /dev/vmanX exists when the call returns. On failure the CPUs are given back. One
 * creation runs at a time, others wait.
 *
 * Return: 0, or
 *   EINVAL      no cores (REASON_NO_CORES), memory zero or no multiple of the granule (REASON_GRANULE), a bad name
 *               (REASON_NAME), world (REASON_WORLD) or sharing (REASON_SHARED)
 *   ENOSPC      not enough CPUs (REASON_CORES), contiguous memory (REASON_MEMORY, REASON_SECURE_MEMORY) or slots
 *               (REASON_SLOTS)
 *   EEXIST      another partition has the name or the UUID (REASON_NAME_TAKEN, REASON_UUID_TAKEN)
 *   EOPNOTSUPP  the board takes no critical partition (REASON_NO_SECURE_WORLD)
 *   ENODEV      @shared_with does not exist (REASON_SHARED_GONE)
 *   EBUSY       Linux does not let a CPU go (REASON_CPU), or the firmware sees one still on (REASON_FIRMWARE)
 *   ENOMEM      no memory for the record
 *   EINTR       a fatal signal came while waiting for another creation
 */
#define VMANAGER_CREATE _IO(VMANAGER_IOCTL_MAGIC, 0x03)

/**
 * VMANAGER_LIST - numbers of the partitions that exist (struct vmanager_list)
 *
 * Return: 0, or the errors of every call.
 */
#define VMANAGER_LIST _IO(VMANAGER_IOCTL_MAGIC, 0x04)

/**
 * VMANAGER_INFO - one partition (struct vmanager_info); on /dev/vmanager and /dev/vmanX
 *
 * Never waits for an operation that is under way.
 *
 * Return: 0, or
 *   ENODEV  there is no such partition (REASON_NO_PARTITION)
 */
#define VMANAGER_INFO _IO(VMANAGER_IOCTL_MAGIC, 0x05)

/**
 * VMANAGER_LINK - make memory that two partitions share (struct vmanager_link)
 *
 * One granule of the pool, zeroed, is mapped into both partitions, at the same address, and hidden from the management
 * partition. Both are READY, so that their device trees can tell of it. It is gone when either is destroyed: what the
 * other one does there then is a fault of its own.
 *
 * Return: 0, or
 *   ENODEV  there is no such partition (REASON_NO_PARTITION)
 *   EINVAL  twice the same, or a critical one (REASON_LINK_ENDS)
 *   EBADFD  one of them is not READY (REASON_LINK_STATE)
 *   EBUSY   an operation on one of them is under way (REASON_FIRMWARE)
 *   ENOSPC  no memory (REASON_MEMORY), too many links (REASON_LINKS)
 *   EINTR   a fatal signal came while waiting for a creation
 */
#define VMANAGER_LINK _IO(VMANAGER_IOCTL_MAGIC, 0x06)

/**
 * VMANAGER_LINK_INFO - one link (struct vmanager_link)
 *
 * Links that stand behind one that goes away move up.
 *
 * Return: 0; @size is zero if there are not so many.
 */
#define VMANAGER_LINK_INFO _IO(VMANAGER_IOCTL_MAGIC, 0x07)

/* ---- /dev/vmanX ----
 *
 * An operation while another one on the same partition is under way fails with
 *   EBUSY   (REASON_BUSY)
 * and in a state or condition that does not allow it with
 *   EBADFD  (REASON_STATE, REASON_FAULTED)
 */

/**
 * VMANAGER_DEPLOY - load an operating system and start it (struct vmanager_deploy): READY to DEPLOYED
 *
 * The driver keeps a copy of the segments, charged to the caller's memory cgroup, until the next deploy or until the
 * partition is destroyed: a reboot loads it again. On failure the partition is READY and the copy of the deploy
 * before, if any, is kept.
 *
 * Return: 0, or
 *   EINVAL      number of segments (REASON_SEGMENTS), a segment outside the partition (REASON_SEGMENT_RANGE) or over
 *               another one (REASON_SEGMENT_OVERLAP), @entry (REASON_ENTRY) or @device_tree (REASON_DEVICE_TREE)
 *   ENOSPC      more bytes than the management partition can keep (REASON_IMAGE_SIZE)
 *   ENOMEM      no memory for the copy or the mapping
 *   EOPNOTSUPP  the partition is critical and a segment's offset is no multiple of 8 (REASON_SECURE_LOAD)
 */
#define VMANAGER_DEPLOY _IO(VMANAGER_IOCTL_MAGIC, 0x10)

/**
 * VMANAGER_SHUTDOWN - halt the CPUs (struct vmanager_control): DEPLOYED or SUSPENDED to READY
 *
 * Return: 0 when every CPU is proven off, or
 *   ETIMEDOUT  they are not yet (REASON_TIMEOUT); the shutdown goes on, an event tells when it is complete
 *   EINTR      a fatal signal came; the shutdown goes on
 */
#define VMANAGER_SHUTDOWN _IO(VMANAGER_IOCTL_MAGIC, 0x11)

/**
 * VMANAGER_REBOOT - halt the CPUs, load the kept copy and start it (struct vmanager_control): stays DEPLOYED
 *
 * Return: 0, or
 *   EBADFD     the driver holds no copy (REASON_NO_IMAGE)
 *   ETIMEDOUT  the CPUs are not off yet (REASON_TIMEOUT); the partition will be READY
 *   ENOMEM     no memory for the mapping; the partition is READY
 *   EINTR      a fatal signal came; the partition will be READY
 */
#define VMANAGER_REBOOT _IO(VMANAGER_IOCTL_MAGIC, 0x12)

/**
 * VMANAGER_SUSPEND - hold the CPUs with their state (struct vmanager_control): DEPLOYED to SUSPENDED
 *
 * Return: 0 when every CPU is held, or ETIMEDOUT, EINTR as for VMANAGER_SHUTDOWN; EBADFD too if the partition turned
 * itself off meanwhile.
 */
#define VMANAGER_SUSPEND _IO(VMANAGER_IOCTL_MAGIC, 0x13)

/**
 * VMANAGER_RESTORE - let held CPUs go on (struct vmanager_control): SUSPENDED to DEPLOYED
 *
 * Return: 0, or ETIMEDOUT, EINTR as for VMANAGER_SHUTDOWN.
 */
#define VMANAGER_RESTORE _IO(VMANAGER_IOCTL_MAGIC, 0x14)

/**
 * VMANAGER_DESTROY - give CPUs and memory back (struct vmanager_control): READY to gone
 *
 * The memory is zeroed by the firmware, the CPUs go back to the management partition's Linux, /dev/vmanX disappears;
 * open files of it answer ENODEV.
 *
 * Return: 0, or
 *   ETIMEDOUT  the memory is not zeroed yet (REASON_TIMEOUT): READY, destroy it again to go on
 *   EINTR      a fatal signal came; likewise
 */
#define VMANAGER_DESTROY _IO(VMANAGER_IOCTL_MAGIC, 0x15)

/**
 * VMANAGER_CONSOLE_READ - read what the partition printed (struct vmanager_console). Does not wait: @length may be 0.
 *
 * Return: 0, or
 *   EOPNOTSUPP  the partition has no console (REASON_NO_CONSOLE)
 *   ENOMEM      no memory for the mapping
 */
#define VMANAGER_CONSOLE_READ _IO(VMANAGER_IOCTL_MAGIC, 0x16)

/**
 * VMANAGER_CONSOLE_WRITE - type on the partition's console (struct vmanager_console). Does not wait: takes what fits.
 *
 * Return: 0, or as for VMANAGER_CONSOLE_READ, or
 *   EBADFD  the partition is READY: nobody would read it (REASON_NOT_RUNNING)
 */
#define VMANAGER_CONSOLE_WRITE _IO(VMANAGER_IOCTL_MAGIC, 0x17)

/**
 * VMANAGER_STATS - counters of the firmware (struct vmanager_stats)
 *
 * Return: 0, or the errors of every call.
 */
#define VMANAGER_STATS _IO(VMANAGER_IOCTL_MAGIC, 0x18)

#endif /* _UAPI_VMANAGER_H */

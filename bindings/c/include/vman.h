/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libvman: the C interface of the AI Virtualiser.
 *
 * Written from the sources of vman-ffi; do not edit. A function is
 * vman_<noun>_<verb>(handle, inputs..., outputs..., error) and gives a
 * vman_status. Outputs are written on success only, and *error on failure only:
 * free it with vman_error_free. `error` may be NULL. A structure begins with
 * `size`, which the caller sets to sizeof before the call. Enumerations go in as
 * int32_t and are checked. A defect inside the library becomes
 * VMAN_STATUS_PANIC. Texts are UTF-8.
 */

#ifndef VMAN_H
#define VMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Major version of this header: raised when programs must be changed.
 */
#define VMAN_VERSION_MAJOR 0

/**
 * Minor version of this header: raised when functions are added.
 */
#define VMAN_VERSION_MINOR 1

/**
 * Patch version of this header.
 */
#define VMAN_VERSION_PATCH 0

/**
 * Version of the binary interface, the number in `libvman.so.0`: raised when programs must be compiled again.
 */
#define VMAN_ABI_VERSION 0

/**
 * In `flags` of vman_create_args: the partition is critical and lives in the secure world.
 */
#define VMAN_CREATE_SECURE 1

/**
 * Length of a name's place, its NUL included.
 */
#define VMAN_NAME_LENGTH 64

/**
 * Words of a set of CPUs: bit n % 64 of word n / 64 stands for CPU n.
 */
#define VMAN_CPU_WORDS 4

/**
 * The most bytes that one call reads or writes.
 */
#define VMAN_CONSOLE_MAX (512 * 1024)

/**
 * As a position: what the partition prints from now on.
 */
#define VMAN_CONSOLE_NOW UINT64_MAX

/**
 * In `flags` of vman_request: it shares the CPUs that `shared` names.
 */
#define VMAN_REQUEST_SHARED 2

/**
 * Levels of claim that an agent chooses from: 25, 75, 100, 150 and 200 percent of the own share.
 */
#define VMAN_AGENT_LEVELS 5

/**
 * In `allowed` of vman_agent_act: every level.
 */
#define VMAN_AGENT_ALL_LEVELS 31

/**
 * The demand of a slice about which nothing is known: its claim counts in full.
 */
#define VMAN_DEMAND_UNKNOWN UINT64_MAX

/**
 * In `flags` of vman_sample: `throttled_ns` is known.
 */
#define VMAN_SAMPLE_THROTTLED 1

/**
 * In `flags` of vman_decision: the budget differs from the one before.
 */
#define VMAN_DECISION_CHANGED 1

/**
 * In `flags` of vman_decision: the task wanted more than it had.
 */
#define VMAN_DECISION_SATURATED 2

/**
 * In `flags` of vman_reservation_attach: the thread may use bandwidth that others leave unused (GRUB).
 */
#define VMAN_RESERVATION_RECLAIM 1

/**
 * In `flags` of vman_usage: `waited_ns` is known.
 */
#define VMAN_USAGE_WAITED 1

/**
 * What a call answers: the kind of error, the same as the class of a JSON reply. Numbers are never used again for
 * something else; newer libraries may answer numbers that are not listed here.
 */
typedef enum vman_status {
  /**
   * It is done.
   */
  VMAN_STATUS_OK = 0,
  /**
   * An argument breaks a rule that does not depend on any state.
   */
  VMAN_STATUS_INVALID_ARGUMENT = 1,
  /**
   * No such partition, image or file.
   */
  VMAN_STATUS_NOT_FOUND = 2,
  /**
   * The partition's state does not allow it.
   */
  VMAN_STATUS_INVALID_STATE = 3,
  /**
   * Not enough cores, memory, slots or space.
   */
  VMAN_STATUS_NO_RESOURCES = 4,
  /**
   * Another operation on the partition is under way.
   */
  VMAN_STATUS_BUSY = 5,
  /**
   * The caller may not do this.
   */
  VMAN_STATUS_PERMISSION_DENIED = 6,
  /**
   * Unknown command, or a feature that this board does not have.
   */
  VMAN_STATUS_UNSUPPORTED = 7,
  /**
   * It did not happen in time; the state is unchanged.
   */
  VMAN_STATUS_TIMEOUT = 8,
  /**
   * The connection or the device is gone.
   */
  VMAN_STATUS_DISCONNECTED = 9,
  /**
   * The peer does not speak the protocol.
   */
  VMAN_STATUS_PROTOCOL = 10,
  /**
   * The firmware answered a code that nobody knows.
   */
  VMAN_STATUS_FIRMWARE = 11,
  /**
   * A defect of ours or a failing system call.
   */
  VMAN_STATUS_INTERNAL = 12,
  /**
   * The name or UUID is taken.
   */
  VMAN_STATUS_ALREADY_EXISTS = 13,
  /**
   * A defect of this library; the handle remains valid.
   */
  VMAN_STATUS_PANIC = 100,
} vman_status;

/**
 * Where a partition stands.
 */
typedef enum vman_state {
  /**
   * It does not exist any more, or there is nothing to tell.
   */
  VMAN_STATE_NONE = 0,
  /**
   * It owns cores and memory; its CPUs are off.
   */
  VMAN_STATE_READY = 1,
  /**
   * An operating system runs on it.
   */
  VMAN_STATE_DEPLOYED = 2,
  /**
   * Its CPUs are held, their state is kept.
   */
  VMAN_STATE_SUSPENDED = 3,
} vman_state;

/**
 * Whether the operating system in a partition is sound.
 */
typedef enum vman_condition {
  /**
   * Nothing is known against it.
   */
  VMAN_CONDITION_RUNNING = 0,
  /**
   * The firmware saw a fault that it cannot go on from: only shutdown and reboot are possible.
   */
  VMAN_CONDITION_FAULTED = 1,
} vman_condition;

/**
 * What can be asked of an existing partition.
 */
typedef enum vman_operation {
  /**
   * None is under way.
   */
  VMAN_OPERATION_NONE = 0,
  /**
   * Load a kernel and start it.
   */
  VMAN_OPERATION_DEPLOY = 1,
  /**
   * Halt the CPUs, keep the resources.
   */
  VMAN_OPERATION_SHUTDOWN = 2,
  /**
   * Halt the CPUs, load again, start again.
   */
  VMAN_OPERATION_REBOOT = 3,
  /**
   * Hold the CPUs with their state.
   */
  VMAN_OPERATION_SUSPEND = 4,
  /**
   * Let held CPUs go on.
   */
  VMAN_OPERATION_RESTORE = 5,
  /**
   * Give cores and memory back.
   */
  VMAN_OPERATION_DESTROY = 6,
} vman_operation;

/**
 * What happened.
 */
typedef enum vman_event_kind {
  /**
   * Nothing: no event has come.
   */
  VMAN_EVENT_KIND_NONE = 0,
  /**
   * A partition was created.
   */
  VMAN_EVENT_KIND_CREATED = 1,
  /**
   * A partition's state changed: `from`, `to`, `cause`.
   */
  VMAN_EVENT_KIND_STATE = 2,
  /**
   * A partition was loaded and started again: `cause`.
   */
  VMAN_EVENT_KIND_REBOOTED = 3,
  /**
   * A partition is faulted: `reason`.
   */
  VMAN_EVENT_KIND_FAULTED = 4,
  /**
   * A partition is gone.
   */
  VMAN_EVENT_KIND_DESTROYED = 5,
  /**
   * This stream was read too slowly: `lost` events are missing. Ask vmand for the truth.
   */
  VMAN_EVENT_KIND_LOST = 6,
  /**
   * vmand stops, and with it this stream.
   */
  VMAN_EVENT_KIND_STOPPING = 7,
} vman_event_kind;

/**
 * Who changed a partition's state.
 */
typedef enum vman_cause {
  /**
   * Nobody: the event has no cause.
   */
  VMAN_CAUSE_NONE = 0,
  /**
   * A command.
   */
  VMAN_CAUSE_COMMAND = 1,
  /**
   * The partition's operating system.
   */
  VMAN_CAUSE_GUEST = 2,
  /**
   * The firmware.
   */
  VMAN_CAUSE_FIRMWARE = 3,
} vman_cause;

/**
 * How a partition is shut down.
 */
typedef enum vman_shutdown_mode {
  /**
   * Halt the CPUs.
   */
  VMAN_SHUTDOWN_MODE_FORCED = 0,
  /**
   * Ask the operating system; boards may answer VMAN_STATUS_UNSUPPORTED.
   */
  VMAN_SHUTDOWN_MODE_GRACEFUL = 1,
} vman_shutdown_mode;

/**
 * How budgets are found.
 */
typedef enum vman_policy_kind {
  /**
   * Figure 23 of the source document.
   */
  VMAN_POLICY_KIND_SEED = 1,
  /**
   * The default: throttling is the sign that a budget is too small.
   */
  VMAN_POLICY_KIND_SATURATION = 2,
  /**
   * A percentile of the recent demand.
   */
  VMAN_POLICY_KIND_PERCENTILE = 3,
  /**
   * A controller.
   */
  VMAN_POLICY_KIND_PI = 4,
  /**
   * The first budget for ever.
   */
  VMAN_POLICY_KIND_STATIC = 5,
} vman_policy_kind;

/**
 * A trained agent of one slice. It does not change; any thread may use it. Deciding allocates nothing.
 */
typedef struct vman_agent vman_agent;

/**
 * Whose turn it is. One thread at a time.
 */
typedef struct vman_arbiter vman_arbiter;

/**
 * A connection to vmand. Several threads may use it: their calls are carried out one after the other, so a thread
 * that must not wait needs a connection of its own. Only `vman_client_free` needs that nobody else uses it. The
 * descriptor is closed on exec; after fork the child must not use the handle.
 */
typedef struct vman_client vman_client;

/**
 * A partition's console as it is printed, on a connection of its own. Several threads may use it. Only
 * `vman_console_free` needs that nobody else uses it. The descriptor is closed on exec; after fork the child must not
 * use the handle.
 */
typedef struct vman_console vman_console;

/**
 * Why a call failed. It does not change and may be read by several threads.
 */
typedef struct vman_error vman_error;

/**
 * A stream of events. Several threads may use it, each event goes to one of them. Only `vman_events_free` needs that
 * nobody else uses it. The descriptor is closed on exec; after fork the child must not use the handle.
 */
typedef struct vman_events vman_events;

/**
 * The partitions at one moment, by rising number. It does not change and may be read by several threads.
 */
typedef struct vman_partitions vman_partitions;

/**
 * A policy with its memory. One thread at a time may use it.
 */
typedef struct vman_policy vman_policy;

/**
 * A thread that has a reservation through this library. One thread at a time may use it.
 */
typedef struct vman_reservation vman_reservation;

/**
 * A partition's counters at one moment, by name. It does not change and may be read by several threads.
 */
typedef struct vman_stats vman_stats;

/**
 * What a new partition shall have. Set `size` to sizeof, everything else that is not wanted to 0.
 */
typedef struct vman_create_args {
  /**
   * sizeof(vman_create_args).
   */
  uint32_t size;
  /**
   * Number of physical cores, at least 1.
   */
  uint32_t cores;
  /**
   * Memory in MiB, at least 1; vmand refuses what is no multiple of the host's granule.
   */
  uint64_t memory_mib;
  /**
   * VMAN_CREATE_SECURE or 0.
   */
  uint32_t flags;
  /**
   * Secure partitions only: the non-secure partition over whose cores it has strict priority, or 0.
   */
  uint32_t shared_with;
  /**
   * Unique name of at most 63 bytes, or NULL.
   */
  const char *name;
  /**
   * Unique identity, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", or NULL.
   */
  const char *uuid;
} vman_create_args;

/**
 * What runs on a partition. Set `size` to sizeof, everything else that is not wanted to 0. Files are paths, or
 * "image:sha256:HEX" for what `vman_image_upload` has stored. Paths are those of the caller's machine: where vmand
 * cannot read them they are uploaded.
 */
typedef struct vman_deploy_args {
  /**
   * sizeof(vman_deploy_args).
   */
  uint32_t size;
  /**
   * The partition.
   */
  uint32_t id;
  /**
   * arm64 kernel image, uncompressed.
   */
  const char *kernel;
  /**
   * Device tree blob, or NULL: it is made from the board's own.
   */
  const char *dtb;
  /**
   * Initial RAM disk, or NULL.
   */
  const char *initrd;
  /**
   * Kernel command line, or NULL.
   */
  const char *cmdline;
} vman_deploy_args;

/**
 * vmand and the board behind it. Set `size` to sizeof.
 */
typedef struct vman_daemon {
  /**
   * sizeof(vman_daemon).
   */
  uint32_t size;
  /**
   * Version of the JSON protocol: 1.
   */
  uint32_t protocol;
  /**
   * 1 if paths name files of vmand's machine alone, so that files are uploaded; 0 if they are the caller's.
   */
  uint32_t paths_remote;
  /**
   * 1 if the board is simulated.
   */
  uint32_t simulated;
  /**
   * Version of vmand, cut after 63 bytes.
   */
  char version[VMAN_NAME_LENGTH];
  /**
   * Version of the firmware's service, cut after 63 bytes.
   */
  char firmware[VMAN_NAME_LENGTH];
} vman_daemon;

/**
 * A pool of memory in MiB.
 */
typedef struct vman_memory {
  /**
   * Size of the pool.
   */
  uint64_t total_mib;
  /**
   * What belongs to no partition.
   */
  uint64_t free_mib;
  /**
   * Largest contiguous free range.
   */
  uint64_t largest_free_mib;
} vman_memory;

/**
 * What a board is and what it has left. Set `size` to sizeof.
 */
typedef struct vman_host {
  /**
   * sizeof(vman_host).
   */
  uint32_t size;
  /**
   * 1 if the board is simulated.
   */
  uint32_t simulated;
  /**
   * Number of physical cores.
   */
  uint32_t cores_total;
  /**
   * Cores that a new partition may get.
   */
  uint32_t cores_free;
  /**
   * Cores of the management partition that are never given away.
   */
  uint32_t cores_management;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Which cores a new partition may get.
   */
  uint64_t free[VMAN_CPU_WORDS];
  /**
   * Non-secure memory for partitions.
   */
  struct vman_memory memory;
  /**
   * Secure memory for critical partitions; total 0 if there is none.
   */
  struct vman_memory secure_memory;
  /**
   * Memory of the management partition in MiB.
   */
  uint64_t memory_management_mib;
  /**
   * Memory is given in multiples of this, in MiB.
   */
  uint64_t memory_granule_mib;
  /**
   * Architecture of the partitions: "aarch64".
   */
  char arch[16];
  /**
   * The board's name, cut after 127 bytes.
   */
  char model[128];
} vman_host;

/**
 * One partition. Set `size` to sizeof.
 */
typedef struct vman_partition {
  /**
   * sizeof(vman_partition).
   */
  uint32_t size;
  /**
   * Its number.
   */
  uint32_t id;
  /**
   * READY, DEPLOYED or SUSPENDED.
   */
  enum vman_state state;
  /**
   * Running or faulted.
   */
  enum vman_condition condition;
  /**
   * The operation that is under way.
   */
  enum vman_operation busy;
  /**
   * 1 if it is critical.
   */
  uint32_t secure;
  /**
   * Partition whose cores it shares, or 0.
   */
  uint32_t shared_with;
  /**
   * Number of its cores.
   */
  uint32_t core_count;
  /**
   * Its physical cores.
   */
  uint64_t cores[VMAN_CPU_WORDS];
  /**
   * Its memory in MiB.
   */
  uint64_t memory_mib;
  /**
   * First physical address of its memory.
   */
  uint64_t memory_base;
  /**
   * Its name, empty if it has none.
   */
  char name[VMAN_NAME_LENGTH];
  /**
   * Its identity as 36 characters, empty if it has none.
   */
  char uuid[40];
  /**
   * Why it is faulted, empty if it is not.
   */
  char fault[32];
} vman_partition;

/**
 * Which bytes of a console were read. Set `size` to sizeof.
 */
typedef struct vman_console_span {
  /**
   * sizeof(vman_console_span).
   */
  uint32_t size;
  /**
   * Number of bytes that were read.
   */
  uint32_t length;
  /**
   * Position of the first one: later than asked if older bytes were dropped. Read on at position + length.
   */
  uint64_t position;
  /**
   * Position behind the last byte that the partition has printed.
   */
  uint64_t end;
} vman_console_span;

/**
 * What a kernel's header says. Set `size` to sizeof.
 */
typedef struct vman_kernel {
  /**
   * sizeof(vman_kernel).
   */
  uint32_t size;
  /**
   * Page size that it was built for in KiB (4, 16, 64), 0 if the header does not say.
   */
  uint32_t page_size_kib;
  /**
   * Distance from a 2 MiB boundary to the image in bytes.
   */
  uint64_t text_offset;
  /**
   * Bytes that the kernel needs from the start of the image: its file and what it clears behind.
   */
  uint64_t image_size;
  /**
   * 1 if it may lie anywhere in memory, and not only near its start.
   */
  uint32_t anywhere;
  /**
   * 0.
   */
  uint32_t reserved;
} vman_kernel;

/**
 * One event. Set `size` to sizeof.
 */
typedef struct vman_event {
  /**
   * sizeof(vman_event).
   */
  uint32_t size;
  /**
   * What happened.
   */
  enum vman_event_kind kind;
  /**
   * The partition, or 0.
   */
  uint32_t id;
  /**
   * State before.
   */
  enum vman_state from;
  /**
   * State now.
   */
  enum vman_state to;
  /**
   * Who caused it.
   */
  enum vman_cause cause;
  /**
   * Number of lost events.
   */
  uint64_t lost;
  /**
   * Nanoseconds of the board's monotonic clock.
   */
  uint64_t timestamp_ns;
  /**
   * Rises by one with every event of the board.
   */
  uint64_t seq;
  /**
   * Why the partition is faulted, else empty.
   */
  char reason[32];
} vman_event;

/**
 * A range of physical memory in bytes.
 */
typedef struct vman_range {
  /**
   * First address.
   */
  uint64_t base;
  /**
   * Length.
   */
  uint64_t length;
} vman_range;

/**
 * What a board has, and what of it is taken. Set `size` to sizeof. Lists of memory are sorted and disjoint; a list
 * of length 0 may be NULL.
 */
typedef struct vman_inventory {
  /**
   * sizeof(vman_inventory).
   */
  uint32_t size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Memory is given in multiples of this many bytes, a power of two.
   */
  uint64_t granule;
  /**
   * CPUs that no partition owns.
   */
  uint64_t free[VMAN_CPU_WORDS];
  /**
   * The management partition's CPUs: never given away.
   */
  uint64_t management[VMAN_CPU_WORDS];
  /**
   * Cluster of each CPU by its index; CPUs behind the end are in cluster 0.
   */
  const uint8_t *clusters;
  /**
   * Length of `clusters`.
   */
  size_t cluster_count;
  /**
   * Non-secure memory that partitions are made of.
   */
  const struct vman_range *pool;
  /**
   * Length of `pool`.
   */
  size_t pool_count;
  /**
   * Secure memory that critical partitions are made of.
   */
  const struct vman_range *secure_pool;
  /**
   * Length of `secure_pool`.
   */
  size_t secure_pool_count;
  /**
   * Memory that is taken or reserved.
   */
  const struct vman_range *used;
  /**
   * Length of `used`.
   */
  size_t used_count;
} vman_inventory;

/**
 * What a new partition shall have. Set `size` to sizeof.
 */
typedef struct vman_request {
  /**
   * sizeof(vman_request).
   */
  uint32_t size;
  /**
   * Number of CPUs.
   */
  uint32_t cores;
  /**
   * Bytes, a multiple of the granule.
   */
  uint64_t memory;
  /**
   * VMAN_CREATE_SECURE, VMAN_REQUEST_SHARED, or 0.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * With VMAN_REQUEST_SHARED: the CPUs of the non-secure partition.
   */
  uint64_t shared[VMAN_CPU_WORDS];
} vman_request;

/**
 * What a new partition gets. Set `size` to sizeof.
 */
typedef struct vman_grant {
  /**
   * sizeof(vman_grant).
   */
  uint32_t size;
  /**
   * 1 if the CPUs are another partition's, which keeps them.
   */
  uint32_t shared;
  /**
   * Its CPUs.
   */
  uint64_t cpus[VMAN_CPU_WORDS];
  /**
   * Its memory, contiguous.
   */
  struct vman_range memory;
} vman_grant;

/**
 * What one slice has and asks for, in one unit for all (Hz of CPU, radio blocks).
 */
typedef struct vman_claim {
  /**
   * Its share: what of its claim lies within is granted always.
   */
  uint64_t share;
  /**
   * What it asks for.
   */
  uint64_t amount;
  /**
   * What it can use now; VMAN_DEMAND_UNKNOWN reserves the claim whether it is used or not.
   */
  uint64_t demand;
} vman_claim;

/**
 * Everything that a policy can be told; vman_policy_config_init fills it with what each policy is known to work with.
 */
typedef struct vman_policy_config {
  /**
   * sizeof(vman_policy_config).
   */
  uint32_t size;
  /**
   * A vman_policy_kind.
   */
  int32_t kind;
  /**
   * P: the period of the reservation, in nanoseconds.
   */
  uint64_t period_ns;
  /**
   * Q at first, in nanoseconds.
   */
  uint64_t initial_ns;
  /**
   * Least budget in nanoseconds.
   */
  uint64_t floor_ns;
  /**
   * N: how many samples are remembered.
   */
  uint32_t window;
  /**
   * ovh: what a budget has above the demand, in millionths.
   */
  uint32_t overhead_ppm;
  /**
   * Smaller changes of a budget are not made, in millionths of it.
   */
  uint32_t dead_band_ppm;
  /**
   * Which percentile, for VMAN_POLICY_KIND_PERCENTILE, in millionths.
   */
  uint32_t percentile_ppm;
  /**
   * Largest budget in millionths of the period.
   */
  uint32_t cap_ppm;
  /**
   * 0.
   */
  uint32_t reserved;
} vman_policy_config;

/**
 * What was measured since the sample before.
 */
typedef struct vman_sample {
  /**
   * sizeof(vman_sample).
   */
  uint32_t size;
  /**
   * VMAN_SAMPLE_THROTTLED or 0.
   */
  uint32_t flags;
  /**
   * CPU time used, in nanoseconds.
   */
  uint64_t executed_ns;
  /**
   * Time spent runnable without running, in nanoseconds.
   */
  uint64_t throttled_ns;
  /**
   * Time since the sample before, in nanoseconds.
   */
  uint64_t interval_ns;
} vman_sample;

/**
 * What the policy wants.
 */
typedef struct vman_decision {
  /**
   * sizeof(vman_decision).
   */
  uint32_t size;
  /**
   * VMAN_DECISION_CHANGED, VMAN_DECISION_SATURATED.
   */
  uint32_t flags;
  /**
   * Q in nanoseconds.
   */
  uint64_t runtime_ns;
} vman_decision;

/**
 * What a thread has used since it began, and what it has.
 */
typedef struct vman_usage {
  /**
   * sizeof(vman_usage).
   */
  uint32_t size;
  /**
   * VMAN_USAGE_WAITED or 0.
   */
  uint32_t flags;
  /**
   * CPU time in nanoseconds.
   */
  uint64_t executed_ns;
  /**
   * Time spent runnable without running, throttling included, in nanoseconds.
   */
  uint64_t waited_ns;
  /**
   * Q in nanoseconds.
   */
  uint64_t runtime_ns;
  /**
   * P in nanoseconds.
   */
  uint64_t period_ns;
} vman_usage;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Version of the library that is loaded, "MAJOR.MINOR.PATCH"; the macros tell that of the header. The text is
 * constant.
 */
const char *vman_version(void);

/**
 * Version of the loaded library's binary interface; a program works if it equals VMAN_ABI_VERSION.
 */
uint32_t vman_abi_version(void);

/**
 * Name of a status, the same as the class of a JSON reply ("InvalidState"); NULL for an unknown number. The text is
 * constant.
 */
const char *vman_status_name(int32_t status);

/**
 * One clause for people ("Not possible in the partition's state"); NULL for an unknown number. The text is constant.
 */
const char *vman_status_describe(int32_t status);

/**
 * Whether the same call may succeed later without any change: busy, timed out, disconnected.
 */
bool vman_status_is_temporary(int32_t status);

/**
 * The status for the `class` of a JSON error reply; a class that this library does not know is
 * VMAN_STATUS_INTERNAL, as vmand's newer classes are.
 *
 * # Safety
 * `class` is a NUL-terminated text, `status` a valid place for the answer, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_status_from_class(const char *class_,
                                        enum vman_status *status,
                                        struct vman_error **error);

/**
 * One clause for people which names the rule that was broken, and its causes. NUL-terminated UTF-8, valid until
 * `vman_error_free`. NULL for NULL.
 *
 * # Safety
 * `error` is NULL or an error object that is not freed yet.
 */
const char *vman_error_message(const struct vman_error *error);

/**
 * The status that the failed call gave; VMAN_STATUS_OK for NULL.
 *
 * # Safety
 * `error` is NULL or an error object that is not freed yet.
 */
enum vman_status vman_error_status(const struct vman_error *error);

/**
 * Frees an error object; NULL is fine.
 *
 * # Safety
 * `error` is NULL or an error object that is not freed yet.
 */
void vman_error_free(struct vman_error *error);

/**
 * The state after an operation on a partition in `state` (a vman_state) and `condition` (a vman_condition);
 * `operation` is a vman_operation. Nothing is sent: the same table as in vmand and in the firmware. `*next` is
 * VMAN_STATE_NONE after the partition was destroyed.
 *
 * Fails with VMAN_STATUS_INVALID_STATE where the table refuses it, VMAN_STATUS_INVALID_ARGUMENT for a number that
 * is none of the enumeration.
 *
 * # Safety
 * `next` is a valid place for the answer, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_state_after(int32_t state,
                                  int32_t condition,
                                  int32_t operation,
                                  enum vman_state *next,
                                  struct vman_error **error);

/**
 * Name of a vman_state as vmand spells it ("READY"); NULL for other numbers. The text is constant.
 */
const char *vman_state_name(int32_t state);

/**
 * Name of a vman_operation, the same as its command ("destroy-partition"); NULL for other numbers. The text is
 * constant.
 */
const char *vman_operation_name(int32_t operation);

/**
 * Connects to vmand at the socket `path`, NULL for `/run/vman/vmand.sock`. A later call waits at most `timeout_ms`
 * milliseconds for each piece of its answer, 0 for ever: boots and shutdowns take seconds.
 *
 * Fails with VMAN_STATUS_DISCONNECTED if nobody listens, VMAN_STATUS_PERMISSION_DENIED if the caller may not connect.
 *
 * # Safety
 * `path` is NULL or a NUL-terminated text, `client` a valid place for the handle, `error` NULL or a valid place for
 * a pointer.
 */
enum vman_status vman_client_connect(const char *path,
                                     uint32_t timeout_ms,
                                     struct vman_client **client,
                                     struct vman_error **error);

/**
 * Connects again, after VMAN_STATUS_TIMEOUT, VMAN_STATUS_DISCONNECTED or VMAN_STATUS_PROTOCOL: after these the old
 * connection is of no use, since a late answer may still come. On failure the handle remains as it was.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_client_reconnect(const struct vman_client *client,
                                       struct vman_error **error);

/**
 * Sends one request of the JSON protocol, `{"command": NAME, "args": {...}, "id": any}` without a newline in it, and
 * gives the reply as it came: also a refusal is a reply (see `vman_reply_check`). Free `*reply_json` with
 * `vman_string_free`.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT for a text that is no single line, is longer than 1 MiB, or is a command
 * that takes the connection over (subscribe-events, console-attach).
 *
 * # Safety
 * `client` is a handle that is not freed yet, `command_json` a NUL-terminated text, `reply_json` a valid place for a
 * pointer, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_client_call(const struct vman_client *client,
                                  const char *command_json,
                                  char **reply_json,
                                  struct vman_error **error);

/**
 * Whether the connection stands and nothing has come that was not asked for; never waits. A program that keeps
 * connections for later finds out with this which of them are of no use any more. False for NULL.
 *
 * # Safety
 * `client` is NULL or a handle that is not freed yet.
 */
bool vman_client_is_idle(const struct vman_client *client);

/**
 * Closes the connection and frees the handle; NULL is fine.
 *
 * # Safety
 * `client` is NULL or a handle that is not freed yet and that no other thread uses.
 */
void vman_client_free(struct vman_client *client);

/**
 * Frees a text that this library gave; NULL is fine.
 *
 * # Safety
 * `text` is NULL or a text that a function of this library gave to be freed here, and that is not freed yet.
 */
void vman_string_free(char *text);

/**
 * Checks a request as vmand does when it reads it: the envelope, the command's name, names and types of its
 * arguments, the memory size. Gives VMAN_STATUS_OK or the status that vmand's refusal would have; what depends on
 * the board or on a partition is left to vmand.
 *
 * # Safety
 * `command_json` is a NUL-terminated text, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_command_check(const char *command_json,
                                    struct vman_error **error);

/**
 * Checks a reply: VMAN_STATUS_OK for `{"return": ...}`; for `{"error": {"class", "desc"}}` the status of the class,
 * with `desc` as the message of `*error`; VMAN_STATUS_PROTOCOL if it is neither.
 *
 * # Safety
 * `reply_json` is a NUL-terminated text, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_reply_check(const char *reply_json,
                                  struct vman_error **error);

/**
 * Creates a partition; it is READY. Gives its number.
 *
 * Fails with VMAN_STATUS_NO_RESOURCES, VMAN_STATUS_ALREADY_EXISTS (name or UUID), VMAN_STATUS_INVALID_ARGUMENT,
 * VMAN_STATUS_UNSUPPORTED (secure), VMAN_STATUS_NOT_FOUND (shared_with), VMAN_STATUS_PERMISSION_DENIED.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `args` a structure whose texts are NULL or NUL-terminated, `id` a
 * valid place for the answer, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_create(const struct vman_client *client,
                                       const struct vman_create_args *args,
                                       uint32_t *id,
                                       struct vman_error **error);

/**
 * Loads a kernel and starts it: READY to DEPLOYED.
 *
 * Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND (partition or file),
 * VMAN_STATUS_INVALID_ARGUMENT (no kernel, a broken device tree), VMAN_STATUS_NO_RESOURCES (it does not fit).
 *
 * # Safety
 * `client` is a handle that is not freed yet, `args` a structure whose texts are NULL or NUL-terminated, `error`
 * NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_deploy(const struct vman_client *client,
                                       const struct vman_deploy_args *args,
                                       struct vman_error **error);

/**
 * Gives cores and memory back; the partition must be READY. Its number is not used again.
 *
 * Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_destroy(const struct vman_client *client,
                                        uint32_t id,
                                        struct vman_error **error);

/**
 * Halts a DEPLOYED partition, loads it again and starts it.
 *
 * Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND, VMAN_STATUS_TIMEOUT.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_reboot(const struct vman_client *client,
                                       uint32_t id,
                                       struct vman_error **error);

/**
 * Halts the CPUs of a DEPLOYED or SUSPENDED partition and returns when all of them are off: it is READY. `mode` is a
 * vman_shutdown_mode. Waits at most `timeout_ms` milliseconds for the CPUs, 0 for as long as vmand thinks right.
 *
 * Fails with VMAN_STATUS_TIMEOUT (the state is unchanged), VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY,
 * VMAN_STATUS_NOT_FOUND, VMAN_STATUS_UNSUPPORTED (graceful).
 *
 * # Safety
 * `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_shutdown(const struct vman_client *client,
                                         uint32_t id,
                                         int32_t mode,
                                         uint32_t timeout_ms,
                                         struct vman_error **error);

/**
 * Holds the CPUs of a DEPLOYED partition with their state: it is SUSPENDED.
 *
 * Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND, VMAN_STATUS_TIMEOUT.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_suspend(const struct vman_client *client,
                                        uint32_t id,
                                        struct vman_error **error);

/**
 * Lets the CPUs of a SUSPENDED partition go on: it is DEPLOYED.
 *
 * Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_partition_restore(const struct vman_client *client,
                                        uint32_t id,
                                        struct vman_error **error);

/**
 * Asks for versions, and whether the board is simulated.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `daemon` a structure with its size, `error` NULL or a valid place for
 * a pointer.
 */
enum vman_status vman_daemon_query(const struct vman_client *client,
                                   struct vman_daemon *daemon,
                                   struct vman_error **error);

/**
 * Asks what the board is and what is free.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `host` a structure with its size, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_host_query(const struct vman_client *client,
                                 struct vman_host *host,
                                 struct vman_error **error);

/**
 * Asks about one partition. Never waits for an operation that is under way.
 *
 * Fails with VMAN_STATUS_NOT_FOUND.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `partition` a structure with its size, `error` NULL or a valid place
 * for a pointer.
 */
enum vman_status vman_partition_query(const struct vman_client *client,
                                      uint32_t id,
                                      struct vman_partition *partition,
                                      struct vman_error **error);

/**
 * Asks for all partitions. Free `*partitions` with `vman_partitions_free`.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `partitions` a valid place for the list, `error` NULL or a valid place
 * for a pointer.
 */
enum vman_status vman_partitions_query(const struct vman_client *client,
                                       struct vman_partitions **partitions,
                                       struct vman_error **error);

/**
 * Number of partitions in the list, 0 for NULL.
 *
 * # Safety
 * `partitions` is NULL or a list that is not freed yet.
 */
size_t vman_partitions_count(const struct vman_partitions *partitions);

/**
 * One partition of the list, counted from 0.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT for an index behind the end.
 *
 * # Safety
 * `partitions` is a list that is not freed yet, `partition` a structure with its size, `error` NULL or a valid place
 * for a pointer.
 */
enum vman_status vman_partitions_get(const struct vman_partitions *partitions,
                                     size_t index,
                                     struct vman_partition *partition,
                                     struct vman_error **error);

/**
 * Frees a list; NULL is fine.
 *
 * # Safety
 * `partitions` is NULL or a list that is not freed yet.
 */
void vman_partitions_free(struct vman_partitions *partitions);

/**
 * Asks for a partition's counters. Free `*stats` with `vman_stats_free`.
 *
 * Fails with VMAN_STATUS_NOT_FOUND.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `stats` a valid place for the list, `error` NULL or a valid place for
 * a pointer.
 */
enum vman_status vman_stats_query(const struct vman_client *client,
                                  uint32_t id,
                                  struct vman_stats **stats,
                                  struct vman_error **error);

/**
 * Number of counters, 0 for NULL.
 *
 * # Safety
 * `stats` is NULL or a list that is not freed yet.
 */
size_t vman_stats_count(const struct vman_stats *stats);

/**
 * Name and value of one counter, counted from 0 in the order of names. The name is valid until `vman_stats_free`.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT for an index behind the end.
 *
 * # Safety
 * `stats` is a list that is not freed yet, `name` and `value` valid places for the answers, `error` NULL or a valid
 * place for a pointer.
 */
enum vman_status vman_stats_get(const struct vman_stats *stats,
                                size_t index,
                                const char **name,
                                uint64_t *value,
                                struct vman_error **error);

/**
 * The value of the counter with this name, "starts" for example.
 *
 * Fails with VMAN_STATUS_NOT_FOUND if the board does not count it.
 *
 * # Safety
 * `stats` is a list that is not freed yet, `name` a NUL-terminated text, `value` a valid place for the answer,
 * `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_stats_find(const struct vman_stats *stats,
                                 const char *name,
                                 uint64_t *value,
                                 struct vman_error **error);

/**
 * Frees counters; NULL is fine.
 *
 * # Safety
 * `stats` is NULL or a list that is not freed yet.
 */
void vman_stats_free(struct vman_stats *stats);

/**
 * Reads what a partition printed, from `position` on, counted over everything that it ever printed; 0 gives the
 * oldest bytes that are kept. At most `capacity` bytes (and at most VMAN_CONSOLE_MAX) go to `buffer`; there may be
 * none. Never waits for the partition.
 *
 * Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_INVALID_ARGUMENT (capacity 0).
 *
 * # Safety
 * `client` is a handle that is not freed yet, `buffer` valid for `capacity` bytes, `span` a structure with its size,
 * `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_console_read(const struct vman_client *client,
                                   uint32_t id,
                                   uint64_t position,
                                   uint8_t *buffer,
                                   size_t capacity,
                                   struct vman_console_span *span,
                                   struct vman_error **error);

/**
 * Types `length` bytes into a partition's console, at most VMAN_CONSOLE_MAX.
 *
 * Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_BUSY (the partition does not read its console).
 *
 * # Safety
 * `client` is a handle that is not freed yet, `data` valid for `length` bytes, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_console_write(const struct vman_client *client,
                                    uint32_t id,
                                    const uint8_t *data,
                                    size_t length,
                                    struct vman_error **error);

/**
 * Attaches to a partition's console at the socket `path`, NULL for `/run/vman/vmand.sock`. What the partition
 * printed from `position` on follows, counted over everything that it ever printed; VMAN_CONSOLE_NOW begins with
 * what comes next. Waits at most `timeout_ms` milliseconds for vmand, 0 for ever. Any number of programs may attach
 * to one console.
 *
 * Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_PERMISSION_DENIED.
 *
 * # Safety
 * `path` is NULL or a NUL-terminated text, `console` a valid place for the handle, `error` NULL or a valid place for
 * a pointer.
 */
enum vman_status vman_console_attach(const char *path,
                                     uint32_t id,
                                     uint64_t position,
                                     uint32_t timeout_ms,
                                     struct vman_console **console,
                                     struct vman_error **error);

/**
 * The console's descriptor, for poll(2) with POLLIN; only poll it. -1 for NULL. It is valid until
 * `vman_console_free`.
 *
 * # Safety
 * `console` is NULL or a handle that is not freed yet.
 */
int vman_console_fd(const struct vman_console *console);

/**
 * What has come, at most `capacity` bytes to `buffer`; `length` of `*span` is 0 if nothing has. Never waits. One
 * wake-up of the descriptor may stand for much, so call this until it gives nothing before polling again.
 *
 * Fails with VMAN_STATUS_NOT_FOUND when the partition is gone, VMAN_STATUS_DISCONNECTED when vmand is, and with what
 * vmand says about input that could not be typed; after the latter the console goes on.
 *
 * # Safety
 * `console` is a handle that is not freed yet, `buffer` valid for `capacity` bytes, `span` a structure with its size,
 * `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_console_next(const struct vman_console *console,
                                   uint8_t *buffer,
                                   size_t capacity,
                                   struct vman_console_span *span,
                                   struct vman_error **error);

/**
 * Types `length` bytes, at most VMAN_CONSOLE_MAX. Whether the partition took them is told by `vman_console_next`.
 *
 * Fails with VMAN_STATUS_DISCONNECTED.
 *
 * # Safety
 * `console` is a handle that is not freed yet, `data` valid for `length` bytes, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_console_send(const struct vman_console *console,
                                   const uint8_t *data,
                                   size_t length,
                                   struct vman_error **error);

/**
 * Detaches and frees the handle; NULL is fine.
 *
 * # Safety
 * `console` is NULL or a handle that is not freed yet and that no other thread uses.
 */
void vman_console_free(struct vman_console *console);

/**
 * Brings a regular file of the caller's machine into vmand's store, unless it is there already, and gives the
 * reference that a deploy takes: "image:sha256:HEX". Free `*reference` with `vman_string_free`. A deploy uploads by
 * itself where vmand cannot read the caller's files; this is for doing it ahead.
 *
 * Fails with VMAN_STATUS_NOT_FOUND (no such file), VMAN_STATUS_INVALID_ARGUMENT (no regular file),
 * VMAN_STATUS_NO_RESOURCES (the store is full).
 *
 * # Safety
 * `client` is a handle that is not freed yet, `path` a NUL-terminated text, `reference` a valid place for a pointer,
 * `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_image_upload(const struct vman_client *client,
                                   const char *path,
                                   char **reference,
                                   struct vman_error **error);

/**
 * Removes an image from vmand's store; `digest` is 64 hexadecimal digits.
 *
 * Fails with VMAN_STATUS_NOT_FOUND.
 *
 * # Safety
 * `client` is a handle that is not freed yet, `digest` a NUL-terminated text, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_image_delete(const struct vman_client *client,
                                   const char *digest,
                                   struct vman_error **error);

/**
 * Reads the header of an arm64 kernel from `head`, the first `length` bytes of a file of `file_length` bytes; 64
 * bytes are enough, more help to tell what else a file is. Nothing is sent: the same check as vmand's.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT; the text names what the file is instead (a compressed kernel, an ELF
 * file, a kernel of another architecture) or the field that is wrong.
 *
 * # Safety
 * `head` is valid for `length` bytes, `kernel` a structure with its size, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_image_check(const uint8_t *head,
                                  size_t length,
                                  uint64_t file_length,
                                  struct vman_kernel *kernel,
                                  struct vman_error **error);

/**
 * Opens a stream on a connection of its own to the socket `path`, NULL for `/run/vman/vmand.sock`: every event from
 * now on. Waits at most `timeout_ms` milliseconds for vmand's answer, 0 for ever.
 *
 * # Safety
 * `path` is NULL or a NUL-terminated text, `events` a valid place for the handle, `error` NULL or a valid place for
 * a pointer.
 */
enum vman_status vman_events_open(const char *path,
                                  uint32_t timeout_ms,
                                  struct vman_events **events,
                                  struct vman_error **error);

/**
 * The stream's descriptor, for poll(2) with POLLIN; only poll it. -1 for NULL. It is valid until `vman_events_free`.
 *
 * # Safety
 * `events` is NULL or a handle that is not freed yet.
 */
int vman_events_fd(const struct vman_events *events);

/**
 * The next event, or VMAN_EVENT_KIND_NONE if none has come: never waits. One wake-up of the descriptor may stand for
 * several events, so call this until it gives none before polling again.
 *
 * Fails with VMAN_STATUS_DISCONNECTED when vmand is gone: free the stream, open another, and ask for the truth.
 *
 * # Safety
 * `events` is a handle that is not freed yet, `event` a structure with its size, `error` NULL or a valid place for a
 * pointer.
 */
enum vman_status vman_events_next(const struct vman_events *events,
                                  struct vman_event *event,
                                  struct vman_error **error);

/**
 * Closes the stream and frees the handle; NULL is fine.
 *
 * # Safety
 * `events` is NULL or a handle that is not freed yet and that no other thread uses.
 */
void vman_events_free(struct vman_events *events);

/**
 * Chooses cores and memory. Nothing is sent and nothing is taken: the same choice as vmand's board makes.
 *
 * Fails with VMAN_STATUS_NO_RESOURCES, VMAN_STATUS_INVALID_ARGUMENT (no cores, no whole granules, sharing that is
 * not secure), VMAN_STATUS_UNSUPPORTED, and VMAN_STATUS_INTERNAL for an inventory that is wrong in itself (lists that
 * are not sorted, a granule that is no power of two).
 *
 * # Safety
 * `inventory` is a structure whose lists have their lengths, `request` a structure, `grant` a structure with its
 * size, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_plan(const struct vman_inventory *inventory,
                           const struct vman_request *request,
                           struct vman_grant *grant,
                           struct vman_error **error);

/**
 * Reads the agent whose weights are in the file `path` (safetensors, as `slice-agent train` and PyTorch write them).
 *
 * Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_PERMISSION_DENIED, and VMAN_STATUS_INVALID_ARGUMENT for a file that is
 * cut off or holds no agent.
 *
 * # Safety
 * `path` is a NUL-terminated text, `agent` a valid place for the handle, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_agent_load(const char *path,
                                 struct vman_agent **agent,
                                 struct vman_error **error);

/**
 * As vman_agent_load, from the `count` bytes of a file.
 *
 * # Safety
 * `bytes` is valid for `count` bytes, `agent` a valid place for the handle, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_agent_read(const uint8_t *bytes,
                                 size_t count,
                                 struct vman_agent **agent,
                                 struct vman_error **error);

/**
 * Features of an observation; 0 for NULL.
 *
 * # Safety
 * `agent` is NULL or an agent that is not freed yet.
 */
size_t vman_agent_features(const struct vman_agent *agent);

/**
 * Messages that the agent can send; 0 for one that says nothing, and for NULL.
 *
 * # Safety
 * `agent` is NULL or an agent that is not freed yet.
 */
size_t vman_agent_messages(const struct vman_agent *agent);

/**
 * Decides for an observation of `count` features: the best level among those whose bits are set in `allowed`
 * (VMAN_AGENT_ALL_LEVELS for every one), and the message to the other agents.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT for a wrong count, a feature that is infinite or not a number, unknown bits, and
 * when nothing is allowed.
 *
 * # Safety
 * `agent` is an agent, `observation` is valid for `count` numbers, `level` and `message` are valid places, `error` is NULL
 * or a valid place for a pointer.
 */
enum vman_status vman_agent_act(const struct vman_agent *agent,
                                const float *observation,
                                size_t count,
                                uint32_t allowed,
                                uint32_t *level,
                                uint32_t *message,
                                struct vman_error **error);

/**
 * Writes the values that the agent gives to all levels and then to all messages, VMAN_AGENT_LEVELS +
 * vman_agent_messages of them, into `values`, which has `places` places.
 *
 * Fails as vman_agent_act does, and with VMAN_STATUS_INVALID_ARGUMENT for too few places; nothing is written then.
 *
 * # Safety
 * `agent` is an agent, `observation` is valid for `count` numbers, `values` for `places` numbers, `error` is NULL or a
 * valid place for a pointer.
 */
enum vman_status vman_agent_values(const struct vman_agent *agent,
                                   const float *observation,
                                   size_t count,
                                   float *values,
                                   size_t places,
                                   struct vman_error **error);

/**
 * Frees an agent; NULL is fine.
 *
 * # Safety
 * `agent` is NULL or an agent that is not freed yet and that nobody else uses.
 */
void vman_agent_free(struct vman_agent *agent);

/**
 * Makes an arbiter whose first turn is the first slice's.
 *
 * # Safety
 * `arbiter` is a valid place for the handle, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_arbiter_new(struct vman_arbiter **arbiter,
                                  struct vman_error **error);

/**
 * Holds a round: writes a grant for each of `count` claims into `grants`, at least what of the claim lies within the
 * share, at most the claim. What is used of all grants never exceeds the sum of the shares. `trimmed`, if not NULL, gets
 * the number of slices whose useful claim was cut.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT if the shares together exceed 64 bits; the turn stays then.
 *
 * # Safety
 * `arbiter` is an arbiter that nobody else uses, `claims` and `grants` are valid for `count` items, `trimmed` is NULL or a
 * valid place, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_arbiter_share(struct vman_arbiter *arbiter,
                                    const struct vman_claim *claims,
                                    size_t count,
                                    uint64_t *grants,
                                    size_t *trimmed,
                                    struct vman_error **error);

/**
 * Frees an arbiter; NULL is fine.
 *
 * # Safety
 * `arbiter` is NULL or an arbiter that is not freed yet and that nobody else uses.
 */
void vman_arbiter_free(struct vman_arbiter *arbiter);

/**
 * Fills `config` with the values that the policy `kind` (a vman_policy_kind) is known to work with, for a period in
 * nanoseconds: Q at first is a tenth of it.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT for an unknown kind.
 *
 * # Safety
 * `config` is a structure with its size, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_policy_config_init(int32_t kind,
                                         uint64_t period_ns,
                                         struct vman_policy_config *config,
                                         struct vman_error **error);

/**
 * Makes a policy. Free it with vman_policy_free.
 *
 * Fails with VMAN_STATUS_INVALID_ARGUMENT; the text names the parameter and its rule.
 *
 * # Safety
 * `config` is a structure, `policy` a valid place for a pointer, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_policy_new(const struct vman_policy_config *config,
                                 struct vman_policy **policy,
                                 struct vman_error **error);

/**
 * Takes one sample and decides the next budget.
 *
 * # Safety
 * `policy` is a policy that nobody else uses now, `sample` a structure, `decision` a structure with its size, `error`
 * NULL or a valid place for a pointer.
 */
enum vman_status vman_policy_step(struct vman_policy *policy,
                                  const struct vman_sample *sample,
                                  struct vman_decision *decision,
                                  struct vman_error **error);

/**
 * Tells the policy which budget is really in force, when another than it wanted was given.
 *
 * # Safety
 * `policy` is a policy that nobody else uses now, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_policy_granted(struct vman_policy *policy,
                                     uint64_t runtime_ns,
                                     struct vman_error **error);

/**
 * Frees a policy; NULL is fine.
 *
 * # Safety
 * `policy` is NULL or a policy that is not freed yet and that nobody else uses.
 */
void vman_policy_free(struct vman_policy *policy);

/**
 * Gives a thread a reservation: `runtime_ns` of CPU time in each `period_ns`, within `deadline_ns` (0: the period).
 * `tid` 0 is the calling thread. `flags` is VMAN_RESERVATION_RECLAIM or 0. It needs CAP_SYS_NICE. Threads and
 * processes that the thread makes begin without a reservation. Free it with vman_reservation_free.
 *
 * Fails with VMAN_STATUS_NOT_FOUND (no such thread), VMAN_STATUS_INVALID_ARGUMENT, VMAN_STATUS_NO_RESOURCES (no
 * bandwidth left), VMAN_STATUS_INVALID_STATE (the thread is pinned), VMAN_STATUS_PERMISSION_DENIED,
 * VMAN_STATUS_UNSUPPORTED. The text names the rule.
 *
 * # Safety
 * `reservation` is a valid place for a pointer, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_reservation_attach(uint32_t tid,
                                         uint64_t runtime_ns,
                                         uint64_t deadline_ns,
                                         uint64_t period_ns,
                                         uint32_t flags,
                                         struct vman_reservation **reservation,
                                         struct vman_error **error);

/**
 * Changes the budget; if it is refused the old one stays. It counts from the thread's next period on.
 *
 * Fails as vman_reservation_attach does, and with VMAN_STATUS_INVALID_STATE if the thread was released.
 *
 * # Safety
 * `reservation` is a reservation that nobody else uses now, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_reservation_set(struct vman_reservation *reservation,
                                      uint64_t runtime_ns,
                                      struct vman_error **error);

/**
 * Tells what the thread has used since it began. The difference of two of these is a vman_sample. The times of a
 * running thread are at most a tick of the kernel old.
 *
 * Fails with VMAN_STATUS_NOT_FOUND if the thread has ended.
 *
 * # Safety
 * `reservation` is a reservation that nobody else uses now, `usage` a structure with its size, `error` NULL or a valid
 * place for a pointer.
 */
enum vman_status vman_reservation_usage(struct vman_reservation *reservation,
                                        struct vman_usage *usage,
                                        struct vman_error **error);

/**
 * Schedules the thread as it was before it was attached, in two steps that leave no bandwidth behind in the kernel. The
 * handle is still to be freed.
 *
 * Fails with VMAN_STATUS_NOT_FOUND if the thread has ended, VMAN_STATUS_INVALID_STATE if it was released already.
 *
 * # Safety
 * `reservation` is a reservation that nobody else uses now, `error` NULL or a valid place for a pointer.
 */
enum vman_status vman_reservation_release(struct vman_reservation *reservation,
                                          struct vman_error **error);

/**
 * Frees a reservation; a thread that was not released is released first. NULL is fine.
 *
 * # Safety
 * `reservation` is NULL or a reservation that is not freed yet and that nobody else uses.
 */
void vman_reservation_free(struct vman_reservation *reservation);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VMAN_H */

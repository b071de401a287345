/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Prints what C knows of the driver's two interfaces, one fact a line: sizes, offsets, numbers, the state table.
 * vman-core/tests/abi.rs prints the same from Rust and compares.
 */
#include <stddef.h>
#include <stdio.h>

#include "vmanager_smc.h"
#include "vmanager_state.h"

#define SIZE(type) printf("size %s %zu\n", #type, sizeof(struct type))
#define AT(type, field) \
	printf("at %s.%s %zu %zu\n", #type, #field, offsetof(struct type, field), sizeof(((struct type *)0)->field))
#define NUMBER(name) printf("number %s %llu\n", #name, (unsigned long long)(name))

static void header(void)
{
	SIZE(vmanager_header);
	AT(vmanager_header, size);
	AT(vmanager_header, flags);
	AT(vmanager_header, reason);
	AT(vmanager_header, reserved);
	AT(vmanager_header, detail);
}

static void board(void)
{
	SIZE(vmanager_version);
	AT(vmanager_version, abi);
	AT(vmanager_version, firmware);
	AT(vmanager_version, slots);
	AT(vmanager_version, reserved);
	SIZE(vmanager_pool);
	AT(vmanager_pool, base);
	AT(vmanager_pool, total);
	AT(vmanager_pool, free);
	AT(vmanager_pool, largest);
	SIZE(vmanager_host);
	AT(vmanager_host, cpus);
	AT(vmanager_host, boot_cpu);
	AT(vmanager_host, granule);
	AT(vmanager_host, management_memory);
	AT(vmanager_host, memory);
	AT(vmanager_host, secure_memory);
	SIZE(vmanager_cpu_info);
	AT(vmanager_cpu_info, cpu);
	AT(vmanager_cpu_info, owner);
	AT(vmanager_cpu_info, mpidr);
	AT(vmanager_cpu_info, power);
	AT(vmanager_cpu_info, available);
	SIZE(vmanager_create);
	AT(vmanager_create, cores);
	AT(vmanager_create, world);
	AT(vmanager_create, memory);
	AT(vmanager_create, shared_with);
	AT(vmanager_create, id);
	AT(vmanager_create, uuid);
	AT(vmanager_create, name);
	SIZE(vmanager_list);
	AT(vmanager_list, ids);
	AT(vmanager_list, capacity);
	AT(vmanager_list, count);
	SIZE(vmanager_link);
	AT(vmanager_link, first);
	AT(vmanager_link, second);
	AT(vmanager_link, base);
	AT(vmanager_link, size);
	AT(vmanager_link, index);
	AT(vmanager_link, reserved);
}

static void partition(void)
{
	SIZE(vmanager_info);
	AT(vmanager_info, id);
	AT(vmanager_info, state);
	AT(vmanager_info, condition);
	AT(vmanager_info, fault);
	AT(vmanager_info, busy);
	AT(vmanager_info, world);
	AT(vmanager_info, shared_with);
	AT(vmanager_info, has_image);
	AT(vmanager_info, cpus);
	AT(vmanager_info, base);
	AT(vmanager_info, memory);
	AT(vmanager_info, fault_address);
	AT(vmanager_info, fault_pc);
	AT(vmanager_info, image_bytes);
	AT(vmanager_info, uuid);
	AT(vmanager_info, name);
	SIZE(vmanager_segment);
	AT(vmanager_segment, offset);
	AT(vmanager_segment, length);
	AT(vmanager_segment, data);
	SIZE(vmanager_deploy);
	AT(vmanager_deploy, segments);
	AT(vmanager_deploy, segment_count);
	AT(vmanager_deploy, reserved);
	AT(vmanager_deploy, entry);
	AT(vmanager_deploy, device_tree);
	SIZE(vmanager_control);
	AT(vmanager_control, timeout_ms);
	AT(vmanager_control, reserved);
	SIZE(vmanager_console);
	AT(vmanager_console, position);
	AT(vmanager_console, buffer);
	AT(vmanager_console, length);
	AT(vmanager_console, reserved);
	AT(vmanager_console, end);
	SIZE(vmanager_stats);
	AT(vmanager_stats, valid);
	AT(vmanager_stats, values);
	SIZE(vmanager_event);
	AT(vmanager_event, size);
	AT(vmanager_event, kind);
	AT(vmanager_event, seq);
	AT(vmanager_event, timestamp_ns);
	AT(vmanager_event, id);
	AT(vmanager_event, cause);
	AT(vmanager_event, from);
	AT(vmanager_event, to);
	AT(vmanager_event, detail);
}

static void numbers(void)
{
	NUMBER(VMANAGER_ABI_VERSION);
	NUMBER(VMANAGER_NAME_SIZE);
	NUMBER(VMANAGER_COUNTERS);
	NUMBER(VMANAGER_SEGMENTS_MAX);
	NUMBER(VMANAGER_CPU_WORDS);
	NUMBER(VMANAGER_GET_VERSION);
	NUMBER(VMANAGER_HOST);
	NUMBER(VMANAGER_CPU_INFO);
	NUMBER(VMANAGER_CREATE);
	NUMBER(VMANAGER_LIST);
	NUMBER(VMANAGER_INFO);
	NUMBER(VMANAGER_LINK);
	NUMBER(VMANAGER_LINK_INFO);
	NUMBER(VMANAGER_DEPLOY);
	NUMBER(VMANAGER_SHUTDOWN);
	NUMBER(VMANAGER_REBOOT);
	NUMBER(VMANAGER_SUSPEND);
	NUMBER(VMANAGER_RESTORE);
	NUMBER(VMANAGER_DESTROY);
	NUMBER(VMANAGER_CONSOLE_READ);
	NUMBER(VMANAGER_CONSOLE_WRITE);
	NUMBER(VMANAGER_STATS);
}

static void reasons(void)
{
	NUMBER(VMANAGER_REASON_NONE);
	NUMBER(VMANAGER_REASON_SIZE);
	NUMBER(VMANAGER_REASON_FLAGS);
	NUMBER(VMANAGER_REASON_RESERVED);
	NUMBER(VMANAGER_REASON_NO_PARTITION);
	NUMBER(VMANAGER_REASON_STATE);
	NUMBER(VMANAGER_REASON_FAULTED);
	NUMBER(VMANAGER_REASON_BUSY);
	NUMBER(VMANAGER_REASON_TIMEOUT);
	NUMBER(VMANAGER_REASON_FIRMWARE);
	NUMBER(VMANAGER_REASON_NO_CORES);
	NUMBER(VMANAGER_REASON_CORES);
	NUMBER(VMANAGER_REASON_GRANULE);
	NUMBER(VMANAGER_REASON_MEMORY);
	NUMBER(VMANAGER_REASON_SECURE_MEMORY);
	NUMBER(VMANAGER_REASON_SLOTS);
	NUMBER(VMANAGER_REASON_NAME);
	NUMBER(VMANAGER_REASON_NAME_TAKEN);
	NUMBER(VMANAGER_REASON_UUID_TAKEN);
	NUMBER(VMANAGER_REASON_WORLD);
	NUMBER(VMANAGER_REASON_NO_SECURE_WORLD);
	NUMBER(VMANAGER_REASON_SHARED);
	NUMBER(VMANAGER_REASON_SHARED_GONE);
	NUMBER(VMANAGER_REASON_CPU);
	NUMBER(VMANAGER_REASON_SEGMENTS);
	NUMBER(VMANAGER_REASON_SEGMENT_RANGE);
	NUMBER(VMANAGER_REASON_SEGMENT_OVERLAP);
	NUMBER(VMANAGER_REASON_ENTRY);
	NUMBER(VMANAGER_REASON_DEVICE_TREE);
	NUMBER(VMANAGER_REASON_IMAGE_SIZE);
	NUMBER(VMANAGER_REASON_NO_IMAGE);
	NUMBER(VMANAGER_REASON_SECURE_LOAD);
	NUMBER(VMANAGER_REASON_NO_CONSOLE);
	NUMBER(VMANAGER_REASON_CPU_INDEX);
	NUMBER(VMANAGER_REASON_NOT_RUNNING);
	NUMBER(VMANAGER_REASON_LINK_ENDS);
	NUMBER(VMANAGER_REASON_LINK_STATE);
	NUMBER(VMANAGER_REASON_LINKS);
	NUMBER(VMANAGER_EVENT_CREATED);
	NUMBER(VMANAGER_EVENT_STATE);
	NUMBER(VMANAGER_EVENT_REBOOTED);
	NUMBER(VMANAGER_EVENT_FAULTED);
	NUMBER(VMANAGER_EVENT_DESTROYED);
	NUMBER(VMANAGER_EVENT_OVERFLOW);
}

static void firmware(void)
{
	NUMBER(VMANAGER_SMC_VERSION);
	NUMBER(VMANAGER_SMC_PART_CREATE);
	NUMBER(VMANAGER_SMC_PART_START);
	NUMBER(VMANAGER_SMC_PART_STOP);
	NUMBER(VMANAGER_SMC_PART_SUSPEND);
	NUMBER(VMANAGER_SMC_PART_RESUME);
	NUMBER(VMANAGER_SMC_PART_DESTROY);
	NUMBER(VMANAGER_SMC_PART_INFO);
	NUMBER(VMANAGER_SMC_PART_NEXT);
	NUMBER(VMANAGER_SMC_BOARD_INFO);
	NUMBER(VMANAGER_SMC_CONSOLE_INFO);
	NUMBER(VMANAGER_SMC_EVENT_GET);
	NUMBER(VMANAGER_SMC_STATS);
	NUMBER(VMANAGER_SMC_CPU_INFO);
	NUMBER(VMANAGER_SMC_CONSOLE_NOTIFY);
	NUMBER(VMANAGER_SMC_PART_LOAD);
	NUMBER(VMANAGER_SMC_LINK_CREATE);
	NUMBER(VMANAGER_SMC_LINK_INFO);
	NUMBER(VMANAGER_SMC_LINKS_MAX);
	NUMBER(VMANAGER_SMC_LOAD_MAX);
	NUMBER(VMANAGER_SMC_LOAD_ALIGNMENT);
	NUMBER(VMANAGER_SMC_CALL_COUNT);
	NUMBER(VMANAGER_SMC_CALL_UID);
	NUMBER(VMANAGER_SMC_CALL_REVISION);
	NUMBER(VMANAGER_SMC_UID_0);
	NUMBER(VMANAGER_SMC_UID_1);
	NUMBER(VMANAGER_SMC_UID_2);
	NUMBER(VMANAGER_SMC_UID_3);
	NUMBER(VMANAGER_SMC_ABI_VERSION);
	NUMBER(VMANAGER_SMC_PENDING);
	NUMBER(VMANAGER_SMC_CREATE_SECURE);
	NUMBER(VMANAGER_SMC_CREATE_SHARED);
	NUMBER(VMANAGER_SMC_INFO_STATUS);
	NUMBER(VMANAGER_SMC_INFO_CPUS_LOW);
	NUMBER(VMANAGER_SMC_INFO_CPUS_HIGH);
	NUMBER(VMANAGER_SMC_INFO_FAULT);
	NUMBER(VMANAGER_SMC_BOARD_CPUS);
	NUMBER(VMANAGER_SMC_BOARD_MEMORY);
	NUMBER(VMANAGER_SMC_BOARD_SECURE_MEMORY);
	NUMBER(VMANAGER_SMC_BOARD_EVENT_INTERRUPT);
	NUMBER(VMANAGER_SMC_EVENT_STOPPED);
	NUMBER(VMANAGER_SMC_EVENT_SUSPENDED);
	NUMBER(VMANAGER_SMC_EVENT_GUEST_OFF);
	NUMBER(VMANAGER_SMC_EVENT_GUEST_RESET);
	NUMBER(VMANAGER_SMC_EVENT_FAULTED);
	NUMBER(VMANAGER_SMC_EVENT_OVERFLOW);
	NUMBER(VMANAGER_SMC_COUNTERS);
	NUMBER(VMANAGER_RING_OUTPUT_COUNT);
	NUMBER(VMANAGER_RING_INPUT_COUNT);
	NUMBER(VMANAGER_RING_TAKEN_COUNT);
	NUMBER(VMANAGER_RING_INPUT);
	NUMBER(VMANAGER_RING_INPUT_SIZE);
	NUMBER(VMANAGER_RING_OUTPUT);
}

static void refusals(void)
{
	NUMBER(VMANAGER_SMC_NOT_SUPPORTED);
	NUMBER(VMANAGER_SMC_INVALID_PARAMETERS);
	NUMBER(VMANAGER_SMC_DENIED);
	NUMBER(VMANAGER_SMC_BUSY);
	NUMBER(VMANAGER_SMC_INVALID_STATE);
	NUMBER(VMANAGER_SMC_NO_RESOURCES);
	NUMBER(VMANAGER_SMC_NOT_FOUND);
	NUMBER(VMANAGER_SMC_OVERLAP);
	NUMBER(VMANAGER_SMC_FAULTED);
}

/* Every register of page STATUS that the firmware can answer: how the driver reads it. */
static void status(void)
{
	unsigned int state, faulted, pending;

	for (state = 1; state <= 3; state++)
		for (faulted = 0; faulted <= 1; faulted++)
			for (pending = 0; pending <= 3; pending++) {
				unsigned long long x1 = state | faulted << 8 | pending << 16;

				printf("status %llu %llu %llu %llu\n", x1, VMANAGER_SMC_STATUS_STATE(x1),
				       VMANAGER_SMC_STATUS_FAULTED(x1), VMANAGER_SMC_STATUS_PENDING(x1));
			}
}

static void states(void)
{
	unsigned int state, condition, operation;

	for (state = VMANAGER_STATE_READY; state <= VMANAGER_STATE_SUSPENDED; state++)
		for (condition = 0; condition <= VMANAGER_CONDITION_FAULTED; condition++)
			for (operation = 1; operation <= VMANAGER_OPERATION_DESTROY; operation++)
				printf("state %u %u %u %u\n", state, condition, operation,
				       vmanager_state_refuses(state, condition, operation));
}

int main(void)
{
	header();
	board();
	partition();
	numbers();
	reasons();
	firmware();
	refusals();
	status();
	states();
	return 0;
}

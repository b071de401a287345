/* cc life_cycle.c $(pkg-config --cflags --libs vman) -o life_cycle && ./life_cycle SOCKET KERNEL [CORES MEMORY_MIB]
 *
 * The whole life of a partition: created, deployed with an arm64 kernel, suspended, restored, rebooted, shut down,
 * destroyed. Prints what each step took and the state that it led to, and stops at the first refusal.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vman.h>

static uint64_t now_us(void)
{
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Tells why a step failed, frees the error. */
static int failed(const char *step, vman_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", step, vman_status_name((int32_t)vman_error_status(error)),
            vman_error_message(error));
    vman_error_free(error);
    return EXIT_FAILURE;
}

/* Prints the step and what the partition is after it. */
static int report(const vman_client *client, uint32_t id, const char *step, uint64_t started_us)
{
    uint64_t took_us = now_us() - started_us;
    vman_partition partition = { .size = sizeof(partition) };
    vman_error *error = NULL;

    if (vman_partition_query(client, id, &partition, &error) != VMAN_STATUS_OK)
        return failed(step, error);
    printf("%-18s %-10s %8.2f ms\n", step, vman_state_name((int32_t)partition.state), (double)took_us / 1000.0);
    return EXIT_SUCCESS;
}

static int create(const vman_client *client, uint32_t cores, uint64_t memory_mib, uint32_t *id)
{
    vman_create_args args = { .size = sizeof(args), .cores = cores, .memory_mib = memory_mib };
    uint64_t started_us = now_us();
    vman_error *error = NULL;

    if (vman_partition_create(client, &args, id, &error) != VMAN_STATUS_OK)
        return failed("create-partition", error);
    return report(client, *id, "create-partition", started_us);
}

static int deploy(const vman_client *client, uint32_t id, const char *kernel)
{
    vman_deploy_args args = { .size = sizeof(args), .id = id, .kernel = kernel, .cmdline = "console=hvc0" };
    uint64_t started_us = now_us();
    vman_error *error = NULL;

    if (vman_partition_deploy(client, &args, &error) != VMAN_STATUS_OK)
        return failed("deploy", error);
    return report(client, id, "deploy", started_us);
}

static vman_status shutdown_now(const vman_client *client, uint32_t id, vman_error **error)
{
    return vman_partition_shutdown(client, id, VMAN_SHUTDOWN_MODE_FORCED, 0, error);
}

typedef vman_status (*operation)(const vman_client *, uint32_t, vman_error **);

static int run(const vman_client *client, uint32_t id)
{
    static const struct {
        const char *name;
        operation call;
    } steps[] = {
        { "suspend", vman_partition_suspend },
        { "restore", vman_partition_restore },
        { "reboot", vman_partition_reboot },
        { "shutdown", shutdown_now },
    };

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t started_us = now_us();
        vman_error *error = NULL;

        if (steps[i].call(client, id, &error) != VMAN_STATUS_OK)
            return failed(steps[i].name, error);
        if (report(client, id, steps[i].name, started_us) != EXIT_SUCCESS)
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int destroy(const vman_client *client, uint32_t id)
{
    uint64_t started_us = now_us();
    vman_error *error = NULL;

    if (vman_partition_destroy(client, id, &error) != VMAN_STATUS_OK)
        return failed("destroy-partition", error);
    printf("%-18s %-10s %8.2f ms\n", "destroy-partition", "(gone)", (double)(now_us() - started_us) / 1000.0);
    return EXIT_SUCCESS;
}

/* Gives back a partition that a failed step left behind. */
static void give_back(const vman_client *client, uint32_t id)
{
    shutdown_now(client, id, NULL);
    vman_partition_destroy(client, id, NULL);
}

static int life_cycle(const vman_client *client, const char *kernel, uint32_t cores, uint64_t memory_mib)
{
    uint32_t id = 0;
    int result = create(client, cores, memory_mib, &id);

    if (result != EXIT_SUCCESS)
        return result;
    if ((result = deploy(client, id, kernel)) == EXIT_SUCCESS && (result = run(client, id)) == EXIT_SUCCESS)
        result = destroy(client, id);
    if (result != EXIT_SUCCESS)
        give_back(client, id);
    return result;
}

int main(int argc, char **argv)
{
    vman_host host = { .size = sizeof(host) };
    vman_client *client = NULL;
    vman_error *error = NULL;
    int result;

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: %s SOCKET KERNEL [CORES MEMORY_MIB]\n", argv[0]);
        return 2;
    }
    if (vman_client_connect(argv[1], 60000, &client, &error) != VMAN_STATUS_OK)
        return failed("connect", error);
    if (vman_host_query(client, &host, &error) != VMAN_STATUS_OK) {
        vman_client_free(client);
        return failed("query-host", error);
    }
    printf("libvman %s, %s%s: %" PRIu32 " of %" PRIu32 " cores free, %" PRIu64 " of %" PRIu64 " MiB free\n",
           vman_version(), host.model, host.simulated ? " (simulated)" : "", host.cores_free, host.cores_total,
           host.memory.free_mib, host.memory.total_mib);
    printf("%-18s %-10s %11s\n", "step", "state", "time");
    result = life_cycle(client, argv[2], argc == 5 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1,
                        argc == 5 ? strtoull(argv[4], NULL, 10) : 256);
    vman_client_free(client);
    return result;
}

/* Every call that reaches a daemon, once with success and once refused.
 *
 * argv[1]: socket of a daemon with a free board of at least 2 cores; argv[2]: a kernel.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <poll.h>
#include <sys/types.h>

#include "check.h"

static vman_client *client;
static vman_events *events;

static void board(void)
{
    vman_daemon daemon = { .size = sizeof(daemon) };
    vman_host host = { .size = sizeof(host) };
    unsigned free_cores = 0;

    DONE(vman_daemon_query(client, &daemon, &error));
    CHECK(daemon.size == sizeof(daemon) && daemon.protocol == 1 && daemon.simulated == 1);
    CHECK(daemon.version[0] != '\0' && daemon.firmware[0] != '\0');
    DONE(vman_host_query(client, &host, &error));
    CHECK(strcmp(host.arch, "aarch64") == 0 && host.model[0] != '\0' && host.simulated == 1);
    CHECK(host.cores_free >= 2 && host.cores_free <= host.cores_total);
    CHECK(host.memory.free_mib <= host.memory.total_mib && host.memory_granule_mib > 0);
    for (unsigned cpu = 0; cpu < 64 * VMAN_CPU_WORDS; cpu++)
        free_cores += (unsigned)(host.free[cpu / 64] >> (cpu % 64) & 1);
    CHECK(free_cores == host.cores_free);
}

static uint32_t created(void)
{
    vman_create_args args = { .size = sizeof(args), .cores = 2, .memory_mib = 256, .name = "web",
                              .uuid = "12345678-1234-5678-1234-567812345678" };
    vman_partition partition = { .size = sizeof(partition) };
    uint32_t id = 0;
    uint32_t other = 0;

    DONE(vman_partition_create(client, &args, &id, &error));
    DONE(vman_partition_query(client, id, &partition, &error));
    CHECK(partition.id == id && partition.state == VMAN_STATE_READY && partition.core_count == 2);
    CHECK(partition.memory_mib == 256 && partition.secure == 0 && partition.shared_with == 0);
    CHECK(partition.condition == VMAN_CONDITION_RUNNING && partition.busy == VMAN_OPERATION_NONE);
    CHECK(strcmp(partition.name, "web") == 0 && strcmp(partition.uuid, args.uuid) == 0);
    CHECK(partition.fault[0] == '\0');
    REFUSED(VMAN_STATUS_ALREADY_EXISTS, "web", vman_partition_create(client, &args, &other, &error));
    args.name = args.uuid = NULL;
    args.cores = 0;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "cores", vman_partition_create(client, &args, &other, &error));
    args.cores = UINT32_MAX;
    REFUSED(VMAN_STATUS_NO_RESOURCES, "", vman_partition_create(client, &args, &other, &error));
    args.cores = 1;
    args.memory_mib = 0;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "memsize", vman_partition_create(client, &args, &other, &error));
    args.memory_mib = UINT64_MAX;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "memsize", vman_partition_create(client, &args, &other, &error));
    CHECK(other == 0);
    return id;
}

static void listed(uint32_t id)
{
    vman_partition partition = { .size = sizeof(partition) };
    vman_partitions *partitions = NULL;
    size_t found = 0;

    DONE(vman_partitions_query(client, &partitions, &error));
    for (size_t i = 0; i < vman_partitions_count(partitions); i++) {
        DONE(vman_partitions_get(partitions, i, &partition, &error));
        found += partition.id == id;
    }
    CHECK(found == 1);
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "index",
            vman_partitions_get(partitions, vman_partitions_count(partitions), &partition, &error));
    vman_partitions_free(partitions);
}

static vman_state state_of(uint32_t id)
{
    vman_partition partition = { .size = sizeof(partition) };

    DONE(vman_partition_query(client, id, &partition, &error));
    return partition.state;
}

static void life(uint32_t id, const char *kernel)
{
    vman_deploy_args args = { .size = sizeof(args), .id = id, .kernel = kernel, .cmdline = "quiet" };

    REFUSED(VMAN_STATUS_INVALID_STATE, "READY", vman_partition_reboot(client, id, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "READY", vman_partition_suspend(client, id, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "READY", vman_partition_shutdown(client, id, 0, 0, &error));
    DONE(vman_partition_deploy(client, &args, &error));
    CHECK(state_of(id) == VMAN_STATE_DEPLOYED);
    REFUSED(VMAN_STATUS_INVALID_STATE, "DEPLOYED", vman_partition_deploy(client, &args, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "DEPLOYED", vman_partition_destroy(client, id, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "DEPLOYED", vman_partition_restore(client, id, &error));
    DONE(vman_partition_suspend(client, id, &error));
    CHECK(state_of(id) == VMAN_STATE_SUSPENDED);
    DONE(vman_partition_restore(client, id, &error));
    DONE(vman_partition_reboot(client, id, &error));
    CHECK(state_of(id) == VMAN_STATE_DEPLOYED);
    REFUSED(VMAN_STATUS_UNSUPPORTED, "raceful",
            vman_partition_shutdown(client, id, VMAN_SHUTDOWN_MODE_GRACEFUL, 0, &error));
}

static void stats(uint32_t id)
{
    vman_stats *stats = NULL;
    const char *name = NULL;
    uint64_t value = 0;
    uint64_t again = 0;

    DONE(vman_stats_query(client, id, &stats, &error));
    CHECK(vman_stats_count(stats) > 0);
    for (size_t i = 0; i < vman_stats_count(stats); i++) {
        DONE(vman_stats_get(stats, i, &name, &value, &error));
        DONE(vman_stats_find(stats, name, &again, &error));
        CHECK(value == again);
    }
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "index",
            vman_stats_get(stats, vman_stats_count(stats), &name, &value, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "moons", vman_stats_find(stats, "moons", &value, &error));
    DONE(vman_stats_find(stats, "starts", &value, &error));
    CHECK(value >= 1);
    vman_stats_free(stats);
}

static void console(uint32_t id)
{
    vman_console_span span = { .size = sizeof(span) };
    uint8_t buffer[4096];

    memset(buffer, 0xa5, sizeof(buffer));
    DONE(vman_console_read(client, id, 0, buffer, 16, &span, &error));
    CHECK(span.length <= 16 && span.position + span.length <= span.end && buffer[16] == 0xa5);
    DONE(vman_console_read(client, id, span.end, buffer, sizeof(buffer), &span, &error));
    DONE(vman_console_write(client, id, (const uint8_t *)"help\n", 5, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "9999",
            vman_console_read(client, 9999, 0, buffer, sizeof(buffer), &span, &error));
}

/* Reads on until `text` was printed. */
static void printed(vman_console *terminal, uint8_t *buffer, size_t capacity, const char *text)
{
    struct pollfd ready = { .fd = vman_console_fd(terminal), .events = POLLIN };
    char all[16384] = "";
    size_t length = 0;

    for (;;) {
        vman_console_span span = { .size = sizeof(span) };

        if (strstr(all, text)) {
            return;
        }
        DONE(vman_console_next(terminal, buffer, capacity, &span, &error));
        CHECK(span.length <= capacity && length + span.length < sizeof(all));
        memcpy(all + length, buffer, span.length);
        length += span.length;
        all[length] = '\0';
        if (span.length == 0) {
            CHECK(poll(&ready, 1, 10000) == 1);
        }
    }
}

/* Two terminals on one console: both see all, both type. */
static void terminals(const char *path, uint32_t id)
{
    vman_console *first = NULL;
    vman_console *second = NULL;
    vman_console_span span = { .size = sizeof(span) };
    uint8_t buffer[64];

    DONE(vman_console_attach(path, id, 0, 60000, &first, &error));
    DONE(vman_console_attach(path, id, VMAN_CONSOLE_NOW, 60000, &second, &error));
    CHECK(vman_console_fd(first) >= 0 && vman_console_fd(second) != vman_console_fd(first));
    DONE(vman_console_send(second, (const uint8_t *)"first words\n", 12, &error));
    printed(first, buffer, 1, "first words");
    printed(second, buffer, sizeof(buffer), "first words");
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "buffer", vman_console_next(first, NULL, 1, &span, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "buffer", vman_console_next(first, buffer, 0, &span, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "data", vman_console_send(first, NULL, 1, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "length",
            vman_console_send(first, buffer, VMAN_CONSOLE_MAX + 1, &error));
    span.size = 8;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "size", vman_console_next(first, buffer, 1, &span, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "9999", vman_console_attach(path, 9999, 0, 60000, &first, &error));
    vman_console_free(first);
    vman_console_free(second);
}

static void images(const char *kernel)
{
    char *reference = NULL;
    char *again = NULL;

    DONE(vman_image_upload(client, kernel, &reference, &error));
    CHECK(strncmp(reference, "image:sha256:", 13) == 0 && strlen(reference) == 13 + 64);
    DONE(vman_image_upload(client, kernel, &again, &error));
    CHECK(strcmp(reference, again) == 0);
    DONE(vman_image_delete(client, reference + 13, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "", vman_image_delete(client, reference + 13, &error));
    vman_string_free(reference);
    vman_string_free(again);
}

static void json(uint32_t id)
{
    char command[64];
    char *reply = NULL;

    DONE(vman_client_call(client, "{\"command\":\"query-version\",\"id\":\"seven\"}\n", &reply, &error));
    CHECK(strstr(reply, "\"protocol\":1") != NULL && strstr(reply, "\"seven\"") != NULL);
    CHECK(strchr(reply, '\n') == NULL);
    DONE(vman_reply_check(reply, &error));
    vman_string_free(reply);
    DONE(vman_client_call(client, "not JSON at all", &reply, &error));
    CHECK(vman_reply_check(reply, NULL) == VMAN_STATUS_PROTOCOL);
    vman_string_free(reply);
    snprintf(command, sizeof(command), "{\"command\":\"restore\",\"args\":{\"id\":%u}}", (unsigned)id);
    DONE(vman_client_call(client, command, &reply, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "DEPLOYED", vman_reply_check(reply, &error));
    vman_string_free(reply);
}

/* Waits for the next event, without end only if there is none. */
static vman_event next_event(void)
{
    vman_event event = { .size = sizeof(event) };
    struct pollfd ready = { .fd = vman_events_fd(events), .events = POLLIN };

    for (;;) {
        DONE(vman_events_next(events, &event, &error));
        if (event.kind != VMAN_EVENT_KIND_NONE)
            return event;
        CHECK(poll(&ready, 1, 10000) == 1);
    }
}

static void heard(uint32_t id)
{
    static const vman_state states[][2] = {
        { VMAN_STATE_READY, VMAN_STATE_DEPLOYED },
        { VMAN_STATE_DEPLOYED, VMAN_STATE_SUSPENDED },
        { VMAN_STATE_SUSPENDED, VMAN_STATE_DEPLOYED },
    };
    vman_event event = next_event();
    uint64_t seq = event.seq;

    CHECK(event.kind == VMAN_EVENT_KIND_CREATED && event.id == id && event.cause == VMAN_CAUSE_NONE);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        event = next_event();
        CHECK(event.kind == VMAN_EVENT_KIND_STATE && event.id == id && event.cause == VMAN_CAUSE_COMMAND);
        CHECK(event.from == states[i][0] && event.to == states[i][1] && event.seq == ++seq);
    }
    event = next_event();
    CHECK(event.kind == VMAN_EVENT_KIND_REBOOTED && event.cause == VMAN_CAUSE_COMMAND);
    event = next_event();
    CHECK(event.kind == VMAN_EVENT_KIND_STATE && event.to == VMAN_STATE_READY);
    event = next_event();
    CHECK(event.kind == VMAN_EVENT_KIND_DESTROYED && event.id == id);
    DONE(vman_events_next(events, &event, &error));
    CHECK(event.kind == VMAN_EVENT_KIND_NONE && event.id == 0 && event.size == sizeof(event));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "event", vman_events_next(events, NULL, &error));
    event.size = 8;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "size", vman_events_next(events, &event, &error));
}

int main(int argc, char **argv)
{
    uint32_t id;

    CHECK(argc == 3);
    DONE(vman_client_connect(argv[1], 60000, &client, &error));
    DONE(vman_events_open(argv[1], 60000, &events, &error));
    CHECK(vman_events_fd(events) >= 0);
    board();
    id = created();
    listed(id);
    life(id, argv[2]);
    stats(id);
    console(id);
    terminals(argv[1], id);
    json(id);
    DONE(vman_partition_shutdown(client, id, VMAN_SHUTDOWN_MODE_FORCED, 30000, &error));
    DONE(vman_partition_destroy(client, id, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "", vman_partition_destroy(client, id, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "", vman_partition_query(client, id,
            &(vman_partition){ .size = sizeof(vman_partition) }, &error));
    heard(id);
    images(argv[2]);
    CHECK(vman_client_is_idle(client));
    DONE(vman_client_reconnect(client, &error));
    board();
    vman_events_free(events);
    vman_client_free(client);
    return EXIT_SUCCESS;
}

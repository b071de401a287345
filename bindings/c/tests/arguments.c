/* Bad arguments of every function: each is refused by name, nothing is sent, no output is touched.
 *
 * argv[1]: the socket of a daemon that answers nothing, so that a call which sends something ends with a time-out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"

#define BAD VMAN_STATUS_INVALID_ARGUMENT

static const vman_client *client;

static void handles(void)
{
    vman_create_args create = { .size = sizeof(create), .cores = 1, .memory_mib = 1 };
    vman_deploy_args deploy = { .size = sizeof(deploy), .id = 1, .kernel = "k" };
    vman_daemon daemon = { .size = sizeof(daemon) };
    vman_host host = { .size = sizeof(host) };
    vman_partition partition = { .size = sizeof(partition) };
    vman_console_span span = { .size = sizeof(span) };
    vman_partitions *partitions = NULL;
    vman_stats *stats = NULL;
    uint8_t byte = 0;
    uint32_t id = 0;
    char *text = NULL;

    REFUSED(BAD, "client", vman_client_reconnect(NULL, &error));
    REFUSED(BAD, "client", vman_client_call(NULL, "{}", &text, &error));
    REFUSED(BAD, "client", vman_partition_create(NULL, &create, &id, &error));
    REFUSED(BAD, "client", vman_partition_deploy(NULL, &deploy, &error));
    REFUSED(BAD, "client", vman_partition_destroy(NULL, 1, &error));
    REFUSED(BAD, "client", vman_partition_reboot(NULL, 1, &error));
    REFUSED(BAD, "client", vman_partition_shutdown(NULL, 1, 0, 0, &error));
    REFUSED(BAD, "client", vman_partition_suspend(NULL, 1, &error));
    REFUSED(BAD, "client", vman_partition_restore(NULL, 1, &error));
    REFUSED(BAD, "client", vman_daemon_query(NULL, &daemon, &error));
    REFUSED(BAD, "client", vman_host_query(NULL, &host, &error));
    REFUSED(BAD, "client", vman_partition_query(NULL, 1, &partition, &error));
    REFUSED(BAD, "client", vman_partitions_query(NULL, &partitions, &error));
    REFUSED(BAD, "client", vman_stats_query(NULL, 1, &stats, &error));
    REFUSED(BAD, "client", vman_console_read(NULL, 1, 0, &byte, 1, &span, &error));
    REFUSED(BAD, "client", vman_console_write(NULL, 1, &byte, 1, &error));
    REFUSED(BAD, "client", vman_image_upload(NULL, "/", &text, &error));
    REFUSED(BAD, "client", vman_image_delete(NULL, "0", &error));
    REFUSED(BAD, "partitions", vman_partitions_get(NULL, 0, &partition, &error));
    REFUSED(BAD, "stats", vman_stats_find(NULL, "starts", &(uint64_t){ 0 }, &error));
    REFUSED(BAD, "stats", vman_stats_get(NULL, 0, &(const char *){ NULL }, &(uint64_t){ 0 }, &error));
    REFUSED(BAD, "events", vman_events_next(NULL, &(vman_event){ .size = sizeof(vman_event) }, &error));
    REFUSED(BAD, "console", vman_console_next(NULL, &byte, 1, &span, &error));
    REFUSED(BAD, "console", vman_console_send(NULL, &byte, 1, &error));
    CHECK(partitions == NULL && stats == NULL && text == NULL && id == 0);
}

static void outputs(void)
{
    vman_create_args create = { .size = sizeof(create), .cores = 1, .memory_mib = 1 };
    uint8_t byte = 0;

    REFUSED(BAD, "client", vman_client_connect("/nowhere", 1, NULL, &error));
    REFUSED(BAD, "events", vman_events_open("/nowhere", 1, NULL, &error));
    REFUSED(BAD, "console", vman_console_attach("/nowhere", 1, 0, 1, NULL, &error));
    REFUSED(BAD, "reply_json", vman_client_call(client, "{}", NULL, &error));
    REFUSED(BAD, "id", vman_partition_create(client, &create, NULL, &error));
    REFUSED(BAD, "daemon", vman_daemon_query(client, NULL, &error));
    REFUSED(BAD, "host", vman_host_query(client, NULL, &error));
    REFUSED(BAD, "partition", vman_partition_query(client, 1, NULL, &error));
    REFUSED(BAD, "partitions", vman_partitions_query(client, NULL, &error));
    REFUSED(BAD, "stats", vman_stats_query(client, 1, NULL, &error));
    REFUSED(BAD, "span", vman_console_read(client, 1, 0, &byte, 1, NULL, &error));
    REFUSED(BAD, "reference", vman_image_upload(client, "/", NULL, &error));
}

static void inputs(void)
{
    vman_create_args create = { .size = sizeof(create), .cores = 1, .memory_mib = 1 };
    vman_deploy_args deploy = { .size = sizeof(deploy), .id = 1 };
    vman_console_span span = { .size = sizeof(span) };
    uint8_t byte = 0;
    uint32_t id = 0;
    char *text = NULL;

    REFUSED(BAD, "args", vman_partition_create(client, NULL, &id, &error));
    create.flags = 2;
    REFUSED(BAD, "flags", vman_partition_create(client, &create, &id, &error));
    create.flags = VMAN_CREATE_SECURE;
    create.uuid = "no uuid";
    REFUSED(BAD, "uuid", vman_partition_create(client, &create, &id, &error));
    create.uuid = NULL;
    create.name = "\xc3\x28";
    REFUSED(BAD, "name", vman_partition_create(client, &create, &id, &error));
    REFUSED(BAD, "args", vman_partition_deploy(client, NULL, &error));
    REFUSED(BAD, "kernel", vman_partition_deploy(client, &deploy, &error));
    deploy.id = 0;
    REFUSED(BAD, "id", vman_partition_deploy(client, &deploy, &error));
    REFUSED(BAD, "id", vman_partition_destroy(client, 0, &error));
    REFUSED(BAD, "mode", vman_partition_shutdown(client, 1, 2, 0, &error));
    REFUSED(BAD, "mode", vman_partition_shutdown(client, 1, -1, 0, &error));
    REFUSED(BAD, "buffer", vman_console_read(client, 1, 0, NULL, 1, &span, &error));
    REFUSED(BAD, "buffer", vman_console_read(client, 1, 0, &byte, 0, &span, &error));
    REFUSED(BAD, "data", vman_console_write(client, 1, NULL, 1, &error));
    REFUSED(BAD, "path", vman_image_upload(client, NULL, &text, &error));
    REFUSED(BAD, "regular", vman_image_upload(client, "/", &text, &error));
    REFUSED(BAD, "regular", vman_image_upload(client, "/dev/zero", &text, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "/nowhere", vman_image_upload(client, "/nowhere", &text, &error));
    REFUSED(BAD, "digest", vman_image_delete(client, NULL, &error));
    CHECK(text == NULL && id == 0);
}

static void request_lines(void)
{
    static const char *const wrong[] = { "", " ", "\n", "{}\n{}", "{\"command\":\"subscribe-events\"}",
                                         "{\"command\":\"console-attach\",\"args\":{\"id\":1}}", "\xff" };
    char *reply = NULL;
    char *huge;

    REFUSED(BAD, "command_json", vman_client_call(client, NULL, &reply, &error));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        REFUSED(BAD, "command_json", vman_client_call(client, wrong[i], &reply, &error));
    huge = malloc((2u << 20) + 1);
    CHECK(huge != NULL);
    memset(huge, 'x', 2u << 20);
    huge[2u << 20] = '\0';
    REFUSED(BAD, "longer", vman_client_call(client, huge, &reply, &error));
    free(huge);
    CHECK(reply == NULL);
}

static void sizes(void)
{
    static const uint32_t wrong[] = { 0, 4, 23, 4097, UINT32_MAX };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        vman_create_args create = { .size = wrong[i] };
        vman_deploy_args deploy = { .size = wrong[i] };
        vman_daemon daemon = { .size = wrong[i] };
        vman_host host = { .size = wrong[i] };
        vman_partition partition = { .size = wrong[i] };
        vman_console_span span = { .size = wrong[i] };
        uint32_t id = 0;
        uint8_t byte = 0;

        REFUSED(BAD, "size", vman_partition_create(client, &create, &id, &error));
        REFUSED(BAD, "size", vman_partition_deploy(client, &deploy, &error));
        REFUSED(BAD, "size", vman_daemon_query(client, &daemon, &error));
        REFUSED(BAD, "size", vman_host_query(client, &host, &error));
        REFUSED(BAD, "size", vman_partition_query(client, 1, &partition, &error));
        REFUSED(BAD, "size", vman_console_read(client, 1, 0, &byte, 1, &span, &error));
    }
}

/* A program of tomorrow passes more than this library knows. */
static void sizes_of_tomorrow(void)
{
    struct {
        vman_create_args args;
        uint64_t later;
    } create = { .args = { .size = sizeof(create), .cores = 1, .memory_mib = 1 }, .later = 1 };
    uint32_t id = 0;

    REFUSED(VMAN_STATUS_UNSUPPORTED, "args", vman_partition_create(client, &create.args, &id, &error));
    CHECK(id == 0);
}

int main(int argc, char **argv)
{
    vman_client *handle = NULL;

    CHECK(argc == 2);
    REFUSED(VMAN_STATUS_DISCONNECTED, "/nowhere", vman_client_connect("/nowhere", 0, &handle, &error));
    CHECK(handle == NULL);
    CHECK(vman_client_connect("/nowhere", 0, &handle, NULL) == VMAN_STATUS_DISCONNECTED);
    DONE(vman_client_connect(argv[1], 2000, &handle, &error));
    client = handle;
    handles();
    outputs();
    inputs();
    request_lines();
    sizes();
    sizes_of_tomorrow();
    vman_client_free(handle);
    return EXIT_SUCCESS;
}

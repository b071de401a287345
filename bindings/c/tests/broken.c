/* Daemons that do not behave: the program lives on, the status tells what happened, the handle can be used again.
 *
 * argv: sockets of daemons that 1 never answer, 2 close at once, 3 answer nonsense, 4 send half an event and then close.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <poll.h>

#include "check.h"

static void silent(const char *path)
{
    vman_host host = { .size = sizeof(host) };
    vman_client *client = NULL;
    vman_events *events = NULL;

    DONE(vman_client_connect(path, 50, &client, &error));
    REFUSED(VMAN_STATUS_TIMEOUT, "in time", vman_host_query(client, &host, &error));
    CHECK(host.cores_total == 0);
    REFUSED(VMAN_STATUS_DISCONNECTED, "", vman_host_query(client, &host, &error));
    DONE(vman_client_reconnect(client, &error));
    REFUSED(VMAN_STATUS_TIMEOUT, "in time", vman_host_query(client, &host, &error));
    REFUSED(VMAN_STATUS_TIMEOUT, "in time", vman_events_open(path, 50, &events, &error));
    CHECK(events == NULL);
    vman_client_free(client);
}

/* Without care the second write would end the program by SIGPIPE. */
static void closing(const char *path)
{
    vman_client *client = NULL;
    char *reply = NULL;

    DONE(vman_client_connect(path, 2000, &client, &error));
    for (int i = 0; i < 3; i++) {
        REFUSED(VMAN_STATUS_DISCONNECTED, "", vman_partition_suspend(client, 1, &error));
        DONE(vman_client_reconnect(client, &error));
        REFUSED(VMAN_STATUS_DISCONNECTED, "", vman_client_call(client, "{}", &reply, &error));
        CHECK(!vman_client_is_idle(client));
        DONE(vman_client_reconnect(client, &error));
    }
    CHECK(reply == NULL);
    vman_client_free(client);
}

static void nonsense(const char *path)
{
    vman_partitions *partitions = NULL;
    vman_client *client = NULL;

    DONE(vman_client_connect(path, 2000, &client, &error));
    for (int i = 0; i < 5; i++)
        REFUSED(VMAN_STATUS_PROTOCOL, "", vman_partitions_query(client, &partitions, &error));
    CHECK(partitions == NULL);
    vman_client_free(client);
}

static void half_an_event(const char *path)
{
    vman_event event = { .size = sizeof(event) };
    vman_events *events = NULL;
    struct pollfd ready;

    DONE(vman_events_open(path, 2000, &events, &error));
    ready = (struct pollfd){ .fd = vman_events_fd(events), .events = POLLIN };
    for (;;) {
        vman_error *error = NULL;
        vman_status status;

        CHECK(poll(&ready, 1, 10000) == 1);
        status = vman_events_next(events, &event, &error);
        if (status == VMAN_STATUS_OK) {
            CHECK(event.kind == VMAN_EVENT_KIND_NONE);
            continue;
        }
        CHECK(status == VMAN_STATUS_DISCONNECTED);
        vman_error_free(error);
        break;
    }
    vman_events_free(events);
}

int main(int argc, char **argv)
{
    CHECK(argc == 5);
    silent(argv[1]);
    closing(argv[2]);
    nonsense(argv[3]);
    half_an_event(argv[4]);
    return EXIT_SUCCESS;
}

/* cc events.c $(pkg-config --cflags --libs vman) -o events && ./events SOCKET [COUNT]
 *
 * Prints events as they happen, COUNT of them or until vmand goes away. The descriptor may stand in any event loop.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <vman.h>

static int failed(const char *step, vman_error *error)
{
    fprintf(stderr, "%s: %s\n", step, vman_error_message(error));
    vman_error_free(error);
    return EXIT_FAILURE;
}

static const char *state_name(vman_state state)
{
    const char *name = vman_state_name((int32_t)state);

    return name ? name : "-";
}

static const char *cause_name(vman_cause cause)
{
    switch (cause) {
    case VMAN_CAUSE_COMMAND: return "by a command";
    case VMAN_CAUSE_GUEST: return "by its operating system";
    case VMAN_CAUSE_FIRMWARE: return "by the firmware";
    case VMAN_CAUSE_NONE: break;
    }
    return "";
}

static void print(const vman_event *event)
{
    printf("%" PRIu64 " ", event->seq);
    switch (event->kind) {
    case VMAN_EVENT_KIND_CREATED: printf("partition %" PRIu32 " created\n", event->id); break;
    case VMAN_EVENT_KIND_DESTROYED: printf("partition %" PRIu32 " destroyed\n", event->id); break;
    case VMAN_EVENT_KIND_FAULTED: printf("partition %" PRIu32 " faulted: %s\n", event->id, event->reason); break;
    case VMAN_EVENT_KIND_LOST: printf("%" PRIu64 " events lost\n", event->lost); break;
    case VMAN_EVENT_KIND_STOPPING: printf("vmand stops\n"); break;
    case VMAN_EVENT_KIND_REBOOTED:
        printf("partition %" PRIu32 " rebooted %s\n", event->id, cause_name(event->cause));
        break;
    case VMAN_EVENT_KIND_STATE:
        printf("partition %" PRIu32 " %s -> %s %s\n", event->id, state_name(event->from), state_name(event->to),
               cause_name(event->cause));
        break;
    case VMAN_EVENT_KIND_NONE: break;
    }
    fflush(stdout);
}

/* Takes every event that has come: one wake-up of the descriptor may stand for several. */
static vman_status drain(const vman_events *events, unsigned long *left, vman_error **error)
{
    while (*left > 0) {
        vman_event event = { .size = sizeof(event) };
        vman_status status = vman_events_next(events, &event, error);

        if (status != VMAN_STATUS_OK || event.kind == VMAN_EVENT_KIND_NONE)
            return status;
        print(&event);
        --*left;
    }
    return VMAN_STATUS_OK;
}

int main(int argc, char **argv)
{
    unsigned long left = argc > 2 ? strtoul(argv[2], NULL, 10) : (unsigned long)-1;
    vman_events *events = NULL;
    vman_error *error = NULL;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s SOCKET [COUNT]\n", argv[0]);
        return 2;
    }
    if (vman_events_open(argv[1], 10000, &events, &error) != VMAN_STATUS_OK)
        return failed("subscribe-events", error);
    puts("subscribed");
    fflush(stdout);
    while (left > 0) {
        struct pollfd ready = { .fd = vman_events_fd(events), .events = POLLIN };

        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            break;
        if (drain(events, &left, &error) != VMAN_STATUS_OK)
            break;
    }
    vman_events_free(events);
    return left == 0 ? EXIT_SUCCESS : error ? failed("events", error) : EXIT_FAILURE;
}

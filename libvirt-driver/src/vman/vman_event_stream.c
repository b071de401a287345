/*
 * vman_event_stream.c: vmand's events, now and whenever it comes back
 *
 * This library is free software; you can redistribute it and/or
 * modify it under the terms of the GNU Lesser General Public
 * License as published by the Free Software Foundation; either
 * version 2.1 of the License, or (at your option) any later version.
 *
 * This library is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the GNU
 * Lesser General Public License for more details.
 *
 * You should have received a copy of the GNU Lesser General Public
 * License along with this library.  If not, see
 * <http://www.gnu.org/licenses/>.
 */

#include <config.h>

#include <poll.h>

#include "viralloc.h"
#include "virerror.h"
#include "virfile.h"
#include "virlog.h"
#include "virutil.h"
#include "viruuid.h"
#include "vman_action.h"
#include "vman_domain.h"
#include "vman_event.h"
#include "vman_event_stream.h"
#include "vman_reserve.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_event_stream");

/* How long a lost vmand is left alone between two attempts. */
#define VMAN_RETRY_MIN_MS 100
#define VMAN_RETRY_MAX_MS 2000

struct _virVMANEvents {
    virVMANDriver *driver;
    virThread thread;
    int wake[2];                    /* closed at its writing end: stop */
    int live;                       /* atomic: vmand's events come in */
};


bool
virVMANEventsAreLive(virVMANEvents *events)
{
    return events && g_atomic_int_get(&events->live);
}


/* A create-partition that was given up may take effect late. */
static void
virVMANEventsLookAtNew(virVMANDriver *driver,
                       unsigned int id)
{
    vman_partition partition = { 0 };

    if (!virVMANReserveHasOrphans(driver))
        return;

    if (virVMANMonitorQueryPartition(driver->monitor, id, &partition) == 0)
        virVMANReserveCollectOrphan(driver, &partition);
    virResetLastError();
}


static void
virVMANEventDispatch(virVMANDriver *driver,
                     const vman_event *event)
{
    virDomainObj *vm;

    VIR_DEBUG("event kind=%d id=%u from=%d to=%d cause=%d seq=%llu",
              event->kind, event->id, event->from, event->to, event->cause,
              (unsigned long long) event->seq);

    if (event->kind == VMAN_EVENT_KIND_CREATED)
        virVMANEventsLookAtNew(driver, event->id);

    if ((vm = virVMANDomainFindByPartition(driver, event->id)))
        virVMANEventTake(driver, vm, event);

    virDomainObjEndAPI(&vm);
}


/* Compares a domain with what vmand has told. */
static void
virVMANEventReconcileDomain(virVMANDriver *driver,
                            virDomainObj *vm,
                            GHashTable *byUUID)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(vm);
    char uuid[VIR_UUID_STRING_BUFLEN];

    virUUIDFormat(vm->def->uuid, uuid);
    virVMANEventTakeTruth(driver, vm, g_hash_table_lookup(byUUID, uuid));
}


static int
virVMANEventReconcile(virVMANDriver *driver)
{
    g_autoptr(GHashTable) byUUID = g_hash_table_new_full(g_str_hash, g_str_equal,
                                                         NULL, g_free);
    g_autoptr(vman_partitions) partitions = NULL;
    virDomainObj **vms = NULL;
    size_t nvms = 0;
    size_t i;

    if (virVMANBoardRefresh(driver->board, driver->monitor) < 0 ||
        virVMANMonitorQueryPartitions(driver->monitor, &partitions) < 0)
        return -1;

    for (i = 0; i < vman_partitions_count(partitions); i++) {
        g_autofree vman_partition *partition = g_new0(vman_partition, 1);

        partition->size = sizeof(*partition);
        if (vman_partitions_get(partitions, i, partition, NULL) == VMAN_STATUS_OK) {
            char *uuid = partition->uuid;

            virVMANReserveCollectOrphan(driver, partition);
            /* The key is part of the value. */
            g_hash_table_replace(byUUID, uuid, g_steal_pointer(&partition));
        }
    }

    virDomainObjListCollectAll(driver->domains, &vms, &nvms);
    for (i = 0; i < nvms; i++)
        virVMANEventReconcileDomain(driver, vms[i], byUUID);
    virObjectListFreeCount(vms, nvms);

    return 0;
}


/* Handles what has come; -1 when the stream is at its end. */
static int
virVMANEventsRead(virVMANEvents *events,
                  vman_events *stream)
{
    vman_event event;
    vman_error *error = NULL;

    for (;;) {
        event = (vman_event) { .size = sizeof(event) };
        if (vman_events_next(stream, &event, &error) != VMAN_STATUS_OK) {
            VIR_INFO("vmand's events end: %s", vman_error_message(error));
            vman_error_free(error);
            return -1;
        }

        if (event.kind == VMAN_EVENT_KIND_NONE)
            return 0;

        if (event.kind == VMAN_EVENT_KIND_STOPPING)
            return -1;

        if (event.kind != VMAN_EVENT_KIND_LOST)
            virVMANEventDispatch(events->driver, &event);
        else if (virVMANEventReconcile(events->driver) < 0)
            return -1;
    }
}


/* Returns -1 when it is time to stop, else 0 after @timeout_ms or at once when
 * @fd has something to read. */
static int
virVMANEventsWait(virVMANEvents *events,
                  int fd,
                  int timeout_ms)
{
    struct pollfd fds[] = {
        { .fd = events->wake[0], .events = POLLIN },
        { .fd = fd, .events = POLLIN },
    };

    if (poll(fds, G_N_ELEMENTS(fds), timeout_ms) < 0 && errno != EINTR)
        VIR_WARN("poll failed: %s", g_strerror(errno));

    return fds[0].revents ? -1 : 0;
}


static void
virVMANEventsFollow(virVMANEvents *events,
                    vman_events *stream)
{
    virVMANDriver *driver = events->driver;

    if (virVMANEventReconcile(driver) < 0)
        return;

    VIR_INFO("vmand at '%s' is here", virVMANMonitorGetSocket(driver->monitor));
    g_atomic_int_set(&events->live, true);
    virVMANActionReserve(driver);
    virVMANActionAutostart(driver);

    while (virVMANEventsWait(events, vman_events_fd(stream), -1) == 0 &&
           virVMANEventsRead(events, stream) == 0)
        ;

    g_atomic_int_set(&events->live, false);
    virVMANMonitorDropIdle(driver->monitor);
}


static void
virVMANEventsMain(void *opaque)
{
    virVMANEvents *events = opaque;
    virVMANDriverConfig *cfg = events->driver->config;
    int retry_ms = VMAN_RETRY_MIN_MS;

    do {
        vman_events *stream = NULL;
        vman_error *error = NULL;

        virResetLastError();
        if (vman_events_open(cfg->vmandSocket, cfg->vmandTimeout, &stream,
                             &error) == VMAN_STATUS_OK) {
            virVMANEventsFollow(events, stream);
            vman_events_free(stream);
            retry_ms = VMAN_RETRY_MIN_MS;
        } else {
            VIR_DEBUG("no vmand: %s", vman_error_message(error));
            vman_error_free(error);
            retry_ms = MIN(retry_ms * 2, VMAN_RETRY_MAX_MS);
        }
    } while (virVMANEventsWait(events, -1, retry_ms) == 0);
}


/**
 * virVMANEventsNew:
 * @driver: the driver
 *
 * Starts to follow vmand, now and whenever it comes back.
 *
 * Returns the handle, or NULL with an error reported.
 */
virVMANEvents *
virVMANEventsNew(virVMANDriver *driver)
{
    g_autofree virVMANEvents *events = g_new0(virVMANEvents, 1);

    events->driver = driver;
    if (virPipe(events->wake) < 0)
        return NULL;

    if (virThreadCreateFull(&events->thread, true, virVMANEventsMain,
                            "vman-events", false, events) < 0) {
        virReportSystemError(errno, "%s", _("Failed to create thread"));
        VIR_FORCE_CLOSE(events->wake[0]);
        VIR_FORCE_CLOSE(events->wake[1]);
        return NULL;
    }

    return g_steal_pointer(&events);
}


void
virVMANEventsFree(virVMANEvents *events)
{
    if (!events)
        return;

    VIR_FORCE_CLOSE(events->wake[1]);
    virThreadJoin(&events->thread);
    VIR_FORCE_CLOSE(events->wake[0]);
    g_free(events);
}

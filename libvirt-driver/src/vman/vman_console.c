/*
 * vman_console.c: consoles of partitions as streams
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
#include <sys/socket.h>
#include <unistd.h>

#include "datatypes.h"
#include "viralloc.h"
#include "virerror.h"
#include "virfdstream.h"
#include "virfile.h"
#include "virlog.h"
#include "virutil.h"
#include "vman_conf.h"
#include "vman_console.h"
#include "vman_error.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_console");

#define VMAN_CONSOLE_BUFFER 2048
#define VMAN_CONSOLE_TIMEOUT_MS 10000

/* How long a partition that has stopped is listened to for its last words. */
#define VMAN_CONSOLE_DRAIN_MS 50

/*
 * virsh <-> virtvmand's stream <-> socket pair <-> bridge thread <-> vmand
 *
 * The bridge ends when either side does. Domain and bridge both hold the set
 * of consoles, so that neither must wait for the other.
 */
struct _virVMANConsoles {
    virObjectLockable parent;

    int *stops;                     /* writing ends of the bridges' pipes */
    size_t nstops;
};

typedef struct _virVMANBridge virVMANBridge;
struct _virVMANBridge {
    virVMANConsoles *consoles;
    vman_console *console;
    int fd;                         /* our end of the socket pair */
    int stop;                       /* reading end: at its end the bridge ends */
    int stopWrite;                  /* key in @consoles */
};

static virClass *virVMANConsolesClass;

static void
virVMANConsolesDispose(void *obj)
{
    virVMANConsoles *consoles = obj;

    g_free(consoles->stops);
}

static int
virVMANConsolesOnceInit(void)
{
    if (!VIR_CLASS_NEW(virVMANConsoles, virClassForObjectLockable()))
        return -1;

    return 0;
}

VIR_ONCE_GLOBAL_INIT(virVMANConsoles);


static void
virVMANBridgeFree(virVMANBridge *bridge)
{
    if (!bridge)
        return;

    vman_console_free(bridge->console);
    VIR_FORCE_CLOSE(bridge->fd);
    VIR_FORCE_CLOSE(bridge->stop);
    virObjectUnref(bridge->consoles);
    g_free(bridge);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virVMANBridge, virVMANBridgeFree);


/* Takes the bridge off the list; -1 if it has been told to stop meanwhile. */
static void
virVMANConsolesForget(virVMANConsoles *consoles,
                      int stopWrite)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(consoles);
    size_t i;

    for (i = 0; i < consoles->nstops; i++) {
        if (consoles->stops[i] == stopWrite) {
            VIR_FORCE_CLOSE(consoles->stops[i]);
            VIR_DELETE_ELEMENT(consoles->stops, i, consoles->nstops);
            return;
        }
    }
}


/* What the partition printed goes to the client; -1 when either is gone. */
static int
virVMANBridgePrint(virVMANBridge *bridge)
{
    uint8_t buffer[VMAN_CONSOLE_BUFFER];

    for (;;) {
        vman_console_span span = { .size = sizeof(span) };
        vman_error *error = NULL;

        if (vman_console_next(bridge->console, buffer, sizeof(buffer), &span,
                              &error) != VMAN_STATUS_OK) {
            /* Input that the partition did not take is no end. */
            bool goesOn = vman_error_status(error) == VMAN_STATUS_BUSY ||
                vman_error_status(error) == VMAN_STATUS_INVALID_STATE ||
                vman_error_status(error) == VMAN_STATUS_UNSUPPORTED;

            VIR_DEBUG("console: %s", vman_error_message(error));
            vman_error_free(error);
            if (goesOn)
                continue;
            return -1;
        }

        if (span.length == 0)
            return 0;

        if (safewrite(bridge->fd, buffer, span.length) < 0)
            return -1;
    }
}


/* What the client typed goes to the partition; -1 when either is gone. */
static int
virVMANBridgeType(virVMANBridge *bridge)
{
    uint8_t buffer[VMAN_CONSOLE_BUFFER];
    ssize_t length = saferead(bridge->fd, buffer, 1);

    if (length <= 0)
        return -1;

    /* More may be there already, but it is not waited for. */
    length = recv(bridge->fd, buffer + 1, sizeof(buffer) - 1, MSG_DONTWAIT);

    if (vman_console_send(bridge->console, buffer, 1 + MAX(length, 0),
                          NULL) != VMAN_STATUS_OK)
        return -1;

    return 0;
}


static void
virVMANBridgeMain(void *opaque)
{
    g_autoptr(virVMANBridge) bridge = opaque;
    struct pollfd fds[] = {
        { .fd = vman_console_fd(bridge->console), .events = POLLIN },
        { .fd = bridge->fd, .events = POLLIN },
        { .fd = bridge->stop, .events = POLLIN },
    };

    while (virVMANBridgePrint(bridge) == 0) {
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
            break;

        if (fds[1].revents && virVMANBridgeType(bridge) < 0)
            break;

        if (fds[2].revents) {
            poll(fds, 1, VMAN_CONSOLE_DRAIN_MS);
            virVMANBridgePrint(bridge);
            break;
        }
    }

    virVMANConsolesForget(bridge->consoles, bridge->stopWrite);
}


static virVMANBridge *
virVMANBridgeNew(virVMANConsoles *consoles,
                 const char *socket,
                 unsigned int partition,
                 int *client)
{
    g_autoptr(virVMANBridge) bridge = g_new0(virVMANBridge, 1);
    vman_error *error = NULL;
    vman_status status;
    int pair[2];
    int stop[2];

    bridge->fd = -1;
    bridge->stop = -1;
    bridge->consoles = virObjectRef(consoles);

    status = vman_console_attach(socket, partition, VMAN_CONSOLE_NOW,
                                 VMAN_CONSOLE_TIMEOUT_MS, &bridge->console,
                                 &error);
    if (status != VMAN_STATUS_OK) {
        virVMANErrorReport(status, vman_error_message(error));
        vman_error_free(error);
        return NULL;
    }

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        virReportSystemError(errno, "%s", _("Failed to create socket pair"));
        return NULL;
    }
    bridge->fd = pair[0];
    *client = pair[1];

    if (virPipe(stop) < 0) {
        VIR_FORCE_CLOSE(*client);
        return NULL;
    }
    bridge->stop = stop[0];
    bridge->stopWrite = stop[1];

    return g_steal_pointer(&bridge);
}


virVMANConsoles *
virVMANConsolesNew(void)
{
    if (virVMANConsolesInitialize() < 0)
        return NULL;

    return virObjectLockableNew(virVMANConsolesClass);
}


static int
virVMANConsoleMakeRoom(virVMANConsoles *consoles,
                       unsigned int flags)
{
    bool open = false;

    if (flags & VIR_DOMAIN_CONSOLE_FORCE)
        virVMANConsolesClose(consoles);

    VIR_WITH_OBJECT_LOCK_GUARD(consoles) {
        open = consoles->nstops > 0;
    }

    if ((flags & VIR_DOMAIN_CONSOLE_SAFE) && open) {
        virReportError(VIR_ERR_OPERATION_FAILED, "%s",
                       _("Active console session exists for this domain"));
        return -1;
    }

    return 0;
}


/**
 * virVMANConsoleOpen:
 * @consoles: the domain's consoles
 * @socket: vmand's socket
 * @partition: the domain's partition
 * @st: the client's stream
 * @flags: virDomainConsoleFlags: with FORCE the others are closed, with SAFE
 *         there must be no other
 *
 * Waits for vmand: the caller has no domain locked.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANConsoleOpen(virVMANConsoles *consoles,
                   const char *socket,
                   unsigned int partition,
                   virStreamPtr st,
                   unsigned int flags)
{
    g_autoptr(virVMANBridge) bridge = NULL;
    VIR_AUTOCLOSE client = -1;
    virThread thread;
    int stop;

    if (virVMANConsoleMakeRoom(consoles, flags) < 0 ||
        !(bridge = virVMANBridgeNew(consoles, socket, partition, &client)))
        return -1;

    stop = bridge->stopWrite;
    VIR_WITH_OBJECT_LOCK_GUARD(consoles) {
        VIR_APPEND_ELEMENT_COPY(consoles->stops, consoles->nstops, stop);
    }

    if (virFDStreamOpen(st, client) < 0) {
        virVMANConsolesForget(consoles, stop);
        return -1;
    }
    client = -1;

    if (virThreadCreateFull(&thread, false, virVMANBridgeMain, "vman-console",
                            false, bridge) < 0) {
        virReportSystemError(errno, "%s", _("Failed to create thread"));
        virVMANConsolesForget(consoles, stop);
        return -1;
    }
    bridge = NULL;

    return 0;
}


/* Ends all bridges; they tell their clients. */
void
virVMANConsolesClose(virVMANConsoles *consoles)
{
    if (!consoles)
        return;

    VIR_WITH_OBJECT_LOCK_GUARD(consoles) {
        while (consoles->nstops > 0)
            VIR_FORCE_CLOSE(consoles->stops[--consoles->nstops]);
    }
}


void
virVMANConsolesFree(virVMANConsoles *consoles)
{
    virVMANConsolesClose(consoles);
    virObjectUnref(consoles);
}

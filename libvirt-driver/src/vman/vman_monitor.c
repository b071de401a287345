/*
 * vman_monitor.c: commands to vmand, the daemon that owns the board
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

#include <unistd.h>

#include "vman_conf.h"
#include "vman_error.h"
#include "vman_monitor.h"
#include "vman_monitor_json.h"
#include "virerror.h"
#include "virlog.h"
#include "virobject.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_monitor");

/* More connections than this are closed after use. */
#define VMAN_MONITOR_IDLE_MAX 8

struct _virVMANMonitor {
    virObjectLockable parent;

    char *socket;
    unsigned int timeout_ms;
    vman_client *idle[VMAN_MONITOR_IDLE_MAX];
    size_t nidle;
    virTristateBool remote;         /* whether vmand cannot read our files */
};

static virClass *virVMANMonitorClass;
static void virVMANMonitorDispose(void *obj);

static int
virVMANMonitorOnceInit(void)
{
    if (!VIR_CLASS_NEW(virVMANMonitor, virClassForObjectLockable()))
        return -1;

    return 0;
}

VIR_ONCE_GLOBAL_INIT(virVMANMonitor);


virVMANMonitor *
virVMANMonitorNew(const char *socket,
                  unsigned int timeout_ms)
{
    virVMANMonitor *mon;

    if (virVMANMonitorInitialize() < 0)
        return NULL;

    if (!(mon = virObjectLockableNew(virVMANMonitorClass)))
        return NULL;

    mon->socket = g_strdup(socket);
    mon->timeout_ms = timeout_ms;
    return mon;
}


static void
virVMANMonitorDispose(void *obj)
{
    virVMANMonitor *mon = obj;

    while (mon->nidle > 0)
        vman_client_free(mon->idle[--mon->nidle]);
    g_free(mon->socket);
}


const char *
virVMANMonitorGetSocket(virVMANMonitor *mon)
{
    return mon->socket;
}


/* Forgets what belongs to a vmand that is gone. */
void
virVMANMonitorDropIdle(virVMANMonitor *mon)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(mon);

    while (mon->nidle > 0)
        vman_client_free(mon->idle[--mon->nidle]);
    mon->remote = VIR_TRISTATE_BOOL_ABSENT;
}


/**
 * virVMANMonitorReport:
 * @mon: connections to vmand
 * @status: what a call gave
 * @error: its error object; freed
 *
 * Reports a failed call; a vmand that is not there is named with its socket.
 *
 * Returns -1
 */
int
virVMANMonitorReport(virVMANMonitor *mon,
                     vman_status status,
                     vman_error *error)
{
    const char *message = vman_error_message(error);

    if (status == VMAN_STATUS_DISCONNECTED) {
        virReportError(VIR_ERR_NO_CONNECT,
                       _("vmand at '%s', is it running? %s"),
                       mon->socket, NULLSTR(message));
    } else {
        virVMANErrorReport(status, message);
    }

    vman_error_free(error);
    return -1;
}


static vman_client *
virVMANMonitorTakeIdle(virVMANMonitor *mon)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(mon);

    return mon->nidle > 0 ? mon->idle[--mon->nidle] : NULL;
}


/**
 * virVMANMonitorAcquire:
 * @mon: connections to vmand
 *
 * Returns a connection for the caller alone, or NULL with an error reported.
 */
vman_client *
virVMANMonitorAcquire(virVMANMonitor *mon)
{
    vman_client *client;
    vman_error *error = NULL;
    vman_status status;

    /* Those of a vmand that is gone are dropped before anything is sent. */
    while ((client = virVMANMonitorTakeIdle(mon))) {
        if (vman_client_is_idle(client))
            return client;
        vman_client_free(client);
    }

    status = vman_client_connect(mon->socket, mon->timeout_ms, &client, &error);
    if (status != VMAN_STATUS_OK) {
        virVMANMonitorReport(mon, status, error);
        return NULL;
    }

    return client;
}


/* After these a late answer may still come: the connection is of no use. */
static bool
virVMANMonitorIsBroken(vman_status status)
{
    return status == VMAN_STATUS_TIMEOUT ||
           status == VMAN_STATUS_DISCONNECTED ||
           status == VMAN_STATUS_PROTOCOL ||
           status == VMAN_STATUS_PANIC;
}


void
virVMANMonitorRelease(virVMANMonitor *mon,
                      vman_client *client,
                      vman_status status)
{
    VIR_WITH_OBJECT_LOCK_GUARD(mon) {
        if (!virVMANMonitorIsBroken(status) &&
            mon->nidle < VMAN_MONITOR_IDLE_MAX)
            mon->idle[mon->nidle++] = g_steal_pointer(&client);
    }

    vman_client_free(client);
}


static int
virVMANMonitorRun(virVMANMonitor *mon,
                  virJSONValue *cmd,
                  virJSONValue **reply)
{
    if (virVMANMonitorJSONCommand(mon, cmd, reply) < 0)
        return -1;

    return virVMANMonitorJSONCheckErrorFull(cmd, *reply, true);
}


int
virVMANMonitorCreatePartition(virVMANMonitor *mon,
                              const virVMANPartitionRequest *request,
                              unsigned int *id)
{
    g_autoptr(virJSONValue) cmd = NULL;
    g_autoptr(virJSONValue) reply = NULL;
    virJSONValue *result;

    if (!(cmd = virVMANMonitorJSONMakeCommand("create-partition",
                                              "u:cores", request->cores,
                                              "b:secure", request->secure,
                                              "U:memsize_mib", request->memory_mib,
                                              "S:name", request->name,
                                              "s:uuid", request->uuid,
                                              "p:shared_with", request->shared_with,
                                              NULL)))
        return -1;

    if (virVMANMonitorRun(mon, cmd, &reply) < 0)
        return -1;

    if (!(result = virJSONValueObjectGetObject(reply, "return")) ||
        virJSONValueObjectGetNumberUint(result, "id", id) < 0) {
        virReportError(VIR_ERR_RPC, "%s",
                       _("vmand's reply to create-partition has no id"));
        return -1;
    }

    return 0;
}


static int
virVMANMonitorSimple(virVMANMonitor *mon,
                     const char *name,
                     unsigned int id)
{
    g_autoptr(virJSONValue) cmd = NULL;
    g_autoptr(virJSONValue) reply = NULL;

    if (!(cmd = virVMANMonitorJSONMakeCommand(name, "u:id", id, NULL)))
        return -1;

    return virVMANMonitorRun(mon, cmd, &reply);
}


int
virVMANMonitorDestroyPartition(virVMANMonitor *mon,
                               unsigned int id)
{
    return virVMANMonitorSimple(mon, "destroy-partition", id);
}


int
virVMANMonitorShutdown(virVMANMonitor *mon,
                       unsigned int id)
{
    return virVMANMonitorSimple(mon, "shutdown", id);
}


int
virVMANMonitorReboot(virVMANMonitor *mon,
                     unsigned int id)
{
    return virVMANMonitorSimple(mon, "reboot", id);
}


int
virVMANMonitorSuspend(virVMANMonitor *mon,
                      unsigned int id)
{
    return virVMANMonitorSimple(mon, "suspend", id);
}


int
virVMANMonitorRestore(virVMANMonitor *mon,
                      unsigned int id)
{
    return virVMANMonitorSimple(mon, "restore", id);
}


/* vmand would say the same, but not which kind of thing it has not found. */
static int
virVMANMonitorCheckFile(const char *path)
{
    if (access(path, R_OK) == 0)
        return 0;

    virReportSystemError(errno, _("Cannot read file '%s'"), path);
    return -1;
}


/* A vmand on another machine cannot read our files: they are uploaded. */
static int
virVMANMonitorFile(virVMANMonitor *mon,
                   bool remote,
                   const char *path,
                   char **file)
{
    char *reference = NULL;
    vman_error *error = NULL;
    vman_client *client;
    vman_status status;

    if (!path || STRPREFIX(path, "image:")) {
        *file = g_strdup(path);
        return 0;
    }

    if (virVMANMonitorCheckFile(path) < 0)
        return -1;

    if (!remote) {
        *file = g_strdup(path);
        return 0;
    }

    if (!(client = virVMANMonitorAcquire(mon)))
        return -1;

    status = vman_image_upload(client, path, &reference, &error);
    virVMANMonitorRelease(mon, client, status);
    if (status != VMAN_STATUS_OK)
        return virVMANMonitorReport(mon, status, error);

    *file = g_strdup(reference);
    vman_string_free(reference);
    return 0;
}


static int
virVMANMonitorPathsAreRemote(virVMANMonitor *mon,
                             bool *remote)
{
    vman_daemon daemon = { .size = sizeof(daemon) };
    vman_error *error = NULL;
    vman_client *client;
    vman_status status;

    VIR_WITH_OBJECT_LOCK_GUARD(mon) {
        if (mon->remote != VIR_TRISTATE_BOOL_ABSENT) {
            *remote = mon->remote == VIR_TRISTATE_BOOL_YES;
            return 0;
        }
    }

    if (!(client = virVMANMonitorAcquire(mon)))
        return -1;

    status = vman_daemon_query(client, &daemon, &error);
    virVMANMonitorRelease(mon, client, status);
    if (status != VMAN_STATUS_OK)
        return virVMANMonitorReport(mon, status, error);

    *remote = daemon.paths_remote;
    VIR_WITH_OBJECT_LOCK_GUARD(mon) {
        mon->remote = virTristateBoolFromBool(*remote);
    }
    return 0;
}


int
virVMANMonitorDeploy(virVMANMonitor *mon,
                     unsigned int id,
                     const char *kernel,
                     const char *dtb,
                     const char *initrd,
                     const char *cmdline)
{
    g_autoptr(virJSONValue) cmd = NULL;
    g_autoptr(virJSONValue) reply = NULL;
    g_autofree char *kernelFile = NULL;
    g_autofree char *dtbFile = NULL;
    g_autofree char *initrdFile = NULL;
    bool remote = false;

    if (virVMANMonitorPathsAreRemote(mon, &remote) < 0 ||
        virVMANMonitorFile(mon, remote, kernel, &kernelFile) < 0 ||
        virVMANMonitorFile(mon, remote, dtb, &dtbFile) < 0 ||
        virVMANMonitorFile(mon, remote, initrd, &initrdFile) < 0)
        return -1;

    if (!(cmd = virVMANMonitorJSONMakeCommand("deploy",
                                              "s:kernel", kernelFile,
                                              "S:dtb", dtbFile,
                                              "S:initrd", initrdFile,
                                              "S:cmdline", cmdline,
                                              "u:partition_id", id,
                                              NULL)))
        return -1;

    return virVMANMonitorRun(mon, cmd, &reply);
}


int
virVMANMonitorQueryHost(virVMANMonitor *mon,
                        vman_host *host)
{
    vman_error *error = NULL;
    vman_client *client;
    vman_status status;

    if (!(client = virVMANMonitorAcquire(mon)))
        return -1;

    host->size = sizeof(*host);
    status = vman_host_query(client, host, &error);
    virVMANMonitorRelease(mon, client, status);
    if (status != VMAN_STATUS_OK)
        return virVMANMonitorReport(mon, status, error);

    return 0;
}


int
virVMANMonitorQueryPartition(virVMANMonitor *mon,
                             unsigned int id,
                             vman_partition *partition)
{
    vman_error *error = NULL;
    vman_client *client;
    vman_status status;

    if (!(client = virVMANMonitorAcquire(mon)))
        return -1;

    partition->size = sizeof(*partition);
    status = vman_partition_query(client, id, partition, &error);
    virVMANMonitorRelease(mon, client, status);
    if (status != VMAN_STATUS_OK)
        return virVMANMonitorReport(mon, status, error);

    return 0;
}


int
virVMANMonitorQueryPartitions(virVMANMonitor *mon,
                              vman_partitions **partitions)
{
    vman_error *error = NULL;
    vman_client *client;
    vman_status status;

    if (!(client = virVMANMonitorAcquire(mon)))
        return -1;

    status = vman_partitions_query(client, partitions, &error);
    virVMANMonitorRelease(mon, client, status);
    if (status != VMAN_STATUS_OK)
        return virVMANMonitorReport(mon, status, error);

    return 0;
}

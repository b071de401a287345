/*
 * vman_driver_node.c: what clients ask about the board
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

#include "datatypes.h"
#include "viraccessapicheck.h"
#include "virerror.h"
#include "virhostcpu.h"
#include "virlog.h"
#include "virstring.h"
#include "vman_domain.h"
#include "vman_driver_node.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_node");

int
vmanNodeGetInfo(virConnectPtr conn,
                virNodeInfoPtr info)
{
    virVMANDriver *driver = conn->privateData;
    vman_host host;

    if (virNodeGetInfoEnsureACL(conn) < 0)
        return -1;

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return -1;

    memset(info, 0, sizeof(*info));
    ignore_value(virStrcpyStatic(info->model, host.arch));
    info->memory = virVMANBoardGetMemory(&host) * 1024;
    info->cpus = host.cores_total;
    info->nodes = 1;
    info->sockets = 1;
    info->cores = host.cores_total;
    info->threads = 1;
    return 0;
}


/* A core of a running partition is used all the time: whether its operating
 * system idles is not to be seen from outside. */
static int
virVMANNodeAddRunning(virDomainObj *vm,
                      void *opaque)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    unsigned long long *busy_ns = opaque;
    VIR_LOCK_GUARD lock = virObjectLockGuard(vm);
    unsigned int core;

    if (!virDomainObjIsActive(vm))
        return 0;

    for (core = 0; core < VMAN_CPU_WORDS * 64; core++) {
        if (virVMANBoardHasCore(priv->grant.cores, core))
            busy_ns[core] += virVMANDomainGetRunTime(vm);
    }

    return 0;
}


static void
virVMANNodeGetCPUTimes(virVMANDriver *driver,
                       const vman_host *host,
                       int cpuNum,
                       unsigned long long *user,
                       unsigned long long *idle)
{
    unsigned long long busy_ns[VMAN_CPU_WORDS * 64] = { 0 };
    unsigned long long uptime_ns = virVMANBoardGetUptime(driver->board);
    unsigned int core;

    virDomainObjListForEach(driver->domains, false, virVMANNodeAddRunning,
                            busy_ns);

    *user = *idle = 0;
    for (core = 0; core < host->cores_total; core++) {
        unsigned long long busy = busy_ns[core] +
            virVMANBoardGetBusy(driver->board, core);

        if (cpuNum != VIR_NODE_CPU_STATS_ALL_CPUS && core != cpuNum)
            continue;

        *user += busy;
        *idle += uptime_ns > busy ? uptime_ns - busy : 0;
    }
}


#define VMAN_NODE_CPU_STATS 4

int
vmanNodeGetCPUStats(virConnectPtr conn,
                    int cpuNum,
                    virNodeCPUStatsPtr params,
                    int *nparams,
                    unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;
    unsigned long long user;
    unsigned long long idle;
    vman_host host;

    virCheckFlags(0, -1);

    if (virNodeGetCPUStatsEnsureACL(conn) < 0)
        return -1;

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return -1;

    if (cpuNum != VIR_NODE_CPU_STATS_ALL_CPUS &&
        (cpuNum < 0 || cpuNum >= host.cores_total)) {
        virReportInvalidArg(cpuNum, _("cpuNum in %s must be less than %u"),
                            __FUNCTION__, host.cores_total);
        return -1;
    }

    if (*nparams == 0) {
        *nparams = VMAN_NODE_CPU_STATS;
        return 0;
    }

    if (*nparams != VMAN_NODE_CPU_STATS) {
        virReportInvalidArg(*nparams, _("nparams in %s must be equal to %d"),
                            __FUNCTION__, VMAN_NODE_CPU_STATS);
        return -1;
    }

    virVMANNodeGetCPUTimes(driver, &host, cpuNum, &user, &idle);

    if (virHostCPUStatsAssign(&params[0], VIR_NODE_CPU_STATS_KERNEL, 0) < 0 ||
        virHostCPUStatsAssign(&params[1], VIR_NODE_CPU_STATS_USER, user) < 0 ||
        virHostCPUStatsAssign(&params[2], VIR_NODE_CPU_STATS_IDLE, idle) < 0 ||
        virHostCPUStatsAssign(&params[3], VIR_NODE_CPU_STATS_IOWAIT, 0) < 0)
        return -1;

    return 0;
}


#define VMAN_NODE_MEMORY_STATS 4

static void
virVMANNodeFillMemoryStats(const vman_host *host,
                           virNodeMemoryStatsPtr params)
{
    const struct {
        const char *field;
        unsigned long long value_kib;
    } stats[VMAN_NODE_MEMORY_STATS] = {
        { VIR_NODE_MEMORY_STATS_TOTAL, virVMANBoardGetMemory(host) * 1024 },
        { VIR_NODE_MEMORY_STATS_FREE, host->memory.free_mib * 1024 },
        { VIR_NODE_MEMORY_STATS_BUFFERS, 0 },
        { VIR_NODE_MEMORY_STATS_CACHED, 0 },
    };
    size_t i;

    for (i = 0; i < VMAN_NODE_MEMORY_STATS; i++) {
        ignore_value(virStrcpyStatic(params[i].field, stats[i].field));
        params[i].value = stats[i].value_kib;
    }
}


int
vmanNodeGetMemoryStats(virConnectPtr conn,
                       int cellNum,
                       virNodeMemoryStatsPtr params,
                       int *nparams,
                       unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;
    vman_host host = { 0 };

    virCheckFlags(0, -1);

    if (virNodeGetMemoryStatsEnsureACL(conn) < 0)
        return -1;

    if (cellNum != VIR_NODE_MEMORY_STATS_ALL_CELLS && cellNum != 0) {
        virReportInvalidArg(cellNum, _("cellNum in %s must be less than 1"),
                            __FUNCTION__);
        return -1;
    }

    if (*nparams == 0) {
        *nparams = VMAN_NODE_MEMORY_STATS;
        return 0;
    }

    if (*nparams != VMAN_NODE_MEMORY_STATS) {
        virReportInvalidArg(*nparams, _("nparams in %s must be equal to %d"),
                            __FUNCTION__, VMAN_NODE_MEMORY_STATS);
        return -1;
    }

    if (virVMANMonitorQueryHost(driver->monitor, &host) < 0)
        return -1;

    virVMANNodeFillMemoryStats(&host, params);
    return 0;
}


/* Memory that a new partition may get, in bytes. */
unsigned long long
vmanNodeGetFreeMemory(virConnectPtr conn)
{
    virVMANDriver *driver = conn->privateData;
    vman_host host = { 0 };

    if (virNodeGetFreeMemoryEnsureACL(conn) < 0)
        return 0;

    if (virVMANMonitorQueryHost(driver->monitor, &host) < 0)
        return 0;

    return host.memory.free_mib * 1024 * 1024;
}


int
vmanNodeGetCellsFreeMemory(virConnectPtr conn,
                           unsigned long long *freeMems,
                           int startCell,
                           int maxCells)
{
    virVMANDriver *driver = conn->privateData;
    vman_host host = { 0 };

    if (virNodeGetCellsFreeMemoryEnsureACL(conn) < 0)
        return -1;

    if (startCell != 0) {
        virReportInvalidArg(startCell, _("startCell in %s must be 0: the board has one cell"),
                            __FUNCTION__);
        return -1;
    }

    if (maxCells < 1)
        return 0;

    if (virVMANMonitorQueryHost(driver->monitor, &host) < 0)
        return -1;

    freeMems[0] = host.memory.free_mib * 1024 * 1024;
    return 1;
}


int
vmanNodeGetCPUMap(virConnectPtr conn,
                  unsigned char **cpumap,
                  unsigned int *online,
                  unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;
    g_autoptr(virBitmap) map = NULL;
    vman_host host;
    int length;

    virCheckFlags(0, -1);

    if (virNodeGetCPUMapEnsureACL(conn) < 0)
        return -1;

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return -1;

    map = virBitmapNew(host.cores_total);
    virBitmapSetAll(map);

    if (cpumap)
        virBitmapToData(map, cpumap, &length);
    if (online)
        *online = host.cores_total;

    return host.cores_total;
}


int
vmanNodeGetSecurityModel(virConnectPtr conn,
                         virSecurityModelPtr secmodel)
{
    if (virNodeGetSecurityModelEnsureACL(conn) < 0)
        return -1;

    /* None: partitions are kept apart by the firmware, not by labels. */
    memset(secmodel, 0, sizeof(*secmodel));
    return 0;
}

/*
 * vman_stats.c: figures of domains
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
#include "virerror.h"
#include "virlog.h"
#include "virtypedparam.h"
#include "vman_domain.h"
#include "vman_event_stream.h"
#include "vman_stats.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_stats");

/**
 * virVMANStatsGetState:
 * @vm: the domain, locked
 * @reason: where the reason goes, may be NULL
 *
 * Returns the state; of a domain that was active when vmand was lost nothing
 * is known, and nothing is made up.
 */
virDomainState
virVMANStatsGetState(virDomainObj *vm,
                     int *reason)
{
    virVMANDriver *driver = VIR_VMAN_DOMAIN_PRIVATE(vm)->driver;

    if (virDomainObjIsActive(vm) && !virVMANEventsAreLive(driver->events)) {
        if (reason)
            *reason = VIR_DOMAIN_NOSTATE_UNKNOWN;
        return VIR_DOMAIN_NOSTATE;
    }

    return virDomainObjGetState(vm, reason);
}


/* Of all its cores together, in ns. */
unsigned long long
virVMANStatsGetCPUTime(virDomainObj *vm)
{
    if (!virDomainObjIsActive(vm))
        return 0;

    return virVMANDomainGetRunTime(vm) * virDomainDefGetVcpus(vm->def);
}


/* The contract of virDomainGetCPUStats: totals for start_cpu -1, else figures
 * for each physical CPU. */
int
virVMANStatsGetCPU(virDomainObj *vm,
                   const vman_host *host,
                   virTypedParameterPtr params,
                   unsigned int nparams,
                   int start_cpu,
                   unsigned int ncpus)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    size_t i;

    if (nparams == 0)
        return ncpus == 0 && start_cpu != -1 ? host->cores_total : 1;

    if (start_cpu == -1) {
        if (virTypedParameterAssign(&params[0], VIR_DOMAIN_CPU_STATS_CPUTIME,
                                    VIR_TYPED_PARAM_ULLONG,
                                    virVMANStatsGetCPUTime(vm)) < 0)
            return -1;
        return 1;
    }

    if (start_cpu >= host->cores_total) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("start_cpu %d larger than maximum of %u"),
                       start_cpu, host->cores_total - 1);
        return -1;
    }

    for (i = 0; i < ncpus && start_cpu + i < host->cores_total; i++) {
        bool mine = virVMANBoardHasCore(priv->grant.cores, start_cpu + i);

        if (virTypedParameterAssign(&params[i * nparams],
                                    VIR_DOMAIN_CPU_STATS_CPUTIME,
                                    VIR_TYPED_PARAM_ULLONG,
                                    mine ? virVMANDomainGetRunTime(vm) : 0ULL) < 0)
            return -1;
    }

    return 1;
}


int
virVMANStatsGetVcpus(virDomainObj *vm,
                     virVcpuInfoPtr info,
                     int maxinfo,
                     unsigned char *cpumaps,
                     int maplen)
{
    bool running = virVMANStatsGetState(vm, NULL) == VIR_DOMAIN_RUNNING;
    int n = MIN(maxinfo, virDomainDefGetVcpus(vm->def));
    size_t i;

    for (i = 0; i < n; i++) {
        virBitmap *core = virDomainDefGetVcpu(vm->def, i)->cpumask;

        if (info) {
            info[i].number = i;
            info[i].state = running ? VIR_VCPU_RUNNING : VIR_VCPU_OFFLINE;
            info[i].cpuTime = virVMANDomainGetRunTime(vm);
            info[i].cpu = core ? virBitmapNextSetBit(core, -1) :
                                 VIR_VCPU_INFO_CPU_UNAVAILABLE;
        }

        if (cpumaps && core)
            virBitmapToDataBuf(core, VIR_GET_CPUMAP(cpumaps, maplen, i), maplen);
    }

    return n;
}


typedef int (*virVMANStatsWorker)(virDomainObj *vm,
                                  virTypedParamList *params);

static int
virVMANStatsAddState(virDomainObj *vm,
                     virTypedParamList *params)
{
    int reason;
    int state = virVMANStatsGetState(vm, &reason);

    if (virTypedParamListAddInt(params, state, "state.state") < 0 ||
        virTypedParamListAddInt(params, reason, "state.reason") < 0)
        return -1;

    return 0;
}


static int
virVMANStatsAddCPU(virDomainObj *vm,
                   virTypedParamList *params)
{
    if (!virDomainObjIsActive(vm))
        return 0;

    return virTypedParamListAddULLong(params, virVMANStatsGetCPUTime(vm),
                                      "cpu.time");
}


static int
virVMANStatsAddBalloon(virDomainObj *vm,
                       virTypedParamList *params)
{
    if (virTypedParamListAddULLong(params, vm->def->mem.cur_balloon,
                                   "balloon.current") < 0 ||
        virTypedParamListAddULLong(params, virDomainDefGetMemoryTotal(vm->def),
                                   "balloon.maximum") < 0)
        return -1;

    if (!virDomainObjIsActive(vm))
        return 0;

    return virTypedParamListAddULLong(params,
                                      virDomainDefGetMemoryTotal(vm->def),
                                      "balloon.rss");
}


static int
virVMANStatsAddVcpu(virDomainObj *vm,
                    virTypedParamList *params)
{
    bool running = virVMANStatsGetState(vm, NULL) == VIR_DOMAIN_RUNNING;
    unsigned int n = virDomainDefGetVcpus(vm->def);
    size_t i;

    if (virTypedParamListAddUInt(params, n, "vcpu.current") < 0 ||
        virTypedParamListAddUInt(params, virDomainDefGetVcpusMax(vm->def),
                                 "vcpu.maximum") < 0)
        return -1;

    if (!virDomainObjIsActive(vm))
        return 0;

    for (i = 0; i < n; i++) {
        if (virTypedParamListAddInt(params,
                                    running ? VIR_VCPU_RUNNING : VIR_VCPU_OFFLINE,
                                    "vcpu.%zu.state", i) < 0 ||
            virTypedParamListAddULLong(params, virVMANDomainGetRunTime(vm),
                                       "vcpu.%zu.time", i) < 0)
            return -1;
    }

    return 0;
}


static int
virVMANStatsAddInterface(virDomainObj *vm,
                         virTypedParamList *params)
{
    if (!virDomainObjIsActive(vm))
        return 0;

    return virTypedParamListAddUInt(params, 0, "net.count");
}


static int
virVMANStatsAddBlock(virDomainObj *vm G_GNUC_UNUSED,
                     virTypedParamList *params)
{
    return virTypedParamListAddUInt(params, 0, "block.count");
}


static const struct {
    unsigned int group;
    virVMANStatsWorker add;
} virVMANStatsWorkers[] = {
    { VIR_DOMAIN_STATS_STATE, virVMANStatsAddState },
    { VIR_DOMAIN_STATS_CPU_TOTAL, virVMANStatsAddCPU },
    { VIR_DOMAIN_STATS_BALLOON, virVMANStatsAddBalloon },
    { VIR_DOMAIN_STATS_VCPU, virVMANStatsAddVcpu },
    { VIR_DOMAIN_STATS_INTERFACE, virVMANStatsAddInterface },
    { VIR_DOMAIN_STATS_BLOCK, virVMANStatsAddBlock },
};


/**
 * virVMANStatsCheckGroups:
 * @stats: virDomainStatsTypes that are wanted, 0 for all; reduced to those that
 *         are there
 * @enforce: whether others are an error
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANStatsCheckGroups(unsigned int *stats,
                        bool enforce)
{
    unsigned int supported = 0;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(virVMANStatsWorkers); i++)
        supported |= virVMANStatsWorkers[i].group;

    if (enforce && (*stats & ~supported)) {
        virReportError(VIR_ERR_ARGUMENT_UNSUPPORTED,
                       _("Stats types bits 0x%x are not supported by this daemon"),
                       *stats & ~supported);
        return -1;
    }

    *stats = *stats ? *stats & supported : supported;
    return 0;
}


static virDomainStatsRecordPtr
virVMANStatsGet(virConnectPtr conn,
                virDomainObj *vm,
                unsigned int stats)
{
    g_autofree virDomainStatsRecordPtr record = g_new0(virDomainStatsRecord, 1);
    g_autoptr(virTypedParamList) params = g_new0(virTypedParamList, 1);
    VIR_LOCK_GUARD lock = virObjectLockGuard(vm);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(virVMANStatsWorkers); i++) {
        if ((stats & virVMANStatsWorkers[i].group) &&
            virVMANStatsWorkers[i].add(vm, params) < 0)
            return NULL;
    }

    if (!(record->dom = virGetDomain(conn, vm->def->name, vm->def->uuid,
                                     vm->def->id)))
        return NULL;

    record->nparams = virTypedParamListStealParams(params, &record->params);
    return g_steal_pointer(&record);
}


/* Returns the number of records, or -1 with an error reported. */
int
virVMANStatsGetAll(virConnectPtr conn,
                   virDomainObj **vms,
                   size_t nvms,
                   unsigned int stats,
                   virDomainStatsRecordPtr **records)
{
    virDomainStatsRecordPtr *list = g_new0(virDomainStatsRecordPtr, nvms + 1);
    size_t i;

    for (i = 0; i < nvms; i++) {
        if (!(list[i] = virVMANStatsGet(conn, vms[i], stats))) {
            virDomainStatsRecordListFree(list);
            return -1;
        }
    }

    *records = list;
    return nvms;
}

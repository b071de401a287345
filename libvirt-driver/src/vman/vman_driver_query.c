/*
 * vman_driver_query.c: what clients ask about domains
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
#include "virlog.h"
#include "virtypedparam.h"
#include "vman_device.h"
#include "vman_domain.h"
#include "vman_driver_query.h"
#include "vman_event_stream.h"
#include "vman_stats.h"
#include "vman_xml.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_query");

char *
vmanDomainGetOSType(virDomainPtr dom)
{
    virDomainObj *vm;
    char *ret = NULL;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return NULL;

    if (virDomainGetOSTypeEnsureACL(dom->conn, vm->def) == 0)
        ret = g_strdup(virDomainOSTypeToString(vm->def->os.type));

    virDomainObjEndAPI(&vm);
    return ret;
}


char *
vmanDomainGetXMLDesc(virDomainPtr dom,
                     unsigned int flags)
{
    virVMANDriver *driver = dom->conn->privateData;
    virDomainDef *def;
    virDomainObj *vm;
    char *ret = NULL;

    virCheckFlags(VIR_DOMAIN_XML_COMMON_FLAGS, NULL);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return NULL;

    if (virDomainGetXMLDescEnsureACL(dom->conn, vm->def, flags) < 0)
        goto cleanup;

    def = (flags & VIR_DOMAIN_XML_INACTIVE) && vm->newDef ? vm->newDef : vm->def;
    ret = virVMANXMLFormat(driver, def,
                           virDomainDefFormatConvertXMLFlags(flags));

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetInfo(virDomainPtr dom,
                  virDomainInfoPtr info)
{
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetInfoEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    info->state = virVMANStatsGetState(vm, NULL);
    info->maxMem = virDomainDefGetMemoryTotal(vm->def);
    info->memory = vm->def->mem.cur_balloon;
    info->nrVirtCpu = virDomainDefGetVcpus(vm->def);
    info->cpuTime = virVMANStatsGetCPUTime(vm);
    ret = 0;

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetState(virDomainPtr dom,
                   int *state,
                   int *reason,
                   unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetStateEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    *state = virVMANStatsGetState(vm, reason);
    ret = 0;

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetControlInfo(virDomainPtr dom,
                         virDomainControlInfoPtr info,
                         unsigned int flags)
{
    virVMANDriver *driver = dom->conn->privateData;
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetControlInfoEnsureACL(dom->conn, vm->def) < 0 ||
        virDomainObjCheckActive(vm) < 0)
        goto cleanup;

    memset(info, 0, sizeof(*info));
    if (!virVMANEventsAreLive(driver->events)) {
        info->state = VIR_DOMAIN_CONTROL_ERROR;
        info->details = VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR;
    } else if (vm->job->active != VIR_JOB_NONE) {
        info->state = VIR_DOMAIN_CONTROL_OCCUPIED;
    } else {
        info->state = VIR_DOMAIN_CONTROL_OK;
    }
    ret = 0;

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


unsigned long long
vmanDomainGetMaxMemory(virDomainPtr dom)
{
    virDomainObj *vm;
    unsigned long long ret = 0;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return 0;

    if (virDomainGetMaxMemoryEnsureACL(dom->conn, vm->def) == 0)
        ret = virDomainDefGetMemoryTotal(vm->def);

    virDomainObjEndAPI(&vm);
    return ret;
}


/* All of a partition's memory is its own; what is used of it is not to be
 * seen from outside. */
int
vmanDomainMemoryStats(virDomainPtr dom,
                      virDomainMemoryStatPtr stats,
                      unsigned int nr_stats,
                      unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainMemoryStatsEnsureACL(dom->conn, vm->def) < 0 ||
        virDomainObjCheckActive(vm) < 0)
        goto cleanup;

    ret = 0;
    if (ret < nr_stats) {
        stats[ret].tag = VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON;
        stats[ret++].val = vm->def->mem.cur_balloon;
    }
    if (ret < nr_stats) {
        stats[ret].tag = VIR_DOMAIN_MEMORY_STAT_RSS;
        stats[ret++].val = virDomainDefGetMemoryTotal(vm->def);
    }

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetCPUStats(virDomainPtr dom,
                      virTypedParameterPtr params,
                      unsigned int nparams,
                      int start_cpu,
                      unsigned int ncpus,
                      unsigned int flags)
{
    virVMANDriver *driver = dom->conn->privateData;
    virDomainObj *vm;
    vman_host host;
    int ret = -1;

    virCheckFlags(VIR_TYPED_PARAM_STRING_OKAY, -1);

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetCPUStatsEnsureACL(dom->conn, vm->def) < 0 ||
        virDomainObjCheckActive(vm) < 0)
        goto cleanup;

    ret = virVMANStatsGetCPU(vm, &host, params, nparams, start_cpu, ncpus);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetVcpus(virDomainPtr dom,
                   virVcpuInfoPtr info,
                   int maxinfo,
                   unsigned char *cpumaps,
                   int maplen)
{
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetVcpusEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    if (!virDomainObjIsActive(vm)) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       _("cannot retrieve vcpu information for inactive domain"));
        goto cleanup;
    }

    ret = virVMANStatsGetVcpus(vm, info, maxinfo, cpumaps, maplen);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetVcpusFlags(virDomainPtr dom,
                        unsigned int flags)
{
    virDomainDef *def;
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_AFFECT_LIVE |
                  VIR_DOMAIN_AFFECT_CONFIG |
                  VIR_DOMAIN_VCPU_MAXIMUM, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetVcpusFlagsEnsureACL(dom->conn, vm->def, flags) < 0)
        goto cleanup;

    if ((def = virDomainObjGetOneDef(vm, flags & ~VIR_DOMAIN_VCPU_MAXIMUM)))
        ret = (flags & VIR_DOMAIN_VCPU_MAXIMUM) ?
            virDomainDefGetVcpusMax(def) : virDomainDefGetVcpus(def);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetMaxVcpus(virDomainPtr dom)
{
    return vmanDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE |
                                        VIR_DOMAIN_VCPU_MAXIMUM);
}


/* Of a running domain: the physical core that is each vCPU. */
int
vmanDomainGetVcpuPinInfo(virDomainPtr dom,
                         int ncpumaps,
                         unsigned char *cpumaps,
                         int maplen,
                         unsigned int flags)
{
    virVMANDriver *driver = dom->conn->privateData;
    g_autoptr(virBitmap) all = NULL;
    virDomainDef *def;
    virDomainObj *vm;
    vman_host host;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_AFFECT_LIVE |
                  VIR_DOMAIN_AFFECT_CONFIG, -1);

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetVcpuPinInfoEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    if (!(def = virDomainObjGetOneDef(vm, flags)))
        goto cleanup;

    all = virBitmapNew(host.cores_total);
    virBitmapSetAll(all);
    ret = virDomainDefGetVcpuPinInfoHelper(def, maplen, ncpumaps, cpumaps,
                                           all, NULL);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


/* Which devices of the definition the partition does not have. */
int
vmanDomainGetMessages(virDomainPtr dom,
                      char ***msgs,
                      unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_MESSAGE_DEPRECATION |
                  VIR_DOMAIN_MESSAGE_TAINTING, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetMessagesEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    *msgs = virVMANDeviceListIgnored(flags ? NULL :
                                     vm->newDef ? vm->newDef : vm->def);
    ret = g_strv_length(*msgs);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}

/*
 * vman_driver.c: connections, lists and events of the vManager driver
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
#include "driver.h"
#include "viraccessapicheck.h"
#include "virclosecallbacks.h"
#include "virerror.h"
#include "virfile.h"
#include "virlog.h"
#include "virpidfile.h"
#include "virutil.h"
#include "vman_action.h"
#include "vman_capabilities.h"
#include "vman_domain.h"
#include "vman_driver.h"
#include "vman_driver_absent.h"
#include "vman_driver_console.h"
#include "vman_driver_define.h"
#include "vman_driver_lifecycle.h"
#include "vman_driver_lookup.h"
#include "vman_driver_node.h"
#include "vman_driver_query.h"
#include "vman_driver_settings.h"
#include "vman_event_stream.h"
#include "vman_file.h"
#include "vman_stats.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver");

static virVMANDriver *vman_driver;


static int
vmanStateCleanup(void)
{
    virVMANDriver *driver = g_steal_pointer(&vman_driver);

    if (!driver)
        return -1;

    g_clear_pointer(&driver->events, virVMANEventsFree);
    virThreadPoolFree(driver->workers);
    virObjectUnref(driver->domains);
    virObjectUnref(driver->xmlopt);
    virObjectUnref(driver->domainEventState);
    virObjectUnref(driver->board);
    virObjectUnref(driver->monitor);
    g_clear_pointer(&driver->partitions, g_hash_table_unref);
    g_clear_pointer(&driver->orphans, g_hash_table_unref);

    if (driver->lockFD != -1)
        virPidFileRelease(driver->config->stateDir, "driver", driver->lockFD);

    virObjectUnref(driver->config);
    virMutexDestroy(&driver->lock);
    g_free(driver);
    return 0;
}


static int
vmanStateInitializeObjects(virVMANDriver *driver)
{
    virVMANDriverConfig *cfg;

    if (!(driver->config = virVMANDriverConfigNew()))
        return -1;
    cfg = driver->config;

    if (virVMANDriverConfigMakeDirs(cfg) < 0 ||
        (driver->lockFD = virPidFileAcquire(cfg->stateDir, "driver", false,
                                            getpid())) < 0)
        return -1;

    driver->partitions = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    driver->orphans = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (!(driver->monitor = virVMANMonitorNew(cfg->vmandSocket,
                                              cfg->vmandTimeout)) ||
        !(driver->board = virVMANBoardNew()) ||
        !(driver->domains = virDomainObjListNew()) ||
        !(driver->domainEventState = virObjectEventStateNew()) ||
        !(driver->xmlopt = virVMANDomainXMLOptionNew(driver)))
        return -1;

    return virVMANActionInit(driver);
}


static virDrvStateInitResult
vmanStateInitialize(bool privileged,
                    const char *root,
                    bool monolithic G_GNUC_UNUSED,
                    virStateInhibitCallback callback,
                    void *opaque)
{
    if (root != NULL) {
        virReportError(VIR_ERR_INVALID_ARG, "%s",
                       _("Driver does not support embedded mode"));
        return VIR_DRV_STATE_INIT_ERROR;
    }

    if (!privileged) {
        VIR_INFO("Not running privileged, disabling driver");
        return VIR_DRV_STATE_INIT_SKIPPED;
    }

    vman_driver = g_new0(virVMANDriver, 1);
    vman_driver->lockFD = -1;
    vman_driver->inhibitCallback = callback;
    vman_driver->inhibitOpaque = opaque;

    if (virMutexInit(&vman_driver->lock) < 0) {
        g_clear_pointer(&vman_driver, g_free);
        return VIR_DRV_STATE_INIT_ERROR;
    }

    /* vmand need not be there yet: it is looked for from now on. */
    if (vmanStateInitializeObjects(vman_driver) < 0 ||
        virVMANFileLoadAll(vman_driver) < 0 ||
        !(vman_driver->events = virVMANEventsNew(vman_driver))) {
        vmanStateCleanup();
        return VIR_DRV_STATE_INIT_ERROR;
    }

    return VIR_DRV_STATE_INIT_COMPLETE;
}


static int
vmanConnectURIProbe(char **uri)
{
    if (!vman_driver)
        return 0;

    *uri = g_strdup("vman:///system");
    return 1;
}


static virDrvOpenStatus
vmanConnectOpen(virConnectPtr conn,
                virConnectAuthPtr auth G_GNUC_UNUSED,
                virConf *conf G_GNUC_UNUSED,
                unsigned int flags)
{
    virCheckFlags(VIR_CONNECT_RO, VIR_DRV_OPEN_ERROR);

    if (STRNEQ(conn->uri->path, "/system")) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       _("unexpected vManager URI path '%s', try vman:///system"),
                       conn->uri->path);
        return VIR_DRV_OPEN_ERROR;
    }

    if (!vman_driver) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       _("vman state driver is not active"));
        return VIR_DRV_OPEN_ERROR;
    }

    if (virConnectOpenEnsureACL(conn) < 0)
        return VIR_DRV_OPEN_ERROR;

    conn->privateData = vman_driver;
    return VIR_DRV_OPEN_SUCCESS;
}


static int
vmanConnectClose(virConnectPtr conn)
{
    virVMANDriver *driver = conn->privateData;

    virCloseCallbacksDomainRunForConn(driver->domains, conn);
    conn->privateData = NULL;
    return 0;
}


static const char *
vmanConnectGetType(virConnectPtr conn)
{
    if (virConnectGetTypeEnsureACL(conn) < 0)
        return NULL;

    return "VMAN";
}


/* Tools compare this with versions of libvirt's other hypervisors: the driver
 * has that of the libvirt that it was built from. */
static int
vmanConnectGetVersion(virConnectPtr conn,
                      unsigned long *version)
{
    if (virConnectGetVersionEnsureACL(conn) < 0)
        return -1;

    *version = LIBVIR_VERSION_NUMBER;
    return 0;
}


static char *
vmanConnectGetHostname(virConnectPtr conn)
{
    if (virConnectGetHostnameEnsureACL(conn) < 0)
        return NULL;

    return virGetHostname();
}


static int
vmanConnectIsEncrypted(virConnectPtr conn G_GNUC_UNUSED)
{
    /* The remote driver takes care of that. */
    return 0;
}


static int
vmanConnectIsSecure(virConnectPtr conn G_GNUC_UNUSED)
{
    /* Always inside the daemon. */
    return 1;
}


static int
vmanConnectIsAlive(virConnectPtr conn G_GNUC_UNUSED)
{
    return 1;
}


static int
vmanConnectSupportsFeature(virConnectPtr conn,
                           int feature)
{
    int supported;

    if (virConnectSupportsFeatureEnsureACL(conn) < 0)
        return -1;

    if (virDriverFeatureIsGlobal(feature, &supported))
        return supported;

    return 0;
}


static char *
vmanConnectGetCapabilities(virConnectPtr conn)
{
    if (virConnectGetCapabilitiesEnsureACL(conn) < 0)
        return NULL;

    return virVMANCapabilitiesFormat(conn->privateData);
}


static char *
vmanConnectGetDomainCapabilities(virConnectPtr conn,
                                 const char *emulatorbin,
                                 const char *arch,
                                 const char *machine,
                                 const char *virttype,
                                 unsigned int flags)
{
    virCheckFlags(0, NULL);

    if (virConnectGetDomainCapabilitiesEnsureACL(conn) < 0)
        return NULL;

    return virVMANDomainCapsFormat(conn->privateData, emulatorbin, arch,
                                   machine, virttype);
}


static int
vmanConnectGetMaxVcpus(virConnectPtr conn,
                       const char *type)
{
    if (virConnectGetMaxVcpusEnsureACL(conn) < 0)
        return -1;

    if (type && STRCASENEQ(type, "vman")) {
        virReportError(VIR_ERR_INVALID_ARG, _("unknown type '%s'"), type);
        return -1;
    }

    return virVMANCapabilitiesGetMaxVcpus(conn->privateData);
}


static int
vmanConnectNumOfDomains(virConnectPtr conn)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectNumOfDomainsEnsureACL(conn) < 0)
        return -1;

    return virDomainObjListNumOfDomains(driver->domains, true,
                                        virConnectNumOfDomainsCheckACL, conn);
}


static int
vmanConnectNumOfDefinedDomains(virConnectPtr conn)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectNumOfDefinedDomainsEnsureACL(conn) < 0)
        return -1;

    return virDomainObjListNumOfDomains(driver->domains, false,
                                        virConnectNumOfDefinedDomainsCheckACL,
                                        conn);
}


static int
vmanConnectListDomains(virConnectPtr conn,
                       int *ids,
                       int maxids)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectListDomainsEnsureACL(conn) < 0)
        return -1;

    return virDomainObjListGetActiveIDs(driver->domains, ids, maxids,
                                        virConnectListDomainsCheckACL, conn);
}


static int
vmanConnectListDefinedDomains(virConnectPtr conn,
                              char **const names,
                              int maxnames)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectListDefinedDomainsEnsureACL(conn) < 0)
        return -1;

    memset(names, 0, sizeof(*names) * maxnames);
    return virDomainObjListGetInactiveNames(driver->domains, names, maxnames,
                                            virConnectListDefinedDomainsCheckACL,
                                            conn);
}


static int
vmanConnectListAllDomains(virConnectPtr conn,
                          virDomainPtr **domains,
                          unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;

    virCheckFlags(VIR_CONNECT_LIST_DOMAINS_FILTERS_ALL, -1);

    if (virConnectListAllDomainsEnsureACL(conn) < 0)
        return -1;

    return virDomainObjListExport(driver->domains, conn, domains,
                                  virConnectListAllDomainsCheckACL, flags);
}


static int
vmanConnectGetAllDomainStats(virConnectPtr conn,
                             virDomainPtr *doms,
                             unsigned int ndoms,
                             unsigned int stats,
                             virDomainStatsRecordPtr **retStats,
                             unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;
    unsigned int lflags = flags & (VIR_CONNECT_LIST_DOMAINS_FILTERS_ACTIVE |
                                   VIR_CONNECT_LIST_DOMAINS_FILTERS_PERSISTENT |
                                   VIR_CONNECT_LIST_DOMAINS_FILTERS_STATE);
    bool enforce = flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS;
    virDomainObj **vms = NULL;
    size_t nvms = 0;
    int ret;

    virCheckFlags(VIR_CONNECT_LIST_DOMAINS_FILTERS_ACTIVE |
                  VIR_CONNECT_LIST_DOMAINS_FILTERS_PERSISTENT |
                  VIR_CONNECT_LIST_DOMAINS_FILTERS_STATE |
                  VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT |
                  VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING |
                  VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS, -1);

    if (virConnectGetAllDomainStatsEnsureACL(conn) < 0)
        return -1;

    if (virVMANStatsCheckGroups(&stats, enforce) < 0)
        return -1;

    if (ndoms) {
        if (virDomainObjListConvert(driver->domains, conn, doms, ndoms, &vms,
                                    &nvms, virConnectGetAllDomainStatsCheckACL,
                                    lflags, true) < 0)
            return -1;
    } else {
        virDomainObjListCollect(driver->domains, conn, &vms, &nvms,
                                virConnectGetAllDomainStatsCheckACL, lflags);
    }

    ret = virVMANStatsGetAll(conn, vms, nvms, stats, retStats);
    virObjectListFreeCount(vms, nvms);
    return ret;
}


static int
vmanConnectDomainEventRegister(virConnectPtr conn,
                               virConnectDomainEventCallback callback,
                               void *opaque,
                               virFreeCallback freecb)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectDomainEventRegisterEnsureACL(conn) < 0)
        return -1;

    return virDomainEventStateRegister(conn, driver->domainEventState,
                                       callback, opaque, freecb);
}


static int
vmanConnectDomainEventDeregister(virConnectPtr conn,
                                 virConnectDomainEventCallback callback)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectDomainEventDeregisterEnsureACL(conn) < 0)
        return -1;

    return virDomainEventStateDeregister(conn, driver->domainEventState,
                                         callback);
}


static int
vmanConnectDomainEventRegisterAny(virConnectPtr conn,
                                  virDomainPtr dom,
                                  int eventID,
                                  virConnectDomainEventGenericCallback callback,
                                  void *opaque,
                                  virFreeCallback freecb)
{
    virVMANDriver *driver = conn->privateData;
    int ret = -1;

    if (virConnectDomainEventRegisterAnyEnsureACL(conn) < 0)
        return -1;

    if (virDomainEventStateRegisterID(conn, driver->domainEventState, dom,
                                      eventID, callback, opaque, freecb,
                                      &ret) < 0)
        return -1;

    return ret;
}


static int
vmanConnectDomainEventDeregisterAny(virConnectPtr conn,
                                    int callbackID)
{
    virVMANDriver *driver = conn->privateData;

    if (virConnectDomainEventDeregisterAnyEnsureACL(conn) < 0)
        return -1;

    return virObjectEventStateDeregisterID(conn, driver->domainEventState,
                                           callbackID, true);
}


static virHypervisorDriver vmanHypervisorDriver = {
    .name = "VMAN",
    .connectURIProbe = vmanConnectURIProbe, /* 9.0.0 */
    .connectOpen = vmanConnectOpen, /* 9.0.0 */
    .connectClose = vmanConnectClose, /* 9.0.0 */
    .connectSupportsFeature = vmanConnectSupportsFeature, /* 9.0.0 */
    .connectGetType = vmanConnectGetType, /* 9.0.0 */
    .connectGetVersion = vmanConnectGetVersion, /* 9.0.0 */
    .connectGetHostname = vmanConnectGetHostname, /* 9.0.0 */
    .connectGetMaxVcpus = vmanConnectGetMaxVcpus, /* 9.0.0 */
    .connectGetCapabilities = vmanConnectGetCapabilities, /* 9.0.0 */
    .connectGetDomainCapabilities = vmanConnectGetDomainCapabilities, /* 9.0.0 */
    .connectIsEncrypted = vmanConnectIsEncrypted, /* 9.0.0 */
    .connectIsSecure = vmanConnectIsSecure, /* 9.0.0 */
    .connectIsAlive = vmanConnectIsAlive, /* 9.0.0 */
    .connectListDomains = vmanConnectListDomains, /* 9.0.0 */
    .connectNumOfDomains = vmanConnectNumOfDomains, /* 9.0.0 */
    .connectListAllDomains = vmanConnectListAllDomains, /* 9.0.0 */
    .connectListDefinedDomains = vmanConnectListDefinedDomains, /* 9.0.0 */
    .connectNumOfDefinedDomains = vmanConnectNumOfDefinedDomains, /* 9.0.0 */
    .connectGetAllDomainStats = vmanConnectGetAllDomainStats, /* 9.0.0 */
    .connectDomainEventRegister = vmanConnectDomainEventRegister, /* 9.0.0 */
    .connectDomainEventDeregister = vmanConnectDomainEventDeregister, /* 9.0.0 */
    .connectDomainEventRegisterAny = vmanConnectDomainEventRegisterAny, /* 9.0.0 */
    .connectDomainEventDeregisterAny = vmanConnectDomainEventDeregisterAny, /* 9.0.0 */
    .nodeGetInfo = vmanNodeGetInfo, /* 9.0.0 */
    .nodeGetCPUStats = vmanNodeGetCPUStats, /* 9.0.0 */
    .nodeGetMemoryStats = vmanNodeGetMemoryStats, /* 9.0.0 */
    .nodeGetCellsFreeMemory = vmanNodeGetCellsFreeMemory, /* 9.0.0 */
    .nodeGetFreeMemory = vmanNodeGetFreeMemory, /* 9.0.0 */
    .nodeGetCPUMap = vmanNodeGetCPUMap, /* 9.0.0 */
    .nodeGetSecurityModel = vmanNodeGetSecurityModel, /* 9.0.0 */
    .domainDefineXML = vmanDomainDefineXML, /* 9.0.0 */
    .domainDefineXMLFlags = vmanDomainDefineXMLFlags, /* 9.0.0 */
    .domainUndefine = vmanDomainUndefine, /* 9.0.0 */
    .domainUndefineFlags = vmanDomainUndefineFlags, /* 9.0.0 */
    .domainCreateXML = vmanDomainCreateXML, /* 9.0.0 */
    .domainCreate = vmanDomainCreate, /* 9.0.0 */
    .domainCreateWithFlags = vmanDomainCreateWithFlags, /* 9.0.0 */
    .domainShutdown = vmanDomainShutdown, /* 9.0.0 */
    .domainShutdownFlags = vmanDomainShutdownFlags, /* 9.0.0 */
    .domainReboot = vmanDomainReboot, /* 9.0.0 */
    .domainReset = vmanDomainReset, /* 9.0.0 */
    .domainSuspend = vmanDomainSuspend, /* 9.0.0 */
    .domainResume = vmanDomainResume, /* 9.0.0 */
    .domainDestroy = vmanDomainDestroy, /* 9.0.0 */
    .domainDestroyFlags = vmanDomainDestroyFlags, /* 9.0.0 */
    .domainSave = vmanDomainSave, /* 9.0.0 */
    .domainSaveFlags = vmanDomainSaveFlags, /* 9.0.0 */
    .domainManagedSave = vmanDomainManagedSave, /* 9.0.0 */
    .domainHasManagedSaveImage = vmanDomainHasManagedSaveImage, /* 9.0.0 */
    .domainManagedSaveRemove = vmanDomainManagedSaveRemove, /* 9.0.0 */
    .domainOpenConsole = vmanDomainOpenConsole, /* 9.0.0 */
    .domainLookupByID = vmanDomainLookupByID, /* 9.0.0 */
    .domainLookupByUUID = vmanDomainLookupByUUID, /* 9.0.0 */
    .domainLookupByName = vmanDomainLookupByName, /* 9.0.0 */
    .domainGetOSType = vmanDomainGetOSType, /* 9.0.0 */
    .domainGetXMLDesc = vmanDomainGetXMLDesc, /* 9.0.0 */
    .domainGetInfo = vmanDomainGetInfo, /* 9.0.0 */
    .domainGetState = vmanDomainGetState, /* 9.0.0 */
    .domainGetControlInfo = vmanDomainGetControlInfo, /* 9.0.0 */
    .domainGetMaxMemory = vmanDomainGetMaxMemory, /* 9.0.0 */
    .domainMemoryStats = vmanDomainMemoryStats, /* 9.0.0 */
    .domainGetCPUStats = vmanDomainGetCPUStats, /* 9.0.0 */
    .domainGetVcpus = vmanDomainGetVcpus, /* 9.0.0 */
    .domainGetVcpusFlags = vmanDomainGetVcpusFlags, /* 9.0.0 */
    .domainGetMaxVcpus = vmanDomainGetMaxVcpus, /* 9.0.0 */
    .domainGetVcpuPinInfo = vmanDomainGetVcpuPinInfo, /* 9.0.0 */
    .domainGetJobInfo = vmanDomainGetJobInfo, /* 9.0.0 */
    .domainGetJobStats = vmanDomainGetJobStats, /* 9.0.0 */
    .domainSnapshotNum = vmanDomainSnapshotNum, /* 9.0.0 */
    .domainListAllSnapshots = vmanDomainListAllSnapshots, /* 9.0.0 */
    .domainIsActive = vmanDomainIsActive, /* 9.0.0 */
    .domainIsPersistent = vmanDomainIsPersistent, /* 9.0.0 */
    .domainIsUpdated = vmanDomainIsUpdated, /* 9.0.0 */
    .domainGetMessages = vmanDomainGetMessages, /* 9.0.0 */
    .domainGetAutostart = vmanDomainGetAutostart, /* 9.0.0 */
    .domainSetAutostart = vmanDomainSetAutostart, /* 9.0.0 */
    .domainSetMetadata = vmanDomainSetMetadata, /* 9.0.0 */
    .domainGetMetadata = vmanDomainGetMetadata, /* 9.0.0 */
};

static virConnectDriver vmanConnectDriver = {
    .localOnly = true,
    .uriSchemes = (const char *[]) { "vman", NULL },
    .hypervisorDriver = &vmanHypervisorDriver,
};

static virStateDriver vmanStateDriver = {
    .name = "VMAN",
    .stateInitialize = vmanStateInitialize,
    .stateCleanup = vmanStateCleanup,
};


int
vmanRegister(void)
{
    if (virRegisterConnectDriver(&vmanConnectDriver, true) < 0 ||
        virRegisterStateDriver(&vmanStateDriver) < 0)
        return -1;

    return 0;
}

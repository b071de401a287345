/*
 * vman_reserve.c: the partition that is reserved for a domain
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

#include "virerror.h"
#include "virlog.h"
#include "viruuid.h"
#include "vman_domain.h"
#include "vman_reserve.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_reserve");

/* Finds the partition of a name or UUID among all that vmand knows. */
static int
virVMANReserveFind(virVMANDriver *driver,
                   const char *nameOrUUID,
                   vman_partition *partition)
{
    g_autoptr(vman_partitions) partitions = NULL;
    size_t i;

    if (virVMANMonitorQueryPartitions(driver->monitor, &partitions) < 0)
        return -1;

    for (i = 0; i < vman_partitions_count(partitions); i++) {
        partition->size = sizeof(*partition);
        if (vman_partitions_get(partitions, i, partition, NULL) == VMAN_STATUS_OK &&
            (STREQ(partition->name, nameOrUUID) ||
             STREQ(partition->uuid, nameOrUUID)))
            return 1;
    }

    return 0;
}


/* The partition whose cores are shared; the domain is unlocked meanwhile. */
static int
virVMANReserveFindShared(virVMANDriver *driver,
                         virDomainObj *vm,
                         const char *sharedWith,
                         unsigned int *id)
{
    vman_partition partition = { 0 };
    int found;

    virVMANDomainEnterMonitor(vm);
    found = virVMANReserveFind(driver, sharedWith, &partition);
    virVMANDomainExitMonitor(vm);

    if (found < 0)
        return -1;

    if (found == 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("there is no partition '%s' whose cores could be shared"),
                       sharedWith);
        return -1;
    }

    *id = partition.id;
    return 0;
}


static bool
virVMANReserveFits(const vman_partition *grant,
                   const virVMANPartitionRequest *request)
{
    return grant->core_count == request->cores &&
           grant->memory_mib == request->memory_mib &&
           !!grant->secure == request->secure &&
           grant->shared_with == request->shared_with;
}


/* A partition of this UUID may be there, or come yet, without a domain. */
static void
virVMANReserveLeaveOrphan(virVMANDriver *driver,
                          const char *uuid)
{
    VIR_LOCK_GUARD lock = virLockGuardLock(&driver->lock);

    g_hash_table_add(driver->orphans, g_strdup(uuid));
}


/* Another hand, or a daemon that was killed before it could write down what it
 * did, has made the partition of this UUID already. */
static bool
virVMANReserveAdopt(virVMANDriver *driver,
                    const virVMANPartitionRequest *request,
                    vman_partition *grant)
{
    virErrorPtr error;
    bool adopted;

    if (virGetLastErrorCode() == VIR_ERR_OPERATION_TIMEOUT ||
        virGetLastErrorCode() == VIR_ERR_NO_CONNECT) {
        virVMANReserveLeaveOrphan(driver, request->uuid);
        return false;
    }

    virErrorPreserveLast(&error);
    adopted = virVMANReserveFind(driver, request->uuid, grant) == 1 &&
        grant->state == VMAN_STATE_READY &&
        virVMANReserveFits(grant, request);

    if (adopted) {
        virFreeError(error);
        virResetLastError();
    } else {
        virErrorRestore(&error);
    }

    return adopted;
}


/* create-partition; the domain is unlocked meanwhile. */
static int
virVMANReserveCreate(virVMANDriver *driver,
                     virDomainObj *vm,
                     const virVMANPartitionRequest *request)
{
    vman_partition grant = { 0 };
    int rc;

    virVMANDomainEnterMonitor(vm);
    rc = virVMANMonitorCreatePartition(driver->monitor, request, &grant.id);
    if (rc < 0 && virVMANReserveAdopt(driver, request, &grant))
        rc = 0;
    virVMANDomainExitMonitor(vm);

    if (rc < 0)
        return -1;

    grant.core_count = request->cores;
    grant.memory_mib = request->memory_mib;
    grant.secure = request->secure;
    grant.shared_with = request->shared_with;
    grant.state = VMAN_STATE_READY;
    virVMANDomainSetPartition(vm, &grant);
    return 0;
}


/* The old partition must go first, as cores and memory may be short; it is made
 * again if the new one is not to be had. */
static int
virVMANReserveReplace(virVMANDriver *driver,
                      virDomainObj *vm,
                      const virVMANPartitionRequest *request)
{
    vman_partition old = VIR_VMAN_DOMAIN_PRIVATE(vm)->grant;
    virVMANPartitionRequest back = {
        .name = request->name,
        .uuid = request->uuid,
        .cores = old.core_count,
        .memory_mib = old.memory_mib,
        .secure = old.secure,
        .shared_with = old.shared_with,
    };
    virErrorPtr error;

    if (virVMANReserveRelease(driver, vm) < 0)
        return -1;

    if (virVMANReserveCreate(driver, vm, request) == 0)
        return 0;

    virErrorPreserveLast(&error);
    if (virVMANReserveCreate(driver, vm, &back) < 0) {
        VIR_WARN("The old partition of domain '%s' is not to be had again: %s",
                 request->name, virGetLastErrorMessage());
    }
    virErrorRestore(&error);
    return -1;
}


/**
 * virVMANReserve:
 * @driver: the driver
 * @vm: an inactive domain
 *
 * Sees to it that the domain has the partition that its definition asks for.
 *
 * Returns 0, or -1 with an error reported; what it had is kept then.
 */
int
virVMANReserve(virVMANDriver *driver,
               virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    const virVMANNamespace *ns = virVMANDomainGetNamespace(vm->def);
    g_autofree char *name = g_strdup(vm->def->name);
    g_autofree char *sharedWith = g_strdup(ns->sharedWith);
    char uuid[VIR_UUID_STRING_BUFLEN];
    virVMANPartitionRequest request = {
        .name = name,
        .uuid = uuid,
        .cores = virDomainDefGetVcpusMax(vm->def),
        .memory_mib = virVMANBoardRoundMemory(driver->board,
                                              virDomainDefGetMemoryTotal(vm->def)),
        .secure = ns->secure,
    };

    virUUIDFormat(vm->def->uuid, uuid);

    if (sharedWith &&
        virVMANReserveFindShared(driver, vm, sharedWith,
                                 &request.shared_with) < 0)
        return -1;

    if (priv->partition == 0)
        return virVMANReserveCreate(driver, vm, &request);

    if (virVMANReserveFits(&priv->grant, &request))
        return 0;

    return virVMANReserveReplace(driver, vm, &request);
}


/* Which cores a new partition got is asked for once: they never change. */
int
virVMANReserveLearnCores(virVMANDriver *driver,
                         virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    static const uint64_t unknown[VMAN_CPU_WORDS];
    unsigned int id = priv->partition;
    vman_partition grant = { 0 };
    int rc;

    if (memcmp(priv->grant.cores, unknown, sizeof(unknown)) != 0)
        return 0;

    virVMANDomainEnterMonitor(vm);
    rc = virVMANMonitorQueryPartition(driver->monitor, id, &grant);
    virVMANDomainExitMonitor(vm);

    if (rc < 0)
        return -1;

    virVMANDomainSetPartition(vm, &grant);
    return 0;
}


/**
 * virVMANReserveRelease:
 * @driver: the driver
 * @vm: an inactive domain
 *
 * Gives its partition back, if it has one that still exists.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANReserveRelease(virVMANDriver *driver,
                      virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    vman_partition grant = priv->grant;
    int rc;

    if (priv->partition == 0)
        return 0;

    /* From here on the event of its end tells nothing new. */
    virVMANDomainSetPartition(vm, NULL);

    virVMANDomainEnterMonitor(vm);
    rc = virVMANMonitorDestroyPartition(driver->monitor, grant.id);
    virVMANDomainExitMonitor(vm);

    if (rc == 0)
        return 0;

    if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
        virResetLastError();
        return 0;
    }

    virVMANDomainSetPartition(vm, &grant);
    return -1;
}


/**
 * virVMANReserveForgetIfGone:
 * @driver: the driver
 * @vm: an inactive domain
 *
 * Somebody may have destroyed the partition a moment ago. The caller's error
 * is kept unless that is so.
 *
 * Returns whether the domain has no partition any more.
 */
bool
virVMANReserveForgetIfGone(virVMANDriver *driver,
                           virDomainObj *vm)
{
    unsigned int id = VIR_VMAN_DOMAIN_PRIVATE(vm)->partition;
    vman_partition partition = { 0 };
    virErrorPtr error;
    bool gone;

    virErrorPreserveLast(&error);

    virVMANDomainEnterMonitor(vm);
    gone = virVMANMonitorQueryPartition(driver->monitor, id, &partition) < 0 &&
        virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
    virVMANDomainExitMonitor(vm);

    if (!gone) {
        virErrorRestore(&error);
        return false;
    }

    virFreeError(error);
    virResetLastError();
    virVMANDomainSetPartition(vm, NULL);
    return true;
}


bool
virVMANReserveIsReleasedOnStop(virVMANDriver *driver,
                               virDomainObj *vm)
{
    return !vm->persistent ||
           driver->config->reserveOn == VIR_VMAN_RESERVE_ON_START;
}


/* A failure is logged only: the domain has stopped, which was asked for. */
void
virVMANReserveReleaseStopped(virVMANDriver *driver,
                             virDomainObj *vm)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (!virVMANReserveIsReleasedOnStop(driver, vm) ||
        virVMANReserveRelease(driver, vm) == 0)
        return;

    VIR_WARN("The partition of domain '%s' is still reserved: %s",
             vm->def->name, virGetLastErrorMessage());
    virResetLastError();

    /* A transient domain is gone whatever vmand says. */
    if (!vm->persistent) {
        virUUIDFormat(vm->def->uuid, uuid);
        virVMANReserveLeaveOrphan(driver, uuid);
    }
}


/**
 * virVMANReserveCollectOrphan:
 * @driver: the driver
 * @partition: one that vmand has
 *
 * Gives it back if it was left behind without a domain; the same UUID may have
 * been used again since.
 */
void
virVMANReserveCollectOrphan(virVMANDriver *driver,
                            const vman_partition *partition)
{
    unsigned char uuid[VIR_UUID_BUFLEN];
    virDomainObj *vm;
    bool left = false;

    VIR_WITH_MUTEX_LOCK_GUARD(&driver->lock) {
        left = g_hash_table_remove(driver->orphans, partition->uuid);
    }

    if (!left || virUUIDParse(partition->uuid, uuid) < 0)
        return;

    if ((vm = virDomainObjListFindByUUID(driver->domains, uuid))) {
        virDomainObjEndAPI(&vm);
        return;
    }

    VIR_INFO("Partition %u was left behind", partition->id);
    if ((partition->state != VMAN_STATE_READY &&
         virVMANMonitorShutdown(driver->monitor, partition->id) < 0) ||
        virVMANMonitorDestroyPartition(driver->monitor, partition->id) < 0)
        VIR_WARN("Partition %u, left behind without a domain, is still there: %s",
                 partition->id, virGetLastErrorMessage());
    virResetLastError();
}


/* Whether there is anything to be collected: a new partition is looked at then. */
bool
virVMANReserveHasOrphans(virVMANDriver *driver)
{
    VIR_LOCK_GUARD lock = virLockGuardLock(&driver->lock);

    return g_hash_table_size(driver->orphans) > 0;
}

/*
 * vman_domain.c: private data of a domain, and what its partition tells
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
#include "virclosecallbacks.h"
#include "virerror.h"
#include "virlog.h"
#include "virtime.h"
#include "viruuid.h"
#include "vman_device.h"
#include "vman_domain.h"
#include "vman_event.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_domain");

static void *
virVMANDomainObjPrivateAlloc(void *opaque)
{
    virVMANDomainObjPrivate *priv = g_new0(virVMANDomainObjPrivate, 1);

    priv->driver = opaque;
    return priv;
}


static void
virVMANDomainObjPrivateFree(void *data)
{
    virVMANDomainObjPrivate *priv = data;

    virVMANConsolesFree(priv->consoles);
    g_clear_pointer(&priv->events, g_array_unref);
    g_clear_pointer(&priv->expected, g_array_unref);
    g_free(priv);
}


static virDomainXMLPrivateDataCallbacks virVMANDriverPrivateDataCallbacks = {
    .alloc = virVMANDomainObjPrivateAlloc,
    .free = virVMANDomainObjPrivateFree,
};


static virDomainDefParserConfig virVMANDriverDomainDefParserConfig = {
    .devicesPostParseCallback = virVMANDeviceDefPostParse,
    .domainValidateCallback = virVMANDomainDefValidate,
    .deviceValidateCallback = virVMANDeviceDefValidate,
    /* Devices that are ignored anyway need not be understood. */
    .features = VIR_DOMAIN_DEF_FEATURE_USER_ALIAS |
                VIR_DOMAIN_DEF_FEATURE_FW_AUTOSELECT |
                VIR_DOMAIN_DEF_FEATURE_NET_MODEL_STRING,
};


virDomainXMLOption *
virVMANDomainXMLOptionNew(virVMANDriver *driver)
{
    virDomainXMLOption *xmlopt;

    virVMANDriverDomainDefParserConfig.priv = driver;
    virVMANDriverDomainDefParserConfig.defArch = virVMANBoardGetArch(driver->board);
    xmlopt = virDomainXMLOptionNew(&virVMANDriverDomainDefParserConfig,
                                   &virVMANDriverPrivateDataCallbacks,
                                   &virVMANDriverNamespace,
                                   NULL, NULL, NULL);
    virDomainXMLOptionSetCloseCallbackAlloc(xmlopt,
                                            virCloseCallbacksDomainAlloc);
    return xmlopt;
}


/**
 * virVMANDomainObjFromDomain:
 * @dom: what a client holds
 *
 * Returns the domain, locked and with a reference, to be given back with
 * virDomainObjEndAPI; NULL with an error reported if it is gone.
 */
virDomainObj *
virVMANDomainObjFromDomain(virDomainPtr dom)
{
    virVMANDriver *driver = dom->conn->privateData;
    char uuid[VIR_UUID_STRING_BUFLEN];
    virDomainObj *vm;

    if (!(vm = virDomainObjListFindByUUID(driver->domains, dom->uuid))) {
        virUUIDFormat(dom->uuid, uuid);
        virReportError(VIR_ERR_NO_DOMAIN,
                       _("no domain with matching uuid '%s' (%s)"),
                       uuid, dom->name);
    }

    return vm;
}


/**
 * virVMANDomainBeginJob:
 * @vm: the domain, locked
 * @job: kind of job
 *
 * The domain is the caller's to change until virVMANDomainEndJob: events about
 * its partition wait so long. Another job may have undefined it meanwhile.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainBeginJob(virDomainObj *vm,
                      virDomainJob job)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (virDomainObjBeginJob(vm, job) < 0)
        return -1;

    if (vm->removing) {
        virUUIDFormat(vm->def->uuid, uuid);
        virReportError(VIR_ERR_NO_DOMAIN,
                       _("no domain with matching uuid '%s' (%s)"),
                       uuid, vm->def->name);
        virDomainObjEndJob(vm);
        return -1;
    }

    virVMANDomainTakeJob(vm);
    return 0;
}


/* To be called with libvirt's job on the domain. */
void
virVMANDomainTakeJob(virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    priv->busy = true;
    priv->jobs++;
}


void
virVMANDomainEndJob(virDomainObj *vm)
{
    /* More may come while these are handled, so the order matters. */
    virVMANEventDrain(vm);
    VIR_VMAN_DOMAIN_PRIVATE(vm)->busy = false;
    virDomainObjEndJob(vm);
}


/* Queries and other domains go on while vmand works: its answer is waited for
 * without the lock. The job keeps other changes away. */
void
virVMANDomainEnterMonitor(virDomainObj *vm)
{
    virObjectUnlock(vm);
}


void
virVMANDomainExitMonitor(virDomainObj *vm)
{
    virObjectLock(vm);
}


/**
 * virVMANDomainSetPartition:
 * @vm: the domain, locked
 * @grant: its partition, NULL if it has none any more
 */
void
virVMANDomainSetPartition(virDomainObj *vm,
                          const vman_partition *grant)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    virVMANDriver *driver = priv->driver;
    unsigned char *uuid;
    VIR_LOCK_GUARD lock = virLockGuardLock(&driver->lock);

    if (priv->partition != 0)
        g_hash_table_remove(driver->partitions,
                            GUINT_TO_POINTER(priv->partition));

    priv->partition = grant ? grant->id : 0;
    if (!grant)
        return;

    priv->grant = *grant;
    uuid = g_new0(unsigned char, VIR_UUID_BUFLEN);
    memcpy(uuid, vm->def->uuid, VIR_UUID_BUFLEN);
    g_hash_table_insert(driver->partitions, GUINT_TO_POINTER(grant->id), uuid);
}


/* Returns as virVMANDomainObjFromDomain, without an error if there is none. */
virDomainObj *
virVMANDomainFindByPartition(virVMANDriver *driver,
                             unsigned int partition)
{
    unsigned char uuid[VIR_UUID_BUFLEN];
    const unsigned char *found = NULL;

    VIR_WITH_MUTEX_LOCK_GUARD(&driver->lock) {
        if ((found = g_hash_table_lookup(driver->partitions,
                                         GUINT_TO_POINTER(partition))))
            memcpy(uuid, found, VIR_UUID_BUFLEN);
    }

    return found ? virDomainObjListFindByUUID(driver->domains, uuid) : NULL;
}


static unsigned long long
virVMANDomainNow(void)
{
    return (unsigned long long) g_get_monotonic_time() * 1000;
}


void
virVMANDomainStartClock(virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    if (priv->since_ns == 0)
        priv->since_ns = virVMANDomainNow();
}


void
virVMANDomainStopClock(virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    priv->ran_ns = virVMANDomainGetRunTime(vm);
    priv->since_ns = 0;
}


/**
 * virVMANDomainGetRunTime:
 * @vm: the domain, locked
 *
 * Returns for how long its partition has run since it was started, in ns. Its
 * cores are its own: each of them gave it that much CPU time.
 */
unsigned long long
virVMANDomainGetRunTime(virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    if (priv->since_ns == 0)
        return priv->ran_ns;

    return priv->ran_ns + (virVMANDomainNow() - priv->since_ns);
}


const virVMANNamespace *
virVMANDomainGetNamespace(const virDomainDef *def)
{
    static const virVMANNamespace plain;

    return def->namespaceData ? def->namespaceData : &plain;
}

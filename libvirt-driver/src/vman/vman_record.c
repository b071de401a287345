/*
 * vman_record.c: what has happened to a domain, written down
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

#include "virclosecallbacks.h"
#include "virerror.h"
#include "virlog.h"
#include "vman_action.h"
#include "vman_device.h"
#include "vman_domain.h"
#include "vman_file.h"
#include "vman_record.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_record");

static void
virVMANRecordQueueLifecycle(virVMANDriver *driver,
                            virDomainObj *vm,
                            int event,
                            int detail)
{
    virObjectEventStateQueue(driver->domainEventState,
                             virDomainEventLifecycleNewFromObj(vm, event, detail));
}


static void
virVMANRecordSaveStatus(virVMANDriver *driver,
                        virDomainObj *vm)
{
    if (virVMANFileSaveStatus(driver, vm) < 0) {
        VIR_WARN("Failed to save the status of domain '%s': %s",
                 vm->def->name, virGetLastErrorMessage());
        virResetLastError();
    }
}


/* Counts active domains: while there are any, the daemon has no idle exit. */
void
virVMANRecordInhibit(virVMANDriver *driver,
                     int change)
{
    int before = g_atomic_int_add(&driver->nactive, change);

    if (!driver->inhibitCallback)
        return;

    if (before == 0)
        driver->inhibitCallback(true, driver->inhibitOpaque);
    else if (before + change == 0)
        driver->inhibitCallback(false, driver->inhibitOpaque);
}


/* What the partition really has goes into the live definition; the persistent
 * one stays as the user wrote it. */
int
virVMANRecordMakeLive(virVMANDriver *driver,
                      virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    virDomainDef *def;
    unsigned long long memory_kib = priv->grant.memory_mib * 1024;
    size_t core = 0;
    size_t i;

    if (virDomainObjSetDefTransient(driver->xmlopt, vm, NULL) < 0)
        return -1;

    def = vm->def;
    def->id = priv->partition;
    virDomainDefSetMemoryTotal(def, memory_kib);
    def->mem.cur_balloon = memory_kib;
    virVMANDeviceRemoveIgnored(def);

    for (i = 0; i < virDomainDefGetVcpusMax(def); i++) {
        virDomainVcpuDef *vcpu = virDomainDefGetVcpu(def, i);

        while (core < VMAN_CPU_WORDS * 64 &&
               !virVMANBoardHasCore(priv->grant.cores, core))
            core++;

        g_clear_pointer(&vcpu->cpumask, virBitmapFree);
        vcpu->cpumask = virBitmapNew(core + 1);
        ignore_value(virBitmapSetBit(vcpu->cpumask, core++));
    }

    return 0;
}


void
virVMANRecordStarted(virVMANDriver *driver,
                     virDomainObj *vm,
                     int reason)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    bool active = virDomainObjIsActive(vm);

    if (!active && virVMANRecordMakeLive(driver, vm) < 0) {
        VIR_WARN("Live definition of domain '%s' is not to be had: %s",
                 vm->def->name, virGetLastErrorMessage());
        vm->def->id = priv->partition;
    }

    priv->ran_ns = 0;
    priv->since_ns = 0;
    virVMANDomainStartClock(vm);
    virDomainObjSetState(vm, VIR_DOMAIN_RUNNING, reason);
    virVMANRecordInhibit(driver, 1);
    virVMANRecordSaveStatus(driver, vm);
    virVMANRecordQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_STARTED,
                                VIR_DOMAIN_EVENT_STARTED_BOOTED);
}


/**
 * virVMANRecordStopped:
 * @driver: the driver
 * @vm: an active domain, locked
 * @reason: virDomainShutoffReason
 * @detail: virDomainEventStoppedDetailType
 *
 * The partition does not run any more. A transient domain is gone with this;
 * giving its partition back is left to virVMANReserveRelease.
 */
void
virVMANRecordStopped(virVMANDriver *driver,
                     virDomainObj *vm,
                     int reason,
                     int detail)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    virCloseCallbacksDomainRemove(vm, NULL, virVMANActionAutoDestroy);
    virVMANConsolesClose(priv->consoles);
    virVMANDomainStopClock(vm);
    virVMANBoardAddBusy(driver->board, &priv->grant, priv->ran_ns);
    priv->ran_ns = 0;

    virDomainObjSetState(vm, VIR_DOMAIN_SHUTOFF, reason);
    virVMANRecordInhibit(driver, -1);
    virVMANFileDeleteStatus(driver, vm->def->name);

    vm->def->id = -1;
    virDomainObjRemoveTransientDef(vm);
    virVMANRecordQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_STOPPED, detail);

    if (!vm->persistent)
        virDomainObjListRemove(driver->domains, vm);
}


void
virVMANRecordSuspended(virVMANDriver *driver,
                       virDomainObj *vm)
{
    virVMANDomainStopClock(vm);
    virDomainObjSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
    virVMANRecordSaveStatus(driver, vm);
    virVMANRecordQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_SUSPENDED,
                                VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
}


void
virVMANRecordResumed(virVMANDriver *driver,
                     virDomainObj *vm)
{
    virVMANDomainStartClock(vm);
    virDomainObjSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
    virVMANRecordSaveStatus(driver, vm);
    virVMANRecordQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_RESUMED,
                                VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
}


void
virVMANRecordRebooted(virVMANDriver *driver,
                      virDomainObj *vm)
{
    virVMANDomainStartClock(vm);
    virDomainObjSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);
    virVMANRecordSaveStatus(driver, vm);
    virObjectEventStateQueue(driver->domainEventState,
                             virDomainEventRebootNewFromObj(vm));
}


void
virVMANRecordCrashed(virVMANDriver *driver,
                     virDomainObj *vm)
{
    virVMANDomainStopClock(vm);
    virDomainObjSetState(vm, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED);
    virVMANRecordSaveStatus(driver, vm);
    virVMANRecordQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_CRASHED,
                                VIR_DOMAIN_EVENT_CRASHED_PANICKED);
}

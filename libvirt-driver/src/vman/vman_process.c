/*
 * vman_process.c: what is done with a domain's partition
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
#include "vman_domain.h"
#include "vman_event.h"
#include "vman_process.h"
#include "vman_record.h"
#include "vman_reserve.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_process");

typedef int (*virVMANProcessCommand)(virVMANMonitor *mon,
                                     unsigned int id);

/* One command on the domain's partition, whose event tells nothing new. */
static int
virVMANProcessRun(virVMANDriver *driver,
                  virDomainObj *vm,
                  virVMANProcessCommand command,
                  vman_event_kind kind,
                  vman_state to)
{
    unsigned int id = VIR_VMAN_DOMAIN_PRIVATE(vm)->partition;
    int rc;

    virVMANEventExpect(vm, kind, to);

    virVMANDomainEnterMonitor(vm);
    rc = command(driver->monitor, id);
    virVMANDomainExitMonitor(vm);

    if (rc < 0)
        virVMANEventUnexpect(vm, kind, to);

    return rc;
}


static int
virVMANProcessDeploy(virVMANDriver *driver,
                     virDomainObj *vm)
{
    unsigned int id = VIR_VMAN_DOMAIN_PRIVATE(vm)->partition;
    g_autofree char *kernel = g_strdup(vm->def->os.kernel);
    g_autofree char *dtb = g_strdup(vm->def->os.dtb);
    g_autofree char *initrd = g_strdup(vm->def->os.initrd);
    g_autofree char *cmdline = g_strdup(vm->def->os.cmdline);
    int rc;

    virVMANEventExpect(vm, VMAN_EVENT_KIND_STATE, VMAN_STATE_DEPLOYED);

    virVMANDomainEnterMonitor(vm);
    rc = virVMANMonitorDeploy(driver->monitor, id, kernel, dtb, initrd, cmdline);
    virVMANDomainExitMonitor(vm);

    if (rc < 0)
        virVMANEventUnexpect(vm, VMAN_EVENT_KIND_STATE, VMAN_STATE_DEPLOYED);

    return rc;
}


/**
 * virVMANDomainDefineXML:
 * @driver: the driver
 * @vm: the domain with its new definition
 *
 * virsh define = create-partition, unless reserve_on says otherwise.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainDefineXML(virVMANDriver *driver,
                       virDomainObj *vm)
{
    if (driver->config->reserveOn != VIR_VMAN_RESERVE_ON_DEFINE ||
        virDomainObjIsActive(vm))
        return 0;

    return virVMANReserve(driver, vm);
}


/**
 * virVMANDomainUndefine:
 * @driver: the driver
 * @vm: an inactive domain
 *
 * virsh undefine = destroy-partition.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainUndefine(virVMANDriver *driver,
                      virDomainObj *vm)
{
    return virVMANReserveRelease(driver, vm);
}


static int
virVMANProcessCheckBootable(virDomainObj *vm)
{
    if (virDomainObjIsActive(vm)) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       _("domain is already running"));
        return -1;
    }

    if (!vm->def->os.kernel) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("domain '%s' has no <kernel>: a partition boots an arm64 kernel image"),
                       vm->def->name);
        return -1;
    }

    return 0;
}


/* Back to what it was before the start that has failed. */
static void
virVMANProcessAbortStart(virVMANDriver *driver,
                         virDomainObj *vm)
{
    virErrorPtr error;

    virErrorPreserveLast(&error);
    vm->def->id = -1;
    virDomainObjRemoveTransientDef(vm);
    virDomainObjSetState(vm, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED);
    virVMANReserveReleaseStopped(driver, vm);
    virErrorRestore(&error);
}


static int
virVMANProcessStart(virVMANDriver *driver,
                    virDomainObj *vm)
{
    if (virVMANReserve(driver, vm) < 0 ||
        virVMANReserveLearnCores(driver, vm) < 0 ||
        virVMANRecordMakeLive(driver, vm) < 0) {
        virVMANProcessAbortStart(driver, vm);
        return -1;
    }

    virDomainObjSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP);
    if (virVMANProcessDeploy(driver, vm) < 0) {
        virVMANProcessAbortStart(driver, vm);
        return -1;
    }

    virVMANRecordStarted(driver, vm, VIR_DOMAIN_RUNNING_BOOTED);
    return 0;
}


/* A partition that was kept since the domain was defined may be gone without
 * its event having come: then the domain gets a new one. */
static int
virVMANProcessStartOnKept(virVMANDriver *driver,
                          virDomainObj *vm)
{
    bool kept = VIR_VMAN_DOMAIN_PRIVATE(vm)->partition != 0;

    if (virVMANProcessStart(driver, vm) == 0)
        return 0;

    if (!kept || virGetLastErrorCode() != VIR_ERR_NO_DOMAIN ||
        !virVMANReserveForgetIfGone(driver, vm))
        return -1;

    return virVMANProcessStart(driver, vm);
}


/**
 * virVMANDomainCreate:
 * @driver: the driver
 * @vm: an inactive domain
 * @paused: whether its CPUs are held at once
 *
 * virsh start = deploy, after create-partition if it has none.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainCreate(virVMANDriver *driver,
                    virDomainObj *vm,
                    bool paused)
{
    if (virVMANProcessCheckBootable(vm) < 0 ||
        virVMANProcessStartOnKept(driver, vm) < 0)
        return -1;

    if (paused && virVMANDomainSuspend(driver, vm) < 0) {
        virErrorPtr error;

        virErrorPreserveLast(&error);
        virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_FAILED,
                             VIR_DOMAIN_EVENT_STOPPED_FAILED);
        virErrorRestore(&error);
        return -1;
    }

    return 0;
}


/**
 * virVMANDomainDestroy:
 * @driver: the driver
 * @vm: an active domain
 * @reason: virDomainShutoffReason
 * @detail: virDomainEventStoppedDetailType
 *
 * virsh destroy = shutdown, and destroy-partition for a transient domain.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainDestroy(virVMANDriver *driver,
                     virDomainObj *vm,
                     int reason,
                     int detail)
{
    if (virVMANProcessRun(driver, vm, virVMANMonitorShutdown,
                          VMAN_EVENT_KIND_STATE, VMAN_STATE_READY) < 0)
        return -1;

    virVMANRecordStopped(driver, vm, reason, detail);
    virVMANReserveReleaseStopped(driver, vm);
    return 0;
}


/* Loads it again and starts it, whatever its definition says. */
int
virVMANDomainRestart(virVMANDriver *driver,
                     virDomainObj *vm)
{
    if (virVMANProcessRun(driver, vm, virVMANMonitorReboot,
                          VMAN_EVENT_KIND_REBOOTED, VMAN_STATE_NONE) < 0)
        return -1;

    virVMANRecordRebooted(driver, vm);
    return 0;
}


/* A guest has turned itself off that is to be started again at once: for
 * libvirt the domain was active all the time. */
int
virVMANDomainStartAgain(virVMANDriver *driver,
                        virDomainObj *vm)
{
    if (virVMANProcessDeploy(driver, vm) < 0) {
        virVMANRecordStopped(driver, vm, VIR_DOMAIN_SHUTOFF_FAILED,
                             VIR_DOMAIN_EVENT_STOPPED_FAILED);
        virVMANReserveReleaseStopped(driver, vm);
        return -1;
    }

    virVMANRecordRebooted(driver, vm);
    return 0;
}


/**
 * virVMANDomainShutdown:
 * @driver: the driver
 * @vm: an active domain
 *
 * virsh shutdown = shutdown, then what <on_poweroff> says.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainShutdown(virVMANDriver *driver,
                      virDomainObj *vm)
{
    if (vm->def->onPoweroff == VIR_DOMAIN_LIFECYCLE_ACTION_RESTART)
        return virVMANDomainRestart(driver, vm);

    return virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_SHUTDOWN,
                                VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
}


/**
 * virVMANDomainReboot:
 * @driver: the driver
 * @vm: an active domain
 *
 * virsh reboot = reboot, or what <on_reboot> says instead.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANDomainReboot(virVMANDriver *driver,
                    virDomainObj *vm)
{
    if (vm->def->onReboot == VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY)
        return virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_SHUTDOWN,
                                    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);

    return virVMANDomainRestart(driver, vm);
}


/* virsh suspend = suspend */
int
virVMANDomainSuspend(virVMANDriver *driver,
                     virDomainObj *vm)
{
    if (virVMANProcessRun(driver, vm, virVMANMonitorSuspend,
                          VMAN_EVENT_KIND_STATE, VMAN_STATE_SUSPENDED) < 0)
        return -1;

    virVMANRecordSuspended(driver, vm);
    return 0;
}


/* virsh resume = restore */
int
virVMANDomainResume(virVMANDriver *driver,
                    virDomainObj *vm)
{
    if (virVMANProcessRun(driver, vm, virVMANMonitorRestore,
                          VMAN_EVENT_KIND_STATE, VMAN_STATE_DEPLOYED) < 0)
        return -1;

    virVMANRecordResumed(driver, vm);
    return 0;
}

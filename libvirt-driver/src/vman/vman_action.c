/*
 * vman_action.c: what a guest's own doings ask of the driver
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

#include "driver.h"
#include "virerror.h"
#include "virlog.h"
#include "vman_action.h"
#include "vman_domain.h"
#include "vman_process.h"
#include "vman_reserve.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_action");

#define VMAN_WORKERS_MAX 4

typedef struct _virVMANAction virVMANAction;
struct _virVMANAction {
    virVMANActionType type;
    virDomainObj *vm;
};


/* Meanwhile somebody may have started, stopped or undefined the domain: each
 * action looks whether its reason still stands. */
static int
virVMANActionRunLocked(virVMANDriver *driver,
                       virDomainObj *vm,
                       virVMANActionType type)
{
    virDomainState state = virDomainObjGetState(vm, NULL);

    switch (type) {
    case VIR_VMAN_ACTION_DESTROY:
        if (!virDomainObjIsActive(vm))
            return 0;
        return virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_DESTROYED,
                                    VIR_DOMAIN_EVENT_STOPPED_DESTROYED);

    case VIR_VMAN_ACTION_RELEASE:
        if (!virDomainObjIsActive(vm))
            virVMANReserveReleaseStopped(driver, vm);
        return 0;

    case VIR_VMAN_ACTION_START_AGAIN:
        if (state != VIR_DOMAIN_SHUTDOWN)
            return 0;
        return virVMANDomainStartAgain(driver, vm);

    case VIR_VMAN_ACTION_SHUTDOWN:
        if (state != VIR_DOMAIN_RUNNING)
            return 0;
        return virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_SHUTDOWN,
                                    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);

    case VIR_VMAN_ACTION_REBOOT:
        if (state != VIR_DOMAIN_CRASHED)
            return 0;
        return virVMANDomainRestart(driver, vm);

    case VIR_VMAN_ACTION_CRASH_DESTROY:
        if (state != VIR_DOMAIN_CRASHED)
            return 0;
        return virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_CRASHED,
                                    VIR_DOMAIN_EVENT_STOPPED_CRASHED);

    case VIR_VMAN_ACTION_RESERVE:
        return vm->persistent ? virVMANDomainDefineXML(driver, vm) : 0;

    case VIR_VMAN_ACTION_AUTOSTART:
        if (!vm->autostart || virDomainObjIsActive(vm))
            return 0;
        return virVMANDomainCreate(driver, vm, false);
    }

    return 0;
}


static void
virVMANActionRun(void *jobdata,
                 void *opaque)
{
    g_autofree virVMANAction *action = jobdata;
    virVMANDriver *driver = opaque;
    virDomainObj *vm = action->vm;

    virObjectLock(vm);
    VIR_DEBUG("action %d on domain '%s'", action->type, vm->def->name);
    if (vm->removing) {
        /* Nobody else reaches it any more: no job is to be had nor needed. */
        if (action->type == VIR_VMAN_ACTION_RELEASE)
            virVMANReserveReleaseStopped(driver, vm);
    } else if (virDomainObjBeginJob(vm, VIR_JOB_MODIFY) == 0) {
        virVMANDomainTakeJob(vm);
        if (virVMANActionRunLocked(driver, vm, action->type) < 0) {
            VIR_ERROR(_("Action %d on domain '%s' failed: %s"),
                      action->type, vm->def->name, virGetLastErrorMessage());
        }
        virVMANDomainEndJob(vm);
    }
    virResetLastError();
    virDomainObjEndAPI(&vm);
}


int
virVMANActionInit(virVMANDriver *driver)
{
    driver->workers = virThreadPoolNewFull(0, VMAN_WORKERS_MAX, 0,
                                           virVMANActionRun, "vman-action",
                                           NULL, driver);
    return driver->workers ? 0 : -1;
}


/**
 * virVMANActionQueue:
 * @driver: the driver
 * @vm: the domain, locked
 * @type: what is to be done
 */
void
virVMANActionQueue(virVMANDriver *driver,
                   virDomainObj *vm,
                   virVMANActionType type)
{
    virVMANAction *action;

    if (type == VIR_VMAN_ACTION_RELEASE &&
        !virVMANReserveIsReleasedOnStop(driver, vm))
        return;

    action = g_new0(virVMANAction, 1);
    action->type = type;
    action->vm = virObjectRef(vm);

    if (virThreadPoolSendJob(driver->workers, 0, action) < 0) {
        VIR_WARN("Action %d on domain '%s' is lost: %s",
                 type, vm->def->name, virGetLastErrorMessage());
        virObjectUnref(vm);
        g_free(action);
    }
}


/* Close callback: the connection that started the domain is gone. Its end is
 * seen by the daemon's main loop, which must not wait for the board. */
void
virVMANActionAutoDestroy(virDomainObj *vm,
                         virConnectPtr conn G_GNUC_UNUSED)
{
    virVMANActionQueue(VIR_VMAN_DOMAIN_PRIVATE(vm)->driver, vm,
                       VIR_VMAN_ACTION_DESTROY);
}


static int
virVMANActionReserveDomain(virDomainObj *vm,
                           void *opaque)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(vm);

    if (vm->persistent && !virDomainObjIsActive(vm) &&
        VIR_VMAN_DOMAIN_PRIVATE(vm)->partition == 0)
        virVMANActionQueue(opaque, vm, VIR_VMAN_ACTION_RESERVE);

    return 0;
}


/* A board that was turned off has forgotten what was reserved on it. */
void
virVMANActionReserve(virVMANDriver *driver)
{
    if (driver->config->reserveOn == VIR_VMAN_RESERVE_ON_DEFINE)
        virDomainObjListForEach(driver->domains, false,
                                virVMANActionReserveDomain, driver);
}


static int
virVMANActionAutostartDomain(virDomainObj *vm,
                             void *opaque)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(vm);

    if (vm->autostart && !virDomainObjIsActive(vm))
        virVMANActionQueue(opaque, vm, VIR_VMAN_ACTION_AUTOSTART);

    return 0;
}


/* Once in the life of the machine, when vmand is first there. */
void
virVMANActionAutostart(virVMANDriver *driver)
{
    bool autostart = false;

    if (virDriverShouldAutostart(driver->config->stateDir, &autostart) < 0) {
        VIR_WARN("No autostart: %s", virGetLastErrorMessage());
        virResetLastError();
        return;
    }

    if (autostart)
        virDomainObjListForEach(driver->domains, false,
                                virVMANActionAutostartDomain, driver);
}

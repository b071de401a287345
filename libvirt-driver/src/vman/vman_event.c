/*
 * vman_event.c: what an event of the board means for a domain
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
#include "vman_action.h"
#include "vman_domain.h"
#include "vman_event.h"
#include "vman_process.h"
#include "vman_record.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_event");

/* Whether a partition's state is what the domain shows already. */
static bool
virVMANEventIsKnown(virDomainObj *vm,
                    vman_state state)
{
    virDomainState shown = virDomainObjGetState(vm, NULL);

    /* A domain in shutdown waits for a worker to start it again. */
    if (!virDomainObjIsActive(vm) || shown == VIR_DOMAIN_SHUTDOWN)
        return state == VMAN_STATE_READY;

    if (shown == VIR_DOMAIN_PAUSED)
        return state == VMAN_STATE_SUSPENDED;

    return state == VMAN_STATE_DEPLOYED;
}


static void
virVMANEventOnReady(virVMANDriver *driver,
                    virDomainObj *vm,
                    vman_cause cause)
{
    if (cause == VMAN_CAUSE_GUEST &&
        vm->def->onPoweroff == VIR_DOMAIN_LIFECYCLE_ACTION_RESTART) {
        virDomainObjSetState(vm, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_USER);
        virVMANActionQueue(driver, vm, VIR_VMAN_ACTION_START_AGAIN);
        return;
    }

    virVMANRecordStopped(driver, vm,
                         VIR_DOMAIN_SHUTOFF_SHUTDOWN,
                         VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
    virVMANActionQueue(driver, vm, VIR_VMAN_ACTION_RELEASE);
}


static void
virVMANEventOnState(virVMANDriver *driver,
                    virDomainObj *vm,
                    vman_state to,
                    vman_cause cause)
{
    if (virVMANEventIsKnown(vm, to))
        return;

    switch (to) {
    case VMAN_STATE_READY:
        virVMANEventOnReady(driver, vm, cause);
        break;

    case VMAN_STATE_DEPLOYED:
        if (virDomainObjIsActive(vm))
            virVMANRecordResumed(driver, vm);
        else
            virVMANRecordStarted(driver, vm, VIR_DOMAIN_RUNNING_BOOTED);
        break;

    case VMAN_STATE_SUSPENDED:
        if (!virDomainObjIsActive(vm))
            virVMANRecordStarted(driver, vm, VIR_DOMAIN_RUNNING_BOOTED);
        virVMANRecordSuspended(driver, vm);
        break;

    case VMAN_STATE_NONE:
        break;
    }
}


static void
virVMANEventOnRebooted(virVMANDriver *driver,
                       virDomainObj *vm,
                       vman_cause cause)
{
    if (!virDomainObjIsActive(vm))
        return;

    virVMANRecordRebooted(driver, vm);
    if (cause == VMAN_CAUSE_GUEST &&
        vm->def->onReboot == VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY)
        virVMANActionQueue(driver, vm, VIR_VMAN_ACTION_SHUTDOWN);
}


static void
virVMANEventOnFaulted(virVMANDriver *driver,
                      virDomainObj *vm)
{
    if (!virDomainObjIsActive(vm) ||
        virDomainObjGetState(vm, NULL) == VIR_DOMAIN_CRASHED)
        return;

    virVMANRecordCrashed(driver, vm);

    if (vm->def->onCrash == VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY)
        virVMANActionQueue(driver, vm, VIR_VMAN_ACTION_CRASH_DESTROY);
    else if (vm->def->onCrash == VIR_DOMAIN_LIFECYCLE_ACTION_RESTART)
        virVMANActionQueue(driver, vm, VIR_VMAN_ACTION_REBOOT);
}


/* A partition that is gone takes its domain's run with it, not the domain. */
static void
virVMANEventOnVanished(virVMANDriver *driver,
                       virDomainObj *vm)
{
    virVMANDomainSetPartition(vm, NULL);

    if (virDomainObjIsActive(vm))
        virVMANRecordStopped(driver, vm, VIR_DOMAIN_SHUTOFF_FAILED,
                             VIR_DOMAIN_EVENT_STOPPED_FAILED);
}


/* vmand's word on a domain, NULL if its partition does not exist. */
static void
virVMANEventSync(virVMANDriver *driver,
                 virDomainObj *vm,
                 const vman_partition *partition)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    if (priv->expected)
        g_array_set_size(priv->expected, 0);

    if (!partition) {
        virVMANEventOnVanished(driver, vm);
        return;
    }

    virVMANDomainSetPartition(vm, partition);

    if (partition->condition == VMAN_CONDITION_FAULTED &&
        virDomainObjIsActive(vm)) {
        virVMANEventOnFaulted(driver, vm);
        return;
    }

    virVMANEventOnState(driver, vm, partition->state, VMAN_CAUSE_NONE);

    if (virDomainObjGetState(vm, NULL) == VIR_DOMAIN_RUNNING)
        virVMANDomainStartClock(vm);
}


/* Events of our own commands come once each and in their order. */
static bool
virVMANEventIsExpected(virVMANDomainObjPrivate *priv,
                       const vman_event *event)
{
    size_t i;

    if (!priv->expected || event->cause != VMAN_CAUSE_COMMAND)
        return false;

    for (i = 0; i < priv->expected->len; i++) {
        const virVMANExpected *expected = &g_array_index(priv->expected,
                                                         virVMANExpected, i);

        if (expected->kind == event->kind && expected->to == event->to) {
            g_array_remove_range(priv->expected, 0, i + 1);
            return true;
        }
    }

    return false;
}


/* @vm is locked and no job changes it, or the job's owner calls this. */
static void
virVMANEventHandle(virVMANDriver *driver,
                   virDomainObj *vm,
                   const vman_event *event)
{
    switch (event->kind) {
    case VMAN_EVENT_KIND_STATE:
        virVMANEventOnState(driver, vm, event->to, event->cause);
        break;

    case VMAN_EVENT_KIND_REBOOTED:
        virVMANEventOnRebooted(driver, vm, event->cause);
        break;

    case VMAN_EVENT_KIND_FAULTED:
        virVMANEventOnFaulted(driver, vm);
        break;

    case VMAN_EVENT_KIND_DESTROYED:
        if (event->id == VIR_VMAN_DOMAIN_PRIVATE(vm)->partition)
            virVMANEventOnVanished(driver, vm);
        break;

    case VMAN_EVENT_KIND_NONE:
    case VMAN_EVENT_KIND_CREATED:
    case VMAN_EVENT_KIND_LOST:
    case VMAN_EVENT_KIND_STOPPING:
        break;
    }
}


static void
virVMANEventDefer(virVMANDomainObjPrivate *priv,
                  const vman_event *event)
{
    if (!priv->events)
        priv->events = g_array_new(false, false, sizeof(vman_event));

    g_array_append_val(priv->events, *event);
}


/* What a command of ours did is unclear: vmand is asked at the job's end. */
static void
virVMANEventDeferSync(virVMANDomainObjPrivate *priv)
{
    vman_event sync = { .size = sizeof(sync), .kind = VMAN_EVENT_KIND_LOST };

    virVMANEventDefer(priv, &sync);
}


void
virVMANEventExpect(virDomainObj *vm,
                   vman_event_kind kind,
                   vman_state to)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    virVMANExpected expected = { .kind = kind, .to = to };

    if (!priv->expected)
        priv->expected = g_array_new(false, false, sizeof(virVMANExpected));

    g_array_append_val(priv->expected, expected);
}


/**
 * virVMANEventUnexpect:
 * @vm: the domain, locked, with a job
 * @kind: kind of the expected event
 * @to: state of the expected event
 *
 * The command has failed. If it takes effect nevertheless, late, its event will
 * tell. If an event like it was seen, then it was somebody else's, or ours took
 * effect before the answer was lost: only vmand knows.
 */
void
virVMANEventUnexpect(virDomainObj *vm,
                     vman_event_kind kind,
                     vman_state to)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    size_t i = priv->expected ? priv->expected->len : 0;

    while (i-- > 0) {
        const virVMANExpected *expected = &g_array_index(priv->expected,
                                                         virVMANExpected, i);

        if (expected->kind == kind && expected->to == to) {
            g_array_remove_index(priv->expected, i);
            return;
        }
    }

    virVMANEventDeferSync(priv);
}


/* Asks vmand about the domain's partition, which is unlocked meanwhile.
 *
 * Returns 1 with *@partition, 0 if it is gone, -1 if vmand does not say. */
static int
virVMANEventAsk(virVMANDriver *driver,
                virDomainObj *vm,
                vman_partition *partition)
{
    unsigned int id = VIR_VMAN_DOMAIN_PRIVATE(vm)->partition;
    int ret = 1;

    if (id == 0)
        return 0;

    virVMANDomainEnterMonitor(vm);
    if (virVMANMonitorQueryPartition(driver->monitor, id, partition) < 0)
        ret = virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? 0 : -1;
    virVMANDomainExitMonitor(vm);

    return ret;
}


/* At the end of a job, before anybody else may change the domain. */
static void
virVMANEventSyncInJob(virVMANDriver *driver,
                      virDomainObj *vm)
{
    vman_partition partition = { 0 };
    int known = virVMANEventAsk(driver, vm, &partition);

    if (known >= 0)
        virVMANEventSync(driver, vm, known ? &partition : NULL);
}


/* Without a job: an answer counts only if no job has begun since. */
static void
virVMANEventSyncIdle(virVMANDriver *driver,
                     virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    vman_partition partition = { 0 };
    unsigned int jobs;
    int known;

    do {
        jobs = priv->jobs;
        if ((known = virVMANEventAsk(driver, vm, &partition)) < 0 ||
            vm->removing)
            return;

        if (priv->busy) {
            virVMANEventDeferSync(priv);
            return;
        }
    } while (jobs != priv->jobs);

    virVMANEventSync(driver, vm, known ? &partition : NULL);
}


/**
 * virVMANEventDrain:
 * @vm: the domain, locked, at the end of a job
 *
 * Handles the events that came during the job.
 */
void
virVMANEventDrain(virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    virErrorPtr error;
    size_t i;

    if (!priv->events || priv->events->len == 0)
        return;

    virErrorPreserveLast(&error);
    for (i = 0; i < priv->events->len; i++) {
        vman_event event = g_array_index(priv->events, vman_event, i);

        if (event.kind == VMAN_EVENT_KIND_LOST)
            virVMANEventSyncInJob(priv->driver, vm);
        else
            virVMANEventHandle(priv->driver, vm, &event);
    }
    g_array_set_size(priv->events, 0);
    virErrorRestore(&error);
}


/**
 * virVMANEventTake:
 * @driver: the driver
 * @vm: the domain, locked
 * @event: an event about its partition
 */
void
virVMANEventTake(virVMANDriver *driver,
                 virDomainObj *vm,
                 const vman_event *event)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    if (virVMANEventIsExpected(priv, event))
        VIR_DEBUG("event of an own command");
    else if (priv->busy)
        virVMANEventDefer(priv, event);
    else
        virVMANEventHandle(driver, vm, event);
}


/**
 * virVMANEventTakeTruth:
 * @driver: the driver
 * @vm: the domain, locked
 * @partition: what vmand has told about it a while ago, NULL if it has no
 *             partition
 *
 * What agrees needs no further question; for the rest vmand is asked again,
 * as the domain may have changed since.
 */
void
virVMANEventTakeTruth(virVMANDriver *driver,
                      virDomainObj *vm,
                      const vman_partition *partition)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);

    if (priv->busy) {
        virVMANEventDeferSync(priv);
    } else if (partition && priv->partition == 0) {
        /* Found by its UUID, after a start of the driver. */
        virVMANDomainSetPartition(vm, partition);
        virVMANEventSyncIdle(driver, vm);
    } else if (partition && partition->id == priv->partition &&
               partition->condition == VMAN_CONDITION_RUNNING &&
               virVMANEventIsKnown(vm, partition->state)) {
        virVMANEventSync(driver, vm, partition);
    } else if (priv->partition != 0) {
        virVMANEventSyncIdle(driver, vm);
    }
}

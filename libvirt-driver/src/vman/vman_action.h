/*
 * vman_action.h: what a guest's own doings ask of the driver
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

#pragma once

#include "vman_conf.h"

/* Carried out by workers, since they need vmand and wait for jobs. */
typedef enum {
    VIR_VMAN_ACTION_DESTROY,        /* the connection of an autodestroy domain is gone */
    VIR_VMAN_ACTION_RELEASE,        /* the partition of a stopped domain */
    VIR_VMAN_ACTION_START_AGAIN,    /* <on_poweroff>restart */
    VIR_VMAN_ACTION_SHUTDOWN,       /* <on_reboot>destroy */
    VIR_VMAN_ACTION_REBOOT,         /* <on_crash>restart */
    VIR_VMAN_ACTION_CRASH_DESTROY,  /* <on_crash>destroy */
    VIR_VMAN_ACTION_RESERVE,        /* the partition of a defined domain, on a new board */
    VIR_VMAN_ACTION_AUTOSTART,
} virVMANActionType;

int
virVMANActionInit(virVMANDriver *driver);

void
virVMANActionQueue(virVMANDriver *driver,
                   virDomainObj *vm,
                   virVMANActionType type);

void
virVMANActionAutoDestroy(virDomainObj *vm,
                         virConnectPtr conn);

void
virVMANActionReserve(virVMANDriver *driver);

void
virVMANActionAutostart(virVMANDriver *driver);

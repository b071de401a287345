/*
 * vman_domain.h: private data of a domain, and what its partition tells
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
#include "vman_console.h"
#include "vman_namespace.h"

typedef struct _virVMANDomainObjPrivate virVMANDomainObjPrivate;
struct _virVMANDomainObjPrivate {
    virVMANDriver *driver;

    unsigned int partition;         /* its number, 0 while there is none */
    vman_partition grant;           /* cores and memory, if there is one */

    /* While an API call changes the domain, events about its partition wait
     * in @events; those that its own commands cause are told apart by
     * @expected (vman_event.c). */
    bool busy;
    unsigned int jobs;              /* how many there were */
    GArray *events;                 /* vman_event */
    GArray *expected;               /* virVMANExpected */

    /* Time that the partition has run since it was started, in ns. */
    unsigned long long ran_ns;
    unsigned long long since_ns;    /* of the monotonic clock, 0 if it is halted */

    virVMANConsoles *consoles;
};

#define VIR_VMAN_DOMAIN_PRIVATE(vm) \
    ((virVMANDomainObjPrivate *) (vm)->privateData)

virDomainXMLOption *
virVMANDomainXMLOptionNew(virVMANDriver *driver);

virDomainObj *
virVMANDomainObjFromDomain(virDomainPtr dom);

int
virVMANDomainBeginJob(virDomainObj *vm,
                      virDomainJob job);

void
virVMANDomainTakeJob(virDomainObj *vm);

void
virVMANDomainEndJob(virDomainObj *vm);

void
virVMANDomainEnterMonitor(virDomainObj *vm);

void
virVMANDomainExitMonitor(virDomainObj *vm);

void
virVMANDomainSetPartition(virDomainObj *vm,
                          const vman_partition *grant);

virDomainObj *
virVMANDomainFindByPartition(virVMANDriver *driver,
                             unsigned int partition);

void
virVMANDomainStartClock(virDomainObj *vm);

void
virVMANDomainStopClock(virDomainObj *vm);

unsigned long long
virVMANDomainGetRunTime(virDomainObj *vm);

const virVMANNamespace *
virVMANDomainGetNamespace(const virDomainDef *def);

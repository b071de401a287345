/*
 * vman_event.h: what an event of the board means for a domain
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

/* An event that a command of ours causes and that tells nothing new. */
typedef struct _virVMANExpected virVMANExpected;
struct _virVMANExpected {
    vman_event_kind kind;
    vman_state to;
};

void
virVMANEventTake(virVMANDriver *driver,
                 virDomainObj *vm,
                 const vman_event *event);

void
virVMANEventTakeTruth(virVMANDriver *driver,
                      virDomainObj *vm,
                      const vman_partition *partition);

void
virVMANEventExpect(virDomainObj *vm,
                   vman_event_kind kind,
                   vman_state to);

void
virVMANEventUnexpect(virDomainObj *vm,
                     vman_event_kind kind,
                     vman_state to);

void
virVMANEventDrain(virDomainObj *vm);

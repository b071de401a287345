/*
 * vman_reserve.h: the partition that is reserved for a domain
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

void
virVMANReserveCollectOrphan(virVMANDriver *driver,
                            const vman_partition *partition);

bool
virVMANReserveHasOrphans(virVMANDriver *driver);

/* The caller has the domain locked and a job on it. */

int
virVMANReserve(virVMANDriver *driver,
               virDomainObj *vm);

int
virVMANReserveLearnCores(virVMANDriver *driver,
                         virDomainObj *vm);

int
virVMANReserveRelease(virVMANDriver *driver,
                      virDomainObj *vm);

bool
virVMANReserveForgetIfGone(virVMANDriver *driver,
                           virDomainObj *vm);

bool
virVMANReserveIsReleasedOnStop(virVMANDriver *driver,
                               virDomainObj *vm);

void
virVMANReserveReleaseStopped(virVMANDriver *driver,
                             virDomainObj *vm);

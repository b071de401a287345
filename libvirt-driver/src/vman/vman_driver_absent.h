/*
 * vman_driver_absent.h: what partitions do not have
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

#include "internal.h"

/* Callbacks of virHypervisorDriver: see the reference of libvirt's API. */

int
vmanDomainSaveFlags(virDomainPtr dom,
                    const char *to,
                    const char *dxml,
                    unsigned int flags);

int
vmanDomainSave(virDomainPtr dom,
               const char *to);

int
vmanDomainManagedSave(virDomainPtr dom,
                      unsigned int flags);

int
vmanDomainHasManagedSaveImage(virDomainPtr dom,
                              unsigned int flags);

int
vmanDomainManagedSaveRemove(virDomainPtr dom,
                            unsigned int flags);

int
vmanDomainGetJobInfo(virDomainPtr dom,
                     virDomainJobInfoPtr info);

int
vmanDomainGetJobStats(virDomainPtr dom,
                      int *type,
                      virTypedParameterPtr *params,
                      int *nparams,
                      unsigned int flags);

int
vmanDomainSnapshotNum(virDomainPtr dom,
                      unsigned int flags);

int
vmanDomainListAllSnapshots(virDomainPtr dom,
                           virDomainSnapshotPtr **snaps,
                           unsigned int flags);

/*
 * vman_driver_query.h: what clients ask about domains
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

char *
vmanDomainGetOSType(virDomainPtr dom);

char *
vmanDomainGetXMLDesc(virDomainPtr dom,
                     unsigned int flags);

int
vmanDomainGetInfo(virDomainPtr dom,
                  virDomainInfoPtr info);

int
vmanDomainGetState(virDomainPtr dom,
                   int *state,
                   int *reason,
                   unsigned int flags);

int
vmanDomainGetControlInfo(virDomainPtr dom,
                         virDomainControlInfoPtr info,
                         unsigned int flags);

unsigned long long
vmanDomainGetMaxMemory(virDomainPtr dom);

int
vmanDomainMemoryStats(virDomainPtr dom,
                      virDomainMemoryStatPtr stats,
                      unsigned int nr_stats,
                      unsigned int flags);

int
vmanDomainGetCPUStats(virDomainPtr dom,
                      virTypedParameterPtr params,
                      unsigned int nparams,
                      int start_cpu,
                      unsigned int ncpus,
                      unsigned int flags);

int
vmanDomainGetVcpus(virDomainPtr dom,
                   virVcpuInfoPtr info,
                   int maxinfo,
                   unsigned char *cpumaps,
                   int maplen);

int
vmanDomainGetVcpusFlags(virDomainPtr dom,
                        unsigned int flags);

int
vmanDomainGetMaxVcpus(virDomainPtr dom);

int
vmanDomainGetVcpuPinInfo(virDomainPtr dom,
                         int ncpumaps,
                         unsigned char *cpumaps,
                         int maplen,
                         unsigned int flags);

int
vmanDomainGetMessages(virDomainPtr dom,
                      char ***msgs,
                      unsigned int flags);

/*
 * vman_stats.h: figures of domains
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

virDomainState
virVMANStatsGetState(virDomainObj *vm,
                     int *reason);

unsigned long long
virVMANStatsGetCPUTime(virDomainObj *vm);

int
virVMANStatsGetCPU(virDomainObj *vm,
                   const vman_host *host,
                   virTypedParameterPtr params,
                   unsigned int nparams,
                   int start_cpu,
                   unsigned int ncpus);

int
virVMANStatsGetVcpus(virDomainObj *vm,
                     virVcpuInfoPtr info,
                     int maxinfo,
                     unsigned char *cpumaps,
                     int maplen);

int
virVMANStatsCheckGroups(unsigned int *stats,
                        bool enforce);

int
virVMANStatsGetAll(virConnectPtr conn,
                   virDomainObj **vms,
                   size_t nvms,
                   unsigned int stats,
                   virDomainStatsRecordPtr **records);

/*
 * vman_monitor.h: commands to vmand, the daemon that owns the board
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
#include "virobject.h"
#include "vman.h"

/* Connections to one vmand. A command has a connection alone, so that a slow
 * one delays no other; idle connections are kept for the next. */
typedef struct _virVMANMonitor virVMANMonitor;

typedef struct _virVMANPartitionRequest virVMANPartitionRequest;
struct _virVMANPartitionRequest {
    const char *name;               /* may be NULL */
    const char *uuid;
    unsigned int cores;
    unsigned long long memory_mib;
    bool secure;
    unsigned int shared_with;       /* partition, or 0 */
};

virVMANMonitor *
virVMANMonitorNew(const char *socket,
                  unsigned int timeout_ms);

const char *
virVMANMonitorGetSocket(virVMANMonitor *mon);

void
virVMANMonitorDropIdle(virVMANMonitor *mon);

vman_client *
virVMANMonitorAcquire(virVMANMonitor *mon);

void
virVMANMonitorRelease(virVMANMonitor *mon,
                      vman_client *client,
                      vman_status status);

int
virVMANMonitorReport(virVMANMonitor *mon,
                     vman_status status,
                     vman_error *error);

int
virVMANMonitorCreatePartition(virVMANMonitor *mon,
                              const virVMANPartitionRequest *request,
                              unsigned int *id);

int
virVMANMonitorDestroyPartition(virVMANMonitor *mon,
                               unsigned int id);

int
virVMANMonitorDeploy(virVMANMonitor *mon,
                     unsigned int id,
                     const char *kernel,
                     const char *dtb,
                     const char *initrd,
                     const char *cmdline);

int
virVMANMonitorShutdown(virVMANMonitor *mon,
                       unsigned int id);

int
virVMANMonitorReboot(virVMANMonitor *mon,
                     unsigned int id);

int
virVMANMonitorSuspend(virVMANMonitor *mon,
                      unsigned int id);

int
virVMANMonitorRestore(virVMANMonitor *mon,
                      unsigned int id);

int
virVMANMonitorQueryHost(virVMANMonitor *mon,
                        vman_host *host);

int
virVMANMonitorQueryPartition(virVMANMonitor *mon,
                             unsigned int id,
                             vman_partition *partition);

int
virVMANMonitorQueryPartitions(virVMANMonitor *mon,
                              vman_partitions **partitions);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virVMANMonitor, virObjectUnref);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vman_partitions, vman_partitions_free);

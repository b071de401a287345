/*
 * vman_conf.h: configuration and state of the vManager driver
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

#include "libvirt_internal.h"
#include "virdomainobjlist.h"
#include "domain_event.h"
#include "virthread.h"
#include "virthreadpool.h"
#include "vman_board.h"
#include "vman_monitor.h"

#ifdef VMAN_OUT_OF_TREE
/* An unmodified libvirt does not know our domain type and error domain. The
 * carrier type stands for 'vman' inside libvirt's structures only: it is
 * translated whenever XML comes in or goes out (vman_xml.c). */
# define VIR_DOMAIN_VIRT_VMAN VIR_DOMAIN_VIRT_PHYP
# define VIR_FROM_VMAN VIR_FROM_DOMAIN
#endif

typedef enum {
    VIR_VMAN_RESERVE_ON_DEFINE,
    VIR_VMAN_RESERVE_ON_START,

    VIR_VMAN_RESERVE_ON_LAST
} virVMANReserveOn;

VIR_ENUM_DECL(virVMANReserveOn);

/* Immutable once it is made. */
typedef struct _virVMANDriverConfig virVMANDriverConfig;
struct _virVMANDriverConfig {
    virObject parent;

    char *vmandSocket;
    unsigned int vmandTimeout;      /* milliseconds */
    int reserveOn;                  /* virVMANReserveOn */
    bool ignoreDevices;

    char *configDir;
    char *autostartDir;
    char *stateDir;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virVMANDriverConfig, virObjectUnref);

typedef struct _virVMANEvents virVMANEvents;

typedef struct _virVMANDriver virVMANDriver;
struct _virVMANDriver {
    virMutex lock;

    /* Immutable pointers, self-locking objects. */
    virVMANDriverConfig *config;
    virVMANMonitor *monitor;
    virVMANBoard *board;
    virDomainObjList *domains;
    virDomainXMLOption *xmlopt;
    virObjectEventState *domainEventState;
    virThreadPool *workers;
    virVMANEvents *events;

    /* Number of a partition -> UUID of its domain; needs the lock. */
    GHashTable *partitions;

    /* UUIDs of domains that are gone but whose partitions could not be given
     * back; needs the lock. */
    GHashTable *orphans;

    /* Running domains keep the daemon from its idle exit. */
    int nactive;                    /* atomic */
    virStateInhibitCallback inhibitCallback;
    void *inhibitOpaque;

    int lockFD;
};

virVMANDriverConfig *
virVMANDriverConfigNew(void);

int
virVMANDriverConfigMakeDirs(virVMANDriverConfig *cfg);

/*
 * vman_driver_absent.c: what partitions do not have
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

#include "datatypes.h"
#include "viraccessapicheck.h"
#include "virdomainsnapshotobjlist.h"
#include "virerror.h"
#include "virlog.h"
#include "vman_domain.h"
#include "vman_driver_absent.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_absent");

#define VMAN_SAVE_FLAGS \
    (VIR_DOMAIN_SAVE_BYPASS_CACHE | \
     VIR_DOMAIN_SAVE_RUNNING | \
     VIR_DOMAIN_SAVE_PAUSED | \
     VIR_DOMAIN_SAVE_RESET_NVRAM)

/* A partition's memory cannot be written to a file: suspend keeps it in place. */
static int
virVMANDriverRefuseSave(void)
{
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED, "%s",
                   _("the memory of a partition cannot be saved; suspend keeps it where it is"));
    return -1;
}


int
vmanDomainSaveFlags(virDomainPtr dom,
                    const char *to G_GNUC_UNUSED,
                    const char *dxml G_GNUC_UNUSED,
                    unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VMAN_SAVE_FLAGS, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainSaveFlagsEnsureACL(dom->conn, vm->def) == 0)
        ret = virVMANDriverRefuseSave();

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainSave(virDomainPtr dom,
               const char *to)
{
    return vmanDomainSaveFlags(dom, to, NULL, 0);
}


int
vmanDomainManagedSave(virDomainPtr dom,
                      unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VMAN_SAVE_FLAGS, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainManagedSaveEnsureACL(dom->conn, vm->def) == 0)
        ret = virVMANDriverRefuseSave();

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainHasManagedSaveImage(virDomainPtr dom,
                              unsigned int flags)
{
    virDomainObj *vm;
    int ret;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    ret = virDomainHasManagedSaveImageEnsureACL(dom->conn, vm->def);

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainManagedSaveRemove(virDomainPtr dom,
                            unsigned int flags)
{
    virDomainObj *vm;
    int ret;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    ret = virDomainManagedSaveRemoveEnsureACL(dom->conn, vm->def);

    virDomainObjEndAPI(&vm);
    return ret;
}


/* No operation of the driver goes on behind a client's back. */
int
vmanDomainGetJobInfo(virDomainPtr dom,
                     virDomainJobInfoPtr info)
{
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetJobInfoEnsureACL(dom->conn, vm->def) == 0 &&
        virDomainObjCheckActive(vm) == 0) {
        memset(info, 0, sizeof(*info));
        info->type = VIR_DOMAIN_JOB_NONE;
        ret = 0;
    }

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainGetJobStats(virDomainPtr dom,
                      int *type,
                      virTypedParameterPtr *params,
                      int *nparams,
                      unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_JOB_STATS_COMPLETED |
                  VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetJobStatsEnsureACL(dom->conn, vm->def) == 0 &&
        virDomainObjCheckActive(vm) == 0) {
        *type = VIR_DOMAIN_JOB_NONE;
        *params = NULL;
        *nparams = 0;
        ret = 0;
    }

    virDomainObjEndAPI(&vm);
    return ret;
}


/* There are none: tools ask before they undefine a domain. */
int
vmanDomainSnapshotNum(virDomainPtr dom,
                      unsigned int flags)
{
    virDomainObj *vm;
    int ret;

    virCheckFlags(VIR_DOMAIN_SNAPSHOT_LIST_ROOTS |
                  VIR_DOMAIN_SNAPSHOT_FILTERS_ALL, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    ret = virDomainSnapshotNumEnsureACL(dom->conn, vm->def);

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainListAllSnapshots(virDomainPtr dom,
                           virDomainSnapshotPtr **snaps,
                           unsigned int flags)
{
    virDomainObj *vm;
    int ret;

    virCheckFlags(VIR_DOMAIN_SNAPSHOT_LIST_ROOTS |
                  VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL |
                  VIR_DOMAIN_SNAPSHOT_FILTERS_ALL, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    ret = virDomainListAllSnapshotsEnsureACL(dom->conn, vm->def);
    if (ret == 0 && snaps)
        *snaps = g_new0(virDomainSnapshotPtr, 1);

    virDomainObjEndAPI(&vm);
    return ret;
}

/*
 * vman_driver_settings.c: what clients set of domains besides their state
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
#include "virerror.h"
#include "virlog.h"
#include "vman_domain.h"
#include "vman_driver_settings.h"
#include "vman_file.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_settings");

int
vmanDomainGetAutostart(virDomainPtr dom,
                       int *autostart)
{
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainGetAutostartEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    *autostart = vm->autostart;
    ret = 0;

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainSetAutostart(virDomainPtr dom,
                       int autostart)
{
    virVMANDriver *driver = dom->conn->privateData;
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainSetAutostartEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    if (virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0)
        goto cleanup;

    if (!vm->persistent) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       _("cannot set autostart for transient domain"));
    } else {
        ret = virVMANFileSetAutostart(driver, vm, autostart != 0);
    }

    virVMANDomainEndJob(vm);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


/* libvirt's helper changes the definitions; they are saved here, since it
 * would write its own domain type. */
static int
virVMANDriverSetMetadata(virVMANDriver *driver,
                         virDomainObj *vm,
                         int type,
                         const char *metadata,
                         const char *key,
                         const char *uri,
                         unsigned int flags)
{
    virDomainDef *live;
    virDomainDef *persistent;

    if (virDomainObjSetMetadata(vm, type, metadata, key, uri, driver->xmlopt,
                                NULL, NULL, flags) < 0 ||
        virDomainObjGetDefs(vm, flags, &live, &persistent) < 0)
        return -1;

    if ((live && virVMANFileSaveStatus(driver, vm) < 0) ||
        (persistent && virVMANFileSaveConfig(driver, persistent) < 0))
        return -1;

    virObjectEventStateQueue(driver->domainEventState,
                             virDomainEventMetadataChangeNewFromObj(vm, type, uri));
    return 0;
}


int
vmanDomainSetMetadata(virDomainPtr dom,
                      int type,
                      const char *metadata,
                      const char *key,
                      const char *uri,
                      unsigned int flags)
{
    virVMANDriver *driver = dom->conn->privateData;
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_AFFECT_LIVE |
                  VIR_DOMAIN_AFFECT_CONFIG, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainSetMetadataEnsureACL(dom->conn, vm->def, flags) < 0)
        goto cleanup;

    if (virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0)
        goto cleanup;

    ret = virVMANDriverSetMetadata(driver, vm, type, metadata, key, uri, flags);
    virVMANDomainEndJob(vm);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


char *
vmanDomainGetMetadata(virDomainPtr dom,
                      int type,
                      const char *uri,
                      unsigned int flags)
{
    virDomainObj *vm;
    char *ret = NULL;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return NULL;

    if (virDomainGetMetadataEnsureACL(dom->conn, vm->def) == 0)
        ret = virDomainObjGetMetadata(vm, type, uri, flags);

    virDomainObjEndAPI(&vm);
    return ret;
}

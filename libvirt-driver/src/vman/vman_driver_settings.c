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


typedef struct _virVMANMetadata virVMANMetadata;
struct _virVMANMetadata {
    int type;
    const char *text;
    const char *key;
    const char *uri;
};


/* What one of the definitions has, NULL if nothing. */
static char *
virVMANDriverGetOldMetadata(virDomainObj *vm,
                            const virVMANMetadata *metadata,
                            unsigned int flag)
{
    char *old = virDomainObjGetMetadata(vm, metadata->type, metadata->uri, flag);

    if (!old)
        virResetLastError();
    return old;
}


/* Changes one of the definitions and saves it; what cannot be saved is not
 * changed. libvirt's helper does not save, as it would write its own domain
 * type. */
static int
virVMANDriverSetOneMetadata(virVMANDriver *driver,
                            virDomainObj *vm,
                            const virVMANMetadata *metadata,
                            unsigned int flag)
{
    g_autofree char *old = virVMANDriverGetOldMetadata(vm, metadata, flag);
    virErrorPtr error;
    int rc;

    if (virDomainObjSetMetadata(vm, metadata->type, metadata->text,
                                metadata->key, metadata->uri, driver->xmlopt,
                                NULL, NULL, flag) < 0)
        return -1;

    if (flag == VIR_DOMAIN_AFFECT_LIVE)
        rc = virVMANFileSaveStatus(driver, vm);
    else
        rc = virVMANFileSaveConfig(driver, vm->newDef ? vm->newDef : vm->def);

    if (rc == 0)
        return 0;

    virErrorPreserveLast(&error);
    ignore_value(virDomainObjSetMetadata(vm, metadata->type, old,
                                         metadata->key, metadata->uri,
                                         driver->xmlopt, NULL, NULL, flag));
    virErrorRestore(&error);
    return -1;
}


static int
virVMANDriverSetMetadata(virVMANDriver *driver,
                         virDomainObj *vm,
                         const virVMANMetadata *metadata,
                         unsigned int flags)
{
    if (virDomainObjUpdateModificationImpact(vm, &flags) < 0)
        return -1;

    if ((flags & VIR_DOMAIN_AFFECT_CONFIG) &&
        virVMANDriverSetOneMetadata(driver, vm, metadata,
                                    VIR_DOMAIN_AFFECT_CONFIG) < 0)
        return -1;

    if ((flags & VIR_DOMAIN_AFFECT_LIVE) &&
        virVMANDriverSetOneMetadata(driver, vm, metadata,
                                    VIR_DOMAIN_AFFECT_LIVE) < 0)
        return -1;

    virObjectEventStateQueue(driver->domainEventState,
                             virDomainEventMetadataChangeNewFromObj(vm, metadata->type,
                                                                    metadata->uri));
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
    virVMANMetadata change = {
        .type = type,
        .text = metadata,
        .key = key,
        .uri = uri,
    };
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

    ret = virVMANDriverSetMetadata(driver, vm, &change, flags);
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

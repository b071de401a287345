/*
 * vman_driver_define.c: how clients define domains
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
#include "vman_driver_define.h"
#include "vman_file.h"
#include "vman_process.h"
#include "vman_xml.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_define");

static void
virVMANDriverQueueLifecycle(virVMANDriver *driver,
                            virDomainObj *vm,
                            int event,
                            int detail)
{
    virObjectEventStateQueue(driver->domainEventState,
                             virDomainEventLifecycleNewFromObj(vm, event, detail));
}


/* A job on the domain that @def redefines, if there is one: nobody else
 * changes it while its definition is exchanged. */
static int
virVMANDriverLockOld(virVMANDriver *driver,
                     const virDomainDef *def,
                     virDomainObj **old)
{
    virDomainObj *vm = virDomainObjListFindByUUID(driver->domains, def->uuid);

    *old = NULL;
    if (!vm)
        return 0;

    if (virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0) {
        bool undefined = vm->removing;

        virDomainObjEndAPI(&vm);
        if (!undefined)
            return -1;

        virResetLastError();
        return 0;
    }

    virObjectUnlock(vm);
    *old = vm;
    return 0;
}


static void
virVMANDriverUnlockOld(virDomainObj *old)
{
    if (!old)
        return;

    virObjectLock(old);
    virVMANDomainEndJob(old);
    virDomainObjEndAPI(&old);
}


/* Puts @oldDef back, or takes the domain out again if there was none. */
static void
virVMANDriverAbortDefine(virVMANDriver *driver,
                         virDomainObj *vm,
                         virDomainDef **oldDef,
                         bool persistent)
{
    virErrorPtr error;

    virErrorPreserveLast(&error);
    vm->persistent = persistent;

    if (*oldDef) {
        if (virDomainObjIsActive(vm)) {
            virDomainDefFree(vm->newDef);
            vm->newDef = g_steal_pointer(oldDef);
        } else {
            virDomainDefFree(vm->def);
            vm->def = g_steal_pointer(oldDef);
            ignore_value(virVMANDomainDefineXML(driver, vm));
        }
    } else if (virDomainObjIsActive(vm)) {
        /* A transient domain that did not become persistent. */
        g_clear_pointer(&vm->newDef, virDomainDefFree);
    } else {
        ignore_value(virVMANDomainUndefine(driver, vm));
        virDomainObjListRemove(driver->domains, vm);
    }
    virErrorRestore(&error);
}


static int
virVMANDriverCompleteDefine(virVMANDriver *driver,
                            virDomainObj *vm,
                            virDomainDef **oldDef)
{
    bool persistent = vm->persistent;

    vm->persistent = 1;
    if (virVMANDomainDefineXML(driver, vm) < 0 ||
        virVMANFileSaveConfig(driver, vm->newDef ? vm->newDef : vm->def) < 0) {
        virVMANDriverAbortDefine(driver, vm, oldDef, persistent);
        return -1;
    }

    virVMANDriverQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_DEFINED,
                                persistent ? VIR_DOMAIN_EVENT_DEFINED_UPDATED :
                                             VIR_DOMAIN_EVENT_DEFINED_ADDED);
    return 0;
}


virDomainPtr
vmanDomainDefineXMLFlags(virConnectPtr conn,
                         const char *xml,
                         unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;
    g_autoptr(virDomainDef) def = NULL;
    g_autoptr(virDomainDef) oldDef = NULL;
    virDomainObj *old = NULL;
    virDomainObj *vm = NULL;
    virDomainPtr dom = NULL;
    unsigned int parse_flags = VIR_DOMAIN_DEF_PARSE_INACTIVE |
                               VIR_DOMAIN_DEF_PARSE_ABI_UPDATE;

    virCheckFlags(VIR_DOMAIN_DEFINE_VALIDATE, NULL);

    if (flags & VIR_DOMAIN_DEFINE_VALIDATE)
        parse_flags |= VIR_DOMAIN_DEF_PARSE_VALIDATE_SCHEMA;

    if (!(def = virVMANXMLParseString(driver, xml, parse_flags)))
        return NULL;

    if (virDomainDefineXMLFlagsEnsureACL(conn, def) < 0)
        return NULL;

    if (virVMANDriverLockOld(driver, def, &old) < 0)
        return NULL;

    if (!(vm = virDomainObjListAdd(driver->domains, &def, driver->xmlopt, 0,
                                   &oldDef)))
        goto cleanup;

    if (!old && virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0)
        goto cleanup;

    if (virVMANDriverCompleteDefine(driver, vm, &oldDef) == 0)
        dom = virGetDomain(conn, vm->def->name, vm->def->uuid, vm->def->id);

    if (!old)
        virVMANDomainEndJob(vm);

 cleanup:
    virDomainObjEndAPI(&vm);
    virVMANDriverUnlockOld(old);
    return dom;
}


virDomainPtr
vmanDomainDefineXML(virConnectPtr conn,
                    const char *xml)
{
    return vmanDomainDefineXMLFlags(conn, xml, 0);
}


static int
virVMANDriverUndefine(virVMANDriver *driver,
                      virDomainObj *vm)
{
    bool active = virDomainObjIsActive(vm);

    if (!vm->persistent) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       _("cannot undefine transient domain"));
        return -1;
    }

    if ((!active && virVMANDomainUndefine(driver, vm) < 0) ||
        virVMANFileDeleteConfig(driver, vm) < 0)
        return -1;

    vm->persistent = 0;
    virVMANDriverQueueLifecycle(driver, vm, VIR_DOMAIN_EVENT_UNDEFINED,
                                VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);

    if (active)
        g_clear_pointer(&vm->newDef, virDomainDefFree);
    else
        virDomainObjListRemove(driver->domains, vm);

    return 0;
}


/* There are no managed saves, snapshots, checkpoints, NVRAM and TPM: what the
 * flags want to be kept or removed is not there. */
int
vmanDomainUndefineFlags(virDomainPtr dom,
                        unsigned int flags)
{
    virVMANDriver *driver = dom->conn->privateData;
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                  VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                  VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
                  VIR_DOMAIN_UNDEFINE_NVRAM |
                  VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
                  VIR_DOMAIN_UNDEFINE_TPM |
                  VIR_DOMAIN_UNDEFINE_KEEP_TPM, -1);

    VIR_EXCLUSIVE_FLAGS_RET(VIR_DOMAIN_UNDEFINE_NVRAM,
                            VIR_DOMAIN_UNDEFINE_KEEP_NVRAM, -1);
    VIR_EXCLUSIVE_FLAGS_RET(VIR_DOMAIN_UNDEFINE_TPM,
                            VIR_DOMAIN_UNDEFINE_KEEP_TPM, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainUndefineFlagsEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    if (virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0)
        goto cleanup;

    ret = virVMANDriverUndefine(driver, vm);
    virVMANDomainEndJob(vm);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainUndefine(virDomainPtr dom)
{
    return vmanDomainUndefineFlags(dom, 0);
}

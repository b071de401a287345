/*
 * vman_driver_lifecycle.c: how clients change the state of domains
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
#include "virclosecallbacks.h"
#include "virerror.h"
#include "virlog.h"
#include "vman_action.h"
#include "vman_domain.h"
#include "vman_driver_lifecycle.h"
#include "vman_process.h"
#include "vman_xml.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_lifecycle");

static int
virVMANDriverStart(virConnectPtr conn,
                   virDomainObj *vm,
                   unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;

    if (virVMANDomainCreate(driver, vm, flags & VIR_DOMAIN_START_PAUSED) < 0)
        return -1;

    if (flags & VIR_DOMAIN_START_AUTODESTROY)
        virCloseCallbacksDomainAdd(vm, conn, virVMANActionAutoDestroy);

    return 0;
}


virDomainPtr
vmanDomainCreateXML(virConnectPtr conn,
                    const char *xml,
                    unsigned int flags)
{
    virVMANDriver *driver = conn->privateData;
    g_autoptr(virDomainDef) def = NULL;
    virDomainObj *vm = NULL;
    virDomainPtr dom = NULL;
    unsigned int parse_flags = VIR_DOMAIN_DEF_PARSE_INACTIVE |
                               VIR_DOMAIN_DEF_PARSE_ABI_UPDATE;

    virCheckFlags(VIR_DOMAIN_START_PAUSED |
                  VIR_DOMAIN_START_AUTODESTROY |
                  VIR_DOMAIN_START_VALIDATE, NULL);

    if (flags & VIR_DOMAIN_START_VALIDATE)
        parse_flags |= VIR_DOMAIN_DEF_PARSE_VALIDATE_SCHEMA;

    if (!(def = virVMANXMLParseString(driver, xml, parse_flags)))
        return NULL;

    if (virDomainCreateXMLEnsureACL(conn, def) < 0)
        return NULL;

    if (!(vm = virDomainObjListAdd(driver->domains, &def, driver->xmlopt,
                                   VIR_DOMAIN_OBJ_LIST_ADD_LIVE |
                                   VIR_DOMAIN_OBJ_LIST_ADD_CHECK_LIVE,
                                   NULL)))
        return NULL;

    if (virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0)
        goto cleanup;

    if (virVMANDriverStart(conn, vm, flags) == 0)
        dom = virGetDomain(conn, vm->def->name, vm->def->uuid, vm->def->id);
    else if (!vm->persistent && !vm->removing)
        virDomainObjListRemove(driver->domains, vm);

    virVMANDomainEndJob(vm);

 cleanup:
    virDomainObjEndAPI(&vm);
    return dom;
}


int
vmanDomainCreateWithFlags(virDomainPtr dom,
                          unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    /* There is no managed save to be discarded, and no cache. */
    virCheckFlags(VIR_DOMAIN_START_PAUSED |
                  VIR_DOMAIN_START_AUTODESTROY |
                  VIR_DOMAIN_START_BYPASS_CACHE |
                  VIR_DOMAIN_START_FORCE_BOOT, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainCreateWithFlagsEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    if (virVMANDomainBeginJob(vm, VIR_JOB_MODIFY) < 0)
        goto cleanup;

    ret = virVMANDriverStart(dom->conn, vm, flags);
    if (ret == 0)
        dom->id = vm->def->id;
    virVMANDomainEndJob(vm);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainCreate(virDomainPtr dom)
{
    return vmanDomainCreateWithFlags(dom, 0);
}


typedef int (*virVMANDriverOperation)(virVMANDriver *driver,
                                      virDomainObj *vm);

/* The rest of a callback that changes a running domain, after its ACL check;
 * @vm is unlocked. */
static int
virVMANDriverOperate(virDomainObj *vm,
                     virDomainJob job,
                     virVMANDriverOperation operation)
{
    virVMANDriver *driver = VIR_VMAN_DOMAIN_PRIVATE(vm)->driver;
    int ret = -1;

    if (virVMANDomainBeginJob(vm, job) < 0)
        return -1;

    if (virDomainObjCheckActive(vm) == 0)
        ret = operation(driver, vm);

    virVMANDomainEndJob(vm);
    return ret;
}


/* Only what vmand does by itself can be asked for, not a way to do it. */
int
vmanDomainShutdownFlags(virDomainPtr dom,
                        unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainShutdownFlagsEnsureACL(dom->conn, vm->def, flags) == 0)
        ret = virVMANDriverOperate(vm, VIR_JOB_MODIFY, virVMANDomainShutdown);

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainShutdown(virDomainPtr dom)
{
    return vmanDomainShutdownFlags(dom, 0);
}


int
vmanDomainReboot(virDomainPtr dom,
                 unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainRebootEnsureACL(dom->conn, vm->def, flags) == 0)
        ret = virVMANDriverOperate(vm, VIR_JOB_MODIFY, virVMANDomainReboot);

    virDomainObjEndAPI(&vm);
    return ret;
}


/* As a reset button: <on_reboot> is not asked. */
int
vmanDomainReset(virDomainPtr dom,
                unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(0, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainResetEnsureACL(dom->conn, vm->def) == 0)
        ret = virVMANDriverOperate(vm, VIR_JOB_MODIFY, virVMANDomainRestart);

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainSuspend(virDomainPtr dom)
{
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainSuspendEnsureACL(dom->conn, vm->def) == 0)
        ret = virVMANDriverOperate(vm, VIR_JOB_SUSPEND, virVMANDomainSuspend);

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainResume(virDomainPtr dom)
{
    virDomainObj *vm;
    int ret = -1;

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainResumeEnsureACL(dom->conn, vm->def) == 0)
        ret = virVMANDriverOperate(vm, VIR_JOB_MODIFY, virVMANDomainResume);

    virDomainObjEndAPI(&vm);
    return ret;
}


static int
virVMANDriverDestroy(virVMANDriver *driver,
                     virDomainObj *vm)
{
    return virVMANDomainDestroy(driver, vm, VIR_DOMAIN_SHUTOFF_DESTROYED,
                                VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
}


/* Halting CPUs is all there is: no process to be asked gently, no logs. */
int
vmanDomainDestroyFlags(virDomainPtr dom,
                       unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_DESTROY_GRACEFUL |
                  VIR_DOMAIN_DESTROY_REMOVE_LOGS, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainDestroyFlagsEnsureACL(dom->conn, vm->def) == 0)
        ret = virVMANDriverOperate(vm, VIR_JOB_DESTROY, virVMANDriverDestroy);

    virDomainObjEndAPI(&vm);
    return ret;
}


int
vmanDomainDestroy(virDomainPtr dom)
{
    return vmanDomainDestroyFlags(dom, 0);
}

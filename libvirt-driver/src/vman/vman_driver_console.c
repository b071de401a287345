/*
 * vman_driver_console.c: how clients open consoles
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
#include "vman_driver_console.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_driver_console");

/* Its serial port, whatever alias the client knows it by. */
static bool
virVMANDriverIsConsole(const virDomainDef *def,
                       const char *name)
{
    if (def->nserials == 0)
        return false;

    return !name ||
        STREQ_NULLABLE(def->serials[0]->info.alias, name) ||
        STREQ(name, "serial0") ||
        STREQ(name, "console0");
}


/* vmand is waited for with the domain unlocked; it may stop meanwhile. */
static int
virVMANDriverOpenConsole(virVMANDriver *driver,
                         virDomainObj *vm,
                         virStreamPtr st,
                         unsigned int flags)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    g_autoptr(virVMANConsoles) consoles = NULL;
    unsigned int partition = priv->partition;
    int rc;

    if (!priv->consoles && !(priv->consoles = virVMANConsolesNew()))
        return -1;

    consoles = virObjectRef(priv->consoles);

    virVMANDomainEnterMonitor(vm);
    rc = virVMANConsoleOpen(consoles, virVMANMonitorGetSocket(driver->monitor),
                            partition, st, flags);
    virVMANDomainExitMonitor(vm);

    if (rc == 0 && !virDomainObjIsActive(vm))
        virVMANConsolesClose(consoles);

    return rc;
}


int
vmanDomainOpenConsole(virDomainPtr dom,
                      const char *dev_name,
                      virStreamPtr st,
                      unsigned int flags)
{
    virDomainObj *vm;
    int ret = -1;

    virCheckFlags(VIR_DOMAIN_CONSOLE_SAFE |
                  VIR_DOMAIN_CONSOLE_FORCE, -1);

    if (!(vm = virVMANDomainObjFromDomain(dom)))
        return -1;

    if (virDomainOpenConsoleEnsureACL(dom->conn, vm->def) < 0)
        goto cleanup;

    if (virDomainObjCheckActive(vm) < 0)
        goto cleanup;

    if (!virVMANDriverIsConsole(vm->def, dev_name)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("cannot find console device '%s'"),
                       dev_name ? dev_name : _("default"));
        goto cleanup;
    }

    ret = virVMANDriverOpenConsole(dom->conn->privateData, vm, st, flags);

 cleanup:
    virDomainObjEndAPI(&vm);
    return ret;
}

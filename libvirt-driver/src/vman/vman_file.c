/*
 * vman_file.c: what the driver keeps on disk
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

#include <unistd.h>

#include "virerror.h"
#include "virfile.h"
#include "virlog.h"
#include "virstring.h"
#include "viruuid.h"
#include "virxml.h"
#include "vman_domain.h"
#include "vman_file.h"
#include "vman_record.h"
#include "vman_xml.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_file");

/* Two directories, a file NAME.xml for each domain:
 *
 *   configDir   the persistent definition, <domain>
 *   stateDir    of an active domain, <vmanstatus> around its live <domain>:
 *               what vmand does not know when virtvmand is started again
 */

static int
virVMANFileSave(const char *dir,
                virDomainDef *def,
                const char *xml)
{
    g_autofree char *path = virDomainConfigFile(dir, def->name);
    char uuid[VIR_UUID_STRING_BUFLEN];

    virUUIDFormat(def->uuid, uuid);
    return virXMLSaveFile(path, virXMLPickShellSafeComment(def->name, uuid),
                          "edit", xml);
}


int
virVMANFileSaveConfig(virVMANDriver *driver,
                      virDomainDef *def)
{
    g_autofree char *xml = NULL;

    if (!(xml = virVMANXMLFormat(driver, def,
                                 VIR_DOMAIN_DEF_FORMAT_INACTIVE |
                                 VIR_DOMAIN_DEF_FORMAT_SECURE)))
        return -1;

    return virVMANFileSave(driver->config->configDir, def, xml);
}


int
virVMANFileDeleteConfig(virVMANDriver *driver,
                        virDomainObj *vm)
{
    return virDomainDeleteConfig(driver->config->configDir,
                                 driver->config->autostartDir, vm);
}


/* Autostart is a symbolic link to the definition. */
int
virVMANFileSetAutostart(virVMANDriver *driver,
                        virDomainObj *vm,
                        bool autostart)
{
    virVMANDriverConfig *cfg = driver->config;
    g_autofree char *file = virDomainConfigFile(cfg->configDir, vm->def->name);
    g_autofree char *link = virDomainConfigFile(cfg->autostartDir, vm->def->name);

    if (autostart) {
        if (symlink(file, link) < 0 && errno != EEXIST) {
            virReportSystemError(errno,
                                 _("Failed to create symlink '%s' to '%s'"),
                                 link, file);
            return -1;
        }
    } else {
        if (unlink(link) < 0 && errno != ENOENT && errno != ENOTDIR) {
            virReportSystemError(errno, _("Failed to delete symlink '%s'"),
                                 link);
            return -1;
        }
    }

    vm->autostart = autostart;
    return 0;
}


/**
 * virVMANFileSaveStatus:
 * @driver: the driver
 * @vm: an active domain
 *
 * The partition itself survives whatever happens here.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANFileSaveStatus(virVMANDriver *driver,
                      virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    g_autofree char *domain = NULL;
    g_autofree char *xml = NULL;
    int reason;
    virDomainState state = virDomainObjGetState(vm, &reason);

    if (!(domain = virVMANXMLFormat(driver, vm->def,
                                    VIR_DOMAIN_DEF_FORMAT_SECURE)))
        return -1;

    virBufferAsprintf(&buf, "<vmanstatus state='%s' reason='%s' partition='%u'",
                      virDomainStateTypeToString(state),
                      virDomainStateReasonToString(state, reason),
                      priv->partition);
    virBufferAsprintf(&buf, " ran='%llu'>\n", virVMANDomainGetRunTime(vm));
    virBufferAdjustIndent(&buf, 2);
    virBufferAddStr(&buf, domain);
    virBufferAdjustIndent(&buf, -2);
    virBufferAddLit(&buf, "</vmanstatus>\n");

    xml = virBufferContentAndReset(&buf);
    return virVMANFileSave(driver->config->stateDir, vm->def, xml);
}


void
virVMANFileDeleteStatus(virVMANDriver *driver,
                        const char *name)
{
    g_autofree char *path = virDomainConfigFile(driver->config->stateDir, name);

    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("Failed to delete %s: %s", path, g_strerror(errno));
}


static virDomainObj *
virVMANFileLoadConfig(virVMANDriver *driver,
                      const char *path,
                      const char *name)
{
    virVMANDriverConfig *cfg = driver->config;
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(xmlXPathContext) ctxt = NULL;
    g_autoptr(virDomainDef) def = NULL;
    g_autoptr(virDomainDef) oldDef = NULL;
    g_autofree char *link = virDomainConfigFile(cfg->autostartDir, name);
    virDomainObj *vm;
    int autostart;

    if (!(doc = virXMLParseFileCtxt(path, &ctxt)) ||
        !(def = virVMANXMLParseNode(driver, ctxt,
                                    VIR_DOMAIN_DEF_PARSE_INACTIVE |
                                    VIR_DOMAIN_DEF_PARSE_SKIP_VALIDATE)))
        return NULL;

    if (STRNEQ(name, def->name)) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       _("'%s' holds the definition of domain '%s'"),
                       path, def->name);
        return NULL;
    }

    if ((autostart = virFileLinkPointsTo(link, path)) < 0)
        return NULL;

    if (!(vm = virDomainObjListAdd(driver->domains, &def, driver->xmlopt, 0,
                                   &oldDef)))
        return NULL;

    vm->persistent = 1;
    vm->autostart = autostart;
    return vm;
}


static int
virVMANFileParseStatusAttributes(xmlNodePtr node,
                                 virDomainObj *vm)
{
    virVMANDomainObjPrivate *priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    g_autofree char *reason = virXMLPropString(node, "reason");
    unsigned int state = VIR_DOMAIN_NOSTATE;

    if (virXMLPropEnum(node, "state", virDomainStateTypeFromString,
                       VIR_XML_PROP_REQUIRED, &state) < 0 ||
        virXMLPropUInt(node, "partition", 10, VIR_XML_PROP_REQUIRED,
                       &priv->grant.id) < 0 ||
        virXMLPropULongLong(node, "ran", 10, VIR_XML_PROP_REQUIRED,
                            &priv->ran_ns) < 0)
        return -1;

    virDomainObjSetState(vm, state,
                         reason ? virDomainStateReasonFromString(state, reason) : 0);
    return 0;
}


/* The domain is taken for active until vmand tells (virVMANEventSync). */
static virDomainObj *
virVMANFileLoadStatus(virVMANDriver *driver,
                      const char *path,
                      const char *name G_GNUC_UNUSED)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(xmlXPathContext) ctxt = NULL;
    g_autoptr(virDomainDef) def = NULL;
    virVMANDomainObjPrivate *priv;
    virDomainObj *vm;
    xmlNodePtr root;

    if (!(doc = virXMLParseFileCtxt(path, &ctxt)))
        return NULL;

    root = ctxt->node;
    if (!virXMLNodeNameEqual(root, "vmanstatus") ||
        !(ctxt->node = virXPathNode("./domain", ctxt))) {
        virReportError(VIR_ERR_XML_ERROR, _("'%s' is not a status file"), path);
        return NULL;
    }

    if (!(def = virVMANXMLParseNode(driver, ctxt,
                                    VIR_DOMAIN_DEF_PARSE_STATUS |
                                    VIR_DOMAIN_DEF_PARSE_SKIP_VALIDATE)))
        return NULL;

    if (!(vm = virDomainObjListAdd(driver->domains, &def, driver->xmlopt,
                                   VIR_DOMAIN_OBJ_LIST_ADD_LIVE |
                                   VIR_DOMAIN_OBJ_LIST_ADD_CHECK_LIVE,
                                   NULL)))
        return NULL;

    priv = VIR_VMAN_DOMAIN_PRIVATE(vm);
    if (virVMANFileParseStatusAttributes(root, vm) < 0) {
        virDomainObjListRemove(driver->domains, vm);
        virDomainObjEndAPI(&vm);
        return NULL;
    }

    vm->def->id = priv->grant.id;
    virVMANDomainSetPartition(vm, &priv->grant);
    virVMANRecordInhibit(driver, 1);
    return vm;
}


typedef virDomainObj *(*virVMANFileLoader)(virVMANDriver *driver,
                                           const char *path,
                                           const char *name);

/* A damaged file costs its own domain only, and is reported by its name. */
static int
virVMANFileLoadDir(virVMANDriver *driver,
                   const char *dir,
                   virVMANFileLoader load)
{
    g_autoptr(DIR) handle = NULL;
    struct dirent *entry;
    int rc;

    if ((rc = virDirOpenIfExists(&handle, dir)) <= 0)
        return rc;

    while ((rc = virDirRead(handle, &entry, dir)) > 0) {
        g_autofree char *path = g_strdup_printf("%s/%s", dir, entry->d_name);
        virDomainObj *vm;

        if (!virStringStripSuffix(entry->d_name, ".xml"))
            continue;

        if ((vm = load(driver, path, entry->d_name))) {
            virDomainObjEndAPI(&vm);
        } else {
            VIR_ERROR(_("Failed to load '%s', the domain is left out: %s"),
                      path, virGetLastErrorMessage());
            virResetLastError();
        }
    }

    return rc;
}


int
virVMANFileLoadAll(virVMANDriver *driver)
{
    virVMANDriverConfig *cfg = driver->config;

    if (virVMANFileLoadDir(driver, cfg->stateDir, virVMANFileLoadStatus) < 0 ||
        virVMANFileLoadDir(driver, cfg->configDir, virVMANFileLoadConfig) < 0)
        return -1;

    return 0;
}

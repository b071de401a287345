/*
 * vman_conf.c: settings and directories of the vManager driver
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

#include "configmake.h"
#include "vman_conf.h"
#include "virconf.h"
#include "virerror.h"
#include "virfile.h"
#include "virlog.h"
#include "virstring.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_conf");

#define VMAND_SOCKET "/run/vman/vmand.sock"

/* vmand gives up after 30 seconds by default: its answer should come first. */
#define VMAND_TIMEOUT_S 60
#define VMAND_TIMEOUT_MAX_S 86400

VIR_ENUM_IMPL(virVMANReserveOn,
              VIR_VMAN_RESERVE_ON_LAST,
              "define",
              "start",
);

static virClass *virVMANDriverConfigClass;
static void virVMANDriverConfigDispose(void *obj);

static int
virVMANConfigOnceInit(void)
{
    if (!VIR_CLASS_NEW(virVMANDriverConfig, virClassForObject()))
        return -1;

    return 0;
}

VIR_ONCE_GLOBAL_INIT(virVMANConfig);


static void
virVMANDriverConfigDispose(void *obj)
{
    virVMANDriverConfig *cfg = obj;

    g_free(cfg->vmandSocket);
    g_free(cfg->configDir);
    g_free(cfg->autostartDir);
    g_free(cfg->stateDir);
}


static int
virVMANDriverConfigReadReserveOn(virVMANDriverConfig *cfg,
                                 virConf *conf,
                                 const char *file)
{
    g_autofree char *text = NULL;

    if (virConfGetValueString(conf, "reserve_on", &text) < 0)
        return -1;

    if (text &&
        (cfg->reserveOn = virVMANReserveOnTypeFromString(text)) < 0) {
        virReportError(VIR_ERR_CONF_SYNTAX,
                       _("%s: reserve_on must be 'define' or 'start', not '%s'"),
                       file, text);
        return -1;
    }

    return 0;
}


static int
virVMANDriverConfigReadTimeout(virVMANDriverConfig *cfg,
                               virConf *conf,
                               const char *file)
{
    unsigned int seconds = VMAND_TIMEOUT_S;

    if (virConfGetValueUInt(conf, "vmand_timeout", &seconds) < 0)
        return -1;

    if (seconds == 0 || seconds > VMAND_TIMEOUT_MAX_S) {
        virReportError(VIR_ERR_CONF_SYNTAX,
                       _("%s: vmand_timeout must be 1 to %d seconds, not %u"),
                       file, VMAND_TIMEOUT_MAX_S, seconds);
        return -1;
    }

    cfg->vmandTimeout = seconds * 1000;
    return 0;
}


/* The daemon's own file: it skips the keys that it does not know, so do we. */
static int
virVMANDriverConfigLoadFile(virVMANDriverConfig *cfg,
                            const char *file)
{
    g_autoptr(virConf) conf = NULL;

    if (access(file, R_OK) < 0) {
        VIR_INFO("No configuration file %s, using defaults", file);
        return 0;
    }

    if (!(conf = virConfReadFile(file, 0)))
        return -1;

    if (virConfGetValueString(conf, "vmand_socket", &cfg->vmandSocket) < 0 ||
        virConfGetValueBool(conf, "ignore_devices", &cfg->ignoreDevices) < 0 ||
        virVMANDriverConfigReadReserveOn(cfg, conf, file) < 0 ||
        virVMANDriverConfigReadTimeout(cfg, conf, file) < 0)
        return -1;

    if (cfg->vmandSocket[0] != '/') {
        virReportError(VIR_ERR_CONF_SYNTAX,
                       _("%s: vmand_socket must be an absolute path, not '%s'"),
                       file, cfg->vmandSocket);
        return -1;
    }

    return 0;
}


/**
 * virVMANDriverConfigNew:
 *
 * Reads the driver's keys of virtvmand.conf. LIBVIRT_VMAN_ROOT moves all
 * directories of the driver, for tests, as LIBVIRT_DRIVER_DIR moves modules.
 *
 * Returns the configuration, or NULL with an error reported.
 */
virVMANDriverConfig *
virVMANDriverConfigNew(void)
{
    g_autoptr(virVMANDriverConfig) cfg = NULL;
    g_autofree char *file = NULL;
    const char *root = g_getenv("LIBVIRT_VMAN_ROOT");
    const char *etc = root ? "/etc" : SYSCONFDIR;
    const char *run = root ? "/run" : RUNSTATEDIR;

    if (virVMANConfigInitialize() < 0)
        return NULL;

    if (!(cfg = virObjectNew(virVMANDriverConfigClass)))
        return NULL;

    if (!root)
        root = "";

    cfg->vmandSocket = g_strdup(VMAND_SOCKET);
    cfg->vmandTimeout = VMAND_TIMEOUT_S * 1000;
    cfg->reserveOn = VIR_VMAN_RESERVE_ON_DEFINE;
    cfg->ignoreDevices = true;
    cfg->configDir = g_strdup_printf("%s%s/libvirt/vman", root, etc);
    cfg->autostartDir = g_strdup_printf("%s%s/libvirt/vman/autostart", root, etc);
    cfg->stateDir = g_strdup_printf("%s%s/libvirt/vman", root, run);

    file = g_strdup_printf("%s%s/libvirt/virtvmand.conf", root, etc);
    if (virVMANDriverConfigLoadFile(cfg, file) < 0)
        return NULL;

    return g_steal_pointer(&cfg);
}


int
virVMANDriverConfigMakeDirs(virVMANDriverConfig *cfg)
{
    const char *dirs[] = { cfg->configDir, cfg->autostartDir, cfg->stateDir };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(dirs); i++) {
        if (g_mkdir_with_parents(dirs[i], 0700) < 0) {
            virReportSystemError(errno, _("Failed to create directory %s"),
                                 dirs[i]);
            return -1;
        }
    }

    return 0;
}

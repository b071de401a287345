/*
 * vman_device.c: which parts of domain XML a partition can honour
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

#include "vman_device.h"
#include "viralloc.h"
#include "virerror.h"
#include "virlog.h"
#include "virstring.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_device");

/* vmand keeps names of at most this many bytes. */
#define VMAN_NAME_MAX (VMAN_NAME_LENGTH - 1)

/* A partition has physical cores, memory and one console, and nothing else.
 * Management tools put many more devices into every domain that they make. */
typedef enum {
    VIR_VMAN_DEVICE_ACCEPT,     /* the partition has it */
    VIR_VMAN_DEVICE_IGNORE,     /* it is not there; ignore_devices = 0 refuses it */
    VIR_VMAN_DEVICE_REFUSE,     /* it names a resource that must not be lost silently */
} virVMANDevicePolicy;


static bool
virVMANDeviceIsConsole(const virDomainChrDef *chr)
{
    switch ((virDomainChrDeviceType) chr->deviceType) {
    case VIR_DOMAIN_CHR_DEVICE_TYPE_SERIAL:
        return chr->source->type == VIR_DOMAIN_CHR_TYPE_PTY;

    case VIR_DOMAIN_CHR_DEVICE_TYPE_CONSOLE:
        /* The alias of the serial port has type 'null'. */
        return chr->targetType == VIR_DOMAIN_CHR_CONSOLE_TARGET_TYPE_SERIAL;

    case VIR_DOMAIN_CHR_DEVICE_TYPE_PARALLEL:
    case VIR_DOMAIN_CHR_DEVICE_TYPE_CHANNEL:
    case VIR_DOMAIN_CHR_DEVICE_TYPE_LAST:
        break;
    }

    return false;
}


static virVMANDevicePolicy
virVMANDeviceGetPolicy(const virDomainDeviceDef *dev)
{
    switch ((virDomainDeviceType) dev->type) {
    case VIR_DOMAIN_DEVICE_CHR:
        return virVMANDeviceIsConsole(dev->data.chr) ?
            VIR_VMAN_DEVICE_ACCEPT : VIR_VMAN_DEVICE_IGNORE;

    case VIR_DOMAIN_DEVICE_DISK:
    case VIR_DOMAIN_DEVICE_NET:
    case VIR_DOMAIN_DEVICE_INPUT:
    case VIR_DOMAIN_DEVICE_SOUND:
    case VIR_DOMAIN_DEVICE_AUDIO:
    case VIR_DOMAIN_DEVICE_VIDEO:
    case VIR_DOMAIN_DEVICE_GRAPHICS:
    case VIR_DOMAIN_DEVICE_WATCHDOG:
    case VIR_DOMAIN_DEVICE_CONTROLLER:
    case VIR_DOMAIN_DEVICE_HUB:
    case VIR_DOMAIN_DEVICE_REDIRDEV:
    case VIR_DOMAIN_DEVICE_SMARTCARD:
    case VIR_DOMAIN_DEVICE_MEMBALLOON:
    case VIR_DOMAIN_DEVICE_NVRAM:
    case VIR_DOMAIN_DEVICE_RNG:
    case VIR_DOMAIN_DEVICE_TPM:
    case VIR_DOMAIN_DEVICE_PANIC:
    case VIR_DOMAIN_DEVICE_IOMMU:
    case VIR_DOMAIN_DEVICE_VSOCK:
        return VIR_VMAN_DEVICE_IGNORE;

    case VIR_DOMAIN_DEVICE_LEASE:
    case VIR_DOMAIN_DEVICE_FS:
    case VIR_DOMAIN_DEVICE_HOSTDEV:
    case VIR_DOMAIN_DEVICE_SHMEM:
    case VIR_DOMAIN_DEVICE_MEMORY:
    case VIR_DOMAIN_DEVICE_NONE:
    case VIR_DOMAIN_DEVICE_LAST:
        break;
    }

    return VIR_VMAN_DEVICE_REFUSE;
}


/* The element of the XML, for people. */
static const char *
virVMANDeviceGetElement(const virDomainDeviceDef *dev)
{
    if (dev->type == VIR_DOMAIN_DEVICE_CHR) {
        switch ((virDomainChrDeviceType) dev->data.chr->deviceType) {
        case VIR_DOMAIN_CHR_DEVICE_TYPE_SERIAL:
            return "serial";
        case VIR_DOMAIN_CHR_DEVICE_TYPE_CONSOLE:
            return "console";
        case VIR_DOMAIN_CHR_DEVICE_TYPE_PARALLEL:
            return "parallel";
        case VIR_DOMAIN_CHR_DEVICE_TYPE_CHANNEL:
            return "channel";
        case VIR_DOMAIN_CHR_DEVICE_TYPE_LAST:
            break;
        }
    }

    return virDomainDeviceTypeToString(dev->type);
}


/* The parser asks for a model of the graphics card that <graphics> implies; it
 * is ignored as the rest of it. */
int
virVMANDeviceDefPostParse(virDomainDeviceDef *dev,
                          const virDomainDef *def G_GNUC_UNUSED,
                          unsigned int parseFlags G_GNUC_UNUSED,
                          void *opaque G_GNUC_UNUSED,
                          void *parseOpaque G_GNUC_UNUSED)
{
    if (dev->type == VIR_DOMAIN_DEVICE_VIDEO &&
        dev->data.video->type == VIR_DOMAIN_VIDEO_TYPE_DEFAULT)
        dev->data.video->type = VIR_DOMAIN_VIDEO_TYPE_VIRTIO;

    return 0;
}


int
virVMANDeviceDefValidate(const virDomainDeviceDef *dev,
                         const virDomainDef *def,
                         void *opaque,
                         void *parseOpaque G_GNUC_UNUSED)
{
    virVMANDriver *driver = opaque;
    const char *element = virVMANDeviceGetElement(dev);

    switch (virVMANDeviceGetPolicy(dev)) {
    case VIR_VMAN_DEVICE_ACCEPT:
        return 0;

    case VIR_VMAN_DEVICE_IGNORE:
        if (driver->config->ignoreDevices) {
            VIR_WARN("Domain '%s': a partition has no such device, <%s> is ignored",
                     def->name, element);
            return 0;
        }
        break;

    case VIR_VMAN_DEVICE_REFUSE:
        break;
    }

    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   _("a partition cannot have the device <%s>"), element);
    return -1;
}


/* Whether the action can be carried out by the driver's own means. */
static int
virVMANDomainCheckLifecycle(const char *element,
                            int action,
                            bool preserve)
{
    if (action == VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY ||
        action == VIR_DOMAIN_LIFECYCLE_ACTION_RESTART ||
        (preserve && action == VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE))
        return 0;

    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   _("action '%s' of <%s> is not supported"),
                   virDomainLifecycleActionTypeToString(action), element);
    return -1;
}


static int
virVMANDomainCheckName(const char *name)
{
    if (strlen(name) > VMAN_NAME_MAX) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("domain name is longer than %d bytes: '%s'"),
                       VMAN_NAME_MAX, name);
        return -1;
    }

    return virXMLCheckIllegalChars("name", name, "\n");
}


static int
virVMANDomainCheckOS(const virDomainDef *def,
                     virVMANDriver *driver)
{
    virArch arch = virVMANBoardGetArch(driver->board);

    if (def->os.type != VIR_DOMAIN_OSTYPE_HVM) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("OS type '%s' is not supported, only 'hvm'"),
                       virDomainOSTypeToString(def->os.type));
        return -1;
    }

    if (def->os.arch != arch) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("architecture '%s' is not that of the board, '%s'"),
                       virArchToString(def->os.arch), virArchToString(arch));
        return -1;
    }

    if (def->sec) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       _("<launchSecurity> is not supported; see vman:partition"));
        return -1;
    }

    return 0;
}


/* Cores and memory are fixed from start to stop. */
static int
virVMANDomainCheckSize(const virDomainDef *def)
{
    if (virDomainDefHasVcpusOffline(def)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       _("a partition cannot have fewer current than maximum vCPUs"));
        return -1;
    }

    if (virDomainDefHasMemoryHotplug(def)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       _("a partition cannot have hotplugged memory"));
        return -1;
    }

    return 0;
}


int
virVMANDomainDefValidate(const virDomainDef *def,
                         void *opaque,
                         void *parseOpaque G_GNUC_UNUSED)
{
    if (virVMANDomainCheckName(def->name) < 0 ||
        virVMANDomainCheckOS(def, opaque) < 0 ||
        virVMANDomainCheckSize(def) < 0 ||
        virVMANDomainCheckLifecycle("on_poweroff", def->onPoweroff, false) < 0 ||
        virVMANDomainCheckLifecycle("on_reboot", def->onReboot, false) < 0 ||
        virVMANDomainCheckLifecycle("on_crash", def->onCrash, true) < 0)
        return -1;

    return 0;
}


/**
 * virVMANDeviceListIgnored:
 * @def: a persistent definition
 *
 * Returns a list of sentences for people, one for each kind of device that
 * the partition does not have.
 */
char **
virVMANDeviceListIgnored(virDomainDef *def)
{
    const struct {
        const char *element;
        size_t count;
    } kinds[] = {
        { "disk", def->ndisks },
        { "interface", def->nnets },
        { "input", def->ninputs },
        { "sound", def->nsounds },
        { "audio", def->naudios },
        { "video", def->nvideos },
        { "graphics", def->ngraphics },
        { "watchdog", def->watchdog ? 1 : 0 },
        { "hub", def->nhubs },
        { "redirdev", def->nredirdevs },
        { "smartcard", def->nsmartcards },
        { "channel", def->nchannels },
        { "parallel", def->nparallels },
        { "memballoon", def->memballoon ? 1 : 0 },
        { "nvram", def->nvram ? 1 : 0 },
        { "rng", def->nrngs },
        { "tpm", def->ntpms },
        { "panic", def->npanics },
        { "iommu", def->iommu ? 1 : 0 },
        { "vsock", def->vsock ? 1 : 0 },
    };
    GPtrArray *messages = g_ptr_array_new();
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].count > 0)
            g_ptr_array_add(messages,
                            g_strdup_printf(_("ignored: a partition has no <%s>"),
                                            kinds[i].element));
    }

    g_ptr_array_add(messages, NULL);
    return (char **) g_ptr_array_free(messages, false);
}


/* virDomainDeviceDefFree knows how to free each kind. */
#define VMAN_DROP(kind, field, pointer) \
    do { \
        if (pointer) { \
            virDomainDeviceDef *dev = g_new0(virDomainDeviceDef, 1); \
            dev->type = kind; \
            dev->data.field = g_steal_pointer(&pointer); \
            virDomainDeviceDefFree(dev); \
        } \
    } while (0)

#define VMAN_DROP_ALL(kind, field, array, count) \
    do { \
        while (count > 0) { \
            count--; \
            VMAN_DROP(kind, field, array[count]); \
        } \
        VIR_FREE(array); \
    } while (0)

/**
 * virVMANDeviceRemoveIgnored:
 * @def: a live definition
 *
 * Leaves only what the partition has, so that the live XML says the truth.
 */
void
virVMANDeviceRemoveIgnored(virDomainDef *def)
{
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_DISK, disk,
                  def->disks, def->ndisks);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_NET, net,
                  def->nets, def->nnets);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_INPUT, input,
                  def->inputs, def->ninputs);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_SOUND, sound,
                  def->sounds, def->nsounds);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_AUDIO, audio,
                  def->audios, def->naudios);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_VIDEO, video,
                  def->videos, def->nvideos);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_GRAPHICS, graphics,
                  def->graphics, def->ngraphics);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_CONTROLLER, controller,
                  def->controllers, def->ncontrollers);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_HUB, hub,
                  def->hubs, def->nhubs);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_REDIRDEV, redirdev,
                  def->redirdevs, def->nredirdevs);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_SMARTCARD, smartcard,
                  def->smartcards, def->nsmartcards);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_CHR, chr,
                  def->channels, def->nchannels);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_CHR, chr,
                  def->parallels, def->nparallels);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_RNG, rng,
                  def->rngs, def->nrngs);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_TPM, tpm,
                  def->tpms, def->ntpms);
    VMAN_DROP_ALL(VIR_DOMAIN_DEVICE_PANIC, panic,
                  def->panics, def->npanics);
    VMAN_DROP(VIR_DOMAIN_DEVICE_WATCHDOG, watchdog, def->watchdog);
    VMAN_DROP(VIR_DOMAIN_DEVICE_MEMBALLOON, memballoon, def->memballoon);
    VMAN_DROP(VIR_DOMAIN_DEVICE_NVRAM, nvram, def->nvram);
    VMAN_DROP(VIR_DOMAIN_DEVICE_IOMMU, iommu, def->iommu);
    VMAN_DROP(VIR_DOMAIN_DEVICE_VSOCK, vsock, def->vsock);
}

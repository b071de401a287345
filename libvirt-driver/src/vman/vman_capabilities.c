/*
 * vman_capabilities.c: what the board can do, as libvirt tells it
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

#include "capabilities.h"
#include "domain_capabilities.h"
#include "viralloc.h"
#include "virerror.h"
#include "virlog.h"
#include "virnuma.h"
#include "viruuid.h"
#include "vman_capabilities.h"
#include "vman_xml.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_capabilities");

/* In the place of an emulator, which the schema asks for: what makes domains
 * run is the board's driver. */
#define VMAN_DEVICE "/dev/vmanager"

/* One NUMA cell with all cores and all memory of the board. */
static virCapsHostNUMA *
virVMANCapabilitiesMakeNUMA(const vman_host *host)
{
    virCapsHostNUMA *numa = virCapabilitiesHostNUMANew();
    virCapsHostNUMACellCPU *cpus = g_new0(virCapsHostNUMACellCPU,
                                          host->cores_total);
    size_t i;

    for (i = 0; i < host->cores_total; i++) {
        cpus[i].id = i;
        cpus[i].core_id = i;
        cpus[i].siblings = virBitmapNew(host->cores_total);
        ignore_value(virBitmapSetBit(cpus[i].siblings, i));
    }

    virCapabilitiesHostNUMAAddCell(numa, 0, virVMANBoardGetMemory(host) * 1024,
                                   host->cores_total, &cpus,
                                   0, NULL, 0, NULL, NULL);
    return numa;
}


static virCPUDef *
virVMANCapabilitiesMakeCPU(const vman_host *host)
{
    virCPUDef *cpu = virCPUDefNew();

    cpu->type = VIR_CPU_TYPE_HOST;
    cpu->arch = virArchFromString(host->arch);
    cpu->sockets = 1;
    cpu->dies = 1;
    cpu->cores = host->cores_total;
    cpu->threads = 1;
    return cpu;
}


static virCaps *
virVMANCapabilitiesMake(const vman_host *host)
{
    virArch arch = virArchFromString(host->arch);
    g_autoptr(virCaps) caps = virCapabilitiesNew(arch, false, false);
    virCapsGuest *guest;

    if (!caps)
        return NULL;

    /* The identity of a libvirt host is that of the daemon's machine. */
    if (virGetHostUUID(caps->host.host_uuid) < 0) {
        VIR_DEBUG("Host without UUID: %s", virGetLastErrorMessage());
        virResetLastError();
    }

    caps->host.cpu = virVMANCapabilitiesMakeCPU(host);
    caps->host.numa = virVMANCapabilitiesMakeNUMA(host);

    guest = virCapabilitiesAddGuest(caps, VIR_DOMAIN_OSTYPE_HVM, arch,
                                    NULL, NULL, 0, NULL);
    virCapabilitiesAddGuestDomain(guest, VIR_DOMAIN_VIRT_VMAN,
                                  NULL, NULL, 0, NULL);

    return g_steal_pointer(&caps);
}


char *
virVMANCapabilitiesFormat(virVMANDriver *driver)
{
    g_autoptr(virCaps) caps = NULL;
    vman_host host;

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0 ||
        !(caps = virVMANCapabilitiesMake(&host)))
        return NULL;

    return virVMANXMLFormatType(virCapabilitiesFormatXML(caps));
}


int
virVMANCapabilitiesGetMaxVcpus(virVMANDriver *driver)
{
    vman_host host;

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return -1;

    return host.cores_total - host.cores_management;
}


static int
virVMANDomainCapsCheck(virArch arch,
                       const char *emulator,
                       const char *archName,
                       const char *type)
{
    if (emulator && STRNEQ(emulator, VMAN_DEVICE)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("there is no emulator '%s': partitions run on the board itself"),
                       emulator);
        return -1;
    }

    if (type && STRNEQ(type, "vman")) {
        virReportError(VIR_ERR_INVALID_ARG, _("unknown virttype: %s"), type);
        return -1;
    }

    if (archName && virArchFromString(archName) != arch) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("architecture '%s' is not that of the board, '%s'"),
                       archName, virArchToString(arch));
        return -1;
    }

    return 0;
}


/* A kernel is booted directly, there is one serial console, and nothing else:
 * each "no" tells a tool not to offer the device. */
static void
virVMANDomainCapsFill(virDomainCaps *caps)
{
    size_t i;

    caps->os.supported = VIR_TRISTATE_BOOL_YES;
    caps->os.firmware.report = true;
    caps->os.loader.supported = VIR_TRISTATE_BOOL_NO;
    caps->memoryBacking.supported = VIR_TRISTATE_BOOL_NO;
    caps->cpu.hostPassthrough = true;
    caps->disk.supported = VIR_TRISTATE_BOOL_NO;
    caps->graphics.supported = VIR_TRISTATE_BOOL_NO;
    caps->video.supported = VIR_TRISTATE_BOOL_NO;
    caps->hostdev.supported = VIR_TRISTATE_BOOL_NO;
    caps->rng.supported = VIR_TRISTATE_BOOL_NO;
    caps->filesystem.supported = VIR_TRISTATE_BOOL_NO;
    caps->tpm.supported = VIR_TRISTATE_BOOL_NO;
    caps->redirdev.supported = VIR_TRISTATE_BOOL_NO;
    caps->channel.supported = VIR_TRISTATE_BOOL_NO;
    caps->gic.supported = VIR_TRISTATE_BOOL_NO;

    for (i = 0; i < VIR_DOMAIN_CAPS_FEATURE_LAST; i++)
        caps->features[i] = VIR_TRISTATE_BOOL_NO;
}


char *
virVMANDomainCapsFormat(virVMANDriver *driver,
                        const char *emulator,
                        const char *archName,
                        const char *machine,
                        const char *type)
{
    g_autoptr(virDomainCaps) caps = NULL;
    vman_host host;
    virArch arch;

    if (virVMANBoardGet(driver->board, driver->monitor, &host) < 0)
        return NULL;

    arch = virArchFromString(host.arch);
    if (virVMANDomainCapsCheck(arch, emulator, archName, type) < 0)
        return NULL;

    if (!(caps = virDomainCapsNew(VMAN_DEVICE, machine, arch,
                                  VIR_DOMAIN_VIRT_VMAN)))
        return NULL;

    caps->maxvcpus = host.cores_total - host.cores_management;
    virVMANDomainCapsFill(caps);
    return virVMANXMLFormatType(virDomainCapsFormat(caps));
}

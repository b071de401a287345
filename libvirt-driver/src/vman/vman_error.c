/*
 * vman_error.c: vmand's errors as libvirt's
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

#include "vman_conf.h"
#include "vman_error.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

/* One line for each status: the compiler asks for those to come. */
virErrorNumber
virVMANErrorNumber(vman_status status)
{
    switch (status) {
    case VMAN_STATUS_OK:
        return VIR_ERR_OK;
    case VMAN_STATUS_INVALID_ARGUMENT:
        return VIR_ERR_INVALID_ARG;
    case VMAN_STATUS_NOT_FOUND:
        return VIR_ERR_NO_DOMAIN;
    case VMAN_STATUS_INVALID_STATE:
        return VIR_ERR_OPERATION_INVALID;
    case VMAN_STATUS_NO_RESOURCES:
    case VMAN_STATUS_ALREADY_EXISTS:
        return VIR_ERR_OPERATION_FAILED;
    case VMAN_STATUS_BUSY:
        return VIR_ERR_RESOURCE_BUSY;
    case VMAN_STATUS_PERMISSION_DENIED:
        return VIR_ERR_ACCESS_DENIED;
    case VMAN_STATUS_UNSUPPORTED:
        return VIR_ERR_OPERATION_UNSUPPORTED;
    case VMAN_STATUS_TIMEOUT:
        return VIR_ERR_OPERATION_TIMEOUT;
    case VMAN_STATUS_DISCONNECTED:
        return VIR_ERR_NO_CONNECT;
    case VMAN_STATUS_PROTOCOL:
        return VIR_ERR_RPC;
    case VMAN_STATUS_FIRMWARE:
    case VMAN_STATUS_INTERNAL:
    case VMAN_STATUS_PANIC:
        return VIR_ERR_INTERNAL_ERROR;
    }

    /* A newer library's number. */
    return VIR_ERR_INTERNAL_ERROR;
}


void
virVMANErrorReport(vman_status status,
                   const char *message)
{
    virReportError(virVMANErrorNumber(status), _("vmand: %s"),
                   message ? message : vman_status_name(status));
}

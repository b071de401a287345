/*
 * vman_namespace.h: the vman namespace of domain XML
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

#pragma once

#include "virxml.h"

#define VIR_VMAN_NAMESPACE_URI "http://libvirt.org/schemas/domain/vman/1.0"

/* What libvirt has no element for:
 *
 * <domain type='vman' xmlns:vman='http://libvirt.org/schemas/domain/vman/1.0'>
 *   <vman:partition secure='yes' sharedWith='NAME or UUID'/>
 */
typedef struct _virVMANNamespace virVMANNamespace;
struct _virVMANNamespace {
    bool secure;
    char *sharedWith;               /* secure only */
};

extern virXMLNamespace virVMANDriverNamespace;

/*
 * vman_driver_lifecycle.h: how clients change the state of domains
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

#include "internal.h"

/* Callbacks of virHypervisorDriver: see the reference of libvirt's API. */

virDomainPtr
vmanDomainCreateXML(virConnectPtr conn,
                    const char *xml,
                    unsigned int flags);

int
vmanDomainCreateWithFlags(virDomainPtr dom,
                          unsigned int flags);

int
vmanDomainCreate(virDomainPtr dom);

int
vmanDomainShutdownFlags(virDomainPtr dom,
                        unsigned int flags);

int
vmanDomainShutdown(virDomainPtr dom);

int
vmanDomainReboot(virDomainPtr dom,
                 unsigned int flags);

int
vmanDomainReset(virDomainPtr dom,
                unsigned int flags);

int
vmanDomainSuspend(virDomainPtr dom);

int
vmanDomainResume(virDomainPtr dom);

int
vmanDomainDestroyFlags(virDomainPtr dom,
                       unsigned int flags);

int
vmanDomainDestroy(virDomainPtr dom);

/*
 * vman_process.h: what is done with a domain's partition
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

#include "vman_conf.h"

/* The caller has the domain locked and a job on it. */

int
virVMANDomainDefineXML(virVMANDriver *driver,
                       virDomainObj *vm);

int
virVMANDomainUndefine(virVMANDriver *driver,
                      virDomainObj *vm);

int
virVMANDomainCreate(virVMANDriver *driver,
                    virDomainObj *vm,
                    bool paused);

int
virVMANDomainShutdown(virVMANDriver *driver,
                      virDomainObj *vm);

int
virVMANDomainReboot(virVMANDriver *driver,
                    virDomainObj *vm);

int
virVMANDomainRestart(virVMANDriver *driver,
                     virDomainObj *vm);

int
virVMANDomainStartAgain(virVMANDriver *driver,
                        virDomainObj *vm);

int
virVMANDomainSuspend(virVMANDriver *driver,
                     virDomainObj *vm);

int
virVMANDomainResume(virVMANDriver *driver,
                    virDomainObj *vm);

int
virVMANDomainDestroy(virVMANDriver *driver,
                     virDomainObj *vm,
                     int reason,
                     int detail);

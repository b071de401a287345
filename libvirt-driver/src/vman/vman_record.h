/*
 * vman_record.h: what has happened to a domain, written down
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

/* States, clocks, status files and libvirt's events; the caller has the domain
 * locked. */

int
virVMANRecordMakeLive(virVMANDriver *driver,
                      virDomainObj *vm);

void
virVMANRecordInhibit(virVMANDriver *driver,
                     int change);

void
virVMANRecordStarted(virVMANDriver *driver,
                     virDomainObj *vm,
                     int reason);

void
virVMANRecordStopped(virVMANDriver *driver,
                     virDomainObj *vm,
                     int reason,
                     int detail);

void
virVMANRecordSuspended(virVMANDriver *driver,
                       virDomainObj *vm);

void
virVMANRecordResumed(virVMANDriver *driver,
                     virDomainObj *vm);

void
virVMANRecordRebooted(virVMANDriver *driver,
                      virDomainObj *vm);

void
virVMANRecordCrashed(virVMANDriver *driver,
                     virDomainObj *vm);

/*
 * vman_console.h: consoles of partitions as streams
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
#include "virobject.h"

/* The open consoles of one domain: any number at a time, each sees all that
 * the partition prints, and all type. */
typedef struct _virVMANConsoles virVMANConsoles;

virVMANConsoles *
virVMANConsolesNew(void);

int
virVMANConsoleOpen(virVMANConsoles *consoles,
                   const char *socket,
                   unsigned int partition,
                   virStreamPtr st,
                   unsigned int flags);

void
virVMANConsolesClose(virVMANConsoles *consoles);

void
virVMANConsolesFree(virVMANConsoles *consoles);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virVMANConsoles, virObjectUnref);

/*
 * vman_board.h: what the board is
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

#include "virarch.h"
#include "vman_monitor.h"

/* The board's unchanging facts, kept so that queries need no round trip and
 * work while vmand is away. */
typedef struct _virVMANBoard virVMANBoard;

virVMANBoard *
virVMANBoardNew(void);

int
virVMANBoardRefresh(virVMANBoard *board,
                    virVMANMonitor *mon);

int
virVMANBoardGet(virVMANBoard *board,
                virVMANMonitor *mon,
                vman_host *host);

virArch
virVMANBoardGetArch(virVMANBoard *board);

unsigned long long
virVMANBoardRoundMemory(virVMANBoard *board,
                        unsigned long long memory_kib);

unsigned long long
virVMANBoardGetMemory(const vman_host *host);

void
virVMANBoardAddBusy(virVMANBoard *board,
                    const vman_partition *partition,
                    unsigned long long ran_ns);

unsigned long long
virVMANBoardGetBusy(virVMANBoard *board,
                    unsigned int core);

unsigned long long
virVMANBoardGetUptime(virVMANBoard *board);

bool
virVMANBoardHasCore(const uint64_t cores[VMAN_CPU_WORDS],
                    unsigned int core);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virVMANBoard, virObjectUnref);

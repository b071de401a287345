/*
 * vman_board.c: what the board is
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

#include "vman_board.h"
#include "vman_conf.h"
#include "virerror.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_board");

/* Until the board has told its own. */
#define VMAN_BOARD_GRANULE_MIB 2

struct _virVMANBoard {
    virObjectLockable parent;

    bool known;
    vman_host host;

    /* Time that stopped partitions ran on each core, since @start_us. */
    gint64 start_us;
    unsigned long long busy_ns[VMAN_CPU_WORDS * 64];
};

static virClass *virVMANBoardClass;

static void
virVMANBoardDispose(void *obj G_GNUC_UNUSED)
{
}

static int
virVMANBoardOnceInit(void)
{
    if (!VIR_CLASS_NEW(virVMANBoard, virClassForObjectLockable()))
        return -1;

    return 0;
}

VIR_ONCE_GLOBAL_INIT(virVMANBoard);


virVMANBoard *
virVMANBoardNew(void)
{
    virVMANBoard *board;

    if (virVMANBoardInitialize() < 0)
        return NULL;

    if (!(board = virObjectLockableNew(virVMANBoardClass)))
        return NULL;

    board->start_us = g_get_monotonic_time();
    return board;
}


int
virVMANBoardRefresh(virVMANBoard *board,
                    virVMANMonitor *mon)
{
    vman_host host = { 0 };

    if (virVMANMonitorQueryHost(mon, &host) < 0)
        return -1;

    VIR_WITH_OBJECT_LOCK_GUARD(board) {
        board->host = host;
        board->known = true;
    }

    return 0;
}


/**
 * virVMANBoardGet:
 * @board: the board
 * @mon: connections to vmand, asked only if the board is not known yet
 * @host: where the facts go; what is free in it is of no use, it is old
 *
 * Returns 0, or -1 with an error reported.
 */
int
virVMANBoardGet(virVMANBoard *board,
                virVMANMonitor *mon,
                vman_host *host)
{
    bool known = false;

    VIR_WITH_OBJECT_LOCK_GUARD(board) {
        known = board->known;
        *host = board->host;
    }

    if (known)
        return 0;

    if (virVMANBoardRefresh(board, mon) < 0)
        return -1;

    VIR_WITH_OBJECT_LOCK_GUARD(board) {
        *host = board->host;
    }

    return 0;
}


/* The architecture of partitions; vManager boards are ARMv8 machines, so this
 * is known also before the board answers. */
virArch
virVMANBoardGetArch(virVMANBoard *board)
{
    virArch arch = VIR_ARCH_NONE;

    VIR_WITH_OBJECT_LOCK_GUARD(board) {
        if (board->known)
            arch = virArchFromString(board->host.arch);
    }

    return arch == VIR_ARCH_NONE ? VIR_ARCH_AARCH64 : arch;
}


/**
 * virVMANBoardRoundMemory:
 * @board: the board
 * @memory_kib: what a domain asks for
 *
 * Returns what its partition gets, in MiB: whole granules.
 */
unsigned long long
virVMANBoardRoundMemory(virVMANBoard *board,
                        unsigned long long memory_kib)
{
    unsigned long long granule = 0;
    unsigned long long memory_mib = VIR_DIV_UP(memory_kib, 1024);

    VIR_WITH_OBJECT_LOCK_GUARD(board) {
        if (board->known)
            granule = board->host.memory_granule_mib;
    }

    if (granule == 0)
        granule = VMAN_BOARD_GRANULE_MIB;

    return VIR_DIV_UP(memory_mib, granule) * granule;
}


bool
virVMANBoardHasCore(const uint64_t cores[VMAN_CPU_WORDS],
                    unsigned int core)
{
    return core < VMAN_CPU_WORDS * 64 &&
           (cores[core / 64] & (1ULL << (core % 64)));
}


/* A partition has stopped: its cores remember for how long it ran. */
void
virVMANBoardAddBusy(virVMANBoard *board,
                    const vman_partition *partition,
                    unsigned long long ran_ns)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(board);
    unsigned int core;

    for (core = 0; core < VMAN_CPU_WORDS * 64; core++) {
        if (virVMANBoardHasCore(partition->cores, core))
            board->busy_ns[core] += ran_ns;
    }
}


unsigned long long
virVMANBoardGetBusy(virVMANBoard *board,
                    unsigned int core)
{
    VIR_LOCK_GUARD lock = virObjectLockGuard(board);

    return core < VMAN_CPU_WORDS * 64 ? board->busy_ns[core] : 0;
}


/* Since the driver was started, in ns. */
unsigned long long
virVMANBoardGetUptime(virVMANBoard *board)
{
    return (g_get_monotonic_time() - board->start_us) * 1000ULL;
}


/* All memory of the board, in MiB. */
unsigned long long
virVMANBoardGetMemory(const vman_host *host)
{
    return host->memory.total_mib + host->secure_memory.total_mib +
        host->memory_management_mib;
}

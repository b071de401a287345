# python examples/partitions.py --simulate
"""The life of a partition: created, started, watched, suspended, stopped and given back.

With --simulate on a simulated board in this process; without it on the vmand that $AIVIRT_SOCKET or the default socket
names, with a kernel of yours.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

import aivirt
from aivirt import PartitionState
from aivirt.testing import SimBoard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulate", action="store_true", help="on a simulated board in this process")
    parser.add_argument("--kernel", help="an uncompressed arm64 Image")
    args = parser.parse_args()
    with ExitStack() as stack:
        board = stack.enter_context(SimBoard()) if args.simulate else None
        kernel = args.kernel or (board.kernel if board else parser.error("--kernel is needed without --simulate"))
        client = stack.enter_context(aivirt.Client(board.socket if board else None, timeout=60))
        host = client.host()
        print(f"{host.model}: {host.cores_free} cores and {host.memory.free_mib} MiB are free")
        events = stack.enter_context(client.events())

        web = client.create_partition(2, memory_mib=512, name="web")
        web.deploy(kernel, cmdline="console=hvc0")
        with web.console(position=0) as console:
            print(console.read_until(b"Booting Linux", timeout=30).decode(errors="replace").splitlines()[0])
        web.suspend()
        try:
            web.destroy()
        except aivirt.InvalidStateError as error:
            print(f"as it should be: {error}; possible in {', '.join(map(str, error.needed))}")
        web.restore()
        web.shutdown()
        assert web.state() is PartitionState.READY
        web.destroy()
        while (event := events.wait(0.2)) is not None:
            print(event)


if __name__ == "__main__":
    main()

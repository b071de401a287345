"""A simulated board in this process, for tests of whatever uses partitions.

:class:`SimBoard` is no fake: it is the project's own daemon and firmware library on simulated cores, memory and
consoles, behind a Unix socket, so that programs of every language can use it. States, errors, events and consoles are
those of a real board; only the operating systems in the partitions are simulated.

>>> from aivirt.testing import SimBoard
>>> with SimBoard() as board, board.client() as client:
...     web = client.create_partition(2, memory_mib=512)
...     web.deploy(board.kernel, cmdline="sim.guest=poweroff sim.after_ms=5")
...     web.wait_for(aivirt.PartitionState.READY, timeout=10)

With pytest the fixtures ``sim_board`` and ``sim_client`` are there as soon as this package is installed. What a guest does
is chosen on the kernel's command line: ``sim.guest=boot`` (the default), ``poweroff``, ``reset``, ``crash``, ``oops``,
``stubborn``, ``flood`` or ``spin``, with ``sim.after_ms=N`` and ``sim.times=N``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType

from .. import _aivirt
from ..client import Client
from ..exceptions import UnsupportedError
from .images import kernel_image

__all__ = ["SimBoard", "kernel_image"]


class SimBoard:
    """A simulated board with its daemon, on threads of this process. A context manager.

    Args:
        cpus: physical cores, 2 to 256.
        management_cpus: of them the management partition keeps so many.
        memory_mib: memory for partitions; costs nothing until it is used.
        secure_memory_mib: memory for critical partitions, 0 for none.
        management_memory_mib: memory of the management partition; it holds copies of what was deployed.
        socket: where the daemon listens; in a directory of its own if missing, which goes when the board is closed.
        image_dirs: more directories in which relative paths of kernels resolve.

    Raises:
        InvalidArgumentError: there can be no such board; the message names the rule.
        UnsupportedError: this build of aivirt has no simulator.
    """

    def __init__(
        self,
        *,
        cpus: int = 8,
        management_cpus: int = 1,
        memory_mib: int = 8192,
        secure_memory_mib: int = 1024,
        management_memory_mib: int = 1024,
        socket: str | PathLike[str] | None = None,
        image_dirs: Sequence[str | PathLike[str]] = (),
    ) -> None:
        if not _aivirt.HAS_SIMULATOR:
            raise UnsupportedError("This build of aivirt has no simulator (feature `simulator`)")
        self._native = _aivirt.SimBoard(
            cpus, management_cpus, memory_mib, secure_memory_mib, management_memory_mib
        )
        self._directory = Path(tempfile.mkdtemp(prefix="aivirt-board-"))
        self._socket = Path(fspath(socket)) if socket is not None else self._directory / "vmand.sock"
        self._images = [str(self._directory / "boot"), *(str(Path(fspath(path)).absolute()) for path in image_dirs)]
        self._kernel = self._directory / "boot" / "Image"
        try:
            self._kernel.parent.mkdir()
            self._kernel.write_bytes(kernel_image())
            self.start()
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise

    def __repr__(self) -> str:
        return f"SimBoard(socket={str(self._socket)!r})"

    @property
    def socket(self) -> str:
        """The daemon's Unix socket."""
        return str(self._socket)

    @property
    def kernel(self) -> str:
        """A kernel image that the simulated guests boot, 1 MiB."""
        return str(self._kernel)

    @property
    def serving(self) -> bool:
        """Whether the daemon runs."""
        return self._native.serving

    def client(self, *, timeout: float | None = 60.0) -> Client:
        """A client of the board; see :class:`aivirt.Client`."""
        return Client(self._socket, timeout=timeout)

    def start(self) -> None:
        """Starts the daemon again after :meth:`stop` or :meth:`kill`; the partitions are still there.

        Raises:
            InvalidStateError: it runs already.
        """
        self._native.serve(self.socket, self._images, str(self._directory / "store"))

    def stop(self) -> None:
        """Stops the daemon in order, as SIGTERM does: commands that run may finish. The partitions stay."""
        self._native.stop(True)

    def kill(self) -> None:
        """Stops the daemon at once, as SIGKILL does: connections break. The partitions stay."""
        self._native.stop(False)

    def unplug(self) -> None:
        """Takes the board away from the daemon: every command raises :class:`~aivirt.DisconnectedError` from now on."""
        self._native.unplug()

    def close(self) -> None:
        """Stops the daemon at once and removes its files. Doing it twice does no harm."""
        self._native.stop(False)
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> SimBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

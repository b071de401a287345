"""The client of vmand: partitions of one board."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from uuid import UUID

from . import _aivirt
from .events import EventStream
from .exceptions import InvalidArgumentError
from .partition import (
    Console,
    ConsolePiece,
    HostInfo,
    ImageInfo,
    ImageStore,
    Partition,
    PartitionInfo,
    VersionInfo,
    _file,
    _partition_info,
)

__all__ = ["DEFAULT_SOCKET", "Client"]

DEFAULT_SOCKET: str = _aivirt.DEFAULT_SOCKET
"""Where vmand listens unless told otherwise."""


class Client:
    """A client of vmand. A context manager; may be shared by any number of threads.

    Calls wait without the interpreter's lock, can be ended by Ctrl-C, and run at the same time: each has a connection of
    its own while it runs. A connection that vmand has closed meanwhile, because it was restarted, is made anew by
    itself; a call that was under way raises :class:`~aivirt.DisconnectedError`. After a fork the child makes
    connections of its own.

    Args:
        socket: vmand's Unix socket; ``$AIVIRT_SOCKET`` if that is set, else ``/run/vman/vmand.sock``.
        timeout: the longest wait for an answer in seconds; ``None`` waits as long as vmand works.

    Raises:
        DisconnectedError: nobody listens there.
        PermissionDeniedError: this user may not connect.

    Every method raises :class:`~aivirt.DisconnectedError` if the connection breaks, :class:`~aivirt.TimedOutError`
    after ``timeout``, and what vmand refuses as the exception of its kind.
    """

    def __init__(self, socket: str | os.PathLike[str] | None = None, *, timeout: float | None = None) -> None:
        path = os.fspath(socket) if socket is not None else os.environ.get("AIVIRT_SOCKET") or DEFAULT_SOCKET
        self._socket = path
        self._native = _aivirt.Client(path, timeout)

    def __repr__(self) -> str:
        return f"Client({self._socket!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def socket(self) -> str:
        """vmand's socket."""
        return self._socket

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._native.closed

    def close(self) -> None:
        """Closes the connections; calls under way end as they would. Doing it twice does no harm."""
        self._native.close()

    def call(self, command: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Gives any command of the protocol and returns its reply as it is: for what has no method here.

        >>> client.call("query-version")["protocol"]
        1
        """
        reply: dict[str, Any] = self._native.call(command, dict(args or {}))
        return reply

    # -- the board ---------------------------------------------------------------------------------------------------

    def version(self) -> VersionInfo:
        """Who answers, and with which abilities."""
        reply = self._native.call("query-version", {})
        return VersionInfo(
            reply["protocol"], reply["version"], reply["firmware"], reply["paths"] == "remote", reply["simulated"]
        )

    def host(self) -> HostInfo:
        """What the board is made of and what is free."""
        return HostInfo._from_reply(self._native.call("query-host", {}))

    def events(self) -> EventStream:
        """A stream of everything that happens to partitions from now on, on a connection of its own."""
        return EventStream(self._native.events())

    # -- partitions --------------------------------------------------------------------------------------------------

    def create_partition(
        self,
        cores: int,
        *,
        memory_mib: int | None = None,
        memory_gib: int | None = None,
        secure: bool = False,
        name: str | None = None,
        uuid: UUID | str | None = None,
        shared_with: int | Partition | None = None,
    ) -> Partition:
        """Cuts a partition from the board: READY, its CPUs off.

        Args:
            cores: number of physical cores, at least 1.
            memory_mib: memory in MiB, a multiple of ``host().memory_granule_mib``; or ``memory_gib`` in GiB.
            secure: whether it is critical.
            name: unique, at most 63 bytes.
            uuid: unique identity for other management systems.
            shared_with: a partition over whose cores this critical one has strict priority.

        Raises:
            NoResourcesError: there are not enough cores or memory; the message says what there is.
            AlreadyExistsError: name or UUID are taken.
            InvalidArgumentError: an argument breaks its rule.
        """
        if (memory_mib is None) == (memory_gib is None):
            raise InvalidArgumentError(
                "Exactly one of memory_mib and memory_gib must be given", command="create-partition"
            )
        args: dict[str, Any] = {"cores": cores, "secure": secure}
        if memory_mib is not None:
            args["memsize_mib"] = memory_mib
        else:
            args["memsize"] = memory_gib
        if name is not None:
            args["name"] = name
        if uuid is not None:
            args["uuid"] = str(uuid)
        if shared_with is not None:
            args["shared_with"] = _id(shared_with)
        return Partition(self, self._native.call("create-partition", args)["id"])

    def partition(self, id: int) -> Partition:
        """A handle to the partition of this number. Asks nobody whether there is one."""
        return Partition(self, id)

    def find(self, name_or_uuid: str | UUID) -> Partition | None:
        """A handle to the partition of this name or UUID, ``None`` if there is none."""
        for info in self.list_partitions():
            if name_or_uuid in (info.name, info.uuid) or (info.uuid is not None and str(info.uuid) == name_or_uuid):
                return Partition(self, info.id)
        return None

    def list_partitions(self) -> list[PartitionInfo]:
        """Every partition by rising number; the management partition is not among them."""
        reply = self._native.call("query-partitions", {})
        return [PartitionInfo._from_reply(partition) for partition in reply["partitions"]]

    def query_partition(self, partition: int | Partition) -> PartitionInfo:
        """One partition.

        Raises:
            NotFoundError: there is none.
        """
        return _partition_info(*self._native.query_partition(_id(partition)))

    def query_stats(self, partition: int | Partition) -> dict[str, int]:
        """A partition's counters by name.

        Raises:
            NotFoundError: there is none.
        """
        counters: dict[str, int] = self._native.call("query-stats", {"id": _id(partition)})["counters"]
        return counters

    def deploy(
        self,
        partition: int | Partition,
        kernel: str | os.PathLike[str],
        *,
        dtb: str | os.PathLike[str] | None = None,
        initrd: str | os.PathLike[str] | None = None,
        cmdline: str | None = None,
    ) -> None:
        """Loads a kernel and starts it: READY becomes DEPLOYED.

        Args:
            kernel: an uncompressed arm64 ``Image``: a path, or the reference of an uploaded one
                (``image:sha256:...``). Relative paths resolve in vmand's image directories. Files of this machine are
                uploaded by themselves where vmand runs on another one.
            dtb: device tree blob; made from the board's own if it is missing.
            initrd: initial RAM disk.
            cmdline: the kernel's command line.

        Raises:
            InvalidStateError: the partition is not READY.
            InvalidArgumentError: a file is not what it should be.
            NotFoundError: there is no such partition or file.
        """
        args: dict[str, Any] = {"partition_id": _id(partition), "kernel": _file(kernel)}
        if dtb is not None:
            args["dtb"] = _file(dtb)
        if initrd is not None:
            args["initrd"] = _file(initrd)
        if cmdline is not None:
            args["cmdline"] = cmdline
        self._native.deploy(args)

    def destroy_partition(self, partition: int | Partition) -> None:
        """Gives cores and memory back; READY only."""
        self._native.call("destroy-partition", {"id": _id(partition)})

    def reboot(self, partition: int | Partition) -> None:
        """Halts the CPUs, loads the kernel again and starts it; DEPLOYED stays DEPLOYED."""
        self._native.call("reboot", {"id": _id(partition)})

    def shutdown(self, partition: int | Partition, *, graceful: bool = False, timeout_ms: int | None = None) -> None:
        """Halts the CPUs: DEPLOYED or SUSPENDED becomes READY.

        Args:
            graceful: asks the operating system instead of forcing it; boards may not support it.
            timeout_ms: how long vmand waits for the CPUs to be off, in milliseconds.

        Raises:
            TimedOutError: a CPU is not off; the partition is still DEPLOYED.
            UnsupportedError: ``graceful`` is not possible on this board.
        """
        args: dict[str, Any] = {"id": _id(partition)}
        if graceful:
            args["mode"] = "graceful"
        if timeout_ms is not None:
            args["timeout_ms"] = timeout_ms
        self._native.call("shutdown", args)

    def suspend(self, partition: int | Partition) -> None:
        """Holds the CPUs with their state: DEPLOYED becomes SUSPENDED."""
        self._native.call("suspend", {"id": _id(partition)})

    def restore(self, partition: int | Partition) -> None:
        """Lets held CPUs go on: SUSPENDED becomes DEPLOYED."""
        self._native.call("restore", {"id": _id(partition)})

    # -- consoles ----------------------------------------------------------------------------------------------------

    def console_read(
        self, partition: int | Partition, position: int | None = None, max_bytes: int | None = None
    ) -> ConsolePiece:
        """What a partition has printed.

        Args:
            position: the first byte wanted, counted over everything ever printed; the oldest one kept if missing.
            max_bytes: at most so many; 64 KiB if missing, 512 KiB at most.
        """
        args: dict[str, Any] = {"id": _id(partition)}
        if position is not None:
            args["position"] = position
        if max_bytes is not None:
            args["max"] = max_bytes
        reply = self._native.call("console-read", args)
        return ConsolePiece(reply["position"], b64decode(reply["data"]), reply["end"])

    def console_write(self, partition: int | Partition, data: bytes) -> None:
        """Types ``data`` into a partition's console."""
        self._native.call("console-write", {"id": _id(partition), "data": b64encode(data).decode("ascii")})

    def console(self, partition: int | Partition, position: int | None = None) -> Console:
        """Attaches to a partition's console, on a connection of its own.

        ``position`` is the first byte wanted; what comes from now on if missing, everything kept if 0.
        """
        return Console(self._native.console(_id(partition), position))

    # -- images ------------------------------------------------------------------------------------------------------

    def upload(
        self, path: str | os.PathLike[str], *, progress: Callable[[int, int], object] | None = None
    ) -> str:
        """Brings a file into vmand's store, unless it is there already.

        Args:
            progress: called with bytes stored and bytes in all, as the upload goes on.

        Returns:
            The reference that :meth:`deploy` takes, ``image:sha256:...``.
        """
        return self._native.upload(os.fspath(path), progress)

    def list_images(self) -> ImageStore:
        """What is in vmand's store."""
        reply = self._native.call("image-list", {})
        images = tuple(ImageInfo(image["digest"], image["size"]) for image in reply["images"])
        return ImageStore(images, reply["capacity"], reply["used"])

    def delete_image(self, image: str | ImageInfo) -> None:
        """Removes an image, given as such, by its digest or by its reference, from vmand's store.

        Raises:
            NotFoundError: it is not there.
        """
        digest = image.digest if isinstance(image, ImageInfo) else image.removeprefix("image:sha256:")
        self._native.call("image-delete", {"digest": digest})


def _id(partition: int | Partition) -> int:
    return partition.id if isinstance(partition, Partition) else partition

"""The client for asyncio.

The same methods as :class:`aivirt.Client`, to be awaited. Calls run on threads of the client's own, each with a
connection of its own, so they run at the same time and never block the event loop; events and consoles need no thread:
the event loop watches their descriptors.

>>> async with await aivirt.aio.connect() as client:
...     web = await client.create_partition(2, memory_mib=512)
...     async for event in await client.events():
...         print(event)

A call whose task is cancelled stops being awaited at once; vmand carries it out all the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from . import client as _sync
from .events import DaemonStopping, Event
from .events import EventStream as _SyncEventStream
from .exceptions import DisconnectedError
from .partition import Console as _SyncConsole
from .partition import (
    ConsolePiece,
    HostInfo,
    ImageInfo,
    ImageStore,
    Partition,
    PartitionInfo,
    PartitionState,
    VersionInfo,
)

__all__ = ["Client", "Console", "EventStream", "connect"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


async def connect(
    socket: str | os.PathLike[str] | None = None, *, timeout: float | None = None, max_calls: int = 32
) -> Client:
    """A client that is connected. See :class:`aivirt.Client` for the arguments.

    Args:
        max_calls: so many calls run at the same time; more wait for their turn.
    """
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(max_calls, thread_name_prefix="aivirt-aio")
    try:
        connected = await loop.run_in_executor(executor, lambda: _sync.Client(socket, timeout=timeout))
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return Client(connected, executor)


class Client:
    """A client of vmand for one event loop; made by :func:`connect`. An asynchronous context manager."""

    def __init__(self, connected: _sync.Client, executor: ThreadPoolExecutor) -> None:
        self._sync = connected
        self._executor = executor

    def __repr__(self) -> str:
        return f"aio.{self._sync!r}"

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections; calls under way end as they would."""
        self._sync.close()
        self._executor.shutdown(wait=False)

    @property
    def sync(self) -> _sync.Client:
        """The client below, for code that may block."""
        return self._sync

    async def _run(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if self._sync.closed:
            raise DisconnectedError("The client is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: call(*args, **kwargs))

    async def call(self, command: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See :meth:`aivirt.Client.call`."""
        return await self._run(self._sync.call, command, args)

    async def version(self) -> VersionInfo:
        """See :meth:`aivirt.Client.version`."""
        return await self._run(self._sync.version)

    async def host(self) -> HostInfo:
        """See :meth:`aivirt.Client.host`."""
        return await self._run(self._sync.host)

    async def create_partition(
        self,
        cores: int,
        *,
        memory_mib: int | None = None,
        memory_gib: int | None = None,
        secure: bool = False,
        name: str | None = None,
        uuid: UUID | str | None = None,
        shared_with: int | Partition | None = None,
    ) -> int:
        """See :meth:`aivirt.Client.create_partition`; returns the partition's number."""
        partition = await self._run(
            self._sync.create_partition,
            cores,
            memory_mib=memory_mib,
            memory_gib=memory_gib,
            secure=secure,
            name=name,
            uuid=uuid,
            shared_with=shared_with,
        )
        return partition.id

    async def list_partitions(self) -> list[PartitionInfo]:
        """See :meth:`aivirt.Client.list_partitions`."""
        return await self._run(self._sync.list_partitions)

    async def query_partition(self, partition: int) -> PartitionInfo:
        """See :meth:`aivirt.Client.query_partition`."""
        return await self._run(self._sync.query_partition, partition)

    async def query_stats(self, partition: int) -> dict[str, int]:
        """See :meth:`aivirt.Client.query_stats`."""
        return await self._run(self._sync.query_stats, partition)

    async def deploy(
        self,
        partition: int,
        kernel: str | os.PathLike[str],
        *,
        dtb: str | os.PathLike[str] | None = None,
        initrd: str | os.PathLike[str] | None = None,
        cmdline: str | None = None,
    ) -> None:
        """See :meth:`aivirt.Client.deploy`."""
        await self._run(self._sync.deploy, partition, kernel, dtb=dtb, initrd=initrd, cmdline=cmdline)

    async def destroy_partition(self, partition: int) -> None:
        """See :meth:`aivirt.Client.destroy_partition`."""
        await self._run(self._sync.destroy_partition, partition)

    async def remove(self, partition: int) -> None:
        """See :meth:`aivirt.Partition.remove`."""
        await self._run(self._sync.partition(partition).remove)

    async def reboot(self, partition: int) -> None:
        """See :meth:`aivirt.Client.reboot`."""
        await self._run(self._sync.reboot, partition)

    async def shutdown(self, partition: int, *, graceful: bool = False, timeout_ms: int | None = None) -> None:
        """See :meth:`aivirt.Client.shutdown`."""
        await self._run(self._sync.shutdown, partition, graceful=graceful, timeout_ms=timeout_ms)

    async def suspend(self, partition: int) -> None:
        """See :meth:`aivirt.Client.suspend`."""
        await self._run(self._sync.suspend, partition)

    async def restore(self, partition: int) -> None:
        """See :meth:`aivirt.Client.restore`."""
        await self._run(self._sync.restore, partition)

    async def wait_for(self, partition: int, state: PartitionState) -> None:
        """Waits until a partition is in ``state``. Ends by cancellation, as with :func:`asyncio.wait_for`.

        Raises:
            NotFoundError: it is gone.
        """
        async with await self.events() as events:
            while (await self.query_partition(partition)).state is not state:
                await events.wait()

    async def console_read(
        self, partition: int, position: int | None = None, max_bytes: int | None = None
    ) -> ConsolePiece:
        """See :meth:`aivirt.Client.console_read`."""
        return await self._run(self._sync.console_read, partition, position, max_bytes)

    async def console_write(self, partition: int, data: bytes) -> None:
        """See :meth:`aivirt.Client.console_write`."""
        await self._run(self._sync.console_write, partition, data)

    async def console(self, partition: int, position: int | None = None) -> Console:
        """See :meth:`aivirt.Client.console`."""
        return Console(await self._run(self._sync.console, partition, position))

    async def events(self) -> EventStream:
        """See :meth:`aivirt.Client.events`."""
        return EventStream(await self._run(self._sync.events))

    async def upload(self, path: str | os.PathLike[str]) -> str:
        """See :meth:`aivirt.Client.upload`."""
        return await self._run(self._sync.upload, path)

    async def list_images(self) -> ImageStore:
        """See :meth:`aivirt.Client.list_images`."""
        return await self._run(self._sync.list_images)

    async def delete_image(self, image: str | ImageInfo) -> None:
        """See :meth:`aivirt.Client.delete_image`."""
        await self._run(self._sync.delete_image, image)


class EventStream:
    """Events from the moment on when the stream was opened. An asynchronous context manager and iterator."""

    def __init__(self, stream: _SyncEventStream) -> None:
        self._stream = stream

    async def wait(self) -> Event:
        """The next event.

        Raises:
            DisconnectedError: vmand is gone.
        """
        while True:
            event = self._stream.wait(0)
            if event is not None:
                return event
            await _readable(self._stream.fileno())

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self.wait()
            yield event
            if isinstance(event, DaemonStopping):
                return

    async def __aenter__(self) -> EventStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the stream."""
        self._stream.close()


class Console:
    """A partition's console. An asynchronous context manager."""

    def __init__(self, console: _SyncConsole) -> None:
        self._console = console

    async def read(self) -> ConsolePiece:
        """The next piece that is printed.

        Raises:
            DisconnectedError: vmand has ended the stream.
            NotFoundError: the partition is gone.
        """
        while True:
            piece = self._console.read(0)
            if piece is not None:
                return piece
            await _readable(self._console.fileno())

    def write(self, data: bytes) -> None:
        """Types ``data``: a few bytes, which the socket takes at once."""
        self._console.write(data)

    async def __aenter__(self) -> Console:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Detaches."""
        self._console.close()


async def _readable(fd: int) -> None:
    """Waits until there is something to read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, wake)
    try:
        await ready
    finally:
        loop.remove_reader(fd)

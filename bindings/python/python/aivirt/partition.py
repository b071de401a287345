"""Partitions: their states, what is known of them, and handles to work with them."""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from . import _aivirt
from .exceptions import InvalidStateError, NotFoundError, TimedOutError

if TYPE_CHECKING:
    from .client import Client

__all__ = [
    "Condition",
    "Console",
    "ConsolePiece",
    "CpuInfo",
    "HostInfo",
    "ImageInfo",
    "ImageStore",
    "MemoryInfo",
    "Partition",
    "PartitionInfo",
    "PartitionState",
    "VersionInfo",
]


class PartitionState(str, enum.Enum):
    """Where a partition stands. One that was destroyed is gone and has no state."""

    READY = "READY"
    """It owns cores and memory; its CPUs are off."""
    DEPLOYED = "DEPLOYED"
    """An operating system runs on it."""
    SUSPENDED = "SUSPENDED"
    """Its CPUs are held, their state is kept."""

    def after(self, operation: str) -> PartitionState | None:
        """The state after ``operation``; ``None`` if the partition is gone then.

        ``operation`` is ``"deploy"``, ``"shutdown"``, ``"reboot"``, ``"suspend"``, ``"restore"`` or
        ``"destroy-partition"``. Asks nobody: the table is part of the protocol.

        Raises:
            InvalidStateError: the table refuses it.
            InvalidArgumentError: there is no such operation.
        """
        known = (self, operation)
        if known not in _AFTER:
            state = _aivirt.state_after(self.value, operation)
            _AFTER[known] = None if state is None else PartitionState(state)
        return _AFTER[known]

    def allows(self, operation: str) -> bool:
        """Whether ``operation`` is possible in this state; ``False`` also for what is no operation."""
        try:
            self.after(operation)
        except ValueError:
            return False
        except InvalidStateError:
            return False
        return True

    def __str__(self) -> str:
        return self.value


class Condition(str, enum.Enum):
    """Whether the operating system in a partition is sound."""

    RUNNING = "running"
    """Nothing is known against it."""
    FAULTED = "faulted"
    """The firmware saw a fault; only shutdown and reboot are possible."""

    def __str__(self) -> str:
        return self.value


# What the library has answered: its table does not change.
_AFTER: dict[tuple[PartitionState, str], PartitionState | None] = {}
# Faster than the enums' own constructors.
_STATES = {state.value: state for state in PartitionState}
_CONDITIONS = {condition.value: condition for condition in Condition}


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """A partition at the moment of a query."""

    id: int
    """Its number; numbers start at 1 and are not used again while the board is up."""
    state: PartitionState
    condition: Condition
    cores: tuple[int, ...]
    """Its physical cores."""
    memory_mib: int
    """Its memory in MiB."""
    memory_base: int
    """First physical address of its memory."""
    secure: bool
    """Whether it is critical: it runs in the secure world."""
    name: str | None = None
    uuid: UUID | None = None
    shared_with: int | None = None
    """The partition whose cores it shares."""
    busy: str | None = None
    """The operation that is under way."""
    fault: str | None = None
    """Why it is faulted."""

    @classmethod
    def _from_reply(cls, reply: Mapping[str, Any]) -> PartitionInfo:
        get = reply.get
        uuid, fault = get("uuid"), get("fault")
        return cls(
            reply["id"],
            _STATES[reply["state"]],
            _CONDITIONS[reply["condition"]],
            tuple(reply["cores"]),
            reply["memsize_mib"],
            reply["memory_base"],
            reply["secure"],
            get("name"),
            UUID(uuid) if uuid else None,
            get("shared_with"),
            get("busy"),
            fault["reason"] if fault else None,
        )


def _partition_info(
    id: int, state: str, condition: str, cores: tuple[int, ...], memory_mib: int, memory_base: int, secure: bool,
    name: str | None, uuid: str | None, shared_with: int | None, busy: str | None, fault: str | None,
) -> PartitionInfo:  # fmt: skip
    """What the native part tells of a partition."""
    identity = UUID(uuid) if uuid else None
    return PartitionInfo(
        id, _STATES[state], _CONDITIONS[condition], cores, memory_mib, memory_base, secure,
        name, identity, shared_with, busy, fault,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    """A pool of memory in MiB."""

    total_mib: int
    free_mib: int
    """What belongs to no partition."""
    largest_free_mib: int
    """The largest free piece: what a new partition can get at most."""


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """A physical core."""

    id: int
    mpidr: int
    """Its affinity (``MPIDR_EL1``)."""
    partition: int
    """Its owner, 0 for the management partition."""
    free: bool
    """Whether a new partition may get it."""


@dataclass(frozen=True, slots=True)
class HostInfo:
    """What a board is made of and what of it is free."""

    arch: str
    """The partitions' architecture, always ``"aarch64"``."""
    model: str
    simulated: bool
    """Whether the board is simulated: then nothing really runs on it."""
    cores_total: int
    cores_free: int
    cores_management: int
    """Cores that the management partition keeps."""
    memory: MemoryInfo
    secure_memory: MemoryInfo
    """Memory for critical partitions; total 0 if there is none."""
    memory_management_mib: int
    memory_granule_mib: int
    """Memory is given in multiples of this, in MiB."""
    cpus: tuple[CpuInfo, ...]

    @classmethod
    def _from_reply(cls, reply: Mapping[str, Any]) -> HostInfo:
        def memory(pool: Mapping[str, int]) -> MemoryInfo:
            return MemoryInfo(pool["total_mib"], pool["free_mib"], pool["largest_free_mib"])

        return cls(
            reply["arch"],
            reply["model"],
            reply["simulated"],
            reply["cores_total"],
            reply["cores_free"],
            reply["cores_management"],
            memory(reply["memory"]),
            memory(reply["secure_memory"]),
            reply["memory_management_mib"],
            reply["memory_granule_mib"],
            tuple(CpuInfo(cpu["id"], cpu["mpidr"], cpu["partition"], cpu["free"]) for cpu in reply["cpus"]),
        )


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """What answers."""

    protocol: int
    """Version of the JSON protocol: 1."""
    version: str
    """Version of vmand."""
    firmware: str
    """Version of the firmware's service, ``"major.minor"``."""
    remote: bool
    """Whether vmand cannot read this machine's files, so that they are uploaded first."""
    simulated: bool


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image in vmand's store."""

    digest: str
    """SHA-256, 64 hexadecimal digits."""
    size: int
    """Length in bytes."""

    @property
    def reference(self) -> str:
        """What ``deploy`` takes instead of a path."""
        return f"image:sha256:{self.digest}"


@dataclass(frozen=True, slots=True)
class ImageStore:
    """vmand's store of uploaded images."""

    images: tuple[ImageInfo, ...]
    capacity: int
    """Bytes that it may hold."""
    used: int
    """Bytes that it holds."""


@dataclass(frozen=True, slots=True)
class ConsolePiece:
    """Some of what a partition has printed. Positions count everything ever printed, in bytes."""

    position: int
    """Position of the first byte; later than asked if older ones were dropped."""
    data: bytes
    end: int
    """Position behind the last byte printed so far."""


class Console:
    """A partition's console: what it prints from now on, and what is typed into it.

    A context manager. Has a ``fileno()`` for ``select`` and event loops. May be shared by threads; one that reads keeps
    the others waiting.
    """

    def __init__(self, native: _aivirt.Console) -> None:
        self._native = native

    def read(self, timeout: float | None = None) -> ConsolePiece | None:
        """The next piece, or ``None`` if nothing is printed within ``timeout`` seconds (``None`` waits for ever).

        Raises:
            DisconnectedError: vmand has ended the stream.
            NotFoundError: the partition is gone.
        """
        piece = self._native.read(timeout)
        return None if piece is None else ConsolePiece(*piece)

    def read_until(self, text: bytes, timeout: float | None = None) -> bytes:
        """Everything printed up to and with ``text``, and what came with it.

        Raises:
            TimedOutError: it was not printed within ``timeout`` seconds; the message shows what was.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        seen = b""
        while text not in seen:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            piece = self.read(left)
            if piece is None:
                raise TimedOutError(f"{text!r} was not printed; the last was {seen[-200:]!r}", command="console-attach")
            seen += piece.data
        return seen

    def write(self, data: bytes) -> None:
        """Types ``data``."""
        self._native.write(data)

    def fileno(self) -> int:
        """The descriptor that becomes readable when something has been printed."""
        return self._native.fileno()

    def close(self) -> None:
        """Detaches. Doing it twice does no harm."""
        self._native.close()

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Partition:
    """A handle to one partition. Holds nothing but its number: it may be copied, shared and thrown away."""

    __slots__ = ("_client", "id")

    def __init__(self, client: Client, id: int) -> None:
        self._client = client
        self.id: int = id
        """The partition's number."""

    def __repr__(self) -> str:
        return f"Partition({self.id})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partition) and (self.id, self._client) == (other.id, other._client)

    def __hash__(self) -> int:
        return hash(self.id)

    def info(self) -> PartitionInfo:
        """What is known of it now.

        Raises:
            NotFoundError: it is gone.
        """
        return self._client.query_partition(self.id)

    def state(self) -> PartitionState:
        """Its state now; asks vmand."""
        return self.info().state

    def stats(self) -> dict[str, int]:
        """Its counters by name."""
        return self._client.query_stats(self.id)

    def deploy(
        self,
        kernel: str | PathLike[str],
        *,
        dtb: str | PathLike[str] | None = None,
        initrd: str | PathLike[str] | None = None,
        cmdline: str | None = None,
    ) -> None:
        """Loads a kernel and starts it: READY becomes DEPLOYED. See :meth:`aivirt.Client.deploy`."""
        self._client.deploy(self.id, kernel, dtb=dtb, initrd=initrd, cmdline=cmdline)

    def reboot(self) -> None:
        """Halts the CPUs, loads the kernel again and starts it; DEPLOYED stays DEPLOYED."""
        self._client.reboot(self.id)

    def shutdown(self, *, timeout_ms: int | None = None) -> None:
        """Halts the CPUs: DEPLOYED or SUSPENDED becomes READY. See :meth:`aivirt.Client.shutdown`."""
        self._client.shutdown(self.id, timeout_ms=timeout_ms)

    def suspend(self) -> None:
        """Holds the CPUs with their state: DEPLOYED becomes SUSPENDED."""
        self._client.suspend(self.id)

    def restore(self) -> None:
        """Lets held CPUs go on: SUSPENDED becomes DEPLOYED."""
        self._client.restore(self.id)

    def destroy(self) -> None:
        """Gives cores and memory back; READY only."""
        self._client.destroy_partition(self.id)

    def remove(self) -> None:
        """Gives cores and memory back, whatever the state: shuts down first if need be, and one that is gone is fine."""
        for _ in range(10):
            try:
                if self.state() is not PartitionState.READY:
                    self.shutdown()
                return self.destroy()
            except NotFoundError:
                return None
            except InvalidStateError:
                # Its state has changed since it was asked for, for example by its own reset.
                continue
        return self.destroy()

    def wait_for(self, state: PartitionState, timeout: float | None = None) -> None:
        """Waits until it is in ``state``, at most ``timeout`` seconds (``None`` for ever). Listens to events, does not poll.

        Raises:
            TimedOutError: it is in another state still.
            NotFoundError: it is gone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._client.events() as events:
            while self.state() is not state:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if events.wait(left) is None and (now := self.state()) is not state:
                    raise TimedOutError(f"Partition {self.id} is {now}, not {state}", command="subscribe-events")

    def console_read(self, position: int | None = None, max_bytes: int | None = None) -> ConsolePiece:
        """What it has printed. See :meth:`aivirt.Client.console_read`."""
        return self._client.console_read(self.id, position, max_bytes)

    def console_write(self, data: bytes) -> None:
        """Types ``data`` into its console."""
        self._client.console_write(self.id, data)

    def console(self, position: int | None = None) -> Console:
        """Attaches to its console. See :meth:`aivirt.Client.console`."""
        return self._client.console(self.id, position)


def _file(path: str | PathLike[str]) -> str:
    """A path as vmand takes it; one that is relative stays so and resolves in vmand's image directories."""
    return fspath(path)



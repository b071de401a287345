"""What happens to partitions, as vmand tells it."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from . import _aivirt
from .exceptions import DisconnectedError, ProtocolError
from .partition import PartitionState

__all__ = [
    "Cause",
    "DaemonStopping",
    "Event",
    "EventStream",
    "EventsLost",
    "PartitionCreated",
    "PartitionDestroyed",
    "PartitionEvent",
    "PartitionFaulted",
    "PartitionRebooted",
    "PartitionStateChanged",
]


class Cause(str, enum.Enum):
    """Who caused a change."""

    COMMAND = "command"
    """A command."""
    GUEST = "guest"
    """The operating system in the partition."""
    FIRMWARE = "firmware"
    """The firmware."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Which class it is says what."""

    timestamp_ns: int
    """Nanoseconds of the board's monotonic clock."""
    seq: int
    """Rises by one with every event of the board: a gap means that some were missed."""


@dataclass(frozen=True, slots=True)
class PartitionEvent(Event):
    """Something that happened to one partition."""

    id: int
    """The partition's number."""


@dataclass(frozen=True, slots=True)
class PartitionCreated(PartitionEvent):
    """A partition was created."""


@dataclass(frozen=True, slots=True)
class PartitionStateChanged(PartitionEvent):
    """A partition is in another state."""

    old: PartitionState
    new: PartitionState
    cause: Cause


@dataclass(frozen=True, slots=True)
class PartitionRebooted(PartitionEvent):
    """A partition was loaded and started again."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class PartitionFaulted(PartitionEvent):
    """The operating system in a partition cannot go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class PartitionDestroyed(PartitionEvent):
    """A partition is gone."""


@dataclass(frozen=True, slots=True)
class EventsLost(Event):
    """This stream was read too slowly: events are missing. Ask with ``list_partitions()`` what is true now."""

    lost: int
    """How many."""


@dataclass(frozen=True, slots=True)
class DaemonStopping(Event):
    """vmand stops, and with it this stream."""


def _event(record: Mapping[str, Any]) -> Event:
    name, data = record["event"], record["data"]
    stamp = (record["timestamp_ns"], record["seq"])
    match name:
        case "partition-created":
            return PartitionCreated(*stamp, data["id"])
        case "partition-state":
            old, new = PartitionState(data["from"]), PartitionState(data["to"])
            return PartitionStateChanged(*stamp, data["id"], old, new, Cause(data["cause"]))
        case "partition-rebooted":
            return PartitionRebooted(*stamp, data["id"], Cause(data["cause"]))
        case "partition-faulted":
            return PartitionFaulted(*stamp, data["id"], data["reason"])
        case "partition-destroyed":
            return PartitionDestroyed(*stamp, data["id"])
        case "events-lost":
            return EventsLost(*stamp, data["lost"])
        case "daemon-stopping":
            return DaemonStopping(*stamp)
    raise ProtocolError(f"There is no event {name!r}", command="subscribe-events")


class EventStream:
    """Events from the moment on when the stream was opened. A context manager and an iterator.

    >>> with client.events() as events:
    ...     for event in events:
    ...         print(event)

    The iteration ends when vmand stops in order, or when the stream is closed; if vmand is killed it raises
    :class:`~aivirt.DisconnectedError`. Has a ``fileno()`` for ``select`` and event loops.
    """

    def __init__(self, native: _aivirt.EventStream) -> None:
        self._native = native
        self._closed = False

    def wait(self, timeout: float | None = None) -> Event | None:
        """The next event, or ``None`` if none comes within ``timeout`` seconds. ``None`` waits for ever, 0 not at all.

        Raises:
            DisconnectedError: vmand is gone.
        """
        record = self._native.wait(timeout)
        return None if record is None else _event(record)

    def fileno(self) -> int:
        """The descriptor that becomes readable when something has come. Call ``wait(0)`` until it answers ``None``."""
        return self._native.fileno()

    def close(self) -> None:
        """Ends the stream. Doing it twice does no harm."""
        self._closed = True
        self._native.close()

    def __iter__(self) -> Iterator[Event]:
        while True:
            try:
                event = self.wait()
            except DisconnectedError:
                if self._closed:
                    return
                raise
            if event is not None:
                yield event
            if isinstance(event, DaemonStopping):
                return

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

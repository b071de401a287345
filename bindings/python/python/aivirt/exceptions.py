"""Every exception of this package.

All derive from :class:`AivirtError`, and each also from the builtin that fits, so that both of these work::

    except aivirt.AivirtError as error: ...
    except TimeoutError: ...

There is one exception for each kind of the project's one table of errors; ``code`` is the kind's number, the same as in
the C interface, and ``errno`` the kernel's number for it.
"""

from __future__ import annotations

import errno as _errno
import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .partition import PartitionState

__all__ = [
    "AivirtError",
    "AlreadyExistsError",
    "BusyError",
    "DisconnectedError",
    "FirmwareError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidStateError",
    "NoResourcesError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProtocolError",
    "TimedOutError",
    "UnsupportedError",
]


class AivirtError(Exception):
    """Base of all exceptions of this package.

    ``str(error)`` is the whole explanation, with its causes.
    """

    code: ClassVar[int] = 0
    """Number of the kind, as in the C interface (``VMAN_STATUS_...``)."""
    kind: ClassVar[str] = ""
    """Name of the kind, the ``class`` of vmand's error replies."""
    errno: int = 0  # type: ignore[assignment, misc, unused-ignore]
    """The kernel's error number for the kind."""
    is_temporary: ClassVar[bool] = False
    """Whether the same request may succeed later without any change."""

    command: str | None
    """The command that failed, such as ``"deploy"``; ``None`` if there was none."""

    def __init__(self, message: str, *, command: str | None = None) -> None:
        super().__init__(message)
        self.command = command

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self.code, str(self), self.command)


class InvalidArgumentError(AivirtError, ValueError):
    """An argument breaks a rule that does not depend on any state; the message names both."""

    code = 1
    kind = "InvalidArgument"
    errno = _errno.EINVAL


class NotFoundError(AivirtError, LookupError):
    """There is no such partition, image, file, process or thread."""

    code = 2
    kind = "NotFound"
    errno = _errno.ENODEV


class InvalidStateError(AivirtError):
    """The partition's state does not allow the command."""

    code = 3
    kind = "InvalidState"
    errno = _errno.EBADFD

    @property
    def state(self) -> PartitionState | None:
        """The state that the partition is in, if vmand told."""
        from .partition import PartitionState

        found = re.search(r"\bis (READY|DEPLOYED|SUSPENDED)\b", str(self))
        return PartitionState(found[1]) if found else None

    @property
    def needed(self) -> tuple[PartitionState, ...]:
        """The states in which the command is possible."""
        from .partition import PartitionState

        if self.command is None:
            return ()
        return tuple(state for state in PartitionState if state.allows(self.command))


class NoResourcesError(AivirtError):
    """There are not enough cores, memory, slots, bandwidth or space."""

    code = 4
    kind = "NoResources"
    errno = _errno.ENOSPC


class BusyError(AivirtError):
    """Another operation on the partition is under way. Temporary."""

    code = 5
    kind = "Busy"
    errno = _errno.EBUSY
    is_temporary = True


class PermissionDeniedError(AivirtError, PermissionError):
    """The caller may not do this."""

    code = 6
    kind = "PermissionDenied"
    errno = _errno.EPERM


class UnsupportedError(AivirtError, NotImplementedError):
    """An unknown command, or a feature that this board or this kernel does not have."""

    code = 7
    kind = "Unsupported"
    errno = _errno.EOPNOTSUPP


class TimedOutError(AivirtError, TimeoutError):
    """It did not happen in time. Temporary."""

    code = 8
    kind = "Timeout"
    errno = _errno.ETIMEDOUT
    is_temporary = True


class DisconnectedError(AivirtError, ConnectionError):
    """The connection to vmand, or the board itself, is gone. Temporary.

    Whether a command that was under way has been carried out is not known: ask with a query.
    """

    code = 9
    kind = "Disconnected"
    errno = _errno.ENOTCONN
    is_temporary = True


class ProtocolError(AivirtError):
    """The peer does not speak the protocol."""

    code = 10
    kind = "Protocol"
    errno = _errno.EPROTO


class FirmwareError(AivirtError):
    """The firmware answered a code that nobody knows; the message has it."""

    code = 11
    kind = "Firmware"
    errno = _errno.EREMOTEIO


class InternalError(AivirtError):
    """A defect of aivirt, or a system call that failed unexpectedly."""

    code = 12
    kind = "Internal"
    errno = _errno.EIO


class AlreadyExistsError(AivirtError, FileExistsError):
    """The name or UUID is taken."""

    code = 13
    kind = "AlreadyExists"
    errno = _errno.EEXIST


_BY_CODE: dict[int, type[AivirtError]] = {
    cls.code: cls
    for cls in (
        InvalidArgumentError,
        NotFoundError,
        InvalidStateError,
        NoResourcesError,
        BusyError,
        PermissionDeniedError,
        UnsupportedError,
        TimedOutError,
        DisconnectedError,
        ProtocolError,
        FirmwareError,
        InternalError,
        AlreadyExistsError,
    )
}


def _make(code: int, message: str, command: str | None) -> AivirtError:
    """The exception of a kind; what the native part raises with."""
    return _BY_CODE.get(code, InternalError)(message, command=command)

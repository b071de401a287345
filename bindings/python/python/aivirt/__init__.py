"""AI Virtualiser: partitions of an ARMv8 server, CPU reservations that fit, network slices that share a CPU.

>>> import aivirt
>>> with aivirt.Client() as client:
...     web = client.create_partition(cores=2, memory_mib=512, name="web")
...     web.deploy("/boot/Image", cmdline="console=hvc0")

========================  ==================================================================================
:mod:`aivirt.client`      partitions of one board; :mod:`aivirt.aio` is the same for asyncio
:mod:`aivirt.partition`   states, records, handles, consoles
:mod:`aivirt.events`      what happens to partitions
:mod:`aivirt.deadline`    ``SCHED_DEADLINE`` budgets that follow the demand; the simulator of their policies
:mod:`aivirt.slices`      environments and agents for network slices (PettingZoo, Gymnasium, batches of numpy arrays)
:mod:`aivirt.testing`     a simulated board in this process, for tests
:mod:`aivirt.exceptions`  every exception
========================  ==================================================================================
"""

from . import exceptions
from ._aivirt import __version__
from .client import DEFAULT_SOCKET, Client
from .exceptions import (
    AivirtError,
    AlreadyExistsError,
    BusyError,
    DisconnectedError,
    FirmwareError,
    InternalError,
    InvalidArgumentError,
    InvalidStateError,
    NoResourcesError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    TimedOutError,
    UnsupportedError,
)
from .partition import Condition, HostInfo, Partition, PartitionInfo, PartitionState

__all__ = [
    "DEFAULT_SOCKET",
    "AivirtError",
    "AlreadyExistsError",
    "BusyError",
    "Client",
    "Condition",
    "DisconnectedError",
    "FirmwareError",
    "HostInfo",
    "InternalError",
    "InvalidArgumentError",
    "InvalidStateError",
    "NoResourcesError",
    "NotFoundError",
    "Partition",
    "PartitionInfo",
    "PartitionState",
    "PermissionDeniedError",
    "ProtocolError",
    "TimedOutError",
    "UnsupportedError",
    "__version__",
    "exceptions",
]

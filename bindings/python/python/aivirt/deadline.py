"""``SCHED_DEADLINE`` budgets that follow what threads need.

A reservation gives a thread a budget Q of CPU time (``runtime_ns``) in each period P (``period_ns``). A *policy* finds Q
from samples of what the thread used; a *monitor* samples real threads and sets their budgets; the *simulator* runs a
policy against a model of the kernel's server, without the kernel. All times are integers of nanoseconds.

>>> from aivirt import deadline
>>> policy = deadline.policy("seed", period_ns=100_000_000, runtime_ns=2_000_000)
>>> policy.step(executed_ns=10_000_000, interval_ns=500_000_000)
Decision(runtime_ns=2200000, changed=True, saturated=True)

>>> with deadline.attach(pid=4711, period_ns=100_000_000) as monitor:   # needs CAP_SYS_NICE
...     time.sleep(10)
...     samples = monitor.samples()
>>> samples.budget_ns[samples.tid == 4711]
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from . import _aivirt
from ._aivirt import Decision, Policy
from .exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "OUTCOMES",
    "POLICY_KINDS",
    "Decision",
    "Machine",
    "Monitor",
    "Policy",
    "PolicyConfig",
    "Reservation",
    "Samples",
    "Scheduling",
    "Trace",
    "attach",
    "load_work",
    "machine",
    "policy",
    "reserve",
    "scheduling",
    "share",
    "simulate",
]

POLICY_KINDS: tuple[str, ...] = tuple(_aivirt.POLICY_KINDS)
"""The policies by name: ``seed`` is the source document's algorithm, ``saturation`` the default."""

OUTCOMES: tuple[str, ...] = tuple(_aivirt.OUTCOMES)
"""Names of the numbers in :attr:`Samples.outcome`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """A policy and its parameters; ``None`` is the value that the policy is known to work with."""

    kind: str = "saturation"
    """One of :data:`POLICY_KINDS`."""
    period_ns: int = 100_000_000
    """P: the period of the reservation, in nanoseconds."""
    runtime_ns: int | None = None
    """Q: the first budget in nanoseconds; a tenth of the period if ``None``."""
    window: int | None = None
    """N: how many samples are remembered, 1 to 36,000."""
    overhead: float | None = None
    """ovh: what a budget has above the demand, as a fraction (0.1 is 10 %)."""
    dead_band: float | None = None
    """Changes below this part of the budget are not made (``saturation``, ``pi``)."""
    percentile: float | None = None
    """Which percentile, as a fraction (``percentile``)."""
    floor_ns: int | None = None
    """Least budget in nanoseconds."""
    cap: float | None = None
    """Largest budget, as a fraction of the period."""

    def build(self) -> Policy:
        """The policy, with an empty memory.

        Raises:
            InvalidArgumentError: a parameter breaks its rule; the message names both.
        """
        return Policy(self)


def policy(
    kind: str = "saturation",
    *,
    period_ns: int = 100_000_000,
    runtime_ns: int | None = None,
    window: int | None = None,
    overhead: float | None = None,
    dead_band: float | None = None,
    percentile: float | None = None,
    floor_ns: int | None = None,
    cap: float | None = None,
) -> Policy:
    """A policy; the parameters are those of :class:`PolicyConfig`.

    Raises:
        InvalidArgumentError: a parameter breaks its rule; the message names both.
    """
    return PolicyConfig(
        kind=kind,
        period_ns=period_ns,
        runtime_ns=runtime_ns,
        window=window,
        overhead=overhead,
        dead_band=dead_band,
        percentile=percentile,
        floor_ns=floor_ns,
        cap=cap,
    ).build()


def share(
    wanted: Sequence[float], available: float, *, floors: Sequence[float] | None = None, weights: Sequence[int] | None = None
) -> list[float]:
    """Shares CPUs when more is wanted than there is (weighted max-min fairness).

    Args:
        wanted: CPUs that each task wants.
        available: CPUs that there are.
        floors: CPUs that each gets at least, unless the floors alone exceed what there is; none if missing.
        weights: parts of what is scarce; equal if missing.

    Returns:
        CPUs for each task, in the kernel's precision of 2**-20 CPUs. All get what they want if it fits.
    """
    floors = [0.0] * len(wanted) if floors is None else floors
    weights = [1] * len(wanted) if weights is None else weights
    if not len(wanted) == len(floors) == len(weights):
        raise InvalidArgumentError(
            f"There are {len(wanted)} wants, {len(floors)} floors and {len(weights)} weights; they belong together"
        )
    return _aivirt.share_bandwidth(list(zip(wanted, floors, weights)), available)


# -- the simulator -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened to a simulated task."""

    release_ns: NDArray[np.int64]
    """When each job that ended could begin. Shape ``(jobs,)``."""
    response_ns: NDArray[np.int64]
    """How long each took from then on. Shape ``(jobs,)``."""
    changed_at_ns: NDArray[np.int64]
    """When each budget came into force, the first at 0. Shape ``(budgets,)``."""
    runtime_ns: NDArray[np.int64]
    """The budgets. Shape ``(budgets,)``."""
    period_ns: int
    length_ns: int
    executed_ns: int
    """CPU time that the task used."""
    allocated_ns: int
    """CPU time that was reserved for it."""
    late_jobs: int
    """Jobs that took longer than a period, ended or not."""
    settled_ns: int | None
    """When the budget came to stay within a tenth of its last value; ``None`` if it did not."""
    over_allocation_percent: int | None
    """What was reserved above what was used, in percent of what was used."""


def simulate(config: PolicyConfig, load: str | int, *, length_ns: int, sampling_ns: int | None = None) -> Trace:
    """Runs a policy against a model of the kernel's server; equal arguments give equal traces.

    Args:
        load: CPU time of each job in nanoseconds, or a load by name: ``step``, ``lognormal``, ``on-off``, ``sine``.
        length_ns: for how long.
        sampling_ns: T, the time between two samples; the policy's own if ``None``, no samples at all if 0.

    Raises:
        InvalidArgumentError: an argument breaks its rule; the message names both.
    """
    return Trace(**_aivirt.simulate(config, load, length_ns, sampling_ns))


def load_work(load: str | int, *, period_ns: int = 100_000_000, count: int) -> NDArray[np.int64]:
    """CPU time of each of the first ``count`` jobs of a load, in nanoseconds. Shape ``(count,)``."""
    return _aivirt.load_work(load, period_ns, count)


# -- this machine's kernel -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine admits."""

    cpus: int
    """CPUs that are online."""
    capacity: float
    """CPUs that all reservations together may take."""


def machine() -> Machine:
    """What this machine admits, from its kernel's settings."""
    return Machine(*_aivirt.machine_capacity())


@dataclass(frozen=True, slots=True)
class Scheduling:
    """How a thread is scheduled; the times are 0 unless ``policy`` is ``SCHED_DEADLINE``."""

    policy: str
    """``"SCHED_OTHER"``, ``"SCHED_DEADLINE"`` and so on."""
    runtime_ns: int
    deadline_ns: int
    period_ns: int


def scheduling(tid: int = 0) -> Scheduling:
    """How a thread is scheduled; 0 is the calling one.

    Raises:
        NotFoundError: there is no such thread.
    """
    return Scheduling(*_aivirt.scheduling(tid))


class Reservation:
    """A thread's reservation, made by :func:`reserve`. A context manager that releases it; so does forgetting it."""

    def __init__(self, native: _aivirt.Reservation) -> None:
        self._native = native

    @property
    def tid(self) -> int:
        """The thread."""
        return self._native.tid

    @property
    def bandwidth(self) -> float:
        """CPUs that it takes."""
        return self._native.bandwidth

    @property
    def active(self) -> bool:
        """Whether it is in force: not released yet."""
        return self._native.active

    def release(self) -> bool:
        """Gives the thread back how it was scheduled before; ``False`` if that has been done.

        Raises:
            NotFoundError: the thread has ended, and its reservation with it.
        """
        return self._native.release()

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.release()
        except LookupError:
            pass


def reserve(
    tid: int, *, runtime_ns: int, period_ns: int, deadline_ns: int | None = None, reclaim: bool = False
) -> Reservation:
    """Gives a thread ``runtime_ns`` of CPU time in each ``period_ns``. Needs ``CAP_SYS_NICE``.

    Args:
        tid: the thread, as :func:`threading.get_native_id` tells.
        deadline_ns: the budget is given within this time after a period begins; the period if ``None``.
        reclaim: lends it bandwidth that others leave unused.

    Raises:
        PermissionDeniedError: without ``CAP_SYS_NICE``.
        NoResourcesError: all reservations together would exceed what the kernel admits.
        InvalidStateError: the thread is pinned to some CPUs; a reservation needs all.
        InvalidArgumentError: a time is outside the kernel's limits; the message names them.
        NotFoundError: there is no such thread.
    """
    return Reservation(_aivirt.Reservation(tid, runtime_ns, period_ns, deadline_ns, reclaim))


@dataclass(frozen=True, slots=True)
class Samples:
    """What a monitor has seen: one row for each thread in each tick. All arrays have the shape ``(rows,)``."""

    at_ns: NDArray[np.int64]
    """When, since the monitor was made."""
    tid: NDArray[np.uint32]
    executed_ns: NDArray[np.int64]
    """CPU time used, brought to one period."""
    budget_ns: NDArray[np.int64]
    """The budget from then on."""
    saturated: NDArray[np.bool_]
    """Whether the thread wanted more than it had."""
    outcome: NDArray[np.uint8]
    """What became of the budget: an index of :data:`OUTCOMES`."""
    lost: int
    """Rows that were dropped because nobody asked for four million others."""
    refused: list[str]
    """What the kernel refused, explained."""

    def __len__(self) -> int:
        return len(self.at_ns)


class Monitor:
    """Budgets for the threads of a target, made by :func:`attach`. A context manager that releases all of them."""

    def __init__(self, native: _aivirt.Monitor) -> None:
        self._native = native

    def start(self, *, realtime: bool = True) -> None:
        """Ticks by itself, on a thread that Python's lock does not hold back.

        Args:
            realtime: puts that thread under ``SCHED_FIFO``, so that samples come in time beside busy threads. A refusal
                stands in :attr:`Samples.refused`, and the monitor goes on without.

        Raises:
            InvalidStateError: it runs already.
        """
        self._native.start(realtime)

    def stop(self) -> None:
        """Stops ticking; the reservations stay as they are. Doing it twice does no harm."""
        self._native.stop()

    def tick(self) -> int:
        """One tick by hand: samples every thread and sets its budget. Returns how many threads were sampled.

        Raises:
            NotFoundError: the target has ended.
            InvalidStateError: the monitor is released.
        """
        return self._native.tick()

    def samples(self) -> Samples:
        """What was seen since the last time that this was asked; the arrays are handed over without a copy."""
        return Samples(**self._native.samples())

    def release(self) -> list[str]:
        """Stops, and gives every thread back how it was scheduled before. Returns what was refused, explained."""
        return self._native.release()

    @property
    def running(self) -> bool:
        """Whether it ticks by itself."""
        return self._native.running

    @property
    def reserved(self) -> int:
        """How many threads have a reservation."""
        return self._native.reserved

    @property
    def ended(self) -> str | None:
        """Why it has stopped ticking by itself, usually because the target has ended; ``None`` if it has not."""
        return self._native.ended

    @property
    def sampling_ns(self) -> int:
        """T: the time between two ticks in nanoseconds."""
        return self._native.sampling_ns

    def __enter__(self) -> Monitor:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def attach(
    *,
    pid: int | None = None,
    tid: int | None = None,
    cgroup: str | os.PathLike[str] | None = None,
    config: PolicyConfig | None = None,
    kind: str = "saturation",
    period_ns: int = 100_000_000,
    runtime_ns: int | None = None,
    sampling_ns: int | None = None,
) -> Monitor:
    """Gives the threads of a target reservations, and a monitor that makes them fit. Needs ``CAP_SYS_NICE``.

    Args:
        pid: a process with all its threads; or ``tid``, one thread; or ``cgroup``, the directory of a control group.
        config: policy and parameters; or ``kind``, ``period_ns`` and ``runtime_ns`` of :class:`PolicyConfig`.
        sampling_ns: T, the time between two samples, at least the period; the policy's own if ``None``.

    Returns:
        A monitor that does not tick yet: use it as a context manager, or call ``start()`` or ``tick()``.

    Raises:
        NotFoundError: there is no such target.
        PermissionDeniedError, NoResourcesError, InvalidStateError: as :func:`reserve`, if no thread gets a reservation.
        InvalidArgumentError: an argument breaks its rule; the message names both.
    """
    targets = {"pid": pid, "tid": tid, "cgroup": None if cgroup is None else os.fspath(cgroup)}
    given = [(name, value) for name, value in targets.items() if value is not None]
    if len(given) != 1:
        raise InvalidArgumentError("Exactly one of pid, tid and cgroup must be given")
    if config is None:
        config = PolicyConfig(kind=kind, period_ns=period_ns, runtime_ns=runtime_ns)
    return Monitor(_aivirt.Monitor(*given[0], config, sampling_ns))



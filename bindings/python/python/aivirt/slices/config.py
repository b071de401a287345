"""What the world of slices is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from .. import _aivirt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EnvConfig", "SliceSpec", "Traffic", "read_trace"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Statistics of a two-state modulated Poisson process of packets."""

    mean_bps: float
    """Mean throughput, bit/s."""
    deviation_bps: float
    """Standard deviation of the throughput of single steps, bit/s."""
    on_probability: float
    """Part of the time in the state with more traffic, between 0 and 1."""
    on_steps: float
    """Mean length of a stay in that state, steps; at least 1."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceSpec:
    """One slice."""

    slice_class: str
    """``"eMBB"``, ``"URLLC"`` or ``"mMTC"``."""
    share_hz: int
    """Its share of the resource, Hz."""
    bandwidth_hz: float
    """Its radio bandwidth, Hz."""
    traffic: Traffic | None = None
    """Its traffic; that of its class if ``None``."""
    trace_bits: NDArray[np.float64] | None = None
    """Instead of ``traffic``: bits of each step, replayed from a random place on. Shape ``(steps,)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnvConfig:
    """What an environment is made of. ``None`` is the value of the source document's world; see :meth:`resolved`."""

    rule: str = "claims"
    """When claims conflict: ``"claims"`` (rule A: what is claimed counts) or ``"work-conserving"`` (rule B: what is
    used counts)."""
    resource: str = "cpu"
    """What is shared: ``"cpu"`` (cycles per second) or ``"prb"`` (radio bandwidth in blocks of 180 kHz)."""
    slices: Sequence[SliceSpec] | None = None
    """The slices; eMBB, URLLC and mMTC if ``None``."""
    arbiter: bool = False
    """Whether the arbiter turns claims into grants, so that there are no conflicts."""
    step_s: float | None = None
    """Length of a step, s."""
    episode_steps: int | None = None
    """Steps of an episode."""
    messages: int | None = None
    """Size of the message space, at least 1."""
    cycles_per_bit: float | None = None
    """CPU cycles that a bit costs at low rates."""
    cpu_growth: float | None = None
    """Growth of that at 50 Mbit/s; 0 is the constant law."""
    cpu_drift_deviation: float | None = None
    """Standard deviation of the logarithm of the factor by which the law drifts; 0 is no drift."""
    cpu_drift_correlation: float | None = None
    """Correlation of the drift from step to step, 0 to 1."""
    latency_scale_ms: float | None = None
    """Latency at which the reward for it has fallen to 1/e, ms."""
    conflict_weight: float | None = None
    """What a conflict costs a slice that claims beyond its share."""
    idle_weight: float | None = None
    """What a grant costs that was not used at all."""
    arrivals_delay_steps: int | None = None
    """Steps by which the arrivals that agents see are old."""
    hidden_demand: bool = False
    """Agents see no arrivals at all, only what waits in their queues."""
    transmission_limit_bits: float | None = None
    """Limit of each transmission queue, bits."""
    computation_limit_s: float | None = None
    """Limit of each computation queue: what the own share serves in this time, s."""
    latency_cap_ms: float | None = None
    """Latency is not counted beyond, ms."""
    e2_interval_steps: int | None = None
    """Steps of an E2 reporting interval."""

    def resolved(self) -> EnvConfig:
        """The same world with every value written out.

        Raises:
            InvalidArgumentError: a value breaks its rule; the message names both.
        """
        values: dict[str, Any] = dict(_aivirt.resolve_config(self))
        rows = values.pop("slices")
        traces = [None] * len(rows) if self.slices is None else [spec.trace_bits for spec in self.slices]

        def spec(row: dict[str, Any], trace: NDArray[np.float64] | None) -> SliceSpec:
            traffic = row.get("traffic")
            return SliceSpec(
                row["slice_class"],
                row["share_hz"],
                row["bandwidth_hz"],
                None if traffic is None else Traffic(*traffic),
                trace,
            )

        return replace(self, slices=tuple(map(spec, rows, traces)), **values)


def read_trace(
    path: str | PathLike[str],
    *,
    step_s: float = 0.01,
    offsets: Sequence[int] = (),
    mean_bps: float | None = None,
) -> NDArray[np.float64]:
    """Captured packets (CSV with the columns ``Time`` in seconds and ``Length`` in bytes) as bits of each step.

    Args:
        step_s: length of a step, s.
        offsets: one user becomes many: the sum of copies, each shifted in the circle by so many steps.
        mean_bps: scales to this mean, bit/s.

    Returns:
        What :attr:`SliceSpec.trace_bits` takes. Shape ``(steps,)``.

    Raises:
        InvalidArgumentError: the table is broken; the message names line and rule.
        NotFoundError: there is no such file.
    """
    return _aivirt.read_trace(fspath(path), step_s, list(offsets), mean_bps)

"""One environment, step by step: what the faces for PettingZoo and Gymnasium stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _aivirt
from .config import EnvConfig

__all__ = ["E2Report", "Outcomes", "SliceEnv", "StepResult"]


class StepResult(NamedTuple):
    """What a step came to."""

    observations: NDArray[np.float32]
    """What the agents see now. Shape ``(slices, features)``; an array of its own."""
    rewards: list[float]
    """What each got."""
    done: bool
    """Whether the episode is over."""
    conflict: bool
    """Whether claims exceeded what there was, and no arbiter was there to trim them."""
    trimmed_claims: int
    """Claims that the arbiter trimmed."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the last step did to each slice. All arrays have the shape ``(slices,)`` and are of float64."""

    reward: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    claimed_hz: NDArray[np.float64]
    granted_hz: NDArray[np.float64]
    used_hz: NDArray[np.float64]
    exploitation: NDArray[np.float64]
    """Used part of the grant, 0 to 1."""
    arrived_bits: NDArray[np.float64]
    served_bits: NDArray[np.float64]
    dropped_bits: NDArray[np.float64]
    """Bits that either queue dropped."""
    in_conflict: NDArray[np.float64]
    """1 where there was a conflict and the slice claimed beyond its share."""


@dataclass(frozen=True, slots=True)
class E2Report:
    """Statistics of a reporting interval, as an O-DU gives them over E2."""

    steps: int
    throughput_kbps: float
    arrived_bits: float
    dropped_bits: float
    radio_used_percent: float
    delay_ms: float
    snr_db: float


class SliceEnv:
    """One environment, a pure function of configuration, seed and actions.

    Raises:
        InvalidArgumentError: a value of the configuration breaks its rule; the message names both.
    """

    def __init__(self, config: EnvConfig | None = None, seed: int = 0) -> None:
        self.config = EnvConfig() if config is None else config
        self._native = _aivirt.SliceEnv(self.config, seed)

    @property
    def slices(self) -> int:
        """Number of slices, and of agents."""
        return self._native.slices

    @property
    def features(self) -> int:
        """Features of an observation."""
        return self._native.features

    @property
    def messages(self) -> int:
        """Size of the message space."""
        return self._native.messages

    @property
    def episode_steps(self) -> int:
        """Steps of an episode."""
        return self._native.episode_steps

    def reset(self, seed: int) -> NDArray[np.float32]:
        """Begins the episode of ``seed``; returns what the agents see, shape ``(slices, features)``."""
        self._native.reset(seed)
        return self.observe()

    def step(self, actions: NDArray[np.int64]) -> StepResult:
        """Does the actions: level and message of each slice. Shape ``(slices, 2)``.

        Raises:
            InvalidArgumentError: shape or type are wrong, or an action is outside its grid; nothing has happened then.
            InvalidStateError: the episode was over before.
        """
        conflict, trimmed, done = self._native.step(actions)
        return StepResult(self.observe(), self._native.rewards(), done, conflict, trimmed)

    def observe(self, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """What the agents see, into ``out`` or a new array. Shape ``(slices, features)``."""
        out = np.empty((self.slices, self.features), np.float32) if out is None else out
        self._native.observe(out)
        return out

    def outcomes(self) -> Outcomes:
        """What the last step did to each slice."""
        return Outcomes(**self._native.outcomes())

    def action_mask(self, slice: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Which levels and which messages the agent of a slice may choose, 1 or 0, as ``MultiDiscrete.sample`` takes it.

        Shapes ``(LEVELS,)`` and ``(messages,)``.
        """
        return np.array(self._native.action_mask(slice), np.int8), np.ones(self.messages, np.int8)

    def feature_bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Least and greatest value of each feature; rates have no greatest one. Shape ``(features,)`` each."""
        low = np.zeros(self.features, np.float32)
        high = np.ones(self.features, np.float32)
        high[: _aivirt.OWN_FEATURES - 2] = np.inf
        return low, high

    def demand_hz(self, slice: int) -> int:
        """Of the shared resource what a slice could use in the coming step, Hz."""
        return self._native.demand_hz(slice)

    def e2_report(self, slice: int) -> E2Report | None:
        """The last complete E2 report of a slice; ``None`` before the first."""
        report = self._native.e2_report(slice)
        return None if report is None else E2Report(**report)

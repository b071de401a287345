"""Many environments in step, for learners that want millions of steps a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _aivirt
from .config import EnvConfig

__all__ = ["BatchedSliceEnv"]

FIGURES: tuple[str, ...] = tuple(_aivirt.FIGURES)
"""The figures that :meth:`BatchedSliceEnv.figure` knows."""


class BatchedSliceEnv:
    """Many environments of one configuration, from one seed each; environment ``i`` does to the last bit what a
    :class:`SliceEnv` of its seed does.

    Steps run without the interpreter's lock and write into arrays that are made once: :attr:`observations`,
    :attr:`rewards` and :attr:`conflicts` have the new values after each call, and views of them (of PyTorch too:
    ``torch.from_numpy``) stay valid.

    All episodes end at the same time, by their length: the step that says so has the last observations. Then call
    :meth:`reset`.

    Args:
        envs: how many.
        config: what they are made of.
        seed: of the first episodes; see :meth:`reset`.
        observations: an array to write into instead of one of its own, for example in shared memory:
            float32, shape ``(envs, slices, features)``.
        rewards: the same for the rewards: float32, shape ``(envs, slices)``.

    Raises:
        InvalidArgumentError: a value, a shape or a type breaks its rule; the message names both.
    """

    observations: NDArray[np.float32]
    """What the agents see. Shape ``(envs, slices, features)``."""
    rewards: NDArray[np.float32]
    """What they got for the last step. Shape ``(envs, slices)``."""
    conflicts: NDArray[np.bool_]
    """Whether the last step had a conflict. Shape ``(envs,)``."""
    seeds: NDArray[np.uint64]
    """The seeds of the episodes. Shape ``(envs,)``."""
    total_conflicts: int
    """Environments with a conflict in the last step."""
    trimmed_claims: int
    """Claims that an arbiter trimmed in the last step."""

    def __init__(
        self,
        envs: int,
        config: EnvConfig | None = None,
        *,
        seed: int = 0,
        observations: NDArray[np.float32] | None = None,
        rewards: NDArray[np.float32] | None = None,
    ) -> None:
        self.config = EnvConfig() if config is None else config
        self._seed = np.random.SeedSequence(seed)
        self._native = _aivirt.BatchedSliceEnv(self.config, self._next_seeds(envs))
        slices, features = self._native.slices, self._native.features
        self.observations = np.zeros((envs, slices, features), np.float32) if observations is None else observations
        self.rewards = np.zeros((envs, slices), np.float32) if rewards is None else rewards
        self.conflicts = np.zeros(envs, np.bool_)
        self.reset(seed)

    def __repr__(self) -> str:
        return f"BatchedSliceEnv(envs={self.envs}, slices={self.slices}, features={self.features})"

    @property
    def envs(self) -> int:
        """How many environments."""
        return self._native.envs

    @property
    def slices(self) -> int:
        """Slices of each."""
        return self._native.slices

    @property
    def features(self) -> int:
        """Features of an observation: the own ones, then the messages of the other slices one-hot."""
        return self._native.features

    @property
    def messages(self) -> int:
        """Size of the message space."""
        return self._native.messages

    @property
    def episode_steps(self) -> int:
        """Steps of an episode."""
        return self._native.episode_steps

    def reset(self, seed: int | NDArray[np.uint64] | None = None) -> NDArray[np.float32]:
        """Begins new episodes.

        Args:
            seed: a number from which the seeds of all episodes come; or an array of them, one for each environment;
                or ``None`` for the next ones of the last number.

        Returns:
            :attr:`observations`.
        """
        if isinstance(seed, np.ndarray):
            self.seeds = seed
        else:
            if seed is not None:
                self._seed = np.random.SeedSequence(seed)
            self.seeds = self._next_seeds(self.envs)
        self._native.reset(self.seeds, self.observations)
        self.rewards[...] = 0.0
        self.conflicts[...] = False
        self.total_conflicts = self.trimmed_claims = 0
        return self.observations

    def step(self, actions: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32], bool]:
        """Does the actions.

        Args:
            actions: level and message of each slice, shape ``(envs, slices, 2)``, of int64, int32 or uint8.

        Returns:
            :attr:`observations`, :attr:`rewards`, and whether the episodes are over.

        Raises:
            InvalidArgumentError: shape or type are wrong, or an action is outside its grid; nothing has happened then.
            InvalidStateError: the episodes were over before.
        """
        self.total_conflicts, self.trimmed_claims, done = self._native.step(
            actions, self.observations, self.rewards, self.conflicts
        )
        return self.observations, self.rewards, done

    def figure(self, name: str, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """A figure of every slice in the last step.

        Args:
            name: ``"reward"``, ``"latency_ms"``, ``"claimed_hz"``, ``"granted_hz"``, ``"used_hz"``,
                ``"exploitation"``, ``"arrived_bits"``, ``"served_bits"`` or ``"dropped_bits"``.
            out: where to write it.

        Returns:
            ``out``, or a new array. Shape ``(envs, slices)``.
        """
        out = np.empty((self.envs, self.slices), np.float32) if out is None else out
        self._native.column(name, out)
        return out

    def _next_seeds(self, envs: int) -> NDArray[np.uint64]:
        (child,) = self._seed.spawn(1)
        return child.generate_state(envs, np.uint64).astype(np.uint64, copy=False)

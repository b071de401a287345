"""The slices as Gymnasium environments. Needs ``aivirt[rl]``.

:class:`SliceAgentEnv` is one slice among slices that follow a policy; :class:`JointSliceEnv` is one agent for all slices.
Importing this module registers them, so that ``gymnasium.make("aivirt/SliceAgent-v0")`` and
``gymnasium.make("aivirt/JointSlices-v0")`` work.
"""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .. import _aivirt
from ..exceptions import InvalidArgumentError
from .config import EnvConfig
from .single import SliceEnv
from .team import Team

__all__ = ["JointSliceEnv", "SliceAgentEnv"]

_Observation = NDArray[np.float32]
_Action = NDArray[np.int64]


class _Episode(gymnasium.Env[_Observation, _Action]):
    """What both have in common: a world, and its episodes from a seed."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, config: EnvConfig | None, render_mode: str | None, values: dict[str, Any]) -> None:
        if config is not None and values:
            raise InvalidArgumentError(f"Give a config or single values ({', '.join(values)}), not both")
        if render_mode is not None:
            raise InvalidArgumentError(f"There is no render_mode {render_mode!r}; the PettingZoo face has some")
        self.config = EnvConfig(**values) if config is None else config
        self.render_mode = None
        self.slice_env = SliceEnv(self.config)

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> tuple[_Observation, int]:
        super().reset(seed=seed, options=options)
        episode = int(self.np_random.integers(2**63))
        return self.slice_env.reset(episode), episode

    def _checked(self, action: _Action, shape: tuple[int, ...]) -> _Action:
        array = np.asarray(action)
        if array.shape != shape or array.dtype.kind not in "iu":
            raise InvalidArgumentError(f"The action must be whole numbers of shape {shape}, not {action!r}")
        return array.astype(np.int64, copy=False)


class SliceAgentEnv(_Episode):
    """One slice: its agent learns while the others follow a policy.

    Args:
        slice: which one, counted from 0.
        others: the policy of the others, one of :data:`aivirt.slices.POLICY_NAMES` but ``"oracle"``.
        config: what the world is made of; or the values of :class:`~aivirt.slices.EnvConfig` by name.

    Observation: ``Box``, float32, shape ``(features,)``. Action: ``MultiDiscrete([5, messages])``, level and message.
    Reward: of the own slice. Truncation after ``episode_steps``. ``info`` has ``action_mask``, and after a step
    ``latency_ms``, ``conflict`` and ``granted_hz``.
    """

    def __init__(
        self,
        slice: int = 0,
        others: str = "demand-floor",
        config: EnvConfig | None = None,
        render_mode: str | None = None,
        **values: Any,
    ) -> None:
        super().__init__(config, render_mode, values)
        env = self.slice_env
        if not 0 <= slice < env.slices:
            raise InvalidArgumentError(f"There is no slice {slice}; there are {env.slices} from 0 on")
        if others == "oracle":
            raise InvalidArgumentError("The oracle decides for all slices; it is no policy of others")
        self.slice = slice
        self._team = Team(others, self.config)
        self._actions = np.zeros((env.slices, 2), np.int64)
        low, high = env.feature_bounds()
        self.observation_space = spaces.Box(low, high, dtype=np.float32)
        self.action_space = spaces.MultiDiscrete([_aivirt.LEVELS, env.messages])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Observation, dict[str, Any]]:
        """Begins an episode; without a seed the next one of the last seed."""
        observations, episode = self._begin(seed, options)
        self._team.begin(episode)
        return observations[self.slice], {"action_mask": self.slice_env.action_mask(self.slice)}

    def step(self, action: _Action) -> tuple[_Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Does the action, beside what the others' policy does."""
        own = self._checked(action, (2,))
        self._team.decide(self.slice_env, self._actions)
        self._actions[self.slice] = own
        result = self.slice_env.step(self._actions)
        outcomes = self.slice_env.outcomes()
        info = {
            "action_mask": self.slice_env.action_mask(self.slice),
            "latency_ms": float(outcomes.latency_ms[self.slice]),
            "granted_hz": float(outcomes.granted_hz[self.slice]),
            "conflict": result.conflict,
        }
        return result.observations[self.slice], result.rewards[self.slice], False, result.done, info


class JointSliceEnv(_Episode):
    """All slices: one agent claims for each of them, and sees what all of them see. Nothing is said: messages are 0.

    Observation: ``Box``, float32, shape ``(slices * features,)``. Action: ``MultiDiscrete([5] * slices)``, a level for
    each slice. Reward: the sum of all slices' rewards. Truncation after ``episode_steps``.
    """

    def __init__(self, config: EnvConfig | None = None, render_mode: str | None = None, **values: Any) -> None:
        super().__init__(config, render_mode, values)
        env = self.slice_env
        low, high = env.feature_bounds()
        self.observation_space = spaces.Box(np.tile(low, env.slices), np.tile(high, env.slices), dtype=np.float32)
        self.action_space = spaces.MultiDiscrete([_aivirt.LEVELS] * env.slices)
        self._actions = np.zeros((env.slices, 2), np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Observation, dict[str, Any]]:
        """Begins an episode; without a seed the next one of the last seed."""
        observations, _ = self._begin(seed, options)
        return observations.ravel(), {}

    def step(self, action: _Action) -> tuple[_Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Claims a level for each slice."""
        self._actions[:, 0] = self._checked(action, (self.slice_env.slices,))
        result = self.slice_env.step(self._actions)
        info = {
            "latency_ms": self.slice_env.outcomes().latency_ms,
            "conflict": result.conflict,
            "trimmed_claims": result.trimmed_claims,
        }
        return result.observations.ravel(), float(sum(result.rewards)), False, result.done, info


gymnasium.register("aivirt/SliceAgent-v0", entry_point="aivirt.slices.gym:SliceAgentEnv")
gymnasium.register("aivirt/JointSlices-v0", entry_point="aivirt.slices.gym:JointSliceEnv")

"""The slices as a PettingZoo environment, version 0. Needs ``aivirt[rl]``.

>>> from aivirt.slices import slice_env_v0
>>> env = slice_env_v0.parallel_env(rule="work-conserving", arbiter=True)
>>> observations, infos = env.reset(seed=1)

A change of behaviour raises the version in the name.

==================  ====================================================================================================
agents              ``"slice_0"``, ``"slice_1"``, ... in the order of the configuration
observation         ``Box``, float32, shape ``(features,)``: the own slice, and the messages of the others one-hot
action              ``MultiDiscrete([5, messages])``: level of the claim, and message
reward              of the own slice
end                 truncation after ``episode_steps``
``infos[agent]``    ``action_mask`` (see :meth:`SliceEnv.action_mask`); after a step also ``latency_ms``, ``conflict``, ``granted_hz``,
                    ``exploitation`` and ``trimmed_claims`` (of all slices together)
``state()``         all observations in one, for centralised critics
==================  ====================================================================================================
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import parallel_to_aec

from .. import _aivirt
from ..exceptions import InvalidArgumentError
from .config import EnvConfig
from .single import SliceEnv

__all__ = ["SliceParallelEnv", "env", "parallel_env"]

_Observation = NDArray[np.float32]
_Action = NDArray[np.int64]


def parallel_env(config: EnvConfig | None = None, *, render_mode: str | None = None, **values: Any) -> SliceParallelEnv:
    """The environment for agents that act at the same time.

    Args:
        config: what it is made of; or the values of :class:`~aivirt.slices.EnvConfig` by name.
        render_mode: ``"ansi"`` or ``"human"`` for a line of text for each step.
    """
    if config is not None and values:
        raise InvalidArgumentError(f"Give a config or single values ({', '.join(values)}), not both")
    return SliceParallelEnv(EnvConfig(**values) if config is None else config, render_mode)


def env(config: EnvConfig | None = None, *, render_mode: str | None = None, **values: Any) -> AECEnv[str, Any, Any]:
    """The same for agents that act in turns."""
    return parallel_to_aec(parallel_env(config, render_mode=render_mode, **values))


class SliceParallelEnv(ParallelEnv[str, _Observation, _Action]):
    """See :func:`parallel_env`."""

    metadata: ClassVar[dict[str, Any]] = {
        "name": "slice_env_v0",
        "render_modes": ["ansi", "human"],
        "is_parallelizable": True,
    }

    def __init__(self, config: EnvConfig, render_mode: str | None = None) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InvalidArgumentError(f"There is no render_mode {render_mode!r}; there are: ansi, human")
        self.config = config
        self.render_mode = render_mode
        self.slice_env = SliceEnv(config)
        self.possible_agents = [f"slice_{index}" for index in range(self.slice_env.slices)]
        self.agents: list[str] = []
        self._generator = np.random.default_rng()
        self._observations = self.slice_env.observe()
        self._masks = [self.slice_env.action_mask(index) for index in range(self.slice_env.slices)]
        low, high = self.slice_env.feature_bounds()
        count = len(self.possible_agents)
        self.state_space = spaces.Box(np.tile(low, count), np.tile(high, count), dtype=np.float32)
        self._spaces = {
            agent: (
                spaces.Box(low, high, dtype=np.float32),
                spaces.MultiDiscrete([_aivirt.LEVELS, self.slice_env.messages]),
            )
            for agent in self.possible_agents
        }

    def observation_space(self, agent: str) -> spaces.Box:
        """What an agent sees."""
        return self._spaces[agent][0]

    def action_space(self, agent: str) -> spaces.MultiDiscrete:
        """What an agent does."""
        return self._spaces[agent][1]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, _Observation], dict[str, dict[str, Any]]]:
        """Begins an episode; without a seed the next one of the last seed."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        self._observations = self.slice_env.reset(int(self._generator.integers(2**63)))
        self.agents = self.possible_agents[:]
        infos: dict[str, dict[str, Any]] = {
            agent: {"action_mask": mask} for agent, mask in zip(self.agents, self._masks)
        }
        return self._by_agent(), infos

    def step(
        self, actions: dict[str, _Action]
    ) -> tuple[
        dict[str, _Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]
    ]:
        """Does the actions of all agents.

        Raises:
            InvalidArgumentError: an agent has no action, or one outside its grid.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        result = self.slice_env.step(self._joined(actions))
        self._observations = result.observations
        agents = self.agents
        rewards = dict(zip(agents, result.rewards))
        terminations = dict.fromkeys(agents, False)
        truncations = dict.fromkeys(agents, result.done)
        infos = self._infos(result.conflict, result.trimmed_claims)
        observations = self._by_agent()
        if result.done:
            self.agents = []
        if self.render_mode == "human":
            self.render()
        return observations, rewards, terminations, truncations, infos

    def state(self) -> _Observation:
        """All observations in one. Shape ``(slices * features,)``."""
        return self._observations.ravel().copy()

    def render(self) -> str | None:
        """A line of text: what each slice was granted, and its latency."""
        outcomes = self.slice_env.outcomes()
        parts = (
            f"{agent}: {granted / 1e9:5.2f} GHz, {latency:5.2f} ms"
            for agent, granted, latency in zip(self.possible_agents, outcomes.granted_hz, outcomes.latency_ms)
        )
        line = "   ".join(parts)
        if self.render_mode == "human":
            print(line)
            return None
        return line

    def close(self) -> None:
        """Nothing is held open."""

    def _by_agent(self) -> dict[str, _Observation]:
        return dict(zip(self.possible_agents, self._observations))

    def _joined(self, actions: dict[str, _Action]) -> _Action:
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise InvalidArgumentError(f"There is no action for {', '.join(missing)}")
        joined = np.empty((len(self.agents), 2), np.int64)
        for row, agent in zip(joined, self.agents):
            action = np.asarray(actions[agent])
            if action.shape != (2,) or action.dtype.kind not in "iu":
                raise InvalidArgumentError(
                    f"The action of {agent} must be two whole numbers, level and message, not {actions[agent]!r}"
                )
            row[:] = action
        return joined

    def _infos(self, conflict: bool, trimmed: int) -> dict[str, dict[str, Any]]:
        outcomes = self.slice_env.outcomes()
        return {
            agent: {
                "action_mask": self._masks[index],
                "latency_ms": float(outcomes.latency_ms[index]),
                "granted_hz": float(outcomes.granted_hz[index]),
                "exploitation": float(outcomes.exploitation[index]),
                "conflict": conflict,
                "trimmed_claims": trimmed,
            }
            for index, agent in enumerate(self.possible_agents)
        }

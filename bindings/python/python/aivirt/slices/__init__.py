"""Network slices that share a CPU: the environment, its policies, and batches of environments.

The world is that of the Rust library, to the last bit: each slice has traffic, a radio, two queues and an agent that
claims more or less of the shared CPU, and tells the others a message that they hear one step later.

=====================================================  ===============================================================
:class:`BatchedSliceEnv`                               many environments, written into arrays of yours; millions of
                                                       steps a second
:mod:`aivirt.slices.slice_env_v0`                      PettingZoo: ``parallel_env()``, ``env()``
:mod:`aivirt.slices.gym`                               Gymnasium: one slice among policies, or one agent for all slices
:class:`Team`                                          the policies that need no learning
:class:`Agent`, :mod:`aivirt.slices.agents`            those that have learnt, exchanged with PyTorch, Rust and C
:class:`EnvConfig`                                     what the world is made of
=====================================================  ===============================================================

>>> from aivirt.slices import BatchedSliceEnv, EnvConfig
>>> env = BatchedSliceEnv(4096, EnvConfig(rule="work-conserving", arbiter=True))
>>> observations = env.reset(seed=1)                      # (4096, 3, 16), float32
>>> actions = np.zeros((4096, 3, 2), dtype=np.int64)      # level and message of each slice
>>> observations, rewards, done = env.step(actions)
"""

from __future__ import annotations

from .. import _aivirt
from .agents import Agent, load_agents
from .batch import BatchedSliceEnv
from .config import EnvConfig, SliceSpec, Traffic, read_trace
from .single import E2Report, Outcomes, SliceEnv, StepResult
from .team import POLICY_NAMES, Team

__all__ = [
    "LEVELS",
    "LEVELS_PERCENT",
    "OWN_FEATURES",
    "POLICY_NAMES",
    "Agent",
    "BatchedSliceEnv",
    "E2Report",
    "EnvConfig",
    "Outcomes",
    "SliceEnv",
    "SliceSpec",
    "StepResult",
    "Team",
    "Traffic",
    "load_agents",
    "read_trace",
]

LEVELS: int = _aivirt.LEVELS
"""Number of levels that a slice may claim."""

LEVELS_PERCENT: tuple[int, ...] = tuple(_aivirt.LEVELS_PERCENT)
"""The levels: percent of the own share."""

OWN_FEATURES: int = _aivirt.OWN_FEATURES
"""Features of an observation before the messages of the others: arrivals, computation queue, transmission queue, radio
rate, grant, claim, exploitation, conflict."""

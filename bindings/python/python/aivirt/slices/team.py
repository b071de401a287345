"""The policies that need no learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import _aivirt
from .config import EnvConfig
from .single import SliceEnv

__all__ = ["POLICY_NAMES", "Team"]

POLICY_NAMES: tuple[str, ...] = tuple(_aivirt.POLICY_NAMES)
"""The policies by name. ``demand`` and ``demand-floor`` behind the arbiter are the ones to beat."""


class Team:
    """One policy for all slices; each agent sees its own slice only, but for ``oracle``.

    Raises:
        InvalidArgumentError: there is no such policy, or it does not fit to the configuration.
    """

    def __init__(self, name: str, config: EnvConfig | None = None) -> None:
        self.name = name
        self._native = _aivirt.Team(name, EnvConfig() if config is None else config)

    def __repr__(self) -> str:
        return f"Team({self.name!r})"

    def begin(self, seed: int) -> None:
        """An episode begins; ``seed`` is the only source of chance."""
        self._native.begin(seed)

    def decide(self, env: SliceEnv, out: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Level and message of each slice of ``env``, into ``out`` or a new array. Shape ``(slices, 2)``."""
        out = np.empty((env.slices, 2), np.int64) if out is None else out
        self._native.decide(env._native, out)
        return out

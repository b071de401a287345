"""Agents that have learnt, in Rust or in PyTorch: the same weights act in both.

The network is that of the source document: 64 ReLU, then 32 that are either ReLU (``middle``) or the mean of an
information bottleneck (``mean``, ``log_variance``), then the values of all levels and of all messages (``heads``). Its
weights are a safetensors file with the names and shapes of PyTorch's layers:

==========================================  ==================  ====================================================
name                                        shape of weight     there
==========================================  ==================  ====================================================
``first.weight``, ``first.bias``            (64, features)      always
``mean...``, ``log_variance...``            (32, 64)            with a bottleneck
``middle...``                               (32, 64)            without one
``heads...``                                (5 + messages, 32)  always
==========================================  ==================  ====================================================

:class:`QNetwork` is that network in PyTorch (needs ``aivirt[torch]``):

>>> agent = Agent.from_state_dict(network.state_dict())    # train in PyTorch, run in Rust
>>> agent.save("agent.safetensors")                        # for C, Rust and slice-agent
>>> network.load_state_dict(Agent.load("agent.safetensors").torch_state_dict())
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _aivirt
from ..exceptions import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from .qnetwork import QNetwork

__all__ = ["HIDDEN", "WIDTH", "Agent", "QNetwork", "load_agents"]

HIDDEN: int = _aivirt.HIDDEN
"""Neurons of the first layer."""
WIDTH: int = _aivirt.WIDTH
"""Neurons of the second layer, the width of the bottleneck."""


def __getattr__(name: str) -> Any:
    if name == "QNetwork":
        from .qnetwork import QNetwork

        return QNetwork
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Agent:
    """An agent that acts by the greatest value; may be shared by threads. Does not change."""

    def __init__(self, native: _aivirt.Agent) -> None:
        self._native = native

    def __repr__(self) -> str:
        return f"Agent(features={self.features}, messages={self.messages}, bottleneck={self.bottleneck})"

    @classmethod
    def random(cls, features: int, messages: int, *, bottleneck: bool = True, seed: int = 0) -> Agent:
        """An agent that has learnt nothing.

        Args:
            features: features of its observations.
            messages: messages whose values it knows, 0 if it says nothing.
        """
        return cls(_aivirt.Agent.random(features, messages, bottleneck, seed))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Agent:
        """An agent of the tensors of a PyTorch module, or of arrays of float32, by their names.

        Raises:
            InvalidArgumentError: a tensor is missing or too many, has another shape or type, or holds a number that is
                not finite; the message names it.
        """
        return cls(_aivirt.Agent.from_tensors({name: _array(name, tensor) for name, tensor in state.items()}))

    @classmethod
    def load(cls, path: str | PathLike[str], part: str | None = None) -> Agent:
        """The agent of a file of weights.

        Args:
            part: which one, if the file has several: the part of the names before ``first.weight``, without the dot.

        Raises:
            InvalidArgumentError: the file is damaged, cut off, or holds something else; the message says what.
            NotFoundError: there is no such file, or no such part in it.
        """
        agents = load_agents(path)
        if part is None and len(agents) == 1:
            return next(iter(agents.values()))
        if part is None:
            raise InvalidArgumentError(f"{fspath(path)} has several agents; part must be one of {', '.join(agents)}")
        if part not in agents:
            raise NotFoundError(f"{fspath(path)} has no agent {part!r}; it has {', '.join(map(repr, agents))}")
        return agents[part]

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the weights as a safetensors file, wholly or not at all: an old one stays until the new one is there."""
        self._native.save(fspath(path))

    def state_dict(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name, as copies."""
        return self._native.tensors()

    def torch_state_dict(self) -> dict[str, Any]:
        """The same as PyTorch's tensors, for ``load_state_dict``."""
        import torch

        return {name: torch.from_numpy(array) for name, array in self.state_dict().items()}

    def act(self, observations: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Level and message of the greatest values; message 0 if it says nothing. Without the interpreter's lock.

        Args:
            observations: shape ``(rows, features)`` or ``(features,)``. More features than the agent needs are fine: the
                first ones count, so that agents that hear no messages act on the same observations.
            mask: which levels are allowed: for all rows, shape ``(5,)``, or for each, shape ``(rows, 5)``.

        Returns:
            Shape ``(rows, 2)`` or ``(2,)``.

        Raises:
            InvalidArgumentError: shape or type are wrong, or a number is not finite; the message names it.
        """
        masks = mask[np.newaxis] if mask is not None and mask.ndim == 1 else mask
        if observations.ndim == 1:
            action: NDArray[np.int64] = self._native.act(observations[np.newaxis], masks)[0]
            return action
        return self._native.act(observations, masks)

    def values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values of all levels, then of all messages. Shape ``(rows, 5 + messages)``; see :meth:`act`."""
        return self._native.values(observations)

    @property
    def features(self) -> int:
        """Features that it needs."""
        return self._native.features

    @property
    def messages(self) -> int:
        """Messages whose values it knows."""
        return self._native.messages

    @property
    def bottleneck(self) -> bool:
        """Whether its middle is an information bottleneck."""
        return self._native.bottleneck


def load_agents(path: str | PathLike[str]) -> dict[str, Agent]:
    """All agents of a file of weights, by the part of it in which they are; see :meth:`Agent.load`."""
    return {part: Agent(native) for part, native in _aivirt.Agent.load_all(fspath(path))}


def _array(name: str, tensor: Any) -> NDArray[np.float32]:
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().numpy()
    array = np.asarray(tensor)
    if array.dtype != np.float32:
        raise InvalidArgumentError(f"Tensor {name} must be of float32, not {array.dtype}")
    return np.ascontiguousarray(array)

"""The agents' network in PyTorch. Needs ``aivirt[torch]``."""

from __future__ import annotations

import torch
from torch import nn

from .. import _aivirt

__all__ = ["QNetwork"]

_LOG_VARIANCE_BIAS = -3.0
_LOG_VARIANCE_RANGE = (-8.0, 4.0)


class QNetwork(nn.Module):
    """64 ReLU, an information bottleneck or ReLU of 32, values of levels and messages.

    Args:
        features: features of its observations.
        messages: messages whose values it learns, 0 for none.
        bottleneck: whether the middle is a stochastic information bottleneck.
    """

    def __init__(self, features: int, messages: int, *, bottleneck: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(features, _aivirt.HIDDEN)
        self.bottleneck = bottleneck
        if bottleneck:
            self.mean = nn.Linear(_aivirt.HIDDEN, _aivirt.WIDTH)
            self.log_variance = nn.Linear(_aivirt.HIDDEN, _aivirt.WIDTH)
            nn.init.constant_(self.log_variance.bias, _LOG_VARIANCE_BIAS)
        else:
            self.middle = nn.Linear(_aivirt.HIDDEN, _aivirt.WIDTH)
        self.heads = nn.Linear(_aivirt.WIDTH, _aivirt.LEVELS + messages)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Values of all levels, then of all messages, through the mean: for acting. Shape ``(rows, 5 + messages)``."""
        hidden = torch.relu(self.first(observations))
        code = self.mean(hidden) if self.bottleneck else torch.relu(self.middle(hidden))
        return self.heads(code)

    def sample(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For learning: values through a sample of the bottleneck, and its mean divergence from a standard normal law
        for each row, nat. Without a bottleneck as :meth:`forward`, and zeros."""
        if not self.bottleneck:
            return self(observations), observations.new_zeros(len(observations))
        hidden = torch.relu(self.first(observations))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden).clamp(*_LOG_VARIANCE_RANGE)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(dim=1)
        return self.heads(code), divergence

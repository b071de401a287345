"""Fixtures for pytest, there as soon as aivirt is installed: ``sim_board`` and ``sim_client``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..client import Client
    from . import SimBoard


@pytest.fixture
def sim_board() -> Iterator[SimBoard]:
    """A simulated board of this test's own."""
    from . import SimBoard

    with SimBoard() as board:
        yield board


@pytest.fixture
def sim_client(sim_board: SimBoard) -> Iterator[Client]:
    """A client of ``sim_board``."""
    with sim_board.client() as client:
        yield client

"""Kernel images for simulated guests."""

from __future__ import annotations

import struct

from ..exceptions import InvalidArgumentError

_HEADER = struct.Struct("<IIQQQQQQ4sI")
_MAGIC = b"ARM\x64"
_ANYWHERE_4K_PAGES = 0b1010


def kernel_image(size: int = 1 << 20) -> bytes:
    """An arm64 ``Image`` of ``size`` bytes: a valid boot header, and zeros.

    Enough for vmand and the simulated board; on a real one it does nothing.
    """
    if size < _HEADER.size:
        raise InvalidArgumentError(f"A kernel image has at least {_HEADER.size} bytes, not {size}")
    header = _HEADER.pack(0x91005A4D, 0x14000000, 0, size, _ANYWHERE_4K_PAGES, 0, 0, 0, _MAGIC, 0)
    return header + bytes(size - _HEADER.size)

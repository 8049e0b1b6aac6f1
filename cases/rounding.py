"""Random rounding to base 3, the other way to keep small numbers: the draw of each cell is fixed by a key.

A multiple of 3 stays; another number goes to the nearer multiple two times in three, to the other one time in three (as
Stats NZ has it). Asking twice gives the same, since the draw depends on the key and on the cell alone.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

_BASE: Final = 3
_NEARER: Final = 2 / 3
_BITS: Final = 64


def rounded(values: Mapping[str, int], key: bytes) -> dict[str, int]:
    """Return each number rounded by its own draw. Sums of rounded numbers need not be the rounded sums."""
    return {name: _rounded(value, _draw(name, value, key)) for name, value in values.items()}


def _rounded(value: int, draw: float) -> int:
    rest = value % _BASE
    if rest == 0:
        return value
    down, up = value - rest, value - rest + _BASE
    nearer, other = (down, up) if rest == 1 else (up, down)
    return nearer if draw < _NEARER else other


def _draw(name: str, value: int, key: bytes) -> float:
    """Return a number from 0 to 1 that belongs to this cell. A cell that changed is drawn anew."""
    digest = hmac.new(key, f"rr3|{name}|{value}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[: _BITS // 8], "big") / float(1 << _BITS)

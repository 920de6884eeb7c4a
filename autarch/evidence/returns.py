"""Daily returns as the ledger keeps them: whole numbers of 1e-5, a few bits a day, in base64.

Statistics are computed from what is kept, so that whoever reads it later finds the same numbers.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from autarch.errors import RefusedError

Floats = NDArray[np.float64]

UNITS_A_WHOLE: Final = 100_000
DAYS_MAX: Final = 20_000
PACKED_BYTES_MAX: Final = 256 * 1024
_HEADER: Final = struct.Struct("<4sII")  # magic, first day, days
_MAGIC: Final = b"ADR1"
_LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReturns:
    """Returns of consecutive UTC days. `first_day` counts days since 1970-01-01; `units` (n,) in 1e-5."""

    first_day: int
    units: NDArray[np.int32]

    @property
    def values(self) -> Floats:
        """(n,) daily returns as fractions."""
        found: Floats = self.units.astype(np.float64) / UNITS_A_WHOLE
        return found

    def on(self, first_day: int, days: int) -> Floats:
        """Return (days,) from `first_day` on; 0.0 on days that are not here, as before a first decision."""
        found = np.zeros(days)
        start = self.first_day - first_day
        low, high = max(0, start), min(days, start + self.units.size)
        if low < high:
            found[low:high] = self.values[low - start : high - start]
        return found


def quantised(returns: Floats, *, first_day: int) -> DailyReturns:
    """Return `returns` (n,) rounded half to even to whole 1e-5.

    Raises:
        ValueError: not one-dimensional, none or too many days, a NaN, or a return beyond 21,474 times the equity.
    """
    if returns.ndim != 1 or not 1 <= returns.size <= DAYS_MAX:
        raise ValueError(f"returns have shape {returns.shape}; expected 1 to {DAYS_MAX} days")
    scaled = np.rint(returns * UNITS_A_WHOLE)
    if not (np.abs(scaled) <= _LARGEST).all():  # NaN fails too
        raise ValueError("a daily return is NaN or beyond what is kept")
    return DailyReturns(first_day=first_day, units=scaled.astype(np.int32))


def pack_returns(returns: DailyReturns) -> bytes:
    """Return the bytes that are kept: a header, then the days' units as byte planes, deflated."""
    planes = np.ascontiguousarray(returns.units.astype("<i4").view(np.uint8).reshape(-1, 4).T)
    return _HEADER.pack(_MAGIC, returns.first_day, returns.units.size) + zlib.compress(planes.tobytes(), 9)


def returns_text(returns: DailyReturns) -> str:
    """Return packed returns in base64, as an entry of the ledger and a claim hold them."""
    return base64.b64encode(pack_returns(returns)).decode("ascii")


def returns_from(text: str) -> DailyReturns:
    """Return what `returns_text` wrote.

    Raises:
        RefusedError: it is too long, or not of this form.
    """
    if len(text) > PACKED_BYTES_MAX * 4 // 3 + 4:
        raise RefusedError(f"kept returns have {len(text)} characters; another version wrote them")
    try:
        return _parsed(base64.b64decode(text, validate=True))
    except (struct.error, zlib.error, ValueError) as error:
        raise RefusedError(f"kept returns {text[:12]} cannot be read: {error}; another version wrote them") from error


def _parsed(packed: bytes) -> DailyReturns:
    magic, first_day, days = _HEADER.unpack_from(packed)
    if magic != _MAGIC or not 1 <= days <= DAYS_MAX:
        raise ValueError("another form")
    unpacker = zlib.decompressobj()
    planes = unpacker.decompress(packed[_HEADER.size :], 4 * days + 1)
    if len(planes) != 4 * days or unpacker.unused_data or not unpacker.eof:
        raise ValueError("another length")
    units = np.frombuffer(planes, np.uint8).reshape(4, days).T.copy().view("<i4").reshape(days)
    return DailyReturns(first_day=first_day, units=units.astype(np.int32))

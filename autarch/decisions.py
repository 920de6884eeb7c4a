"""A strategy's answers over a span of bars, and the digest that names them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autarch.canonical import Sha256, canonical_json
from autarch.manifest import Manifest
from autarch.market.types import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Wanted exposures and distances, each (n_bars, n_symbols), columns in manifest order.

    `counts` marks the bars whose block window lies whole in the series; elsewhere exposure is 0.0
    and both distances are NaN. In `each` mode an exposure is a fraction of the symbol's equal slice
    of the sleeve's equity, in `panel` mode of the whole sleeve's.
    """

    symbols: tuple[str, ...]
    interval: str
    mode: Literal["each", "panel"]
    max_leverage: float
    exposure: Floats
    stop_loss: Floats
    take_profit: Floats
    counts: Bools

    def digest(self) -> Sha256:
        """Return the decision digest: the identity of what a strategy does on the counting bars.

        Covers symbols, interval, mode (it says what an exposure is a fraction of), max_leverage and
        the little-endian float64 bytes of the three arrays, column by column; -0.0 counts as 0.0 and
        every NaN as one NaN.
        """
        header = {
            "symbols": list(self.symbols),
            "interval": self.interval,
            "mode": self.mode,
            "max_leverage": self.max_leverage,
        }
        hasher = hashlib.sha256(canonical_json(header))
        for column in range(len(self.symbols)):
            rows = self.counts[:, column]
            for array in (self.exposure, self.stop_loss, self.take_profit):
                hasher.update(_normal_bytes(array[rows, column]))
        return Sha256(hasher.hexdigest())

    def first_row(self) -> int:
        """Return the first row on which any decision counts; 0 when none does."""
        return int(self.counts.any(axis=1).argmax())

    def slice_fraction(self) -> float:
        """Return the part of sleeve equity that an exposure of 1.0 means: 1/n_symbols, or 1.0 for a panel."""
        return 1.0 if self.mode == "panel" else 1.0 / len(self.symbols)


def empty_decisions(manifest: Manifest, *, n_bars: int) -> Decisions:
    """Return flat decisions that count nowhere, shape (n_bars, n_symbols), to be filled in."""
    shape = (n_bars, len(manifest.symbols))
    return Decisions(
        symbols=manifest.symbols,
        interval=manifest.interval,
        mode=manifest.mode,
        max_leverage=manifest.max_leverage,
        exposure=np.zeros(shape),
        stop_loss=np.full(shape, np.nan),
        take_profit=np.full(shape, np.nan),
        counts=np.zeros(shape, dtype=np.bool_),
    )


def _normal_bytes(values: Floats) -> bytes:
    normal = np.where(np.isnan(values), np.nan, values + 0.0)
    return normal.astype("<f8").tobytes()

"""How a strategy behaves, in a form that Git can keep: a small sample of its exposures, and the cell it falls into."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.evolution.settings import Archive
from autarch.errors import DataError
from autarch.evaluation.playing import Played
from autarch.market.types import Bools
from autarch.metrics import buy_and_hold, daily_returns
from autarch.metrics.regimes import regimes

SAMPLES: Final = 2_048
"""Instants at which two strategies are compared, spread evenly over train."""
LEVELS: Final = 100
"""Steps between flat and the whole sleeve; one of them is a hundredth of the sleeve's equity."""
_MAX: Final = 32_767
_BYTES_MAX: Final = 64 << 20
_ALIKE_STEPS: Final = 5
_TOGETHER: Final = 32
_REGIMES: Final = ("calm", "usual", "wild")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Exposures at `SAMPLES` instants of train, (SAMPLES, n_symbols) in hundredths of the sleeve, of all symbols."""

    symbols: tuple[str, ...]
    levels: NDArray[np.int16]

    def packed(self) -> bytes:
        """Return the bytes that `unpacked` reads."""
        head = ",".join(self.symbols).encode("ascii")
        return zlib.compress(head + b"\n" + self.levels.astype("<i2").tobytes(), 9)

    @classmethod
    def unpacked(cls, content: bytes) -> Signature:
        """Return the signature in `content`.

        Raises:
            DataError: it is none.
        """
        try:
            whole = zlib.decompressobj().decompress(content, _BYTES_MAX)
            head, _, rest = whole.partition(b"\n")
            symbols = tuple(head.decode("ascii").split(","))
            levels = np.frombuffer(rest, dtype="<i2").astype(np.int16).reshape(SAMPLES, len(symbols))
        except (zlib.error, ValueError) as error:
            raise DataError(f"a signature of the journal does not unpack: {error}; restore the reference") from error
        return cls(symbols=symbols, levels=levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """How much two have in common.

    `alike` is the share of samples, of those where either holds, at which both have the same sign and are no more than
    five hundredths apart; `direction` the cosine of their exposures. Both 0.0 where neither ever holds.
    """

    alike: float
    direction: float


def signature_of(played: Played, *, span: tuple[int, int], symbols: Sequence[str]) -> Signature:
    """Return what `played` holds at the samples of a split.

    Args:
        played: On any symbols and interval of the data set.
        span: First and last instant of the split, epoch ms.
        symbols: Of the data set, in its order; what the strategy does not trade is flat.
    """
    moments = np.linspace(span[0], span[1], SAMPLES + 1, dtype=np.int64)[1:]
    closes = played.market.ts + played.market.interval_ms
    rows = np.searchsorted(closes, moments, side="right") - 1
    share = played.decisions.exposure * played.decisions.slice_fraction()
    share = np.where(played.decisions.counts, share, 0.0)
    levels = np.zeros((SAMPLES, len(symbols)), dtype=np.int16)
    for column, symbol in enumerate(played.decisions.symbols):
        held = np.where(rows >= 0, share[np.maximum(rows, 0), column], 0.0)
        levels[:, symbols.index(symbol)] = np.clip(np.rint(held * LEVELS), -_MAX, _MAX)
    return Signature(symbols=tuple(symbols), levels=levels)


def resemblance(one: Signature, other: Signature) -> Resemblance:
    """Return how alike two signatures of one data set are.

    Raises:
        ValueError: they are of other symbols.
    """
    return next(resemblances(one, [other]))


def resemblances(one: Signature, others: Sequence[Signature]) -> Iterator[Resemblance]:
    """Yield how alike `one` and each of `others` are, some dozens reckoned together.

    Raises:
        ValueError: one of them is of other symbols.
    """
    a = one.levels.ravel().astype(np.float64)
    for start in range(0, len(others), _TOGETHER):
        part = others[start : start + _TOGETHER]
        for other in part:
            if one.symbols != other.symbols:
                raise ValueError(f"signatures of {one.symbols} and {other.symbols} cannot be compared")
        b = np.stack([other.levels.ravel() for other in part]).astype(np.float64)
        held = (a != 0.0) | (b != 0.0)
        same = (np.abs(a - b) <= _ALIKE_STEPS) & (np.sign(a) == np.sign(b)) & held
        n_held, n_same = held.sum(axis=1), same.sum(axis=1)
        size, shared = float(a @ a) * np.einsum("ij,ij->i", b, b), b @ a  # whole numbers: exact in any order
        for row in range(len(part)):
            cosine = float(shared[row] / np.sqrt(size[row])) if size[row] > 0.0 else 0.0
            alike = float(n_same[row] / n_held[row]) if n_held[row] else 0.0
            yield Resemblance(alike=alike, direction=min(1.0, cosine))


def cell_of(metrics: Mapping[str, float | None], *, bias: float, regime: int, bounds: Archive) -> tuple[int, ...]:
    """Return the archive's cell: turnover, holding time, direction, and in which third of days by volatility it earns.

    What a metric does not say counts as zero.
    """
    turnover, holding = (metrics.get(name) or 0.0 for name in ("turnover_per_day", "mean_holding_hours"))
    return (
        _bin(turnover, bounds.turnover_per_day),
        _bin(holding, bounds.holding_hours),
        _bin(bias, bounds.direction_bias),
        regime,
    )


def bias_of(signature: Signature) -> float:
    """Return the sum of exposures over that of their sizes, in [-1, 1]: 1.0 for one that is only ever long."""
    gross = float(np.abs(signature.levels.astype(np.float64)).sum())
    return float(signature.levels.sum()) / gross if gross > 0.0 else 0.0


def days_of(played: Played) -> Mapping[str, Bools]:
    """Return which days of the market it trades are calm, usual or wild, from its first decision on."""
    row, market = played.decisions.first_row(), played.market
    held = buy_and_hold(market, played.decisions.symbols)[row:]
    return regimes(held, market.ts[row:], interval_ms=market.interval_ms)


def regime_of(played: Played, days: Mapping[str, Bools]) -> int:
    """Return 0, 1 or 2: whether a strategy earns most a day while its market is calm, usual or wild; see `days_of`."""
    row = played.decisions.first_row()
    daily = daily_returns(played.result.equity[row:], played.market.ts[row:], interval_ms=played.market.interval_ms)
    means = []
    for name in _REGIMES:
        chosen = days[name][: daily.size]
        earned = daily[: chosen.size][chosen]
        means.append(float(earned.mean()) if earned.size else -np.inf)
    return int(np.argmax(means))


def _bin(value: float, bounds: Sequence[float]) -> int:
    return int(np.searchsorted(np.asarray(bounds), value, side="right"))

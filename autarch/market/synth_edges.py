"""Edges that can be planted in the synthetic market, so that a test knows the truth.

An edge adds to a bar's expected return `strength` times that bar's volatility times a number of
order one that depends on the past alone. Strength 0 plants nothing and moves no draw.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from autarch.errors import DataError
from autarch.market.synth_paths import held
from autarch.market.types import Floats

EdgeKind = Literal["trend", "reversion", "breakout", "funding", "lead_lag", "cross_sectional"]
STRENGTH_MAX = 0.5
_CLIP = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One planted edge; `strength` in standard deviations of a bar's return.

    trend: a hidden direction held for about a week. reversion: back towards a one-day average.
    breakout: on for eight hours after a one-day extreme. funding: against the crowd that pays.
    lead_lag: the first symbol's last bar, in all others. cross_sectional: hidden relative strength
    that sums to zero over the symbols, held for three days.
    """

    kind: EdgeKind
    strength: float


def parse_edges(text: str) -> tuple[Edge, ...]:
    """Return the edges in `text`, written `trend:0.05,funding:0.02`; empty for `none`.

    Raises:
        DataError: an unknown kind, or a strength that is no number in [0, 0.5].
    """
    edges = []
    for part in [] if text.strip() in {"", "none"} else text.split(","):
        kind, _, strength = part.strip().partition(":")
        kinds: tuple[EdgeKind, ...] = get_args(EdgeKind)
        found = [k for k in kinds if k == kind]
        try:
            amount = float(strength)
        except ValueError:
            amount = -1.0
        if not found or not 0 <= amount <= STRENGTH_MAX:
            raise DataError(
                f"edge {part.strip()!r}: write KIND:STRENGTH with a strength from 0 to {STRENGTH_MAX}, "
                f"KIND one of {', '.join(kinds)}; or `none`"
            )
        edges.append(Edge(kind=found[0], strength=amount))
    return tuple(edges)


class Push(Protocol):
    """What an edge expects of the next bar."""

    def ahead(self, bar: int, column: int) -> float:
        """Return the expected move of `bar` in standard deviations, before strength."""

    def seen(self, bar: int, column: int, price: float, shock: float) -> None:
        """Take note of a bar that has closed at `price`, `shock` standard deviations from its open."""

    def settled(self, column: int, rate: float) -> None:
        """Take note of a funding settlement."""


class Quiet:
    """Base: expects nothing, remembers nothing."""

    def ahead(self, bar: int, column: int) -> float:  # noqa: ARG002  the protocol's signature
        """Expect nothing."""
        return 0.0

    def seen(self, bar: int, column: int, price: float, shock: float) -> None:
        """Remember nothing."""

    def settled(self, column: int, rate: float) -> None:
        """Remember nothing."""


class Hidden(Quiet):
    """A path of directions drawn beforehand, (n_bars, n_symbols)."""

    def __init__(self, path: Floats) -> None:
        self._path: list[list[float]] = path.tolist()

    def ahead(self, bar: int, column: int) -> float:
        """Return the hidden direction of the bar."""
        return self._path[bar][column]


class Reversion(Quiet):
    """Back towards an average of about one day."""

    def __init__(self, columns: int, *, sigma: float) -> None:
        self._mean = [0.0] * columns
        self._pull = [0.0] * columns
        self._scale = 5 * sigma

    def ahead(self, bar: int, column: int) -> float:  # noqa: ARG002  the protocol's signature
        """Return the pull towards the average."""
        return self._pull[column]

    def seen(self, bar: int, column: int, price: float, shock: float) -> None:  # noqa: ARG002  likewise
        """Move the average by 2/97 of the distance, as an EMA of 96 bars does."""
        mean = self._mean[column] or price
        mean += (price - mean) * (2 / 97)
        self._mean[column] = mean
        self._pull[column] = -_clip((price / mean - 1) / self._scale)


class Breakout(Quiet):
    """On for 32 bars after a close beyond all of the 96 before it."""

    def __init__(self, columns: int) -> None:
        self._closes: list[deque[float]] = [deque(maxlen=96) for _ in range(columns)]
        self._side = [0.0] * columns
        self._until = [0] * columns

    def ahead(self, bar: int, column: int) -> float:
        """Return the side of the last breakout while it lasts."""
        return self._side[column] if bar <= self._until[column] else 0.0

    def seen(self, bar: int, column: int, price: float, shock: float) -> None:  # noqa: ARG002  the protocol's signature
        """Look for a breakout."""
        closes = self._closes[column]
        if len(closes) == closes.maxlen and not min(closes) <= price <= max(closes):
            self._side[column] = 1.0 if price > closes[-1] else -1.0
            self._until[column] = bar + 32
        closes.append(price)


class Crowd(Quiet):
    """Against whoever pays funding above or below the usual 0.01 %."""

    def __init__(self, columns: int) -> None:
        self._push = [0.0] * columns

    def ahead(self, bar: int, column: int) -> float:  # noqa: ARG002  the protocol's signature
        """Return the push since the last settlement."""
        return self._push[column]

    def settled(self, column: int, rate: float) -> None:
        """Lean against the newest rate: one unit for every 0.03 % beyond the usual."""
        self._push[column] = -_clip((rate - 0.0001) / 0.0003)


class LeadLag(Quiet):
    """Every symbol but the first follows the first one's bar before."""

    def __init__(self) -> None:
        self._last = 0.0
        self._lead = 0.0

    def ahead(self, bar: int, column: int) -> float:  # noqa: ARG002  the protocol's signature
        """Return the leader's bar before; symbols are asked in order, the leader first."""
        if column == 0:
            self._last = self._lead
            return 0.0
        return self._last

    def seen(self, bar: int, column: int, price: float, shock: float) -> None:  # noqa: ARG002  likewise
        """Remember the leader's bar."""
        if column == 0:
            self._lead = _clip(shock)


def make_push(edge: Edge, rng: np.random.Generator, *, n_bars: int, columns: int, sigma: float) -> Push:
    """Return the push of `edge`; `sigma` is the usual standard deviation of a bar's return."""
    if edge.kind == "trend":
        draws = held(rng, n_bars=n_bars, columns=columns, mean_bars=672)
        return Hidden(np.where(draws < 0.4, -1.0, np.where(draws < 0.8, 1.0, 0.0)))
    if edge.kind == "cross_sectional":
        draws = held(rng, n_bars=n_bars, columns=columns, mean_bars=288)
        return Hidden((draws - draws.mean(axis=1, keepdims=True)) * 3)
    if edge.kind == "reversion":
        return Reversion(columns, sigma=sigma)
    if edge.kind == "breakout":
        return Breakout(columns)
    return Crowd(columns) if edge.kind == "funding" else LeadLag()


def _clip(value: float) -> float:
    return min(max(value, -_CLIP), _CLIP)

"""A synthetic market: seeded, the same bytes on any machine, with edges planted on purpose.

Symbols share a common factor; volatility clusters (GARCH), changes with the hour and with market-wide
regimes; shocks have fat tails; the premium follows momentum and funding follows the premium by the
venue's formula, rate = premium + clamp(interest - premium, +-0.05 %). It proves that machinery finds
what was planted and nothing else; it says nothing about any real market.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.build import RawSeries
from autarch.market.columns import Table
from autarch.market.synth_edges import Edge, Push, make_push
from autarch.market.synth_paths import HOURLY, bell, extremes, fat_tailed, stream, to_steps, volatility_regimes
from autarch.market.types import Floats, FundingSchedule

VENUE = "synthetic"
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
_ALPHA, _BETA = 0.08, 0.90  # GARCH(1,1): weight of the last squared shock and of the last variance
_RETURN_MAX = 0.2  # of price, in one bar
_RATE_MAX = 0.0075  # of notional, in one settlement
_INTEREST = 0.0001  # of notional, in eight hours


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthSymbol:
    """One symbol. A tick is 10**-price_decimals; `sigma` is a bar's usual standard deviation at 15 minutes."""

    symbol: str
    price: float
    price_decimals: int
    qty_decimals: int
    turnover: float  # quote units of a usual 15-minute bar
    sigma: float
    common: float  # share of variance that the common factor explains, in [0, 1]
    funding: tuple[FundingSchedule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthSpec:
    """All that decides the bytes of a synthetic market."""

    seed: int
    start_ms: int
    n_bars: int
    interval: str
    symbols: tuple[SynthSymbol, ...]
    edges: tuple[Edge, ...]

    @property
    def step_ms(self) -> int:
        """Length of one bar."""
        return INTERVAL_MS[self.interval]


@dataclass(slots=True)
class _Walk:
    """What the bar-by-bar recursion leaves behind, one list a symbol."""

    price: list[list[float]]
    sigma: list[list[float]]
    premium: list[list[float]]
    funding: list[list[tuple[int, float]]]


def synthesise(spec: SynthSpec) -> tuple[RawSeries, ...]:
    """Return kline, mark and funding of every symbol of `spec`, whole and sorted.

    Raises:
        DataError: an interval longer than an hour or one that does not divide it, a start off the
            hour, or no bars: funding and mark need whole hours.
    """
    if HOUR_MS % spec.step_ms or spec.start_ms % HOUR_MS or spec.n_bars < 2 or not spec.symbols:
        raise DataError(
            f"synthetic market of {spec.n_bars} bars of {spec.interval} from {spec.start_ms}: the interval must divide "
            "an hour, the start be a whole hour, and two bars and one symbol are the least"
        )
    walk = _walk(spec)
    raws: list[RawSeries] = []
    for column, symbol in enumerate(spec.symbols):
        raws += _series(spec, symbol, column, walk)
    return tuple(raws)


def _walk(spec: SynthSpec) -> _Walk:
    n, columns = spec.n_bars, len(spec.symbols)
    scale = math.sqrt(spec.step_ms / INTERVAL_MS["15m"])
    base = [symbol.sigma * scale for symbol in spec.symbols]
    shocks = _shocks(spec)
    noise: list[list[float]] = bell(stream(spec.seed, 3), (n, columns)).tolist()
    hours = (spec.start_ms + spec.step_ms * np.arange(n)) // HOUR_MS % 24
    activity: list[float] = (volatility_regimes(stream(spec.seed, 1), n_bars=n) * np.array(HOURLY)[hours]).tolist()
    pushes = _pushes(spec, base)
    states = [_State(symbol, sigma) for symbol, sigma in zip(spec.symbols, base, strict=True)]
    for bar in range(n):
        close_ms = spec.start_ms + (bar + 1) * spec.step_ms
        for column, state in enumerate(states):
            ahead = 0.0
            for strength, push in pushes:
                ahead += strength * push.ahead(bar, column)
            shock = state.step(activity[bar], shocks[bar][column], ahead, noise[bar][column])
            for _, push in pushes:
                push.seen(bar, column, state.now, shock)
            rate = state.settle(close_ms)
            if rate is not None:
                for _, push in pushes:
                    push.settled(column, rate)
    return _Walk(
        price=[s.price for s in states],
        sigma=[s.sigma for s in states],
        premium=[s.premium for s in states],
        funding=[s.funding for s in states],
    )


def _shocks(spec: SynthSpec) -> list[list[float]]:
    columns = len(spec.symbols)
    draws = fat_tailed(stream(spec.seed, 2), (spec.n_bars, columns + 1))
    common = np.array([symbol.common for symbol in spec.symbols])
    mixed: list[list[float]] = (draws[:, :1] * np.sqrt(common) + draws[:, 1:] * np.sqrt(1 - common)).tolist()
    return mixed


def _pushes(spec: SynthSpec, base: Sequence[float]) -> list[tuple[float, Push]]:
    return [
        (
            edge.strength,
            make_push(
                edge,
                stream(spec.seed, 100 + position),
                n_bars=spec.n_bars,
                columns=len(spec.symbols),
                sigma=sum(base) / len(base),
            ),
        )
        for position, edge in enumerate(spec.edges)
    ]


class _State:
    """One symbol as the bars go by: price, variance, premium, funding."""

    def __init__(self, symbol: SynthSymbol, base: float) -> None:
        self.now = symbol.price
        self.price: list[float] = []
        self.sigma: list[float] = []
        self.premium: list[float] = []
        self.funding: list[tuple[int, float]] = []
        self._base = base
        self._variance = 1.0
        self._momentum = 0.0
        self._crowding = 0.0
        self._sum = 0.0
        self._count = 0
        self._schedule = symbol.funding

    def step(self, activity: float, shock: float, ahead: float, noise: float) -> float:
        """Move one bar and return its return in standard deviations."""
        sigma = self._base * activity * math.sqrt(self._variance)
        moved = min(max(sigma * (shock + ahead), -_RETURN_MAX), _RETURN_MAX)
        self.now *= 1 + moved
        self._variance = 1 - _ALPHA - _BETA + _ALPHA * shock * shock + _BETA * self._variance
        self._momentum += (moved - self._momentum) * (2 / 97)
        self._crowding += 0.02 * (1.6 * self._momentum - self._crowding) + 0.00009 * noise
        self.price.append(self.now)
        self.sigma.append(sigma)
        self.premium.append(self._crowding)
        self._sum += self._crowding
        self._count += 1
        return moved / sigma

    def settle(self, close_ms: int) -> float | None:
        """Return the rate settled at this close, None when nothing settles."""
        entry = self._schedule[0]
        for later in self._schedule[1:]:
            # an entry's own start is the last settlement of the one before
            entry = later if close_ms > later.from_ms else entry
        if close_ms % (entry.interval_min * MINUTE_MS):
            return None
        premium = self._sum / self._count
        self._sum, self._count = 0.0, 0
        interest = _INTEREST * entry.interval_min / 480
        rate = premium + min(max(interest - premium, -0.0005), 0.0005)
        rate = round(min(max(rate, -_RATE_MAX), _RATE_MAX) * 1e8) / 1e8
        self.funding.append((close_ms, rate))
        return rate


def _series(spec: SynthSpec, symbol: SynthSymbol, column: int, walk: _Walk) -> list[RawSeries]:
    closes = np.array(walk.price[column])
    sigma = np.array(walk.sigma[column])
    kline = _kline(spec, column, closes, sigma)
    per_hour = HOUR_MS // spec.step_ms
    mark = _mark(kline, np.array(walk.premium[column]), per_hour, 10**symbol.price_decimals)
    stamps = [(at, rate) for at, rate in walk.funding[column] if at < spec.start_ms + spec.n_bars * spec.step_ms]
    funding: Table = {
        "ts": np.array([at for at, _ in stamps], dtype=np.int64),
        "rate": np.array([rate for _, rate in stamps]),
    }
    return [
        RawSeries(venue=VENUE, symbol=symbol.symbol, kind="kline", interval=spec.interval, table=kline),
        RawSeries(venue=VENUE, symbol=symbol.symbol, kind="mark", interval="1h", table=mark),
        RawSeries(venue=VENUE, symbol=symbol.symbol, kind="funding", interval=None, table=funding),
    ]


def _kline(spec: SynthSpec, column: int, closes: Floats, sigma: Floats) -> Table:
    symbol = spec.symbols[column]
    rng = stream(spec.seed, 1000 + column)
    ticks = 10**symbol.price_decimals
    opens = np.concatenate(([symbol.price], closes[:-1]))
    high, low = extremes(rng, opens, closes, sigma)
    open_ticks, close_ticks = to_steps(opens, ticks), to_steps(closes, ticks)
    high_ticks = np.maximum(to_steps(high, ticks), np.maximum(open_ticks, close_ticks))
    low_ticks = np.minimum(to_steps(low, ticks), np.minimum(open_ticks, close_ticks))
    scale = math.sqrt(spec.step_ms / INTERVAL_MS["15m"])
    moved = np.abs(closes / opens - 1) / (symbol.sigma * scale)
    turnover = symbol.turnover * scale * scale * (0.3 + 0.5 * moved) * (0.5 + rng.random(closes.size))
    volume = to_steps(turnover / closes, 10**symbol.qty_decimals) / 10**symbol.qty_decimals
    return {
        "ts": spec.start_ms + spec.step_ms * np.arange(spec.n_bars, dtype=np.int64),
        "open": open_ticks / ticks,
        "high": high_ticks / ticks,
        "low": low_ticks / ticks,
        "close": close_ticks / ticks,
        "volume": volume,
    }


def _mark(kline: Table, premium: Floats, per_hour: int, ticks: int) -> Table:
    """Return whole hours of a mark price: the last price without half of the premium."""
    hours = premium.size // per_hour
    shape = (hours, per_hour)
    rows = hours * per_hour
    fair = 1 / (1 + premium[:rows] / 2)
    made = {
        name: (kline[name][:rows].astype(np.float64) * fair).reshape(shape) for name in ("open", "high", "low", "close")
    }
    parts = {
        "open": to_steps(made["open"][:, 0], ticks),
        "high": to_steps(made["high"].max(axis=1), ticks),
        "low": to_steps(made["low"].min(axis=1), ticks),
        "close": to_steps(made["close"][:, -1], ticks),
    }
    return {"ts": kline["ts"][:rows:per_hour].astype(np.int64)} | {name: part / ticks for name, part in parts.items()}

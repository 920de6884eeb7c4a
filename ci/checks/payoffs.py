"""What a decision earned beyond its alibis: where it would have paid to see what came next. Pure.

Scores choose the bars at which a strategy is asked again; they accuse nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.market.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Prices of one symbol, each (n_bars,)."""

    high: Floats
    low: Floats
    close: Floats


def payoff_of_exposures(exposure: Floats, close: Floats, *, coarse: Floats) -> Floats:
    """Return, a bar, what the exposure wanted at that bar earned on the next bar beyond its best alibi.

    The alternatives are what a strategy that cannot see the next bar might as well have wanted: the
    exposure before, the one after (a change put off), the last different one (a change brought
    forward) and none. The largest gain over any of them is what a peek would have been paid.
    Own choice, after the exits that a look-ahead delays where the next bar pays.

    Args:
        exposure: (n_bars,).
        close: (n_bars,).
        coarse: (n_bars,) the exposure in steps so large that a change of one is a change.

    Returns:
        (n_bars,), 0.0 for the last bar, never below 0.0.
    """
    ahead = np.zeros(exposure.size)
    ahead[:-1] = close[1:] / close[:-1] - 1.0
    before = np.concatenate([exposure[:1], exposure[:-1]])
    after = np.concatenate([exposure[1:], exposure[-1:]])
    gains = [(exposure - other) * ahead for other in (before, after, _last_different(exposure, coarse), 0.0)]
    paid: Floats = np.maximum(np.stack(gains).max(axis=0), 0.0)
    return paid


def payoff_of_distances(exposure: Floats, stop: Floats, take: Floats, path: Path, *, coarse: Floats) -> Floats:
    """Return, a bar that enters or adds, what its stop and take-profit earned beyond their best alibi; else 0.0.

    An entry is followed until the exposure's sign changes, the stop ahead of the take-profit where both are
    touched. The alternatives are, for either distance, the one of the bar before, of the bar after, of the
    entry before, and none. Own choice; entries are taken at the close, without costs.

    Args:
        exposure: (n_bars,).
        stop: (n_bars,) fractions of the entry price, NaN for none.
        take: Likewise.
        path: Prices of the same bars.
        coarse: As in `payoff_of_exposures`.
    """
    paid = np.zeros(exposure.size)
    entries = np.flatnonzero(_enters(coarse))
    entries = entries[entries < exposure.size - 1]
    if entries.size == 0 or (np.isnan(stop[entries]).all() and np.isnan(take[entries]).all()):
        return paid
    trade = _follow(entries, np.sign(exposure[entries]), path, ends=_ends(np.sign(coarse))[entries])
    actual = trade.outcome(stop[entries], take[entries])
    others = [trade.outcome(other, take[entries]) for other in _alibis(stop, entries)]
    others += [trade.outcome(stop[entries], other) for other in _alibis(take, entries)]
    gain = np.abs(exposure[entries]) * (actual - np.stack(others).min(axis=0))
    paid[entries] = np.maximum(gain, 0.0)
    return paid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trades:
    """What happened after each entry, as fractions of its price: the worst, the best, the end."""

    adverse: Floats
    favourable: Floats
    final: Floats

    def outcome(self, stop: Floats, take: Floats) -> Floats:
        """Return what each earns with these distances; a distance of NaN is never touched."""
        taken = np.where(self.favourable >= take, take, self.final)
        result: Floats = np.where(self.adverse >= stop, -stop, taken)
        return result


def _follow(entries: Ints, side: Floats, path: Path, *, ends: Ints) -> _Trades:
    entry = path.close[entries]
    lowest = -largest(-path.low, entries + 1, ends)
    highest = largest(path.high, entries + 1, ends)
    down, up = 1.0 - lowest / entry, highest / entry - 1.0
    return _Trades(
        adverse=np.where(side > 0.0, down, up),
        favourable=np.where(side > 0.0, up, down),
        final=side * (path.close[ends] / entry - 1.0),
    )


def _alibis(distance: Floats, entries: Ints) -> tuple[Floats, ...]:
    previous = np.concatenate([entries[:1], entries[:-1]])
    after = np.minimum(entries + 1, distance.size - 1)
    none = np.full(entries.size, np.nan)
    return distance[np.maximum(entries - 1, 0)], distance[after], distance[previous], none


def _enters(coarse: Floats) -> Bools:
    """Return the bars on which a position is opened, turned or added to."""
    before = np.concatenate([[0.0], coarse[:-1]])
    return np.asarray((np.abs(coarse) > np.abs(before)) | (coarse * before < 0.0))


def _ends(sign: Floats) -> Ints:
    """Return, a bar, the next one on which the sign is another; the last bar where there is none."""
    changes = np.flatnonzero(sign[1:] != sign[:-1]) + 1
    following = np.searchsorted(changes, np.arange(sign.size), side="right")
    ends: Ints = np.concatenate([changes, [sign.size - 1]])[following]
    return ends


def largest(values: Floats, first: Ints, last: Ints) -> Floats:
    """Return the largest of values[first : last + 1] for each pair, from maxima over powers of two."""
    spans = last - first + 1
    level = np.floor(np.log2(spans)).astype(np.int64)
    found = np.empty(first.size)
    maxima = values
    for power in range(int(level.max()) + 1):
        here = level == power
        found[here] = np.maximum(maxima[first[here]], maxima[last[here] - (1 << power) + 1])
        maxima = np.maximum(maxima[: -(1 << power) or None], maxima[1 << power :])
    return found


def _last_different(exposure: Floats, coarse: Floats) -> Floats:
    """Return, a bar, the exposure held before the current run of alike ones began (0.0 in the first run)."""
    starts = np.flatnonzero(np.concatenate([[True], coarse[1:] != coarse[:-1]]))
    run = np.searchsorted(starts, np.arange(exposure.size), side="right") - 1
    previous = np.concatenate([[0.0], exposure[starts[1:] - 1]])
    result: Floats = previous[run]
    return result

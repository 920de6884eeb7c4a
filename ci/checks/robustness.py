"""robustness: what a strategy earns survives other costs, other numbers, other spans, and is not already on main.

Judged are the limits of [robustness]; all else is shown: a bar's delay, doubled costs, regimes, worlds that
never were, and the book with the candidate in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from autarch.metrics import round_trips
from autarch.metrics.concentration import effective_count, return_without_best, return_without_best_day
from autarch.metrics.curve import annual_return
from autarch.metrics.trips import independent_trips
from autarch.verdict import Measure
from ci.checks import placebo
from ci.checks.findings import Findings
from ci.checks.ground import Curve
from ci.checks.standing import is_dominated
from ci.context import Answer, Judged
from ci.policy_tables import RobustnessPolicy

SHARPE_UNIT_MIN = 0.5
"""Losses of a Sharpe ratio are measured against it, but against no less than this: half of nothing is noise."""

CURES = {
    "independent_bets": "too few trades to tell skill from luck: trade more often, more symbols or a longer train",
    "effective_bets": "a few trades won or lost nearly all of it: let many trades of like size carry the result",
    "time_in_market": "hardly ever in the market: what it earns there is a handful of events; loosen the entry",
    "annual_return": "it earns next to nothing a year whatever its Sharpe ratio: take enough exposure to matter",
    "annual_return_without_best_trade": "one trade made the result: find a rule that pays more than once",
    "annual_return_without_best_day": "one day made the result: find a rule that pays more than once",
    "annual_return_at_higher_costs": "its edge does not pay for dearer trading: trade less often, or for larger moves",
    "folds_not_losing": "it loses in too many parts of train: it fits some spells of the market and not others",
    "worst_fold": "one part of train cost too much: lower exposure, or leave a regime it does not suit",
    "jitter_lost": "parameters a little different lose it: choose values from the middle of a plateau",
    "noise_lost": "bars off by a basis point lose it: it knows bars by heart, or trades inside the spread",
    "numbers_lost": "its numbers off by a hundredth lose it: they are keys to days it knows; use a rule instead",
    "dominated": "what stands on main in its place earns no less with no more risk: improve on it, or withdraw",
    "same_direction": 'its exposures are a multiple of one on main: write retires = "<that slug>" under [origin]',
    "alike": 'it decides like a strategy on main: write retires = "<that slug>" under [origin] and remove the folder',
}
"""What to do about each limit."""


def answer(findings: Findings, judged: Judged, *, limits: RobustnessPolicy, slug: str) -> Answer:
    """Pass when every limit holds.

    Args:
        findings: As measured.
        judged: The backtest and its metrics.
        limits: The policy's.
        slug: The candidate's, for the sentence.
    """
    judging = tuple(_limits(findings, judged, limits))
    measures = (*judging, *_shown(findings))
    beyond = [measure for measure in judging if not measure.holds]
    if not beyond:
        return Answer(verdict="passed", detail=_passed(findings, judging, slug), measures=measures)
    detail = "; ".join(f"{measure.name} is beyond its limit: {_cure(measure, findings)}" for measure in beyond)
    return Answer(verdict="failed", detail=detail, measures=measures)


def lost(own: Curve, other: Curve | None) -> float:
    """Return the share of the candidate's Sharpe ratio that `other` lacks; all of it where there is no other.

    (own - other) / max(own, 0.5): negative where the other is better.
    """
    return (own.sharpe - (other.sharpe if other is not None else 0.0)) / max(own.sharpe, SHARPE_UNIT_MIN)


def jitter_lost(findings: Findings) -> float:
    """Return what the median of all neighbouring parameter sets loses; a set the strategy refuses has lost all."""
    return float(np.median([lost(findings.own, curve) for _, curve in findings.moved])) if findings.moved else 0.0


def _limits(findings: Findings, judged: Judged, limits: RobustnessPolicy) -> Iterator[Measure]:
    own, metrics = findings.own, judged.metrics
    trips = round_trips(judged.result.fills, judged.result.funding)
    without_trade = return_without_best(trips["profit"], total=own.total, capital=own.capital)
    without_day = return_without_best_day(own.daily)
    floor, year = limits.annual_return_min, "of equity a year"
    yield _least("independent_bets", metrics["independent_bets"], limits.independent_bets_min, "round trips apart")
    bets = independent_trips(trips)
    yield _least("effective_bets", effective_count(bets["profit"]), limits.effective_bets_min, "trades of like size")
    yield _least("time_in_market", metrics["time_in_market"], limits.time_in_market_frac_min, "of bars")
    yield _least("annual_return", own.annual, floor, year)
    yield _least("annual_return_without_best_trade", annual_return(without_trade, days=own.days), floor, year)
    yield _least("annual_return_without_best_day", annual_return(without_day, days=own.days), floor, year)
    yield _least(
        "annual_return_at_higher_costs",
        findings.costs.annual,
        limits.costs_annual_return_min,
        f"{year}, at {limits.costs_factor:g} x costs",
    )
    not_losing = float((findings.folds >= 0.0).mean())
    unit = f"of {limits.folds} parts of train, parameters chosen anew before each"
    yield _least("folds_not_losing", not_losing, limits.folds_not_losing_frac_min, unit)
    yield _least("worst_fold", float(findings.folds.min()), -limits.worst_fold_loss_frac_max, "of equity")
    share = "of the Sharpe ratio"
    sets = f"{share}, median of {len(findings.moved)} sets"
    yield _most("jitter_lost", jitter_lost(findings), limits.jitter_lost_frac_max, sets)
    yield _most("noise_lost", lost(own, findings.noisy), limits.noise_lost_frac_max, share)
    yield _most("numbers_lost", lost(own, findings.renumbered), limits.numbers_lost_frac_max, share)
    dominated = 1.0 if is_dominated(own, findings.incumbent) else 0.0
    yield _most("dominated", dominated, limits.dominated_max, f"(1: by {_whom(findings)})")
    value, whose = _most_like(findings, "likeness")
    yield Measure(name="alike", value=value, op="<", limit=limits.alike_max, unit=f"of decisions, with {whose}")
    value, whose = _most_like(findings, "direction")
    limit = limits.same_direction_max
    yield Measure(name="same_direction", value=value, op="<", limit=limit, unit=f"cosine of exposures, with {whose}")


def _most_like(findings: Findings, how: str) -> tuple[float, str]:
    """Return how like the likest strategy on main is, and its slug."""
    found = [(float(getattr(one, how)), one.slug) for one in findings.besides]
    return max(found, default=(0.0, "nobody on main"))


def _shown(findings: Findings) -> Iterator[Measure]:
    """Yield what is shown and never judged; None is what does not exist here."""
    ratio, year = "Sharpe ratio", "of equity a year"
    yield _told("sharpe", findings.own.sharpe, ratio)
    yield _told("delayed_sharpe", findings.delayed.sharpe, f"{ratio}, every decision one bar late")
    yield _told("annual_return_at_doubled_costs", findings.doubled.annual, year)
    for name, value in findings.by_regime.items():
        yield _told(f"{name}_sharpe", value, f"{ratio} on the {name} third of days")
    for kind, curve in findings.straight.items():
        yield _told(f"{kind}_sharpe", None if curve is None else curve.sharpe, _STRAIGHT[kind])
    own, worlds = placebo_sharpes(findings)
    place = placebo.rank(own, worlds) if own is not None else None
    bars = f"of {len(worlds) + 1}, on {findings.world_rows} rows: the candidate among worlds without order"
    yield _told("placebo_rank", None if place is None else float(place), bars)
    yield _told("placebo_sharpe", own, f"{ratio}, on the rows of the worlds")
    yield _told("placebo_median_sharpe", float(np.median(worlds)) if worlds else None, f"{ratio} of the worlds")
    for change in findings.changes:
        for suffix, value in (("", change.value), ("_low", change.low), ("_high", change.high)):
            yield _told(f"book_{change.name}{suffix}", value, _BOOK[suffix])


_STRAIGHT = {
    "inverted": "Sharpe ratio with prices upside down",
    "drift_removed": "Sharpe ratio with the drift of prices removed",
    "other_symbols": "Sharpe ratio on symbols it did not choose",
}
_BOOK = {
    "": "change of main's portfolio with it",
    "_low": "lower end of nine tenths of resamples",
    "_high": "upper end of nine tenths of resamples",
}


def placebo_sharpes(findings: Findings) -> tuple[float | None, list[float]]:
    """Return the candidate's Sharpe ratio on the rows of the worlds, and that of each world it could be played in."""
    told = [(one.kind, one.curve.sharpe) for one in findings.worlds if one.curve is not None]
    own = next((value for kind, value in told if kind == "own"), None)
    return own, [value for kind, value in told if kind != "own"] if own is not None else []


def _passed(findings: Findings, judging: Sequence[Measure], slug: str) -> str:
    own, worlds = placebo_sharpes(findings)
    told = f"; {placebo.rank(own, worlds)} of {len(worlds) + 1} among placebo worlds" if own is not None else ""
    return f"{slug} holds up within {len(judging)} limits: costs, numbers, spans, luck, {_whom(findings)}{told}"


def _whom(findings: Findings) -> str:
    if findings.incumbent_slug is None:
        return "cash"
    return findings.incumbent_slug if findings.incumbent is not None else f"cash, {findings.incumbent_slug} fails here"


_LIKE = {"alike": "likeness", "same_direction": "direction"}


def _cure(measure: Measure, findings: Findings) -> str:
    cure = CURES[measure.name]
    if measure.name in _LIKE:
        return cure.replace("<that slug>", _most_like(findings, _LIKE[measure.name])[1])
    if measure.name == "jitter_lost":
        names = sorted(
            {moved.name for moved, curve in findings.moved if lost(findings.own, curve) > (measure.limit or 0.0)}
        )
        return f"{cure} (most of all: {', '.join(names[:3])})" if names else cure
    return cure


def _least(name: str, value: float | None, limit: float, unit: str) -> Measure:
    return Measure(name=name, value=value, op=">=", limit=float(limit), unit=unit)


def _most(name: str, value: float | None, limit: float, unit: str) -> Measure:
    return Measure(name=name, value=value, op="<=", limit=float(limit), unit=unit)


def _told(name: str, value: float | None, unit: str) -> Measure:
    return Measure(name=name, value=value, unit=unit)

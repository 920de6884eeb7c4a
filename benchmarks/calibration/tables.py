"""From what the worlds told to rates with their standard errors, and to the targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.market.lock_types import Epoch
from benchmarks.calibration.adversary import Campaign, Climbed
from benchmarks.calibration.capital import SHIPPED_DAYS, YEARS_MAX, Waited
from benchmarks.calibration.pool import Pool
from benchmarks.calibration.proposals import HOLDOUT_DAYS
from benchmarks.calibration.streams import CAPITAL_OF, EDGES, FAMILIES_TRUE, OURS, SHARES, Cell, Fate, Told

ALPHA: Final = Epoch().alpha
GAIN_MAX: Final = 0.1
POWER_MIN: Final = 0.5
CAPITAL_FRAC_MAX: Final = 0.05
LONGEST: Final = HOLDOUT_DAYS[-1]
YEARS: Final = {182: "0.5", 365: "1", 730: "2", 1460: "4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What every task told."""

    streams: Sequence[Told]
    attacks: Sequence[tuple[Campaign, Climbed]]
    waits: Sequence[Sequence[Waited]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A mean over worlds and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        """Return both, as a table shows them."""
        return f"{self.mean:.3f} ± {self.error:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One half of a pair of targets: what was measured, whether it holds, and in words."""

    name: str
    measured: str
    wanted: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The tables in Markdown, the targets, and what a picture needs: power by holdout for each Sharpe ratio."""

    text: str
    targets: tuple[Target, ...]
    power: dict[float, list[float]]

    @property
    def missed(self) -> tuple[str, ...]:
        """Targets that do not hold."""
        return tuple(f"{one.name}: {one.measured}, wanted {one.wanted}" for one in self.targets if not one.holds)


def rate(values: Sequence[float]) -> Rate:
    """Return the mean of one value a world; a single world has no error and is told as nan."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return Rate(mean=statistics.fmean(values), error=error)


def false_rate(fates: Sequence[Fate]) -> Rate:
    """Return the false discovery rate: the mean of false promotions over all of a world, zero where there was none."""
    return rate([one.false / max(1, one.false + one.true) for one in fates])


def power(fates: Sequence[Fate], *, of_asked: bool = False) -> Rate:
    """Return the share of true proposals that are promoted, of all or of those a human asked about; by world."""
    values = [one.true / base for one, base in ((x, x.asked_true if of_asked else x.n_true) for x in fates) if base > 0]
    return rate(values) if values else Rate(mean=0.0, error=0.0)


def by_cell(streams: Sequence[Told]) -> dict[Cell, dict[str, list[Fate]]]:
    """Return each rule's fates in each cell, one a world."""
    found: dict[Cell, dict[str, list[Fate]]] = {}
    for told in streams:
        for cell, fates in told.fates.items():
            for name, one in fates.items():
                found.setdefault(cell, {}).setdefault(name, []).append(one)
    return found


def figures_of(found: Found, *, origin: str, pool: Pool) -> Figures:
    """Return all tables and the targets."""
    cells = by_cell(found.streams)
    targets = tuple(_targets(cells, found))
    parts = [
        _about(found, origin, pool),
        _target_table(targets),
        _grid(cells),
        *(_rules(cells, scenario) for scenario in ("independent", "families")),
        _attacks(found.attacks),
        _capital(found.streams),
        _waits(found.waits),
    ]
    curves = {edge: [power(cells[_cell(0.05, edge, days)][OURS]).mean for days in HOLDOUT_DAYS] for edge in EDGES}
    return Figures(text="\n\n".join(parts), targets=targets, power=curves)


def _cell(share: float, edge: float, days: int, scenario: str = "independent") -> Cell:
    return Cell(scenario=scenario, share=share, edge=edge if share else 0.0, days=days)


def _targets(cells: dict[Cell, dict[str, list[Fate]]], found: Found) -> Iterator[Target]:
    rates = [(false_rate(fates[OURS]), cell) for cell, fates in cells.items()]
    worst, where = max(rates, key=lambda pair: pair[0].mean)
    yield Target(
        name="false promotions, worst of all streams",
        measured=f"{worst} ({_named(where)})",
        wanted=f"<= {ALPHA} + 2 standard errors in each",
        holds=all(_excess(one) <= 0 for one, _ in rates),
    )
    for plan in ("add and subtract", "climb"):
        gains = [c.last - c.first for k, c in found.attacks if (k.plan, k.days, k.is_parted) == (plan, LONGEST, True)]
        gain = rate(gains)
        yield Target(
            name=f"adversary's gain, {plan}, four years",
            measured=f"{gain} annual Sharpe",
            wanted=f"<= {GAIN_MAX} within 2 standard errors",
            holds=not gain.mean - 2 * gain.error > GAIN_MAX,
        )
    fates = cells[_cell(0.05, 2.0, LONGEST)][OURS]
    for of_asked, name in ((True, "power of the test, Sharpe 2, four years"), (False, "the same, of all proposals")):
        found_power = power(fates, of_asked=of_asked)
        wanted = f">= {POWER_MIN}" if of_asked else "told, not judged"
        yield Target(
            name=name, measured=str(found_power), wanted=wanted, holds=not of_asked or found_power.mean >= POWER_MIN
        )
    for days in (365, LONGEST):
        share = capital_frac(found.streams, days)
        yield Target(
            name=f"capital-days without edge, of a gate without tiers, holdout {YEARS[days]} y",
            measured=str(share),
            wanted=f"<= {CAPITAL_FRAC_MAX} + 2 standard errors",
            holds=share.mean - 2 * share.error <= CAPITAL_FRAC_MAX,
        )


def _excess(one: Rate) -> float:
    return one.mean - ALPHA - 2 * (0.0 if np.isnan(one.error) else one.error)


def _named(cell: Cell) -> str:
    kind = "families" if cell.scenario == "families" else "streams"
    return f"{kind}, {cell.share:.0%} true at {cell.edge:g}, holdout {YEARS[cell.days]} y"


def capital_frac(streams: Sequence[Told], days: int) -> Rate:
    """Return what no-edge strategies had with tiers over what they had without, by world."""
    spent = [told.spent[days] for told in streams if days in told.spent]
    return rate([one.none_tiers / one.none_flat for one in spent if one.none_flat > 0] or [0.0])


def _about(found: Found, origin: str, pool: Pool) -> str:
    centred = pool.returns - pool.returns.mean(axis=0)
    tails = float(np.median((centred**4).mean(axis=0) / centred.var(axis=0) ** 2))
    memory = float(np.median((centred[1:] * centred[:-1]).mean(axis=0) / centred.var(axis=0)))
    attacks = found.attacks[0][0].rounds if found.attacks else 0
    return (
        f"{pool.returns.shape[1]} rules in {pool.n_families} families on {pool.returns.shape[0]} days ({origin}); "
        f"median kurtosis of daily returns {tails:.1f} (normal: 3), median correlation with the day before "
        f"{memory:.2f}. {len(found.streams)} streams, {len(found.attacks)} adversaries of {attacks} rounds. Errors are "
        "standard errors over streams, or over adversaries."
    )


def _target_table(targets: Sequence[Target]) -> str:
    rows = [f"| {one.name} | {one.measured} | {one.wanted} | {'yes' if one.holds else '**no**'} |" for one in targets]
    return _table("Targets", "| target | measured | wanted | holds |\n|---|---|---|---|", rows)


def _grid(cells: dict[Cell, dict[str, list[Fate]]]) -> str:
    rows = []
    for share in (0.0, *SHARES):
        for edge in EDGES if share else EDGES[:1]:
            told = []
            for days in HOLDOUT_DAYS:
                fates = cells[_cell(share, edge, days)][OURS]
                told.append(f"{false_rate(fates)}" + (f", {power(fates).mean:.2f}" if share else ""))
            name = "none true" if not share else f"{share:.0%} true at Sharpe {edge:g}"
            rows.append(f"| {name} | {' | '.join(told)} |")
    head = f"| stream | {' | '.join(f'{YEARS[days]} y' for days in HOLDOUT_DAYS)} |\n|---|---|---|---|---|"
    return _table("Autarch: false promotions, share of true ones promoted; by length of the holdout", head, rows)


def _rules(cells: dict[Cell, dict[str, list[Fate]]], scenario: str) -> str:
    share = SHARES[-1] if scenario == "independent" else FAMILIES_TRUE
    rows = []
    for name in cells[_cell(0.0, 0.0, LONGEST, scenario)]:
        told = []
        for days in (365, LONGEST):
            none, some = (cells[_cell(s, 2.0, days, scenario)][name] for s in (0.0, share))
            told += [str(false_rate(none)), str(false_rate(some)), f"{power(some).mean:.2f}"]
        rows.append(f"| {name} | {' | '.join(told)} |")
    title = "proposals with days of their own" if scenario == "independent" else "families of near copies, same days"
    head = (
        f"| rule | 1 y: none true | {share:.0%} true: false | true promoted | 4 y: none true | {share:.0%} true: false "
        "| true promoted |\n|---|---|---|---|---|---|---|"
    )
    return _table(f"Beside other rules, Sharpe 2, {title}", head, rows)


def _attacks(attacks: Sequence[tuple[Campaign, Climbed]]) -> str:
    rows = []
    for campaign in dict.fromkeys(campaign for campaign, _ in attacks):
        own = [climbed for other, climbed in attacks if other == campaign]
        parts = "parted" if campaign.is_parted else "looked at and judged on the same days"
        rows.append(
            f"| {campaign.plan}, {YEARS[campaign.days]} y, {parts} | {rate([c.looked for c in own])} | "
            f"{rate([c.last - c.first for c in own])} | {sum(c.promoted for c in own)} of {len(own)} |"
        )
    head = (
        "| adversary | Sharpe it climbed to where looks see | gain where the test sees | promoted |\n|---|---|---|---|"
    )
    return _table("An adversary who hears every word, without any edge", head, rows)


def _capital(streams: Sequence[Told]) -> str:
    rows = []
    for days in HOLDOUT_DAYS:
        spent = [told.spent[days] for told in streams if days in told.spent]
        true = rate([one.true_tiers / one.true_flat for one in spent if one.true_flat > 0] or [0.0])
        rows.append(f"| {YEARS[days]} y | {capital_frac(streams, days)} | {true} |")
    share, edge = CAPITAL_OF
    head = "| holdout | without edge | with one |\n|---|---|---|"
    title = "Capital-days in the year after the merge, over those of a gate without tiers"
    return _table(f"{title}; {share:.0%} true at Sharpe {edge:g}", head, rows)


def _waits(waits: Sequence[Sequence[Waited]]) -> str:
    rows = []
    for group in waits:
        days = [one.days for one in group]
        within = [sum(d is not None and d <= 365 * y for d in days) / len(days) for y in (0, 1, 2, YEARS_MAX)]
        known = sorted(d if d is not None else 10**6 for d in days)
        middle = known[len(known) // 2]
        rows.append(
            f"| {group[0].holdout_days} | {group[0].edge:g} | {' | '.join(f'{x:.2f}' for x in within)} | "
            f"{middle if middle < 10**6 else f'over {YEARS_MAX * 365}'} |"
        )
    head = (
        f"| holdout days | true Sharpe | at the merge | within 1 y | 2 y | {YEARS_MAX} y | median days |\n"
        "|---:|---:|---:|---:|---:|---:|---:|"
    )
    shipped = " and ".join(str(days) for days in SHIPPED_DAYS)
    return _table(f"Time to promotion on short holdouts ({shipped} days): share promoted", head, rows)


def _table(title: str, head: str, rows: Sequence[str]) -> str:
    return f"### {title}\n\n{head}\n" + "\n".join(rows)

"""The first screen: at most twelve lines that say all a reader decides by, the same on every page and comment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from autarch.metrics.shown import shown
from autarch.verdict import Measure
from ci.checks.findings import Findings
from ci.checks.ground import Curve
from ci.checks.robustness import placebo_sharpes
from ci.report_numbers import comparison, short
from ci.report_scene import Scene
from ci.report_text import lane_words
from ci.report_thesis import thesis_of
from ci.report_trades import counts

LINES_MAX: Final = 12
TEXT_CHARS_MAX: Final = 400
NEAREST: Final = 3
"""Limits named as what would kill it, the nearest first."""
_DIES = re.compile(r"dies when:\s*(.+?)(?:\n\s*\n|\n\s*[A-Z][\w ]{2,24}:|\Z)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: what it tells, and the text; parts of it may be the strategy's own words, so escape it."""

    label: str
    text: str


def first_screen(scene: Scene) -> tuple[Line, ...]:
    """Return the lines, those that have nothing to tell left out; each at most `TEXT_CHARS_MAX` characters."""
    found = [
        ("Verdict", _verdict(scene)),
        ("Asks for", _asked(scene)),
        ("Does", _does(scene)),
        ("Earned", _earned(scene)),
        ("Beside", _beside(scene)),
        ("Trades", _trades(scene)),
        ("My book", _book(scene)),
        ("Costs", _costs(scene)),
        ("Holds up", _holds_up(scene)),
        ("Luck", _luck(scene)),
        ("Would kill it", _kills(scene)),
        ("Spent", _spent(scene)),
    ]
    return tuple(Line(label=label, text=_cut(text)) for label, text in found if text)


def judged_measures(scene: Scene) -> list[tuple[str, Measure, float]]:
    """Return (check, measure, room) of each limit: room is the distance to it as a share of it, below 0 beyond."""
    measured = [(check.name, measure) for check in scene.outcome.checks for measure in check.measures]
    found = [
        (name, measure, _room(measure, measure.value, measure.limit))
        for name, measure in measured
        if measure.limit is not None and measure.op is not None and measure.value is not None
    ]
    return sorted(found, key=lambda one: one[2])


def _verdict(scene: Scene) -> str:
    outcome = scene.outcome
    if not scene.is_judged:
        return f"nobody has judged this yet: autarch gate strategies/{scene.subject}"
    named = {word: [c.name for c in outcome.checks if c.verdict == word] for word in ("failed", "undecided", "waived")}
    total = len(outcome.checks)
    why = f"all {total} checks passed"
    if named["failed"]:
        why = f"{', '.join(named['failed'])} failed, {total - len(named['failed'])} of {total} did not"
    elif named["undecided"]:
        why = f"{', '.join(named['undecided'])} could not be computed"
    elif named["waived"]:
        why = f"{', '.join(named['waived'])} waived, the other {total - len(named['waived'])} passed"
    preset = f"; limits: {outcome.preset}" if outcome.preset != "standard" else ""
    lane = f"; {lane_words(outcome)}" if lane_words(outcome) else ""
    look = f"; holdout: {outcome.look}" if outcome.look else ""
    return f"{outcome.verdict.upper()}: {why}{preset}{lane}{look}"


def _asked(scene: Scene) -> str:
    candidate, tiers = scene.outcome.candidate, scene.outcome.policy.tiers
    if candidate.removal:
        return "removal: nothing would trade in its place"
    if candidate.kind != "strategy":
        return "a change of the platform: no capital, but a code owner's word"
    return (
        f"T1, a probe: at most {100 * tiers.probe_capital_frac:g} % of the account, {100 * tiers.probe_together_frac:g}"
        " % together with other probes; more only after autarch judge"
    )


def _does(scene: Scene) -> str:
    source = scene.outcome.candidate.source
    if source is None:
        return ""
    manifest, thesis = source.manifest, thesis_of(scene.outcome)
    first = " ".join(thesis.text.split("\n\n")[0].split())
    retires = f"; retires {manifest.origin.retires}" if manifest.origin.retires else ""
    symbols = ", ".join(manifest.symbols)
    return f"{first or thesis.title} ({symbols} at {manifest.interval}, leverage <= {manifest.max_leverage:g}{retires})"


def _earned(scene: Scene) -> str:
    train = scene.outcome.metrics.get("train", {})
    names = ("annual_return", "sharpe", "max_drawdown", "worst_day", "time_in_market")
    words = ("a year", "Sharpe", "drawdown", "worst day", "in the market")
    told = [f"{shown(n, train[n])} {word}" for n, word in zip(names, words, strict=True) if train.get(n) is not None]
    if not told:
        return ""
    side = _side(scene)
    loss = _measured(scene, "risk", "crash_loss")
    crash = "" if loss is None else f"; the worst hour it must expect would take {100.0 * loss:.1f} % of equity"
    return f"{', '.join(told)}{side} on train, an upper bound{crash}"


def _side(scene: Scene) -> str:
    """Return how much of what it held was long: who only ever holds one side may own a market's drift and no more."""
    if scene.played is None:
        return ""
    held = scene.played[0].exposure[scene.first_row :]
    count = int((held != 0.0).sum())
    return f" ({100.0 * int((held > 0.0).sum()) / count:.0f} % of it long)" if count else ""


def _beside(scene: Scene) -> str:
    findings = scene.outcome.findings
    train = scene.outcome.metrics.get("train", {})
    if findings is None:
        return ""
    held = f"buy and hold {shown('total_return', train.get('buy_and_hold_return'))} and Sharpe "
    held += shown("sharpe", train.get("buy_and_hold_sharpe"))
    if scene.is_unchanged:
        return f"main holds these very bytes; {held}"
    rival, own = scene.rival, findings.own
    if scene.rival_name is None:
        return f"cash stands in its place; {held}"
    if rival is None:
        return f"{scene.rival_name} stands in its place and does not run on these bars; {held}"
    return f"{scene.rival_name} in its place: {_versus(own, rival)}; {held}"


def _versus(own: Curve, rival: Curve) -> str:
    pairs = (
        ("Sharpe", f"{rival.sharpe:.2f}", f"{own.sharpe:.2f}"),
        ("return", shown("total_return", rival.total), shown("total_return", own.total)),
        ("drawdown", shown("max_drawdown", rival.drawdown), shown("max_drawdown", own.drawdown)),
    )
    return ", ".join(f"{name} {was} -> {now}" for name, was, now in pairs)


def _trades(scene: Scene) -> str:
    changes = scene.changes
    if scene.played is None:
        return ""
    if changes is None:
        return f"{len(scene.trades)} round trips; those of {scene.rival_name or 'main'} are not known here"
    if not changes:
        return "none at all"
    n = counts(changes)
    if scene.rival_name is None:
        return f"{n['added']} added, none removed or moved: there was no strategy"
    gained = sum(change.profit_change for change in changes)
    return (
        f"{n['added']} added, {n['removed']} removed, {n['moved']} moved, {n['same']} the same; "
        f"together {gained:+,.0f} USDT on {scene.played[0].capital:,.0f}"
    )


def _book(scene: Scene) -> str:
    findings = scene.outcome.findings
    if findings is None:
        return ""
    if not findings.changes:
        return f"nothing trades by the portfolio yet, so nothing in it changes{_likest(scene)}"
    words = {"sharpe": "Sharpe", "drawdown": "drawdown", "expected_shortfall": "expected shortfall"}
    told = []
    for change in findings.changes:
        scale, unit = (1.0, "") if change.name == "sharpe" else (100.0, " %")
        value, low, high = (scale * v for v in (change.value, change.low, change.high))
        told.append(f"{words.get(change.name, change.name)} {value:+.2f}{unit} ({low:+.2f} to {high:+.2f})")
    return f"{', '.join(told)}, nine in ten resamples in brackets{_likest(scene)}"


def _likest(scene: Scene) -> str:
    """Return who on main decides most like it: a copy adds risk and no idea."""
    findings = scene.outcome.findings
    besides = () if findings is None else findings.besides
    likest = max(besides, key=lambda one: one.likeness, default=None)
    return "" if likest is None else f"; decides as {likest.slug} does on {100.0 * likest.likeness:.1f} % of bars"


def _costs(scene: Scene) -> str:
    if scene.played is None:
        return ""
    result = scene.played[0]
    totals = result.totals
    per = 100.0 / result.capital
    paid = totals.fees + totals.funding + totals.slippage
    return (
        f"fees {totals.fees * per:.2f} %, funding {totals.funding * per:+.2f} %, slippage {totals.slippage * per:.2f} %"
        f" of capital: {paid:,.0f} USDT in all, over {result.fills.size:,} fills{_crowding(scene)}"
    )


def _crowding(scene: Scene) -> str:
    """Return how much of a bar's turnover its largest fill would have been: what limits its size."""
    share = scene.outcome.metrics.get("train", {}).get("max_participation")
    return "" if share is None else f", the largest {100.0 * share:.2g} % of its bar's turnover"


def _holds_up(scene: Scene) -> str:
    findings = scene.outcome.findings
    if findings is None:
        return ""
    told = [
        f"Sharpe {findings.own.sharpe:.2f}, {findings.doubled.sharpe:.2f} at doubled costs",
        f"{findings.delayed.sharpe:.2f} one bar late",
    ]
    moved = sorted(curve.sharpe for _, curve in findings.moved if curve is not None)
    if moved:
        told.append(f"{moved[0]:.2f} to {moved[-1]:.2f} with parameters moved")
    if findings.folds.size:
        told.append(f"{int((findings.folds >= 0.0).sum())} of {findings.folds.size} folds do not lose")
    without = _measured(scene, "robustness", "annual_return_without_best_trade")
    if without is not None:
        told.append(f"{shown('annual_return', without)} a year without its best trade")
    told += [f"{curve.sharpe:.2f} {words}" for curve, words in _otherwise(findings) if curve is not None]
    return ", ".join(told)


def _otherwise(findings: Findings) -> tuple[tuple[Curve | None, str], ...]:
    """Return what it comes to on bars that differ only in what an edge should not hang on."""
    return (
        (findings.straight.get("drift_removed"), "without the market's drift"),
        (findings.noisy, "on bars off by a hair"),
        (findings.renumbered, "with its numbers off by a hundredth"),
    )


def _luck(scene: Scene) -> str:
    evidence = {m.name: m.value for c in scene.outcome.checks if c.name == "evidence" for m in c.measures}
    told = []
    findings = scene.outcome.findings
    if findings is not None:
        own, worlds = placebo_sharpes(findings)
        if own is not None:
            better = sum(world >= own for world in worlds)
            told.append(f"place {better + 1} of {len(worlds) + 1} among worlds without order")
    for name, words in (("luck", "chance of as much without edge"), ("dsr", "deflated Sharpe"), ("pbo", "overfit")):
        if (value := evidence.get(name)) is not None:
            told.append(f"{words} {value:.2f}")
    return ", ".join(told)


def _kills(scene: Scene) -> str:
    said = _DIES.search(thesis_of(scene.outcome).text)
    told = [" ".join(said.group(1).split())[:200].rstrip(". ")] if said else []
    near = [one for one in judged_measures(scene) if one[1].limit or not one[1].holds][:NEAREST]
    if near:
        told.append("nearest limits: " + ", ".join(f"{m.name} {comparison(m)}" for _, m, _ in near))
    return "; ".join(told)


def _spent(scene: Scene) -> str:
    outcome = scene.outcome
    told = [f"{outcome.trials} trials counted before it"]
    told += [f"{name.lower()} {value}" for name, value in scene.said.items() if name in {"Agent", "Trials", "Cost"}]
    if outcome.elapsed_s:
        told.append(f"{sum(outcome.elapsed_s.values()):.0f} s of checks")
    told.append(f"evidence {short(outcome.evidence)}")
    return ", ".join(told)


def _measured(scene: Scene, check: str, name: str) -> float | None:
    """Return what a check measured under a name, None where it did not."""
    found = [m.value for c in scene.outcome.checks if c.name == check for m in c.measures if m.name == name]
    return found[0] if found else None


def _room(measure: Measure, value: float, limit: float) -> float:
    width = max(abs(limit), 1e-9)
    if measure.op in {"<=", "<"}:
        return (limit - value) / width
    return (value - limit) / width if measure.op in {">=", ">"} else -abs(value - limit)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[: TEXT_CHARS_MAX - 1]}…"


def lines_of(scene: Scene) -> Iterator[str]:
    """Yield the first screen as lines of a terminal."""
    for line in first_screen(scene):
        yield f"{line.label:<14} {line.text}"

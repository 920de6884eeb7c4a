"""The report of a verdict as one HTML file that needs no network: charts and their library are inside."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from autarch.metrics.shown import label, shown
from ci.outcome import GateOutcome
from ci.page import inline_json, render
from ci.report import provenance
from ci.report_candles import BARS_MAX, candles
from ci.report_code import code_files
from ci.report_costs import cost_lines
from ci.report_findings import Fan, fan, placebo_marks
from ci.report_first import first_screen, judged_measures
from ci.report_lines import MONTH_NAMES, ROLLING_DAYS, Line, lines, months_of
from ci.report_numbers import comparison, minute
from ci.report_platform import rows, same_words
from ci.report_scene import Scene
from ci.report_sentences import sentences
from ci.report_text import summary
from ci.report_thesis import thesis_of
from ci.report_trades import TradeChange, counts

TRADES_SHOWN: Final = 200
POINTS_SHOWN: Final = 3_000
CHARTS_SYMBOLS_MAX: Final = 12
HEAT_STEPS: Final = (0.5, 3.0, 8.0)
"""Per cent of a month from which its cell is tinted more."""


def html(outcome: GateOutcome) -> str:
    """Return the page of an outcome, as `html_of`."""
    return html_of(Scene(outcome=outcome))


def html_of(scene: Scene) -> str:
    """Return the page. All text is escaped; nothing a strategy says becomes markup or script."""
    outcome = scene.outcome
    source, measured = outcome.candidate.source, outcome.findings
    fanned = None if measured is None or scene.played is None else fan(measured)
    drawn = _lines(scene)
    incumbent = outcome.candidate.incumbent
    return render(
        "report.html.j2",
        scene=scene,
        outcome=outcome,
        first=first_screen(scene),
        summary=summary(outcome),
        thesis=thesis_of(outcome),
        manifest=None if source is None else source.manifest,
        comparison=comparison,
        nearest=judged_measures(scene)[:3],
        sentences=sentences(scene),
        metrics=_metrics(scene),
        provenance=[*provenance(outcome).items(), *((f"said: {k}", v[:200]) for k, v in scene.said.items())],
        changes=outcome.platform,
        changed=() if outcome.platform is None else rows(outcome.platform),
        same="" if outcome.platform is None else same_words(outcome.platform),
        lines=[(line, _told(line)) for line in drawn],
        rolling_days=ROLLING_DAYS,
        rolling=any(line.rolling for line in drawn),
        months=_months(scene),
        month_names=MONTH_NAMES,
        heat=_heat,
        trades=_trades(scene),
        minute=minute,
        fan=fanned if fanned and fanned.strands else None,
        strands=lambda kind: 0 if fanned is None else sum(one.kind == kind for one in fanned.strands),
        placebo=None if measured is None else placebo_marks(measured),
        folds=[] if measured is None else [100.0 * float(value) for value in measured.folds],
        book=() if measured is None else measured.changes,
        totals=None if scene.played is None else scene.played[0].totals,
        capital=1.0 if scene.played is None else scene.played[0].capital,
        symbols=() if scene.played is None else scene.played[0].symbols[:CHARTS_SYMBOLS_MAX],
        code=() if source is None else code_files(source, None if incumbent is None else incumbent.source),
        beside=None if incumbent is None else incumbent.slug,
        page=inline_json(_data(scene, drawn, fanned)),
    )


def _lines(scene: Scene) -> list[Line]:
    if scene.played is None:
        return []
    rival = None if scene.is_unchanged else scene.rival
    drawn = lines(*scene.played, first_row=scene.first_row, rival=rival, rival_name=f"{scene.rival_name} on main")
    return drawn if drawn[0].time_s else []


def _told(line: Line) -> str:
    """Return a line in words, for those who do not see the chart."""
    if not line.growth:
        return f"{line.label}: nothing to draw"
    return (
        f"{line.label} grows capital {line.growth[-1]:.3f} times, lowest {min(line.growth):.3f}, highest "
        f"{max(line.growth):.3f}, deepest drawdown {min(line.drawdown):.1f} %"
    )


def _metrics(scene: Scene) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (split, [(label(name), shown(name, value)) for name, value in found.items()])
        for split, found in scene.outcome.metrics.items()
    ]


def _months(scene: Scene) -> list[tuple[int, tuple[float | None, ...], float]]:
    if scene.played is None:
        return []
    result, market = scene.played
    found = months_of(result.equity, market.ts, interval_ms=market.interval_ms, first_row=scene.first_row)
    return list(zip(found.years, found.months, found.totals, strict=True))


def _heat(value: float | None) -> str:
    """Return the class that tints a month; the number says the same."""
    if value is None:
        return ""
    step = sum(abs(value) >= limit for limit in HEAT_STEPS)
    return f"{'g' if value > 0.0 else 'l'}{step}" if step else ""


def _trades(scene: Scene) -> dict[str, Any] | None:
    """Return the trades that change the most, with where to look at each; the newest where nothing is compared."""
    if scene.played is None:
        return None
    places = {symbol: at for at, symbol in enumerate(scene.played[0].symbols[:CHARTS_SYMBOLS_MAX])}
    changes = scene.changes
    compared = changes is not None and scene.rival_name is not None and not scene.is_unchanged
    if compared:
        different = [change for change in changes or () if change.what != "same"]
        shown_ones = sorted(different, key=lambda change: -abs(change.profit_change))[:TRADES_SHOWN]
        total = len(different)
    else:
        shown_ones = [TradeChange(what="added", own=trade, theirs=None) for trade in scene.trades[::-1][:TRADES_SHOWN]]
        total = len(scene.trades)
    step_s = scene.played[1].interval_ms // 1000
    rows_ = [(change, _look(change, places, step_s)) for change in shown_ones]
    return {"compared": compared, "rows": rows_, "total": total, "counts": counts(changes or ())}


def _look(change: TradeChange, places: dict[str, int], step_s: int) -> str:
    """Return what the chart of candles needs to show a trade, empty where there is no chart of its symbol."""
    sides = [one for one in (change.own, change.theirs) if one is not None]
    first, last = min(one.entry_ms for one in sides) // 1000, max(one.exit_ms for one in sides) // 1000
    place = places.get(change.shown.symbol)
    return "" if place is None else f"{place} {first} {last + step_s}"


def _data(scene: Scene, drawn: list[Line], fanned: Fan | None) -> dict[str, Any]:
    """Return all that the scripts draw."""
    none: dict[str, Any] = {"lines": [], "costs": None, "scatter": None, "fan": None, "candles": []}
    if scene.played is None or not drawn:
        return none
    result, market = scene.played
    symbols = result.symbols[:CHARTS_SYMBOLS_MAX]
    each = BARS_MAX // max(len(symbols), 1)
    return {
        "lines": [asdict(line) for line in drawn],
        "costs": asdict(cost_lines(result, market, first_row=scene.first_row)),
        "scatter": _scatter(scene) if scene.trades else None,
        "fan": None if fanned is None or not fanned.strands else asdict(fanned),
        "candles": [asdict(candles(result, market, symbol, bars_max=each)) for symbol in symbols],
    }


def _scatter(scene: Scene) -> dict[str, list[list[float]]]:
    """Return the newest trades of each side as (exit, per cent of capital), every time once: charts want that."""
    found: dict[str, list[list[float]]] = {"long": [], "short": []}
    for trade in sorted(scene.trades, key=lambda one: one.exit_ms)[-POINTS_SHOWN:]:
        points = found[trade.side]
        at = trade.exit_ms // 1000
        after = points[-1][0] + 1 if points else at
        points.append([max(at, after), float(f"{100.0 * trade.profit_frac:.4g}")])
    return found

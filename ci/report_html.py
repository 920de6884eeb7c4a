"""The report of a verdict as one HTML file that needs no network: charts and their library are inside."""

from __future__ import annotations

from dataclasses import asdict

from ci.outcome import GateOutcome
from ci.page import inline_json, library, render
from ci.report import provenance, thesis_of
from ci.report_findings import fan, placebo_marks
from ci.report_numbers import comparison, number
from ci.report_platform import rows, same_words
from ci.report_series import curves
from ci.report_text import summary

TILES = (
    "total_return",
    "sharpe",
    "max_drawdown",
    "worst_day",
    "time_in_market",
    "turnover_per_day",
    "n_fills",
    "fees",
    "funding",
    "slippage",
)
"""Metrics that the page shows large, where they exist."""


def html(outcome: GateOutcome) -> str:
    """Return the page. All text is escaped; nothing a strategy says becomes markup or script."""
    source, candidate = outcome.candidate.source, outcome.candidate
    drawn = None
    if outcome.backtest is not None and outcome.market is not None and outcome.market.n_bars > 1:
        drawn = inline_json(asdict(curves(outcome.backtest, outcome.market)))
    measured = outcome.findings
    fanned = None if measured is None or drawn is None else fan(measured)
    train = outcome.metrics.get("train", {})
    return render(
        "report.html.j2",
        outcome=outcome,
        subject=candidate.slug or f"a {candidate.kind} change",
        summary=summary(outcome),
        thesis=thesis_of(outcome),
        manifest=None if source is None else source.manifest,
        comparison=comparison,
        tiles=[(name, number(train[name])) for name in TILES if name in train],
        metrics=[(split, [(k, number(v)) for k, v in rows.items()]) for split, rows in outcome.metrics.items()],
        provenance=list(provenance(outcome).items()),
        changes=outcome.platform,
        changed=() if outcome.platform is None else rows(outcome.platform),
        same="" if outcome.platform is None else same_words(outcome.platform),
        curves=drawn,
        fan=None if fanned is None else inline_json(asdict(fanned)),
        strands=lambda kind: 0 if fanned is None else sum(one.kind == kind for one in fanned.strands),
        placebo=None if measured is None else placebo_marks(measured),
        library=library(),
    )

"""The report of a verdict as one HTML file that needs no network: charts and their library are inside."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ci.outcome import GateOutcome
from ci.report import provenance, thesis_of
from ci.report_series import curves
from ci.report_text import comparison, number, summary

LIBRARY = "lightweight-charts.standalone.production.js"
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
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("report.html.j2"))
    source, candidate = outcome.candidate.source, outcome.candidate
    drawable = outcome.backtest is not None and outcome.market is not None and outcome.market.n_bars > 1
    train = outcome.metrics.get("train", {})
    return template.render(
        outcome=outcome,
        subject=candidate.slug or f"a {candidate.kind} change",
        summary=summary(outcome),
        thesis=thesis_of(outcome),
        manifest=None if source is None else source.manifest,
        comparison=comparison,
        tiles=[(name, number(train[name])) for name in TILES if name in train],
        metrics=[(split, [(k, number(v)) for k, v in rows.items()]) for split, rows in outcome.metrics.items()],
        provenance=list(provenance(outcome).items()),
        curves=_inline_json(outcome) if drawable else None,
        library=Markup(_asset(LIBRARY).replace("</script", "<\\/script")),  # noqa: S704  the vendored file
    )


def _inline_json(outcome: GateOutcome) -> Markup:
    if outcome.backtest is None or outcome.market is None:
        raise ValueError("an outcome without a backtest has no curves")
    text = json.dumps(asdict(curves(outcome.backtest, outcome.market)), separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  numbers only, and no < survives


def _asset(name: str) -> str:
    return (files("ci") / "assets" / name).read_text(encoding="utf-8")

"""Reports show everything, escape everything a strategy says, and need no network."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from autarch.verdict import CheckResult, Measure
from ci.policy import CHECK_NAMES
from ci.report import MARKDOWN_CHARS_MAX, markdown
from ci.report_html import html
from ci.report_numbers import comparison, number
from ci.report_series import curves
from ci.report_text import summary, terminal

EVIL = "<script>alert(1)</script> [x](http://evil.example) @someone #1 | ![i](http://evil.example/i.png) </textarea>"
HEAD = '''"""Do it. {evil}

Thesis: {evil}
Source: own.
Dies when: never.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Decide."""
'''.replace("{evil}", EVIL)


@pytest.fixture(scope="module")
def outcome(kit, module_gate):
    candidate = kit.candidate(kit.trend, head=HEAD)
    manifest = dataclasses.replace(candidate.source.manifest, title=EVIL)
    source = dataclasses.replace(candidate.source, manifest=manifest)
    return module_gate(dataclasses.replace(candidate, source=source))


def test_the_markdown_leads_with_the_verdict_and_names_every_check_and_source(outcome) -> None:
    text = markdown(outcome)

    assert text.startswith("## Accepted: `probe`")
    for check in outcome.checks:
        assert f"| {check.name} | {check.klass} | {check.verdict} |" in text
    for wanted in (
        outcome.evidence,
        outcome.policy.digest,
        "hills",
        "trials",
        "costs\\.impact",
        "max\\_drawdown",
        "fees",
    ):
        assert wanted in text


def test_nothing_a_strategy_says_becomes_markup_in_markdown(outcome) -> None:
    text = markdown(outcome)

    assert not re.search(r"(?<!\\)<script", text)
    assert not re.search(r"(?<!\\)\[x\]\(", text)
    assert not re.search(r"@someone", text)
    assert "http://" not in text
    assert not re.search(r"(?<!\\)!\[", text)


def test_nothing_that_a_commit_says_turns_or_hides_letters(outcome) -> None:
    said = {"Agent": "tuner\N{RIGHT-TO-LEFT OVERRIDE}denimaxe \x1b[2J\N{ZERO WIDTH JOINER}x"}

    text = markdown(outcome, said)

    assert "tuner\N{REPLACEMENT CHARACTER}denimaxe" in text
    assert all(c.isprintable() or c in "\n\N{ZERO WIDTH SPACE}" for c in text)


def test_nothing_a_strategy_says_becomes_markup_in_html(outcome) -> None:
    page = html(outcome)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<script") == 3  # what is drawn, the library, and what draws
    assert page.count("</script>") == 3


def test_the_page_needs_no_network_and_keeps_the_attribution(outcome) -> None:
    page = html(outcome)

    assert not re.search(r"(?:src|href)=[\"']?https?:", page)
    assert "default-src 'none'" in page
    assert "TradingView Lightweight Charts" in page
    assert "Apache License" in page


def test_the_page_draws_what_robustness_measured_where_it_did(outcome) -> None:
    unmeasured = dataclasses.replace(outcome, findings=None)

    assert 'id="fan"' in html(outcome)
    assert "as proposed" in html(outcome)
    assert 'id="fan"' not in html(unmeasured)
    assert 'id="equity"' in html(unmeasured)


def test_a_rejected_outcome_without_a_score_still_makes_both_reports(kit, module_gate) -> None:
    rejected = module_gate(kit.candidate("    return open\n"))

    assert "## Rejected" in markdown(rejected)
    assert "<h1>" in html(rejected)
    assert "LightweightCharts" not in html(rejected)
    assert f"rejected: 1 of {len(CHECK_NAMES)} checks failed (policy)" in summary(rejected)


def test_a_walk_through_says_so_first(outcome) -> None:
    waived = dataclasses.replace(outcome, waived=("every limit",))

    assert "WAIVED every limit" in terminal(waived).splitlines()[-1]
    assert "**Waived:** every limit" in markdown(waived)
    assert "Waived: every limit" in html(waived)


def test_what_nobody_measured_is_named_in_every_form(outcome) -> None:
    guessed = dataclasses.replace(outcome, assumed=("costs.impact_k", "BTCUSDT.risk_tiers"))
    measured = dataclasses.replace(outcome, assumed=())

    assert "assumed, not measured: costs.impact_k, risk_tiers" in terminal(guessed)
    assert guessed.to_json()["assumed"] == ["costs.impact_k", "BTCUSDT.risk_tiers"]
    assert "BTCUSDT.risk\\_tiers" in markdown(guessed).replace("BTCUSDT\\.", "BTCUSDT.")
    assert "BTCUSDT.risk_tiers" in html(guessed)
    assert not [form for form in (terminal, markdown, html) if "ssumed, not measured" in form(measured)]


def test_the_markdown_stays_below_a_comment_s_length(outcome) -> None:
    huge = CheckResult(name="scope", klass="law", verdict="failed", detail="x" * 200_000)

    text = markdown(dataclasses.replace(outcome, checks=(huge,)))

    assert len(text) < MARKDOWN_CHARS_MAX
    assert "cut here" in text


def test_numbers_and_comparisons_read_as_in_the_style_guide() -> None:
    measure = Measure(name="turnover", value=3.1, op="<=", limit=12.0, unit="x per day")

    assert comparison(measure) == "3.1000 <= 12 x per day"
    assert comparison(dataclasses.replace(measure, value=13.5)) == "13.5000 > 12 x per day"
    assert comparison(dataclasses.replace(measure, value=None)) == "not defined > 12 x per day"
    assert [number(v) for v in (0.0, 7.0, 0.25, 1234.56, 0.0000123)] == ["0", "7", "0.2500", "1,235", "1.23e-05"]


def test_curves_keep_every_low_and_peak_of_what_they_thin(outcome) -> None:
    thin = curves(outcome.backtest, outcome.market, points_max=50)

    assert len(thin.time_s) <= 50
    assert np.isclose(min(thin.drawdown), -outcome.backtest.drawdown.max(), rtol=1e-5)
    assert np.isclose(max(thin.gross), np.abs(outcome.backtest.exposure).sum(axis=1).max(), rtol=1e-5)
    assert np.isclose(thin.equity[-1], outcome.backtest.equity[-1], rtol=1e-5)
    assert thin.time_s == sorted(set(thin.time_s))

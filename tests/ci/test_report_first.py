"""The first screen tells the same twelve lines everywhere, and survives whatever it is given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from autarch.verdict import CheckResult, Measure
from ci.checks.standing import Beside
from ci.report import markdown, markdown_of
from ci.report_code import LINES_MAX, code_files
from ci.report_first import LINES_MAX as FIRST_MAX
from ci.report_first import TEXT_CHARS_MAX, first_screen, judged_measures
from ci.report_html import html, html_of
from ci.report_scene import Scene
from ci.report_sentences import sentences


def told(outcome, **said):
    return {line.label: line.text for line in first_screen(Scene(outcome=outcome, said=said))}


def test_twelve_lines_at_most_and_the_same_on_the_page_and_in_the_comment(outcome_of_trend) -> None:
    lines = first_screen(Scene(outcome=outcome_of_trend))
    page, comment = html(outcome_of_trend), markdown(outcome_of_trend)

    assert len(lines) <= FIRST_MAX
    for line in lines:
        assert f"<dt>{line.label}</dt>" in page
        assert f"- **{line.label}:** " in comment


def test_they_name_verdict_tier_trades_costs_death_and_spending(outcome_of_trend) -> None:
    lines = told(outcome_of_trend, Agent="tuner", Cost="1.20 USD")

    assert lines["Verdict"].startswith("ACCEPTED")
    assert "T1" in lines["Asks for"]
    assert "added, none removed or moved" in lines["Trades"]
    assert "fees" in lines["Costs"]
    assert "the test ends" in lines["Would kill it"]
    assert "agent tuner" in lines["Spent"]
    assert "cost 1.20 USD" in lines["Spent"]


def test_they_say_what_a_flaw_would_show_by(outcome_of_trend) -> None:
    twin = Beside(slug="steady", alike=0.97, held_alike=0.9, direction=0.99)
    other = Beside(slug="other", alike=0.2, held_alike=0.1, direction=0.0)
    findings = dataclasses.replace(outcome_of_trend.findings, besides=(other, twin))

    lines = told(dataclasses.replace(outcome_of_trend, findings=findings))

    loss = next(m.value for c in outcome_of_trend.checks for m in c.measures if m.name == "crash_loss")
    assert f"the worst hour it must expect would take {100 * loss:.1f} % of equity" in lines["Earned"]
    assert "(100 % of it long)" in lines["Earned"]  # this one never sells short
    assert lines["My book"].endswith("decides as steady does on 97.0 % of bars")
    assert "of its bar's turnover" in lines["Costs"]
    for words in ("without its best trade", "on bars off by a hair", "with its numbers off by a hundredth"):
        assert words in lines["Holds up"]


def test_failed_checks_are_named_first(outcome_of_trend) -> None:
    failed = CheckResult(name="risk", klass="limit", verdict="failed", detail="too deep")
    rest = tuple(check for check in outcome_of_trend.checks if check.name != "risk")
    rejected = dataclasses.replace(outcome_of_trend, verdict="rejected", checks=(*rest, failed))

    assert told(rejected)["Verdict"].startswith("REJECTED: risk failed")


def test_the_limit_with_least_room_comes_first(outcome_of_trend) -> None:
    near = Measure(name="near", value=0.99, op="<=", limit=1.0)
    far = Measure(name="far", value=0.5, op="<=", limit=1.0)
    beyond = Measure(name="beyond", value=1.0, op=">=", limit=2.0)
    check = CheckResult(name="risk", klass="limit", verdict="failed", measures=(far, near, beyond))

    found = judged_measures(Scene(outcome=dataclasses.replace(outcome_of_trend, checks=(check,))))

    assert [measure.name for _, measure, _ in found] == ["beyond", "near", "far"]


def test_what_nobody_judged_says_so_and_draws_all_the_same(outcome_of_trend) -> None:
    scene = Scene(outcome=dataclasses.replace(outcome_of_trend, checks=(), claim=None), notice="Mind this.")

    page = html_of(scene)

    assert "Not judged" in page
    assert "Mind this." in page
    assert 'id="candles"' in page
    assert markdown_of(scene).startswith("## Not judged")


def test_a_line_is_cut_however_long_the_strategy_speaks(outcome_of_trend) -> None:
    source = outcome_of_trend.candidate.source
    code = b'"""' + b"very " * 2_000 + b"\n\nDies when: " + b"never " * 2_000 + b'\n"""\n' + source.code
    candidate = dataclasses.replace(outcome_of_trend.candidate, source=dataclasses.replace(source, code=code))

    lines = first_screen(Scene(outcome=dataclasses.replace(outcome_of_trend, candidate=candidate)))

    assert max(len(line.text) for line in lines) <= TEXT_CHARS_MAX


@pytest.mark.parametrize("bars", [0, 1])
def test_a_backtest_of_one_bar_or_none_is_told_without_charts(outcome_of_trend, bars) -> None:
    market = dataclasses.replace(outcome_of_trend.market, ts=outcome_of_trend.market.ts[:bars])

    page = html(dataclasses.replace(outcome_of_trend, market=market))

    assert "LightweightCharts" not in page
    assert "<h1>" in page


def test_no_trades_is_a_sentence_not_a_fault(outcome_of_trend) -> None:
    result = outcome_of_trend.backtest
    idle = dataclasses.replace(
        result,
        fills=result.fills[:0],
        funding=result.funding[:0],
        equity=np.full_like(result.equity, result.capital),
        drawdown=np.zeros_like(result.drawdown),
        exposure=np.zeros_like(result.exposure),
    )
    outcome = dataclasses.replace(outcome_of_trend, backtest=idle)

    assert told(outcome)["Trades"] == "none at all"
    assert "There are no closed round trips" in html(outcome)
    assert markdown(outcome)


def test_metrics_and_equity_that_are_no_numbers_are_said_to_be_undefined(outcome_of_trend) -> None:
    result = outcome_of_trend.backtest
    broken = result.equity.copy()
    broken[-50:] = np.nan
    outcome = dataclasses.replace(
        outcome_of_trend,
        backtest=dataclasses.replace(result, equity=broken),
        metrics={"train": dict.fromkeys(outcome_of_trend.metrics["train"])},
    )

    page = html(outcome)

    assert "NaN" not in page.split('id="page">')[1].split("</script>")[0]
    assert "not defined" in page


def test_the_sentences_tell_trials_folds_and_costs(outcome_of_trend) -> None:
    found = dict(sentences(Scene(outcome=outcome_of_trend)))

    assert "3 candidates scored before" in found["trials"]
    assert "doubled costs" in found["costs and delay"]
    assert "parts of train" in found["folds"]


def test_the_diff_carries_the_policy_s_word_on_its_line(kit) -> None:
    before = kit.candidate(kit.trend).source
    after = kit.candidate("    return open\n").source

    code, manifest = code_files(after, before)

    (noted,) = [line for line in code.lines if line.notes]
    assert noted.text.strip() == "return open"
    assert noted.kind == "added"
    assert (code.added, code.removed) == (1, 2)
    assert any(line.kind == "removed" for line in manifest.lines)  # its parameters


def test_without_an_incumbent_every_line_is_added_and_long_files_are_cut(kit) -> None:
    source = kit.candidate(kit.trend).source
    long = dataclasses.replace(source, code=source.code + b"# more\n" * (LINES_MAX + 10))

    code, _ = code_files(long, None)

    assert {line.kind for line in code.lines} == {"added"}
    assert len(code.lines) == LINES_MAX
    assert code.left_out > 0

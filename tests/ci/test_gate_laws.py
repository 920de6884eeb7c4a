"""Planted faults: each is red at exactly the check that exists for it, and an honest strategy is green."""

from __future__ import annotations

import dataclasses

import pytest

from autarch.errors import UsageError
from autarch.evidence.claim import claim_bytes, parse_claim
from ci.candidate import Candidate
from ci.checks import scope
from ci.policy import CHECK_NAMES

ALL = dict.fromkeys(CHECK_NAMES, "passed")
NO_SCORE = {
    "backtest": "skipped",
    "parity": "skipped",
    "risk": "skipped",
    "robustness": "skipped",
    "evidence": "skipped",
}

PEEK = """\
    ahead = np.append(bars.close[1:], bars.close[-1])
    return Targets(exposure=np.where(ahead > bars.close, 1.0, 0.0))
"""
WHOLE_SAMPLE = """\
    score = (bars.close - bars.close.mean()) / bars.close.std()
    return Targets(exposure=np.where(score > 0, 1.0, 0.0))
"""
PUT_OFF_EXIT = """\
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    wanted = np.where(gap > 0, 1.0, 0.0)
    gain = np.append(bars.close[1:] / bars.close[:-1] - 1.0, 0.0)
    leaving = np.append(False, (wanted[1:] == 0.0) & (wanted[:-1] > 0.0))
    return Targets(exposure=np.where(leaving & (gain > 0.004), 1.0, wanted))
"""
PEEKING_STOP = """\
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    ahead = np.append(bars.low[1:], bars.low[-1])
    return Targets(exposure=np.where(gap > 0, 1.0, 0.0), stop_loss=np.where(ahead < bars.close * 0.999, 0.5, 0.05))
"""
KNOWS_ITS_BLOCK = """\
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    return Targets(exposure=np.where(gap > 0, 1.0, 0.0) * (1.0 if len(bars) == 400 + 2016 else 0.5))
"""
STRENGTH = """\
    gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0
    return Targets(exposure=np.clip(gap * 50.0, -1.0, 1.0))
"""
NEVER = """\
    return Targets(exposure=np.zeros(len(bars)))
"""


def test_an_honest_strategy_is_green_everywhere_and_leaves_a_claim(gate, kit) -> None:
    outcome = gate(kit.candidate(kit.trend, symbols=("BTCUSDT", "ETHUSDT")))

    assert kit.words(outcome) == ALL
    assert outcome.verdict == "accepted"
    assert outcome.exit_code == 0
    assert outcome.claim is not None
    assert parse_claim(claim_bytes(outcome.claim)) == outcome.claim
    assert outcome.claim.trials == 3
    assert outcome.claim.digests.decisions is not None


def test_the_same_candidate_gives_the_same_evidence(gate, kit) -> None:
    one, other = gate(kit.candidate(kit.trend)), gate(kit.candidate(kit.trend))

    assert one.evidence == other.evidence


@pytest.mark.parametrize(
    "body", [PEEK, WHOLE_SAMPLE, PUT_OFF_EXIT, PEEKING_STOP, KNOWS_ITS_BLOCK], ids=lambda body: body[:40].strip()
)
def test_what_sees_the_future_fails_causality_and_gets_no_score(gate, kit, body) -> None:
    outcome = gate(kit.candidate(body))

    assert kit.words(outcome)["causality"] == "failed"
    assert {name: kit.words(outcome)[name] for name in NO_SCORE} == NO_SCORE
    assert {kit.words(outcome)[name] for name in ("scope", "policy", "determinism")} == {"passed"}
    assert outcome.metrics == {}
    assert outcome.exit_code == 1
    assert "train row" in kit.check(outcome, "causality").detail


def test_the_first_peek_is_told_with_row_time_symbol_and_both_values(gate, kit) -> None:
    detail = kit.check(gate(kit.candidate(PEEKING_STOP)), "causality").detail

    assert detail.startswith("stop_loss of BTCUSDT at train row ")
    assert "2024-0" in detail
    assert "0.5" in detail
    assert "0.05" in detail


def test_a_panel_is_asked_as_a_whole(gate, kit) -> None:
    honest = "    return Targets(exposure=np.where(bars.close > bars.open, 0.2, 0.0))\n"
    peek = honest.replace("bars.close > bars.open", "np.vstack([bars.close[1:], bars.close[-1:]]) > bars.close")
    panel = {"symbols": ("BTCUSDT", "ETHUSDT", "SOLUSDT"), "mode": "panel"}

    assert kit.words(gate(kit.candidate(honest, **panel), only=["causality"]))["causality"] == "passed"
    assert kit.words(gate(kit.candidate(peek, **panel), only=["causality"]))["causality"] == "failed"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    return Targets(exposure=bars.close[10**9:][0] + bars.close)\n", "IndexError"),
        ("    return Targets(exposure=np.full(len(bars), np.nan))\n", "nan"),
        ("    return Targets(exposure=np.full(len(bars), 1.5))\n", "max_leverage"),
        ("    return Targets(exposure=np.zeros(3))\n", "shape"),
        ("    return Targets(exposure=np.zeros(len(bars)), stop_loss=1.5)\n", "stop_loss"),
    ],
)
def test_a_strategy_that_does_not_answer_fails_determinism_and_goes_no_further(gate, kit, body, told) -> None:
    outcome = gate(kit.candidate(body))

    unasked = dict.fromkeys(("causality", "warmup", "memory"), "skipped")
    expected = ALL | {"determinism": "failed"} | unasked | NO_SCORE
    assert kit.words(outcome) == expected
    assert told in kit.check(outcome, "determinism").detail
    assert "determinism did not pass" in kit.check(outcome, "risk").detail


def test_a_warm_up_longer_than_the_data_fails_determinism_with_the_sum(gate, kit) -> None:
    detail = kit.check(gate(kit.candidate(kit.trend, warmup=9_590)), "determinism").detail

    assert "9600 bars" in detail
    assert "lower warmup" in detail


def test_a_short_warm_up_fails_and_the_smallest_sufficient_one_is_named(gate, kit) -> None:
    outcome = gate(kit.candidate(STRENGTH, warmup=41), only=["warmup"])

    found = kit.check(outcome, "warmup")
    assert found.verdict == "failed"
    assert "warmup = 41" in found.detail
    named = int(found.detail.rsplit("set warmup = ", 1)[1].rstrip("."))
    assert 41 < named <= 656
    assert kit.words(gate(kit.candidate(STRENGTH, warmup=named), only=["warmup"]))["warmup"] == "passed"


def test_the_upper_ends_of_search_need_their_warm_up_too(gate, kit) -> None:
    search = "[search]\nslow = {low = 20, high = 400, step = 10}"

    outcome = gate(kit.candidate(STRENGTH, warmup=400, search=search), only=["warmup"])

    found = kit.check(outcome, "warmup")
    assert found.verdict == "failed"
    assert "the upper end of [search] slow = 400" in found.detail
    assert next(m for m in found.measures if m.name == "declared.disagreeing").holds


def test_a_strategy_that_never_trades_fails_backtest(gate, kit) -> None:
    outcome = gate(kit.candidate(NEVER))

    assert kit.words(outcome) == ALL | {
        "backtest": "failed",
        "risk": "skipped",
        "robustness": "skipped",
        "evidence": "skipped",
    }
    assert "does not trade" in kit.check(outcome, "backtest").detail


def test_a_sleeve_that_is_ruined_fails_backtest_and_is_not_measured(gate, kit) -> None:
    churn = "    return Targets(exposure=np.where(bars.close > bars.open, 90.0, -90.0))\n"

    outcome = gate(kit.candidate(churn, max_leverage=90.0))

    assert kit.words(outcome) == ALL | {
        "backtest": "failed",
        "risk": "skipped",
        "robustness": "skipped",
        "evidence": "skipped",
    }
    assert "ruin: no equity is left at train row" in kit.check(outcome, "backtest").detail


def test_a_symbol_read_and_not_traded_is_asked_like_any_other(gate, kit) -> None:
    lead = """\
    lead = bars.context["ETHUSDT"]
    return Targets(exposure=np.where(lead.close > lead.open, 0.5, 0.0))
"""
    peek = lead.replace("lead.close > lead.open", "np.append(lead.close[1:], 0.0) > lead.close")
    manifest = {"symbols": ("BTCUSDT", "SOLUSDT"), "context": ("ETHUSDT",)}

    honest, cheat = (gate(kit.candidate(body, **manifest), only=["causality"]) for body in (lead, peek))

    assert kit.words(honest)["causality"] == "passed"
    assert kit.words(cheat)["causality"] == "failed"


def test_a_hundred_lines_of_luck_cannot_hide_a_drawdown(gate, kit) -> None:
    always_long = "    return Targets(exposure=np.full(len(bars), 3.0))\n"

    outcome = gate(kit.candidate(always_long, max_leverage=3.0))

    assert kit.words(outcome) == ALL | {"risk": "failed"}
    assert outcome.verdict == "rejected"
    assert "drawdown" in kit.check(outcome, "risk").detail


def test_code_outside_the_contract_is_never_run(gate, kit) -> None:
    outcome = gate(kit.candidate("    return open('/etc/passwd')\n"))

    assert kit.words(outcome)["policy"] == "failed"
    assert set(kit.words(outcome).values()) == {"passed", "failed", "skipped"}
    assert "strategy.py:" in kit.check(outcome, "policy").detail
    assert outcome.sandbox == "no strategy code was run"


def test_a_manifest_that_does_not_parse_fails_policy_with_its_reason(gate, kit) -> None:
    candidate = Candidate(kind="strategy", slug="probe", source=None, source_problem="manifest.toml: no key 'warmup'")

    outcome = gate(candidate)

    assert kit.words(outcome)["policy"] == "failed"
    assert kit.check(outcome, "policy").detail == "manifest.toml: no key 'warmup'"
    assert outcome.claim is None


def test_a_scope_problem_stops_everything(gate, kit) -> None:
    outcome = gate(
        dataclasses.replace(kit.candidate(kit.trend), problems=("strategies/probe/x.txt does not belong there.",))
    )

    assert kit.words(outcome) == dict.fromkeys(CHECK_NAMES, "skipped") | {"scope": "failed"}
    assert outcome.exit_code == 1
    assert outcome.claim is None


def test_a_platform_change_is_asked_for_scope_alone(gate, kit) -> None:
    outcome = gate(Candidate(kind="platform", slug=None, source=None, paths=("README.md",)))

    assert kit.words(outcome) == {"scope": "passed"}
    assert outcome.verdict == "accepted"
    assert outcome.evidence is None


def test_a_removal_passes_since_nothing_is_left_to_judge(gate, kit) -> None:
    outcome = gate(Candidate(kind="strategy", slug="probe", source=None, removal=True))

    assert kit.words(outcome) == ALL
    assert outcome.evidence is None


def test_missing_bars_leave_the_verdict_undecided(gate, kit, tmp_path) -> None:
    outcome = gate(kit.candidate(kit.trend), stores=type(gate.inputs.stores).under(tmp_path))

    assert kit.words(outcome)["determinism"] == "undecided"
    assert outcome.verdict == "undecided"
    assert outcome.exit_code == 3
    assert outcome.claim is None


def test_other_arithmetic_in_the_workers_leaves_the_verdict_undecided(gate, kit) -> None:
    outcome = gate(kit.candidate(kit.trend), numerics="0" * 64)

    assert outcome.verdict == "undecided"
    assert "self-test" in kit.check(outcome, "determinism").detail


def test_only_answers_what_was_asked_and_what_it_rests_on(gate, kit) -> None:
    outcome = gate(kit.candidate(kit.trend), only=["backtest"])

    assert kit.words(outcome) == dict.fromkeys(("scope", "policy", "determinism", "backtest"), "passed")
    assert outcome.claim is None
    with pytest.raises(UsageError, match="no check is called luck"):
        gate(kit.candidate(kit.trend), only=["luck"])


@pytest.mark.parametrize("kind", ["mixed", "empty"])
def test_what_is_neither_one_strategy_nor_a_platform_change_fails_without_another_reason(kind) -> None:
    answer = scope.check(Candidate(kind=kind, slug=None, source=None))

    assert answer.verdict == "failed"
    assert "neither one strategy nor a platform change" in answer.detail

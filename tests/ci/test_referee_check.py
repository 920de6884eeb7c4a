"""The referee's part of the gate: what it adds to a claim, and that nothing passes without it or against it."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.errors import UndecidedError
from autarch.market.load import load_market
from autarch.referee.process import RefereeProcess
from autarch.referee.sheet import sheet_of
from ci.checks import backtest, referee
from ci.checks.referee import Refereeing


@pytest.fixture
def judged(inputs, workers):
    """A refereeing of made decisions that has begun, and the backtest check that waits for it."""
    market = load_market(
        inputs.lock, split="train", symbols=("BTCUSDT", "ETHUSDT"), interval="15m", stores=inputs.stores
    )
    shape = (market.n_bars, 2)
    turns = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], (market.n_bars // 40 + 1, 2))
    decisions = Decisions(
        symbols=market.symbols,
        interval="15m",
        mode="each",
        max_leverage=1.0,
        exposure=np.repeat(turns, 40, axis=0)[: market.n_bars],
        stop_loss=np.full(shape, 0.02),
        take_profit=np.full(shape, np.nan),
        counts=np.ones(shape, dtype=np.bool_),
    )
    policy = msgspec.structs.replace(
        inputs.policy, backtest=msgspec.structs.replace(inputs.policy.backtest, referee_bars=800)
    )

    def begin(process=None) -> Refereeing:
        return referee.begin(
            process or workers.referee, market, decisions, lock=inputs.lock, policy=policy, seed=b"0" * 40
        )

    def answer(refereeing: Refereeing, *, fills_min: int = 1):
        limits = msgspec.structs.replace(policy, backtest=msgspec.structs.replace(policy.backtest, fills_min=fills_min))
        return backtest.check(market, decisions, lock=inputs.lock, policy=limits, refereeing=refereeing)[0]

    return begin, answer


def measures(answer) -> dict[str, float]:
    return {m.name: m.value for m in answer.measures if m.name.startswith("referee")}


def test_agreement_passes_and_says_on_how_many_bars(judged) -> None:
    begin, answer = judged

    found = answer(begin())

    assert found.verdict == "passed"
    assert "backtrader agrees on 800 bars" in found.detail
    assert measures(found)["referee_bars"] == 800.0
    assert measures(found)["referee_fills"] > 10
    assert measures(found)["referee_difference"] < 1e-12


def test_the_numbers_are_the_same_bits_again(judged) -> None:
    begin, answer = judged
    with RefereeProcess() as other:
        assert measures(answer(begin())) == measures(answer(begin(other)))


def replayed(refereeing: Refereeing, *, costs=None, **changes) -> Refereeing:
    """Return the same windows with a replay of something else: an engine and a referee that differ."""
    sheets = [
        dataclasses.replace(
            sheet_of(market, decisions, costs=costs or refereeing.costs, capital=refereeing.capital),
            **{name: change(getattr(decisions, name)) for name, change in changes.items()},
        )
        for _, market, decisions in refereeing.windows
    ]
    return dataclasses.replace(refereeing, question=refereeing.process.ask(sheets))


def test_a_disagreement_is_undecided_and_names_row_symbol_and_both_values(judged) -> None:
    begin, answer = judged
    begun = begin()

    found = answer(replayed(begun, stop_loss=lambda array: array * 0.5))

    assert found.verdict == "undecided"
    assert found.detail.startswith("the engine and backtrader disagree at train row ")
    assert " of BTCUSDT is " in found.detail or " of ETHUSDT is " in found.detail
    assert "This is an engine bug, not the strategy's: report it" in found.detail


@pytest.mark.parametrize("fault", ["fee", "spread"])
def test_costs_read_differently_are_undecided(judged, fault) -> None:
    begin, answer = judged
    begun = begin()
    change = {"fee": {"fee_factor": 1.001}, "spread": {"half_spread_bps": begun.costs.half_spread_bps + 1.0}}[fault]

    found = answer(replayed(begun, costs=dataclasses.replace(begun.costs, **change)))

    assert found.verdict == "undecided"
    assert {"fee": "fill fee", "spread": "fill price"}[fault] in found.detail


def test_a_referee_that_answers_fewer_windows_than_it_was_asked_proves_nothing(judged) -> None:
    begin, answer = judged
    begun = begin()
    sheets = [
        sheet_of(market, decisions, costs=begun.costs, capital=begun.capital) for _, market, decisions in begun.windows
    ]

    with pytest.raises(ValueError, match="shorter"):  # the checklist turns what breaks a check into undecided
        answer(dataclasses.replace(begun, question=begun.process.ask(sheets[:-1])))


def test_what_is_left_at_the_end_is_the_capital_and_what_came_of_it(gate, kit) -> None:
    always_in = kit.trend.replace("0.0))", "-1.0))")

    outcome = gate(kit.candidate(always_in), only={"backtest"})

    found = {measure.name: measure.value for measure in kit.check(outcome, "backtest").measures}
    totals, equity = outcome.backtest.totals, outcome.backtest.equity
    earned = totals.realised + totals.unrealised - totals.fees - totals.funding
    assert found["final_equity"] == pytest.approx(outcome.policy.backtest.capital + earned, rel=1e-12)
    assert equity[-1] != equity[-2]  # a position is held, so that it matters which bar is told


def test_a_disagreement_outranks_a_failure_that_rests_on_the_same_numbers(judged) -> None:
    begin, answer = judged
    begun = begin()

    assert answer(begun, fills_min=10**9).verdict == "failed"
    assert answer(replayed(begun, exposure=lambda array: -array), fills_min=10**9).verdict == "undecided"


def test_a_referee_that_cannot_play_leaves_the_gate_undecided_without_a_claim(gate, kit, workers) -> None:
    with RefereeProcess(python="/bin/false") as dead:
        gate.workers = dataclasses.replace(workers, referee=dead)
        outcome = gate(kit.candidate(kit.trend))

    assert kit.words(outcome)["backtest"] == "undecided"
    assert kit.words(outcome)["risk"] == "skipped"
    assert outcome.verdict == "undecided"
    assert outcome.exit_code == 3
    assert outcome.claim is None


def test_a_referee_that_cannot_start_leaves_the_gate_undecided(gate, kit, workers, tmp_path) -> None:
    with RefereeProcess(python=str(tmp_path / "absent")) as dead:
        gate.workers = dataclasses.replace(workers, referee=dead)
        found = kit.check(gate(kit.candidate(kit.trend)), "backtest")

    assert found.verdict == "undecided"
    assert "cannot be started" in found.detail


def test_an_answer_that_comes_too_late_is_undecided(judged) -> None:
    begin, answer = judged
    with RefereeProcess(seconds_max=0.01) as slow, pytest.raises(UndecidedError, match="did not answer within"):
        answer(begin(slow))


def test_the_claim_carries_what_was_refereed(gate, kit) -> None:
    outcome = gate(kit.candidate(kit.trend, symbols=("BTCUSDT", "ETHUSDT")))

    assert outcome.claim is not None
    claimed = next(check for check in outcome.claim.checks if check.name == "backtest")
    numbers = {m.name: (m.value, m.op, m.limit) for m in claimed.measures}
    assert numbers["referee_bars"][0] == 200.0
    assert numbers["referee_difference"][1:] == ("<=", 1e-9)

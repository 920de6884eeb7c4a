"""The capital range of a verdict: where impact eats the edge, and where orders become too small."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from autarch.evaluation import decide_blocks
from autarch.manifest import parse_source
from autarch.market.load import load_market
from ci.candidate import Candidate
from ci.outcome import GateOutcome
from ci.promotion.capacity import HIGHEST, LOWEST, capacity_of

from .conftest import HONEST, IDLE


@pytest.fixture(scope="module")
def outcome(planted, workers, kit, quick_policy):
    def made(body: str, **risk: float) -> GateOutcome:
        manifest = kit.manifest(warmup=120, name="honest").replace(b'"15m"', b'"1h"')
        head = kit.head.replace("Params, Targets", "Params, Targets, ops")
        source = parse_source(slug="honest", manifest_bytes=manifest, code=(head + body).encode())
        market = load_market(planted[0], split="train", symbols=("BTCUSDT",), interval="1h", stores=planted[1])
        policy = msgspec.structs.replace(quick_policy, risk=msgspec.structs.replace(quick_policy.risk, **risk))
        return GateOutcome(
            verdict="accepted", candidate=Candidate(kind="strategy", slug="honest", source=source), policy=policy,
            engine="e" * 64, trials=0, checks=(), metrics={}, claim=None, market=market,
            decisions=decide_blocks(workers.main, source, market),
        )  # fmt: skip

    return made


def test_a_verdict_holds_between_too_small_to_order_and_too_large_to_fill(outcome, planted) -> None:
    found = capacity_of(outcome(HONEST), planted[0], capital=1e9)

    assert found is not None
    assert LOWEST <= found.low < 1e5 < found.high < HIGHEST
    assert found.why
    assert "at 1,000,000,000" in found.line


def test_the_verdict_holds_inside_the_range_and_not_beyond_its_ends(outcome, planted) -> None:
    judged = outcome(HONEST)
    found = capacity_of(judged, planted[0], capital=None)

    def holds(capital: float) -> bool:
        return not capacity_of(judged, planted[0], capital=capital).why

    assert holds(found.high)
    assert not holds(found.high * 1.1)
    assert found.low == LOWEST or not holds(found.low / 1.1)


def test_a_tighter_participation_limit_narrows_the_range(outcome, planted) -> None:
    wide, narrow = (
        capacity_of(outcome(HONEST, participation_frac_max=limit), planted[0], capital=None) for limit in (0.1, 0.05)
    )

    # participation is proportional to size while impact is small, so half the limit is about half the capital
    assert narrow.high == pytest.approx(wide.high / 2, rel=0.1)


def test_what_fails_where_it_was_judged_has_no_range(outcome, planted) -> None:
    assert capacity_of(outcome(IDLE), planted[0], capital=None) is None
    assert capacity_of(dataclasses.replace(outcome(HONEST), market=None), planted[0], capital=None) is None

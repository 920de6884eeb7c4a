"""A claim is its bytes: canonical, strict, and every difference is found by name."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from autarch.errors import DeployError
from autarch.evidence.claim import (
    Claim,
    ClaimedDataset,
    ClaimedDigests,
    ClaimedPolicy,
    ClaimedStrategy,
    claim_bytes,
    claim_id,
    claimed_check,
    differences,
    parse_claim,
)
from autarch.verdict import CheckResult, Measure


def a_claim(**changes: object) -> Claim:
    check = CheckResult(
        name="risk",
        klass="limit",
        verdict="passed",
        measures=(
            Measure(name="drawdown", value=0.1, op="<=", limit=0.35),
            Measure(name="sharpe", value=None, unit="per year"),
        ),
        detail="within every limit",
    )
    fields: dict[str, object] = {
        "schema": 1,
        "kind": "strategy",
        "strategy": ClaimedStrategy(name="ema_trend", tree="a" * 40, manifest_sha256="b" * 64, code_sha256="c" * 64),
        "base": "d" * 40,
        "engine": "e" * 64,
        "policy": ClaimedPolicy(path="ci/policy.toml", sha256="f" * 64, walkthrough=False, preset="standard"),
        "dataset": ClaimedDataset(name="synthetic", digest="0" * 64),
        "ledger": None,
        "trials": 7,
        "digests": ClaimedDigests(numerics="1" * 64, decisions="2" * 64, fills=None, equity=None),
        "checks": (claimed_check(check),),
        "metrics": {"train": {"sharpe": None, "net_return": 0.25}},
        "verdict": "accepted",
        "waived": (),
        "as_of": "2026-03-10",
        "lane": None,
    }
    return Claim(**{**fields, **changes})


def test_the_id_is_the_sha256_of_the_canonical_bytes() -> None:
    content = claim_bytes(a_claim())

    assert claim_id(a_claim()) == hashlib.sha256(content).hexdigest()
    assert content == json.dumps(json.loads(content), sort_keys=True, separators=(",", ":")).encode()


def test_a_claim_survives_its_own_bytes() -> None:
    assert parse_claim(claim_bytes(a_claim())) == a_claim()


def test_the_check_class_is_called_class_on_the_wire() -> None:
    assert json.loads(claim_bytes(a_claim()))["checks"][0]["class"] == "limit"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text + b"\n",
        lambda text: text.replace(b'"trials":7', b'"trials": 7'),
        lambda text: text.replace(b'"trials":7', b'"trials":7,"time":1'),
        lambda text: text.replace(b'"verdict":"accepted"', b'"verdict":"fine"'),
        lambda text: text.replace(b'"schema":1', b'"schema":2'),
        lambda text: b"\xff" + text,
        lambda text: text[:0] + b"{}",
        lambda text: text + b" " * 1_000_001,
    ],
)
def test_bytes_that_are_not_exactly_a_claim_are_refused(edit) -> None:
    with pytest.raises(DeployError, match=r"claim\.json"):
        parse_claim(edit(claim_bytes(a_claim())))


def test_nan_has_no_place_in_a_claim() -> None:
    with pytest.raises(ValueError, match="NaN"):
        claim_bytes(a_claim(metrics={"train": {"sharpe": float("nan")}}))


def test_equal_claims_do_not_differ() -> None:
    assert differences(a_claim(), parse_claim(claim_bytes(a_claim()))) == ()


def test_every_difference_is_named_with_both_values() -> None:
    worse = CheckResult(
        name="risk",
        klass="limit",
        verdict="failed",
        measures=(Measure(name="drawdown", value=0.4, op="<=", limit=0.35),),
    )
    other = a_claim(trials=8, checks=(claimed_check(worse),), metrics={"train": {"sharpe": 1.0}})

    found = {d.field: (d.claimed, d.found) for d in differences(a_claim(), other)}

    assert found["trials"] == (7, 8)
    assert found["checks[risk].verdict"] == ("passed", "failed")
    assert found["checks[risk].measures[drawdown].value"] == (0.1, 0.4)
    assert found["metrics.train.sharpe"] == (None, 1.0)
    assert found["metrics.train.net_return"] == (0.25, "(absent)")
    assert "checks[risk].measures[sharpe]" in found
    assert len(found) == 7  # and the check's detail


def test_differences_come_in_the_order_of_the_claim() -> None:
    other = a_claim(base="9" * 40, engine="8" * 64, verdict="rejected")

    assert [d.field for d in differences(a_claim(), other)] == ["base", "engine", "verdict"]


def test_a_claim_holds_no_head_time_or_machine() -> None:
    names = set(msgspec.to_builtins(a_claim()))

    assert not names & {"head", "time", "machine", "signer"}

"""How a verdict tells what its strategy was confined by: every layer by name, a warning, or no verdict at all."""

from __future__ import annotations

import dataclasses
import os

import msgspec
import pytest

from autarch.sandbox import level
from autarch.sandbox.layers import REMEDIES, REQUIRED, WANTED
from autarch.verdict import overall
from ci.publish_records import attestation
from ci.report import markdown
from ci.report_text import terminal


@pytest.fixture
def rooted(monkeypatch) -> None:
    """A host on which no child gets an empty root folder, as its /proc shows."""
    look = level.look
    monkeypatch.setattr(level, "look", lambda pid: dataclasses.replace(look(pid), root="/"))


@pytest.fixture
def cold(workers) -> None:
    """Let both workers measure themselves anew, now and afterwards."""
    yield _forget(workers)
    _forget(workers)


def _forget(workers) -> None:
    for worker in (workers.main, workers.other):
        worker._level = None


def test_the_verdict_names_every_layer_and_its_state(gate, kit) -> None:
    outcome = gate(kit.candidate(kit.trend), only={"determinism"})
    told = outcome.to_json()["sandbox"]

    assert [layer["name"] for layer in told["layers"]] == list(REMEDIES)
    assert told["full"] is True
    assert f"confined on Linux {os.uname().release} by numeric pin, process" in terminal(outcome)
    assert "landlock" in markdown(outcome)


@pytest.mark.usefixtures("rooted", "cold")
def test_a_missing_wanted_layer_is_a_warning_and_the_verdict_stands(gate, kit) -> None:
    outcome = gate(kit.candidate(kit.trend), only={"determinism"})
    shown = " ".join(terminal(outcome).split())

    assert outcome.verdict == "accepted"
    assert "warning: wanted layer empty root is missing on Linux" in shown
    assert REMEDIES["empty root"] in shown
    assert {"name": "empty root", "required": False, "reached": False, "detail": "its root is /"} in (
        outcome.to_json()["sandbox"]["layers"]
    )


@pytest.mark.usefixtures("rooted", "cold")
def test_the_attestation_names_every_layer(gate, kit) -> None:
    signed = attestation(gate(kit.candidate(kit.trend), only={"determinism"}), now_ms=0)

    assert list(signed.layers) == list(REMEDIES)
    assert signed.layers["landlock"] == "reached"
    assert signed.layers["empty root"] == "its root is /"
    assert "without empty root" in signed.sandbox


@pytest.mark.usefixtures("rooted", "cold")
def test_a_missing_required_layer_is_undecided_with_layer_kernel_and_remedy(gate, kit, quick_policy) -> None:
    demanding = msgspec.structs.replace(
        quick_policy.sandbox, required=(*REQUIRED, "empty root"), wanted=tuple(x for x in WANTED if x != "empty root")
    )

    outcome = gate(kit.candidate(kit.trend), policy=msgspec.structs.replace(quick_policy, sandbox=demanding))
    said = kit.check(outcome, "determinism")

    assert (outcome.exit_code, outcome.claim) == (3, None)
    assert overall(outcome.checks) == "undecided"
    assert f"cannot be confined on Linux {os.uname().release}: missing empty root (its root is /" in said.detail
    assert REMEDIES["empty root"] in said.detail

"""A waived limit reaches a host only with the waiver that the released commit holds, covers it, and the tag names."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from autarch.evidence.claim import ClaimedCheck, ClaimedMeasure
from autarch.evidence.waiver import Waiver, render_waivers, waived_text
from autarch.verdict import Measure

from .release_yard import refusal

DECISIONS = "4" * 64
WAIVER = Waiver(
    check="risk",
    decisions=DECISIONS,
    measured={"max_drawdown": 0.41},
    reason="hedged by the other sleeve",
    who="human",
    granted=dt.date(2026, 3, 1),
    expires=dt.date(2026, 3, 31),
)
LINE = waived_text("one_idea", WAIVER, [Measure(name="max_drawdown", value=0.41, op="<=", limit=0.35)])


@pytest.fixture
def yard(base_yard, tmp_path):
    return base_yard.copy(tmp_path / "yard")


def sign(  # noqa: PLR0913  each test spoils one of them
    yard, *, waiver=WAIVER, listed=(LINE,), as_of="2026-03-10", value=0.41, name="risk"
) -> None:
    """Release main with the waiver committed and one waived check in the claim."""
    if waiver is not None:
        yard.advance(yard.commit({"ci/waivers/one_idea.toml": render_waivers([waiver])}))
    measured = ClaimedMeasure(name="max_drawdown", value=value, op="<=", limit=0.35, unit="")
    waived = ClaimedCheck(name=name, klass="limit", verdict="waived", measures=(measured,), detail="too deep")
    claim = yard.claim(yard.main, base=yard.main)
    claim = msgspec.structs.replace(claim, checks=(*claim.checks, waived), waived=tuple(listed), as_of=as_of)
    yard.store(claim)
    yard.sign(yard.released("v0.2.0", claim=claim, waivers=list(listed)))


def test_a_waiver_of_the_released_commit_that_the_tag_lists_is_installed_and_shown(yard) -> None:
    sign(yard)

    assert yard.deployer().verify("v0.2.0").record.released.waivers == [LINE]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"waiver": None}, "there is no ci/waivers/one_idea.toml"),
        ({"listed": ()}, "is not listed in the tag"),
        ({"listed": ("risk of one_idea: something else",)}, "is not listed in the tag"),
        ({"as_of": "2026-04-01"}, "good from 2026-03-01 to 2026-03-31, and this is 2026-04-01"),
        ({"as_of": None}, "Invalid isoformat"),
        ({"value": 0.42}, "max_drawdown is 0.42 now, worse than the 0.41"),
        ({"waiver": msgspec.structs.replace(WAIVER, decisions="5" * 64)}, "given for decisions 555555555555"),
        ({"waiver": msgspec.structs.replace(WAIVER, check="warmup")}, "does not waive it"),
        ({"waiver": msgspec.structs.replace(WAIVER, check="backtest"), "name": "backtest"}, "laws are never waived"),
    ],
)
def test_a_waived_check_without_a_sound_waiver_is_refused(yard, how, told) -> None:
    sign(yard, **how)

    assert told in refusal(yard, "v0.2.0")

"""A memory longer than the declared warm-up is found wherever it sits: in a stop, in one end of a search."""

from __future__ import annotations

import pytest

from ci.checks import warmup as checked
from ci.checks.warmup import CASES_MAX, smallest_sufficient, upper_ends

RISING = "np.where(bars.close > bars.open, 1.0, 0.0)"
STOP_REMEMBERS = f"""\
    far = talib.EMA(bars.high - bars.low, p.slow) / bars.close
    return Targets(exposure={RISING}, stop_loss=np.clip(np.nan_to_num(far, nan=0.5), 0.0001, 0.5))
"""
ONE_END = """\
    gap = talib.EMA(bars.close, 5) / talib.EMA(bars.close, p.slow) - 1.0
    return Targets(exposure=np.clip(np.nan_to_num(gap) * 50.0, -1.0, 1.0) * (1.0 - p.mute))
"""
FINITE = """\
    gap = talib.SMA(bars.close, p.fast) / talib.SMA(bars.close, p.slow) - 1.0
    return Targets(exposure=np.where(np.nan_to_num(gap) > 0.0, 1.0, 0.0), stop_loss=0.01 * (p.slow - p.fast))
"""


@pytest.fixture
def warmup(module_gate, kit):
    def ask(body: str, **manifest: object):
        return kit.check(module_gate(kit.candidate(body, **manifest), only=["warmup"]), "warmup")

    return ask


def test_a_stop_that_remembers_longer_than_the_warm_up_fails_with_both_values(warmup) -> None:
    found = warmup(STOP_REMEMBERS, warmup=100, params="[params]\nslow = 90")

    assert found.verdict == "failed"
    assert "first, stop_loss of BTCUSDT at train row " in found.detail
    assert "set warmup = " in found.detail


def test_the_same_stop_passes_with_the_warm_up_that_was_named(warmup) -> None:
    named = warmup(STOP_REMEMBERS, warmup=100, params="[params]\nslow = 90").detail.rsplit("set warmup = ", 1)[1]

    assert warmup(STOP_REMEMBERS, warmup=int(named.rstrip(".")), params="[params]\nslow = 90").verdict == "passed"


def test_an_end_that_only_another_end_hides_is_asked_alone(warmup) -> None:
    # All ends together mute the strategy; slow = 400 alone needs far more than 300 bars.
    search = "[search]\nslow = {low = 10, high = 400, step = 10}\nmute = {low = 0.0, high = 1.0, step = 0.5}"

    found = warmup(ONE_END, warmup=300, params="[params]\nslow = 20\nmute = 0.0", search=search)

    assert found.verdict == "failed"
    assert "the upper end of [search] slow = 400" in found.detail
    assert next(m for m in found.measures if m.name == "declared.disagreeing").holds


def test_ends_that_decide_refuses_are_shown_and_block_nothing(warmup) -> None:
    # fast = 60 alone makes the stop 0.01 * (40 - 60), which is no distance; so nobody can trade it.
    search = "[search]\nfast = {low = 10, high = 60, step = 10}\nslow = {low = 20, high = 80, step = 10}"

    found = warmup(FINITE, warmup=100, params="[params]\nfast = 10\nslow = 40", search=search)

    assert found.verdict == "passed", found.detail
    assert next(m for m in found.measures if m.name == "upper_ends.refused").value == 1.0


def test_an_end_that_only_more_history_answers_fails(warmup) -> None:
    # slow = 400 has no value in the first 399 bars of a window, so its exposure is NaN where 300 bars are all there is.
    body = "    return Targets(exposure=np.sign(bars.close - talib.SMA(bars.close, p.slow)))\n"
    search = "[search]\nslow = {low = 10, high = 400, step = 10}"

    found = warmup(body, warmup=300, params="[params]\nslow = 20", search=search)

    assert found.verdict == "failed"
    assert "warmup = 300 is too short for that end" in found.detail


def test_a_warm_up_that_no_data_could_prove_is_told_apart(warmup) -> None:
    found = warmup("    return Targets(exposure=np.sign(np.cumsum(bars.close - bars.open)))\n", warmup=50)

    assert found.verdict == "failed"
    assert "finite memory" in found.detail


def test_each_searched_parameter_is_raised_alone_and_all_together(kit) -> None:
    params = "[params]\n" + "\n".join(f"p{n} = 1" for n in range(CASES_MAX + 2)) + "\nsize = 0.5\nkept = 4"
    search = "[search]\n" + "\n".join(f"p{n} = {{low = 1, high = 3}}" for n in range(CASES_MAX + 2))
    search += "\nsize = {low = 0.1, high = 0.5}"

    cases = upper_ends(kit.candidate(kit.trend, params=params, search=search).source.manifest)

    together = cases["all upper ends of [search]"]
    assert {name: together[name] for name in ("p0", "p17", "size", "kept")} == {
        "p0": 3,
        "p17": 3,
        "size": 0.5,
        "kept": 4,
    }
    assert len(cases) == 1 + CASES_MAX  # `size` is at its end already
    assert cases["the upper end of [search] p3 = 3"] == {**dict.fromkeys(together, 1), "p3": 3, "size": 0.5, "kept": 4}


def test_a_single_searched_parameter_is_asked_once(kit) -> None:
    search = "[search]\nslow = {low = 20, high = 400, step = 10}"

    cases = upper_ends(kit.candidate(kit.trend, search=search).source.manifest)

    assert list(cases) == ["the upper end of [search] slow = 400"]


@pytest.mark.parametrize("needed", [None, 450, 1500])
def test_doublings_up_to_what_can_be_tested_then_halvings_find_a_warm_up(evaluated, kit, monkeypatch, needed) -> None:
    about, asked = evaluated(kit.trend), []

    def would_pass(_about, _cases, warmup: int) -> bool:
        asked.append(warmup)
        return needed is not None and warmup >= needed

    monkeypatch.setattr(checked, "_would_pass", would_pass)
    limits, declared = about.policy.warmup, about.source.manifest.warmup
    # Of history_multiple warm-ups of history, what is left to compare must be compared_frac_min of train.
    ceiling = int((1.0 - limits.compared_frac_min) * about.market.n_bars / limits.history_multiple)

    found = smallest_sufficient(about, [])

    assert max(asked) <= ceiling
    if needed is None:
        assert found is None
        assert asked[-1] == ceiling
        assert asked[0] == min(max(2 * declared, 64), ceiling)
    else:
        assert needed <= found <= needed + (max(asked) >> checked.BISECTIONS)
        assert found in asked

"""What docs/strategy_authoring.md shows can be copied: snippets pass every check, refusals are quoted as they are."""

from __future__ import annotations

import pytest

from autarch.manifest import BLOCK_BARS
from autarch.sandbox.source_policy import check_source
from autarch.strategy import ops

from .features import features_of
from .ground import CHECKS, Ground
from .guide import PAGE, candidate_of_body, example, rows_under, section, snippets, source_of_body

SNIPPETS = snippets()
RETURN_FLAT = "\nreturn Targets(exposure=np.zeros(len(bars)))"
FAULTS = {
    "expected a finite number": "return Targets(exposure=np.sign(bars.close - talib.SMA(bars.close, 200)))",
    "clip it in decide()": "return Targets(exposure=2.0 * np.sign(bars.close - bars.open))",
    "one value for each bar given": "return Targets(exposure=np.sign(np.diff(bars.close)))",
    "assignment destination is read-only": f"bars.close[0] = 1.0{RETURN_FLAT}",
    "input array has wrong dimensions": f"x = talib.SMA(np.column_stack([bars.close, bars.open]), 20){RETURN_FLAT}",
    "input array type is not double": f"x = talib.SUM(bars.close > bars.open, 20){RETURN_FLAT}",
    "when later bars are there": "return Targets(exposure=np.where(bars.close > bars.close.mean(), 1.0, 0.0))",
    "hang on history beyond warmup": "slow = pd.Series(bars.close).ewm(span=300, adjust=False).mean().to_numpy()\n"
    "return Targets(exposure=np.sign(bars.close - slow))",
    "lower warmup, or judge on a longer data set": f"x = 4000{RETURN_FLAT}",
    "a decision may rest on ratios": "return Targets(exposure=np.where(bars.close > 100.0, 1.0, 0.0))",
    "is never read as p.slow": f"x = 1{RETURN_FLAT}",
}
"""By the beginning of what is said of it: a body that does it."""


def test_the_cookbook_is_there_and_shows_most_helpers() -> None:
    shown = {feature for each in SNIPPETS for feature in features_of(each.candidate().source)}

    assert len(SNIPPETS) >= 15
    assert len({f"ops.{name}" for name in ops.__all__} & shown) >= 8
    assert {"panel", "context", "bars.resample", "pandas.groupby", "loop"} <= shown


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda each: each.words[:40])
def test_a_snippet_of_the_cookbook_passes_the_policy(snippet) -> None:
    assert [str(finding) for finding in check_source(snippet.candidate().source)] == []


def test_the_numbers_it_gives_are_those_of_the_policy_and_the_manifest(ground: Ground) -> None:
    limits, text = ground.policy.warmup, " ".join(PAGE.read_text(encoding="utf-8").split())

    assert (limits.history_multiple, "four times the history" in text) == (4, True)
    assert (limits.tolerance_of_max_leverage, "a thousandth of `max_leverage`" in text) == (1 / 1000, True)
    assert (limits.disagreement_frac_max, "one bar in two thousand" in text) == (1 / 2000, True)
    # a quarter of the bars after W must have 4 W before them: n - 4 W >= (n - W) / 4, so W <= n / 5
    assert (limits.compared_frac_min, "a fifth of the data set" in text) == (1 / 4, True)
    assert {BLOCK_BARS[interval] for interval in ("1m", "5m", "15m")} == {2016}
    assert (BLOCK_BARS["1h"], BLOCK_BARS["1d"]) == (504, 28)
    assert "2,016 bars of 1, 5 or 15 minutes, 504 of an hour, 28 days" in section("How you are asked")


@pytest.mark.slow
def test_the_example_passes_every_check(ground: Ground) -> None:
    assert [answer.detail for answer in ground.ask(example()) if answer.verdict != "passed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda each: each.words[:40])
def test_a_snippet_of_the_cookbook_passes_every_check(ground: Ground, snippet) -> None:
    answers = ground.ask(snippet.candidate())

    assert {answer.name for answer in answers} >= set(CHECKS)
    assert [f"{answer.name}: {answer.detail}" for answer in answers if answer.verdict != "passed"] == []


@pytest.mark.parametrize(("wrote", "says"), rows_under("you wrote", 2))
def test_a_refusal_is_quoted_as_the_policy_says_it(wrote, says) -> None:
    found = check_source(source_of_body(wrote.strip("`") + RETURN_FLAT))

    assert says.strip("`") in [f"{finding.construct}: {finding.message}" for finding in found]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "says", "cure"), rows_under("check", 3))
def test_what_a_check_says_is_quoted_as_it_says_it(ground: Ground, check, says, cure) -> None:
    quoted = says.strip("`")
    (body,) = [body for part, body in FAULTS.items() if part in quoted]
    params = "[params]\nslow = 20\n" if check == "policy" else ""
    answers = ground.ask(candidate_of_body(body, warmup=4000 if "4000" in body else 100, params=params))

    assert cure
    assert [answer.name for answer in answers if answer.verdict == "failed" and quoted in answer.detail] == [check]

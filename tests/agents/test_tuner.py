"""The tuner's study: counted whole, reproducible, within its ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from agents.study import Study, Trial
from agents.tuner import ASKED_TOGETHER, tune
from autarch.canonical import sha256_hex
from autarch.errors import UsageError
from autarch.manifest import Manifest, ParamValue, parse_manifest

MANIFEST = b"""
schema = 1
name = "hill"
title = "A hill with one top"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 10
max_leverage = 1.0
[params]
fast = 10
width = 0.5
on = true
[search]
fast = {low = 2, high = 40, step = 2}
width = {low = 0.1, high = 2.0}
"""


@pytest.fixture
def manifest() -> Manifest:
    return parse_manifest(MANIFEST, slug="hill")


def hill(params: Mapping[str, ParamValue]) -> Trial:
    score = -((params["fast"] - 30) ** 2) / 100 - (params["width"] - 1.5) ** 2
    return Trial(params=dict(params), score=score, sharpe=score, decisions=sha256_hex(repr(params).encode()))


def study(manifest: Manifest, score, *, trials: int = 25, seed: int = 7) -> Study:
    def score_many(sets: Sequence[Mapping[str, ParamValue]]) -> list[Trial]:
        return [score(params) for params in sets]

    return tune(
        manifest, score_many, trials=trials, seed=seed, parent="hill@0", dataset="d@1", progress=lambda _line: None
    )


def test_sets_are_asked_for_in_parts_of_a_fixed_size_whoever_scores_them(manifest: Manifest) -> None:
    sizes: list[int] = []

    def counting(sets: Sequence[Mapping[str, ParamValue]]) -> list[Trial]:
        sizes.append(len(sets))
        return [hill(params) for params in sets]

    tune(manifest, counting, trials=19, seed=1, parent="p", dataset="d", progress=lambda _line: None)

    assert sizes == [ASKED_TOGETHER, ASKED_TOGETHER, 19 - 2 * ASKED_TOGETHER]


def test_the_parents_own_numbers_are_the_first_trial(manifest: Manifest) -> None:
    found = study(manifest, hill)

    assert found.trials[0].params == {"fast": 10, "width": 0.5}


def test_the_parents_numbers_are_tried_to_the_last_digit() -> None:
    long = parse_manifest(MANIFEST.replace(b"width = 0.5", b"width = 0.123456789"), slug="hill")

    assert study(long, hill, trials=2).trials[0].params["width"] == 0.123456789


def test_every_trial_is_kept_and_stays_within_its_range_and_grid(manifest: Manifest) -> None:
    found = study(manifest, hill)

    assert len(found.trials) == 25
    assert all(t.params["fast"] in range(2, 41, 2) and isinstance(t.params["fast"], int) for t in found.trials)
    assert all(0.1 <= t.params["width"] <= 2.0 for t in found.trials)


def test_a_float_is_written_with_few_digits_and_stays_in_its_range(manifest: Manifest) -> None:
    widths = [t.params["width"] for t in study(manifest, hill).trials]

    assert all(w == float(f"{w:.6g}") for w in widths)
    assert len(set(widths)) > 10


def test_the_best_beats_the_parent_on_a_hill(manifest: Manifest) -> None:
    found = study(manifest, hill)

    assert found.best is not None
    assert found.best.score > found.trials[0].score


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(manifest: Manifest) -> None:
    one, same, other = study(manifest, hill), study(manifest, hill), study(manifest, hill, seed=8)

    assert one.packed() == same.packed()
    assert one.digest != other.digest


def test_a_refused_parameter_set_still_counts_as_a_trial(manifest: Manifest) -> None:
    def picky(params: Mapping[str, ParamValue]) -> Trial:
        if params["fast"] > 20:
            return Trial(params=dict(params), score=None, sharpe=None, decisions=None, detail="fast is above 20")
        return hill(params)

    found = study(manifest, picky)

    assert len(found.trials) == 25
    assert any(t.score is None and "above 20" in t.detail for t in found.trials)
    assert found.best is not None
    assert found.best.params["fast"] <= 20


def test_a_study_in_which_nothing_scores_has_no_best(manifest: Manifest) -> None:
    def never(params: Mapping[str, ParamValue]) -> Trial:
        return Trial(params=dict(params), score=None, sharpe=None, decisions=None, detail="no")

    assert study(manifest, never, trials=3).best is None


def test_variance_of_the_sharpes_is_the_sample_variance() -> None:
    trials = tuple(Trial(params={}, score=s, sharpe=s, decisions=None) for s in (1.0, 2.0, 4.0))
    found = Study(
        strategy="s", parent="p", dataset="d", objective="o", sampler="x", seed=0, trials=trials
    ).sharpe_variance

    # mean 7/3; squares 16/9 + 1/9 + 25/9 = 42/9; over n - 1 = 2: 7/3
    assert found == pytest.approx(7 / 3)


def test_a_manifest_without_search_is_refused_with_the_cure() -> None:
    bare = parse_manifest(MANIFEST.split(b"[search]")[0], slug="hill")

    with pytest.raises(UsageError, match=r"\[search\]"):
        study(bare, hill)


def test_one_trial_is_no_study(manifest: Manifest) -> None:
    with pytest.raises(UsageError, match="2 to"):
        study(manifest, hill, trials=1)

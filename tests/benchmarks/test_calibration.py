"""Calibration counts what it says, plants what it says, and would see a rule that leaks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.calibration import page, tables
from benchmarks.calibration.adversary import Campaign, attack
from benchmarks.calibration.capital import shares, standard_policy
from benchmarks.calibration.pool import Pool
from benchmarks.calibration.proposals import Heard, Proposal, proposal, search_of, world_of
from benchmarks.calibration.streams import OURS, RULES, Fate, fates, run_through
from benchmarks.calibration.tables import Figures, false_rate, power
from ci.promotion.deciding import Measured

DAYS, FAMILIES, SETS = 700, 6, 14


@pytest.fixture(scope="module")
def pool() -> Pool:
    rng = np.random.default_rng(3)
    common = rng.normal(0.0, 0.01, (DAYS, FAMILIES)).repeat(SETS, axis=1)
    returns = common + rng.normal(0.0, 0.005, common.shape)
    families = np.repeat(np.arange(FAMILIES), SETS)
    return Pool(
        returns=returns - returns.mean(axis=0), families=families, held=rng.normal(0.0, 0.02, DAYS), origin="noise"
    )


def heard(p, word="improved"):
    found = Measured(p=p, ratio=0.1, days=300, days_effective=300)
    return Heard(word=word, kept=found, whole=found)


def told(p, *, edge=0.0, word="improved", merges=True, ratio=0.05):
    from autarch.stats.sharpe import SharpeSample

    sample = SharpeSample(ratio=ratio, periods=730)
    return Proposal(
        edge=edge, train=sample, merges=merges, heard={365: heard(p, word)}, deviation=0.01, forward=np.zeros(3)
    )


def test_what_merges_and_was_improved_is_tested_in_order_and_nothing_else_spends():
    line = [told(1e-9, edge=2.0), told(1e-9, word="worse"), told(1e-9, merges=False), told(0.5), told(1e-9)]

    asked, promoted = RULES[OURS](line, 365)

    assert asked == [True, False, False, True, True]
    assert promoted == [True, False, False, False, True]
    assert fates(line, 365)[OURS] == Fate(false=1, true=1, n_true=1, asked=3, asked_true=1)


def test_the_epoch_s_rule_runs_the_first_test_at_its_first_level():
    # LORD++: w0 gamma_1 = 0.05 x 0.4374901658 = 0.0218745083
    at, past = (Measured(p=p, ratio=0.1, days=300, days_effective=300) for p in (0.0218745, 0.0218746))

    assert run_through([True], [at]) == [True]
    assert run_through([True], [past]) == [False]


def test_rates_are_means_over_streams_with_their_errors():
    streams = [
        Fate(false=1, true=1, n_true=2, asked=4, asked_true=1),
        Fate(false=0, true=0, n_true=2, asked=0, asked_true=0),
    ]

    # false: 1/2 and 0/1, mean 0.25, deviation 0.3536, over sqrt 2: 0.25
    assert (false_rate(streams).mean, false_rate(streams).error) == pytest.approx((0.25, 0.25))
    assert power(streams).mean == pytest.approx(0.25)  # 1/2 and 0/2
    assert power(streams, of_asked=True).mean == pytest.approx(1.0)  # one of one; the other asked about none


def test_a_planted_edge_is_the_drift_it_says(pool):
    world = world_of(pool, np.random.default_rng(1))
    column = np.array([4])

    with_, without = (world.returns(column, world.holdout, edge=edge)[:, 0] for edge in (2.0, 0.0))

    drift = 2.0 / math.sqrt(365) * pool.returns[:, 4].std()
    assert (with_ - without) == pytest.approx(np.full(with_.size, drift))
    assert world.train.size + world.holdout.size + world.forward.size == 730 + 1460 + 365


def test_a_proposal_is_the_best_on_train_of_what_was_searched(pool):
    world = world_of(pool, np.random.default_rng(2))
    columns = search_of(world, np.random.default_rng(2), edge=0.0, families=np.array([1]))

    found = proposal(world, columns, edge=0.0, seed=1, holdouts=(365,))

    tried = pool.returns[np.ix_(world.train, pool.columns(1))]
    assert found.train.ratio == pytest.approx((tried.mean(axis=0) / tried.std(axis=0, ddof=1)).max())
    assert set(found.heard) == {365}


def test_an_adversary_climbs_where_words_are_told_and_only_there(pool):
    def climbed(*, is_parted):
        campaign = Campaign(days=365, rounds=80, plan="add and subtract", is_parted=is_parted)
        return [attack(pool, campaign, seed=seed) for seed in range(2)]

    leaking, parted = climbed(is_parted=False), climbed(is_parted=True)

    assert min(one.last - one.first for one in leaking) > 0.5  # the planted fault: one holdout for both
    assert min(one.looked for one in parted) > 1.5
    assert not any(one.promoted for one in parted)


def test_probes_are_capped_alone_and_together():
    policy = standard_policy()

    # ten sleeves of a tenth: probes 2 % each shrink to 4 % together; T2 has a quarter, T3 all of its tenth
    found = shares(["T1"] * 7 + ["T0", "T2", "T3"], policy)

    assert found == pytest.approx([0.04 / 7] * 7 + [0.0, 0.025, 0.1])
    assert shares(["T1"], policy) == pytest.approx([0.02])


def test_tables_go_between_their_marks_and_nowhere_else():
    figures = Figures(text="| a |", targets=(), power={1.0: [0.1] * 4, 1.5: [0.2] * 4, 2.0: [0.3] * 4, 3.0: [1.0] * 4})
    before = f"# Page\n\n{page.BEGIN}\nold\n{page.END}\n\nafter\n"

    once = page.written(before, figures)

    assert "old" not in once
    assert once.startswith("# Page")
    assert once.endswith("after\n")
    assert page.written(once, figures) == once
    assert page.picture(figures).count("<polyline") == 4
    with pytest.raises(SystemExit, match="no lines"):
        page.written("# Page\n", figures)


def test_a_missed_target_is_told_with_its_figure():
    missed = tables.Target(name="power", measured="0.4", wanted=">= 0.5", holds=False)

    assert Figures(text="", targets=(missed,), power={}).missed == ("power: 0.4, wanted >= 0.5",)

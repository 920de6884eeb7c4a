"""The loop's measurement measures the loop: the same evaluations on both sides, decided as anywhere else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from agents.evolution.blind import Grammar
from agents.ports import Brief
from autarch.evaluation import decide_blocks
from autarch.manifest import parse_source
from autarch.market import load_market, read_lock
from autarch.market.synth_dataset import SYMBOLS
from autarch.market.synth_edges import Edge
from autarch.sandbox.worker import Worker
from benchmarks.evolve import ASKED_A_NIGHT, NIGHT, night_after_night
from benchmarks.evolve_grounds import Ground, ground, settings_with
from benchmarks.evolve_planted import EDGES, Arm, Split, edges_of, interval


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    edges = (Edge(kind="funding", strength=0.1),)
    return ground(tmp_path_factory.mktemp("bars"), seed=3, edges=edges, bars=12_000, symbols=SYMBOLS[:1])


def arm(market: Ground, baseline: float) -> Arm:
    settings = settings_with(per_round=4, baseline=baseline, gated=False)
    return Arm(train=Split(market, "train"), settings=settings, seed=1)


def test_iid_has_no_parents_the_loop_has_and_both_have_as_many_evaluations(market: Ground) -> None:
    iid, _ = arm(market, 1.0).run(40)
    loop, written = arm(market, 0.0).run(40)

    assert len(iid) == len(loop) == 40
    assert {(c.answered.operator, c.answered.ancestors) for c in iid} == {("create", ())}
    assert any(c.answered.ancestors for c in loop)
    assert set(written) >= {c.name for c in loop if c.is_member}
    assert arm(market, 0.0).run(40)[0] == loop


@pytest.mark.slow
def test_one_window_over_all_of_train_decides_as_a_confined_child_does_in_blocks(market: Ground) -> None:
    lock = read_lock(market.lock)
    proposer = Grammar(symbols=lock.symbols, interval=lock.interval)
    bars = load_market(lock, split="train", symbols=lock.symbols, interval=lock.interval, stores=market.stores)
    split = Split(market, "train")
    with Worker(allow_weak=True) as worker:
        for seed in range(6):
            made = proposer.propose(Brief(operator="create", slug="one", base="0" * 40, seed=seed)).files
            source = parse_source(slug="one", manifest_bytes=made["manifest.toml"], code=made["strategy.py"])
            blocks, whole = decide_blocks(worker, source, bars), split.played(source).decisions

            assert (blocks.counts == whole.counts).all()
            rows = whole.counts[:, 0]
            alike = np.isclose(blocks.exposure[rows], whole.exposure[rows], atol=1e-6).mean()
            assert alike > 0.97, f"{alike:.3f} of decisions of {source.code.decode()}"


def test_what_answers_with_no_number_is_a_fault_and_not_a_score(market: Ground) -> None:
    one = arm(market, 1.0)
    (candidate, *_), written = one.run(4)
    files = written[candidate.name]
    code = files.code.replace(b"exposure=", b"exposure=float('nan') * ")
    source = parse_source(slug=candidate.answered.slug, manifest_bytes=files.manifest, code=code)

    with pytest.raises(Exception, match="no number"):
        one.train.played(source)


def test_each_choice_of_edges_comes_in_turn_and_a_seed_gives_the_same_ones() -> None:
    found = [tuple(edge.kind for edge in edges_of(seed, 3)) for seed in range(1_000, 1_004)]

    assert len(set(found)) == 4  # four choices of three out of four
    assert {len(set(kinds) & set(EDGES)) for kinds in found} == {3}
    assert edges_of(1_000, 3) == edges_of(1_000, 3) != edges_of(1_004, 3)


def test_an_interval_holds_the_mean_and_shrinks_with_its_spread() -> None:
    low, high = interval(np.array([1.0, 2.0, 3.0, 2.0]))

    assert 1.0 < low < 2.0 < high < 3.0
    assert interval(np.array([2.0, 2.0])) == (2.0, 2.0)


def test_every_night_has_its_best_two_asked_about_and_no_edge_promotes_nobody(tmp_path: Path) -> None:
    where = ground(tmp_path, seed=5, edges=(), bars=12_000, symbols=SYMBOLS[:1])

    tried, asked, promoted = night_after_night(where, 2 * NIGHT, seed=1)

    assert tried == 50
    assert 0 < asked <= 2 * ASKED_A_NIGHT
    assert promoted == 0


def test_settings_of_a_measurement_change_its_arm_and_nothing_about_breeding() -> None:
    loop, iid = (settings_with(per_round=4, baseline=share, gated=False) for share in (0.0, 1.0))

    assert (loop.loop.baseline_frac, iid.loop.baseline_frac) == (0.0, 1.0)
    assert msgspec.structs.replace(iid, loop=loop.loop) == loop
    assert msgspec.structs.replace(iid.loop, baseline_frac=0.0) == loop.loop

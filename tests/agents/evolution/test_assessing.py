"""On real bars with a real worker: strategies are sketched, tuned and compared; what is broken is stopped by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from agents.evolution.assessing import Terms, contrast, sketch, tune
from agents.evolution.behaviour import Signature, resemblance
from agents.evolution.fields import Here, Processes
from agents.evolution.writing import with_numbers
from agents.ports import Brief
from agents.proposing import propose
from autarch.manifest import StrategySource, parse_source
from autarch.market.build import build, write_blobs
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.repo.git import GitRepo

from world import seed_source, settings

from agents.evolution.blind import Grammar  # isort: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def terms(tmp_path_factory: pytest.TempPathFactory) -> Terms:
    folder = tmp_path_factory.mktemp("bars")
    built = build(synth_recipe(default_spec(n_bars=24_000), name="small", shares=(90, 5, 5)))
    stores = Stores.under(folder)
    write_blobs(built, stores)
    return Terms(lock=lock_toml(built.lock), stores=stores, capital=1e5, bounds=settings().archive, sets=6, folds=4)


def edited(old: bytes, new: bytes) -> StrategySource:
    source = seed_source()
    return parse_source(slug="hill", manifest_bytes=source.manifest_bytes, code=source.code.replace(old, new))


def test_a_strategy_is_sketched_and_faults_are_named(terms: Terms) -> None:
    good = sketch(terms, seed_source())

    assert good.stopped == ""
    assert len(good.cell) == 4
    assert len(good.signature) < 20_000
    assert sketch(terms, edited(b"import talib", b"import os")).stopped == "policy"
    assert sketch(terms, edited(b"p.slow) - 1.0", b"p.slow)[:5] - 1.0")).stopped == "fault"
    assert sketch(terms, edited(b"* size, 0.25", b"* size * 0.0, 0.25")).stopped == "score"


def test_names_change_nothing_that_a_signature_sees(terms: Terms) -> None:
    one, other = (sketch(terms, s) for s in (seed_source(), edited(b"gap", b"distance")))

    found = resemblance(Signature.unpacked(one.signature), Signature.unpacked(other.signature))

    assert (found.alike, one.decisions) == (1.0, other.decisions)


def test_processes_answer_what_one_process_answers(terms: Terms) -> None:
    from functools import partial

    work, items = partial(sketch, terms), [seed_source(), edited(b"EMA", b"SMA")]

    answers = Processes(2).each(work, items)  # taken one by one, as a round does: joblib warned of the last
    assert [next(answers), next(answers)] == list(Here().each(work, items))


def test_the_same_files_are_played_once_and_a_set_of_one_is_the_authors_own(terms: Terms) -> None:
    source = edited(b"EMA", b"WMA")
    first = sketch(terms, source)

    alone = tune(replace(terms, sets=1), source, seed=3)

    assert sketch(terms, source) is first
    assert (alone.source, alone.sketch, alone.kept_own) == (source, first, True)
    assert [(trial.score, trial.decisions) for trial in alone.trials] == [(first.score, first.decisions)]


def test_every_drawn_set_is_a_trial_and_the_numbers_that_stand_are_in_the_manifest(terms: Terms) -> None:
    found = tune(terms, seed_source(), seed=3)

    assert len(found.trials) == 6
    assert found.trials[0].params == {"fast": 20, "slow": 80, "entry": 0.004, "brake": 0.006}
    assert found.kept_own == (found.source.manifest.params == seed_source().manifest.params)


def test_a_proposal_carries_its_trials_its_change_and_its_study(terms: Terms, tmp_path: Path) -> None:
    import subprocess

    from world import WHO

    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "w.git"], check=True)
    repo, seed = GitRepo(tmp_path / "w.git"), seed_source()
    tree = repo.with_files(
        None, {"strategies/hill/manifest.toml": seed.manifest_bytes, "strategies/hill/strategy.py": seed.code}
    )
    base = repo.commit_tree(tree, parents=[], message="Begin\n", author=WHO)
    brief = Brief(operator="create", slug="idea_1", base=base, seed=4)

    made = propose(Grammar(symbols=("BTCUSDT",), interval="15m"), brief, repo=repo, terms=terms)

    trailers = dict(made.trailers)
    assert (trailers["Agent"], trailers["Trials"], trailers["Operator"]) == ("grammar", "6", "create")
    assert "Nothing stands in its place" in made.body
    assert "equity, proposed" in made.body
    assert b"idea_1" in made.files["manifest.toml"]


def test_a_change_is_told_beside_what_stands_there(terms: Terms) -> None:
    seed = seed_source()
    faster = parse_source(slug="hill", manifest_bytes=with_numbers(seed.manifest_bytes, {"fast": 10}), code=seed.code)

    text = contrast(terms, faster, seed, called="hill")

    assert "| on train | hill | proposed |" in text
    assert "Round trips:" in text
    assert "0 added, 0 removed, 0 moved" in contrast(terms, seed, seed, called="hill")

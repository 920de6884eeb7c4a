"""`autarch sweep` as a user types it: what is asked, what is printed, the same numbers from any number of jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from autarch.cli import sweep as verb
from autarch.cli.main import main

from .backtest_yard import Yard, make_yard

SEARCH = "\n[search]\nfast = {low = 5, high = 20, step = 1}\nslow = {low = 30, high = 60, step = 5}\n"


def trial(score: float | None, **params) -> dict[str, object]:
    return {
        "params": params,
        "score": score,
        "sharpe": score,
        "final_equity": 10_500.4,
        "n_fills": 7,
        "decisions": None,
        "detail": "" if score is not None else "never trades",
    }


def answer(**changed) -> dict[str, object]:
    ranked = [trial(1.25, fast=5, size=0.5), trial(-0.5, fast=20, size=1e-7)]
    return {
        "strategy": "probe",
        "dataset": "hills@1",
        "split": "train",
        "objective": "o",
        "trials": 3,
        "scored": 2,
        "best_sharpe_by_luck": 0.844,
        "best": ranked[0],
        "ranked": ranked,
        "without_score": [trial(None, fast=9, size=0.0)],
        **changed,
    }


@pytest.mark.parametrize("arguments", [["probe"], ["probe", "--trials", "5", "--grid", "fast=1,2"]])
def test_what_to_try_is_said_in_one_way(arguments, capsys) -> None:
    assert main(["sweep", *arguments]) == 2
    assert "--grid name=low:high:step (repeatable), or --trials N" in capsys.readouterr().err


def test_the_table_is_aligned_and_luck_is_named(capsys) -> None:
    verb._print(answer(), as_json=False, show=3)

    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "fast   size   score  sharpe  final equity  fills",
        "   5    0.5  +1.250  +1.250        10,500      7",
        "  20  1e-07  -0.500  -0.500        10,500      7",
    ]
    assert lines[3] == "no score: fast=9, size=0: never trades"
    assert lines[4] == "3 trials of probe on train of hills@1, 2 with a score."
    assert (
        "The best of 3 is partly luck. Without any skill, the best of as many would show a Sharpe near 0.84." in lines
    )
    assert "`Trials: 3`" in lines[-1]


def test_fewer_rows_are_shown_when_asked_and_nothing_scored_has_no_table(capsys) -> None:
    verb._print(answer(), as_json=False, show=1)
    assert len(capsys.readouterr().out.splitlines()) == 2 + 3

    verb._print(answer(scored=0, ranked=[], best=None, best_sharpe_by_luck=None), as_json=False, show=5)
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "no score: fast=9, size=0: never trades"
    assert "partly luck" not in out  # where there is no best


@pytest.fixture(scope="module")
def yard(tmp_path_factory, root) -> Yard:
    made = make_yard(tmp_path_factory.mktemp("yard"), root)
    manifest = made.root / "strategies/probe/manifest.toml"
    manifest.write_text(manifest.read_text() + SEARCH)
    return made


def autarch(yard: Yard, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "autarch", "sweep", *arguments],
        cwd=yard.root / "strategies",
        env={**os.environ, "AUTARCH_DATA_TRAIN": yard.stores.train, "AUTARCH_DATA_HOLDOUT": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_grid_gives_one_object_of_the_same_bytes_with_two_jobs(yard) -> None:
    grid = ["probe", "--grid", "fast=5:15:5", "--grid", "slow=30,50", "--json"]

    one, two = autarch(yard, *grid), autarch(yard, *grid, "--jobs", "2")

    assert one.returncode == two.returncode == 0, one.stderr
    assert one.stdout == two.stdout
    found = json.loads(one.stdout)
    assert found["trials"] == len(found["ranked"]) == 6
    assert found["best"] == found["ranked"][0]
    assert len({row["decisions"] for row in found["ranked"]}) == 6
    assert "6/6 parameter sets" in one.stderr


@pytest.mark.slow
def test_a_search_is_the_same_for_a_seed_whatever_the_jobs(yard) -> None:
    search = ["probe", "--trials", "10", "--seed", "3", "--json"]

    one, two, other = (
        autarch(yard, *search),
        autarch(yard, *search, "--jobs", "2"),
        autarch(yard, *search[:-2], "4", "--json"),
    )

    assert one.returncode == other.returncode == 0, one.stderr
    assert one.stdout == two.stdout
    assert one.stdout != other.stdout
    assert {"fast": 10, "slow": 40} in [row["params"] for row in json.loads(one.stdout)["ranked"]]


@pytest.mark.slow
def test_a_strategy_that_fails_on_every_set_is_exit_1_with_its_reason(yard) -> None:
    done = autarch(yard, "broken", "--trials", "2")
    assert done.returncode == 2
    assert "[search]" in done.stderr

    played = autarch(yard, "probe", "--grid", "size=0.0")
    assert played.returncode == 1
    assert "never trades" in played.stdout

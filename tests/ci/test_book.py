"""The book with and without a candidate: shares, returns and changes against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.metrics import expected_shortfall, sharpe
from autarch.repo.git import GitRepo
from autarch.repo.objects import FOLDER, REGULAR, SYMLINK, Person, TreeEntry
from autarch.repo.strategies import BYTES_MAX
from ci.checks.book import changes, drawdowns, returns_of, shares_with, sharpes, shortfalls
from ci.neighbours import neighbours_at, sleeves_in

PORTFOLIO = b"""
schema = 1
[[account]]
name = "a"
capital = 300
[[account.sleeves]]
strategy = "one"
weight = 0.5
tier = "T1"
[[account]]
name = "b"
capital = 100
sleeves = [{strategy = "one", weight = 0.2}, {strategy = "two", weight = 0.8}]
"""


def test_a_share_is_of_the_capital_of_all_accounts() -> None:
    # one: (300 x 0.5 + 100 x 0.2) / 400, two: 100 x 0.8 / 400
    assert sleeves_in(PORTFOLIO) == (("one", pytest.approx(0.425)), ("two", pytest.approx(0.2)))


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"account = 3", b"[[account]]\ncapital = 'x'\nsleeves = []"])
def test_a_portfolio_that_cannot_be_read_has_no_sleeve(content) -> None:
    assert sleeves_in(content) == ()


def test_a_candidate_takes_its_own_sleeve_or_the_one_it_retires_or_an_equal_part() -> None:
    sleeves = {"one": 0.4, "two": 0.2}

    assert shares_with(sleeves, slug="one", retires=None) == sleeves
    assert shares_with(sleeves, slug="new", retires="two") == {"one": 0.4, "new": 0.2}
    found = shares_with(sleeves, slug="new", retires=None)
    assert found == {"one": pytest.approx(0.4 * 2 / 3), "two": pytest.approx(0.2 * 2 / 3), "new": pytest.approx(0.2)}
    assert shares_with({}, slug="new", retires=None) == {}


def test_a_book_earns_the_share_of_each_and_nothing_on_cash() -> None:
    daily = {"one": np.array([0.1, 0.0]), "two": np.array([0.0, -0.2])}

    assert returns_of({"one": 0.5, "two": 0.25, "gone": 0.2}, daily, days=2).tolist() == pytest.approx([0.05, -0.05])


def test_each_measure_of_many_rows_is_that_of_the_library_for_one() -> None:
    rows = np.random.default_rng(1).normal(0.001, 0.02, (4, 90))
    rows[3] = 0.0

    assert sharpes(rows).tolist() == pytest.approx([*(sharpe(row) for row in rows[:3]), 0.0])
    assert shortfalls(rows).tolist() == pytest.approx([expected_shortfall(row, level=0.95) for row in rows])
    # 1.1, 0.55, 0.66: half of the peak is lost; a first day of -20 % is one of the capital
    assert drawdowns(np.array([[0.1, -0.5, 0.2], [-0.2, 0.0, 0.0]])).tolist() == pytest.approx([0.5, 0.2])


def test_changes_are_differences_with_an_interval_around_them() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(0.0, 0.01, 300)
    after = before * 0.5 + 0.001

    found = {one.name: one for one in changes(before, after, resamples=200, rng=np.random.default_rng(3))}

    assert found["sharpe"].value == pytest.approx(sharpe(after) - sharpe(before))
    assert found["drawdown"].value < 0.0
    assert all(one.low <= one.value <= one.high for one in found.values())
    same = changes(before, before, resamples=20, rng=np.random.default_rng(3))
    assert {(one.value, one.low, one.high) for one in same} == {(0.0, 0.0, 0.0)}


def test_the_same_seed_gives_the_same_interval() -> None:
    daily = np.random.default_rng(2).normal(0.0, 0.01, 100)

    one, same = (changes(daily, daily[::-1], resamples=50, rng=np.random.default_rng(9)) for _ in range(2))

    assert one == same


def test_neighbours_are_the_strategies_of_a_commit_and_its_sleeves(kit, tmp_path) -> None:
    repo = GitRepo(tmp_path)
    repo.run("init", "--quiet", "--initial-branch=main")
    files = {
        "strategies/probe/manifest.toml": kit.manifest(),
        "strategies/probe/strategy.py": b"code",
        "strategies/half/manifest.toml": kit.manifest(name="half"),
        "strategies/broken/manifest.toml": b"schema = 9",
        "strategies/broken/strategy.py": b"code",
        "strategies/__init__.py": b"",
        "live/portfolio.toml": PORTFOLIO,
    }
    someone = Person(name="Someone", email="someone@example.invalid")
    commit = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=someone)

    found = neighbours_at(repo, commit)

    assert [one.manifest.name for one in found.strategies] == ["probe"]
    assert found.named("probe").code == b"code"
    assert found.named("half") is None
    assert [slug for slug, _ in found.sleeves] == ["one", "two"]


@pytest.mark.parametrize("name", ["manifest.toml", "strategy.py"])
@pytest.mark.parametrize(("over", "named"), [(0, ["probe"]), (1, [])])
def test_a_neighbour_is_read_up_to_the_size_a_strategy_may_have_and_no_further(
    kit, tmp_path, name, over, named
) -> None:
    repo = GitRepo(tmp_path)
    repo.run("init", "--quiet", "--initial-branch=main")
    files = {"manifest.toml": kit.manifest(), "strategy.py": b"code\n"}
    lines = (BYTES_MAX[name] - len(files[name])) // 64
    files[name] += (b"#" * 63 + b"\n") * lines
    files[name] += b"#" * (BYTES_MAX[name] + over - len(files[name]))
    stored = {f"strategies/probe/{path}": content for path, content in files.items()}
    someone = Person(name="Someone", email="someone@example.invalid")
    commit = repo.commit_tree(repo.with_files(None, stored), parents=[], message="Begin\n", author=someone)

    assert [one.manifest.name for one in neighbours_at(repo, commit).strategies] == named


def test_a_linked_strategy_is_no_neighbour(kit, tmp_path) -> None:
    repo = GitRepo(tmp_path)
    repo.run("init", "--quiet", "--initial-branch=main")
    manifest, code = repo.write_blob(kit.manifest()), repo.write_blob(b"code")
    folder = repo.write_tree(
        [
            TreeEntry(mode=REGULAR, oid=manifest, path="manifest.toml"),
            TreeEntry(mode=SYMLINK, oid=code, path="strategy.py"),
        ]
    )
    strategies = repo.write_tree([TreeEntry(mode=FOLDER, oid=folder, path="probe")])
    tree = repo.write_tree([TreeEntry(mode=FOLDER, oid=strategies, path="strategies")])
    someone = Person(name="Someone", email="someone@example.invalid")
    commit = repo.commit_tree(tree, parents=[], message="Begin\n", author=someone)

    assert neighbours_at(repo, commit).strategies == ()

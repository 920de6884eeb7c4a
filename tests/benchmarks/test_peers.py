"""The peers' benchmark: everyone is given the same work, ends with the same equity, and a page says so."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import environment, plan
from benchmarks.peers.figures import DIFFERS, disagreements
from benchmarks.peers.goals import goals
from benchmarks.peers.outcome import Laps
from benchmarks.peers.page import Circumstances, page
from benchmarks.peers.plan import Entry, part_of
from benchmarks.peers.samples import Samples, take
from benchmarks.peers.work import FIRST_BAR, TICKS, Prices, read_prices, works, write_prices

BARS = 3_000
MADE = Circumstances(
    date="2026-01-31", command="python -m benchmarks peers", machine="one", versions={"x": "1"}, load="none", commit="c"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("prices")
    write_prices(made / "one", bars=BARS, symbols=1, seed=3)
    write_prices(made / "ten", bars=BARS, symbols=10, seed=4)
    return made


def prices_of(folder: Path, name: str) -> Prices:
    work = works()[name]
    return read_prices(folder / ("one" if work.symbols == 1 else "ten"), work, bars=BARS)


def sample(equity: float, *, seconds: float = 1.0) -> dict[str, object]:
    run = {"cpu": {"signals": 0.0, "play": seconds}, "wall": {"signals": 0.0, "play": seconds}}
    memory = {"resident_before": 0, "resident_after": 0, "resident_peak": 0}
    return {"import_s": 0.0, "warm_s": 0.0, "runs": [run], "equity": equity, "fills": 1, **memory}


def test_the_market_is_the_same_bytes_each_time_and_every_price_a_tick(folder, tmp_path) -> None:
    write_prices(tmp_path, bars=BARS, symbols=1, seed=3)

    one, again = prices_of(folder, "W1"), read_prices(tmp_path, works()["W1"], bars=BARS)
    for name in ("open", "high", "low", "close"):
        column = getattr(one, name)
        assert column.tobytes() == getattr(again, name).tobytes()
        assert (np.rint(column * TICKS) / TICKS == column).all()
    assert (one.low <= np.minimum(one.open, one.close)).all()
    assert (one.high >= np.maximum(one.open, one.close)).all()
    moved = np.rint((one.open[1:] - one.close[:-1]) * TICKS)
    assert set(moved.ravel()) == {-3, -2, -1, 0, 1, 2, 3}


@pytest.mark.parametrize("name", ["W1", "W1s", "W1f", "W3", "W4"])
def test_the_bare_loop_and_the_engine_end_with_the_same_equity_and_fills(folder, name) -> None:
    work = part_of(works()[name], pairs=2)
    prices = prices_of(folder, name)
    found = {}
    for engine in ("benchmarks.peers.engine_autarch", "benchmarks.peers.floor"):
        module = importlib.import_module(engine)
        found[engine] = module.run(module.prepare(prices, work), Laps())

    mine, bare = found.values()
    assert mine.equity == pytest.approx(bare.equity, rel=1e-12)
    assert mine.fills == bare.fills > 20


def test_the_stop_and_the_funding_of_the_work_change_what_is_earned(folder) -> None:
    floor = importlib.import_module("benchmarks.peers.floor")
    earned = {
        name: floor.run(floor.prepare(prices_of(folder, name), works()[name]), Laps()).equity
        for name in ("W1", "W1s", "W1f")
    }

    assert len(set(earned.values())) == 3


def test_nobody_trades_before_the_first_bar_that_counts(folder) -> None:
    floor = importlib.import_module("benchmarks.peers.floor")
    early = Prices(
        **{name: getattr(prices_of(folder, "W1"), name)[:FIRST_BAR] for name in ("open", "high", "low", "close")}
    )

    assert floor.run(floor.prepare(early, works()["W1"]), Laps()).fills == 0


def test_an_equity_that_is_off_by_a_little_more_than_allowed_is_named(tmp_path) -> None:
    stages = {"W1": (Entry(engine="autarch", work="W1", bars=9), Entry(engine="backtrader", work="W1", bars=9))}
    agreeing, off = Samples(tmp_path / "agreeing"), Samples(tmp_path / "off")
    for samples, other in ((agreeing, 1e6 * (1 + 0.9e-9)), (off, 1e6 * (1 + 1.1e-9))):
        samples.add("W1", "W1/autarch/9x1", sample(1e6))
        samples.add("W1", "W1/backtrader/9x1", sample(other))

    assert disagreements(agreeing, stages) == []
    (words,) = disagreements(off, stages)
    assert words.startswith("W1/backtrader/9x1 ends with 1000000.0011")


def test_where_a_peer_is_given_fewer_bars_autarch_plays_them_too() -> None:
    for stages in (plan.full(), plan.quick()):
        for name, entries in stages.items():
            mine = {(one.bars, one.pairs) for one in entries if one.engine == "autarch"}
            assert {(one.bars, one.pairs) for one in entries} == mine, name
    assert {("W1s", "vectorbt")} == DIFFERS


def test_what_was_sampled_is_not_sampled_again_after_an_interruption(tmp_path) -> None:
    entries = (Entry(engine="nobody", work="W1", bars=9, rounds=2),)
    said: list[str] = []
    samples = Samples(tmp_path / "kept")
    samples.add("W1", entries[0].key, sample(1.0))
    samples.add("W1", entries[0].key, sample(2.0))

    again = Samples(tmp_path / "kept")

    assert take(tmp_path, "W1", entries, again, said.append) == 0
    assert [one["equity"] for one in again.of("W1", entries[0].key)] == [1.0, 2.0]
    assert said == []


def test_a_process_that_fails_is_counted_named_and_does_not_end_the_run(tmp_path) -> None:
    said: list[str] = []

    failed = take(
        tmp_path, "W1", (Entry(engine="nobody", work="W1", bars=9, rounds=1),), Samples(tmp_path / "kept"), said.append
    )

    assert failed == 1
    assert "nobody" in said[-1]


def test_goals_are_met_missed_or_not_measured_as_the_samples_say(tmp_path) -> None:
    samples, stages = Samples(tmp_path / "kept"), plan.full()
    bars = plan.YEAR
    # 525,600 bars in 0.005256 s are 100 M bars/s; vectorbt takes 10 times as long; the bare loop a fifth of it.
    samples.add("W1f", f"W1f/autarch/{bars}x1", sample(1.0, seconds=0.005256))
    samples.add("W1f", f"W1f/floor/{bars}x1", sample(1.0, seconds=0.0010512))
    samples.add("W1", f"W1/vectorbt/{bars}x1", sample(1.0, seconds=0.05257))
    samples.add("cold", "cold", {"wall_s": [2.0, 2.5, 9.0]})
    samples.add("sweep", "sweep", {"dask": {"one": [4.0], "two": [2.5]}})

    words = {goal.what.split(",")[0]: (goal.word, goal.found) for goal in goals(samples, stages)}

    assert words["kernel"] == ("yes", pytest.approx(100.0))
    assert words["kernel on W1f beside vectorbt on W1 (orders and value curve)"][0] == "yes"
    assert words["kernel on W1f beside the bare loop (which has its indicators inside)"] == ("NO", pytest.approx(5.0))
    assert words["W3 on a Dask cluster of two workers beside one worker (wall)"] == ("NO", pytest.approx(1.6))
    assert words["`autarch backtest`"] == ("yes", 2.5)
    assert words["kernel on W4 beside vectorbt (orders and value curve)"] == ("not measured", None)


def test_the_page_names_date_command_and_every_engine(tmp_path, folder) -> None:
    samples, stages = Samples(tmp_path / "kept"), plan.full()
    for entry in stages["W1"]:
        samples.add("W1", entry.key, sample(1e6))

    shown = page(samples, stages, made=MADE, folder=folder)

    assert "Made by `python -m benchmarks peers` on 2026-01-31" in shown
    for name in ("Autarch", "bare loop", "vectorbt", "backtesting.py", "backtrader"):
        assert f"| {name} |" in shown
    widths = [line.count("|") for line in shown.split("## W1:")[1].split("## Do they")[0].splitlines() if line]
    assert len(set(widths[1:])) == 1


@pytest.mark.slow
def test_the_peers_end_with_autarchs_equity_on_the_same_work(tmp_path) -> None:
    if environment.missing():
        pytest.skip(f"no peers to compare with: {environment.missing()}")
    command = [sys.executable, "-m", "benchmarks", "peers", "--quick", "--folder", str(tmp_path), "--date", "today"]

    done = subprocess.run(command, cwd=environment.ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    compared = [line for line in done.stdout.splitlines() if line.startswith(("| W1", "| W3", "| W4"))]
    assert len(compared) == 14
    assert [line for line in compared if not line.endswith("| yes |")] == [
        line for line in compared if line.startswith("| W1s | vectorbt |")
    ]
    (kept,) = tmp_path.glob("samples-*.jsonl")
    assert all(json.loads(line)[2]["equity"] > 0 for line in kept.read_text(encoding="utf-8").splitlines())
    (remark,) = [line for line in done.stdout.splitlines() if line.startswith("- vectorbt looks at a stop")]
    assert float(remark.split(" from vectorbt")[0].split()[-1]) < 1e-9


@pytest.mark.slow
def test_a_sweep_of_the_work_is_timed_here_and_on_a_cluster_of_one_and_two(tmp_path) -> None:
    pytest.importorskip("distributed")
    swept = importlib.import_module("benchmarks.peers.swept")
    engine = importlib.import_module("benchmarks.peers.engine_autarch")
    work = part_of(works()["W3"], pairs=4)
    write_prices(tmp_path, bars=7_000, symbols=1, seed=5)
    market = engine.market_of(read_prices(tmp_path, work, bars=7_000), work)

    here = swept.seconds(market, work, swept.Place(jobs=2), rounds=2)
    there = swept.on_dask(market, work, rounds=1)

    assert len(here) == 2
    assert {name: len(times) for name, times in there.items()} == {"one": 1, "two": 1}
    assert min(*here, *there["one"], *there["two"]) > 0.0


@pytest.mark.slow
def test_a_sweep_that_did_less_than_it_claims_is_no_figure(tmp_path) -> None:
    swept = importlib.import_module("benchmarks.peers.swept")
    engine = importlib.import_module("benchmarks.peers.engine_autarch")
    write_prices(tmp_path, bars=900, symbols=1, seed=5)
    market = engine.market_of(read_prices(tmp_path, works()["W1"], bars=900), works()["W1"])

    with pytest.raises(RuntimeError, match="1 parameter sets were not played"):
        swept.seconds(market, works()["W1"], swept.Place(), rounds=1)  # no warm-up is complete

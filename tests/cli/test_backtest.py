"""`autarch backtest`, from what is named to the sheet, inside this process; whole commands are in the slow tests."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator

import msgspec
import pytest

from autarch.canonical import canonical_json
from autarch.cli import backtest_job, backtest_text
from autarch.cli.backtest_find import bringing, check_data, find_lock, find_strategy, parse_params
from autarch.cli.backtest_portfolio import play_portfolio
from autarch.cli.main import main
from autarch.errors import ConfigError, DataError, StrategyError, UsageError
from autarch.manifest import parse_manifest
from autarch.market.stores import Stores
from autarch.sandbox import Worker

from .backtest_yard import FADE, HEAD, TREND, Yard, make_yard, manifest, write_strategy


@pytest.fixture(scope="module")
def yard(tmp_path_factory, root) -> Yard:
    return make_yard(tmp_path_factory.mktemp("yard"), root)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as running:
        yield running


def setting_of(yard: Yard, **asked):
    asked.setdefault("names", ())
    return backtest_job.gather(backtest_job.Asked(**asked), cwd=yard.root, stores=yard.stores)


def sheet(yard: Yard, worker: Worker, *names: str, params=(), **asked):
    setting = setting_of(yard, names=names, **asked)
    jobs = [backtest_job.job_of(name, setting, cwd=yard.root, params=params) for name in names]
    told: list[str] = []
    decided = backtest_job.decide_jobs(worker, setting, jobs, laps=backtest_job.begun(), progress=told.append)
    return backtest_job.sheet_of_each(setting, worker, decided)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name one thing"),
        (["probe", "--portfolio"], "name one thing"),
        (["probe", "--compare", "a", "b"], "name one thing"),
        (["probe", "--split", "holdout"], "the holdout is never backtested"),
        (["probe", "--split", "tail"], "neither train nor forward"),
        (["--portfolio", "--param", "fast=3"], "--param goes with one strategy"),
        (["--compare", "a", "b", "--param", "fast=3"], "--param goes with one strategy"),
        (["--portfolio", "--capital", "5"], "--capital does not go with --portfolio"),
        (["probe", "--capital", "0"], "--capital 0.0 must be a positive amount"),
        (["probe", "--capital", "nan"], "must be a positive amount"),
        (["probe", "--costs-factor", "-1"], "must be zero or more"),
        (["probe", "--html", "no/such/folder/a.html"], "is no folder"),
        (["--compare", "a"], "'--compare' requires 2 arguments"),
    ],
)
def test_misuse_is_exit_two_with_the_next_step_and_nothing_started(arguments, told, capsys):
    assert main(["backtest", *arguments]) == 2

    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("prob", UsageError, "there is no strategy 'prob'; did you mean probe?"),
        ("zzzzzz", UsageError, "there are: broken, fade, probe"),
        ("no/such/folder", UsageError, "there is no strategy 'no/such/folder'"),
        ("probe@nowhere", UsageError, "nowhere"),
        ("prob@main", UsageError, "there is no strategy 'prob' at"),
        ("./strategies", StrategyError, "manifest.toml is missing"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(yard, text, error, told):
    with pytest.raises(error, match=re.escape(told)):
        find_strategy(text, root=yard.root, cwd=yard.root)


def test_a_slug_a_folder_and_a_commit_name_the_same_strategy(yard):
    slug = find_strategy("probe", root=yard.root, cwd=yard.root / "ci")
    folder = find_strategy("strategies/probe/", root=yard.root, cwd=yard.root)
    commit = find_strategy("probe@main", root=yard.root, cwd=yard.root)
    before = find_strategy(f"probe@{yard.first[:9]}", root=yard.root, cwd=yard.root)

    assert slug.source == folder.source == commit.source
    assert before.source != slug.source
    assert (slug.label, folder.label, commit.label) == ("probe", "probe", "probe@main")
    assert slug.place == folder.place == "strategies/probe"
    assert before.place == f"{yard.first[:12]}:strategies/probe"


def test_a_link_in_place_of_code_is_refused(yard, tmp_path):
    folder = write_strategy(tmp_path, "sly", TREND)
    (folder / "strategy.py").unlink()
    (folder / "strategy.py").symlink_to(yard.root / "strategies/probe/strategy.py")

    with pytest.raises(StrategyError, match="links are refused"):
        find_strategy(str(folder), root=yard.root, cwd=yard.root)


def test_an_unknown_data_set_is_misuse_and_near_names_are_told(yard):
    with pytest.raises(UsageError, match=r"no data set 'hill'; did you mean hills\?.*autarch data ls"):
        find_lock("hill", root=yard.root)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"symbols": '["BTCUSDT", "DOGEUSDT"]'}, "has no DOGEUSDT, which odd needs; it has BTCUSDT, ETHUSDT, SOLUSDT"),
        ({"interval": "5m"}, "has BTCUSDT at 15m, from which no 5m bars can be made for odd"),
    ],
)
def test_what_the_data_set_lacks_is_said_before_anything_is_loaded(yard, keys, told):
    odd = parse_manifest(manifest("odd", **keys).encode(), slug="odd")

    with pytest.raises(DataError, match=told):
        check_data(setting_of(yard).lock, odd, split="train")


def test_an_empty_split_is_said(yard):
    lock = setting_of(yard).lock
    _, end = lock.splits.forward
    cut = msgspec.structs.replace(lock, splits=msgspec.structs.replace(lock.splits, forward=(end, end)))

    with pytest.raises(DataError, match="the forward split of hills is empty"):
        check_data(cut, parse_manifest(manifest("odd").encode(), slug="odd"), split="forward")


def test_missing_bytes_name_the_command_that_makes_them(yard, tmp_path, monkeypatch):
    setting = dataclasses.replace(setting_of(yard), stores=Stores.under(tmp_path))

    with pytest.raises(DataError, match=r"lacks 3 of the 3 series of hills.*AUTARCH_DATA_TRAIN") as caught:
        backtest_job.job_of("probe", setting, cwd=yard.root)

    # the command it names makes this very data set
    command = re.search(r"autarch (data synth .*?);", str(caught.value))[1]
    environment = {"AUTARCH_DATA_TRAIN": setting.stores.train, "AUTARCH_DATA_FORWARD": setting.stores.forward}
    for name, value in {**environment, "AUTARCH_DATA_HOLDOUT": setting.stores.holdout}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(yard.root)
    assert main(command.split()) == 0
    assert backtest_job.job_of("probe", setting, cwd=yard.root).named.label == "probe"


def test_bytes_from_elsewhere_name_their_own_command(yard):
    lock = setting_of(yard).lock
    bybit = msgspec.structs.replace(lock, origin="Bybit's public v5 API")
    files = msgspec.structs.replace(lock, origin="bybit bars imported from parquet files")

    start, end = lock.splits.train[0], lock.splits.forward[1]
    assert bringing(bybit) == (
        f"autarch data sync BTCUSDT ETHUSDT SOLUSDT --interval 15m --from {start} --to {end} --name hills"
    )
    assert bringing(files).startswith("autarch data import FOLDER --name hills --symbols BTCUSDT,ETHUSDT,SOLUSDT")


def test_parameters_take_the_type_the_manifest_gives():
    probe = parse_manifest(manifest("probe").encode(), slug="probe")

    found = parse_params(["fast=12", "size=0.5", "quick=TRUE"], probe)

    assert found == {"fast": 12, "size": 0.5, "quick": True}
    assert [type(value) for value in found.values()] == [int, float, bool]
    assert type(parse_params(["size=1"], probe)["size"]) is float


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fast", "write name=value"),
        ("=3", "write name=value"),
        ("fats=3", "did you mean fast?"),
        ("fast=3.5", "write a whole number"),
        ("size=big", "write a number"),
        ("size=nan", "must be finite"),
        ("quick=1", "write true or false"),
    ],
)
def test_a_parameter_that_does_not_fit_is_misuse(text, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        parse_params([text], parse_manifest(manifest("probe").encode(), slug="probe"))


def test_a_parameter_given_twice_is_misuse():
    with pytest.raises(UsageError, match="fast is given twice"):
        parse_params(["fast=3", "fast=4"], parse_manifest(manifest("probe").encode(), slug="probe"))


@pytest.fixture(scope="module")
def one(yard, worker):
    return sheet(yard, worker, "probe")


def test_one_strategy_is_played_on_train_with_the_policy_s_capital(one):
    column = one.parts[0].columns[0]

    assert (one.kind, one.split, column.market.n_bars) == ("backtest", "train", 7_200)
    assert column.result.capital == 100_000.0
    assert column.result.fills.size > 10
    assert one.sandbox.startswith("full")
    assert "BTCUSDT.risk_tiers" in one.assumed
    assert "ETHUSDT.risk_tiers" not in one.assumed


def test_the_object_for_machines_is_canonical_and_says_it_is_no_verdict(one):
    found = one.to_json()

    assert canonical_json(found)
    assert found["verdict"] is None
    assert "not a verdict" in found["note"]
    assert set(found["parts"][0]["columns"][0]["digests"]) == {"decisions", "fills", "equity"}


def test_the_text_is_aligned_and_names_what_is_assumed(one):
    text = backtest_text.plain(one)

    assert "probe: A probe  (strategies/probe)" in text
    assert "costs.half_spread_bps" in text
    assert "A backtest is not a verdict" in " ".join(text.split())
    assert "an upper bound" in text
    rows = [line for line in text.splitlines() if " .. " in line or "..." in line]
    ends = {
        match.end()
        for line in rows
        for match in re.finditer(r"\.\.+ \S+( %| USDT| x a day| x| h| days)?(?=  |$)", line)
    }
    assert len(ends) == 2  # two columns of numbers, each ending at one place
    assert all(line == line.rstrip() and len(line) <= 100 for line in text.splitlines() if "probe" not in line)


def test_a_narrow_terminal_breaks_no_row(one, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    backtest_text.draw(one)

    drawn = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, drawn.splitlines())) <= 80
    assert sorted(re.findall(r"  (\w[\w ,]* \.\.+ \S+)", drawn)) == sorted(
        re.findall(r"  (\w[\w ,]* \.\.+ \S+)", backtest_text.plain(one))
    )


def test_drawing_says_the_same_words(one, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    backtest_text.draw(one)

    drawn = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert drawn.rstrip("\n") == backtest_text.plain(one)


def test_a_parameter_reaches_the_strategy(yard, worker, one):
    found = sheet(yard, worker, "probe", params=("fast=5",)).parts[0].columns[0]

    assert (found.params["fast"], found.params["slow"]) == (5, 40)
    assert found.decisions != one.parts[0].columns[0].decisions


def test_costs_capital_and_split_change_what_is_played(yard, worker, one):
    other = sheet(yard, worker, "probe", costs_factor=2.0, capital=5_000.0, split="forward")

    changed = other.parts[0].columns[0]
    assert changed.result.capital == 5_000.0
    assert changed.market.split == "forward"
    assert other.costs.half_spread_bps == 2 * one.costs.half_spread_bps
    assert "Forward bars wear out" in backtest_text.plain(other)
    assert "costs x 2" in backtest_text.plain(other)


def test_a_commit_beside_the_work_tree_shows_what_changed(yard, worker):
    found = sheet(yard, worker, "probe", f"probe@{yard.first[:9]}")

    mine, before = found.parts[0].columns
    assert found.kind == "comparison"
    # one is long where the other is short: in the market on the same bars, never on the same side
    assert found.likeness.correlation < -0.9
    assert found.likeness.alike == pytest.approx(float((mine.result.exposure == 0.0).mean()), abs=0.25)
    text = backtest_text.plain(found)
    assert f"probe@{yard.first[:9]}" in text
    assert f"correlation of daily returns {found.likeness.correlation:.3f}" in text
    assert mine.decisions != before.decisions


def test_the_same_strategy_twice_is_wholly_alike(yard, worker):
    found = sheet(yard, worker, "probe", "probe@main")

    assert found.likeness.correlation == pytest.approx(1.0, abs=1e-12)
    assert found.likeness.alike == 1.0
    left, right = found.parts[0].columns
    assert left.result.equity_digest() == right.result.equity_digest()


def test_another_interval_is_compared_by_its_days_and_not_by_its_decisions(yard, worker, tmp_path):
    folder = write_strategy(tmp_path, "hourly", TREND, interval="1h")

    found = sheet(yard, worker, "probe", str(folder))

    assert found.likeness.alike is None
    assert -1.0 <= found.likeness.correlation <= 1.0
    text = backtest_text.plain(found)
    assert "7,200 bars of 15m, 1,800 bars of 1h" in text
    assert "decisions alike not defined" in text


def test_other_symbols_have_their_own_bars_and_no_decision_in_common(yard, worker):
    found = sheet(yard, worker, "probe", "fade")

    assert [column.market.symbols for column in found.parts[0].columns] == [("BTCUSDT",), ("ETHUSDT",)]
    assert found.likeness.alike is None
    assert {name.partition(".")[0] for name in found.assumed} == {"costs", "BTCUSDT", "ETHUSDT"}


def test_a_failing_strategy_is_told_with_file_and_line(yard, worker):
    line = HEAD.count("\n") + 2

    with pytest.raises(
        StrategyError, match=rf"strategies/broken/strategy\.py:{line}: decide\(\) raised .*ZeroDivisionError"
    ):
        sheet(yard, worker, "broken")


def test_what_the_gate_would_refuse_is_said_beside_the_numbers(yard, worker, tmp_path):
    peek = TREND.replace("np.where(gap > 0", "np.where(np.roll(gap, -1) > 0")
    folder = write_strategy(tmp_path, "peeks", peek)

    found = sheet(yard, worker, str(folder))

    assert "the gate refuses peeks: strategy.py:" in backtest_text.plain(found)
    assert found.to_json()["parts"][0]["columns"][0]["policy_findings"]


def test_a_warm_up_that_leaves_nothing_is_an_answer_not_a_flat_line(yard, worker, tmp_path):
    folder = write_strategy(tmp_path, "patient", TREND)
    path = folder / "manifest.toml"
    path.write_text(path.read_text().replace("warmup = 400", "warmup = 9000"))

    with pytest.raises(DataError, match=r"no decision of patient counts.*7,200 bars of 15m.*9,000 bars of warm-up"):
        sheet(yard, worker, str(folder))


def test_the_portfolio_is_played_together_and_one_by_one(yard, worker):
    setting = setting_of(yard)

    found = play_portfolio(worker, setting, laps=backtest_job.begun(), progress=print)

    together, probe, fade = found.parts[0].columns
    assert [c.label for c in found.parts[0].columns] == ["together", "probe", "fade"]
    assert (together.result.capital, probe.result.capital, fade.result.capital) == (40_000.0, 20_000.0, 10_000.0)
    # 10,000 are nobody's
    assert together.result.equity == pytest.approx(10_000 + probe.result.equity + fade.result.equity, rel=1e-12)
    assert together.metrics["fees"] == pytest.approx(probe.metrics["fees"] + fade.metrics["fees"], rel=1e-12)
    assert together.metrics["n_fills"] == probe.metrics["n_fills"] + fade.metrics["n_fills"]
    assert together.result.symbols == ("BTCUSDT", "ETHUSDT")
    assert found.parts[0].margin_mode == "isolated"
    assert canonical_json(found.to_json())
    assert "account paper, isolated margin, probe x 0.5, fade x 0.25" in backtest_text.plain(found)


def test_sleeves_of_other_intervals_share_an_account_and_its_margin(yard, worker, tmp_path):
    root = tmp_path / "clone"
    shutil.copytree(yard.root, root)
    write_strategy(root, "fade", FADE, symbols='["ETHUSDT"]', interval="1h")
    portfolio = root / "live/portfolio.toml"
    portfolio.write_text(portfolio.read_text().replace("capital = 40_000", 'capital = 40_000\nmargin_mode = "cross"'))
    setting = dataclasses.replace(setting_of(yard), root=root)

    found = play_portfolio(worker, setting, laps=backtest_job.begun(), progress=print)

    together, _, fade = found.parts[0].columns
    assert found.parts[0].margin_mode == "cross"
    assert {column.market.interval for column in found.parts[0].columns} == {"15m"}
    assert fade.result.fills.size > 0
    assert (fade.result.fills["ts"] % 3_600_000 == 0).all()  # it acts at its own hours
    assert together.metrics["n_fills"] == sum(c.metrics["n_fills"] for c in found.parts[0].columns[1:])


def test_a_clone_without_a_portfolio_says_so(yard, worker, tmp_path):
    setting = dataclasses.replace(setting_of(yard), root=tmp_path)

    with pytest.raises(ConfigError, match=r"there is no live/portfolio\.toml"):
        play_portfolio(worker, setting, laps=backtest_job.begun(), progress=print)


def test_outside_a_clone_the_way_in_is_told(tmp_path, yard):
    asked = backtest_job.Asked(names=("probe",))

    with pytest.raises(UsageError, match="in no clone of a project"):
        backtest_job.gather(asked, cwd=tmp_path, stores=yard.stores)

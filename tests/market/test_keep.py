"""A data set meets the lock it should agree with, and its bytes the stores that others read."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path

import fsspec
import numpy as np
import pytest

from autarch.cli.main import main
from autarch.errors import DataError
from autarch.market.build import RawSeries
from autarch.market.importer import import_recipe
from autarch.market.keep import keep
from autarch.market.load import load_market
from autarch.market.lock import load_lock
from autarch.market.lock_toml import lock_toml
from autarch.market.lock_types import SPLITS, Costs
from autarch.market.push import push
from autarch.market.stores import Stores

from .bybit_server import DAY, MINUTE, Bybit, Listing
from .conftest import DAY0, NOW

STEP = 15 * MINUTE
IMPORT = ["import", ".", "--symbols", "BTCUSDT", "--interval", "15m"]


@pytest.fixture
def recipe(tree):
    return import_recipe(tree.request(), now_ms=NOW)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "locks" / "tiny.toml"


def changed(recipe, row, **cells):
    """Return `recipe` with other cells in one row of its first series."""
    first = recipe.raws[0]
    table = {name: np.array(column) for name, column in first.table.items()}
    for name, value in cells.items():
        table[name][row] = value
    raw = RawSeries(**{f.name: getattr(first, f.name) for f in dataclasses.fields(first)} | {"table": table})
    return dataclasses.replace(recipe, raws=(raw, *recipe.raws[1:]))


def other_terms(recipe, **amounts):
    entry = recipe.instruments[0]
    values = {n: restated(getattr(entry, n), value) for n, value in amounts.items()}
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return dataclasses.replace(recipe, instruments=(type(entry)(**{**fields, **values}), *recipe.instruments[1:]))


def restated(sourced, value):
    return type(sourced)(value=Decimal(value), source=sourced.source)


def files(stores):
    return sorted(f for split in SPLITS for f in Path(stores.root(split)).glob("*"))


@pytest.mark.parametrize("maker", ["import", "sync"])
def test_a_revised_row_is_refused_by_name_and_nothing_is_written(recipe, path, stores, maker):
    keep(recipe, path, stores, maker=maker, replace=False)
    before, lock = files(stores), path.read_bytes()

    with pytest.raises(DataError) as caught:
        keep(changed(recipe, 200, close=300.25), path, stores, maker=maker, replace=False)

    ts = DAY0 + 200 * STEP
    assert f"history was revised: BTCUSDT kline 15m ts {ts} (2024-01-03T02:00Z)" in str(caught.value)
    assert "close 300.0, volume 201.0 in the data set, open 299.5" in str(caught.value)
    assert "close 300.25, volume 201.0 now" in str(caught.value)
    assert (files(stores), path.read_bytes()) == (before, lock)


def test_without_the_old_bytes_the_series_is_named_instead(recipe, path, stores, tmp_path):
    keep(recipe, path, stores, maker="sync", replace=False)

    with pytest.raises(DataError, match="BTCUSDT kline 15m differs"):
        keep(changed(recipe, 200, close=300.25), path, Stores.under(tmp_path / "empty"), maker="sync", replace=False)


def test_a_longer_range_is_no_revision_and_still_another_data_set(tree, recipe, path, stores):
    cut = import_recipe(tree.request(end_ms=DAY0 + 360 * STEP), now_ms=NOW)
    keep(cut, path, stores, maker="sync", replace=False)

    with pytest.raises(DataError, match=r"these bytes are .* Choose another --name, or pass --replace"):
        keep(recipe, path, stores, maker="sync", replace=False)


def test_terms_that_the_venue_changed_since_are_told_and_the_lock_keeps_the_first(recipe, path, stores, tmp_path):
    first = keep(recipe, path, stores, maker="sync", replace=False)
    later = other_terms(recipe, max_market_qty=250)
    elsewhere = Stores.under(tmp_path / "another machine")

    kept = keep(later, path, elsewhere, maker="sync", replace=False)

    assert (kept.lock, kept.unchanged) == (first.lock, True)
    assert kept.notes[0].endswith("BTCUSDT max_market_qty 100.0, now 250")
    assert load_market(kept.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=elsewhere).n_bars == 192
    with pytest.raises(DataError, match="instruments differ"):
        keep(later, path, stores, maker="import", replace=False)
    taken = keep(later, path, stores, maker="sync", replace=True)
    assert str(taken.lock.instrument("BTCUSDT").max_market_qty) == "250"
    assert taken.lock.epoch == first.lock.epoch  # the same holdout bars: no new epoch


def test_the_same_bytes_from_another_address_are_the_same_data_set(recipe, path, stores):
    first = keep(recipe, path, stores, maker="sync", replace=False)

    kept = keep(dataclasses.replace(recipe, origin="a mirror"), path, stores, maker="sync", replace=False)

    assert kept.lock == first.lock
    assert kept.notes[0].endswith("these bytes, the same, are 'a mirror'")


def test_costs_that_a_human_wrote_into_the_lock_stay_and_other_bytes_are_the_next_epoch(recipe, path, stores):
    lock = keep(recipe, path, stores, maker="import", replace=False).lock
    fields = {name: getattr(lock, name) for name in lock.__struct_fields__}
    path.write_bytes(lock_toml(type(lock)(**{**fields, "costs": Costs(half_spread_bps=2.5)})))

    again = keep(recipe, path, stores, maker="import", replace=False)
    assert (again.unchanged, again.lock.costs.half_spread_bps) == (True, 2.5)

    replaced = keep(changed(recipe, 200, close=300.25), path, stores, maker="import", replace=True).lock
    assert (replaced.costs.half_spread_bps, replaced.epoch.number) == (2.5, 2)


def test_a_lock_that_cannot_be_read_is_in_the_way_unless_it_is_replaced(recipe, path, stores):
    path.parent.mkdir()
    path.write_text("schema = ")

    with pytest.raises(DataError, match="not UTF-8 TOML"):
        keep(recipe, path, stores, maker="import", replace=False)

    assert keep(recipe, path, stores, maker="import", replace=True).lock == load_lock(path)


@pytest.fixture
def memory():
    yield "memory://bars"
    fsspec.filesystem("memory").store.clear()


def test_pushed_bytes_are_read_by_others_from_their_own_store(recipe, path, stores, memory):
    lock = keep(recipe, path, stores, maker="import", replace=False).lock
    target, said = Stores.below(memory), []

    first = push(lock, stores, target, progress=said.append)
    second = push(lock, stores, target, progress=said.append)

    assert [(done.split, done.sent, done.present) for done in first] == [(split, 5, 0) for split in SPLITS]
    assert [(done.sent, done.present) for done in second] == [(0, 5)] * 3
    assert said[0] == "train: 5 blobs to memory://bars/train"
    market = load_market(lock, split="holdout", symbols=["BTCUSDT"], interval="15m", stores=target)
    assert market.of("BTCUSDT").close[0] == 100 + 192


def test_bytes_changed_in_the_target_are_seen_by_a_push_and_by_every_reader(recipe, path, stores, memory):
    lock = keep(recipe, path, stores, maker="import", replace=False).lock
    target = Stores.below(memory)
    push(lock, stores, target, progress=str)
    digest = lock.series[0].train.sha256
    filesystem = fsspec.filesystem("memory")
    content = filesystem.cat_file(f"/bars/train/{digest}.bin")
    filesystem.pipe_file(f"/bars/train/{digest}.bin", content[:-1] + bytes([content[-1] ^ 1]))

    for read in (
        lambda: push(lock, stores, target, progress=str),
        lambda: load_market(lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=target),
    ):
        with pytest.raises(DataError, match=rf"train store memory://bars/train have SHA-256 .* the lock says {digest}"):
            read()


def test_a_push_of_bytes_that_are_not_here_is_refused(recipe, path, stores, memory, tmp_path):
    lock = keep(recipe, path, stores, maker="import", replace=False).lock

    with pytest.raises(DataError, match="no bytes"):
        push(lock, Stores.under(tmp_path / "empty"), Stores.below(memory), progress=str)


def test_two_splits_never_share_a_store(recipe, path, stores, tmp_path):
    lock = keep(recipe, path, stores, maker="import", replace=False).lock
    one = str(tmp_path / "one")

    with pytest.raises(DataError, match="train and holdout would share the store"):
        push(lock, stores, Stores(train=one, holdout=f"{one}/", forward=str(tmp_path / "two")), progress=str)

    assert not (tmp_path / "one").exists()


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "project" / "ci" / "datasets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    for name in ("AUTARCH_DATA_TRAIN", "AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD", "AUTARCH_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "project"


@pytest.fixture
def bybit():
    server = Bybit([Listing("BTCUSDT", DAY0 - DAY)], now_ms=DAY0 + 5 * DAY)
    yield server
    server.close()


def test_sync_push_and_a_reader_with_the_environment_alone(project, bybit, tmp_path, monkeypatch, capsys):
    shared = tmp_path / "shared"
    command = ["data", "sync", "BTCUSDT", "--interval", "15m", "--from", "2024-01-01", "--to", "2024-01-05"]

    assert main([*command, "--url", bybit.url, "--push", f"file://{shared}", "--json"]) == 0
    found = capsys.readouterr()
    answer = json.loads(found.out)
    assert answer["lock"] == str(project / "ci" / "datasets" / "bybit-15m.toml")
    assert (answer["unchanged"], "BTCUSDT.taker_fee" in answer["assumed"]) == (False, True)
    assert "BTCUSDT kline 15m: 1 of 1 pages, to 2024-01-05T00:00Z" in found.err
    assert "assumed, measured by nobody: costs.half_spread_bps" in found.err
    assert "train    3 sent, 0 there already" in found.err
    assert not list((tmp_path / "cache" / "sync").rglob("*.page"))

    for split in SPLITS:
        monkeypatch.setenv(f"AUTARCH_DATA_{split.upper()}", f"file://{shared}/{split}")
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "other cache"))
    assert main(["data", "verify", "bybit-15m"]) == 0
    assert "sound  bybit-15m@" in capsys.readouterr().out


def test_sync_again_finds_the_price_that_the_venue_changed(project, bybit, capsys):
    command = ["data", "sync", "BTCUSDT", "--interval", "1h", "--start", "2024-01-01", "--end", "2024-01-05"]
    command += ["--url", bybit.url, "--out", "here.toml"]
    assert main(command) == 0
    digest = load_lock(project / "here.toml").digest

    bybit.listings["BTCUSDT"].market_qty = "250"
    assert main(command) == 0
    found = capsys.readouterr()
    assert "here.toml, unchanged" in found.out
    assert "note: the venue changed its terms" in found.err

    bybit.listings["BTCUSDT"].overrides[DAY0 + 60 * MINUTE] = ["100.11", "120", "90"]
    assert main(command) == 3
    assert f"history was revised: BTCUSDT kline 1h ts {DAY0 + 60 * MINUTE}" in capsys.readouterr().err
    assert load_lock(project / "here.toml").digest == digest


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        (["push", "tiny"], 2, "push where?"),
        (["push", "tiny", "--to", "x"], 3, "no dataset lock"),
        (["sync", "--interval", "15m", "--from", "2024-01-01"], 2, ""),
        (["sync", "BTCUSDT", "--interval", "15m", "--from", "yesterday"], 3, "no instant"),
        ([*IMPORT], 2, "--name NAME"),
        ([*IMPORT, "--out", "a.toml", "--name", "b"], 2, "--name says b"),
        ([*IMPORT, "--name", "b", "--layout", "x"], 2, "--layout"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("project")
def test_misuse_has_its_exit_code_and_next_step(capsys, command, code, expected):
    assert main(["data", *command]) == code

    assert expected in capsys.readouterr().err

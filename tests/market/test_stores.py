from __future__ import annotations

from pathlib import Path

import pytest

from autarch.canonical import sha256_hex
from autarch.errors import DataError
from autarch.market.stores import ENVIRONMENT, Stores


def test_bytes_come_back_under_their_digest(stores: Stores):
    digest = stores.write("train", b"abc")

    assert digest == sha256_hex(b"abc")
    assert stores.has("train", digest)
    assert stores.read("train", digest, label="x") == b"abc"
    assert not stores.has("holdout", digest)


def test_one_flipped_byte_is_refused_with_both_digests_and_the_next_step(stores: Stores):
    digest = stores.write("train", b"abc")
    Path(stores.train, f"{digest}.bin").write_bytes(b"abd")

    with pytest.raises(DataError) as caught:
        stores.read("train", digest, label="tiny BTCUSDT kline 15m train")

    text = str(caught.value)
    assert "tiny BTCUSDT kline 15m train" in text
    assert digest in text
    assert sha256_hex(b"abd") in text
    assert "again" in text


def test_writing_again_heals_a_damaged_file(stores: Stores):
    digest = stores.write("train", b"abc")
    Path(stores.train, f"{digest}.bin").write_bytes(b"abd")

    stores.write("train", b"abc")

    assert stores.read("train", digest, label="x") == b"abc"


def test_a_missing_file_names_the_store_and_the_variable(stores: Stores):
    with pytest.raises(DataError, match="AUTARCH_DATA_HOLDOUT"):
        stores.read("holdout", "0" * 64, label="x")


def test_a_store_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    stores = Stores(train=str(tmp_path / "file" / "train"), holdout="", forward="")

    with pytest.raises(DataError, match="cannot be written"):
        stores.write("train", b"abc")

    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_store_holds_nothing_but_finished_files(stores: Stores):
    digest = stores.write("train", b"abc")

    assert [p.name for p in Path(stores.train).iterdir()] == [f"{digest}.bin"]


def test_the_environment_names_the_roots(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path))
    for name in ENVIRONMENT.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUTARCH_DATA_FORWARD", "memory://forward")

    found = Stores.default()

    assert found.train == str(tmp_path / "data" / "train")
    assert found.forward == "memory://forward"


def test_any_fsspec_url_is_a_store():
    stores = Stores(train="memory://t", holdout="memory://h", forward="memory://f")

    digest = stores.write("train", b"abc")

    assert stores.read("train", digest, label="x") == b"abc"
    assert not stores.has("holdout", digest)


def test_a_root_that_fsspec_does_not_open_is_refused():
    stores = Stores(train="nosuch://t", holdout="", forward="")

    with pytest.raises(DataError, match="AUTARCH_DATA_TRAIN"):
        stores.has("train", "0" * 64)

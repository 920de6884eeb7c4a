"""A real process, killed by the venue's own hand in the middle of its download."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autarch.market.build import build
from autarch.market.importer import ImportRequest, import_recipe
from autarch.market.lock import load_lock

from .bybit_server import DAY, Bybit, Listing, drop
from .conftest import DAY0, MINUTE, instruments_toml


def start(root, tmp_path, command):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AUTARCH_")}
    environment |= {"AUTARCH_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-m", "autarch", *command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_killed_download_leaves_no_lock_and_is_finished_by_the_same_command(root, tmp_path):
    bybit = Bybit([Listing("BTCUSDT", DAY0 - DAY)], now_ms=DAY0 + 60 * DAY)
    command = ["data", "sync", "BTCUSDT", "--interval", "15m", "--from", "2024-01-01", "--to", "2024-02-20"]
    command += ["--url", bybit.url, "--out", str(tmp_path / "killed.toml")]
    running = []

    def kill(handler, query):
        os.kill(running[0].pid, signal.SIGKILL)
        drop(handler, query)

    newest = DAY0 + 50 * DAY
    bybit.fault(f"/kline?category=linear&end={newest - 1}&", kill)  # the last page
    with start(root, tmp_path, command) as process:
        running.append(process)
        process.communicate(timeout=120)
    killed = bybit.asked("/kline?")
    with start(root, tmp_path, command) as process:
        out, err = process.communicate(timeout=120)
    bybit.close()

    assert running[0].returncode == -signal.SIGKILL
    assert (process.returncode, out.startswith("killed@")) == (0, True), err
    assert f"{killed - 1} of {killed} pages kept from before" in err
    assert bybit.asked("/kline?") - killed == 2  # the newest kept page again, and the one that never came
    assert load_lock(tmp_path / "killed.toml").splits.forward[1] == newest
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.name.endswith((".part", ".page"))]


@pytest.mark.slow
def test_ten_million_bars_are_imported(tmp_path):
    n = 10_000_000
    first = 980_035_200_000  # 2001-01-21, a whole day
    close = 100 + np.sin(np.arange(n) / 1e5)
    opened = np.concatenate((close[:1], close[:-1]))
    table = {
        "ts": first + MINUTE * np.arange(n),
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.ones(n),
    }
    stamps = first + 480 * MINUTE * np.arange(n // 480 + 2)
    (tmp_path / "BTCUSDT").mkdir()
    pq.write_table(pa.table(table), tmp_path / "BTCUSDT" / "kline-1m.parquet")
    funding = pa.table({"ts": stamps, "rate": np.full(stamps.size, 1e-4)})
    pq.write_table(funding, tmp_path / "BTCUSDT" / "funding-8h.parquet")
    (tmp_path / "instruments.toml").write_text(instruments_toml("BTCUSDT"))
    request = ImportRequest(
        source=tmp_path, name="long", venue="bybit", symbols=("BTCUSDT",), intervals=("1m",), shares=(60, 25, 15)
    )

    built = build(import_recipe(request, now_ms=1_790_000_000_000))

    kline = built.lock.series_of("BTCUSDT", "kline")[0]
    assert sum(kline.block(split).rows for split in ("train", "holdout", "forward")) == n

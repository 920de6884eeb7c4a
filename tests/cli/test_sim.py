"""`autarch sim` as a user starts it: a real process, a client without a library, and wrong arguments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pytest
import requests

from .backtest_yard import make_yard

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def yard(tmp_path_factory, root):
    return make_yard(tmp_path_factory.mktemp("yard"), root)


def command(yard, *arguments):
    environment = {**os.environ, "AUTARCH_DATA_TRAIN": yard.stores.train, "AUTARCH_DATA_FORWARD": yard.stores.forward}
    return {"args": [sys.executable, "-P", "-m", "autarch", "sim", *arguments], "cwd": yard.root, "env": environment}


def test_it_serves_history_and_the_present_until_it_is_told_to_stop(yard):
    asked = command(yard, "--split", "train", "--symbols", "BTCUSDT", "--json")
    with subprocess.Popen(**asked, stdout=subprocess.PIPE, text=True) as process:
        try:
            where = json.loads(process.stdout.readline())
            query = {"category": "linear", "symbol": "BTCUSDT"}
            bars = requests.get(
                f"{where['rest']}/v5/market/kline", {**query, "interval": "15", "limit": 1000}, timeout=20
            )
            price = requests.get(f"{where['rest']}/v5/market/tickers", query, timeout=20).json()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    rows = bars.json()["result"]["list"]
    starts = [int(row[0]) for row in rows]
    assert len(rows) == 1000
    assert starts == sorted(starts, reverse=True)
    assert {newer - older for newer, older in pairwise(starts)} == {900_000}
    # The newest bar is the one that time is in, and the price is its close.
    assert starts[0] <= price["time"] < starts[0] + 900_000
    assert price["result"]["list"][0]["lastPrice"] == rows[0][4]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--deposit", "much"], "no amount"),
        (["--history-days", "9999"], "shorter --history-days"),
        (["--fault", "gremlin=0.1"], "not on the menu"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_exit_2(yard, arguments, says):
    done = subprocess.run(**command(yard, *arguments), capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 3

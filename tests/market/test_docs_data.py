"""Every command of docs/data.md is run in order; what the page says of stdout and of refusals must come."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autarch.cli.main import main

from .bybit_server import DAY, HOUR, Bybit, Listing
from .conftest import DAY0, bars, instruments_toml


def transcripts(text):
    """Return (command, lines said of it) of every `$ autarch` line in the page's code blocks."""
    found = []
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        for part in block.split("$ ")[1:]:
            command, *said = part.rstrip().splitlines()
            found.append((command, [line for line in said if line != "..."]))
    return found


@pytest.fixture
def venue():
    made = [
        Listing("BTCUSDT", DAY0 - 100 * DAY),
        Listing("ETHUSDT", DAY0 - 50 * DAY, base=50.0, funding_hours=((0, 8), (DAY0 + 30 * DAY, 4))),
    ]
    server = Bybit(made, now_ms=DAY0 + 400 * DAY)
    yield server
    server.close()


@pytest.mark.slow
def test_the_page_shows_what_its_commands_say(root, tmp_path, monkeypatch, capsys, venue):
    project = tmp_path / "project"
    (project / "ci" / "datasets").mkdir(parents=True)
    (project / "bars" / "BTCUSDT").mkdir(parents=True)
    (project / "bars" / "instruments.toml").write_text(instruments_toml("BTCUSDT"))
    pq.write_table(pa.table(bars(2976)), project / "bars" / "BTCUSDT" / "kline-15m.parquet")
    stamps = DAY0 + 8 * HOUR * np.arange(94)
    rates = pa.table({"ts": stamps, "rate": np.full(94, 1e-4)})
    pq.write_table(rates, project / "bars" / "BTCUSDT" / "funding-8h.parquet")
    monkeypatch.chdir(project)
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    commands = transcripts((root / "docs" / "data.md").read_text())

    for command, said in commands:
        words = shlex.split(command)[1:]
        venue.listings["BTCUSDT"].holes = ((DAY0 + 50 * DAY, DAY0 + 50 * DAY + 2 * HOUR),) if "hourly" in words else ()
        for file in (project / "ci" / "datasets").glob("mine.toml"):
            file.unlink()  # the page lists the other one alone
        main([*words, *(["--url", venue.url] if words[1] == "sync" else [])])
        found = capsys.readouterr()
        text = (found.err + found.out).replace(f"{project}/", "")
        assert [line for line in said if line not in text] == [], command

    assert [shlex.split(command)[2] for command, _ in commands] == [
        "sync", "sync", "sync", "import", "push", "push", "verify", "ls",
    ]  # fmt: skip

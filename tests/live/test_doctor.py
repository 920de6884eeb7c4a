"""The host's clock beside a venue's: a simulated one on real sockets, and what answers nothing or nonsense."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace

import pytest

from autarch.doctor import registry
from live import doctor

from ..forge.answering import Answering, answering  # noqa: TID252  folders of tests are no packages that could be named
from .simulator_site import Served

PORTFOLIO = """schema = 1
[[account]]
name = "paper"
{where}
capital = 100_000
margin_mode = "isolated"
[account.limits]
max_gross_leverage = 2.0
max_order_notional = 250_000
orders_per_minute = 60
max_daily_loss_frac = 0.25
max_drawdown_frac = 0.6
[[account.sleeves]]
strategy = "ema_trend"
weight = 0.5
tier = "T1"
"""
HOUR_NS = 3_600_000_000_000
RECORDED = 'venue = "paper"\nfeed = "recorded"'


def look(where: str | None) -> tuple[str, str]:
    """Return the check's word and what it tells of a host whose main has an account like that, or no portfolio."""
    content = None if where is None else PORTFOLIO.format(where=where).encode()
    repo = SimpleNamespace(rev_parse=lambda _: "0" * 40, blob_at=lambda *_: content)
    patient = registry.Patient(workspace=SimpleNamespace(repo=repo), forge=None, now_ms=0, environment={})
    (found,) = registry.examine(patient, only=["venue-clock"])
    return found.word, "\n".join(f"{each.told} -> {each.fix}" for each in found.findings)


def simulated(url: str) -> str:
    return f'venue = "bybit"\nenvironment = "sim"\nurl = "{url}"'


@pytest.mark.parametrize(("ahead_ms", "said"), [(60_000, "-60"), (-60_000, "+60")])
def test_a_clock_that_is_off_is_a_drift_with_its_cure(ahead_ms, said):
    with Served(ahead_ms=ahead_ms) as sim:
        word, told = look(simulated(sim.server.url))

    assert word == "drift"
    assert f"clock is {said}" in told or f"clock is {said[0]}59" in told  # a venue's time stands between its ticks
    assert "within 500 ms" in told
    assert "systemd-timesyncd" in told


def test_a_clock_that_agrees_is_well_also_where_paper_trades_that_venue_s_bars():
    with Served() as sim:
        where = f'venue = "paper"\nenvironment = "sim"\nurl = "{sim.server.url}"'

        assert look(where)[0] in {"ok", "note"}  # a note: this machine was too busy to tell half a second apart
        off_ms, unsure_ms = doctor.clock_off_ms(sim.server.url, wall_ns=time.time_ns)
        word = [
            each.word for each in doctor.compared(sim.server.url, wall_ns=lambda: time.time_ns() - 3_600_000_000_000)
        ]

    assert abs(off_ms) <= 500 + unsure_ms
    assert word == ["drift"]  # the same venue, and a host an hour behind


def test_a_venue_that_is_not_there_is_told_and_fails_nothing():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        word, told = look(simulated(f"http://127.0.0.1:{taken.getsockname()[1]}"))

    assert word == "note"
    assert "was not compared" in told


class _Odd(Answering):
    body_sent: bytes

    def respond(self) -> None:
        self.send(200, {"Content-Type": "application/json"}, self.body_sent)


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"result": {"timeNano": "soon"}}', b'{"result": {}}', b'"' + b"x" * 20_000 + b'"']
)
def test_an_answer_that_tells_no_time_is_told_and_fails_nothing(body):
    with answering(_Odd, body_sent=body) as url:
        assert look(simulated(url))[0] == "note"


@pytest.mark.parametrize("where", [None, RECORDED])
def test_nobody_is_asked_where_no_account_needs_a_venue(where):
    word, told = look(where)

    assert word == "note"
    assert "no account" in told

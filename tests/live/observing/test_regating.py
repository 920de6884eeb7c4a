"""A decision that does not come out again halts the account by its latch and tells somebody."""

from __future__ import annotations

from live.host import Host
from live.observing.alerting import alerts_path, read_alerts
from live.observing.regating import halt
from live.observing.watchman import watch
from live.stopping.latch import FileLatch
from live.stopping.places import Places

from .journals import CLOSE, StandingClock


class Noted:
    def __init__(self):
        self.sent = []

    def send(self, alert, *, account):
        self.sent.append((account, alert.severity, alert.text))


def test_the_halt_is_in_the_latch_and_the_alert_is_passed_on(tmp_path):
    host, noted = Host(root=tmp_path / "host"), Noted()

    halt(host, "paper", "DIFFERS: one_idea at bar 7", now_ms=CLOSE, sender=noted)

    latch = FileLatch(path=Places(root=host.root, account="paper").latch, account="paper")
    assert "daily re-gate" in latch.read().blocks("BTCUSDT")
    assert "one_idea at bar 7" in latch.read().blocks("")
    assert noted.sent == [("paper", "critical", "DIFFERS: one_idea at bar 7")]


def test_alerts_of_two_processes_are_kept_side_by_side(tmp_path):
    host = Host(root=tmp_path / "host")
    with watch(host, "paper", clock=StandingClock()) as watchman:
        watchman.tell("warning", "stream", "down")
        watchman.close()
        halt(host, "paper", "DIFFERS", now_ms=CLOSE, sender=Noted())
    with watch(host, "paper", clock=StandingClock()) as watchman:
        watchman.tell("warning", "stream", "down once more")

    assert [told.text for told in read_alerts(alerts_path(host, "paper"))] == ["down", "DIFFERS", "down once more"]

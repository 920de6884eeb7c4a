"""The watchman: log without secrets, metrics, heartbeat, alerts thinned and passed on; never in the way."""

from __future__ import annotations

import json
import logging
import threading
import urllib.error
import urllib.request

import pytest

from autarch.errors import ConfigError
from autarch.redacting import Redactor
from live.host import Host
from live.journal import Journal
from live.observing.alerting import AppriseSender, Thinner, Told, alerts_file, alerts_path, read_alerts
from live.observing.heartbeat import heartbeat_path, read_heartbeat, start_ticks
from live.observing.logfile import LogFile
from live.observing.watchman import watch
from live.ports.observer import Pulse

from .journals import CLOSE, STEP, Draft, StandingClock, a_day, decision, events, intent, opened

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # by a plugin of apprise
SECRET = 'k"ey/9f\\2'


class Noted:
    """A sender that keeps what it was given, and fails when told to."""

    def __init__(self, *, fails=False):
        self.sent, self.fails = [], fails

    def send(self, alert, *, account):
        self.sent.append((account, alert.severity, alert.subject, alert.text, alert.repeats))
        if self.fails:
            raise OSError("the network is down")


@pytest.fixture
def host(tmp_path):
    return Host(root=tmp_path / "host")


def lines(host):
    text = (host.root / "log" / "paper.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_every_event_is_a_line_and_no_secret_is_in_any(host):
    with watch(host, "paper", clock=StandingClock(), secrets=(SECRET,)) as watchman:
        watchman.observe(events(("opened", opened(url=f"https://x/{SECRET}", carried={"much": 1})), *a_day()[1:]))
        logging.getLogger("live.venue").warning("refused key %s", SECRET)
        watchman.tell("warning", "stream", f"key {SECRET} was refused")

    found = lines(host)
    assert [line["event"] for line in found] == [
        "opened", "decision", "plan", "intent", "ack", "execution", "execution", "decision", "state", "log", "alert",
    ]  # fmt: skip
    assert "carried" not in found[0]
    assert (found[3]["ref"], found[3]["qty"], found[3]["time"]) == ("at-one", "25", "2023-11-15T00:15:00.000Z")
    text = (host.root / "log" / "paper.jsonl").read_text() + alerts_path(host, "paper").read_text()
    assert SECRET not in text
    assert json.dumps(SECRET)[1:-1] not in text
    assert text.count("[hidden]") == 4
    assert (host.root / "log" / "paper.jsonl").stat().st_mode & 0o077 == 0


def test_metrics_speak_of_what_was_traded_and_of_runs_before(host):
    host.journal_path("paper").parent.mkdir(parents=True)
    with Journal(host.journal_path("paper"), account="paper") as journal:
        for event in events(*a_day()):
            journal.append([Draft(event.kind, event.body, time_ms=event.time_ms, ref=event.ref)])
        with watch(host, "paper", clock=StandingClock(), metrics_port=0) as watchman:
            order = intent("at-two", bar=CLOSE, sent_ms=CLOSE + STEP + 30)
            watchman.observe(events(("intent", order, "at-two"), after=journal.head[0]))
            watchman.beat(
                Pulse(time_ms=CLOSE, seq=10, state="REDUCING", stale_ms={"kline BTCUSDT": 2500}, clock_offset_ms=-40.0)
            )
            watchman.close()
            text = watchman.metrics.text().decode()

    for line in (
        'autarch_decisions_total{account="paper",sleeve="one_idea"} 2.0',
        'autarch_orders_total{account="paper",leg="enter"} 2.0',
        'autarch_fills_total{account="paper",cause="stop"} 1.0',
        'autarch_position{account="paper",symbol="BTCUSDT"} 0.0',
        'autarch_equity_usdt{account="paper",sleeve=""} 9948.0',
        'autarch_day_change_usdt{account="paper"} -52.0',
        'autarch_state{account="paper",symbol="BTCUSDT"} 2.0',
        'autarch_state{account="paper",symbol=""} 1.0',
        'autarch_stale_seconds{account="paper",source="kline BTCUSDT"} 2.5',
        'autarch_clock_offset_seconds{account="paper"} -0.04',
        'autarch_bar_close_to_send_seconds_bucket{account="paper",le="0.02"} 0.0',
        'autarch_bar_close_to_send_seconds_bucket{account="paper",le="0.04"} 1.0',  # 30 ms; those of before are gone
    ):
        assert line in text
    assert "autarch_journal_bytes" in text


def test_metrics_and_heartbeat_are_served_on_loopback_alone(host):
    with watch(host, "paper", clock=StandingClock(), metrics_port=0) as watchman:
        port = next(t for t in threading.enumerate() if t.name == "metrics")._target.__self__.server_address
        assert port[0] == "127.0.0.1"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(port[1], "/heartbeat")
        watchman.heart.beat(Pulse(time_ms=CLOSE, seq=7))
        kind, beat = get(port[1], "/heartbeat")
        assert (kind, json.loads(beat)["seq"]) == ("application/json", 7)
        assert b"autarch_heartbeat_timestamp_seconds" in get(port[1], "/metrics")[1]
        with pytest.raises(ConfigError, match="choose another with --metrics"):
            watch(host, "paper", clock=StandingClock(), metrics_port=port[1]).__enter__()


def test_a_heartbeat_is_read_back_and_thinned_to_one_a_second(host):
    with watch(host, "paper", clock=StandingClock()) as watchman:
        for time_ms in (CLOSE, CLOSE + 400, CLOSE + 999):
            watchman.beat(Pulse(time_ms=time_ms, seq=time_ms - CLOSE, exposed=True, halted={"BTCUSDT": "x"}))

    found = read_heartbeat(heartbeat_path(host, "paper"))

    assert (found.seq, found.exposed, found.halted, found.account) == (0, True, {"BTCUSDT": "x"}, "paper")
    assert found.age_ms(CLOSE + 5_000) == 5_000
    assert found.start_ticks == start_ticks(found.pid) > 0


def test_a_damaged_heartbeat_is_told_and_none_is_none(host):
    path = heartbeat_path(host, "paper")
    assert read_heartbeat(path) is None
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 1, "more": 2}')

    with pytest.raises(ConfigError, match="no heartbeat of this runtime"):
        read_heartbeat(path)


def test_repeats_are_thinned_and_what_gets_worse_is_not(host):
    clock, noted = StandingClock(), Noted()
    with watch(host, "paper", clock=clock, sender=noted) as watchman:
        watchman.tell("warning", "stream", "down")
        watchman.tell("warning", "stream", "down again")
        watchman.tell("warning", "stop BTCUSDT", "put right")
        watchman.tell("critical", "stream", "dead")
        clock.now += 16 * 60_000
        watchman.tell("warning", "stream", "up and down")

    assert noted.sent == [
        ("paper", "warning", "stream", "down", 0),
        ("paper", "warning", "stop BTCUSDT", "put right", 0),
        ("paper", "critical", "stream", "dead", 1),
        ("paper", "warning", "stream", "up and down", 0),
    ]
    assert [told.subject for told in read_alerts(alerts_path(host, "paper"))] == [
        "stream", "stop BTCUSDT", "stream", "stream",
    ]  # fmt: skip


def test_a_subject_speaks_again_after_its_quiet_time_with_the_count_of_what_was_kept_back():
    thinner = Thinner(quiet_ms=1000)
    told = [Told(time_ms=t, severity="info", subject="x", text=str(t)) for t in (0, 400, 999, 1000, 1001)]

    assert [None if found is None else found.repeats for found in map(thinner.take, told)] == [0, None, None, 2, None]


def test_nothing_that_fails_here_reaches_the_executor(host):
    blocked = host.root / "log"
    host.root.mkdir(parents=True)
    blocked.write_text("a file where the folder should be")
    with watch(host, "paper", clock=StandingClock(), sender=Noted(fails=True)) as watchman:
        watchman.observe(events(("opened", opened()), ("decision", decision())))
        watchman.tell("critical", "HALTED", "because")
        watchman.close()

        assert watchman.failures >= 2
        assert watchman.picture.tallies["decisions", "one_idea"] == 1
        assert [told.text for told in read_alerts(alerts_path(host, "paper"))] == ["because"]


def test_what_there_is_no_room_for_is_dropped_and_counted(host):
    with watch(host, "paper", clock=StandingClock()) as watchman:
        watchman.close()
        for _ in range(10_002):
            watchman.tell("info", "x", "y")

    assert watchman.dropped == 2


def test_alert_urls_are_for_their_owner_alone_and_never_named(host):
    host.root.mkdir(parents=True)
    path = host.root / "alerts.toml"
    path.write_text('urls = ["nosuch://t0ken"]\n')
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="mode 644; chmod 600"):
        alerts_file(host)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="URL 1, a 'nosuch'") as caught:
        AppriseSender(alerts_file(host).urls)
    assert "t0ken" not in str(caught.value)
    path.write_text("urls = 3\n")
    with pytest.raises(ConfigError, match="does not parse"):
        alerts_file(host)


def test_apprise_is_given_what_is_grave_enough():
    from apprise.decorators import notify

    heard = []

    @notify(on="autarchtest", name="a test's plugin")
    def take(body, title, notify_type, *_args, **_more):
        heard.append((title, body, str(notify_type)))
        return True

    sender = AppriseSender(["autarchtest://here"])
    sender.send(Told(time_ms=0, severity="info", subject="quiet", text="t"), account="paper")
    sender.send(Told(time_ms=0, severity="critical", subject="HALTED", text="why", repeats=2), account="paper")

    assert [(title, body) for title, body, _ in heard] == [("autarch paper: HALTED", "why (and 2 more like it)")]
    assert "failure" in heard[0][2]
    assert take is not None


def test_logs_turn_over_and_the_oldest_go(tmp_path):
    log = LogFile(tmp_path / "a.jsonl", Redactor(), bytes_max=40, kept=2)
    for number in range(7):
        log.write({"number": number, "pad": "x" * 5})  # 24 bytes with its newline: one more would be 48

    kept = {path.name: path.read_text().count("\n") for path in tmp_path.iterdir()}
    assert kept == {"a.jsonl": 1, "a.jsonl.1": 1, "a.jsonl.2": 1}
    assert '"number":6' in (tmp_path / "a.jsonl").read_text()
    log.close()


def test_a_secret_within_a_secret_goes_too_and_short_texts_are_none():
    redactor = Redactor(["abcd", "abcdef", "ab", ""])

    assert redactor.clean("abcdef abcd ab") == "[hidden] [hidden] ab"

"""The dead-man: acts on a silent heartbeat beside a venue that answers, after a warning, and on nothing else."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import ConfigError, UndecidedError, UsageError, VenueError
from live.stopping.deadman import Deadman, Rules
from live.stopping.guarding import Armed, FilePulses, Guard, HttpPulses, mark_of

from .fake_venue import FakeVenue, on_virtual_time

RULES = Rules(silent_s=10.0, grace_s=6.0, every_s=2.0)
LONG = Decimal(2)


class Heart:
    """Beats once a second until it dies; `cut` are the spans in which it cannot be heard from here."""

    def __init__(self, *, dies_s=1e9, cut=(), returns_s=1e9):
        self.dies_s, self.cut, self.returns_s = dies_s, cut, returns_s

    async def mark(self):
        now = asyncio.get_running_loop().time()
        if any(begin <= now < end for begin, end in self.cut):
            raise UndecidedError("cut off")
        if now >= self.returns_s:
            return f"second-{now:.0f}"
        return f"first-{min(now, self.dies_s):.0f}"


class Told:
    def __init__(self):
        self.subjects, self.texts = [], []

    def tell(self, severity, subject, text):  # noqa: ARG002  the port's signature
        self.subjects.append(subject.removeprefix("deadman a "))
        self.texts.append(text)


class Yard:
    """A guard over a fake venue; `reachable` says when the venue can be reached from here."""

    def __init__(self, venue, heart, *, armed=False, reachable=lambda _now: True, rules=RULES):
        self.told, self.found, self.reachable = Told(), [], reachable
        self.venue = venue
        self.guard = Guard(
            deadman=Deadman(account="a", rules=rules, armed=armed), pulses=heart, open_venue=self.open,
            alerts=self.told, note=lambda _: None, run="r", flattened=self.found.append,
        )  # fmt: skip

    async def open(self):
        if not self.reachable(asyncio.get_running_loop().time()):
            raise VenueError("no route")
        return self.venue

    def watch(self, seconds):
        on_virtual_time(self.guard.watch(looks_max=int(seconds / self.guard.deadman.rules.every_s)))
        return self


def held():
    return FakeVenue(sizes={"BTCUSDT": LONG})


def test_while_the_heart_beats_nothing_happens():
    yard = Yard(held(), Heart()).watch(300)

    assert yard.told.subjects == ["armed"]
    assert yard.venue.sizes == {"BTCUSDT": LONG}


def test_a_silent_heart_beside_a_venue_that_answers_is_warned_of_and_then_flattened():
    yard = Yard(held(), Heart(dies_s=20)).watch(100)

    assert yard.told.subjects == ["armed", "silent", "acting", "done"]
    assert "will be flattened in 6 s unless the heartbeat returns" in yard.told.texts[1]
    assert "flattened BTCUSDT 2" in yard.told.texts[3]
    assert yard.venue.sizes == {"BTCUSDT": 0}
    assert [found.flat for found in yard.found] == [True]


def test_it_acts_no_sooner_than_silence_and_grace_together():
    for seconds, sent in ((20 + 10 + 4, 0), (20 + 10 + 6 + 6, 1)):
        yard = Yard(held(), Heart(dies_s=20)).watch(seconds)
        assert len([call for call in yard.venue.calls if call.startswith("place")]) == sent


def test_a_heart_that_returns_within_the_grace_disarms_the_act():
    yard = Yard(held(), Heart(dies_s=20, returns_s=34)).watch(200)

    assert yard.told.subjects == ["armed", "silent", "back"]
    assert yard.venue.sizes == {"BTCUSDT": LONG}


def test_a_watcher_without_network_does_nothing_however_long_and_says_so_once():
    cut = ((20, 500),)
    yard = Yard(held(), Heart(cut=cut), reachable=lambda now: now < 20 or now > 500).watch(600)

    assert yard.told.subjects == ["armed", "blind", "back"]
    assert yard.venue.sizes == {"BTCUSDT": LONG}


def test_after_its_own_fault_it_still_waits_out_a_whole_grace_before_it_acts():
    yard = Yard(held(), Heart(dies_s=20), reachable=lambda now: now < 10 or now > 100)

    yard.watch(104)
    assert yard.told.subjects == ["armed", "blind", "silent"]
    assert yard.venue.sizes == {"BTCUSDT": LONG}

    assert Yard(held(), Heart(dies_s=20), reachable=lambda now: now < 10 or now > 100).watch(130).found[0].flat


def test_a_venue_that_answers_now_and_then_delays_the_act_and_does_not_prevent_it():
    yard = Yard(held(), Heart(dies_s=20), reachable=lambda now: now < 10 or int(now / 2) % 3 == 0)

    yard.venue.down = False
    yard.watch(300)

    assert yard.told.subjects.count("silent") == 1
    assert yard.venue.sizes == {"BTCUSDT": 0}


def test_an_executor_cut_off_from_here_that_trades_on_is_flattened_again():
    venue = held()
    venue.late = [(100_000, "at-9", "ETHUSDT", Decimal(3))]

    yard = Yard(venue, Heart(dies_s=20)).watch(200)

    assert [found.flat for found in yard.found] == [True, True]
    assert venue.sizes == {"BTCUSDT": 0, "ETHUSDT": 0}
    assert yard.told.subjects.count("acting") == 1


def test_a_flat_account_that_falls_silent_is_told_of_and_nothing_is_sent():
    yard = Yard(FakeVenue(), Heart(dies_s=20)).watch(100)

    assert yard.told.subjects == ["armed", "silent", "acting"]
    assert "holds nothing now" in yard.told.texts[1]
    assert yard.found == []


def test_before_the_first_heartbeat_it_is_not_armed_but_after_a_restart_it_is():
    never = Heart(cut=((0, 1e9),))

    assert Yard(held(), never).watch(200).told.subjects == []
    assert Yard(held(), never, armed=True).watch(200).told.subjects == ["silent", "acting", "done"]


def test_that_a_heartbeat_was_heard_outlives_the_process(tmp_path):
    yard = Yard(FakeVenue(), Heart())
    yard.guard.armed = Armed(path=tmp_path / "armed")
    assert not yard.guard.armed.read()

    yard.watch(4)

    assert Armed(path=tmp_path / "armed").read()


def test_a_key_that_does_not_open_the_venue_is_told_of_at_the_start():
    yard = Yard(held(), Heart(), reachable=lambda now: now > 1)

    yard.watch(10)

    assert yard.told.subjects == ["key", "armed"]
    assert "no route" in yard.told.texts[0]


def test_a_watcher_that_was_suspended_has_not_listened():
    man = Deadman(account="a", rules=RULES)
    man.hear("x", elapsed_s=0.0)

    man.hear("x", elapsed_s=3600.0)

    assert man.silent_for_s == RULES.stall_s
    assert not man.wants_venue


@given(
    looks=st.lists(
        st.tuples(st.booleans(), st.sampled_from(["flat", "held", "unreachable"]), st.floats(0.0, 100.0)), max_size=60
    )
)
def test_it_never_flattens_without_a_warning_a_silence_and_a_grace_in_which_the_venue_answered(looks):
    man, beats, silence, answered, warned = Deadman(account="a", rules=RULES), 0, 0.0, 0.0, False
    man.hear("0", elapsed_s=0.0)
    for alive, reached, elapsed in looks:
        beats += alive
        man.hear(str(beats), elapsed_s=elapsed)
        if alive:
            silence, answered, warned = 0.0, 0.0, False
            assert not man.wants_venue
            continue
        silence += elapsed
        if not man.wants_venue:
            continue
        found = man.reach(reached, elapsed_s=elapsed)
        answered += elapsed if warned and reached != "unreachable" else 0.0
        if found.flatten:
            assert warned
            assert reached == "held"
            assert silence >= RULES.silent_s
            assert answered >= RULES.grace_s
        warned = warned or any(said.subject.endswith("silent") for said in found.alerts)


@pytest.mark.parametrize(
    "rules", [{"silent_s": 5.0}, {"grace_s": 1.0}, {"every_s": 0.0}, {"silent_s": 1.0, "every_s": 1.0}]
)
def test_rules_that_would_act_on_one_lost_packet_are_refused(rules):
    with pytest.raises(UsageError, match="expected a silence"):
        Rules(**rules)


BEAT = b'{"account":"a","pid":7,"start_ticks":8,"time_ms":9,"and":"more"}'


def test_a_heartbeat_is_told_by_its_process_and_time():
    assert mark_of(BEAT, account="a") == "7-8-9"
    for content, said in ((BEAT, "expected 'b'"), (b"<html>", "no heartbeat"), (b"\xff", "no heartbeat")):
        with pytest.raises(UndecidedError, match=said):
            mark_of(content, account="b")


def test_a_heartbeat_is_read_from_a_file_and_over_http(tmp_path):
    (tmp_path / "a.json").write_bytes(BEAT)
    answers = {"/heartbeat": httpx.Response(200, content=BEAT), "/big": httpx.Response(200, content=b" " * 70_000)}

    async def over_http(path):
        transport = httpx.MockTransport(lambda request: answers.get(request.url.path, httpx.Response(404)))
        async with httpx.AsyncClient(transport=transport) as http:
            return await HttpPulses(url=f"http://127.0.0.1{path}", account="a", http=http).mark()

    assert asyncio.run(FilePulses(path=tmp_path / "a.json", account="a").mark()) == "7-8-9"
    assert asyncio.run(over_http("/heartbeat")) == "7-8-9"
    for path, said in (("/none", "answered 404"), ("/big", "more than 65536")):
        with pytest.raises(UndecidedError, match=said):
            asyncio.run(over_http(path))
    with pytest.raises(UndecidedError, match="cannot be read"):
        asyncio.run(FilePulses(path=tmp_path / "b.json", account="a").mark())


def test_a_venue_that_fails_in_the_act_is_told_of_and_tried_again():
    venue = held()
    yard = Yard(venue, Heart(dies_s=20))
    snapshot, calls = venue.snapshot, []

    async def failing(symbols):
        calls.append(1)
        if 6 <= len(calls) <= 7:
            raise ConfigError("the key was revoked")
        return await snapshot(symbols)

    venue.snapshot = failing
    yard.watch(120)

    assert "failed" in yard.told.subjects
    assert yard.venue.sizes == {"BTCUSDT": 0}

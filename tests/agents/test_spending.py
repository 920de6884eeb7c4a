"""Caps are checked before a call, every attempt stays on the record, and no answer is paid for twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models import Model
from agents.paying import ATTEMPTS_MAX, Till, answer_name
from agents.ports import Attempt, Budget, BudgetError, Caps, Usage, VendorError
from agents.spending.caps import narrower
from agents.spending.purse import Asking, Purse
from agents.vendors.wire import Answer, Tokens, WireError

from .yard import NOON_MS, Clock

MODEL = Model(
    vendor="anthropic",
    cutoff=date(2026, 1, 1),
    input="2",
    output="10",
    cache_read="0.2",
    cache_write="2.5",
    cache_write_long="4",
    output_max=64_000,
)
ASKING = Asking(agent="claude", model="m", brief="b", turn=1, number=1, priced="2026-11-15")
DOLLAR = Usage(usd=Decimal(1), input_tokens=100, turns=1)
DAY_MS = 86_400_000
ANSWER = Answer(
    text="ok", calls=(), stop="end", echo=[], usage=Tokens(input_tokens=1_000, output_tokens=100), request="r"
)


@pytest.fixture
def purse(tmp_path):
    return Purse(tmp_path / "s.sqlite", Clock())


def settled(usage: Usage, **changes) -> Attempt:
    usual = {"agent": "claude", "model": "m", "brief": "b", "turn": 1, "number": 1, "end": "answered"}
    return Attempt(**{**usual, "usage": usage, "when_ms": NOON_MS, "priced": "2026-11-15", **changes})


def test_a_call_costs_what_its_tokens_cost_by_price():
    usage = Usage(input_tokens=1_000, cache_read=10_000, cache_write=2_000, cache_write_long=500, output_tokens=300)

    # (1,000 x 2 + 10,000 x 0.2 + 2,000 x 2.5 + 500 x 4 + 300 x 10) / 1,000,000 = 14,000 / 1,000,000
    assert MODEL.cost(usage) == Decimal("0.014")


def test_a_long_request_costs_its_factor_from_the_first_token_beyond():
    long = Model(
        **{
            **{n: getattr(MODEL, n) for n in MODEL.__struct_fields__},
            "long_from": 1_000,
            "long_input": "2",
            "long_output": "1.5",
        }
    )

    short = long.cost(Usage(input_tokens=1_000, output_tokens=100))
    beyond = long.cost(Usage(input_tokens=900, cache_read=101, output_tokens=100))

    assert short == Decimal("0.003")  # (1,000 x 2 + 100 x 10) / 1e6
    assert beyond == Decimal("0.0051404")  # ((900 x 2 + 101 x 0.2) x 2 + 100 x 10 x 1.5) / 1e6


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_nothing_costs_more_than_the_worst_that_was_booked(counts):
    names = ("input_tokens", "cache_read", "cache_write", "cache_write_long", "output_tokens")
    usage = Usage(**dict(zip(names, counts, strict=True)))

    worst = MODEL.at_most(input_tokens=sum(counts[:4]), output_tokens=counts[4])

    assert MODEL.cost(usage) <= worst.usd


def test_what_is_booked_counts_until_it_is_settled_and_then_counts_as_it_was(purse):
    number = purse.reserve(ASKING, DOLLAR, Budget())
    booked = purse.spent("b")
    purse.settle(number, settled(Usage(usd=Decimal("0.25"), turns=1)))

    assert booked.usd == Decimal(1)
    assert purse.spent("b").usd == Decimal("0.25")


@pytest.mark.parametrize("of", ["call", "proposal", "day", "month"])
@pytest.mark.parametrize("caps", [Caps(usd=Decimal("1.5")), Caps(tokens=150), Caps(turns=1)])
def test_each_cap_lets_through_what_fits_and_refuses_the_next_by_name(purse, of, caps):
    budget = Budget(**{of: caps})
    if of == "call":
        purse.reserve(ASKING, DOLLAR, budget)
        twice = DOLLAR + DOLLAR
    else:
        purse.reserve(ASKING, DOLLAR, budget)
        twice = DOLLAR

    with pytest.raises(BudgetError, match=f"budget of the {of}"):
        purse.reserve(ASKING, twice, budget)

    assert len(purse.attempts()) == 1


def test_a_budget_of_zero_lets_nothing_through(purse):
    with pytest.raises(BudgetError):
        purse.reserve(ASKING, Usage(usd=Decimal("0.000001")), Budget(day=Caps(usd=Decimal(0))))


def test_a_cap_is_met_to_the_last_cent(purse):
    budget = Budget(day=Caps(usd=Decimal(2)))
    purse.reserve(ASKING, DOLLAR, budget)

    purse.reserve(ASKING, DOLLAR, budget)

    with pytest.raises(BudgetError):
        purse.reserve(ASKING, Usage(usd=Decimal("0.01")), budget)


def test_a_day_ends_at_midnight_utc_and_a_month_with_its_last_day(tmp_path):
    clock = Clock(now_ms=1_798_761_599_000)  # 2026-12-31T23:59:59Z
    purse = Purse(tmp_path / "s.sqlite", clock)
    budget = Budget(day=Caps(usd=Decimal(1)), month=Caps(usd=Decimal(1)))
    purse.reserve(ASKING, DOLLAR, budget)
    with pytest.raises(BudgetError):
        purse.reserve(ASKING, DOLLAR, budget)

    clock.now_ms += 1_000

    purse.reserve(ASKING, DOLLAR, budget)
    clock.now_ms += DAY_MS
    with pytest.raises(BudgetError, match="month"):
        purse.reserve(ASKING, DOLLAR, budget)


def test_scripts_spend_nobodys_dollars(purse):
    budget = Budget(day=Caps(usd=Decimal(1)))
    purse.reserve(replace(ASKING, scripted=True), DOLLAR, budget)

    purse.reserve(ASKING, DOLLAR, budget)

    assert purse.spent_since(0).usd == Decimal(1)


def test_two_at_once_never_spend_the_same_dollar(tmp_path):
    budget = Budget(day=Caps(usd=Decimal(5)))
    outcomes = []

    def spend():
        own = Purse(tmp_path / "s.sqlite", Clock())
        for _ in range(4):
            try:
                own.reserve(ASKING, DOLLAR, budget)
                outcomes.append(1)
            except BudgetError:
                outcomes.append(0)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sum(outcomes) == 5


def test_a_record_that_another_begins_at_this_moment_is_waited_for(tmp_path):
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.3, other.execute, args=("COMMIT",))  # a change to WAL would be refused before that
        done.start()
        try:
            Purse(path, Clock()).reserve(ASKING, DOLLAR, Budget())
        finally:
            done.join()

    assert len(Purse(path, Clock()).attempts()) == 1


def test_what_was_booked_survives_a_kill(tmp_path):
    code = (
        "import os, signal\nfrom decimal import Decimal\nfrom pathlib import Path\n"
        "from agents.ports import Budget, Usage\nfrom agents.spending.purse import Asking, Purse\n"
        f"purse = Purse(Path({str(tmp_path / 's.sqlite')!r}), lambda: {NOON_MS})\n"
        "asking = Asking(agent='a', model='m', brief='b', turn=1, number=1, priced='x')\n"
        "purse.reserve(asking, Usage(usd=Decimal('0.5'), turns=1, is_estimate=True), Budget())\n"
        "purse.keep('answer', b'paid for')\npurse.begin_trial('b', 0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": root})

    after = Purse(tmp_path / "s.sqlite", Clock())

    assert done.returncode == -signal.SIGKILL
    assert [(a.end, a.usage.usd, a.usage.is_estimate) for a in after.attempts()] == [
        ("abandoned", Decimal("0.5"), True)
    ]
    assert after.recall("answer") == b"paid for"
    assert after.trials("b") == (None,)  # begun, and nothing recorded: it counts


def test_what_is_kept_once_stays(purse):
    purse.keep("a", b"first")
    purse.keep("a", b"second")

    assert purse.recall("a") == b"first"
    assert purse.recall("b") is None


class FakeWire:
    """Answers from a list; errors are raised."""

    def __init__(self, *replies):
        self.replies, self.sent = list(replies), 0

    def body(self, talk, *, output_max):
        return {"max_tokens": output_max, "talk": str(talk)}

    def send(self, *_request, **_limits):
        self.sent += 1
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self):
        self.replies = []


BODY = {"max_tokens": 1_000, "messages": "x" * 3_000}
BUSY = WireError("busy", may_retry=True, status=529)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def till(tmp_path, clock):
    purse = Purse(tmp_path / "s.sqlite", clock)
    return Till(
        agent="claude",
        name="m",
        model=MODEL,
        priced="2026-11-15",
        purse=purse,
        answers=purse,
        budget=Budget(),
        clean=lambda text: text.replace("SECRET", "[hidden]"),
        clock_ms=clock,
        sleep=clock.sleep,
    )


def test_an_answer_is_kept_and_the_same_turn_is_never_paid_for_again(till):
    wire = FakeWire(ANSWER)

    first = till.buy(wire, BODY, brief="b", turn=1)
    second = till.buy(wire, BODY, brief="b", turn=1)

    assert (first, second) == ((ANSWER, False), (ANSWER, True))
    assert wire.sent == 1
    # (1,000 x 2 + 100 x 10) / 1e6
    assert till.purse.spent("b") == Usage(input_tokens=1_000, output_tokens=100, turns=1, usd=Decimal("0.003"))


def test_every_attempt_of_a_storm_is_on_the_record_and_waits_longer(till, clock):
    wire = FakeWire(BUSY, replace_after(BUSY, 7.0), BUSY, ANSWER)

    till.buy(wire, BODY, brief="b", turn=1)

    ends = [(a.number, a.end, a.status) for a in till.purse.attempts()]
    assert ends == [(1, "failed", 529), (2, "failed", 529), (3, "failed", 529), (4, "answered", None)]
    assert 0.5 <= clock.slept[0] <= 1.5  # the first wait, with its jitter
    assert clock.slept[1] == 7.0  # as the vendor asked
    assert 2.0 <= clock.slept[2] <= 6.0
    assert till.purse.spent("b").usd == Decimal("0.003")


def replace_after(error: WireError, seconds: float) -> WireError:
    return WireError(str(error), may_retry=True, status=error.status, after_s=seconds)


def test_a_storm_without_end_ends_and_costs_nothing(till):
    wire = FakeWire(*[BUSY] * 99)

    with pytest.raises(VendorError, match=f"{ATTEMPTS_MAX} attempts"):
        till.buy(wire, BODY, brief="b", turn=1)

    assert wire.sent == ATTEMPTS_MAX
    assert till.purse.spent("b").usd == 0


def test_what_is_at_fault_is_not_tried_again_and_keeps_its_secret(till):
    wire = FakeWire(WireError("HTTP 401: SECRET is no key", may_retry=False, status=401))

    with pytest.raises(VendorError, match=r"\[hidden\]"):
        till.buy(wire, BODY, brief="b", turn=1)

    assert wire.sent == 1
    assert "SECRET" not in till.purse.attempts()[0].detail


def test_a_cut_answer_costs_what_was_told_and_what_had_come(till):
    cut = WireError(
        "cut", may_retry=True, was_cut=True, usage=Tokens(input_tokens=1_000, output_tokens=1), text_bytes=300
    )

    till.buy(FakeWire(cut, ANSWER), BODY, brief="b", turn=1)

    first = till.purse.attempts()[0]
    assert (first.end, first.usage.is_estimate, first.usage.output_tokens) == ("cut", True, 100)  # 300 bytes at 3 each
    assert first.usage.usd == Decimal("0.003")


def test_a_cut_answer_of_which_nothing_was_told_costs_the_most_its_question_could(till):
    cut = WireError("cut", may_retry=True, was_cut=True, text_bytes=0)

    till.buy(FakeWire(cut, ANSWER), BODY, brief="b", turn=1)

    worst = till.worst(BODY)
    assert till.purse.attempts()[0].usage.usd == MODEL.at_most(input_tokens=worst.cache_write_long, output_tokens=0).usd


def test_a_full_budget_sends_nothing_and_names_where_to_raise_it(till):
    wire = FakeWire(ANSWER)
    poor = replace(till, budget=Budget(proposal=Caps(usd=Decimal("0.001"))))

    with pytest.raises(BudgetError, match=r"\[proposal\] usd in .autarch/agents/budgets.toml"):
        poor.buy(wire, BODY, brief="b", turn=1)

    assert wire.sent == 0
    assert till.purse.attempts() == ()


def test_a_stop_between_two_turns_goes_on_from_the_first(till):
    poor = replace(till, budget=Budget(proposal=Caps(turns=1)))
    poor.buy(FakeWire(ANSWER), BODY, brief="b", turn=1)
    with pytest.raises(BudgetError):
        poor.buy(FakeWire(ANSWER), BODY, brief="b", turn=2)

    again = FakeWire(ANSWER)
    kept = till.buy(again, BODY, brief="b", turn=1)
    till.buy(again, BODY, brief="b", turn=2)

    assert kept[1] is True
    assert again.sent == 1


def test_an_answer_stored_when_its_process_ended_is_settled_when_it_is_found(till):
    till.purse.reserve(replace(ASKING, agent="claude"), DOLLAR, Budget())
    till.answers.keep(answer_name("b", 1), ANSWER.pack())

    till.buy(FakeWire(), BODY, brief="b", turn=1)

    assert [(a.end, a.usage.usd) for a in till.purse.attempts()] == [("answered", Decimal("0.003"))]


def test_of_two_budgets_the_smaller_cap_of_each_kind_holds():
    one = Budget(day=Caps(usd=Decimal(2), turns=5), call=Caps(tokens=1))
    other = Budget(day=Caps(usd=Decimal(1), tokens=7))

    assert narrower(one, other) == Budget(day=Caps(usd=Decimal(1), tokens=7, turns=5), call=Caps(tokens=1))


def test_the_record_is_private_to_its_owner(purse):
    assert purse.path.stat().st_mode & 0o077 == 0

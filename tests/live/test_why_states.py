"""`why` of the venue's order id, a position, a halt, a hand-over, an order that was not sent, a bar without a fill."""

from __future__ import annotations

import pytest

from live.found import find
from live.journal import Draft, Journal
from live.provenance import evidence_named, explain
from live.telling import headline

from .journal_yard import BAR, EXEC, LINK, OPEN, drafts, execution

STEP = 900_000
LATE = "at-" + "a" * 32


@pytest.fixture(scope="module")
def yard(base_yard, tmp_path_factory):
    return base_yard.copy(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def journal(yard, tmp_path):
    with Journal(tmp_path / "paper.sqlite3", account="paper") as made:
        made.append(drafts(yard)[:5])  # the entry is held
        yield made


def state(name, reason, *, symbol="", time_ms=OPEN + STEP):
    body = {"state": name, "reason": reason, "by": "executor", "symbol": symbol, "flatten": False}
    return Draft(time_ms=time_ms, kind="state", body=body)


def steps_of(found, yard):
    return {step.what: step for step in explain(found, yard.repo)}


def late_order(yard, *, kind="missed"):
    body = dict(drafts(yard)[2].body) | {"order_link_id": LATE, "reason": "its bar's entry deadline is over"}
    return Draft(time_ms=OPEN + STEP, kind=kind, body=body, ref=LATE)


def test_the_venues_order_id_is_our_order(journal):
    assert find(journal, "o-1") == find(journal, LINK) != ()


def test_a_symbol_is_explained_by_the_fills_that_made_its_position(journal):
    add = execution("exec-add", order_link_id=LINK, qty="5")
    paid = execution("exec-paid", exec_type="Funding", create_type="", opened_by=LINK)
    journal.append([Draft(time_ms=OPEN + 1, kind="execution", body=body, ref=body["exec_id"]) for body in (add, paid)])

    assert [item.fill.ref for item in find(journal, "btcusdt")] == [EXEC, "exec-add"]


def test_a_flat_symbol_is_explained_by_what_closed_it_and_an_adopted_position_by_no_fill(yard, journal):
    journal.append([drafts(yard)[5]])
    assert [item.fill.ref for item in find(journal, "BTCUSDT")] == ["exec-two"]
    adopted = {"symbol": "BTCUSDT", "size": "3", "entry_price": "100"}
    journal.append([Draft(time_ms=OPEN + STEP, kind="adopted", body=adopted)])
    assert find(journal, "BTCUSDT") == ()


def test_a_halted_symbol_says_why_before_what_it_holds(yard, journal):
    journal.append([state("HALTED", "our books hold 25, the venue 26", symbol="BTCUSDT")])

    halted, held = find(journal, "BTCUSDT")

    steps = steps_of(halted, yard)
    assert (halted.newest.kind, held.fill.ref) == ("state", EXEC)
    assert steps["state"].name == "HALTED BTCUSDT"
    assert dict(steps["state"].facts)["reason"] == "our books hold 25, the venue 26"
    assert dict(steps["release"].facts)["waivers"] == "none"
    assert headline(halted.newest) == "HALTED BTCUSDT: our books hold 25, the venue 26"
    assert evidence_named(halted, yard.repo) == ()


def test_a_symbol_that_was_released_is_not_halted(journal):
    journal.append([state("HALTED", "x", symbol="BTCUSDT"), state("ACTIVE", "resumed", symbol="BTCUSDT")])

    assert [item.newest.kind for item in find(journal, "BTCUSDT")] == ["execution"]


def test_a_halt_that_names_an_order_leads_on_to_its_agent(yard, journal):
    intent = Draft(time_ms=OPEN + 5, kind="intent", body=late_order(yard).body, ref=LATE)
    journal.append([intent, state("HALTED", f"nobody can tell what became of order {LATE}: timeout")])

    (found,) = find(journal, "paper")

    steps = steps_of(found, yard)
    assert list(steps)[:4] == ["state", "order", "decision", "release"]
    assert steps["order"].name == LATE
    assert dict(steps["order"].facts)["venue"] == "no answer yet"
    assert steps["agent commit"].name == yard.facts["head"]


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("resent", {}, "it never arrived and was sent again under its own name; no answer yet"),
        ("done", {"status": "cancelled", "filled": "3", "reason": "no liquidity"}, "ended cancelled with 3 filled: no"),
        ("rejected", {"by": "venue", "reason": "110007: no margin"}, "refused: 110007: no margin"),
    ],
)
def test_the_last_word_on_an_order_is_told(yard, journal, kind, body, said):
    intent = Draft(time_ms=OPEN, kind="intent", body=late_order(yard).body, ref=LATE)
    journal.append([intent, Draft(time_ms=OPEN, kind=kind, body={"order_link_id": LATE, **body}, ref=LATE)])

    (found,) = find(journal, LATE)

    assert dict(steps_of(found, yard)["order"].facts)["venue"].startswith(said)


def test_an_entry_that_came_too_late_is_explained_like_one_that_was_sent(yard, journal):
    journal.append([late_order(yard)])

    (found,) = find(journal, LATE)

    steps = steps_of(found, yard)
    assert dict(steps["order"].facts)["venue"] == "not sent: its bar's entry deadline is over"
    assert steps["agent commit"].name == yard.facts["head"]


def test_an_execution_that_nothing_explains_and_a_kill_say_so(yard, journal):
    foreign = execution("exec-odd", order_link_id="by-hand")
    killed = execution("exec-kill", order_link_id="ak-1")
    journal.append(
        [
            Draft(time_ms=OPEN + 2, kind="foreign", body=foreign, ref="exec-odd"),
            Draft(time_ms=OPEN + 3, kind="execution", body=killed, ref="exec-kill"),
        ]
    )

    odd, kill = (dict(steps_of(find(journal, name)[0], yard)["fill"].facts) for name in ("exec-odd", "exec-kill"))

    assert odd["cause"].startswith("nothing of ours explains it")
    assert kill["cause"] == "kill or dead-man, by order ak-1"


def test_a_hand_over_says_what_became_of_each_symbol(yard, journal):
    body = dict(drafts(yard)[0].body) | {"tag": "v0.2.0", "handover": {"BTCUSDT": "drain", "ETHUSDT": "start"}}
    journal.append([Draft(time_ms=OPEN + STEP, kind="opened", body=body)])

    (found,) = find(journal, "v0.2.0")

    steps = steps_of(found, yard)
    assert steps["hand-over"].name == "v0.1.0 to v0.2.0"
    assert dict(steps["hand-over"].facts)["BTCUSDT"] == "the old release runs its position down"
    assert steps["release"].name == "v0.2.0"
    (begun,) = find(journal, "v0.1.0")
    assert [step.what for step in explain(begun, yard.repo)] == ["run", "release"]


def test_a_bar_without_a_fill_is_explained_by_what_was_decided_for_it(yard, journal):
    decision = dict(drafts(yard)[1].body) | {"bar": BAR + STEP}
    journal.append([Draft(time_ms=OPEN + STEP, kind="decision", body=decision)])

    (found,) = find(journal, f"BTCUSDT@{OPEN + STEP + 1}")

    steps = steps_of(found, yard)
    assert dict(steps["decision"].facts)["wanted BTCUSDT"] == "exposure 0.5"
    assert steps["agent commit"].name == yard.facts["head"]
    assert len(evidence_named(found, yard.repo)) == 2


def test_a_halt_is_among_what_happened_to_a_symbol_in_its_bar(journal):
    journal.append([state("REDUCING", "the day's loss", time_ms=OPEN + 7)])

    assert [item.newest.kind for item in find(journal, f"BTCUSDT@{OPEN}")] == ["execution", "state"]

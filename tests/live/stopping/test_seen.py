"""What a human is shown before "adopt", and how a second executor gives itself away."""

from __future__ import annotations

from decimal import Decimal

import pytest

from autarch.errors import UsageError
from live.ports.venue import Execution, Position, Snapshot
from live.stopping.alone import other_executor
from live.stopping.seen import look, parse_seen

from .fake_venue import open_order


def snapshot(sizes, orders=()):
    return Snapshot(
        time_ms=0,
        generation=1,
        positions={s: Position(symbol=s, size=Decimal(q), stop_loss=Decimal(90)) for s, q in sizes.items()},
        orders=tuple(orders),
        hedge_mode=False,
        margin_mode="isolated",
        wallet=None,
    )


def fill(link, *, time_ms=1000, exec_id="e1"):
    return Execution(
        exec_id=exec_id, exec_type="Trade", create_type="CreateByUser", symbol="BTCUSDT", side="Buy", order_id="1",
        order_link_id=link, qty=Decimal(1), price=Decimal(100), fee=Decimal(0), time_ms=time_ms,
    )  # fmt: skip


def test_positions_of_both_sides_are_shown_and_what_differs_is_named():
    seen = look("a", snapshot({"BTC": "2.0", "ETH": "0", "SOL": "1"}), {"BTC": Decimal(2), "XRP": Decimal(-3)})

    assert [(p.symbol, p.venue, p.journal) for p in seen.positions] == [
        ("BTC", "2", "2"),
        ("SOL", "1", "0"),
        ("XRP", "0", "-3"),
    ]
    assert [p.symbol for p in seen.differences] == ["SOL", "XRP"]
    assert parse_seen(seen.body) == seen


def test_the_digest_is_of_what_was_shown_and_not_of_how_it_is_written():
    shown = look("a", snapshot({"BTC": "2"}, [open_order("x", "BTC")]), {}).digest

    assert look("a", snapshot({"BTC": "2.00", "ETH": "0"}, [open_order("x", "BTC")]), {}).digest == shown
    assert look("b", snapshot({"BTC": "2"}, [open_order("x", "BTC")]), {}).digest != shown
    assert look("a", snapshot({"BTC": "2"}), {}).digest != shown
    assert look("a", snapshot({"BTC": "2"}, [open_order("y", "BTC")]), {}).digest != shown
    assert look("a", snapshot({"BTC": "2.1"}, [open_order("x", "BTC")]), {}).digest != shown
    assert look("a", snapshot({"BTC": "2"}, [open_order("x", "BTC")]), {"BTC": Decimal(2)}).digest != shown


def test_a_look_of_another_version_is_refused():
    with pytest.raises(UsageError, match="none we know"):
        parse_seen({"account": "a"})


def test_an_order_of_our_making_that_nobody_wrote_down_is_another_executors():
    def other(orders=(), fills=(), known=()):
        return other_executor(orders, fills, is_known=set(known).__contains__, since_ms=500)

    assert other([open_order("at-1", "BTC")], [fill("at-2")], known=["at-1", "at-2"]) is None
    assert other([open_order("", "BTC"), open_order("by-hand", "BTC")], [fill("ak-1"), fill("")]) is None
    assert "order at-1 has" in other([open_order("at-1", "BTC")])
    assert "order at-2 has" in other([], [fill("at-2")])
    assert other([], [fill("at-2", time_ms=499)]) is None
    assert "at-0, at-1, at-2, ..." in other([open_order(f"at-{n}", "BTC") for n in range(5)])

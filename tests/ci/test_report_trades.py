"""Trades of two backtests are matched by hand-made cases: the same, moved, added, removed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci.report_trades import Trade, counts, trade_changes


def a_trade(entry: int, leave: int, *, symbol: str = "BTCUSDT", side: str = "long", profit: float = 1.0) -> Trade:
    return Trade(symbol=symbol, side=side, entry_ms=entry, exit_ms=leave, profit=profit, profit_frac=profit / 100.0)


def words(own, theirs):
    return [(change.what, change.shown.entry_ms) for change in trade_changes(tuple(own), tuple(theirs))]


def test_equal_entry_and_exit_is_the_same_trade_whatever_it_earned() -> None:
    own, theirs = a_trade(10, 20, profit=5.0), a_trade(10, 20, profit=3.0)

    (change,) = trade_changes((own,), (theirs,))

    assert change.what == "same"
    assert change.profit_change == 2.0  # 5 - 3


def test_held_at_one_time_on_one_side_it_has_moved() -> None:
    assert words([a_trade(10, 20)], [a_trade(15, 30)]) == [("moved", 10)]
    assert words([a_trade(10, 20)], [a_trade(21, 30)]) == [("added", 10), ("removed", 21)]


def test_another_symbol_or_side_is_another_trade() -> None:
    assert words([a_trade(10, 20)], [a_trade(10, 20, symbol="ETHUSDT")]) == [("added", 10), ("removed", 10)]
    assert words([a_trade(10, 20)], [a_trade(10, 20, side="short")]) == [("added", 10), ("removed", 10)]


def test_one_long_trade_cut_into_two_is_one_moved_and_one_added() -> None:
    own, theirs = [a_trade(10, 14), a_trade(16, 20)], [a_trade(10, 20)]

    assert words(own, theirs) == [("moved", 10), ("added", 16)]


def test_beside_nothing_all_is_added_and_beside_itself_all_is_the_same() -> None:
    trades = (a_trade(1, 2), a_trade(3, 9), a_trade(12, 12))

    assert counts(trade_changes(trades, ())) == {"added": 3, "removed": 0, "moved": 0, "same": 0}
    assert counts(trade_changes(trades, trades)) == {"added": 0, "removed": 0, "moved": 0, "same": 3}
    assert trade_changes((), ()) == ()


def chains():
    """Trades of one symbol and side, which follow one another."""
    gaps = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5)), max_size=12)

    def laid(pairs):
        at, found = 0, []
        for gap, length in pairs:
            found.append(a_trade(at + gap, at + gap + length))
            at += gap + length
        return tuple(found)

    return gaps.map(laid)


@given(chains(), chains())
def test_every_trade_of_either_side_is_told_once(own, theirs) -> None:
    changes = trade_changes(own, theirs)

    assert sorted(c.own.entry_ms for c in changes if c.own) == [t.entry_ms for t in own]
    assert sorted(c.theirs.entry_ms for c in changes if c.theirs) == [t.entry_ms for t in theirs]
    assert all((c.own is None) == (c.what == "removed") for c in changes)
    assert all((c.theirs is None) == (c.what == "added") for c in changes)

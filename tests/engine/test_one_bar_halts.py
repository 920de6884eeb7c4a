"""What one bar means: funding, bars that do not trade, several symbols. The market is test_one_bar_orders'."""

from __future__ import annotations


def flat(*prices):
    return [(p, p, p, p) for p in prices]


def test_funding_at_the_open_hits_the_position_carried_in_and_not_the_one_entered_there(desk):
    quarter = 900_000
    # stamps at the opens of rows 1 (entry there), 2 and 3 (close there), rate 1 %, mark = last close 100
    funding = {1 * quarter: 0.01, 2 * quarter: 0.01, 3 * quarter: 0.01, 4 * quarter: 0.01}

    result = desk.play(flat(100, 100, 100, 100, 100), [1.0, 1.0, 0.0, 0.0, 0.0], funding=funding)

    # row 1: nothing carried in; rows 2 and 3: 10 * 100 * 0.01 = 10 each; row 4: closed at the open of 3
    assert result.funding["row"].tolist() == [2, 3]
    assert result.funding["payment"].tolist() == [10.0, 10.0]
    assert result.equity.tolist() == [1000.0, 1000.0, 990.0, 980.0, 980.0]


def test_funding_inside_the_bar_comes_after_its_stops(desk):
    quarter = 900_000
    # entered at the open of row 1 and stopped out inside it at 98: the stamp inside finds nothing
    rows = [(100, 100, 100, 100), (100, 100, 97, 99), (99, 99, 99, 99)]
    funding = {quarter + 1: 0.01}

    stopped = desk.play(rows, [1.0, 1.0, 1.0], stop=0.02, funding=funding)
    held = desk.play(rows, [1.0, 1.0, 1.0], stop=0.05, funding=funding)

    assert stopped.funding.size == 0
    assert held.funding["payment"].tolist() == [10.0]  # 10 coins * last close 100 * 1 %
    assert held.funding["ts"].tolist() == [desk.start_ms + quarter + 1]


def test_a_short_receives_a_positive_rate(desk):
    result = desk.play(flat(100, 100, 100), [-1.0, -1.0, -1.0], funding={1_800_000: 0.01})

    assert result.funding["payment"].tolist() == [-10.0]
    assert result.equity[-1] == 1010.0


def test_funding_uses_the_newest_mark_at_or_before_the_stamp_else_the_last_close(desk):
    quarter = 900_000
    funding = {2 * quarter: 0.01, 3 * quarter: 0.01, 4 * quarter: 0.01}
    mark = {3 * quarter: 120.0, 4 * quarter + 1: 999.0}

    result = desk.play(flat(100, 100, 110, 110, 110), [1.0] * 5, funding=funding, mark=mark)

    # stamp 2: no mark yet: close of row 1 = 100; stamp 3: mark stamped there; stamp 4: the newer one is too late
    assert result.funding["mark"].tolist() == [100.0, 120.0, 120.0]
    assert result.funding["payment"].tolist() == [10.0, 12.0, 12.0]


def test_several_stamps_inside_one_bar_are_each_paid(desk):
    hour = 3_600_000
    market = desk.market(
        desk.series(flat(100, 100, 100), funding={26 * hour: 0.001, 32 * hour: 0.002, 48 * hour: 0.004}), interval="1d"
    )
    result = desk.backtest(market, desk.decisions(market, [1.0, 1.0, 1.0]))

    # day 1 holds 10 coins: 1.0 and 2.0 inside it; 4.0 at the open of day 2
    assert result.funding["payment"].tolist() == [1.0, 2.0, 4.0]
    assert result.funding["row"].tolist() == [1, 1, 2]


def test_on_a_bar_that_does_not_trade_a_raise_is_dropped_for_good(desk):
    result = desk.play(flat(100, 100, 100), [1.0, 1.0, 1.0], traded=[True, False, True])

    assert result.fills.size == 0
    assert desk.skips(result) == [(1, "bar not traded", 10.0)]


def test_on_bars_that_do_not_trade_a_reduction_waits_and_is_then_done(desk):
    result = desk.play(
        flat(100, 100, 100, 100, 100), [1.0, 0.4, 0.4, 0.4, 0.4], traded=[True, True, False, False, True]
    )

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (4, "reduce", -6.0, 100.0)]
    assert result.skipped.size == 0


def test_a_flip_over_bars_that_do_not_trade_closes_later_and_never_enters(desk):
    result = desk.play(
        flat(100, 100, 100, 100, 100), [1.0, -0.4, -0.4, -0.4, -0.4], traded=[True, True, False, True, True]
    )

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (3, "close", -10.0, 100.0)]
    assert desk.skips(result) == [(2, "bar not traded", -4.0)]


def test_a_newer_decision_replaces_a_waiting_reduction(desk):
    # to 0.4 while halted, then to 0.8: only 2 of 10 are sold when trading resumes
    result = desk.play(flat(100, 100, 100, 100), [1.0, 0.4, 0.8, 0.8], traded=[True, True, False, True])

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (3, "reduce", -2.0, 100.0)]


def test_a_carried_position_pays_funding_through_a_halt(desk):
    result = desk.play(flat(100, 100, 100, 100), [1.0] * 4, traded=[True, True, False, True], funding={1_800_000: 0.01})

    assert result.funding["payment"].tolist() == [10.0]


def test_a_stop_is_not_touched_on_a_bar_that_does_not_trade_but_jumped_after_it(desk):
    rows = [*flat(100, 100, 100), (90, 92, 90, 92)]

    result = desk.play(rows, [1.0] * 4, stop=0.05, traded=[True, True, False, True])

    assert desk.story(result)[1] == (3, "stop_loss", -10.0, 90.0)


def test_each_mode_means_an_equal_slice_and_panel_the_whole(desk):
    market = desk.market(desk.series(flat(100, 100)), desk.series(flat(50, 50), "BBBUSDT"))

    each = desk.backtest(market, desk.decisions(market, [[1.0, -1.0]] * 2, mode="each"))
    panel = desk.backtest(market, desk.decisions(market, [[0.5, -0.25]] * 2, mode="panel"))

    # each: 500 / 100 = 5 and -500 / 50 = -10; panel: 500 / 100 = 5 and -250 / 50 = -5
    assert each.fills["qty"].tolist() == [5.0, -10.0]
    assert panel.fills["qty"].tolist() == [5.0, -5.0]


def test_symbols_share_one_equity(desk):
    # A makes 10 * 20 = 200; B is then sized on 1200: 0.5 * 1200 / 50 = 12
    market = desk.market(desk.series(flat(100, 100, 120, 120)), desk.series(flat(50, 50, 50, 50), "BBBUSDT"))
    exposure = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.5], [1.0, 0.5]]

    result = desk.backtest(market, desk.decisions(market, exposure, max_leverage=2.0))

    assert desk.story(result)[-1] == (3, "entry", 12.0, 50.0)
    assert result.fills["symbol"].tolist() == [0, 1]

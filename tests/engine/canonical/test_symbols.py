"""Several symbols on one equity; markets that begin, pause and end."""

from __future__ import annotations


def test_each_means_an_equal_slice(canon):
    # 1.0 of 500 at 100; -1.0 of 500 at 50
    table = """
        bar A | decide A | bar B | decide B | happens                              | equity | exposure A | exposure B
        100   | +1       | 50    | -1       |                                      | 1000   | 0          | 0
        100   |          | 50    |          | A entry +5 @ 100; B entry -10 @ 50   | 1000   | 0.5        | -0.5
        110   |          | 45    |          |                                      | 1100   | 0.5        | -450/1100
    """
    assert canon(table, mode="each").differences == []


def test_a_slice_is_of_all_the_symbols_though_some_stay_flat(canon):
    # a third of 1,000 at 100: 3.333
    table = """
        bar A | decide A | bar B | decide B | bar C | decide C | happens              | equity
        100   | +1       | 50    | 0        | 20    | 0        |                      | 1000
        100   |          | 50    |          | 20    |          | A entry +3.333 @ 100 | 1000
    """
    assert canon(table, mode="each").differences == []


def test_a_panel_means_the_whole_sleeve(canon):
    table = """
        bar A | decide A | bar B | decide B | happens                              | equity
        100   | +0.5     | 50    | -0.25    |                                      | 1000
        100   |          | 50    |          | A entry +5 @ 100; B entry -5 @ 50    | 1000
    """
    assert canon(table, mode="panel").differences == []


def test_symbols_share_one_equity(canon):
    # A has made 100: B is bought for half of 1,100; a slice of each is of the same 1,100
    table = """
        bar A | decide A | bar B | decide B | happens            | equity
        100   | +0.5     | 50    | 0        |                    | 1000
        100   |          | 50    |          | A entry +5 @ 100   | 1000
        120   |          | 50    | +0.5     |                    | 1100
        120   |          | 50    |          | B entry +11 @ 50   | 1100
    """
    sliced = table.replace("+0.5", "+1  ")

    assert canon(table).differences == []
    assert canon(sliced, mode="each").differences == []


def test_both_are_sized_at_one_close_whatever_their_opens_do(canon):
    # the gap of A at the open costs 10 x 10, which B's size, fixed at the close before, does not feel
    table = """
        bar A | decide A | bar B | decide B | happens                              | equity
        100   | +1       | 50    | 0        |                                      | 1000
        100   |          | 50    | +1       | A entry +10 @ 100                    | 1000
        90    | 0        | 50    |          | B entry +20 @ 50                     | 900
        90    |          | 50    | +0.9     | A close -10 @ 90                     | 900
        90    |          | 50    |          | B reduce -3.8 @ 50                   | 900
    """
    # 0.9 x 900 / 50 = 16.2
    assert canon(table, leverage=2.0).differences == []


def test_context_symbols_are_read_but_not_traded(canon):
    # B moves and pays funding and nobody holds it; A's slice is the whole
    table = """
        bar A | decide A | bar B | stamps B | happens           | equity
        100   | +1       | 50    | 0m 1%    |                   | 1000
        100   |          | 70    | 0m 1%    | A entry +10 @ 100 | 1000
        110   |          | 10    | 0m 1%    |                   | 1100
    """
    assert canon(table, mode="each", trade="A").differences == []


def test_each_symbol_has_its_own_contract(canon):
    # A: whole coins, 0.1 %; B: steps of 0.01, free; both half of 999, an odd sum
    table = """
        bar A | decide A | bar B | decide B | happens                                            | equity
        100   | +0.5     | 70    | +0.5     |                                                    | 999
        100   |          | 70    |          | A entry +4 @ 100 fee 0.4; B entry +7.13 @ 70 fee 0 | 998.6
    """
    own = {"A": {"step": "1", "fee": "0.001"}, "B": {"step": "0.01"}}

    assert canon(table, of=own, capital=999.0).differences == []


def test_a_symbol_listed_later_is_traded_from_its_first_bar_on(canon):
    # B begins in row 2: a decision before that is dropped, and one for its first open fills there
    table = """
        bar A | decide A | bar B | decide B | happens                                | equity
        100   | +0.5     | x 50  | +0.5     |                                        | 1000
        100   |          | x 50  | +0.4     | A entry +5 @ 100; B skip not_traded +10 | 1000
        100   |          | 50    |          | B entry +8 @ 50                        | 1000
        100   |          | 60    |          |                                        | 1080
    """
    assert canon(table).differences == []


def test_through_a_gap_the_position_is_carried_and_pays(canon):
    # the stop at 95 is not looked at in the gap, funding is due in it, and the open after it jumps to 93
    table = """
        bar   | stamps | decide     | happens              | equity          | exposure
        100   |        | +1 stop 5% |                      | 1000            | 0
        100   |        |            | entry +10 @ 100      | 1000            | 1
        x 100 | 0m 1%  |            | funding 10           | 990             | 1000/990
        x 100 | 0m -1% |            | funding -10          | 1000            | 1
        93    |        |            | stop_loss -10 @ 93   | 930             | 0
    """
    assert canon(table).differences == []


def test_events_of_one_open_come_in_the_manifests_order(canon):
    table = """
        bar A | decide A | bar B | decide B | happens                              | equity
        100   | +0.5     | 100   | -0.3     |                                      | 1000
        100   | 0        | 100   | 0        | A entry +5 @ 100; B entry -3 @ 100   | 1000
        100   |          | 100   |          | A close -5 @ 100; B close +3 @ 100   | 1000
    """
    assert canon(table).differences == []


def test_a_stop_of_one_is_felt_by_the_next_size_of_another(canon):
    # B is stopped inside row 1 for -20: A's 0.5 is then 0.5 x 980 / 48 = 10.2083: 10.208, 5.208 more
    table = """
        bar A | decide A | bar B        | decide B | happens                                                  | equity
        50    | +0.25    | 100          | +1 stop 2% |                                                        | 1000
        48    | +0.5     | 100 100 97 100 |          | A entry +5 @ 48; B entry +10 @ 100; B stop_loss -10 @ 98 | 980
        48    |          | 100          |          | A entry +5.208 @ 48                                      | 980
        58    |          | 100          |          |                                                          | 1082.08
    """
    assert canon(table, leverage=2.0).differences == []


def test_what_happens_at_the_open_comes_before_what_happens_inside_the_bar(canon):
    # for all symbols: B's entry is before A's stop, whatever their order; funding at the open before all, inside last
    row = "A funding 5; B entry +5 @ 50; A stop_loss -5 @ 98; B funding 2.5"
    table = f"""
        bar A          | stamps A     | decide A    | bar B | stamps B | decide B | happens
        100            |              | +5 stop 2%  | 50    |          | 0        |
        100            |              | +5          | 50    |          | +5       | A entry +5 @ 100
        100 100 97 100 | 0m 1%; 1m 1% |             | 50    | 1m 1%    |          | {row}
    """
    assert canon.coins()(table).differences == []

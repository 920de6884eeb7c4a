"""A window's bars are counted from the epoch, as those of its market are."""

from __future__ import annotations

from autarch.evaluation import Block, frames_of


def test_a_window_begins_at_the_bar_its_block_begins_with(market_of, source_of) -> None:
    market = market_of()
    frames = frames_of(source_of("return Targets(exposure=np.zeros(len(bars)))").manifest, market)
    first = int(market.ts[0]) // market.interval_ms

    window = frames.window("BTCUSDT", Block(start=30, first=40, end=60))

    assert window.first_bar == first + 30
    assert {rows.shape[1] for rows in window.columns.values()} == {30}

"""Whole blocks, prefixes and live bars: the same bytes for an honest strategy, not for a peeking one."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import StrategyError, UsageError
from autarch.evaluation import Cut, decide_at, decide_blocks, decide_live, frames_of
from autarch.sandbox import Worker

TREND = """\
fast = talib.EMA(bars.close, timeperiod=p.fast)
return Targets(exposure=np.where(bars.close > fast, 1.0, -0.5), stop_loss=0.02)"""
VOLATILE = """\
returns = pd.Series(np.log(bars.close)).diff()
return Targets(exposure=np.tanh(returns / returns.ewm(span=p.fast).std()).fillna(0.0).to_numpy() * 0.9)"""
PEEK = """\
later = np.append(bars.close[1:], bars.close[-1])
return Targets(exposure=np.sign(later - bars.close))"""
NORMALISED = """\
return Targets(exposure=np.clip((bars.close - bars.close.mean()) / bars.close.std() / 9.0, -1.0, 1.0))"""


def all_cuts(decisions) -> list[Cut]:
    return [Cut(symbol_index=int(c), row=int(r)) for r, c in np.argwhere(decisions.counts)]


def same_bytes(rows, decisions, cuts) -> list[bool]:
    at = ([c.row for c in cuts], [c.symbol_index for c in cuts])
    pairs = [(getattr(rows, n), getattr(decisions, n)[at]) for n in ("exposure", "stop_loss", "take_profit")]
    return [all(a[i].tobytes() == b[i].tobytes() for a, b in pairs) for i in range(len(cuts))]


@pytest.mark.parametrize("body", [TREND, VOLATILE])
def test_an_honest_strategy_decides_the_same_bytes_in_blocks_and_prefixes(worker, market_of, source_of, body) -> None:
    market, source = market_of(n_bars=1300), source_of(body)

    decisions = decide_blocks(worker, source, market)
    cuts = all_cuts(decisions)[::7]
    rows = decide_at(worker, source, market, cuts)

    assert len(cuts) > 100
    assert all(same_bytes(rows, decisions, cuts))


@pytest.mark.parametrize("body", [PEEK, NORMALISED])
def test_a_strategy_that_reads_later_bars_of_its_block_is_told_apart(worker, market_of, source_of, body) -> None:
    market, source = market_of(n_bars=1300), source_of(body)

    decisions = decide_blocks(worker, source, market)
    cuts = all_cuts(decisions)[::7]
    rows = decide_at(worker, source, market, cuts)

    assert same_bytes(rows, decisions, cuts).count(False) > len(cuts) // 2


def test_rows_count_from_the_first_block_with_a_whole_warm_up_and_are_flat_before(worker, market_of, source_of) -> None:
    # Bar 699,640 is row 0 and 1h blocks have 504 bars: 1389 * 504 = 700,056 is row 416, then 920.
    decisions = decide_blocks(worker, source_of(TREND), market_of(n_bars=1000))

    assert not decisions.counts[:416].any()
    assert decisions.counts[416:].all()
    assert not decisions.exposure[:416].any()
    assert np.isnan(decisions.stop_loss[:416]).all()
    assert set(np.unique(decisions.exposure[416:])) == {-0.5, 1.0}
    assert (decisions.stop_loss[416:] == 0.02).all()


def test_a_late_listing_delays_its_own_symbol_and_whoever_reads_it(worker, market_of, source_of) -> None:
    # ETHUSDT is listed at row 400: 416 - 60 = 356 < 400, so its first block begins at row 920.
    market = market_of(n_bars=1000, first_rows={"ETHUSDT": 400})

    each = decide_blocks(worker, source_of(TREND), market)
    panel = decide_blocks(
        worker, source_of("return Targets(exposure=np.zeros(bars.close.shape))", mode="panel"), market
    )
    context = decide_blocks(worker, source_of(TREND, symbols=("BTCUSDT",), context=("ETHUSDT",)), market)

    assert each.counts.argmax(axis=0).tolist() == [416, 920]
    assert panel.counts.argmax(axis=0).tolist() == [920, 920]
    assert context.counts.argmax(axis=0).tolist() == [920]


def test_a_panel_and_a_context_decide_alike_in_blocks_prefixes_and_live(worker, market_of, source_of) -> None:
    ranked = "r = ops.rank(pd.DataFrame(bars.close).pct_change(p.fast).to_numpy())\n"
    panel = source_of(
        ranked + "return Targets(exposure=np.nan_to_num(r - 0.5) / 3.0)",
        symbols=("SOLUSDT", "BTCUSDT", "ETHUSDT"),
        mode="panel",
    )
    context = source_of(
        "return Targets(exposure=np.where(bars.context['ETHUSDT'].close > bars.close, 1.0, 0.0))",
        symbols=("BTCUSDT", "SOLUSDT"),
        context=("ETHUSDT",),
    )
    market = market_of(n_bars=600)
    for source in (panel, context):
        decisions = decide_blocks(worker, source, market)
        rows = [416, 417, 500, 599]
        width = 1 if source is panel else 2
        cuts = [Cut(symbol_index=c, row=row) for row in rows for c in range(width)]

        answer = decide_at(worker, source, market, cuts)
        expected = decisions.exposure[rows]
        with worker.session(source) as session:
            frames = frames_of(source.manifest, market)
            live = [decide_live(session, frames, row=row) for row in rows]

        assert decisions.exposure.any()
        assert answer.exposure.reshape(expected.shape).tobytes() == expected.tobytes()
        assert np.concatenate([x.exposure for x in live]).tobytes() == expected.tobytes()
        assert all(x.counts.all() for x in live)


def test_the_columns_of_a_panel_are_the_manifest_s_symbols(worker, market_of, source_of) -> None:
    source = source_of(
        "return Targets(exposure=bars.close / 1000.0)", symbols=("SOLUSDT", "BTCUSDT"), mode="panel", params=""
    )
    market = market_of(n_bars=600)

    decisions = decide_blocks(worker, source, market)

    expected = np.stack([market.of("SOLUSDT").close, market.of("BTCUSDT").close], axis=1)[416:] / 1000.0
    assert decisions.exposure[416:].tobytes() == expected.tobytes()


def test_another_hash_seed_and_clock_give_the_same_digest(worker, market_of, source_of) -> None:
    market, source = market_of(n_bars=1000), source_of(VOLATILE)

    with Worker(hash_seed=11, clock_shift_s=86_400) as other:
        again = decide_blocks(other, source, market)

    assert again.digest() == decide_blocks(worker, source, market).digest()


def test_appending_bars_changes_no_decision_made_before(worker, market_of, source_of) -> None:
    source = source_of(VOLATILE)
    longer, shorter = market_of(n_bars=1000), market_of(n_bars=1000)
    frames = frames_of(source.manifest, longer)

    whole = decide_blocks(worker, source, longer)
    poisoned = decide_blocks(
        worker,
        source,
        shorter,
        transform=lambda _symbol, columns: np.where(np.arange(columns.shape[1]) > 700, 1e6, columns),
    )

    assert frames.n_bars == 1000
    assert whole.exposure[:701].tobytes() == poisoned.exposure[:701].tobytes()
    assert whole.exposure[701:].tobytes() != poisoned.exposure[701:].tobytes()


def test_a_moved_anchor_and_a_longer_history_move_the_blocks(worker, market_of, source_of) -> None:
    # Moved by 256: the first block begins at row 672 - 504 = 168; with 4 * 60 = 240 bars before it, at row 672.
    market, source = market_of(n_bars=1000), source_of(TREND)

    moved = decide_blocks(worker, source, market, anchor_shift=256)
    longer = decide_blocks(worker, source, market, anchor_shift=256, history=4)

    assert moved.counts.argmax(axis=0).tolist() == [168, 168]
    assert longer.counts.argmax(axis=0).tolist() == [672, 672]


def test_answers_come_in_the_order_of_the_cuts(worker, market_of, source_of) -> None:
    market = market_of(n_bars=1000)
    source = source_of("return Targets(exposure=bars.close / 1000.0)", params="")
    cuts = [Cut(symbol_index=1, row=999), Cut(symbol_index=0, row=416), Cut(symbol_index=0, row=999)]

    rows = decide_at(worker, source, market, cuts)

    closes = [market.of("ETHUSDT").close[999], market.of("BTCUSDT").close[416], market.of("BTCUSDT").close[999]]
    assert rows.exposure.tolist() == [close / 1000.0 for close in closes]


def test_a_live_bar_that_does_not_count_is_flat(worker, market_of, source_of) -> None:
    market, source = market_of(n_bars=600, first_rows={"ETHUSDT": 400}), source_of(TREND)

    with worker.session(source) as session:
        live = decide_live(session, frames_of(source.manifest, market), row=450)

    assert live.counts.tolist() == [[True, False]]
    assert live.exposure[0, 0] in {-0.5, 1.0}
    assert live.exposure[0, 1] == 0.0


def test_parameters_reach_every_form(worker, market_of, source_of) -> None:
    market, source = market_of(n_bars=600), source_of("return Targets(exposure=np.full(len(bars), p.fast / 100.0))")

    blocks = decide_blocks(worker, source, market, params={"fast": 40})
    cuts = decide_at(worker, source, market, [Cut(symbol_index=0, row=500)], params={"fast": 40})

    assert set(np.unique(blocks.exposure[416:])) == {0.4}
    assert cuts.exposure.tolist() == [0.4]


def test_a_series_too_short_for_one_block_decides_nothing(worker, market_of, source_of) -> None:
    decisions = decide_blocks(worker, source_of(TREND), market_of(n_bars=300))

    assert not decisions.counts.any()


@pytest.mark.parametrize(
    "cut", [Cut(symbol_index=2, row=500), Cut(symbol_index=0, row=600), Cut(symbol_index=0, row=415)]
)
def test_a_cut_outside_the_counting_rows_is_refused(worker, market_of, source_of, cut) -> None:
    with pytest.raises(UsageError, match=str(cut.row)):
        decide_at(worker, source_of(TREND), market_of(n_bars=600), [cut])


def test_a_market_without_a_symbol_or_of_another_interval_is_refused(worker, market_of, source_of) -> None:
    with pytest.raises(UsageError, match="XRPUSDT"):
        decide_blocks(worker, source_of(TREND, symbols=("XRPUSDT",)), market_of(n_bars=600))
    with pytest.raises(UsageError, match="15m"):
        decide_blocks(worker, source_of(TREND), market_of(n_bars=600, interval="15m"))


def test_a_strategy_that_raises_on_one_block_fails_the_whole_evaluation(worker, market_of, source_of) -> None:
    body = "assert bars.close[0] < 1e5\n" + TREND
    expensive = 920 - 60

    with pytest.raises(StrategyError, match=r"decide\(\) raised at strategy.py line 9: AssertionError"):
        decide_blocks(
            worker,
            source_of(body),
            market_of(n_bars=1000),
            transform=lambda _symbol, columns: np.where(np.arange(columns.shape[1]) >= expensive, 1e6, columns),
        )

"""Bars of a live feed come back as they were seen, growing, revised by a later run, and never with a hole."""

from __future__ import annotations

import dataclasses
import sqlite3

import pytest

from autarch.errors import DataError
from autarch.evaluation import window_columns
from live.observing.kept import KeptBars
from tests.live.conftest import START_MS, instrument, market

STEP = 900_000


def cut(made, rows):
    """Return the first `rows` rows, with the settlements known by then: what a live feed had."""
    until = START_MS + rows * STEP
    series = []
    for one in made.series:
        fields = {
            name: getattr(one, name)[:rows] for name in ("open", "high", "low", "close", "volume", "turnover", "traded")
        }
        known = one.funding_ms < until
        series.append(
            dataclasses.replace(one, **fields, funding_ms=one.funding_ms[known], funding_rate=one.funding_rate[known])
        )
    return dataclasses.replace(made, ts=made.ts[:rows], series=tuple(series))


def content(found):
    """All of a market that decisions or fills could depend on, to the last bit."""
    columns = [window_columns(found, symbol).tobytes() for symbol in found.symbols]
    schedules = [found.of(symbol).funding_schedule for symbol in found.symbols]
    about = (found.dataset, found.dataset_digest, found.split, found.interval, found.symbols)
    return about, found.ts.tolist(), columns, schedules


def read(kept, seq=1):
    return kept.market("one_idea", seq=seq, instrument=instrument)


@pytest.fixture
def kept(tmp_path):
    opened = KeptBars(tmp_path / "bars.sqlite3")
    yield opened
    opened.close()


def test_what_grew_bar_by_bar_comes_back_to_the_last_bit(kept):
    made = market(n_bars=120)
    kept.begin("one_idea", cut(made, 90), seq=1)
    for row in range(90, 120):
        kept.keep("one_idea", cut(made, row + 1), row=row)
        kept.keep("one_idea", cut(made, row + 1), row=row)  # asked twice, kept once

    assert content(read(kept)) == content(made)


def test_another_run_sees_a_revised_bar_and_the_first_run_does_not(kept):
    made = market(n_bars=50)
    closes = made.series[0].close.copy()
    closes[20] += 0.05
    revised = dataclasses.replace(made, series=(dataclasses.replace(made.series[0], close=closes), made.series[1]))
    kept.begin("one_idea", made, seq=1)
    kept.begin("one_idea", revised, seq=40)

    assert content(read(kept, 1)) == content(made)
    assert content(read(kept, 40)) == content(revised)


def test_only_what_changed_is_written_again(kept, tmp_path):
    made = market(n_bars=50)
    kept.begin("one_idea", made, seq=1)
    kept.begin("one_idea", made, seq=40)

    with sqlite3.connect(tmp_path / "bars.sqlite3") as database:
        (count,) = database.execute("SELECT count(*) FROM bars").fetchone()
    database.close()
    assert count == 100  # 50 bars of two symbols


def test_a_later_run_that_begins_later_has_its_own_first_bar(kept):
    made = market(n_bars=60)
    later = dataclasses.replace(
        made,
        ts=made.ts[10:],
        series=tuple(
            dataclasses.replace(
                one,
                **{n: getattr(one, n)[10:] for n in ("open", "high", "low", "close", "volume", "turnover", "traded")},
            )
            for one in made.series
        ),
    )
    kept.begin("one_idea", made, seq=1)
    kept.begin("one_idea", later, seq=9)

    assert int(read(kept, 9).ts[0]) == int(made.ts[10])


def test_a_hole_and_a_run_that_was_never_kept_are_told(kept, tmp_path):
    kept.begin("one_idea", market(n_bars=30), seq=1)
    with pytest.raises(DataError, match="no bars of one_idea in run 7"):
        read(kept, 7)
    with sqlite3.connect(tmp_path / "bars.sqlite3") as database:
        database.execute("DELETE FROM bars WHERE ts = ?", (START_MS + 12 * STEP,))
    database.close()
    with pytest.raises(DataError, match="are missing"):
        read(kept)
    with pytest.raises(DataError, match="no bars of a live feed are kept"):
        KeptBars(tmp_path / "other.sqlite3", read_only=True)

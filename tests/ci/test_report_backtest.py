"""The page of a backtest shows every curve, fill and metric, escapes what a strategy says, needs no network."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest

from autarch.decisions import empty_decisions
from autarch.engine import CostModel
from autarch.evaluation.playing import likeness, play_decisions
from autarch.evaluation.sheet import Column, Part, Sheet, assumed_words
from autarch.market.load import load_market
from autarch.metrics.shown import label
from ci.report_backtest import FILLS_SHOWN, html

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def played(bars_on_disk, kit):
    lock, stores = bars_on_disk
    market = load_market(lock, split="train", symbols=("BTCUSDT", "SOLUSDT"), interval="15m", stores=stores)

    def play(seed):
        source = kit.candidate(kit.trend, symbols=("BTCUSDT", "SOLUSDT")).source
        decisions = empty_decisions(source.manifest, n_bars=market.n_bars)
        held = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], size=(market.n_bars // 20, 2))
        decisions.exposure[: 20 * held.shape[0]] = np.repeat(held, 20, axis=0)
        decisions.exposure[:100] = 0.0
        decisions.counts[100:] = True
        return play_decisions(source, decisions, market, costs=CostModel.from_lock(lock), capital=10_000.0)

    return {"one": play(1), "two": play(2)}


def column(label_, played, title="A probe", findings=()):
    return Column(
        label=label_,
        place=f"strategies/{label_}",
        title=title,
        result=played.result,
        market=played.market,
        metrics=played.metrics,
        first_ms=played.first_ms,
        params=played.params,
        decisions=played.decisions.digest(),
        findings=findings,
    )


def sheet_of(*columns, kind="backtest", like=None):
    return Sheet(
        kind=kind,
        dataset="hills@" + "a" * 64,
        split="train",
        costs=CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0),
        costs_factor=1.0,
        assumed=("costs.impact_k", "BTCUSDT.taker_fee", "SOLUSDT.taker_fee", "SOLUSDT.tick_size"),
        sandbox="full on Linux",
        numerics="n" * 64,
        parts=(Part(title="part", columns=columns, margin_mode="isolated"),),
        likeness=like,
    )


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_one_strategy_s_page_has_its_curves_its_prices_and_its_fills(played):
    one = played["one"]

    page = html(sheet_of(column("one", one)))

    drawn = data_of(page)
    assert [c["label"] for c in drawn["parts"][0]] == ["one"]
    assert drawn["parts"][0][0]["equity"][-1] == pytest.approx(one.result.equity[-1], rel=1e-5)
    assert [price["title"] for price in drawn["prices"]] == ["one: BTCUSDT", "one: SOLUSDT"]
    for price in drawn["prices"]:
        assert len(price["time_s"]) == len(price["close"]) <= 1_500
        assert len(price["marks"]) == price["marked"] > 0
        assert all(0 <= mark[0] < len(price["time_s"]) for mark in price["marks"])
    assert f"the newest {FILLS_SHOWN} of {one.result.fills.size} fills" in page
    shown = re.findall(r'<tr><td class="nowrap">(20[^<]+)</td>', page)
    newest = datetime.fromtimestamp(int(one.result.fills["ts"][-1]) / 1000, UTC)
    assert len(shown) == FILLS_SHOWN
    assert shown[0] == newest.strftime("%Y-%m-%d %H:%M")
    assert shown == sorted(shown, reverse=True)
    assert all(label(name) in page for name in one.metrics)
    assert "costs.impact_k, taker_fee, tick_size of SOLUSDT" in page
    assert "not a verdict" in page


def test_two_are_drawn_in_units_of_their_capital_beside_each_other(played):
    one, two = played["one"], played["two"]

    like = likeness(one, two)
    page = html(sheet_of(column("one", one), column("two", two), kind="comparison", like=like))

    left, right = data_of(page)["parts"][0]
    assert left["equity"][0] == right["equity"][0] == 1.0
    assert right["equity"][-1] == pytest.approx(two.result.equity[-1] / 10_000.0, rel=1e-5)
    assert f"{like.correlation:.3f}" in page
    assert f"{100 * like.alike:.2f} %" in page


def test_the_page_needs_no_network_and_nothing_a_strategy_says_becomes_markup(played):
    said = f"strategy.py:1:1: {EVIL}"
    page = html(sheet_of(column(EVIL, played["one"], title=EVIL, findings=(said,))))

    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert data_of(page)["parts"][0][0]["label"] == EVIL  # in the data, and not markup there
    assert page.count("<script") == page.count("</script>") == 3
    assert not re.search(r"(?:src|href)=[\"']?https?:", page)
    assert "default-src 'none'" in page
    assert "Apache License" in page


def test_a_worker_that_was_not_confined_is_named(played):
    weak = dataclasses.replace(sheet_of(column("one", played["one"])), sandbox="weak, not a verdict on Linux")

    assert "The worker was not confined" in html(weak)


def test_a_run_without_a_fill_still_makes_a_page(played):
    idle = dataclasses.replace(played["one"].result, fills=played["one"].result.fills[:0])

    page = html(sheet_of(dataclasses.replace(column("one", played["one"]), result=idle)))

    assert "0 fills" in page


def test_an_assumption_of_every_symbol_is_named_once():
    names = ("costs.impact_k", "A.fee", "B.fee", "B.tick")

    assert assumed_words(names) == "costs.impact_k, fee, tick of B"
    assert assumed_words(()) == "nothing"


@pytest.mark.slow
def test_a_browser_draws_every_chart_without_an_error(played, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium to look with")
    page = html(sheet_of(column("one", played["one"]), column("two", played["two"]), kind="comparison"))
    (tmp_path / "page.html").write_text(page, encoding="utf-8")

    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path / 'page.html'}",
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    charts = re.findall(r'<div class="chart[^"]*" id="(\w+)"><div', done.stdout)
    assert charts == ["equity0", "drawdown0", "exposure0", "price0", "price1", "price2", "price3"]
    assert "Uncaught" not in done.stderr

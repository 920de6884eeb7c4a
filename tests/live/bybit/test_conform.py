"""A conformance run holds on the simulated venue, finds every deviation planted in it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.errors import ConfigError, RefusedError, VenueError
from live.conform.bench import Bench, Ways
from live.conform.record import AGE_DAYS_MAX, DAY_MS, newest_record, read_record, require_mainnet, write_record
from live.conform.running import STEPS, body_of, run_steps
from live.conform.trading import liquidation_forms
from live.conform.values import Result
from live.simulator.core.matching import Matching
from live.simulator.core.requests import Refused
from live.simulator.wire import private, rest, shapes
from live.venue.bybit.asking import Asker
from live.venue.bybit.options import BybitOptions

from .in_process import SYMBOL, Hall, HallStreams, HallTransport, virtual


def conformed(prepare=lambda _: None, only=None, after=lambda _: None):
    """Run the steps, or those named, against a simulated venue; return the results by name."""

    async def main():
        hall = Hall()
        hall.site.exchange.set_leverage("1", SYMBOL, Decimal(3))
        prepare(hall)
        normal, late, early = (HallTransport(hall, off) for off in (0, -6000, 3000))
        asker = Asker(normal, BybitOptions(environment="sim"), told=lambda *_: None)
        bench = Bench(Ways(transport=normal, streams=HallStreams(hall), late=late, early=early), asker, symbol=SYMBOL)
        ticking = asyncio.create_task(hall.ticking())
        steps = [step for step in STEPS if only is None or step.name in only]
        try:
            results = await run_steps(bench, run="t", told=lambda _: None, steps=steps)
        finally:
            ticking.cancel()
        after(hall)
        return {result.name: result for result in results}

    return virtual(main)


def test_the_simulated_venue_does_what_we_assume_and_is_left_flat():
    def left(hall):
        assert hall.account.holdings[SYMBOL].qty == 0
        assert hall.account.open_orders == {}

    results = conformed(after=left)

    assert {name: r.seen for name, r in results.items() if r.verdict == "differs"} == {}
    # The script's market makes no bars.
    assert [name for name, r in results.items() if r.verdict == "undecided"] == ["confirmed-bar"]
    assert len(results) == len(STEPS)


def rounds_quantities(monkeypatch):
    take = private.create
    monkeypatch.setitem(
        private.PRIVATE_WRITES, "/v5/order/create",
        lambda site, key, body: take(site, key, {**body, "qty": str(Decimal(body["qty"]).quantize(Decimal("0.001")))}),
    )  # fmt: skip


def forgets_links(monkeypatch):
    take = private.create

    def create(site, key, body):
        account = site.exchange.accounts[key.uid]
        kept = {link: o for link, o in account.links.items() if o in account.open_orders}
        account.links.clear()
        account.links.update(kept)
        return take(site, key, body)

    monkeypatch.setitem(private.PRIVATE_WRITES, "/v5/order/create", create)


def takes_old_stamps(monkeypatch):
    from live.simulator.wire import keys

    monkeypatch.setattr(keys, "check_time", lambda *_, **__: None)


def hides_headers(monkeypatch):
    answer = rest._answer
    monkeypatch.setattr(rest, "_answer", lambda *a: replace(answer(*a), headers={}))


def renames_statuses(monkeypatch):
    shape = shapes.order_json
    monkeypatch.setattr(shapes, "order_json", lambda row: {**shape(row), "stopOrderType": "StopLossV2"})


def charges_more(monkeypatch):
    shape = shapes.execution_json
    monkeypatch.setattr(shapes, "execution_json", lambda row: {**shape(row), "execFee": str(row.exec_fee * 2)})


def other_ids_in_reads(monkeypatch):
    shape = private.executions

    def executions(site, key, query):
        found = shape(site, key, query)
        return {**found, "list": [{**row, "execId": f"r-{row['execId']}"} for row in found["list"]]}

    monkeypatch.setitem(private.PRIVATE_READS, "/v5/execution/list", executions)


def refuses_small_closes(monkeypatch):
    take = private.create

    def create(site, key, body):
        if body.get("reduceOnly") and Decimal(body["qty"]) * 1000 < 5:
            raise Refused(110094, "Order does not meet minimum order value")
        return take(site, key, body)

    monkeypatch.setitem(private.PRIVATE_WRITES, "/v5/order/create", create)


def cancels_everything(monkeypatch):
    take = private.cancel_all
    monkeypatch.setitem(
        private.PRIVATE_WRITES, "/v5/order/cancel-all",
        lambda site, key, body: take(site, key, {**body, "orderFilter": ""}),
    )  # fmt: skip


def moves_silently(monkeypatch):
    monkeypatch.setitem(private.PRIVATE_WRITES, "/v5/position/trading-stop", lambda *_: {})


def liquidates_elsewhere(monkeypatch):
    shape = shapes.position_json

    def position(row, contract, *, entry_name):
        return {**shape(row, contract, entry_name=entry_name), "liqPrice": "900"}

    monkeypatch.setattr(shapes, "position_json", position)


def keeps_reduce_only(monkeypatch):
    monkeypatch.setattr(Matching, "_cut_reductions", lambda *_: None)


DEVIATIONS = [
    (rounds_quantities, "off-step"),
    (forgets_links, "duplicate-filled"),
    (takes_old_stamps, "old-timestamp"),
    (hides_headers, "limit-header"),
    (renames_statuses, "entry-stop"),
    (charges_more, "fee"),
    (other_ids_in_reads, "fill"),
    (refuses_small_closes, "small-close"),
    (cancels_everything, "cancel-all-filter"),
    (moves_silently, "stop-moves"),
    (liquidates_elsewhere, "liquidation-price"),
    (keeps_reduce_only, "reduce-only-rests"),
]


@pytest.mark.parametrize(("plant", "name"), DEVIATIONS)
def test_a_planted_deviation_is_found_by_the_step_that_is_about_it(monkeypatch, plant, name):
    plant(monkeypatch)

    assert conformed(only={name})[name].verdict == "differs"


def test_a_stream_that_tells_nothing_is_found():
    def mute(hall):
        hall.fault("mute", where="private", lasts_ms=10**9)

    assert conformed(mute, only={"told-by-stream"})["told-by-stream"].verdict == "differs"


def test_reads_that_lag_for_a_minute_are_found():
    def lag(hall):
        hall.site.lag_ms = 60_000

    with pytest.raises(VenueError, match="has left"):
        conformed(lag, only={"found-by-link"})


def test_a_run_does_not_begin_on_a_symbol_that_is_in_use_or_not_traded():
    from live.simulator.core.requests import CreateOrder

    def hold(hall):
        hall.site.exchange.create("1", CreateOrder(symbol=SYMBOL, side="Buy", order_type="Market", qty=Decimal(1)))

    with pytest.raises(ConfigError, match=r"holds 1\.000 AAAUSDT"):
        conformed(hold)
    with pytest.raises(ConfigError, match="not traded"):
        conformed(lambda hall: hall.strike("halt_symbol"))


def test_liquidation_of_a_long_by_both_forms():
    row = {"avgPrice": "20000", "leverage": "50"}

    entry, mark = liquidation_forms(row, Decimal("0.005"))

    assert entry == 19_700  # 20000 * (1 - 1/50 + 0.005)
    assert round(mark, 2) == Decimal("19698.49")  # 20000 * 0.98 / 0.995


def body(**changes):
    verdict, vital = changes.pop("verdict", "held"), changes.pop("vital", False)
    results = [Result(name="a", expected="x", seen="y", verdict=verdict, matters="z", vital=vital)]
    return body_of(results, **{"environment": "demo", "symbol": "BTCUSDT", "time_ms": "1000", **changes})


def test_a_record_is_signed_by_its_host_and_an_altered_one_is_refused(tmp_path):
    path = write_record(tmp_path, body())
    assert read_record(tmp_path, path) == body()

    path.write_bytes(path.read_bytes().replace(b'"conforms":true', b'"conforms":false'))
    with pytest.raises(RefusedError, match="not signed"):
        newest_record(tmp_path)


def test_mainnet_wants_words_and_a_young_record_of_a_real_venue_that_conforms(tmp_path):
    def refused(match, error, *, understood=True, now_ms=2000):
        with pytest.raises(error, match=match):
            require_mainnet(tmp_path, understood=understood, now_ms=now_ms)

    refused("--i-understand-real-money", RefusedError, understood=False)
    refused("live conform --demo", ConfigError)
    write_record(tmp_path, body(environment="sim"))
    refused("live conform --demo", ConfigError)
    write_record(tmp_path, body())
    assert require_mainnet(tmp_path, understood=True, now_ms=1000 + AGE_DAYS_MAX * DAY_MS) == "demo 1000"
    refused("31 days old", ConfigError, now_ms=1000 + 31 * DAY_MS)
    refused("-1 days old", ConfigError, now_ms=1000 - DAY_MS)
    write_record(tmp_path, body(environment="testnet", time_ms="3000", verdict="differs"))
    refused("Bybit differs in: a", RefusedError, now_ms=4000)


@pytest.mark.parametrize("vital", [True, False])
def test_what_is_vital_does_not_conform_by_silence(vital):
    found = body(verdict="undecided", vital=vital)
    assert (found["conforms"], found["undecided"], found["differs"]) == (not vital, ["a"], [])
    assert json.loads(json.dumps(found)) == found

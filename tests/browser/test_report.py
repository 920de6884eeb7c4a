"""The report in a real browser: every chart, zoom, a trade on its bars, no network, phone, dark, print, axe."""

from __future__ import annotations

import dataclasses

import pytest

from ci.report_html import html
from tests.ci.conftest import *  # noqa: F403  the small market and a verdict on it

pytestmark = pytest.mark.slow
CHARTS = ["equity", "drawdown", "exposure", "scatter", "costs"]


@pytest.fixture(scope="module")
def page_file(outcome_of_trend, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(outcome_of_trend), encoding="utf-8")
    return path


@pytest.fixture
def shown(tab, page_file):
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page_file.as_uri())
    tab.wait_for_selector("html[data-ready=yes]")
    tab.asked = asked
    return tab


def test_every_chart_is_drawn_without_an_error_or_a_request(shown, page_file) -> None:
    for name in CHARTS:
        shown.locator(f"#{name}").scroll_into_view_if_needed()
        shown.wait_for_selector(f"#{name} canvas")
    shown.locator("#candles").scroll_into_view_if_needed()
    shown.wait_for_selector("#candles canvas")

    assert shown.faults == []
    assert shown.asked == [page_file.as_uri()]


def test_a_chart_out_of_sight_waits_and_paper_waits_for_none(shown) -> None:
    shown.wait_for_timeout(200)
    assert shown.locator("#costs canvas").count() == 0

    shown.evaluate("() => dispatchEvent(new Event('beforeprint'))")

    for name in CHARTS:
        assert shown.locator(f"#{name} canvas").count() > 0, name
    assert shown.faults == []


def test_a_trade_s_button_shows_it_on_its_bars_and_buttons_zoom(shown) -> None:
    shown.locator("button[data-trade]").last.click()
    shown.wait_for_selector("#candles[data-symbol=BTCUSDT] canvas")
    shown.wait_for_function("() => candles !== null")
    span_of = "(() => { const r = candles.chart.timeScale().getVisibleLogicalRange(); return r.to - r.from; })()"
    span = shown.evaluate(span_of)

    shown.click("[data-tools=candles] button[data-move=in]")
    shown.wait_for_function(f"() => {span_of} < {0.6 * span}")  # drawn with the next frame, not with the click
    closer = shown.evaluate(span_of)
    shown.click("[data-tools=candles] button[data-move=out]")

    shown.wait_for_function(f"() => {span_of} > {1.5 * closer}")
    assert shown.faults == []


def test_a_trade_s_button_pressed_while_its_bars_are_still_read_shows_it_then(tab, page_file) -> None:
    tab.add_init_script(
        "const own = Response.prototype.arrayBuffer, held = new Promise(free => { window.free = free; });"
        "Response.prototype.arrayBuffer = async function () { await held; return own.call(this); };"
    )
    tab.goto(page_file.as_uri())
    tab.locator("#candles").scroll_into_view_if_needed()
    tab.wait_for_function("() => at === 0")

    tab.locator("button[data-trade^='0 ']").last.click()
    tab.evaluate("free()")

    newest = "SHOWN + 5"
    span_of = "(() => { const r = candles.chart.timeScale().getVisibleLogicalRange(); return r.to - r.from; })()"
    tab.wait_for_function(f"() => candles !== null && Math.abs({span_of} - ({newest})) > 5")
    assert tab.faults == []


def test_charts_of_one_group_show_one_span(shown) -> None:
    shown.locator("#equity").scroll_into_view_if_needed()
    shown.wait_for_function("() => group.length > 0 && group[0].timeScale().getVisibleRange()")
    first = "JSON.stringify(group[0].timeScale().getVisibleRange())"
    whole = shown.evaluate(first)

    shown.click("[data-tools=behaviour] button[data-move=in]")
    shown.locator("#exposure").scroll_into_view_if_needed()
    shown.wait_for_function(f"whole => group.length === 3 && {first} !== whole", arg=whole)

    spans = "group.map(chart => JSON.stringify(chart.timeScale().getVisibleRange()))"
    shown.wait_for_function(f"() => new Set({spans}).size === 1")
    assert shown.faults == []


def test_bars_in_the_browser_are_the_market_s(shown, outcome_of_trend) -> None:
    series = outcome_of_trend.market.of("BTCUSDT")
    n = outcome_of_trend.market.n_bars

    bars = shown.evaluate("async () => { const b = await barsOf(page.candles[0]); return [b.length, b[0], b.at(-1)]; }")

    assert bars[0] == n
    for place, bar in ((0, bars[1]), (n - 1, bars[2])):
        for name in ("open", "high", "low", "close"):
            assert bar[name] == pytest.approx(float(getattr(series, name)[place]), rel=1e-6, abs=0.06)


def test_a_script_in_a_report_that_is_not_its_own_does_not_run(tab, page_file, tmp_path) -> None:
    hurt = page_file.read_text("utf-8").replace("<h2 id=", "<script>document.title='owned'</script><h2 id=", 1)
    (tmp_path / "hurt.html").write_text(hurt, encoding="utf-8")

    tab.goto((tmp_path / "hurt.html").as_uri())
    tab.wait_for_selector("html[data-ready=yes]")

    assert tab.title() == "accepted: probe"


def test_a_phone_needs_no_sideways_scrolling_and_print_keeps_the_charts(shown) -> None:
    shown.set_viewport_size({"width": 375, "height": 720})
    shown.wait_for_function("() => document.documentElement.scrollWidth <= 375")

    shown.locator("#equity").scroll_into_view_if_needed()
    shown.wait_for_selector("#equity canvas")
    shown.wait_for_function("() => group.length > 0 && group[0].timeScale().getVisibleLogicalRange()")
    first, last = shown.evaluate("(r => [r.from, r.to])(group[0].timeScale().getVisibleLogicalRange())")
    assert last - first > 0.95 * shown.evaluate("page.lines[0].time_s.length")  # the whole of it, however narrow
    shown.emulate_media(media="print")
    assert shown.locator("#equity canvas").first.is_visible()
    assert not shown.locator(".tools").first.is_visible()


def test_the_theme_turns_with_the_reader_s_and_charts_turn_with_it(shown) -> None:
    light = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    shown.emulate_media(color_scheme="dark")

    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert shown.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium, page_file, axe, scheme) -> None:
    context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    tab.goto(page_file.as_uri())
    tab.wait_for_selector("html[data-ready=yes]")
    tab.add_script_tag(content=axe)

    found = tab.evaluate("async () => (await axe.run()).violations.map(v => [v.impact, v.id, v.nodes[0].html])")
    context.close()

    assert [one for one in found if one[0] in {"serious", "critical"}] == []


def test_a_report_without_a_backtest_opens_too(tab, outcome_of_trend, tmp_path) -> None:
    bare = dataclasses.replace(outcome_of_trend, backtest=None, findings=None, verdict="rejected")
    (tmp_path / "bare.html").write_text(html(bare), encoding="utf-8")

    tab.goto((tmp_path / "bare.html").as_uri())

    assert "Rejected" in tab.inner_text("h1")
    assert tab.faults == []

const page = JSON.parse(document.getElementById("page").textContent);
const looks = {
  candidate: () => ({ color: css("--curve"), lineWidth: 2 }),
  incumbent: () => ({ color: css("--rival"), lineWidth: 1.5, lineStyle: L.LineStyle.Dashed }),
  hold: () => ({ color: css("--idle"), lineWidth: 1, lineStyle: L.LineStyle.Dotted }),
};
const rowsOf = (times, values) => times.map((time, i) => ({ time, value: values[i] }));
const linesOf = (pick, times = line => line.time_s) => [...page.lines].reverse().filter(line => pick(line).length)
  .map(line => ({ kind: "LineSeries", style: looks[line.who], rows: rowsOf(times(line), pick(line)) }));
const wide = { moves: true };
const group = [];
const joined = (id, options, lines) => later(id, () => join(group, draw(id, { ...wide, ...options }, lines()).chart));
if (page.lines.length) {
  joined("equity", { log: true, format: v => "x " + v.toFixed(v < 10 ? 3 : 1) }, () => linesOf(line => line.growth));
  joined("drawdown", { top: 0.05, format: perCent }, () => linesOf(line => line.drawdown));
  joined("exposure", { format: v => v.toFixed(2) }, () =>
    [{ kind: "LineSeries", style: () => ({ color: css("--soft"), lineWidth: 1 }), rows: rowsOf(page.lines[0].time_s, page.lines[0].gross) },
     ...linesOf(line => line.net)]);
  moves(document.querySelector("[data-tools=behaviour]"), () => group);
  later("rolling", () => draw("rolling", { format: v => v.toFixed(1) }, linesOf(line => line.rolling, line => line.day_s)));
}
if (page.costs) later("costs", () => draw("costs", { format: perCent }, [["fees", "--curve", 0], ["funding", "--hold", 0], ["slippage", "--rival", 2]].map(([name, ink, lineStyle]) => (
  { kind: "LineSeries", style: () => ({ color: css(ink), lineStyle }), rows: rowsOf(page.costs.time_s, page.costs[name]) }))));
if (page.scatter) later("scatter", () => draw("scatter", { moves: true, format: v => v.toFixed(2) + " %" }, [["long", "--up"], ["short", "--rival"]].filter(([side]) => page.scatter[side].length)
  .map(([side, ink]) => ({ kind: "LineSeries", style: () => ({ color: css(ink), lineVisible: false, pointMarkersVisible: true, pointMarkersRadius: 3 }),
    rows: page.scatter[side].map(([time, value]) => ({ time, value })) }))));
if (page.fan) {
  const strands = { own: () => ({ color: css("--curve"), lineWidth: 2.5 }), jitter: () => ({ color: css("--soft") + "70", lineWidth: 1 }),
    costs: () => ({ color: css("--fall"), lineWidth: 1 }), delay: () => ({ color: css("--hold"), lineWidth: 1, lineStyle: L.LineStyle.Dashed }),
    noise: () => ({ color: css("--doubt"), lineWidth: 1, lineStyle: L.LineStyle.Dotted }) };
  later("fan", () => draw("fan", { log: true, format: v => v.toFixed(2) }, page.fan.strands.map(s => ({ kind: "LineSeries", style: strands[s.kind], rows: rowsOf(page.fan.time_s, s.growth) }))));
}

// Candles: packed bars are inflated when they are first looked at; see ci/report_candles.py for the format.
const box = document.getElementById("candles");
const unpacked = async text => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const flat = new Uint8Array(await new Response(stream).arrayBuffer());
  const n = flat.length / 4;
  const whole = new Int32Array(n);
  for (let i = 0; i < n; i++) whole[i] = flat[i] | flat[n + i] << 8 | flat[2 * n + i] << 16 | flat[3 * n + i] << 24;
  return whole;
};
const barsOf = async one => {
  const all = await unpacked(one.packed), n = one.n_bars, bars = new Array(n);
  for (let i = 0, before = 0; i < n; i++) {
    const close = before + all[i], open = before + all[n + i];
    bars[i] = { time: one.first_s + i * one.step_s, open: open * one.unit, close: close * one.unit,
      high: (Math.max(open, close) + all[2 * n + i]) * one.unit, low: (Math.min(open, close) - all[3 * n + i]) * one.unit };
    before = close;
  }
  return bars;
};
const marksOf = one => one.marks.map(([bar, side, closing, price]) => ({
  time: one.first_s + bar * one.step_s, position: side > 0 ? "belowBar" : "aboveBar",
  shape: closing ? "circle" : side > 0 ? "arrowUp" : "arrowDown", color: side > 0 ? css("--up") : css("--down"),
  text: closing ? "" : side > 0 ? "buy" : "sell", id: String(price), size: 0.8,
}));
const SHOWN = 300;
const newest = (chart, n) => chart.timeScale().setVisibleLogicalRange({ from: n - SHOWN, to: n + 5 });
let candles = null, at = -1, coming = null;
// Whoever asks while the bars are still read gets the same chart when they are; of two symbols, the one asked last.
const show = index => {
  if (at !== index) { at = index; coming = shownBars(index); }
  return coming;
};
const shownBars = async index => {
  const one = page.candles[index];
  if (one.bars === undefined) one.bars = await barsOf(one);
  if (at !== index) return coming;
  if (!candles) {
    candles = draw("candles", { moves: true, format: v => v.toFixed(one.digits) }, [{ kind: "CandlestickSeries", rows: [], markers: () => marksOf(page.candles[at]),
      style: () => ({ upColor: css("--up"), downColor: css("--down"), wickUpColor: css("--up"), wickDownColor: css("--down"), borderVisible: false }) }]);
  }
  candles.chart.applyOptions({ localization: { priceFormatter: v => v.toFixed(one.digits) } });
  const { one: series, marked } = candles.series[0];
  series.applyOptions({ priceFormat: { type: "price", minMove: one.unit, precision: Math.min(one.digits, 12) } });
  marked.setMarkers([]);
  series.setData(one.bars);
  marked.setMarkers(marksOf(one));
  newest(candles.chart, one.n_bars);
  box.dataset.symbol = one.symbol;
  return candles;
};
if (box && page.candles.length) {
  const picker = document.getElementById("symbol");
  picker.addEventListener("change", () => show(Number(picker.value)));
  moves(document.querySelector("[data-tools=candles]"), () => (candles ? [candles.chart] : []));
  const first = new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting)) { first.disconnect(); show(Number(picker.value)); } }, { rootMargin: "400px" });
  first.observe(box);
  addEventListener("beforeprint", () => show(Number(picker.value)));
  document.addEventListener("click", async event => {
    const to = event.target.closest("button[data-trade]")?.dataset.trade;
    if (!to) return;
    const [symbol, from, until] = to.split(" ").map(Number);
    picker.value = String(symbol);
    const shown = await show(symbol), one = page.candles[symbol];
    const place = time => (time - one.first_s) / one.step_s, room = Math.max(30, (place(until) - place(from)) / 2);
    shown.chart.timeScale().setVisibleLogicalRange({ from: place(from) - room, to: place(until) + room });
    box.closest("figure").scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    picker.focus({ preventScroll: true });
  });
}
document.documentElement.dataset.ready = "yes";

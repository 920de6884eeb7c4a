"use strict";
const L = window.LightweightCharts;
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const theme = () => ({
  layout: { background: { color: "transparent" }, textColor: css("--soft"), attributionLogo: false, fontSize: 12 },
  grid: { vertLines: { color: css("--line") }, horzLines: { color: css("--line") } },
  rightPriceScale: { borderColor: css("--line") }, timeScale: { borderColor: css("--line"), timeVisible: true, secondsVisible: false },
});
const perCent = v => v.toFixed(1) + " %";
const falling = () => ({ lineColor: css("--fall"), topColor: css("--fall") + "10", bottomColor: css("--fall") + "40", invertFilledArea: true });
const drawn = [];
// The wheel scrolls the page, not the chart: zoom is by drag on the axis, by pinch, and by buttons that keys reach.
const hands = { handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false } };
const still = { handleScroll: false, handleScale: false };
// lines: {kind, style: () => options, rows: [{time, value}], markers: () => [...]}; styles are asked again when the theme turns.
const draw = (id, options, lines) => {
  const box = document.getElementById(id);
  if (!box) return null;
  const chart = L.createChart(box, {
    // A narrow window, or one that is made so, shows all there is too: the library would leave out the oldest.
    autoSize: true, layout: { attributionLogo: false }, timeScale: { minBarSpacing: 0.002, lockVisibleTimeRangeOnResize: true }, ...(options.moves ? hands : still), ...options.chart,
    localization: { priceFormatter: options.format },
  });
  const series = lines.map(({ kind, style, rows, markers }) => {
    const one = chart.addSeries(L[kind], { priceLineVisible: false, lastValueVisible: false, lineWidth: 1.5, ...style() });
    one.setData(rows);
    const marked = markers ? L.createSeriesMarkers(one, markers()) : null;
    return { one, style, marked, markers };
  });
  chart.applyOptions(theme());
  chart.priceScale("right").applyOptions({ mode: options.log ? L.PriceScaleMode.Logarithmic : L.PriceScaleMode.Normal,
    minimumWidth: 78, scaleMargins: { top: options.top ?? 0.1, bottom: 0.08 } });
  chart.timeScale().fitContent();
  drawn.push([chart, series]);
  return { chart, series };
};
const repaint = () => {
  for (const [chart, series] of drawn) {
    chart.applyOptions(theme());
    for (const { one, style, marked, markers } of series) {
      one.applyOptions(style());
      if (marked) marked.setMarkers(markers());
    }
  }
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
// Charts of one group show the same span of time, whenever each of them comes.
const join = (group, chart) => {
  const shown = group[0]?.timeScale().getVisibleRange();
  group.push(chart);
  if (shown) chart.timeScale().setVisibleRange(shown);
  chart.timeScale().subscribeVisibleTimeRangeChange(range => {
    if (group.busy || !range) return;
    group.busy = true;
    for (const other of group) if (other !== chart) other.timeScale().setVisibleRange(range);
    group.busy = false;
  });
};
// A chart is made when it comes near the window, or before printing: a page of many can be read before any is drawn.
const waiting = new Map();
const make = box => {
  const work = waiting.get(box);
  if (!work) return;
  waiting.delete(box);
  near.unobserve(box);
  work();
};
const near = new IntersectionObserver(seen => {
  for (const one of seen) if (one.isIntersecting) setTimeout(make, 0, one.target);  // each a task of its own
}, { rootMargin: "300px" });
const later = (id, work) => {
  const box = document.getElementById(id);
  if (!box) return;
  waiting.set(box, work);
  near.observe(box);
};
const makeAll = () => [...waiting.keys()].forEach(make);
addEventListener("beforeprint", makeAll);
// Buttons with data-move act on the charts of their group, each by its own time scale.
const moves = (tools, charts, all = chart => chart.timeScale().fitContent()) => {
  const by = {
    all: chart => all(chart),
    in: (chart, r) => chart.timeScale().setVisibleLogicalRange({ from: r.from + (r.to - r.from) / 4, to: r.to - (r.to - r.from) / 4 }),
    out: (chart, r) => chart.timeScale().setVisibleLogicalRange({ from: r.from - (r.to - r.from) / 2, to: r.to + (r.to - r.from) / 2 }),
    earlier: (chart, r) => chart.timeScale().setVisibleLogicalRange({ from: r.from - (r.to - r.from) / 3, to: r.to - (r.to - r.from) / 3 }),
    later: (chart, r) => chart.timeScale().setVisibleLogicalRange({ from: r.from + (r.to - r.from) / 3, to: r.to + (r.to - r.from) / 3 }),
  };
  tools?.addEventListener("click", event => {
    const move = event.target.closest("button")?.dataset.move;
    if (!move) return;
    for (const chart of charts()) {
      const range = chart.timeScale().getVisibleLogicalRange();
      if (range || move === "all") by[move](chart, range);
    }
  });
};

"use strict";
const L = window.LightweightCharts;
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const theme = () => ({
  layout: { background: { color: "transparent" }, textColor: css("--soft"), attributionLogo: true, fontSize: 12 },
  grid: { vertLines: { color: css("--line") }, horzLines: { color: css("--line") } },
  rightPriceScale: { borderColor: css("--line") }, timeScale: { borderColor: css("--line") },
});
const perCent = v => v.toFixed(1) + " %";
const falling = () => ({ lineColor: css("--fall"), topColor: css("--fall") + "10", bottomColor: css("--fall") + "40", invertFilledArea: true });
const drawn = [];
// lines: {kind, style: () => options, rows: [{time, value}], markers: () => [...]}; styles are asked again when the theme turns.
const draw = (id, options, lines) => {
  const chart = L.createChart(document.getElementById(id), {
    autoSize: true, handleScroll: false, handleScale: false, ...options.chart,
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
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [chart, series] of drawn) {
    chart.applyOptions(theme());
    for (const { one, style, marked, markers } of series) {
      one.applyOptions(style());
      if (marked) marked.setMarkers(markers());
    }
  }
});

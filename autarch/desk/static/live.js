"use strict";
const points = document.getElementById("points"), box = document.getElementById("equity");
if (points && box && window.LightweightCharts) {
  const L = window.LightweightCharts;
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const chart = L.createChart(box, { autoSize: true, layout: { attributionLogo: false, background: { color: "transparent" }, textColor: css("--soft") },
    grid: { vertLines: { color: css("--line") }, horzLines: { color: css("--line") } }, timeScale: { timeVisible: true, borderColor: css("--line") },
    rightPriceScale: { borderColor: css("--line") }, handleScroll: { mouseWheel: false }, handleScale: { mouseWheel: false } });
  const line = chart.addSeries(L.LineSeries, { color: css("--curve"), lineWidth: 2, priceLineVisible: false });
  const rows = JSON.parse(points.textContent);
  line.setData(rows.map(([time, value]) => ({ time, value })));
  chart.timeScale().fitContent();
  let last = rows.length ? rows[rows.length - 1][0] : 0;
  document.addEventListener("account", event => {
    const point = event.detail.point;
    if (point && point[0] >= last) { last = point[0]; line.update({ time: point[0], value: point[1] }); }
  });
}

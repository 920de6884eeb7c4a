"use strict";
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const chartIn = box => window.LightweightCharts.createChart(box, { autoSize: true,
  layout: { attributionLogo: false, background: { color: "transparent" }, textColor: css("--soft") },
  grid: { vertLines: { color: css("--line") }, horzLines: { color: css("--line") } }, timeScale: { timeVisible: true, minBarSpacing: 0.002, lockVisibleTimeRangeOnResize: true, fixLeftEdge: true, fixRightEdge: true, borderColor: css("--line") },
  rightPriceScale: { borderColor: css("--line") }, handleScroll: { mouseWheel: false }, handleScale: { mouseWheel: false } });
const points = document.getElementById("points"), box = document.getElementById("equity");
if (points && box && window.LightweightCharts) {
  const L = window.LightweightCharts, chart = chartIn(box);
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
for (const twin of window.LightweightCharts ? document.querySelectorAll(".chart.twin") : []) {
  const L = window.LightweightCharts, chart = chartIn(twin), rows = JSON.parse(twin.nextElementSibling.textContent);
  const looks = [{ color: css("--curve"), lineWidth: 2 }, { color: css("--down"), lineWidth: 1, lineStyle: L.LineStyle.Dashed }];
  looks.forEach((look, at) => chart.addSeries(L.LineSeries, { ...look, priceLineVisible: false, lastValueVisible: false })
    .setData(rows.map(row => ({ time: row[0], value: row[at + 1] }))));
  chart.timeScale().fitContent();
}

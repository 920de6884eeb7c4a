const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["--curve", "--rival", "--hold", "--third", "--fourth", "--fall", "--good", "--doubt", "--soft"];
const colour = i => css(COLOURS[i % COLOURS.length]);
for (const key of document.querySelectorAll("figcaption i[class^=key]"))
  key.style.borderColor = `var(${COLOURS[Number(key.className.slice(3)) % COLOURS.length]})`;
const points = (times, values) => times.map((time, i) => ({ time, value: values[i] }));
data.parts.forEach((columns, at) => {
  const many = columns.length > 1;
  const lines = (pick, kind = "LineSeries", style = i => ({ color: colour(i), lineStyle: many ? i % 4 : 0 })) =>
    columns.map((c, i) => ({ kind, style: () => style(i), rows: points(c.time_s, pick(c)) }));
  const solvent = columns.every(c => c.equity.every(v => v > 0));
  draw(`equity${at}`, { log: solvent, format: v => v.toLocaleString("en", { maximumFractionDigits: many ? 3 : 0 }) }, lines(c => c.equity));
  draw(`drawdown${at}`, { top: 0.05, format: perCent },
    many ? lines(c => c.drawdown.map(v => 100 * v)) : lines(c => c.drawdown.map(v => 100 * v), "AreaSeries", falling));
  const gross = many ? [] : [{ kind: "LineSeries", style: () => ({ color: css("--soft"), lineWidth: 1 }), rows: points(columns[0].time_s, columns[0].gross) }];
  draw(`exposure${at}`, { format: v => v.toFixed(2) }, [...gross, ...lines(c => c.exposure)]);
});
data.prices.forEach((p, at) => draw(`price${at}`, { format: v => v.toLocaleString("en", { maximumSignificantDigits: 6 }) }, [{
  kind: "LineSeries",
  style: () => ({ color: css("--soft"), lineWidth: 1 }),
  rows: points(p.time_s, p.close),
  markers: () => p.marks.map(([bucket, side, closing]) => ({
    time: p.time_s[bucket],
    position: side > 0 ? "belowBar" : "aboveBar",
    shape: side > 0 ? "arrowUp" : "arrowDown",
    color: (side > 0 ? css("--up") : css("--down")) + (closing ? "70" : ""),
    size: 0.6,
  })),
}]));

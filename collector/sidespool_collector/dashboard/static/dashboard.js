// Draws the charts whose figures the page carries, and keeps the page up to date.
// Everything it shows is also there without it: as numbers, tables and links.
"use strict";
(() => {
  const REFRESH_MS = 30_000;
  const plots = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function duration(ms) {
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60_000) return `${+(ms / 1000).toPrecision(2)} s`;
    if (ms < 3_600_000) return `${+(ms / 60_000).toPrecision(2)} min`;
    return `${+(ms / 3_600_000).toPrecision(2)} h`;
  }

  function written(value, unit) {
    if (value === null || value === undefined) return "–";
    return unit === "ms" ? duration(value) : Math.round(value).toLocaleString("en");
  }

  function moment(seconds, step) {
    const date = new Date(seconds * 1000);
    const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    return step < 86_400 ? `${day} ${date.toISOString().slice(11, 16)}` : day;
  }

  function seriesOf(series, barCount, barIndex) {
    const stroke = colour(`--c${series.colour}`);
    const base = { label: series.label, stroke, value: (_, v, __, index) => (index === null ? "" : written(v, series.unit)) };
    if (series.style === "line") {
      return { ...base, width: 2, spanGaps: true, points: { size: 5, fill: stroke }, paths: uPlot.paths.spline() };
    }
    const share = 0.8 / barCount;
    return {
      ...base, fill: stroke, width: 0, points: { show: false },
      paths: uPlot.paths.bars({ size: [share, 26], align: barCount === 1 ? 0 : barIndex ? 1 : -1, radius: 0.15, gap: 0 }),
    };
  }

  function draw(box) {
    const source = document.getElementById(`data-${box.dataset.chart}`);
    const chart = JSON.parse(source.textContent);
    const step = chart.x.length > 1 ? chart.x[1] - chart.x[0] : 86_400;
    const bars = chart.series.filter((series) => series.style !== "line").length;
    const unit = chart.series[0].unit;
    const axis = { stroke: colour("--quiet"), font: "12px system-ui", grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    let barIndex = 0;
    const options = {
      width: box.clientWidth, height: box.clientHeight - 26, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
      padding: [8, 8, 0, 0], cursor: { y: false, points: { show: bars === 0 } },
      scales: { x: { range: [chart.x[0] - step * 0.6, chart.x[chart.x.length - 1] + step * 0.6] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      series: [
        { label: "", value: (_, v) => (v === null ? "" : moment(v, step)) },
        ...chart.series.map((series) => seriesOf(series, bars || 1, series.style === "line" ? 0 : barIndex++)),
      ],
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 28, values: (_, splits) => splits.map((split) => moment(split, step)) },
        { ...axis, size: unit === "ms" ? 58 : 46, values: (_, splits) => splits.map((split) => (unit !== "ms" && split % 1 ? "" : written(split, unit))) },
      ],
    };
    box.replaceChildren();
    plots.push({ box, plot: new uPlot(options, [chart.x, ...chart.series.map((series) => series.values)], box) });
  }

  function drawAll() {
    for (const { plot } of plots.splice(0)) plot.destroy();
    document.querySelectorAll(".drawing").forEach(draw);
  }

  function isBusy(main) {
    return document.hidden || main.querySelector("details[open]") !== null
      || (main.contains(document.activeElement) && document.activeElement !== main)
      || String(getSelection()) !== "";
  }

  async function refresh() {
    const main = document.getElementById("content");
    if (isBusy(main)) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("content");
      if (!fresh || isBusy(main)) return;
      main.replaceChildren(...fresh.childNodes);
      main.dataset.live = fresh.dataset.live;
      const foot = document.querySelector(".bottom");
      foot.replaceChildren(...page.querySelector(".bottom").childNodes);
      drawAll();
    } catch { /* offline: the page stays as it is, the next turn tries again */ }
  }

  function turn() {
    const isSoon = document.getElementById("content")?.dataset.live === "soon";
    setTimeout(async () => { await refresh(); turn(); }, isSoon ? 3000 : REFRESH_MS);
  }

  drawAll();
  turn();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new ResizeObserver(() => {
    for (const { box, plot } of plots) plot.setSize({ width: box.clientWidth, height: box.clientHeight - 26 });
  }).observe(document.getElementById("content"));
})();

"use strict";
// Curves along the time steps, on a logarithmic axis; the numbers beside them as a table.

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [14, 4], [5, 2]];
let plots = [];

/**
 * A figure. series: [{name, values}], one value per point: a number, null for a gap, "inf"; every: steps per point;
 * limit: the noise allowed, if it can be drawn; unit: of the values.
 */
function figure({ title, note, series, every, limit, unit }) {
  const names = series.map((one) => one.name).join(", ");
  const canvas = element("div", { class: "canvas", role: "img", "aria-label": `${title}: ${names}, along the time steps; the numbers are in the table below` });
  const keys = element("div", { class: "keys" });
  const worst = (one) => one.values.reduce((most, value) => Math.max(most, number(value) ?? 0), 0);
  const readings = series.map((one) => element("b", {}, short(worst(one))));
  series.forEach((one, n) => keys.append(element("span", {}, sample(`s${n % 6}`, DASHES[n % 6]), `${one.name} up to`, readings[n])));
  if (limit) keys.append(element("span", { class: "quiet" }, sample("ink", [3, 4]), `allowed ${short(limit)}`));
  const node = element("figure", { class: "plot" }, element("h3", {}, title), note ? element("p", { class: "quiet" }, note) : null, keys, canvas, numbers(title, series, every, unit));
  node.draw = () => draw(canvas, series, every, limit);
  return node;
}

function number(value) {
  return value === "inf" ? Infinity : value;
}

/** A piece of the curve for the key; it is also where the colour is read from. */
function sample(colour, dash) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", colour);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [key, value] of Object.entries({ x1: 0, y1: 5, x2: 34, y2: 5, "stroke-dasharray": dash.join(" ") || "none" })) line.setAttribute(key, value);
  svg.append(line);
  return svg;
}

function numbers(title, series, every, unit) {
  const rows = series[0].values.map((_, n) => element("tr", {},
    element("th", { scope: "row", class: "number" }, stepWords(n, every)),
    series.map((one) => element("td", { class: "number" }, one.values[n] === null ? "–" : short(one.values[n])))));
  const head = element("tr", {}, element("th", { scope: "col", class: "number" }, "step"), series.map((one) => element("th", { scope: "col", class: "number" }, one.name)));
  return element("details", {}, element("summary", {}, `The numbers: ${unit}`),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: the numbers` }, element("table", {}, element("thead", {}, head), element("tbody", {}, rows))));
}

function stepWords(n, every) {
  return every === 1 ? String(n) : `${n * every} to ${(n + 1) * every - 1}`;
}

function draw(canvas, series, every, limit) {
  const values = series.map((one) => one.values.map(number));
  const positive = values.flat().concat(limit || []).filter((value) => value > 0 && value < Infinity);
  let low = 10 ** Math.floor(Math.log10(Math.min(...positive, 1e300))), high = 10 ** Math.ceil(Math.log10(Math.max(...positive, 1e-300)));
  if (!positive.length) [low, high] = [0.1, 1];
  if (low === high) low /= 10;
  low = Math.max(low, high * 1e-12);
  if (limit) low = Math.min(low, 10 ** Math.floor(Math.log10(limit))); // the limit is always visible
  if (values.flat().includes(0)) low /= 10; // zero lies on the lower edge, infinity on the upper one
  if (values.flat().includes(Infinity)) high *= 10;
  const inside = (value) => (value === null ? null : Math.min(Math.max(value, low), high));
  const points = values[0].length, steps = values[0].map((_, n) => n * every);
  const ink = (colour) => colourOf(canvas, colour);
  const axis = { stroke: ink("ink"), grid: { stroke: ink("grid-ink"), width: 1 }, ticks: { stroke: ink("grid-ink"), width: 1 }, font: "12px system-ui, sans-serif" };
  const curves = series.map((one, n) => ({ stroke: ink(`s${n % 6}`), width: 2, dash: DASHES[n % 6], points: { show: points <= 60, size: 6, fill: ink(`s${n % 6}`) } }));
  if (limit) curves.push({ stroke: ink("ink"), width: 1.5, dash: [3, 4], points: { show: false } });
  const shown = values.map((row) => row.map(inside));
  if (limit) shown.push(steps.map(() => limit));
  const options = {
    width: canvas.clientWidth, height: 220, legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false },
    scales: { x: { time: false, range: [-0.5 * every, (points - 0.5) * every] }, y: { distr: 3, range: [low, high] } },
    axes: [
      { ...axis, label: every === 1 ? "time step" : `time step (each point: the largest of ${every})`, labelSize: 20, labelFont: axis.font, size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      { ...axis, size: 54, splits: () => powersOfTen(low, high), values: (_, marks) => marks.map((mark) => (mark === null ? "" : short(mark))) },
    ],
    series: [{}, ...curves],
  };
  plots.push({ plot: new uPlot(options, [steps, ...shown], canvas), canvas });
}

/** The colour that a class has here and now, light or dark. */
function colourOf(place, name) {
  const probe = place.appendChild(element("span", { class: name }));
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** At most seven marks. */
function powersOfTen(low, high) {
  const first = Math.round(Math.log10(low)), last = Math.round(Math.log10(high));
  const every = Math.ceil((last - first + 1) / 7), marks = [];
  for (let power = first; power <= last; power += every) marks.push(10 ** power);
  return marks;
}

function clearPlots() {
  for (const { plot } of plots) plot.destroy();
  plots = [];
}

addEventListener("resize", () => {
  for (const { plot, canvas } of plots) plot.setSize({ width: canvas.clientWidth, height: 220 });
});

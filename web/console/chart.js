// How many a room let in per minute, over the last minutes, against what it may let in. The samples live in this page
// only.

import { h, svg } from "./dom.js";
import { number } from "./words.js";

const SPAN_MS = 10 * 60_000;
const WIDTH = 300;
const HEIGHT = 64;

export function chart() {
  const samples = [];
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const limit = svg("path", { class: "limit" });
  const drawing = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, area, limit, line);
  const element = h("figure", {}, drawing, h("figcaption", { class: "hint", "aria-hidden": "true" }, "Let in per minute; dashed: the outflow"));

  /** Adds what is true now and draws again. */
  function add(admitted, outflow, now = Date.now()) {
    samples.push({ now, admitted, outflow });
    while (samples.length > 1 && samples[0].now < now - SPAN_MS) samples.shift();
    const from = samples[0].now;
    // At first the few samples there are fill the width, so that the line does not start in a corner.
    const span = Math.max(60_000, now - from);
    const highest = Math.max(1, ...samples.map((sample) => Math.max(sample.admitted, sample.outflow))) * 1.15;
    const x = (sample) => (WIDTH - ((now - sample.now) / span) * WIDTH).toFixed(1);
    const y = (value) => (HEIGHT - 2 - (value / highest) * (HEIGHT - 6)).toFixed(1);
    const points = samples.map((sample) => `${x(sample)},${y(sample.admitted)}`);
    const path = `M${points.join("L")}`;
    line.setAttribute("d", path);
    area.setAttribute("d", `${path}L${WIDTH},${HEIGHT}L${x(samples[0])},${HEIGHT}Z`);
    limit.setAttribute("d", steps(samples, x, y));
    drawing.setAttribute("aria-label", inWords(samples, admitted, outflow));
  }

  return { element, add };
}

/** The outflow changes at once, not along a slope. */
function steps(samples, x, y) {
  let path = `M${x(samples[0])},${y(samples[0].outflow)}`;
  for (const sample of samples.slice(1)) path += `H${x(sample)}V${y(sample.outflow)}`;
  return path;
}

function inWords(samples, admitted, outflow) {
  const values = samples.map((sample) => sample.admitted);
  const minutes = Math.max(1, Math.round((samples.at(-1).now - samples[0].now) / 60_000));
  return `Let in per minute: ${number(admitted)} now, at most ${number(outflow)} wanted. ` +
    `In the last ${minutes === 1 ? "minute" : `${minutes} minutes`} between ${number(Math.min(...values))} and ${number(Math.max(...values))}.`;
}

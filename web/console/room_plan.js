// What stands below a room's figures: what will happen and when, its lanes, and its draw.

import { h, say } from "./dom.js";
import { counted, number } from "./words.js";

/** Returns the element and how to bring it up to date. It is empty for a room that has nothing of this. */
export function roomPlan() {
  const plan = h("ol", { class: "plan", "aria-label": "What will happen" });
  const remark = h("p", { class: "notice" });
  const lanes = h("ul", { class: "lanes", "aria-label": "Lanes" });
  const draw = drawOf();
  const element = h("div", { class: "more" }, plan, remark, lanes, draw.element);

  function update(room) {
    const isPlain = !room.schedule && room.mode === "queue" && !room.rampSeconds;
    list(plan, isPlain ? [] : room.plan);
    say(remark, room.schedule?.remark ?? "");
    const hasLanes = (room.lanes ?? []).length > 1;
    list(lanes, hasLanes ? room.lanes.map((lane) => laneInWords(lane, room.phase)) : []);
    draw.update(room.draw);
  }

  return { element, update };
}

function laneInWords({ lane, weight, waiting, entrants }, phase) {
  const who = phase === "preQueue" || phase === "before"
    ? `${number(entrants)} gathered`
    : `${number(waiting)} waiting`;
  return `Lane ${lane}, weight ${number(weight)}: ${who}`;
}

function drawOf() {
  const summary = h("summary", {});
  const values = h("dl", { class: "values" });
  const hint = h("p", { class: "hint" },
    "Publish the commitment before the start, and the key after it: with both, anybody can check every place.");
  const element = h("details", { class: "draw" }, summary, values, hint);
  element.hidden = true;
  let shown = "";

  function update(draw) {
    element.hidden = !draw;
    if (!draw || shown === JSON.stringify(draw)) return;
    shown = JSON.stringify(draw);
    const entrants = draw.lanes.reduce((sum, lane) => sum + lane.entrants, 0);
    say(summary, `Draw: ${counted(entrants, "entrant", "entrants")}, ${draw.key ? "drawn" : "committed"}`);
    values.replaceChildren(
      ...pair("Commitment", h("code", {}, draw.commitment)),
      ...pair("Key", draw.key ? h("code", {}, draw.key) : "shown after the start"),
      ...pair("Beacon", draw.beacon ? h("code", {}, draw.beacon) : "none"));
  }

  return { element, update };
}

const pair = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

/** Writes the list anew only when it changed, so that a screen reader is not told the same again. */
function list(element, texts) {
  const now = [...element.children].map((child) => child.textContent);
  if (JSON.stringify(now) !== JSON.stringify(texts)) element.replaceChildren(...texts.map((text) => h("li", {}, text)));
  element.hidden = texts.length === 0;
}

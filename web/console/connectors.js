// Which connector runs which version, and how long a publish took to be in force everywhere.

import * as api from "./api.js";
import { h, say } from "./dom.js";
import { ago, counted, measured } from "./words.js";

const WATCH_EVERY_MS = 100;
const WATCH_FOR_MS = 20_000;

const STATES = {
  current: "current",
  behind: "behind",
  refuses: "refuses",
  silent: "silent",
};

export function connectorsSection(shared) {
  const summary = h("p", { class: "summary", role: "status" });
  const body = h("tbody", {});
  const table = h("table", {},
    h("caption", { class: "hidden" }, "Connectors"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Connector"), h("th", { scope: "col" }, "Version"), h("th", { scope: "col" }, "State"))),
    body);
  const element = h("section", { class: "panel", "aria-labelledby": "connectors-title" },
    h("h2", { id: "connectors-title" }, "Connectors"), summary, h("div", { class: "scroll" }, table));
  let shown = "";

  function update(answer) {
    say(summary, inWords(answer));
    summary.className = `summary ${isInForce(answer) ? "good" : "careful"}`;
    table.hidden = answer.connectors.length === 0;
    // Drawn again only when something a person can see has changed.
    const now = JSON.stringify(answer.connectors.map((one) => [one.name, one.instance, one.runningVersion, one.state, one.problem, one.state === "silent" && ago(one.lastSeenAt)]));
    if (now === shown) return;
    shown = now;
    body.replaceChildren(...answer.connectors.map(row));
  }

  /** After a publish: looks often until every connector runs `version`, and says how long it took. */
  async function watchPublished(version) {
    const end = Date.now() + WATCH_FOR_MS;
    for (;;) {
      const answer = await api.get(api.of(shared.account.customerId, "connectors"));
      update(answer);
      const heard = answer.connectors.filter((one) => one.state !== "silent");
      const isDone = heard.every((one) => one.state === "current" || one.state === "refuses");
      if (answer.headVersion !== version || isDone || Date.now() > end) return resultInWords(version, answer, heard);
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
    }
  }

  return { element, update, watchPublished };
}

function row(one) {
  return h("tr", {},
    h("th", { scope: "row" }, one.name, h("span", { class: "faint" }, ` ${one.instance.slice(0, 8)}`)),
    h("td", {}, one.runningVersion === null ? "none" : String(one.runningVersion)),
    h("td", {},
      h("span", { class: `badge ${one.state}` }, STATES[one.state] ?? one.state),
      one.problem ? h("p", { class: "wrong" }, one.problem) : null,
      one.state === "silent" ? h("p", { class: "faint" }, `last heard ${ago(one.lastSeenAt)}`) : null));
}

const heardOf = (answer) => answer.connectors.filter((one) => one.state !== "silent");
const isInForce = (answer) => heardOf(answer).length > 0 && heardOf(answer).every((one) => one.state === "current");

function inWords(answer) {
  const heard = heardOf(answer);
  const current = heard.filter((one) => one.state === "current");
  if (answer.headVersion === null) return "Nothing is published yet: connectors let everybody pass or hold, as they are set.";
  if (heard.length === 0) return `Version ${answer.headVersion} is published. No connector of ours is asking for it; those that only download it are not listed.`;
  return `Version ${answer.headVersion} is in force on ${current.length} of ${counted(heard.length, "connector", "connectors")}.`;
}

function resultInWords(version, answer, heard) {
  const current = heard.filter((one) => one.state === "current");
  if (heard.length === 0) return `Version ${version} is published. No connector of ours is connected.`;
  const slowest = Math.max(0, ...current.map((one) => one.inForceAfterMs ?? 0));
  const told = `Version ${version} is in force on ${current.length} of ${counted(heard.length, "connector", "connectors")}`;
  return current.length > 0 ? `${told} after ${measured(slowest)}.` : `${told}.`;
}

// Who changed what, newest first.

import { h } from "./dom.js";
import { moment } from "./words.js";

export function auditSection() {
  const list = h("ol", { class: "entries" });
  const element = h("section", { class: "panel", "aria-labelledby": "audit-title" },
    h("h2", { id: "audit-title" }, "Who changed what"), h("div", { class: "tall", tabindex: "0", role: "group", "aria-label": "List of changes" }, list));
  let shown = "";

  function update(answer) {
    const now = JSON.stringify(answer.entries);
    if (now === shown) return;
    shown = now;
    list.replaceChildren(...answer.entries.map((one) =>
      h("li", {}, h("div", {}, one.what), h("div", { class: "faint" }, `${moment(one.at)}, ${one.who}`))));
  }

  return { element, update };
}

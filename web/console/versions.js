// What was published, newest first.

import * as api from "./api.js";
import { h } from "./dom.js";
import { moment } from "./words.js";

export function versionsSection(shared) {
  const list = h("ol", { class: "entries", reversed: true });
  const empty = h("p", { class: "hint" }, "Nothing is published yet.");
  const element = h("section", { class: "panel", "aria-labelledby": "versions-title" },
    h("h2", { id: "versions-title" }, "Versions"), empty, list);
  let shown = "";

  function update(answer) {
    shared.newestVersion = answer.versions[0];
    const now = JSON.stringify(answer.versions);
    if (now === shown) return;
    shown = now;
    empty.hidden = answer.versions.length > 0;
    list.replaceChildren(...answer.versions.map((one) => entry(shared, one)));
  }

  return { element, update };
}

function entry(shared, one) {
  const show = h("button", { class: "quiet small", type: "button", "aria-label": `Show version ${one.version}`, onclick: () => showDocument(shared, one.version) }, "Show");
  return h("li", {},
    h("div", {}, h("b", {}, `Version ${one.version}`), one.description ? `: ${one.description}` : ""),
    h("div", { class: "faint" }, `${moment(one.publishedAt)}, ${one.publishedBy} `, show));
}

async function showDocument(shared, version) {
  let answer;
  try {
    answer = await api.get(api.of(shared.account.customerId, "versions", version));
  } catch (error) {
    shared.announce(error.message);
    return;
  }
  const dialog = h("dialog", { class: "wide", "aria-labelledby": "version-title" },
    h("h2", { id: "version-title" }, `Version ${version} as connectors get it`),
    h("pre", { tabindex: "0", "aria-label": "Document" }, JSON.stringify(answer.document, null, 2)),
    h("form", { method: "dialog", class: "buttons" }, h("button", { class: "main" }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// The protection scope: which requests lead to which room. Edited as a draft; nothing is in force before it is published.

import * as api from "./api.js";
import { ask } from "./dialog.js";
import { field, h, say } from "./dom.js";
import { inOrder } from "./in_order.js";
import { integrationForm, newIntegration, unfold } from "./scope_form.js";

export function scopeSection(shared, connectors) {
  let draft = null;
  let etag = null;
  let isChanged = false;
  let isRaw = false;

  const state = h("p", { class: "hint", role: "status" });
  const problems = h("ul", { class: "problems", "aria-label": "Problems" });
  const list = h("ol", { class: "integrations" });
  const raw = h("textarea", { class: "raw", rows: 24, spellcheck: "false", "aria-label": "Integrations as JSON", oninput: changed });
  const view = h("button", { class: "quiet small", type: "button", onclick: switchView }, "Edit as JSON");
  const add = h("button", { class: "quiet", type: "button", onclick: addOne }, "Add an action");
  const revert = h("button", { class: "quiet", type: "button", onclick: load }, "Discard changes");
  const save = h("button", { type: "button", onclick: () => run(saveDraft, "The draft is saved. It is not in force yet.") }, "Save draft");
  const check = h("button", { type: "button", onclick: () => run(checkDraft) }, "Check");
  const publish = h("button", { class: "main", type: "button", onclick: () => run(askToPublish) }, "Publish…");
  const element = h("section", { class: "panel", "aria-labelledby": "scope-title" },
    h("div", { class: "title" }, h("h2", { id: "scope-title" }, "Protection"), view),
    h("p", { class: "hint" }, "From top to bottom, the first action with a trigger that matches a request decides. A request that none matches passes."),
    state, problems, list, raw, add,
    h("div", { class: "buttons" }, revert, save, check, publish));

  async function load() {
    try {
      const answer = await api.getWithEtag(api.of(shared.account.customerId, "draft"));
      draft = answer.body;
      etag = answer.etag;
      isChanged = false;
      showProblems([]);
      draw();
    } catch (error) {
      shared.announce(error.message);
    }
  }

  function draw() {
    raw.hidden = !isRaw;
    list.hidden = isRaw;
    add.hidden = isRaw;
    say(view, isRaw ? "Edit as a form" : "Edit as JSON");
    if (isRaw) raw.value = JSON.stringify(inOrder(draft.integrations), null, 2);
    else list.replaceChildren(...draft.integrations.map((one, at) => integrationForm(one, at, draft.integrations, form)));
    tellState();
  }

  // What a form may ask of the section around it.
  const form = {
    changed,
    rooms: () => shared.account.rooms,
    redraw(focusAt) {
      changed();
      draw();
      if (focusAt !== undefined) list.children[focusAt]?.querySelector("summary")?.focus();
    },
  };

  function changed() {
    isChanged = true;
    tellState();
  }

  function tellState() {
    say(state, isChanged ? "You have changes that are not saved." : "");
    revert.hidden = !isChanged;
    save.disabled = !isChanged;
  }

  function addOne() {
    const added = newIntegration(shared.account);
    draft.integrations.push(added);
    unfold(added);
    form.redraw(draft.integrations.length - 1);
  }

  /** Takes over what stands in the JSON view; throws with a sentence when it is none. */
  function readRaw() {
    if (!isRaw) return;
    let read;
    try {
      read = JSON.parse(raw.value);
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`);
    }
    if (!Array.isArray(read)) throw new Error("The JSON must be a list of actions: […].");
    draft.integrations = read;
  }

  function switchView() {
    try {
      readRaw();
    } catch (error) {
      shared.announce(error.message);
      return;
    }
    isRaw = !isRaw;
    draw();
  }

  async function run(work, told) {
    try {
      await work();
      if (told) shared.announce(told);
    } catch (error) {
      showProblems(error.problems ?? []);
      shared.announce(error.status === 412 ? "Somebody else saved the draft meanwhile. Discard your changes to see theirs." : error.message);
    }
  }

  async function saveDraft() {
    readRaw();
    if (!isChanged) return;
    // What is typed while the answer is on its way counts as changed again.
    isChanged = false;
    try {
      // Of the answer only the tag is taken: the forms on the page edit the objects that are here.
      etag = (await api.putMatching(api.of(shared.account.customerId, "draft"), draft, etag)).etag;
    } catch (error) {
      isChanged = true;
      throw error;
    } finally {
      tellState();
    }
  }

  async function checkDraft() {
    await saveDraft();
    const answer = await api.post(api.of(shared.account.customerId, "draft", "check"), {});
    showProblems(answer.problems, answer.warnings);
    if (answer.problems.length === 0) shared.announce(`The draft can be published as version ${answer.nextVersion}.`);
    return answer;
  }

  async function askToPublish() {
    const checked = await checkDraft();
    if (checked.problems.length > 0) {
      shared.announce("The draft cannot be published yet. The problems are listed above it.");
      return;
    }
    const description = h("input", { name: "description", type: "text", maxlength: 200, value: draft.description === shared.newestVersion?.description ? "" : draft.description });
    const now = checked.nextVersion === 1 ? "Nothing is in force yet." : `Version ${checked.nextVersion - 1} is in force now.`;
    ask({
      title: `Publish version ${checked.nextVersion}`,
      body: [h("p", { class: "effect" }, `${now} Connectors take up the new version within a second.`), field("What changes, for the list of versions", description)],
      confirm: "Publish",
      async act() {
        const made = await api.postMatching(api.of(shared.account.customerId, "publish"), { description: description.value }, etag);
        shared.announce(`Version ${made.version} is published.`);
        shared.changed();
        connectors.watchPublished(made.version).then(shared.announce, (error) => shared.announce(error.message));
      },
    });
  }

  function showProblems(found, warnings = []) {
    const item = (one, kind) => h("li", { class: kind }, one.path ? h("code", {}, placeOf(one.path)) : null, ` found ${one.found}, expected ${one.expected}.`);
    problems.replaceChildren(...found.map((one) => item(one, "wrong")), ...warnings.map((one) => item(one, "careful")));
    problems.hidden = problems.children.length === 0;
  }

  /** A path into the document as a person finds the place on this page. */
  function placeOf(path) {
    const [, at, rest] = /^integrations\[(\d+)\]\.?(.*)$/i.exec(path) ?? [];
    if (at === undefined) return path;
    const name = draft.integrations[at]?.Name;
    return [`Action ${Number(at) + 1}`, name ? ` “${name}”` : "", rest ? `: ${rest}` : ""].join("");
  }

  const warnOfLoss = (event) => {
    if (isChanged) event.preventDefault();
  };
  showProblems([]);
  return {
    element,
    start() {
      window.addEventListener("beforeunload", warnOfLoss);
      load();
    },
    /** Forms offer the rooms by name: drawn again when those changed and nobody is typing. */
    roomsChanged() {
      if (draft && !isRaw && !element.contains(document.activeElement)) draw();
    },
    end: () => window.removeEventListener("beforeunload", warnOfLoss),
  };
}

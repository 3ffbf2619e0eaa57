// A question in a dialog: a form, what is wrong with it, and two buttons. Escape and "Cancel" change nothing.

import { h } from "./dom.js";

/**
 * Shows the dialog. `act` runs on confirmation; while it runs the button is off, and what it throws is shown in the
 * dialog, which then stays open.
 */
export function ask({ title, body, confirm, isGrave = false, isWide = false, act }) {
  const wrong = h("div", { class: "wrong", role: "alert" });
  const button = h("button", { class: isGrave ? "grave" : "main", type: "submit" }, confirm);
  const form = h(
    "form",
    { method: "dialog", novalidate: true },
    h("h2", { id: "dialog-title" }, title),
    ...body,
    wrong,
    h("div", { class: "buttons" },
      h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, "Cancel"),
      button),
  );
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", class: isWide ? "roomy" : null }, form);
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.replaceChildren();
    for (const control of form.elements) control.removeAttribute("aria-invalid");
    try {
      await act();
      dialog.close();
    } catch (error) {
      const problems = error.problems || [];
      wrong.replaceChildren(error.message, h("ul", {}, problems.map((problem) => h("li", {}, told(problem, form)))));
      form.querySelector("[aria-invalid]")?.focus();
    } finally {
      button.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** A problem in the words of the form; the control it is about is marked. Controls have the names of the interface. */
function told({ path, found, expected }, form) {
  const control = path ? form.elements.namedItem(path) : null;
  control?.setAttribute("aria-invalid", "true");
  // What is wrong must not be folded away.
  const folded = control?.closest?.("details");
  if (folded) folded.open = true;
  const label = control?.labels?.[0]?.textContent ?? path;
  return `${label ? `${label}: ` : ""}found ${found}, expected ${expected}.`;
}

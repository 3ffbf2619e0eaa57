// A question in a dialog: a form, what is wrong with it, and two buttons. Escape and "Cancel" change nothing.

import { h } from "./dom.js";

/**
 * Shows the dialog. `act` runs on confirmation; while it runs the button is off, and what it throws is shown in the
 * dialog, which then stays open.
 */
export function ask({ title, body, confirm, isGrave = false, act }) {
  const wrong = h("p", { class: "wrong", role: "alert" });
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
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = "";
    try {
      await act();
      dialog.close();
    } catch (error) {
      const details = (error.problems || []).map((problem) => `${problem.found}: expected ${problem.expected}.`);
      wrong.textContent = [error.message, ...details].join(" ");
    } finally {
      button.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

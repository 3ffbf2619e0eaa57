// The page of somebody who is not signed in.

import * as api from "./api.js";
import { field, h } from "./dom.js";

/** Shows the form; `onSignedIn` runs when it worked. */
export function showSignIn(place, notice, onSignedIn) {
  const name = h("input", { type: "text", autocomplete: "username", required: true, value: "operator", spellcheck: "false", autocapitalize: "none" });
  const password = h("input", { type: "password", autocomplete: "current-password", required: true });
  const wrong = h("p", { class: "wrong", role: "alert" }, notice ?? "");
  const button = h("button", { class: "main", type: "submit" }, "Sign in");
  const form = h("form", { class: "sign-in panel" },
    h("h1", {}, "Sign in"),
    field("Name", name),
    field("Password", password, "The first start of Anteroom said where it is written."),
    wrong,
    button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = "";
    try {
      await api.post("session", { name: name.value, password: password.value });
      onSignedIn();
    } catch (error) {
      wrong.textContent = error.message;
      password.select();
    } finally {
      button.disabled = false;
    }
  });
  place.replaceChildren(form);
  (name.value ? password : name).focus();
}

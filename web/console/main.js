// Starts the console: somebody signs in, sees one account, and signs out again.

import * as api from "./api.js";
import { h } from "./dom.js";
import { showAccount } from "./account.js";
import { showSignIn } from "./sign_in.js";

const main = document.getElementById("main");
const top = document.getElementById("top");
let endAccount = () => {};

api.signedOut.handle = () => start("You were signed out. Please sign in again.");
start();

async function start(notice) {
  endAccount();
  endAccount = () => {};
  let session;
  try {
    session = await api.get("session");
  } catch (error) {
    top.replaceChildren(brand());
    showSignIn(main, error.status === 401 ? notice : error.message, () => start());
    return;
  }
  const wanted = new URLSearchParams(location.search).get("account");
  const account = session.accounts.find((one) => one.customerId === wanted) ?? session.accounts[0];
  showTop(session, account);
  if (!account) {
    main.replaceChildren(h("p", { class: "notice" }, "There is no account yet. The first start of Anteroom creates one."));
    return;
  }
  endAccount = showAccount(main, account.customerId);
}

function showTop(session, account) {
  const signOut = h("button", { class: "quiet small", type: "button", onclick: leave }, "Sign out");
  top.replaceChildren(
    brand(),
    account ? accountPicker(session.accounts, account) : null,
    h("div", { class: "who" }, h("span", {}, "Signed in as ", h("b", {}, session.name)), signOut),
  );
}

function accountPicker(accounts, chosen) {
  if (accounts.length === 1) {
    return h("p", { class: "account" }, h("b", {}, chosen.displayName), " ", h("code", {}, chosen.customerId));
  }
  const select = h("select", { "aria-label": "Account", onchange: () => {
    history.replaceState(null, "", `?account=${encodeURIComponent(select.value)}`);
    start();
  } });
  for (const one of accounts) select.append(h("option", { value: one.customerId }, `${one.displayName} (${one.customerId})`));
  select.value = chosen.customerId;
  return h("p", { class: "account" }, select);
}

function brand() {
  return h("p", { class: "brand" }, h("img", { src: "/assets/icon.svg", alt: "", width: 28, height: 28 }), "Anteroom");
}

async function leave() {
  try {
    await api.remove("session");
  } finally {
    start();
  }
}

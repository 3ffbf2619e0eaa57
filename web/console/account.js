// Everything about one account on one page, kept up to date while somebody looks.

import * as api from "./api.js";
import { h, say } from "./dom.js";
import { every } from "./poll.js";
import { auditSection } from "./audit.js";
import { connectorsSection } from "./connectors.js";
import { roomsSection } from "./rooms.js";
import { scopeSection } from "./scope.js";
import { versionsSection } from "./versions.js";

const FIGURES_EVERY_MS = 2_000;
const LISTS_EVERY_MS = 15_000;

/** Shows the account in `place`. Returns how to end it. */
export function showAccount(place, customer) {
  const said = document.getElementById("said");
  const offline = h("p", { class: "notice offline", role: "status" });
  const account = { customerId: customer, rooms: [], details: null };
  const shared = {
    account,
    /** Tells the operator what just happened, also through a screen reader. */
    announce(text) {
      say(said, text);
      said.classList.add("shown");
      clearTimeout(shared.hiding);
      shared.hiding = setTimeout(() => said.classList.remove("shown"), 8_000);
    },
    /** Something was changed here: look again at once. */
    changed() {
      figures.now();
      lists.now();
    },
  };

  const rooms = roomsSection(shared);
  const connectors = connectorsSection(shared);
  const versions = versionsSection(shared);
  const audit = auditSection(shared);
  const scope = scopeSection(shared, connectors);
  place.replaceChildren(
    h("h1", { class: "hidden" }, "Account"),
    offline,
    rooms.element,
    h("div", { class: "columns" },
      scope.element,
      h("div", { class: "aside" }, connectors.element, versions.element, audit.element)),
  );

  const figures = every(FIGURES_EVERY_MS, async () => {
    try {
      const [roomsAnswer, connectorsAnswer] = await Promise.all([
        api.get(api.of(customer, "rooms")),
        api.get(api.of(customer, "connectors")),
      ]);
      const hadRooms = account.rooms.map((room) => room.waitingRoomId).join();
      account.rooms = roomsAnswer.rooms;
      rooms.update(roomsAnswer.rooms);
      connectors.update(connectorsAnswer);
      if (hadRooms !== account.rooms.map((room) => room.waitingRoomId).join()) scope.roomsChanged();
      say(offline, "");
    } catch (error) {
      say(offline, `${error.message} What you see is from before.`);
      throw error;
    }
  });
  const lists = every(LISTS_EVERY_MS, async () => {
    const [versionsAnswer, auditAnswer] = await Promise.all([
      api.get(api.of(customer, "versions")),
      api.get(api.of(customer, "audit")),
    ]);
    versions.update(versionsAnswer);
    audit.update(auditAnswer);
  });
  api.get(api.of(customer)).then((details) => {
    account.details = details;
    scope.start();
  }, (error) => shared.announce(error.message));

  return () => {
    figures.end();
    lists.end();
    scope.end();
  };
}

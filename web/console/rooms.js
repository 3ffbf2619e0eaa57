// The waiting rooms as cards: how each stands at a glance, and what can be done about it.

import { chart } from "./chart.js";
import { h, say } from "./dom.js";
import { about, number } from "./words.js";
import { addRoom, changeOutflow, editRoom, pauseRoom, resumeRoom } from "./room_dialogs.js";

const STATES = {
  running: "Running",
  paused: "Paused",
  idle: "Idle",
  unavailable: "Not available",
};
const STATE_HINTS = {
  running: "Visitors are waiting and are being let in.",
  paused: "Nobody is let in. Everybody keeps their place.",
  idle: "Nobody is waiting: visitors go straight through.",
};

export function roomsSection(shared) {
  const cards = new Map();
  const list = h("div", { class: "cards" });
  const empty = h("p", { class: "hint" });
  const add = h("button", { class: "quiet small", type: "button", onclick: () => addRoom(shared) }, "Add a room…");
  const element = h("section", { "aria-labelledby": "rooms-title" },
    h("div", { class: "title" }, h("h2", { id: "rooms-title" }, "Waiting rooms"), add), empty, list);

  function update(rooms) {
    say(empty, rooms.length === 0 ? "There is no waiting room yet." : "");
    for (const room of rooms) {
      let card = cards.get(room.waitingRoomId);
      if (!card) {
        card = roomCard(shared, room);
        cards.set(room.waitingRoomId, card);
        list.append(card.element);
      }
      card.update(room);
    }
  }

  return { element, update };
}

function roomCard(shared, first) {
  let room = first;
  const badge = h("span", { class: "badge" });
  const name = h("h3", {});
  const hint = h("p", { class: "hint" });
  const waiting = h("dd", { class: "big" });
  const admitted = h("dd", {});
  const wait = h("dd", {});
  const outflow = h("button", { type: "button", onclick: () => changeOutflow(shared, room) }, "Change outflow…");
  const pause = h("button", { type: "button", onclick: () => pauseRoom(shared, room) }, "Pause…");
  const resume = h("button", { class: "main", type: "button", onclick: () => resumeRoom(shared, room) }, "Resume");
  const edit = h("button", { class: "quiet", type: "button", onclick: () => editRoom(shared, room) }, "Edit…");
  const drawn = chart();
  const element = h("article", { class: "card" },
    h("div", { class: "title" }, h("div", {}, name, h("code", {}, room.waitingRoomId)), badge),
    hint,
    h("dl", { class: "figures" },
      h("div", {}, h("dt", {}, "Waiting"), waiting),
      h("div", {}, h("dt", {}, "Let in, last minute"), admitted),
      h("div", {}, h("dt", {}, "Wait of someone new"), wait)),
    drawn.element,
    h("div", { class: "buttons" }, outflow, pause, resume, edit));

  function update(now) {
    room = now;
    say(name, room.displayName);
    say(badge, STATES[room.state] ?? room.state);
    badge.className = `badge ${room.state}`;
    say(hint, hintOf(room));
    const isLive = room.state !== "unavailable";
    const isPaused = room.state === "paused";
    say(waiting, isLive ? number(room.waiting) : "–");
    say(admitted, isLive ? `${number(room.admittedLastMinute)} of ${number(room.outflowPerMinute)}` : "–");
    say(wait, !isLive ? "–" : isPaused ? "paused" : about(room.expectedWaitSeconds));
    // The one that has the focus must not vanish under it.
    if (isPaused && document.activeElement === pause) { resume.hidden = false; resume.focus(); }
    if (!isPaused && document.activeElement === resume) { pause.hidden = false; pause.focus(); }
    pause.hidden = isPaused;
    resume.hidden = !isPaused;
    for (const [button, what] of [[outflow, "Change outflow of"], [pause, "Pause"], [resume, "Resume"], [edit, "Edit"]]) {
      button.setAttribute("aria-label", `${what} ${room.displayName}`);
    }
    for (const button of [outflow, pause, resume]) button.disabled = !isLive;
    if (isLive) drawn.add(room.admittedLastMinute, room.outflowPerMinute);
  }

  return { element, update };
}

function hintOf(room) {
  if (room.state === "paused") return `${STATE_HINTS.paused} They read: “${room.pauseMessage}”`;
  if (room.state === "unavailable") return `Nothing can be said of its line: ${room.problem}.`;
  return STATE_HINTS[room.state] ?? "";
}

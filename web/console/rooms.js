// The waiting rooms as cards: how each stands at a glance, and what can be done about it.

import { chart } from "./chart.js";
import { h, say } from "./dom.js";
import { about, number } from "./words.js";
import { addRoom, changeOutflow, editRoom, pauseRoom, resumeRoom } from "./room_dialogs.js";
import { roomPlan } from "./room_plan.js";
import { changeLimits, changeMode, changeSchedule, resetRoom, setBeacon } from "./room_settings.js";

const STATES = {
  running: "Running",
  paused: "Paused",
  idle: "Idle",
  before: "Not open yet",
  preQueue: "Gathering",
  ended: "Ended",
  closed: "Closed",
  passthrough: "Passing through",
  unavailable: "Not available",
};
const STATE_HINTS = {
  running: "Visitors are waiting and are being let in.",
  paused: "Nobody is let in. Everybody keeps their place.",
  idle: "Nobody is waiting: visitors go straight through.",
  before: "Nobody can join yet.",
  preQueue: "Visitors gather. Their places are drawn at the start.",
  ended: "Nobody joins or is let in any more.",
  closed: "Nobody joins and nobody is let in. Tickets keep their places.",
  passthrough: "Everybody is let in at once and counted.",
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
  const inside = h("dd", {});
  const insideBox = h("div", {}, h("dt", {}, "Inside"), inside);
  const waitingLabel = h("dt", {}, "Waiting");
  const plan = roomPlan();
  const outflow = h("button", { type: "button", onclick: () => changeOutflow(shared, room) }, "Change outflow…");
  const pause = h("button", { type: "button", onclick: () => pauseRoom(shared, room) }, "Pause…");
  const resume = h("button", { class: "main", type: "button", onclick: () => resumeRoom(shared, room) }, "Resume");
  const schedule = h("button", { class: "quiet", type: "button", onclick: () => changeSchedule(shared, room) }, "Schedule…");
  const limits = h("button", { class: "quiet", type: "button", onclick: () => changeLimits(shared, room) }, "Limits…");
  const mode = h("button", { class: "quiet", type: "button", onclick: () => changeMode(shared, room) }, "Open or close…");
  const beacon = h("button", { class: "quiet", type: "button", onclick: () => setBeacon(shared, room) }, "Beacon…");
  const reset = h("button", { class: "quiet", type: "button", onclick: () => resetRoom(shared, room) }, "Reset…");
  const edit = h("button", { class: "quiet", type: "button", onclick: () => editRoom(shared, room) }, "Edit…");
  const drawn = chart();
  const element = h("article", { class: "card" },
    h("div", { class: "title" }, h("div", {}, name, h("code", {}, room.waitingRoomId)), badge),
    hint,
    h("dl", { class: "figures" },
      h("div", {}, waitingLabel, waiting),
      h("div", {}, h("dt", {}, "Let in, last minute"), admitted),
      h("div", {}, h("dt", {}, "Wait of someone new"), wait),
      insideBox),
    plan.element,
    drawn.element,
    h("div", { class: "buttons" }, outflow, pause, resume, schedule, limits, mode, beacon, reset, edit));

  function update(now) {
    room = now;
    say(name, room.displayName);
    say(badge, STATES[room.state] ?? room.state);
    badge.className = `badge ${room.state}`;
    say(hint, hintOf(room));
    const isLive = room.state !== "unavailable";
    const isPaused = room.state === "paused";
    const isGathering = room.state === "preQueue" || room.state === "before";
    say(waitingLabel, isGathering ? "Gathered" : "Waiting");
    say(waiting, !isLive ? "–" : number(isGathering ? room.entrants : room.waiting));
    say(admitted, isLive ? `${number(room.admittedLastMinute)} of ${number(room.outflowNowPerMinute)}` : "–");
    say(wait, !isLive ? "–" : isPaused ? "paused" : isGathering ? "drawn at the start" : about(room.expectedWaitSeconds));
    insideBox.hidden = !isLive || room.maxActive === null;
    say(inside, insideBox.hidden ? "" : `${number(room.active ?? 0)} of ${number(room.maxActive)}`);
    plan.update(room);
    beacon.hidden = !isLive || !room.draw || room.draw.key !== null;
    // The one that has the focus must not vanish under it.
    if (isPaused && document.activeElement === pause) { resume.hidden = false; resume.focus(); }
    if (!isPaused && document.activeElement === resume) { pause.hidden = false; pause.focus(); }
    pause.hidden = isPaused;
    resume.hidden = !isPaused;
    for (const [button, what] of [[outflow, "Change outflow of"], [pause, "Pause"], [resume, "Resume"], [schedule, "Schedule of"],
      [limits, "Limits and lanes of"], [mode, "Open or close"], [beacon, "Beacon of"], [reset, "Reset"], [edit, "Edit"]]) {
      button.setAttribute("aria-label", `${what} ${room.displayName}`);
    }
    for (const button of [outflow, pause, resume, schedule, limits, mode, reset]) button.disabled = !isLive;
    if (isLive) drawn.add(room.admittedLastMinute, room.outflowNowPerMinute);
  }

  return { element, update };
}

function hintOf(room) {
  if (room.state === "paused") return `${STATE_HINTS.paused} They read: “${room.pauseMessage}”`;
  if (room.state === "unavailable") return `Nothing can be said of its line: ${room.problem}.`;
  if (room.state === "running" && room.maxActive !== null && room.active >= room.maxActive) {
    return "As many are inside as may be: the line moves as they leave.";
  }
  return STATE_HINTS[room.state] ?? "";
}

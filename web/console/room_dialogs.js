// What an operator can do to a room, each as a question that says what will happen.

import * as api from "./api.js";
import { ask } from "./dialog.js";
import { field, h, say } from "./dom.js";
import { scheduleFields } from "./room_settings.js";
import { counted, effectOfOutflow, number } from "./words.js";

const OUTFLOW_MAX = 600_000;

/** The path of one room in the REST interface. */
const pathOf = (shared, room, ...rest) => api.of(shared.account.customerId, "rooms", room.waitingRoomId, ...rest);

export function changeOutflow(shared, room) {
  const input = outflowInput(room.outflowPerMinute);
  const effect = h("p", { class: "effect", "aria-live": "polite" });
  const tell = () => {
    const wanted = Number(input.value);
    const isPossible = Number.isInteger(wanted) && wanted >= 1 && wanted <= OUTFLOW_MAX;
    say(effect, isPossible ? effectOfOutflow(room, wanted) : `A whole number from 1 to ${number(OUTFLOW_MAX)}.`);
  };
  input.addEventListener("input", tell);
  tell();
  ask({
    title: `Outflow of ${room.displayName}`,
    body: [field("Visitors let in per minute", input), effect],
    confirm: "Apply",
    async act() {
      const changed = await api.patch(pathOf(shared, room), { outflowPerMinute: Number(input.value) });
      shared.announce(`${changed.displayName} now lets in ${number(changed.outflowPerMinute)} a minute.`);
      shared.changed();
    },
  });
  input.select();
}

export function pauseRoom(shared, room) {
  const message = h("textarea", { name: "message", rows: 3, maxlength: 500, required: true });
  message.value = "We are taking a short break. You keep your place.";
  const who = room.waiting === 0
    ? "Nobody is waiting now. Whoever comes from now on waits until you resume."
    : `${counted(room.waiting, "visitor", "visitors")} will stop moving, keep ${room.waiting === 1 ? "that place" : "their places"}, and read this message.`;
  ask({
    title: `Pause ${room.displayName}`,
    body: [h("p", { class: "effect" }, who), field("Message to those who wait", message)],
    confirm: "Pause the room",
    isGrave: true,
    async act() {
      await api.post(pathOf(shared, room, "pause"), { message: message.value });
      shared.announce(`${room.displayName} is paused.`);
      shared.changed();
    },
  });
}

export async function resumeRoom(shared, room) {
  try {
    await api.post(pathOf(shared, room, "resume"), {});
    shared.announce(`${room.displayName} is running again.`);
  } catch (error) {
    shared.announce(error.message);
  }
  shared.changed();
}

export function editRoom(shared, room) {
  const name = h("input", { name: "displayName", type: "text", maxlength: 100, value: room.displayName });
  const target = targetInput(room.defaultTarget);
  ask({
    title: `Edit ${room.displayName}`,
    body: [field("Name shown to visitors", name), field("Default target", target, targetHint(shared))],
    confirm: "Save",
    async act() {
      await api.patch(pathOf(shared, room), { displayName: name.value, defaultTarget: target.value });
      shared.announce("The room is saved.");
      shared.changed();
    },
  });
}

export function addRoom(shared) {
  const id = h("input", { name: "waitingRoomId", type: "text", maxlength: 20, spellcheck: "false", autocapitalize: "none" });
  const name = h("input", { name: "displayName", type: "text", maxlength: 100 });
  const target = targetInput("https://");
  const outflow = outflowInput(60);
  const schedule = scheduleFields(null);
  ask({
    title: "Add a waiting room",
    body: [
      field("Id", id, "3 to 20 small letters and digits. It stands in addresses and cannot be changed later."),
      field("Name shown to visitors", name),
      field("Default target", target, targetHint(shared)),
      field("Visitors let in per minute", outflow),
      h("details", {}, h("summary", {}, "Open it by a schedule"), ...schedule.fields),
    ],
    confirm: "Add the room",
    async act() {
      const made = await api.post(api.of(shared.account.customerId, "rooms"), {
        waitingRoomId: id.value,
        displayName: name.value,
        defaultTarget: target.value,
        outflowPerMinute: Number(outflow.value),
        schedule: schedule.value(),
      });
      shared.announce(`${made.displayName} is there. Use it in the protection below, then publish.`);
      shared.changed();
    },
  });
}

function outflowInput(value) {
  return h("input", { name: "outflowPerMinute", type: "number", min: 1, max: OUTFLOW_MAX, step: 1, required: true, value, inputmode: "numeric" });
}

function targetInput(value) {
  return h("input", { name: "defaultTarget", type: "url", value, spellcheck: "false" });
}

function targetHint(shared) {
  const hosts = shared.account.details?.allowedHosts ?? [];
  return `Where visitors go who came without a page of their own. Allowed hosts: ${hosts.join(", ") || "none"}.`;
}

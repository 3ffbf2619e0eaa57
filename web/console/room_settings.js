// What a room goes by: its schedule, its mode, its limits and lanes; and what is done to its line as a whole.

import * as api from "./api.js";
import { ask } from "./dialog.js";
import { choice, field, freshId, h, tick } from "./dom.js";
import { counted } from "./words.js";

const CHECK_AFTER_MS = 300;

const pathOf = (shared, room, ...rest) => api.of(shared.account.customerId, "rooms", room.waitingRoomId, ...rest);

/** Changes what is named, says so, and has the page look again. */
async function patch(shared, room, change, told) {
  const changed = await api.patch(pathOf(shared, room), change);
  shared.announce(told ?? `${changed.displayName} is changed.`);
  shared.changed();
}

export function changeSchedule(shared, room) {
  const schedule = scheduleFields(room.schedule);
  const effect = h("div", { class: "effect", "aria-live": "polite" });
  let timer = null;
  let asked = 0;
  const check = async () => {
    asked += 1;
    const mine = asked;
    try {
      const { plan } = await api.post(pathOf(shared, room, "check"), { schedule: schedule.value() });
      if (mine === asked) told("effect", plan, []);
    } catch (error) {
      const problems = error.problems ?? [];
      if (mine === asked) told("wrong", problems.length ? problems.map(schedule.inWords) : [error.message], problems);
    }
  };
  const told = (kind, texts, problems) => {
    effect.className = kind;
    schedule.mark(problems.map(({ path }) => path));
    effect.replaceChildren(...texts.map((text) => h("p", {}, text)));
  };
  schedule.onchange(() => {
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_AFTER_MS);
  });
  ask({
    title: `Schedule of ${room.displayName}`,
    body: [...schedule.fields, effect],
    confirm: "Save the schedule",
    isWide: true,
    act: () => patch(shared, room, { schedule: schedule.value() }, `The schedule of ${room.displayName} is saved.`),
  });
  check();
}

/** The fields of a schedule. With no time in any of them there is none. */
export function scheduleFields(schedule) {
  const zones = h("datalist", { id: freshId("zones") }, ...Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone })));
  const zone = h("input", {
    name: "schedule.timeZone", type: "text", list: zones.id, spellcheck: "false", autocapitalize: "none",
    value: schedule?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  });
  const moment = (name) => {
    const value = schedule?.[name] ?? "";
    // The browser's own field cannot say which of two hours is meant when the clocks are put back.
    const type = /[+-]\d\d:\d\d$/.test(value) ? "text" : "datetime-local";
    return h("input", { name: `schedule.${name}`, type, value, spellcheck: "false" });
  };
  const opens = moment("preQueueAt");
  const starts = moment("startsAt");
  const ends = moment("endsAt");
  const hint = (text) => `${text} Leave it empty for none.`;
  const fields = [
    h("div", {}, field("Time zone", zone, "The place whose clocks you read, such as Europe/Berlin."), zones),
    field("Visitors may gather from", opens, hint("Who comes before the start gets a random place in the draw.")),
    field("The line starts at", starts, hint("Nobody is let in before.")),
    field("The room ends at", ends, hint("Nobody joins or is let in from then on.")),
  ];
  return {
    fields,
    onchange: (act) => [zone, opens, starts, ends].forEach((input) => input.addEventListener("input", act)),
    value() {
      const texts = Object.entries({ preQueueAt: opens.value, startsAt: starts.value, endsAt: ends.value });
      const given = texts.filter(([, value]) => value !== "");
      return given.length === 0 ? null : { timeZone: zone.value, ...Object.fromEntries(given) };
    },
    /** Marks the fields of these paths, and no others. */
    mark: (paths) => [zone, opens, starts, ends].forEach((input) => (paths.includes(input.name) ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid"))),
    /** A problem in the words of the form. An hour that comes twice can then be named with its offset. */
    inWords({ path, found, expected }) {
      const input = [zone, opens, starts, ends].find((one) => one.name === path);
      if (input?.type === "datetime-local" && found.includes("comes twice")) {
        const { value } = input;
        input.type = "text";
        input.value = value;
      }
      return `${input?.labels[0]?.textContent ?? path}: found ${found}, expected ${expected}.`;
    },
  };
}

const MODES = [
  ["queue", "Visitors wait in line", "They are let in at the outflow, in the order of their places."],
  ["passthrough", "Everybody is let in at once", "They are counted, and neither the outflow nor the schedule holds anybody."],
  ["closed", "Closed", "Nobody joins and nobody is let in. Whoever has a ticket keeps the place."],
];

export function changeMode(shared, room) {
  const name = freshId("mode");
  const radios = MODES.map(([value, label, hint]) => {
    const radio = h("input", { type: "radio", name, id: freshId("tick"), value });
    radio.checked = room.mode === value;
    const note = h("p", { class: "hint", id: `${radio.id}-hint` }, hint);
    radio.setAttribute("aria-describedby", note.id);
    return { radio, element: h("div", { class: "tick" }, radio, h("label", { for: radio.id }, label), note) };
  });
  ask({
    title: `What ${room.displayName} does`,
    body: [h("fieldset", { class: "choices" }, h("legend", {}, "From now on"), radios.map(({ element }) => element))],
    confirm: "Apply",
    act: () => {
      const chosen = radios.find(({ radio }) => radio.checked)?.radio.value ?? room.mode;
      const [, label] = MODES.find(([value]) => value === chosen);
      return patch(shared, room, { mode: chosen }, `${room.displayName}: ${label.toLowerCase()}.`);
    },
  });
}

const TOKENS = [
  ["notUsed", "not looked at"],
  ["optional", "count, but are not needed"],
  ["required", "needed to join"],
  ["requiredWithKey", "needed to join, with a key: by invitation"],
];

export function changeLimits(shared, room) {
  const whole = (name, value, min) =>
    h("input", { name, type: "number", min, step: 1, inputmode: "numeric", value: value ?? "" });
  const maxActive = whole("maxActive", room.maxActive, 1);
  const session = whole("sessionSeconds", room.sessionSeconds, 60);
  const ramp = whole("rampSeconds", room.rampSeconds, 0);
  const burst = whole("burst", room.burst, 1);
  const late = whole("lateWindowSeconds", room.lateWindowSeconds, 30);
  const validity = whole("tokenValiditySeconds", room.tokenValiditySeconds, 30);
  const entries = whole("reEntryLimit", room.reEntryLimit, 0);
  const lanes = h("input", { name: "laneWeights", type: "text", value: (room.laneWeights ?? []).join(", "), inputmode: "numeric" });
  let tokenUse = room.enqueueToken;
  const tokens = choice(TOKENS, tokenUse, (value) => { tokenUse = value; });
  tokens.name = "enqueueToken";
  let isUnique = room.uniqueKeys;
  const unique = tick("A key of an enqueue token holds one place at the most", isUnique, (value) => { isUnique = value; });
  // What is no number goes as it is typed, so that the answer names it.
  const number = (input) => (input.value === "" ? null : Number(input.value));
  const parts = (text) => text.split(/[\s,;]+/).filter(Boolean).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const given = (input) => (input.value === "" ? undefined : Number(input.value));
  ask({
    title: `Limits and lanes of ${room.displayName}`,
    body: [
      h("div", { class: "pair" },
        field("Most people inside", maxActive, room.active === null ? "Empty: no limit." : `${counted(room.active, "person is", "people are")} inside now. Empty: no limit.`),
        field("A visit counts for, in seconds", session, "Unless the visitor leaves earlier.")),
      h("div", { class: "pair" },
        field("Slow start, in seconds", ramp, "The outflow grows from a tenth to the full one. 0: none."),
        field("Weights of the lanes", lanes, "Such as 3, 1: lane 0 gets three of four. Empty: one lane.")),
      field("Enqueue tokens are", tokens),
      unique,
      h("details", {}, h("summary", {}, "Seldom needed"),
        h("div", { class: "pair" },
          field("Burst, in places", burst, "Empty: two seconds of outflow."),
          field("Late window, in seconds", late)),
        h("div", { class: "pair" },
          field("Queue tokens are valid for, in seconds", validity),
          field("Further entries with one place", entries))),
    ],
    confirm: "Save",
    isWide: true,
    act: () => patch(shared, room, {
      maxActive: number(maxActive),
      burst: number(burst),
      sessionSeconds: given(session),
      rampSeconds: given(ramp),
      lateWindowSeconds: given(late),
      tokenValiditySeconds: given(validity),
      reEntryLimit: given(entries),
      laneWeights: parts(lanes.value),
      enqueueToken: tokenUse,
      uniqueKeys: isUnique,
    }),
  });
}

export function setBeacon(shared, room) {
  const value = h("input", { name: "value", type: "text", maxlength: 200, value: room.draw?.beacon ?? "", spellcheck: "false" });
  ask({
    title: `Beacon of ${room.displayName}`,
    body: [
      h("p", { class: "effect" }, "A public value that nobody could know when the commitment was published, such as the numbers of a lottery. It is mixed into the draw, so that the draw was in nobody's hand."),
      field("Value", value, "Exactly as it was published. It can be replaced until the start."),
    ],
    confirm: "Set the beacon",
    async act() {
      await api.post(pathOf(shared, room, "beacon"), { value: value.value });
      shared.announce(`The beacon of ${room.displayName} is set.`);
      shared.changed();
    },
  });
}

export function resetRoom(shared, room) {
  const confirm = h("input", { name: "confirm", type: "text", spellcheck: "false", autocapitalize: "none", autocomplete: "off" });
  const count = room.waiting + room.entrants;
  const who = count === 0
    ? "Nobody waits now."
    : `${counted(count, "visitor loses", "visitors lose")} the place and must join again.`;
  ask({
    title: `Reset ${room.displayName}`,
    body: [
      h("p", { class: "effect" }, `${who} Every ticket so far ends, the line begins empty, and the room ${room.schedule ? "goes by its schedule" : "is open at once"}. This cannot be taken back.`),
      field(`Type ${room.waitingRoomId} to confirm`, confirm),
    ],
    confirm: "Reset the room",
    isGrave: true,
    async act() {
      await api.post(pathOf(shared, room, "reset"), { confirm: confirm.value.trim(), epoch: room.epoch });
      shared.announce(`${room.displayName} begins anew.`);
      shared.changed();
    },
  });
}

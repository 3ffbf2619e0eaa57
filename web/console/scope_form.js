// The form of one action: what it does, for which room, and the triggers that select it. Works on the integration as
// it stands on the wire, and leaves fields it does not show as they are.

import { choice, field, h, tick } from "./dom.js";

const ACTIONS = [["Queue", "Queue: send to the room"], ["Cancel", "Cancel: end the visit"], ["Ignore", "Ignore: let pass"]];
const VALIDATORS = [
  ["UrlValidator", "Address"],
  ["CookieValidator", "Cookie"],
  ["HttpHeaderValidator", "Header"],
  ["UserAgentValidator", "User agent"],
  ["RequestBodyValidator", "Body"],
];
const URL_PARTS = [["PagePath", "path"], ["PageUrl", "whole address"], ["HostName", "host"]];
const OPERATORS = [["Contains", "contains"], ["Equals", "equals"], ["ContainsAny", "contains any of"], ["EqualsAny", "equals any of"]];
const TARGETS = [["AllowTParameter", "the page they came from"], ["EventTargetUrl", "the room's default target"], ["ForcedTargetUrl", "a fixed address"]];

/** The actions that are unfolded: they stay so when the list is drawn again. */
const unfolded = new WeakSet();
/** Shows an action unfolded from its next drawing on. */
export const unfold = (one) => unfolded.add(one);

const newPart = () => ({ ValidatorType: "UrlValidator", UrlPart: "PagePath", Operator: "Contains", ValueToCompare: "", ValuesToCompare: [], IsNegative: false, IsIgnoreCase: true });
const newTrigger = () => ({ LogicalOperator: "And", TriggerParts: [newPart()] });

/** An action as a new one begins. */
export function newIntegration(account) {
  return {
    Name: "New action",
    ActionType: "Queue",
    EventId: account.rooms[0]?.waitingRoomId ?? "",
    QueueDomain: account.details?.roomHost ?? "",
    CookieDomain: "",
    CookieValidityMinute: 20,
    ExtendCookieValidity: true,
    RedirectLogic: "AllowTParameter",
    ForcedTargetUrl: "",
    IsNormalizationEnabled: true,
    Triggers: [newTrigger()],
  };
}

/** The form of `one`, which is number `at` of `all`. */
export function integrationForm(one, at, all, form) {
  const set = (name) => (value) => {
    one[name] = value;
    form.changed();
  };
  const text = (name) => h("input", { type: "text", value: one[name] ?? "", spellcheck: "false", oninput: (event) => set(name)(event.target.value) });
  const name = h("b", {}, one.Name || "Action without a name");
  const nameInput = text("Name");
  nameInput.addEventListener("input", () => { name.textContent = nameInput.value || "Action without a name"; });
  const action = choice(ACTIONS, one.ActionType, (value) => {
    one.ActionType = value;
    form.redraw(at);
  });
  const body = [h("div", { class: "pair" }, field("Name", nameInput), field("What it does", action))];
  if (one.ActionType !== "Ignore") body.push(...roomFields(one, form, set, text));
  body.push(
    h("h3", {}, "Triggers: one of them must match"),
    tick("Other spellings of an address are the same: //a, /b/../a, %61", one.IsNormalizationEnabled, set("IsNormalizationEnabled")),
    triggers(one, form, at));
  return h("li", { class: "integration" },
    h("details", { open: all.length === 1 || unfolded.has(one), ontoggle: (event) => (event.target.open ? unfolded.add(one) : unfolded.delete(one)) },
      h("summary", {}, name, " ", h("span", { class: "faint" }, [one.ActionType, one.ActionType === "Ignore" ? "" : one.EventId].filter(Boolean).join(" · "))),
      ...body,
      h("div", { class: "buttons" },
        mover("Up", `Move ${one.Name} up`, at > 0, () => move(all, at, at - 1, form)),
        mover("Down", `Move ${one.Name} down`, at < all.length - 1, () => move(all, at, at + 1, form)),
        h("button", { class: "quiet small", type: "button", "aria-label": `Remove ${one.Name}`, onclick: () => { all.splice(at, 1); form.redraw(Math.max(0, at - 1)); } }, "Remove"))));
}

function roomFields(one, form, set, text) {
  const rooms = form.rooms().map((room) => [room.waitingRoomId, `${room.displayName} (${room.waitingRoomId})`]);
  const fields = [
    h("div", { class: "pair" }, field("Waiting room", choice(rooms, one.EventId, set("EventId"))), field("Host of the waiting room", text("QueueDomain"))),
  ];
  if (one.ActionType !== "Queue") return fields;
  const minutes = h("input", { type: "number", min: 1, step: 1, value: one.CookieValidityMinute ?? "", oninput: () => set("CookieValidityMinute")(minutes.value === "" ? null : Number(minutes.value)) });
  const logic = choice(TARGETS, one.RedirectLogic, (value) => {
    one.RedirectLogic = value;
    form.changed();
    forced.hidden = value !== "ForcedTargetUrl";
  });
  const forced = field("Fixed address", text("ForcedTargetUrl"));
  forced.hidden = one.RedirectLogic !== "ForcedTargetUrl";
  fields.push(
    h("div", { class: "pair" }, field("A visit lasts, in minutes", minutes), field("Afterwards visitors go to", logic)),
    forced,
    tick("Each request makes the visit last longer", one.ExtendCookieValidity, set("ExtendCookieValidity")),
  );
  return fields;
}

function triggers(one, form, at) {
  one.Triggers ??= [];
  return h("div", { class: "triggers" },
    one.Triggers.map((trigger, number) => h("fieldset", {},
      h("legend", {}, `Trigger ${number + 1}`),
      field("Of its conditions", choice([["And", "all must hold"], ["Or", "one must hold"]], trigger.LogicalOperator, (value) => { trigger.LogicalOperator = value; form.changed(); })),
      (trigger.TriggerParts ??= []).map((part, index) => partForm(part, index, trigger, form, at)),
      h("div", { class: "buttons" },
        h("button", { class: "quiet small", type: "button", onclick: () => { trigger.TriggerParts.push(newPart()); form.redraw(at); } }, "Add a condition"),
        h("button", { class: "quiet small", type: "button", "aria-label": `Remove trigger ${number + 1}`, onclick: () => { one.Triggers.splice(number, 1); form.redraw(at); } }, "Remove trigger")))),
    h("button", { class: "quiet small", type: "button", onclick: () => { one.Triggers.push(newTrigger()); form.redraw(at); } }, "Add a trigger"));
}

function partForm(part, index, trigger, form, at) {
  const set = (name) => (value) => {
    part[name] = value;
    form.changed();
  };
  const setAndDraw = (name) => (value) => {
    part[name] = value;
    form.redraw(at);
  };
  const labelled = (label, control) => {
    control.setAttribute("aria-label", `${label} of condition ${index + 1}`);
    return control;
  };
  const text = (label, name) => labelled(label, h("input", { type: "text", value: part[name] ?? "", placeholder: label.toLowerCase(), spellcheck: "false", oninput: (event) => set(name)(event.target.value) }));
  const isList = part.Operator === "ContainsAny" || part.Operator === "EqualsAny";
  const values = labelled("Values, one a line,", h("textarea", { rows: 3, spellcheck: "false", oninput: (event) => set("ValuesToCompare")(event.target.value.split("\n").filter(Boolean)) }));
  values.value = (part.ValuesToCompare ?? []).join("\n");
  return h("div", { class: "part" },
    h("div", { class: "line" },
      labelled("Subject", choice(VALIDATORS, part.ValidatorType, setAndDraw("ValidatorType"))),
      part.ValidatorType === "UrlValidator" ? labelled("Part of the address", choice(URL_PARTS, part.UrlPart, set("UrlPart"))) : null,
      part.ValidatorType === "CookieValidator" ? text("Name of the cookie", "CookieName") : null,
      part.ValidatorType === "HttpHeaderValidator" ? text("Name of the header", "HttpHeaderName") : null,
      labelled("Comparison", choice(OPERATORS, part.Operator, setAndDraw("Operator"))),
      isList ? values : text("Value", "ValueToCompare")),
    h("div", { class: "line" },
      tick("Ignore case", part.IsIgnoreCase, set("IsIgnoreCase")),
      tick("Must not", part.IsNegative, set("IsNegative")),
      h("button", { class: "quiet small", type: "button", "aria-label": `Remove condition ${index + 1}`, onclick: () => { trigger.TriggerParts.splice(index, 1); form.redraw(at); } }, "Remove")));
}

function mover(label, spoken, isPossible, onclick) {
  return h("button", { class: "quiet small", type: "button", "aria-label": spoken, disabled: !isPossible, onclick }, label);
}

function move(all, from, to, form) {
  const [one] = all.splice(from, 1);
  all.splice(to, 0, one);
  form.redraw(to);
}

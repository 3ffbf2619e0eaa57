// Makes elements. Texts go in as text nodes only, so nothing that an operator or a visitor wrote is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: `h("button", { class: "quiet", onclick: stop }, "Stop")`. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Sets a text only when it changed, so that a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let lastId = 0;

/** An id nobody else on the page has. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** A label above a control, with room for a hint and for what is wrong below it. */
export function field(label, control, hint) {
  control.id ||= freshId("field");
  const note = hint ? h("p", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note);
}

/** A box to tick, with its label behind it. */
export function tick(label, isTicked, onchange) {
  const box = h("input", { type: "checkbox", id: freshId("tick"), onchange: () => onchange(box.checked) });
  box.checked = Boolean(isTicked);
  return h("div", { class: "tick" }, box, h("label", { for: box.id }, label));
}

/** A list to choose from; `choices` are pairs of value and label. */
export function choice(choices, chosen, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) });
  for (const [value, label] of choices) select.append(h("option", { value }, label));
  if (!choices.some(([value]) => value === chosen)) {
    select.prepend(h("option", { value: chosen ?? "" }, chosen ? `${chosen} (unknown)` : "Choose…"));
  }
  select.value = chosen ?? "";
  return select;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Figures as people say them. Pure.

const whole = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export const number = (value) => whole.format(value);

export const counted = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;

/** A span as an estimate: never more exact than anybody can know. */
export function about(seconds) {
  if (seconds === null || seconds === undefined) return "not known";
  if (seconds < 1) return "none";
  if (seconds < 10) return "a few seconds";
  if (seconds < 50) return `about ${Math.ceil(seconds / 10) * 10} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `about ${counted(Math.max(1, minutes), "minute", "minutes")}`;
  const hours = Math.round(seconds / 1800) / 2;
  if (hours < 48) return `about ${hours} hours`;
  return `about ${Math.round(seconds / 86400)} days`;
}

/** A measured span, as exact as it was measured. */
export function measured(milliseconds) {
  if (milliseconds < 10) return "less than 0.01 s";
  if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(milliseconds < 1000 ? 2 : 1)} s`;
  return about(milliseconds / 1000);
}

/** A moment: the time when it is today, else the day as well. */
export function moment(text) {
  if (!text) return "";
  const when = new Date(text);
  const isToday = day.format(when) === day.format(new Date());
  return isToday ? clock.format(when) : `${day.format(when)}, ${clock.format(when)}`;
}

export function ago(text, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - new Date(text).getTime()) / 1000));
  if (seconds < 60) return counted(seconds, "second ago", "seconds ago");
  return counted(Math.round(seconds / 60), "minute ago", "minutes ago");
}

/** What a new outflow will do, said before it is done. */
export function effectOfOutflow(room, wanted) {
  const now = room.outflowPerMinute;
  if (wanted === now) return `This is what it is now: ${number(now)} a minute.`;
  const change = `From ${number(now)} to ${number(wanted)} a minute`;
  if (room.waiting === 0) return `${change}. Nobody is waiting, so nobody notices.`;
  // What is measured counts places of people who left; without a measurement the set rate must do.
  const before = room.state === "paused" ? null : (room.expectedWaitSeconds ?? (room.waiting * 60) / now);
  const after = before === null ? (room.waiting * 60) / wanted : (before * now) / wanted;
  if (before === null) return `${change}. Once the room is resumed, the last visitor waits ${about(after)}.`;
  if (about(before) === about(after)) return `${change}: the last visitor now waits ${about(after)}, much as before.`;
  return `${change}: the last visitor now waits ${about(after)} instead of ${about(before)}.`;
}

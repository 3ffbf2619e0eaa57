// The signed texts of the wire protocol, written by hand: good ones to begin with, from which bad ones are made.

import { createHmac } from "node:crypto";

export const COOKIE_PREFIX = "QueueITAccepted-SDFrts345E-V3_";
const COOKIE_KEYS = ["EventId", "QueueId", "FixedValidityMins", "RedirectType", "IssueTime", "Hip"];

export function hmac(secret, text) {
  return createHmac("sha256", secret).update(text, "utf8").digest("hex");
}

/** Component encoding of the official connectors: `%2a` is in lower case. */
export function enc(text) {
  const escape = (c) => `%${c.charCodeAt(0).toString(16)}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, escape);
}

/** A queue token of these segments, `[key, value]`, with its MAC where `["h"]` stands, or at the end. */
export function sealToken(segments, secret) {
  const at = segments.findIndex(([key, value]) => key === "h" && value === undefined);
  const place = at < 0 ? segments.length : at;
  const text = (list) => list.map((segment) => segment.join("_")).join("~");
  const rest = segments.filter((_, index) => index !== at);
  const hash = hmac(secret, text(rest));
  return text([...rest.slice(0, place), ["h", hash], ...rest.slice(place)]);
}

/** The segments of a token, `[key, value]`; what is none is left out. */
export function readToken(text) {
  return text.split("~").map((segment) => segment.split("_")).filter((parts) => parts.length === 2);
}

/** Fields of a cookie's value in their order, `[key, value]`. */
export function readCookie(value) {
  return value.split("&").map((part) => part.split("="));
}

/** An accepted cookie's value of these fields: `{ EventId, QueueId, … }`, absent ones left out. */
export function sealCookie(fields, secret) {
  const value = (key) => fields[key] ?? "";
  const signed = COOKIE_KEYS.map((key) => (["EventId", "RedirectType"].includes(key) ? value(key).toLowerCase() : value(key)));
  const parts = COOKIE_KEYS.filter((key) => fields[key] !== undefined).map((key) => `${key}=${fields[key]}`);
  return [...parts, `Hash=${hmac(secret, signed.join(""))}`].join("&");
}

/** The public address without its queue tokens: what a host hands to a connector. */
export function withoutToken(url) {
  const [rest, fragment] = cut(url, "#");
  const [path, query] = cut(rest, "?");
  if (!query) return url;
  const parameters = query.slice(1).split("&");
  const kept = parameters.filter((parameter) => parameter.split("=")[0].toLowerCase() !== "queueittoken");
  if (kept.length === parameters.length) return url;
  return path + (kept.join("&") ? `?${kept.join("&")}` : "") + fragment;
}

/** Every `queueittoken` of the address, decoded, in order. */
export function tokensIn(url) {
  const [rest] = cut(url, "#");
  const [, query] = cut(rest, "?");
  return query.slice(1).split("&").filter((parameter) => /^queueittoken=/.test(parameter))
    .map((parameter) => decoded(parameter.slice("queueittoken=".length)));
}

/** Every cookie of this name, decoded, in order. */
export function cookiesNamed(header, name) {
  return (header ?? "").split(";").map((pair) => cut(pair.trim(), "="))
    .filter(([key, value]) => key === name && value).map(([, value]) => decoded(value.slice(1)));
}

export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The text before a mark, and from it on. */
function cut(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

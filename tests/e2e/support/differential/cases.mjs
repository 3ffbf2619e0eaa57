// Requests by chance, made so that they meet the config they are for: its rooms, its addresses, its triggers.

import { ROOMS, makeConfig } from "./configs.mjs";
import { scratched, scribble } from "./scribble.mjs";
import { COOKIE_PREFIX, enc, hmac, readCookie, sealCookie, sealToken } from "./wire.mjs";

const CASES_PER_CONFIG = 10;
const NOW = 1_700_000_000;
const SECRET = "2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5";
/** Each beside the form in which both sides must hash it (protocol 1.2). */
const ADDRESSES = ["203.0.113.7", "198.51.100.23", "2001:db8::7", "2001:DB8:0:0:0:0:0:7", "::ffff:203.0.113.7"];
const HOSTS = ["shop.example", "shop.example", "shop.example", "SHOP.example:8443", "www.shop.example", "user@shop.example", "shop.example."];
const SEGMENTS = ["tickets", "tickets", "TICKETS", "cart", "pay", "t%69ckets", "a", "b", "..", ".", "", "sp%C3%A4ti", "späti", "x%20y", "x y", "%aB", "%ab", "%2e%2e", "tick\\ets", "\u{1f600}", "\u{1f600}", "tickets;v=1"];
const QUERIES = ["x=1", "x=1&y=2", "q=a%20b", "q=a+b", "u=http://o.example//p", "empty", "", "x=späti", "queueittokens=1"];
const TYPES = ["queue", "queue", "queue", "safetynet", "afterevent", "disabled", "directLink", "idle", "Queue", "DirectLink"];

const TOKEN_KINDS = [
  "plain", "fixed validity", "odd validity", "right address", "another address", "empty address", "expired",
  "last second", "odd time", "no time", "other room", "room in other case", "no room", "no queue id",
  "empty queue id", "queue id of other make", "queue id in capitals", "no type", "empty type", "unknown type",
  "debug", "debug in capitals", "debug, expired", "debug, wrong MAC", "debug for another room", "unknown keys", "far too long", "other order", "MAC in the middle", "MAC in front", "key twice", "segments of other make",
  "not extendable", "tampered", "wrong MAC", "MAC in capitals", "MAC twice", "two MACs", "scratched", "scratched, then signed",
  "no MAC", "another key", "garbage", "more behind",
];
const COOKIE_KINDS = [
  "plain", "old", "last second", "from ahead", "fixed validity", "right address", "another address", "no queue id",
  "empty queue id", "queue id undefined", "queue id in capitals", "queue id of other make", "other order",
  "unknown field", "far too long", "field twice", "equals sign too many", "type of other make", "type of diagnostics",
  "time that is none", "other room inside", "room in other case", "wrong MAC", "MAC in capitals", "another key",
  "scratched", "deleted", "empty", "garbage", "type moved into time", "validity moved into queue id", "address moved into time",
  "type moved into queue id", "room moved into queue id", "twice",
];
/** What a case may be made of, as its `made` says. */
export const KINDS = [
  ...TOKEN_KINDS.map((kind) => `token: ${kind}`),
  ...["last", "header", "first", "otherCase", "twice", "both"].map((place) => `token ${place}`),
  ...COOKIE_KINDS.map((kind) => `cookie: ${kind}`),
  ...["good", "malformed", "plain", "empty"].map((kind) => `ajax ${kind}`),
  ...["good", "bad token", "no", "no answer"].map((kind) => `direct pass ${kind}`),
];

/** So many cases, each for `anteroom connector evaluate`; `made` says on purpose of what, for counting branches. */
export function makeCases(random, count) {
  const cases = [];
  let config;
  for (let id = 0; id < count; id += 1) {
    if (id % CASES_PER_CONFIG === 0) config = makeConfig(random);
    cases.push(makeCase(random, id, config));
  }
  return cases;
}

function makeCase(random, id, config) {
  const made = [];
  const secretKey = SECRET;
  const headers = {};
  const ip = random.percent(25) ? "" : random.one(ADDRESSES);
  const testCase = {
    id,
    now: NOW + random.below(100_000),
    customerId: "acme",
    secretKey,
    apiKey: "b9c4b5fe",
    integrationConfig: config,
    request: { method: random.weighted({ GET: 86, POST: 8, HEAD: 2, OPTIONS: 2, head: 1, PUT: 1 }), url: makeUrl(random), headers, clientIp: ip },
  };
  const { request } = testCase;
  if (random.percent(40)) request.body = random.one(["action=buy", "action=BUY&n=2", "äö", ""]);
  if (random.percent(70)) headers[random.one(["User-Agent", "user-agent"])] = random.one(["Mozilla/5.0 (X11)", "Googlebot/2.1", "MOZILLA"]);
  if (random.percent(20)) headers.Via = "1.1 proxy";
  if (random.percent(20)) headers["X-Forwarded-For"] = "203.0.113.7, 10.0.0.1";
  if (random.percent(40)) headers[random.one(["X-Segment", "x-segment"])] = random.one(["gold", "Gold", "silver", "straße"]);
  if (random.percent(25)) headers["x-queueit-ajaxpageurl"] = makeAjaxPageUrl(random, made);

  const rooms = roomsOf(random, config);
  if (random.percent(60)) carryToken(random, testCase, rooms, made);
  headers.Cookie = makeCookies(random, testCase, rooms, made);
  if (headers.Cookie === "") delete headers.Cookie;
  if (random.percent(30)) testCase.enqueueToken = random.one(["eyJ0eXAi.cGF5.aGFzaA", "", "a..b"]);
  if (random.percent(80)) testCase.verifyActionAllowed = random.percent(60);
  if (random.percent(20)) testCase.generation = 5;
  if (testCase.generation === 5 && random.percent(80)) testCase.directPass = makeDirectPass(random, testCase, rooms, made);
  return { testCase, made };
}

function makeDirectPass(random, testCase, rooms, made) {
  const kind = random.one(["good", "good", "bad token", "no", "no answer"]);
  made.push(`direct pass ${kind}`);
  const timeout = random.percent(50) ? { timeoutMillis: random.one([0, 100, 1500, 60_000]) } : {};
  if (kind === "no answer") return timeout;
  if (kind === "no") return { ...timeout, hasPassed: false };
  const token = makeToken(random, testCase, rooms, kind === "good" ? undefined : made);
  return { ...timeout, hasPassed: true, queueitToken: token };
}

function makeUrl(random) {
  const segments = Array.from({ length: random.below(4) }, () => random.one(SEGMENTS));
  // Normalising makes a difference here, and only whoever does not give up on the first character sees it.
  if (random.percent(10)) return `https://${random.one(HOSTS)}/${scribble(random, 12)}`;
  const path = random.percent(4) ? "\u{1f600}//../%74ickets" : segments.join("/");
  const query = random.percent(50) ? `?${random.one(QUERIES)}` : "";
  const fragment = random.percent(5) ? "#top" : "";
  return `https://${random.one(HOSTS)}/${path}${query}${fragment}`;
}

function makeAjaxPageUrl(random, made) {
  const kind = random.weighted({ good: 6, malformed: 2, plain: 1, empty: 1 });
  made.push(`ajax ${kind}`);
  if (kind === "good") return encodeURIComponent("https://shop.example/page?a=1&b=späti#x");
  return { malformed: random.one(["%E0%A4%A", "100%"]), plain: random.one(["app", scribble(random, 8)]), empty: "" }[kind];
}

/** The rooms of one of the config's integrations: the first has most weight, as in real ones. */
function roomsOf(random, config) {
  const list = (config.Integrations ?? []).filter(({ ActionType }) => ActionType === "Queue" || ActionType === "Cancel");
  const chosen = list.length > 0 ? random.one(list) : {};
  const rooms = [chosen.EventId, ...(chosen.InvolvedWaitingRoomIds ?? [])].filter(Boolean);
  return rooms.length > 0 ? [...new Set(rooms)] : [random.one(ROOMS)];
}

function uuid(random) {
  const digits = (count) => Array.from({ length: count }, () => random.below(16).toString(16)).join("");
  return [8, 4, 4, 4, 12].map(digits).join("-");
}

function canonicalAddress(ip) {
  return { "2001:DB8:0:0:0:0:0:7": "2001:db8::7", "::ffff:203.0.113.7": "203.0.113.7" }[ip] ?? ip;
}

function hashedAddress(random, testCase, kind) {
  const ip = kind === "right" && testCase.request.clientIp ? testCase.request.clientIp : "192.0.2.99";
  return hmac(testCase.secretKey, canonicalAddress(ip));
}

// --- queue tokens

function carryToken(random, testCase, rooms, made) {
  const token = makeToken(random, testCase, rooms, made);
  const { request } = testCase;
  const place = random.weighted({ last: 60, header: 12, first: 8, otherCase: 4, twice: 6, both: 4 });
  made.push(`token ${place}`);
  const value = encodeURIComponent(token);
  const parameter = `queueittoken=${value}`;
  if (place === "header" || place === "both") request.headers["x-queueittoken"] = token.trim();
  const append = (text) => {
    const [rest, fragment] = [request.url.split("#")[0], request.url.includes("#") ? "#top" : ""];
    request.url = rest + (rest.includes("?") ? (/[?&]$/.test(rest) ? "" : "&") : "?") + text + fragment;
  };
  if (place === "last") append(parameter);
  if (place === "first") append(`${parameter}&z=1`);
  if (place === "otherCase") append(`QueueITToken=${value}`);
  if (place === "twice") append(random.one([`queueittoken=&${parameter}`, `${parameter}&y=1&queueittoken=e_other~h_0`, `queueittoken=old&${parameter}`]));
  if (place === "both") append("queueittoken=e_spring24~h_00");
}

function makeToken(random, testCase, rooms, made) {
  const { now, secretKey } = testCase;
  const segments = [
    ["e", random.percent(85) ? rooms[0] : random.one(rooms)],
    ["q", uuid(random)],
    ["ts", String(now + random.between(1, 200))],
    ["ce", "true"],
    ["rt", random.one(TYPES)],
  ];
  const at = (key) => segments.findIndex(([known]) => known === key);
  const put = (key, value) => (at(key) < 0 ? segments.splice(4, 0, [key, value]) : (segments[at(key)][1] = value));
  const drop = (key) => at(key) >= 0 && segments.splice(at(key), 1);
  let finish = (text) => text;
  const change = {
    "fixed validity": () => put("cv", String(random.between(1, 400))),
    "odd validity": () => put("cv", random.one(["0", "-3", "x", "0x10", "5min", ""])),
    "right address": () => put("hip", hashedAddress(random, testCase, "right")),
    "another address": () => put("hip", hashedAddress(random, testCase, "wrong")),
    "empty address": () => put("hip", ""),
    expired: () => put("ts", String(now - random.between(1, 5000))),
    "last second": () => put("ts", String(now)),
    "odd time": () => put("ts", random.one(["", "soon", "0x7fffffff", `${now + 9}s`, ` ${now + 9}`, "17000000000000", "-5"])),
    "no time": () => drop("ts"),
    "other room": () => put("e", "elsewhere"),
    "room in other case": () => put("e", rooms[0].toUpperCase()),
    "no room": () => drop("e"),
    "no queue id": () => drop("q"),
    "empty queue id": () => put("q", ""),
    "queue id of other make": () => put("q", random.one(["x", "1234", "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6"])),
    "queue id in capitals": () => put("q", uuid(random).toUpperCase()),
    "no type": () => drop("rt"),
    "empty type": () => put("rt", ""),
    "unknown type": () => put("rt", "gift"),
    debug: () => put("rt", "debug"),
    "debug in capitals": () => put("rt", "DEBUG"),
    "debug, expired": () => { put("rt", "debug"); put("ts", String(now - 10)); },
    "debug, wrong MAC": () => { put("rt", "debug"); finish = (text) => `${text}0`; },
    "debug for another room": () => { put("rt", "debug"); put("e", "elsewhere"); },
    "unknown keys": () => segments.splice(2, 0, ["ri", uuid(random)], ["zz", "1"], ["c", "acme"]),
    "far too long": () => segments.splice(1, 0, ["zz", "x".repeat(random.one([1500, 3000]))]),
    "other order": () => segments.splice(0, segments.length, ...random.shuffled(segments)),
    "MAC in the middle": () => segments.splice(random.between(1, segments.length - 1), 0, ["h"]),
    "MAC in front": () => segments.splice(0, 0, ["h"]),
    "key twice": () => segments.unshift(["ts", "1"], ["q", "first"]),
    "segments of other make": () => segments.splice(1, 0, ["a", "b", "c"], ["lonely"]),
    "not extendable": () => put("ce", random.one(["false", "TRUE", ""])),
    tampered: () => (finish = (text) => text.replace(/~ts_(\d*)\d/, "~ts_$19")),
    "wrong MAC": () => (finish = (text) => text.replace(/[0-9a-f]$/, (digit) => (digit === "0" ? "1" : "0"))),
    "MAC in capitals": () => (finish = (text) => text.replace(/h_([0-9a-f]{64})/, (_, mac) => `h_${mac.toUpperCase()}`)),
    "MAC twice": () => (finish = (text) => text + (/~h_[0-9a-f]{64}/.exec(text)?.[0] ?? "~h_0")),
    "two MACs": () => (finish = (text) => `${text}~h_${hmac(secretKey, text)}`),
    scratched: () => (finish = (text) => scratched(random, text)),
    "scratched, then signed": () => (finish = (text) => {
      const unsigned = scratched(random, text.replace(/~h_[0-9a-f]{64}/, ""));
      return `${unsigned}~h_${hmac(secretKey, unsigned)}`;
    }),
    "no MAC": () => (finish = (text) => text.replace(/~h_[0-9a-f]{64}/, "")),
    "another key": () => (finish = () => sealToken(segments, "another key")),
    garbage: () => (finish = () => random.one(["garbage", "~~~", "e_spring24", "a b&t=https://evil.example/#x", "späti", "h_", "\u{1f600}"])),
    "more behind": () => (finish = (text) => `${text}&t=https://evil.example/`),
  };
  const purposes = made ? random.weighted({ none: 30, one: 50, two: 20 }) : "none";
  for (let left = { none: 0, one: 1, two: 2 }[purposes]; left > 0; left -= 1) {
    const kind = random.one(Object.keys(change));
    // What is wrong with a debug token is looked at twice, and in two ways; so one thing at a time.
    const isDebug = kind.startsWith("debug");
    if (isDebug && left === 1 && purposes === "two") break;
    made.push(`token: ${kind}`);
    change[kind]();
    if (isDebug) break;
  }
  if (purposes === "none") made?.push("token: plain");
  return finish(sealToken(segments, secretKey));
}

// --- cookies

function makeCookies(random, testCase, rooms, made) {
  const pairs = [];
  if (random.percent(45)) pairs.push(["segment", encodeURIComponent(random.one(["gold", "Gold", "straße", "a=b", "silver"]))]);
  if (random.percent(10)) pairs.push(["tier", "gold"]);
  for (const room of rooms) {
    if (random.percent(45)) continue;
    for (const value of makeAccepted(random, testCase, room, rooms, made)) {
      pairs.push([COOKIE_PREFIX + room, random.percent(80) ? enc(value) : value]);
    }
  }
  return random.shuffled(pairs).map((pair) => pair.join("=")).join("; ");
}

function makeAccepted(random, testCase, room, rooms, made) {
  const { now, secretKey } = testCase;
  const fields = { EventId: room, QueueId: uuid(random), RedirectType: random.one(TYPES).toLowerCase(), IssueTime: String(now - random.below(80)) };
  const seal = () => sealCookie(fields, secretKey);
  /** Moves text from the end of one field to the beginning of the next, with the MAC left as it is. */
  const shift = (value, from, to, count) => {
    const parts = Object.fromEntries(readCookie(value));
    const moved = parts[from].slice(parts[from].length - count);
    parts[from] = parts[from].slice(0, parts[from].length - count);
    parts[to] = moved + (parts[to] ?? "");
    const order = ["EventId", "QueueId", "FixedValidityMins", "RedirectType", "IssueTime", "Hip", "Hash"];
    return order.filter((key) => parts[key]).map((key) => `${key}=${parts[key]}`).join("&");
  };
  const kinds = {
    plain: seal,
    old: () => { fields.IssueTime = String(now - random.between(1, 40) * 60); return seal(); },
    "last second": () => { fields.IssueTime = String(now - 1200); return seal(); },
    "from ahead": () => { fields.IssueTime = String(now + 3000); return seal(); },
    "fixed validity": () => { fields.FixedValidityMins = String(random.between(1, 60)); fields.IssueTime = String(now - random.below(3600)); return seal(); },
    "right address": () => { fields.Hip = hashedAddress(random, testCase, "right"); return seal(); },
    "another address": () => { fields.Hip = hashedAddress(random, testCase, "wrong"); return seal(); },
    "no queue id": () => { delete fields.QueueId; return seal(); },
    "empty queue id": () => { fields.QueueId = ""; return seal(); },
    "queue id undefined": () => { fields.QueueId = "undefined"; return seal(); },
    "queue id in capitals": () => { fields.QueueId = fields.QueueId.toUpperCase(); return seal(); },
    "queue id of other make": () => { fields.QueueId = "1234"; return seal(); },
    "other order": () => random.shuffled(seal().split("&")).join("&"),
    "unknown field": () => `${seal()}&More=1`,
    "far too long": () => `${seal()}&More=${"x".repeat(random.one([100, 400]))}`,
    "field twice": () => `EventId=other&${seal()}`,
    "equals sign too many": () => seal().replace(/(IssueTime=\d+)/, "$1=x"),
    "type of other make": () => { fields.RedirectType = "gift"; return seal(); },
    "type of diagnostics": () => { fields.RedirectType = random.one(["debug", "timeout", "bypass", "unknown"]); return seal(); },
    "time that is none": () => { fields.IssueTime = "soon"; return seal(); },
    "other room inside": () => { fields.EventId = "elsewhere"; return seal(); },
    "room in other case": () => seal().replace(/EventId=[^&]*/, (text) => text.toUpperCase().replace("EVENTID", "EventId")),
    "wrong MAC": () => seal().replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
    "MAC in capitals": () => seal().replace(/Hash=.*/, (text) => `Hash=${text.slice(5).toUpperCase()}`),
    "another key": () => sealCookie(fields, "another key"),
    scratched: () => scratched(random, seal()).replaceAll(/[; ]/g, ""),
    deleted: () => "deleted",
    empty: () => "",
    garbage: () => random.one(["x", "a=b&c", "EventId", "%", "Hash="]),
    "type moved into time": () => { fields.IssueTime = String(now - 90_000); return shift(seal(), "RedirectType", "IssueTime", 1); },
    "validity moved into queue id": () => { fields.FixedValidityMins = "3"; return shiftBack(seal(), "FixedValidityMins", "QueueId"); },
    "address moved into time": () => { fields.Hip = hashedAddress(random, testCase, "wrong"); return shiftBack(seal(), "Hip", "IssueTime"); },
    "type moved into queue id": () => shiftBack(seal().replace("&FixedValidityMins=", ""), "RedirectType", "QueueId", 2),
    "room moved into queue id": () => {
      // A genuine cookie of a room whose id begins like this one's.
      fields.EventId = room + random.one(["vip", "4", "24", "9"]);
      if (random.percent(30)) delete fields.QueueId;
      const value = seal();
      return shift(value, "EventId", fields.QueueId ? "QueueId" : "FixedValidityMins", fields.EventId.length - room.length);
    },
  };
  /** Moves text from the beginning of one field to the end of an earlier one. */
  function shiftBack(value, from, to, count) {
    const parts = Object.fromEntries(readCookie(value));
    const moved = parts[from].slice(0, count ?? parts[from].length);
    parts[from] = parts[from].slice(moved.length);
    parts[to] += moved;
    const order = ["EventId", "QueueId", "FixedValidityMins", "RedirectType", "IssueTime", "Hip", "Hash"];
    return order.filter((key) => parts[key]).map((key) => `${key}=${parts[key]}`).join("&");
  }
  const kind = random.percent(35) ? "plain" : random.one(Object.keys(kinds));
  made.push(`cookie: ${kind}`);
  const value = kinds[kind]();
  if (value && random.percent(5)) {
    made.push("cookie: twice");
    return random.one([[value, "x"], ["x", value]]);
  }
  return [value];
}

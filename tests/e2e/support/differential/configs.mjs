// Integration configs by chance: every action, validator, operator and field that protocol section 4 knows.

import { scribble } from "./scribble.mjs";

/** Rooms among which some are the beginning of others, where forged cookies would pay. */
export const ROOMS = ["spring24", "spring2", "springvip", "spring", "autumn", "winter9", "summersale"];
/** Official connectors cannot read back their own cookie for this one (11-B2). */
const CAPITAL_ROOM = "Spring24";
/** No queue token can name this one: an underscore ends its value. */
const BROKEN_ROOM = "night_sale";

const NAMES = ["tickets", "all pages", "VIP & friends", "a*b'c(d)!", "späte Käufer", "", "checkout", "50% off"];
const TEXTS = {
  PageUrl: ["https://shop.example/tickets", "tickets", "TICKETS", "?x=1", "*", "", "a*b", "ß", "#top", "cart%20", "//", "späti"],
  HostName: ["shop.example", "SHOP.example", "www.", ":8443", "*", "user@"],
  PagePath: ["/tickets", "/TICKETS", "tickets", "/", "/cart/pay", "%2e", "*", "..", "+", "späti", "/a/b", "%AB"],
  Body: ["action=buy", "BUY", "*", "ÄÖ", ""],
  UserAgent: ["Googlebot", "mozilla", "Mozilla/5.0 (X11)", "*", ""],
  Header: ["gold", "GOLD", "*", "ß", "gold,silver", ""],
  Cookie: ["gold", "Gold", "*", "straße", "STRASSE", "a=b", ""],
};

/** A config, and the integrations in it that have rooms. */
export function makeConfig(random) {
  const integrations = Array.from({ length: random.between(1, 4) }, () => makeIntegration(random));
  if (random.percent(85)) integrations.push({ ...makeIntegration(random), Triggers: [catchAll(random)] });
  const config = {
    Description: "generated",
    Integrations: integrations,
    CustomerId: "acme",
    Version: random.weighted({ 7: 8, "7a": 1, 4096: 1 }) === "7a" ? "7a" : random.between(1, 4096),
    ConfigDataVersion: "1.0.0.1",
  };
  if (random.percent(3)) spoil(config, random);
  return config;
}

function makeIntegration(random) {
  const action = random.weighted({ Queue: 62, Cancel: 18, Ignore: 12, unknown: 4, absent: 4 });
  const integration = {
    Name: random.one(NAMES),
    ActionType: action === "unknown" ? random.one(["queue", "Block", null]) : action,
    EventId: random.one(ROOMS),
    InvolvedWaitingRoomIds: makeInvolved(random),
    CookieDomain: random.one([null, "", ".shop.example", "shop.example"]),
    IsCookieHttpOnly: random.one([true, false, null]),
    IsCookieSecure: random.one([true, false, null]),
    LayoutName: random.one([null, "", "Dark *(2)", "Größe"]),
    Culture: random.one([null, "", "da-DK"]),
    ExtendCookieValidity: random.one([true, false, null]),
    CookieValidityMinute: random.one([1, 20, 20, 20, "20", 1.5]),
    QueueDomain: random.one(["queue.shop.example", "queue.shop.example", "queue.shop.example/"]),
    QueuePathPrefix: random.one([null, "", "/", "wait", "/wait/here/", "//wait"]),
    RedirectLogic: random.weighted({ AllowTParameter: 6, ForcedTargetUrl: 3, EventTargetUrl: 3, ForecedTargetUrl: 1, Other: 1 }),
    ForcedTargetUrl: random.one(["https://shop.example/landing?from=queue#top", "", null]),
    VerifyQueueIdEnabled: random.one([true, false, null, null]),
    QueueIdUsageLimit: random.one([null, 3]),
    IsNormalizationEnabled: random.one([true, false, null]),
    Triggers: Array.from({ length: random.weighted({ 0: 1, 1: 8, 2: 4, 3: 1 }) | 0 }, () => makeTrigger(random)),
  };
  if (random.percent(5)) integration.EventId = CAPITAL_ROOM;
  if (random.percent(3)) integration.EventId = BROKEN_ROOM;
  if (action === "absent") delete integration.ActionType;
  if (random.percent(4)) delete integration.Name;
  if (random.percent(3)) integration.Name = null;
  if (action === "Cancel" && random.percent(25)) {
    // The room of a cancel action may stand among the involved ones alone.
    integration.EventId = null;
    integration.InvolvedWaitingRoomIds = [random.one(ROOMS), random.one(ROOMS)];
  }
  return integration;
}

function makeInvolved(random) {
  if (random.percent(55)) return random.one([null, []]);
  return Array.from({ length: random.between(1, 3) }, () => random.one(ROOMS));
}

/** For every request, in one of the ways that people write it. */
function catchAll(random) {
  const part = { ValidatorType: "UrlValidator", UrlPart: "PageUrl", Operator: "Contains", ValueToCompare: "*" };
  return random.one([
    { LogicalOperator: "And", TriggerParts: [part] },
    { LogicalOperator: "Or", TriggerParts: [{ ...part, IsNegative: true, IsIgnoreCase: true }] },
    { LogicalOperator: "And", TriggerParts: [] },
    { LogicalOperator: "And", TriggerParts: [{ ...part, Operator: "ContainsAny", ValuesToCompare: ["*"] }] },
  ]);
}

function makeTrigger(random) {
  return {
    LogicalOperator: random.weighted({ And: 5, Or: 5, Xor: 1 }) === "Xor" ? random.one(["Xor", null]) : random.one(["And", "Or"]),
    TriggerParts: Array.from({ length: random.weighted({ 0: 1, 1: 8, 2: 6, 3: 3 }) | 0 }, () => makePart(random)),
  };
}

function makePart(random) {
  const validator = random.weighted({
    UrlValidator: 55, CookieValidator: 10, UserAgentValidator: 8, HttpHeaderValidator: 10, RequestBodyValidator: 7, JSVariableValidator: 2,
  });
  const part = {
    ValidatorType: validator,
    Operator: random.weighted({ Equals: 12, Contains: 12, EqualsAny: 12, ContainsAny: 12, StartsWith: 1 }),
    IsNegative: random.one([true, false, false, null]),
    IsIgnoreCase: random.one([true, false]),
    UrlPart: null,
    CookieName: null,
    HttpHeaderName: null,
  };
  let texts = TEXTS.PagePath;
  if (validator === "UrlValidator") {
    part.UrlPart = random.weighted({ PageUrl: 5, HostName: 4, PagePath: 8, Query: 1 });
    texts = TEXTS[part.UrlPart] ?? TEXTS.PagePath;
  } else if (validator === "CookieValidator") {
    part.CookieName = random.one(["segment", "segment", "tier", "absent"]);
    texts = TEXTS.Cookie;
  } else if (validator === "HttpHeaderValidator") {
    part.HttpHeaderName = random.one(["X-Segment", "x-segment", "X-Tier", "x-absent"]);
    texts = TEXTS.Header;
  } else if (validator === "UserAgentValidator") {
    texts = TEXTS.UserAgent;
  } else if (validator === "RequestBodyValidator") {
    texts = TEXTS.Body;
  }
  const text = () => (random.percent(12) ? scribble(random, 4) : random.one(texts));
  part.ValueToCompare = random.percent(4) ? null : text();
  part.ValuesToCompare = random.percent(6) ? null : Array.from({ length: random.below(4) }, text);
  return part;
}

/** Makes a document that cannot be followed. */
function spoil(config, random) {
  const integration = random.one(config.Integrations);
  random.one([
    () => { integration.ActionType = "Queue"; delete integration.CookieValidityMinute; },
    () => { integration.ActionType = "Queue"; integration.CookieValidityMinute = "soon"; },
    () => { integration.ActionType = "Queue"; integration.CookieValidityMinute = 0; },
    () => { integration.ActionType = "Queue"; integration.EventId = ""; },
    () => { integration.ActionType = "Cancel"; integration.QueueDomain = ""; },
    () => { integration.ActionType = "Cancel"; integration.EventId = null; integration.InvolvedWaitingRoomIds = []; },
    () => { integration.Triggers = null; },
    () => { config.Version = random.one([0, null, ""]); },
  ])();
}

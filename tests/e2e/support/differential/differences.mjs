// Where we differ from the official connector on purpose: the whole list. Each has its id in the quirk register of
// the protocol notes, or the section that asks for it.
//
// A difference is either a `rewrite`, which turns the case into a harmless one on which the official connector does
// what we do on the original, or a `mend` of its answer. So each is as narrow as it can be: whatever else the official
// connector answers to that case must be our answer too.

import { askOfficial, headerOf } from "./official.mjs";
import {
  COOKIE_PREFIX, cookiesNamed, enc, hmac, readCookie, readToken, sealCookie, sealToken, tokensIn,
} from "./wire.mjs";

const TYPES = ["queue", "safetynet", "afterevent", "disabled", "directlink", "idle", "debug", "timeout", "bypass", "unknown"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAC = /^[0-9a-f]{64}$/;
/** Longer tokens and cookies are not looked at by ours, in bytes. */
const TOKEN_MAX = 2048;
const COOKIE_MAX = 512;
/** Neither signed nor in any form: found, and refused. */
const REFUSED = "x";

/** In the order in which they are applied. `official` and `ours` are for the documentation. */
export const DIFFERENCES = [
  {
    id: "4.1",
    official: "finds a mistake in the configuration only when a request meets it, and then lets that request pass",
    ours: "refuses the document as a whole when it arrives, and keeps the one before",
    mend: (answer, testCase) => (configFault(testCase.integrationConfig) === "4.1" ? undecided() : answer),
  },
  {
    id: "S8",
    official: "without a `CookieValidityMinute` that is a number, accepted cookies never end",
    ours: "refuses such a document",
    mend: (answer, testCase) => (configFault(testCase.integrationConfig) === "S8" ? undecided() : answer),
  },
  {
    id: "S7",
    official: "under Express, two `queueittoken` parameters make a list, which is taken for no token (in generation 3 for a reason to let pass)",
    ours: "takes the first one that is not empty, and strips all",
    rewrite: (testCase) => {
      const tokens = tokensIn(testCase.request.url);
      return tokens.length > 1 ? { ...testCase, token: carriedToken(testCase) } : testCase;
    },
  },
  {
    id: "limits",
    official: "looks at queue tokens and accepted cookies of any length",
    ours: "takes tokens of more than 2,048 bytes and cookies of more than 512 for forged; genuine ones have some 250",
    rewrite: (testCase) => {
      const withShortTokens = refusedToken(testCase, (_, segments) => segments.join().length > TOKEN_MAX);
      return withCookies(withShortTokens, (_, value) => (value.length > COOKIE_MAX ? REFUSED : value));
    },
  },
  {
    id: "S1",
    official: "hashes the fields of an accepted cookie without separators, so a visitor can move characters between them: a cookie that never ends, one without its address, a pass for another room",
    ours: "takes only cookies of a strict form, which can be cut in one way; others count as forged",
    rewrite: (testCase) => withCookies(testCase, (room, value) => (isStrict(value, room, testCase) ? value : REFUSED)),
  },
  {
    id: "S2",
    official: "takes a token with anything for a queue id; an older call signs such texts for anybody",
    ours: "refuses a token whose queue id is none, as not signed",
    rewrite: (testCase) => refusedToken(testCase, ({ q }) => q && !UUID.test(q)),
  },
  {
    id: "B1",
    official: "cuts the first of several MACs out of a token; other official connectors cut all",
    ours: "refuses a token with more than one",
    rewrite: (testCase) => refusedToken(testCase, (_, segments) => segments.filter(([key]) => key === "h").length > 1),
  },
  {
    id: "S1-types",
    official: "takes any text for a redirect type and writes it into the cookie",
    ours: "takes unknown ones for `unknown`, since the strict form of the cookie needs a known one",
    rewrite: (testCase) => resigned(testCase, ({ rt }) => rt && !TYPES.includes(rt.toLowerCase()), { rt: "unknown" }),
  },
  {
    id: "S3",
    official: "hashes the text of a network address as the host spells it",
    ours: "hashes one spelling of each address: IPv6 as RFC 5952 has it, IPv4 in IPv6 as IPv4",
    rewrite: (testCase) => {
      const clientIp = { "2001:DB8:0:0:0:0:0:7": "2001:db8::7", "::ffff:203.0.113.7": "203.0.113.7" }[testCase.request.clientIp];
      return clientIp ? { ...testCase, request: { ...testCase.request, clientIp } } : testCase;
    },
  },
  {
    id: "S13",
    official: "fails where a queue id is to be verified and the site has nobody to ask, and the request passes",
    ours: "takes it for a room that does not answer: the visitor passes as by any good cookie or token, or is refused where the site says so",
    rewrite: (testCase) => (testCase.verifyActionAllowed === undefined ? { ...testCase, verifyActionAllowed: true } : testCase),
  },
  {
    id: "B2",
    official: "writes capital letters of a room id into the cookie and signs small ones, so that the visitor queues for ever",
    ours: "writes small letters, and takes both forms",
    rewrite: (testCase) => withCookies(testCase, (room, value) => (isSignedInSmallLetters(value, room, testCase) ? inSmallLetters(value) : value)),
    mend: (answer) => ({
      ...answer,
      setCookies: answer.setCookies.map((cookie) => ({ ...cookie, value: inSmallLetters(cookie.value) })),
    }),
  },
  {
    id: "B4",
    official: "fails on a good token without redirect type, and the request passes",
    ours: "takes the type for `unknown`",
    rewrite: (testCase) => resigned(testCase, ({ rt }) => !rt, { rt: "unknown" }),
  },
  {
    id: "B5",
    official: "names the action in the place of the redirect type when a cancel action finds no cookie",
    ours: "names it in its own place",
    mend: (answer) =>
      answer.actionType === "Cancel" && answer.outcome === "pass" && !answer.error
        ? { ...answer, actionName: answer.redirectType, redirectType: null }
        : answer,
  },
  {
    id: "B5-ignore",
    official: "has no name in the result of an ignore action without one",
    ours: "calls it `unspecified`, as every action without a name",
    rewrite: (testCase) =>
      withIntegrations(testCase, "B5-ignore", (integration) =>
        integration.Name === undefined ? { ...integration, Name: "unspecified" } : integration,
      ),
  },
  {
    id: "B10",
    official: "hands the `undefined` of a generation 3 cookie on as a queue id",
    ours: "reads it as none, and never writes it",
    rewrite: (testCase) => withCookies(testCase, (room, value) => withoutUndefined(value, room, testCase)),
  },
  {
    id: "B17",
    official: "does not know the spelling `ForecedTargetUrl` of older platforms, which other official connectors follow",
    ours: "follows it",
    rewrite: (testCase) =>
      withIntegrations(testCase, "B17", (integration) =>
        integration.RedirectLogic === "ForecedTargetUrl" ? { ...integration, RedirectLogic: "ForcedTargetUrl" } : integration,
      ),
  },
  {
    id: "B18",
    official: "may remove a bad cookie and set a good one of the same name in one answer (generation 5)",
    ours: "sends the last of the two alone",
    mend: (answer) => ({
      ...answer,
      setCookies: answer.setCookies.filter(({ name }, at, all) => !all.slice(at + 1).some((later) => later.name === name)),
    }),
  },
  {
    id: "B21",
    official: "fails on diagnostics of a direct pass without settings, and the request passes (generation 5)",
    ours: "takes the settings for empty",
    rewrite: (testCase) => (testCase.directPass ? { ...testCase, hasDirectPassSettings: true } : testCase),
  },
  {
    id: "B22",
    official: "does not normalise an address at all when a character beyond the first plane is in it",
    ours: "encodes such a character like any other",
    rewrite: (testCase) => (/[\u{10000}-\u{10ffff}]/u.test(testCase.request.url) ? { ...testCase, isPlaneOneEncoded: true } : testCase),
  },
  {
    id: "B23",
    official: "writes a negative validity into the cookie, which is over at once, so that the visitor queues for ever",
    ours: "takes it for absent",
    rewrite: (testCase) => resigned(testCase, ({ cv }) => parseInt(cv) < 0, { cv: undefined }),
  },
  {
    id: "3.7",
    official: "sees the first of several cookies of one name",
    ours: "tries the next ones too, since a browser sends all that were set for different paths and domains",
    rewrite: firstGoodCookies,
  },
  {
    id: "9.3",
    official: "writes `null` into the diagnostics cookie for a name or a forced target that is null",
    ours: "writes nothing there",
    mend: (answer) => ({
      ...answer,
      setCookies: answer.setCookies.map((cookie) =>
        cookie.name === "queueitdebug" ? { ...cookie, value: withoutNull(cookie.value) } : cookie,
      ),
    }),
  },
  {
    id: "S5",
    official: "copies the queue token as it came into the address of the error page, where it can add parameters",
    ours: "encodes it; a genuine token stays as it is",
    mend: (answer, testCase, rewritten) => {
      const [original, shown] = [carriedToken(testCase), rewritten.token ?? carriedToken(testCase)];
      const location = answer.location?.replace(`&queueittoken=${shown}&ts=`, () => `&queueittoken=${enc(original)}&ts=`);
      return { ...answer, location: location ?? null };
    },
  },
];

/** The list as the documentation shows it. */
export function asTable() {
  const rows = [...DIFFERENCES]
    .sort((one, other) => one.id.localeCompare(other.id, "en", { numeric: true }))
    .map(({ id, official, ours }) => `| ${id} | ${official} | ${ours} |`);
  return ["| | the official connector | ours |", "| --- | --- | --- |", ...rows].join("\n");
}

/** What we are to answer to a case by the `official` answer to it; and which differences it took. */
export async function expectedAnswer(testCase, official) {
  let rewritten = testCase;
  let answer = comparable(official);
  const took = [];
  const step = (id, next) => {
    if (JSON.stringify(next) !== JSON.stringify(answer)) took.push(id);
    answer = next;
  };
  const mends = [];
  for (const difference of DIFFERENCES) {
    const next = await (difference.rewrite?.(rewritten) ?? rewritten);
    if (next !== rewritten) {
      // How the token was rewritten shows in error addresses, until S5 puts the original back.
      rewritten = next;
      step(difference.id, comparable(await askOfficial(rewritten)));
    }
    if (difference.mend) mends.push(difference);
  }
  for (const { id, mend } of mends) step(id, mend(answer, testCase, rewritten));
  return { answer: withSmallType(answer), took };
}

/** What we answered, in the same form. */
export function foundAnswer(answer) {
  return withSmallType(comparable(answer));
}

/** Official connectors write redirect types in small letters into cookies, and hand them back as they came. */
function withSmallType(answer) {
  return { ...answer, redirectType: answer.redirectType?.toLowerCase() ?? null };
}

/** An answer without what may always differ: the connector's version, and how nothing is spelt. */
function comparable(answer) {
  if (answer.error) return undecided();
  return {
    outcome: answer.outcome,
    location: answer.location?.replace(/([?&]ver=)[^&]*/, "$1*") ?? null,
    actionType: answer.actionType ?? null,
    actionName: answer.actionName || null,
    eventId: answer.eventId || null,
    queueId: answer.queueId || null,
    redirectType: answer.redirectType || null,
    isAjax: answer.isAjax ?? false,
    setCookies: answer.setCookies.map(({ name, value, domain, expires, httpOnly, secure }) => ({
      name, value: value.replace(/^SdkVersion=[^|]*/, "SdkVersion=*"), domain: domain || null, expires, httpOnly: httpOnly ?? false, secure: secure ?? false,
    })),
    error: false,
  };
}

function undecided() {
  return { ...comparable({ outcome: "pass", setCookies: [] }), error: true };
}

// --- tokens

function carriedToken(testCase) {
  return tokensIn(testCase.request.url).find(Boolean) ?? headerOf(testCase, "x-queueittoken");
}

/** The case with other tokens: the one that the request carries, and the one that a direct pass brings. */
function withTokens(testCase, change) {
  const carried = testCase.token ?? carriedToken(testCase);
  const next = { ...testCase };
  if (carried) next.token = change(carried);
  const passed = testCase.directPass?.queueitToken;
  if (passed) next.directPass = { ...testCase.directPass, queueitToken: change(passed) };
  const isSame = (!carried || next.token === carried) && next.directPass?.queueitToken === passed;
  return isSame ? testCase : next;
}

/** The case with other values in its tokens, signed anew, where the signature is good and `isMeant` of the values. */
function resigned(testCase, isMeant, changes) {
  return withTokens(testCase, (text) => {
    const segments = readToken(text);
    const values = Object.fromEntries(segments);
    const isGenuine = hmac(testCase.secretKey, text.replace(`~h_${values.h}`, "")) === values.h;
    if (!isGenuine || !isMeant(values)) return text;
    const others = segments.filter(([key]) => key !== "h" && !(key in changes));
    const changed = Object.entries(changes).filter(([, value]) => value !== undefined);
    return sealToken([...others, ...changed], testCase.secretKey);
  });
}

/** The case with tokens that are not signed, where `isMeant` of their values. */
function refusedToken(testCase, isMeant) {
  return withTokens(testCase, (text) => {
    const segments = readToken(text);
    return isMeant(Object.fromEntries(segments), segments) ? `${text}~h_0` : text;
  });
}

// --- cookies

/** The case with each accepted cookie in another form; the same case when all stay. */
function withCookies(testCase, change) {
  const header = headerOf(testCase, "cookie");
  const pairs = header.split("; ").map((pair) => {
    const name = pair.split("=")[0];
    if (!name.startsWith(COOKIE_PREFIX)) return pair;
    const [value] = cookiesNamed(pair, name);
    const next = value ? change(name.slice(COOKIE_PREFIX.length), value) : value;
    return next === value ? pair : `${name}=${enc(next)}`;
  });
  return withCookieHeader(testCase, pairs.join("; "));
}

function withCookieHeader(testCase, header) {
  if (header === headerOf(testCase, "cookie")) return testCase;
  return { ...testCase, request: { ...testCase.request, headers: { ...testCase.request.headers, Cookie: header } } };
}

/** The strict form of protocol section 3.5. */
function isStrict(value, room, testCase) {
  const fields = {};
  for (const [key, ...rest] of readCookie(value)) {
    if (!["EventId", "QueueId", "FixedValidityMins", "RedirectType", "IssueTime", "Hip", "Hash"].includes(key)) continue;
    if (key in fields || rest.length !== 1) return false;
    [fields[key]] = rest;
  }
  const hasQueueId = UUID.test(fields.QueueId ?? "");
  return (
    fields.EventId?.toLowerCase() === room.toLowerCase() &&
    (hasQueueId || [undefined, "", "undefined"].includes(fields.QueueId)) &&
    (hasQueueId || !needsQueueId(testCase.integrationConfig).has(room)) &&
    /^([1-9][0-9]{0,5})?$/.test(fields.FixedValidityMins ?? "") && fields.FixedValidityMins !== "" &&
    TYPES.includes(fields.RedirectType?.toLowerCase()) &&
    /^[0-9]{10,11}$/.test(fields.IssueTime ?? "") &&
    (fields.Hip === undefined || MAC.test(fields.Hip)) &&
    MAC.test(fields.Hash ?? "")
  );
}

const neededBy = new WeakMap();

/** The rooms of a config of which another one is the same but for digits at its end. */
function needsQueueId(config) {
  if (neededBy.has(config)) return neededBy.get(config);
  const rooms = [...new Set(roomsOf(config))];
  const isPair = (long, short) => long !== short && long.startsWith(short) && /^[0-9]+$/.test(long.slice(short.length));
  const key = (room) => room.toLowerCase();
  const needed = new Set(rooms.filter((one) => rooms.some((other) => isPair(key(one), key(other)) || isPair(key(other), key(one)))));
  neededBy.set(config, needed);
  return needed;
}

function roomsOf(config) {
  const withRooms = (config.Integrations ?? []).filter(({ ActionType }) => ActionType === "Queue" || ActionType === "Cancel");
  return withRooms.flatMap(({ EventId, InvolvedWaitingRoomIds }) => [EventId, ...(InvolvedWaitingRoomIds ?? [])]).filter(Boolean);
}

function inSmallLetters(value) {
  return value.replace(/(^|&)EventId=[^&]*/, (field) => field.replace(/=.*/, (text) => text.toLowerCase()));
}

function isSignedInSmallLetters(value, room, testCase) {
  if (room === room.toLowerCase() || !isStrict(value, room, testCase)) return false;
  const fields = Object.fromEntries(readCookie(value));
  return sealCookie(fields, testCase.secretKey).endsWith(`Hash=${fields.Hash}`) && fields.RedirectType === fields.RedirectType.toLowerCase();
}

/** A genuine cookie without the word that stands for no queue id. */
function withoutUndefined(value, room, testCase) {
  const { Hash, ...fields } = Object.fromEntries(readCookie(value));
  const isGenuine = sealCookie(fields, testCase.secretKey).endsWith(`Hash=${Hash}`);
  if (fields.QueueId !== "undefined" || !isStrict(value, room, testCase) || !isGenuine) return value;
  delete fields.QueueId;
  return sealCookie(fields, testCase.secretKey);
}

/** Of several cookies of one room, the first that lets pass, if any does, goes before the others. */
async function firstGoodCookies(testCase) {
  const pairs = headerOf(testCase, "cookie").split("; ");
  const nameOf = (pair) => pair.split("=")[0];
  const isAccepted = (pair) => nameOf(pair).startsWith(COOKIE_PREFIX);
  const others = pairs.filter((pair) => !isAccepted(pair));
  let sorted = pairs;
  for (const name of new Set(pairs.filter(isAccepted).map(nameOf))) {
    const group = pairs.filter((pair) => nameOf(pair) === name);
    if (group.length < 2) continue;
    for (const pair of group) {
      const withIt = withCookieHeader(testCase, [...others, pair].join("; "));
      const alone = await askOfficial({ ...withIt, token: "", verifyActionAllowed: true, directPass: undefined });
      const isSent = ["redirect", "ajax-redirect"].includes(alone.outcome);
      const isGood = alone.actionType === "Queue" ? !isSent && !alone.error : alone.actionType === "Cancel" && isSent;
      if (!isGood) continue;
      sorted = [pair, ...sorted.filter((one) => one !== pair)];
      break;
    }
  }
  return withCookieHeader(testCase, sorted.join("; "));
}

function withoutNull(value) {
  return value.replace("|TargetUrl=null|", "|TargetUrl=|").replace(/[|]MatchedConfig=null([|]|$)/, "|MatchedConfig=$1");
}

// --- configs

const faultOf = new WeakMap();

/** What makes us refuse a document, by the id of the difference. */
function configFault(config) {
  if (!faultOf.has(config)) faultOf.set(config, findFault(config));
  return faultOf.get(config);
}

function findFault(config) {
  if (!config.Version) return "4.1";
  for (const { ActionType, EventId, InvolvedWaitingRoomIds, QueueDomain, CookieValidityMinute, Triggers } of config.Integrations) {
    const isQueue = ActionType === "Queue";
    if (!Triggers) return "4.1";
    if (isQueue && !EventId) return "4.1";
    if (ActionType === "Cancel" && !EventId && !(InvolvedWaitingRoomIds?.length > 0)) return "4.1";
    if ((isQueue || ActionType === "Cancel") && !QueueDomain) return "4.1";
    if (isQueue && Number.isNaN(Number(CookieValidityMinute ?? NaN))) return "S8";
    if (isQueue && !(Number(CookieValidityMinute) > 0)) return "4.1";
  }
  return null;
}

const changed = new Map();

/** The case with each integration in another form; the same case when all stay. One config gives one other. */
function withIntegrations(testCase, id, change) {
  const config = testCase.integrationConfig;
  if (!changed.has(id)) changed.set(id, new WeakMap());
  const known = changed.get(id);
  if (!known.has(config)) {
    const Integrations = config.Integrations.map(change);
    const isSame = Integrations.every((integration, at) => integration === config.Integrations[at]);
    known.set(config, isSame ? config : { ...config, Integrations });
  }
  return known.get(config) === config ? testCase : { ...testCase, integrationConfig: known.get(config) };
}

// Which branches of the protocol (section 5, and what it refers to) a case went through, by what the official
// connector did with it: so that a generator which no longer reaches one is noticed.

import { tokensIn } from "./wire.mjs";

/** Every branch that must be reached: its name, and whether a case did. */
const BRANCHES = {
  // 5.2: what matches, and what is done then.
  "no integration matches": ({ answer, events }) => answer.actionType === null && events.length > 0 && !answer.error,
  "action Queue": ({ answer }) => answer.actionType === "Queue",
  "action Cancel": ({ answer }) => answer.actionType === "Cancel",
  "action Ignore": ({ matched }) => matched?.ActionType === "Ignore",
  "action of unknown type": ({ matched }) => matched && !["Queue", "Cancel", "Ignore"].includes(matched.ActionType),
  "action without a name": ({ matched }) => matched && !matched.Name,
  "a second integration matches": ({ matched, config }) => matched && config.Integrations.indexOf(matched) > 0,
  "mistake in the configuration": ({ answer }) => answer.error !== null,
  "version as a text": ({ testCase, query }) => query?.get("cver") === "7a" && testCase.integrationConfig.Version === "7a",
  "triggers on the normalised address": ({ matched, events, testCase }) =>
    matched?.IsNormalizationEnabled && /%[0-9a-f]{2}|\/\.|[^:]\/\/| |\\/.test(testCase.request.url) && events.length > 0,
  "redirect logic AllowTParameter": ({ matched, isEnqueued }) => isEnqueued && matched.RedirectLogic === "AllowTParameter",
  "redirect logic ForcedTargetUrl": ({ matched, isEnqueued, query }) => isEnqueued && matched.RedirectLogic === "ForcedTargetUrl" && query.has("t"),
  "redirect logic ForcedTargetUrl without one": ({ matched, isEnqueued, query }) => isEnqueued && matched.RedirectLogic === "ForcedTargetUrl" && !query.has("t"),
  "redirect logic EventTargetUrl": ({ matched, isEnqueued, query }) => isEnqueued && matched.RedirectLogic === "EventTargetUrl" && !query.has("t"),
  "redirect logic of unknown kind": ({ matched, isEnqueued }) => isEnqueued && matched.RedirectLogic === "Other",
  culture: ({ query }) => query?.has("cid"),
  layout: ({ query }) => query?.has("l"),
  "path prefix": ({ answer }) => /^https:\/\/queue\.shop\.example\/{1,2}wait\//.test(answer.location ?? ""),
  "path prefix with two slashes": ({ answer }) => answer.location?.startsWith("https://queue.shop.example//wait/"),
  "queue domain with a slash": ({ matched, isSent }) => isSent && matched?.QueueDomain?.endsWith("/"),

  // 5.3: a queue action.
  "cookie lets pass": ({ passedByCookie }) => passedByCookie,
  "cookie is extended": ({ passedByCookie, stored }) => passedByCookie && stored.length === 1,
  "cookie with fixed validity is not extended": ({ passedByCookie, matched, stored, made }) =>
    passedByCookie && matched.ExtendCookieValidity && stored.length === 0 && made.includes("cookie: fixed validity"),
  "cookie of an involved room lets pass": ({ passedByCookie, stored, matched }) =>
    passedByCookie && stored.length === 1 && !stored[0].name.endsWith(`_${matched.EventId}`),
  "cookie lets pass beside a token": ({ passedByCookie, hasToken }) => passedByCookie && hasToken,
  "cookie bound to the right address": ({ passedByCookie, stored }) => passedByCookie && stored[0]?.value.includes("&Hip="),
  "token lets pass": ({ passedByToken }) => passedByToken,
  "token of an involved room lets pass": ({ passedByToken, stored, matched }) => passedByToken && !stored[0].name.endsWith(`_${matched.EventId}`),
  "token sets a fixed validity": ({ passedByToken, stored }) => passedByToken && stored[0].value.includes("&FixedValidityMins="),
  "token binds the cookie to an address": ({ passedByToken, stored }) => passedByToken && stored[0].value.includes("&Hip="),
  "token without a queue id": ({ passedByToken, stored }) => passedByToken && !stored[0].value.includes("QueueId="),
  "token lets pass beside a bad cookie": ({ passedByToken, testCase }) => passedByToken && /QueueITAccepted/.test(testCase.request.headers.Cookie),
  "token in the header": ({ passedByToken, testCase }) => passedByToken && tokensIn(testCase.request.url).length === 0,
  "error hash": ({ answer }) => answer.location?.includes("/error/hash/?"),
  "error eventid": ({ answer }) => answer.location?.includes("/error/eventid/?"),
  "error timestamp": ({ answer }) => answer.location?.includes("/error/timestamp/?"),
  "error ip": ({ answer }) => answer.location?.includes("/error/ip/?"),
  "error connector/sessionstate": ({ answer }) => answer.location?.includes("/error/connector/sessionstate/?"),
  "error removes bad cookies": ({ answer, removed }) => answer.location?.includes("/error/") && removed.length > 0,
  "sent to the room": ({ isEnqueued }) => isEnqueued,
  "sent to the room, bad cookie removed": ({ isEnqueued, removed }) => isEnqueued && removed.length === 1,
  "sent to the room, bad cookies of several rooms removed": ({ isEnqueued, removed }) => isEnqueued && removed.length > 1,
  "cookie domain": ({ answer }) => answer.setCookies.some(({ domain }) => domain),
  "cookie flags": ({ answer }) => answer.setCookies.some(({ httpOnly, secure }) => httpOnly && secure),

  "sent to the room with an enqueue token": ({ isEnqueued, query }) => isEnqueued && query.has("enqueuetoken"),

  // 9: what a room is asked, and diagnostics.
  "verified cookie lets pass": ({ passedByCookie, matched, testCase, answer }) =>
    passedByCookie && matched.VerifyQueueIdEnabled && testCase.verifyActionAllowed && answer.queueId,
  "verified token lets pass": ({ passedByToken, matched, testCase, answer }) =>
    passedByToken && matched.VerifyQueueIdEnabled && testCase.verifyActionAllowed && answer.queueId,
  "no queue id to verify": ({ passedByCookie, passedByToken, matched, testCase, answer }) =>
    (passedByCookie || passedByToken) && matched.VerifyQueueIdEnabled && testCase.verifyActionAllowed === false && !answer.queueId,
  "usage limit of a cookie": ({ answer, query }) => answer.location?.includes("/error/qidlimit/?") && !query.has("queueittoken"),
  "usage limit of a token": ({ answer, query, removed }) => answer.location?.includes("/error/qidlimit/?") && query.has("queueittoken") && removed.length === 0,
  "nobody to verify": ({ answer, testCase }) => answer.error?.includes("VerifyActionService") && testCase.verifyActionAllowed === undefined,
  "diagnostics: wrong MAC": ({ answer }) => answer.actionType === "ConnectorDiagnosticsRedirect" && answer.location.endsWith("?code=hash"),
  "diagnostics: too late": ({ answer }) => answer.actionType === "ConnectorDiagnosticsRedirect" && answer.location.endsWith("?code=timestamp"),
  "diagnostics of a queue action": ({ diagnosed }) => diagnosed?.includes("|QueueConfig="),
  "diagnostics of a cancel action": ({ diagnosed }) => diagnosed?.includes("|CancelConfig="),
  "diagnostics without a match": ({ diagnosed }) => diagnosed?.includes("|MatchedConfig=NULL"),
  "debug token lets pass": ({ passedByToken, diagnosed }) => passedByToken && diagnosed,
  "debug token for another room": ({ answer, diagnosed }) => diagnosed && answer.location?.includes("/error/eventid/?"),
  "debug token for another room, generation 5": ({ isEnqueued, diagnosed, testCase }) => isEnqueued && diagnosed && testCase.generation === 5,
  "diagnostics of a direct pass": ({ diagnosed }) => diagnosed?.includes("|DirectPassResult="),
  "direct pass": ({ answer, stored, testCase, hasToken }) => testCase.directPass?.hasPassed && stored.length === 1 && !hasToken && answer.queueId && testCase.directPass.queueitToken.includes(answer.queueId),
  "direct pass refused": ({ isEnqueued, testCase }) => isEnqueued && testCase.directPass?.hasPassed === false,
  "direct pass with a bad token": ({ isEnqueued, testCase }) => isEnqueued && testCase.directPass?.hasPassed,
  "direct pass without an answer": ({ stored }) => stored.some(({ value }) => value.includes("&FixedValidityMins=3&RedirectType=timeout&")),

  // 5.5: a cancel action.
  "cancel without a pass": ({ answer, isSent }) => answer.actionType === "Cancel" && !isSent,
  "cancel of one room": ({ rooms }) => rooms?.length === 1,
  "cancel of several rooms": ({ rooms }) => rooms?.length > 1,
  "cancel of several rooms with passes": ({ rooms }) => rooms?.filter((room) => room.includes("~")).length > 1,
  "cancel of a pass without queue id": ({ rooms }) => rooms && !rooms.some((room) => room.includes("~")),
  "cancel of a pass that is over": ({ rooms, made }) => rooms?.length === 1 && made.includes("cookie: old"),
  "cancel by a script": ({ rooms, answer }) => rooms && answer.outcome === "ajax-redirect",

  // 5.6: the host.
  "HEAD is passed on": ({ testCase, answer }) => testCase.request.method === "HEAD" && answer.outcome === "pass",
  "OPTIONS is passed on": ({ testCase, answer }) => testCase.request.method === "OPTIONS" && answer.outcome === "pass",
  "head in small letters is decided": ({ testCase, isSent }) => testCase.request.method === "head" && isSent,
  "token is stripped": ({ answer }) => answer.outcome === "strip-token-redirect",
  "token is not stripped from a POST": ({ passedByToken, testCase, answer }) => passedByToken && testCase.request.method === "POST" && answer.outcome === "pass",
  "token is not stripped for a script": ({ passedByToken, answer }) => passedByToken && answer.isAjax && answer.outcome === "pass",
  "script is told by a header": ({ isEnqueued, answer }) => isEnqueued && answer.outcome === "ajax-redirect",
  "script's page cannot be read": ({ isEnqueued, query, made, matched }) =>
    isEnqueued && made.includes("ajax malformed") && matched.RedirectLogic === "AllowTParameter" && !query.has("t"),

  // 4.2: joining.
  "Or with a part that holds": ({ events }) => joined(events, "Or", true),
  "Or without a part that holds": ({ events }) => joined(events, "Or", false),
  "Or of no parts": ({ events }) => joined(events, "Or", false, 0),
  "And of parts that hold": ({ events }) => joined(events, "And", true),
  "And with a part that does not": ({ events }) => joined(events, "And", false),
  "And of no parts": ({ events }) => joined(events, "And", true, 0),
  "joined in an unknown way": ({ events }) => joined(events, "Xor", true) || joined(events, "Xor", false),
  "validator that does not exist": ({ parts }) => parts.some(({ subject }) => subject.ValidatorType === "JSVariableValidator"),
  "operator that does not exist": ({ parts }) => parts.some(({ subject, result }) => subject.Operator === "StartsWith" && !result),
  "negated *": ({ parts }) => parts.some(({ subject, result }) => subject.Operator === "Contains" && subject.ValueToCompare === "*" && subject.IsNegative && result),
  "part of the address that does not exist": ({ parts }) => parts.some(({ subject }) => subject.UrlPart === "Query"),
  "nothing to compare with": ({ parts }) => parts.some(({ subject }) => subject.ValueToCompare === null && /^(Equals|Contains)$/.test(subject.Operator)),
};

// 4.3: every validator and every operator in every mode, holding and not holding.
for (const result of [true, false]) {
  for (const validator of ["CookieValidator", "UserAgentValidator", "HttpHeaderValidator", "RequestBodyValidator"]) {
    BRANCHES[`${validator} is ${result}`] = ({ parts }) => parts.some((part) => part.subject.ValidatorType === validator && part.result === result);
  }
  for (const urlPart of ["PageUrl", "HostName", "PagePath"]) {
    BRANCHES[`UrlValidator of ${urlPart} is ${result}`] = ({ parts }) => parts.some((part) => part.subject.UrlPart === urlPart && part.result === result);
  }
  for (const operator of ["Equals", "Contains", "EqualsAny", "ContainsAny"]) {
    for (const isNegative of [false, true]) {
      for (const isIgnoreCase of [false, true]) {
        const name = `${operator}${isNegative ? ", negated," : ""}${isIgnoreCase ? " in any case" : ""} is ${result}`;
        BRANCHES[name] = ({ parts }) =>
          parts.some(({ subject, result: found }) =>
            found === result && subject.Operator === operator && Boolean(subject.IsNegative) === isNegative && subject.IsIgnoreCase === isIgnoreCase);
      }
    }
  }
}

/** How often each branch was reached; `kinds` are those of which the generator makes tokens and cookies. */
export class BranchCounts {
  #counts;

  constructor(kinds) {
    this.#counts = new Map([...Object.keys(BRANCHES), ...kinds].map((name) => [name, 0]));
  }

  /** Counts a case, by what the official connector answered and what its triggers did. */
  add({ testCase, made }, answer, events) {
    const context = contextOf(testCase, made, answer, events);
    for (const [name, isReached] of Object.entries(BRANCHES)) {
      if (isReached(context)) this.#count(name);
    }
    for (const kind of new Set(made)) this.#count(kind);
  }

  entries() {
    return [...this.#counts];
  }

  #count(name) {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}

function contextOf(testCase, made, answer, events) {
  const isSent = ["redirect", "ajax-redirect"].includes(answer.outcome);
  const isQueue = answer.actionType === "Queue";
  const stored = answer.setCookies.filter(({ name, value }) => value && name !== "queueitdebug");
  const hasToken = tokensIn(testCase.request.url).some(Boolean) || Boolean(testCase.request.headers["x-queueittoken"]);
  const isByToken = stored.length === 1 && hasToken && stored[0].value.includes(`RedirectType=${answer.redirectType?.toLowerCase()}`);
  const cookieHolder = testCase.request.headers.Cookie ?? "";
  const isExtended = stored.length === 1 && answer.queueId && cookieHolder.includes(answer.queueId);
  const url = isSent ? new URL(answer.location) : null;
  const wrl = url?.pathname.includes("/cancel/multiple/") ? url.searchParams.get("wrl") : null;
  const matching = events.find(({ name }) => name === "getMatchedIntegrationConfig");
  return {
    testCase, made, answer, events, isSent, stored, hasToken,
    config: matching?.subject,
    matched: matching?.result,
    parts: events.filter(({ name }) => name === "evaluateTriggerPart"),
    query: url?.searchParams ?? null,
    removed: answer.setCookies.filter(({ value }) => !value),
    isEnqueued: isSent && isQueue && !url.pathname.includes("/error/"),
    passedByToken: isQueue && !isSent && isByToken && !isExtended,
    passedByCookie: isQueue && !isSent && (stored.length === 0 || isExtended),
    rooms: wrl?.split("_") ?? null,
    diagnosed: answer.setCookies.find(({ name }) => name === "queueitdebug")?.value ?? null,
  };
}

function joined(events, operator, result, count) {
  return events.some(({ name, subject, result: found }) =>
    name === "evaluateTrigger" && found === result && subject.LogicalOperator === operator &&
    (count === undefined ? subject.TriggerParts.length > 0 : subject.TriggerParts.length === count));
}

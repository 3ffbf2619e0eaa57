// The official connectors, unchanged, in this process: with a clock that stands still and a host that does what the
// documentation asks of one. Answers have the form of `anteroom connector evaluate`.

import { createRequire } from "node:module";

import { cookiesNamed, hmac, tokensIn, withoutToken } from "./wire.mjs";

const require = createRequire(import.meta.url);
const GENERATIONS = { 4: require("@queue-it/connector-javascript"), 5: require("connector5") };
const EVALUATOR = "dist/IntegrationConfig/integrationConfigHelpers.js";
const EVALUATORS = [require(`@queue-it/connector-javascript/${EVALUATOR}`), require(`connector5/${EVALUATOR}`)];

const SystemDate = Date;

/** What its triggers do, in the order in which it happens; nothing else is changed by listening. */
export const triggerEvents = [];

for (const { IntegrationEvaluator } of EVALUATORS) {
  for (const name of ["getMatchedIntegrationConfig", "evaluateTrigger", "evaluateTriggerPart"]) {
    const original = IntegrationEvaluator.prototype[name];
    IntegrationEvaluator.prototype[name] = function listen(...parts) {
      const result = original.apply(this, parts);
      triggerEvents.push({ name, subject: parts[0], result });
      return result;
    };
  }
}

/**
 * What the official connector makes of a case. Its `error` is set when it gives up and the request passes.
 *
 * A case may say what a line for our program does not: `token`, the queue token to hand over instead of the one in the
 * request; `isPlaneOneEncoded`, see `normalizer`; `hasDirectPassSettings`, though there is nothing in them.
 */
export async function askOfficial(testCase) {
  const { method, url } = testCase.request;
  const answer = {
    outcome: "pass", location: null, actionType: null, actionName: null, eventId: null, queueId: null,
    redirectType: null, isAjax: null, setCookies: [], error: null,
  };
  // A host does not ask about these.
  if (method === "HEAD" || method === "OPTIONS") return answer;

  const tokens = tokensIn(url);
  // Under Express, several tokens are a list, which is no text and so no token.
  const carried = tokens.length > 1 ? tokens : tokens[0] || headerOf(testCase, "x-queueittoken") || undefined;
  const token = testCase.token ?? carried;
  const clean = withoutToken(url);
  let result;
  const restore = stopClock(testCase.now);
  try {
    const { KnownUser } = GENERATIONS[testCase.generation ?? 4];
    result = await KnownUser.validateRequestByIntegrationConfig(
      clean, token, configText(testCase), testCase.customerId, testCase.secretKey,
      contextOf(testCase, answer), testCase.apiKey,
    );
  } catch (error) {
    return { ...answer, error: String(error.message) };
  } finally {
    restore();
  }
  Object.assign(answer, {
    actionType: result.actionType,
    actionName: result.actionName,
    eventId: result.eventId,
    queueId: result.queueId,
    redirectType: result.redirectType,
    isAjax: result.isAjaxResult ?? null,
  });
  if (result.doRedirect()) {
    answer.outcome = result.isAjaxResult ? "ajax-redirect" : "redirect";
    answer.location = result.redirectUrl;
  } else if (result.actionType === "Queue" && tokens.some(Boolean) && method === "GET" && !result.isAjaxResult) {
    answer.outcome = "strip-token-redirect";
    // As Express does it for a `Location`.
    answer.location = clean.replace(/[^!-~]+/g, encodeURIComponent);
  }
  return answer;
}

/** The official steps, which give up on characters beyond the first plane, unless those are encoded before. */
function normalizer({ generation, isPlaneOneEncoded }) {
  const { DefaultNormalizationProvider } = GENERATIONS[generation ?? 4];
  const official = new DefaultNormalizationProvider();
  if (!isPlaneOneEncoded) return official;
  return { normalizeUrl: (url) => official.normalizeUrl(url.replace(/[\u{10000}-\u{10ffff}]/gu, encodeURIComponent)) };
}

function configText(testCase) {
  // Many cases share one config object, and each is written only once.
  return textOf.get(testCase.integrationConfig) ?? remember(testCase.integrationConfig);
}

const textOf = new WeakMap();

function remember(config) {
  const text = JSON.stringify(config);
  textOf.set(config, text);
  return text;
}

function contextOf(testCase, answer) {
  const { request } = testCase;
  return {
    getHttpRequest: () => ({
      getUserAgent: () => headerOf(testCase, "user-agent"),
      getHeader: (name) => headerOf(testCase, name),
      getAbsoluteUri: () => request.url,
      getUserHostAddress: () => request.clientIp ?? "",
      getCookieValue: (name) => cookiesNamed(headerOf(testCase, "cookie"), name)[0],
      getRequestBodyAsString: () => request.body ?? "",
    }),
    getHttpResponse: () => ({
      setCookie: (name, value, domain, expires, httpOnly, secure) => {
        answer.setCookies.push({ name, value, domain: domain || null, expires, httpOnly, secure });
      },
    }),
    getCryptoProvider: () => ({ getSha256Hash: hmac }),
    getEnqueueTokenProvider: () =>
      testCase.enqueueToken === undefined ? null : { getEnqueueToken: () => testCase.enqueueToken },
    getNormalizationProvider: () => normalizer(testCase),
    getVerifyActionService: () =>
      testCase.verifyActionAllowed === undefined ? null : { verify: async () => testCase.verifyActionAllowed },
    getDirectActionProvider: () => directActions(testCase),
  };
}

/** Of generation 5 alone: whether the room lets a visitor pass at once. */
function directActions({ directPass, hasDirectPassSettings }) {
  if (!directPass) return null;
  const { timeoutMillis, hasPassed, queueitToken } = directPass;
  const hasSettings = hasDirectPassSettings || timeoutMillis !== undefined;
  return {
    getSettings: () => ({ disabled: false, proxyKey: "key", ...(hasSettings ? { directPass: { timeoutMillis } } : {}) }),
    tryDirectPass: async () => {
      if (hasPassed === undefined) throw new Error("no answer in time");
      return { hasPassed, queueitToken };
    },
  };
}

export function headerOf(testCase, name) {
  const wanted = String(name ?? "").toLowerCase();
  const found = Object.entries(testCase.request.headers).find(([key]) => key.toLowerCase() === wanted);
  return found ? found[1] : "";
}

/** Lets the connector see this moment alone, in Unix seconds. */
function stopClock(seconds) {
  const now = seconds * 1000;
  globalThis.Date = class extends SystemDate {
    constructor(...parts) {
      super(...(parts.length > 0 ? parts : [now]));
    }

    static now() {
      return now;
    }
  };
  return () => {
    globalThis.Date = SystemDate;
  };
}

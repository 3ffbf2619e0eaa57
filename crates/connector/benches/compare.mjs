// The cases of `decide.rs` once more, through the official connector, beside what ours took: how many times as long.
// Run by `node crates/connector/benches/compare.mjs`, after `npm ci` in `tests/e2e`. It runs our bench itself.

import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);
const require = createRequire(new URL("tests/e2e/package.json", root));
const { KnownUser } = require("@queue-it/connector-javascript");

const KEY = "2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5";
const QUEUE_ID = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
const ROUNDS = 40;
const CALLS_A_ROUND = 500;
const ELSEWHERE = "https://shop.example/about?page=2";
const TICKETS = "https://shop.example/tickets?id=1";

const hmac = (secret, text) => createHmac("sha256", secret).update(text).digest("hex");
const now = Math.floor(Date.now() / 1000);

/** The first action guards `/tickets`, each other one a path of its own. */
function config(actions) {
  const integration = (number) => ({
    Name: `action ${number}`,
    ActionType: "Queue",
    EventId: "spring24",
    QueueDomain: "queue.shop.example",
    CookieValidityMinute: 20,
    Triggers: [{
      LogicalOperator: "And",
      TriggerParts: [{
        ValidatorType: "UrlValidator",
        UrlPart: "PagePath",
        Operator: "Contains",
        ValueToCompare: number === 0 ? "/tickets" : `/shows/${number}/seats`,
        IsIgnoreCase: true,
      }],
    }],
  });
  return JSON.stringify({ Version: 7, Integrations: Array.from({ length: actions }, (_, number) => integration(number)) });
}

function cookie() {
  const hash = hmac(KEY, `spring24${QUEUE_ID}queue${now}`);
  return `EventId=spring24&QueueId=${QUEUE_ID}&RedirectType=queue&IssueTime=${now}&Hash=${hash}`;
}

function token() {
  const unsigned = `e_spring24~q_${QUEUE_ID}~ts_${now + 3600}~ce_true~rt_queue`;
  return `${unsigned}~h_${hmac(KEY, unsigned)}`;
}

function context(url, held) {
  const headers = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" };
  const request = {
    getUserAgent: () => headers["user-agent"],
    getHeader: (name) => headers[name.toLowerCase()] ?? "",
    getAbsoluteUri: () => url,
    getUserHostAddress: () => "",
    getCookieValue: (name) => (name === "QueueITAccepted-SDFrts345E-V3_spring24" ? held : ""),
    getRequestBodyAsString: () => "",
  };
  return {
    getHttpRequest: () => request,
    getHttpResponse: () => ({ setCookie() {} }),
    getCryptoProvider: () => ({ getSha256Hash: hmac }),
    getEnqueueTokenProvider: () => null,
    getNormalizationProvider: () => null,
    getVerifyActionService: () => null,
    getDirectActionProvider: () => null,
  };
}

const CASES = [
  { name: "no action of 1 matches", actions: 1, url: ELSEWHERE, held: cookie(), outcome: "none" },
  { name: "no action of 10 matches", actions: 10, url: ELSEWHERE, held: cookie(), outcome: "none" },
  { name: "no action of 100 matches", actions: 100, url: ELSEWHERE, held: cookie(), outcome: "none" },
  { name: "no action of 1000 matches", actions: 1000, url: ELSEWHERE, held: cookie(), outcome: "none" },
  { name: "valid cookie", actions: 1, url: TICKETS, held: cookie(), outcome: "pass" },
  { name: "valid cookie, 100 actions", actions: 100, url: TICKETS, held: cookie(), outcome: "pass" },
  { name: "valid token, cookie written", actions: 1, url: TICKETS, held: "", token: token(), outcome: "pass" },
  { name: "nothing shown, sent to the room", actions: 1, url: TICKETS, held: "", outcome: "redirect" },
];

/** Nanoseconds of one decision: the fastest of several rounds. */
async function official({ name, actions, url, held, token: carried, outcome }) {
  const text = config(actions);
  const decide = () =>
    KnownUser.validateRequestByIntegrationConfig(url, carried, text, "acme", KEY, context(url, held), "");
  const result = await decide();
  const found = result.doRedirect() ? "redirect" : result.actionType ? "pass" : "none";
  if (found !== outcome) throw new Error(`${name}: the official connector says ${found}`);
  const calls = Math.max(5, Math.floor(CALLS_A_ROUND / actions));
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = process.hrtime.bigint();
    for (let call = 0; call < calls; call += 1) await decide();
    fastest = Math.min(fastest, Number(process.hrtime.bigint() - started) / calls);
  }
  return fastest;
}

/** What our bench prints, by the name of the case. */
function ours() {
  const printed = execFileSync("cargo", ["bench", "--quiet", "--package", "anteroom-connector", "--bench", "decide"], {
    cwd: fileURLToPath(root),
    encoding: "utf8",
  });
  process.stdout.write(printed);
  const lines = printed.matchAll(/^(.+?) +(\d+) ns +\d+ ns +\d+ ns/gm);
  return new Map(Array.from(lines, ([, name, nanoseconds]) => [name, Number(nanoseconds)]));
}

const own = ours();
console.log(`\n${"case".padEnd(36)}${"ours".padStart(11)}${"official".padStart(14)}${"times".padStart(9)}`);
for (const testCase of CASES) {
  const [mine, theirs] = [own.get(testCase.name), await official(testCase)];
  const times = Math.round(theirs / mine);
  console.log(
    `${testCase.name.padEnd(36)}${`${mine} ns`.padStart(11)}${`${Math.round(theirs)} ns`.padStart(14)}${String(times).padStart(9)}`,
  );
}

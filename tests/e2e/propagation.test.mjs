// An operator publishes a change, and the gateway enforces it: how long that takes, in a world of its own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Operator } from "./support/operator.mjs";
import { until } from "./support/until.mjs";
import { Visitor } from "./support/visitor.mjs";
import { startDemo } from "./support/world.mjs";

const ROUNDS = 12;
/** The promise: in force within a second of its publication. */
const WITHIN_MS = 1_000;
/** The gateway is asked this often, which bounds what the figures can say. */
const ASK_EVERY_MS = 5;

test("published trigger is enforced by the gateway within a second", async (t) => {
  const world = await startDemo(t);
  const operator = new Operator(world);
  const times = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const path = `/round-${round}-of-${ROUNDS}`;
    const url = `${world.site}${path}`;
    assert.notEqual((await new Visitor().get(url)).status, 302, `${path} is not protected yet`);

    await operator.publish(`protect ${path}`, (draft) => protect(draft, path));
    const begun = performance.now();
    const answer = await until(
      `${path} is protected`,
      async () => {
        const asked = await new Visitor().get(url);
        return asked.status === 302 && asked;
      },
      { deadlineMs: 10 * WITHIN_MS, everyMs: ASK_EVERY_MS },
    );
    times.push(performance.now() - begun);
    assert.ok(answer.location.startsWith(`${world.room}/?`), answer.location);
  }

  times.sort((a, b) => a - b);
  const [median, worst] = [times[Math.floor(times.length / 2)], times.at(-1)];
  t.diagnostic(`publish answered -> enforced: p50 ${median.toFixed(1)} ms, max ${worst.toFixed(1)} ms, ${ROUNDS} rounds`);
  assert.ok(worst < WITHIN_MS, `the worst of ${ROUNDS} took ${worst.toFixed(0)} ms`);
});

test("draft changes nothing until it is published", async (t) => {
  const world = await startDemo(t);
  const operator = new Operator(world);
  const { json: draft, etag } = await operator.ask("GET", "/draft");
  protect(draft, "/only-a-draft");
  await operator.ask("PUT", "/draft", { body: draft, headers: { "if-match": etag } });
  // A publication of something else afterwards would carry it: so the versions tell, not the time.
  const { json: versions } = await operator.ask("GET", "/versions");
  assert.ok(!JSON.stringify(versions).includes("only-a-draft"));
  assert.notEqual((await new Visitor().get(`${world.site}/only-a-draft`)).status, 302);
});

/** Adds the path to what the first Queue action protects. */
function protect(draft, path) {
  const integrations = draft.integrations ?? draft.Integrations;
  const queue = integrations.find((one) => one.ActionType === "Queue");
  queue.Triggers.push({
    LogicalOperator: "And",
    TriggerParts: [
      {
        ValidatorType: "UrlValidator",
        Operator: "Contains",
        ValueToCompare: path,
        UrlPart: "PagePath",
        IsNegative: false,
        IsIgnoreCase: true,
      },
    ],
  });
}

// The official connector and ours, asked about the same requests: they must say the same, but for a list that says why.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { BranchCounts } from "./support/differential/branches.mjs";
import { KINDS, makeCases } from "./support/differential/cases.mjs";
import { DIFFERENCES, asTable, expectedAnswer, foundAnswer } from "./support/differential/differences.mjs";
import { askOfficial, triggerEvents } from "./support/differential/official.mjs";
import { askOurs } from "./support/differential/ours.mjs";
import { Random } from "./support/differential/random.mjs";

const CASES_DEFAULT = 20_000;
const CASES = Number(process.env.ANTEROOM_DIFFERENTIAL_CASES ?? CASES_DEFAULT);
const SEED = Number(process.env.ANTEROOM_DIFFERENTIAL_SEED ?? 20231114);
/** So many failures are shown whole. */
const SHOWN = 5;

// Official connectors let a cookie end one day later by the local calendar.
process.env.TZ = "UTC";

test("requests are decided as the official connector decides them", { timeout: 600_000 }, async () => {
  const cases = makeCases(new Random(SEED), CASES);
  const asked = askOurs(cases.map(({ testCase }) => testCase));
  const counts = new Map(DIFFERENCES.map(({ id }) => [id, 0]));
  const expected = [];
  const branches = new BranchCounts(KINDS);
  for (const one of cases) {
    triggerEvents.length = 0;
    const official = await askOfficial(one.testCase);
    branches.add(one, official, triggerEvents);
    const { answer, took } = await expectedAnswer(one.testCase, official);
    for (const id of new Set(took)) counts.set(id, counts.get(id) + 1);
    expected.push(answer);
  }
  const ours = await asked;
  assert.equal(ours.length, cases.length);
  for (const { id, actionName, reason } of ours) {
    assert.match(reason, /^[A-Z].*\.$/, `case ${id}`);
    if (/^[a-z]+$/.test(actionName ?? "")) assert.ok(reason.includes(`"${actionName}"`), `case ${id}: ${reason}`);
  }
  const failures = cases.filter((_, at) => ours[at].id !== at || JSON.stringify(foundAnswer(ours[at])) !== JSON.stringify(expected[at]));
  console.log(`${cases.length} cases, seed ${SEED}`);
  for (const [name, count] of branches.entries()) console.log(`  branch ${name}: ${count}`);
  for (const [id, count] of counts) console.log(`  difference ${id}: ${count}`);
  for (const { testCase, made } of failures.slice(0, SHOWN)) {
    console.log(`\nseed ${SEED}, case ${testCase.id}, made of ${made.join(", ")}`);
    console.log(`line      ${JSON.stringify(testCase)}`);
    console.log(`expected  ${JSON.stringify(expected[testCase.id])}`);
    console.log(`found     ${JSON.stringify(foundAnswer(ours[testCase.id]))}`);
    console.log(`reason    ${ours[testCase.id].reason}`);
  }
  assert.equal(failures.length, 0, `${failures.length} of ${cases.length} cases differ, seed ${SEED}`);
  if (CASES < CASES_DEFAULT) return;
  const unreached = [...branches.entries(), ...counts].filter(([, count]) => count === 0).map(([name]) => name);
  assert.deepEqual(unreached, [], "every branch and every listed difference is met");
});

test("the guide shows the list of differences that is tested", async () => {
  const guide = await readFile(new URL("../../docs/from-the-official-connector.md", import.meta.url), "utf8");
  assert.ok(guide.includes(`\n${asTable()}\n`), `docs/from-the-official-connector.md must show:\n${asTable()}`);
});

// The draw: a second implementation, written from its description alone, says what the first one says; and a whole
// start, from the pre-queue to the receipts.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { commitmentOf, drawOf } from "./support/draw.mjs";
import { Operator } from "./support/operator.mjs";
import { until } from "./support/until.mjs";
import { askTicket, Visitor } from "./support/visitor.mjs";
import { PROGRAM, startDemo } from "./support/world.mjs";

test("the golden cases are met", async () => {
  const { cases } = JSON.parse(await readFile(new URL("../../vectors/draw.json", import.meta.url), "utf8"));
  assert.ok(cases.length > 10);
  for (const golden of cases) {
    assert.equal(commitmentOf(golden), golden.commitment, golden.name);
    const { placeOf, indexOf } = drawOf(golden);
    for (const [index, place] of Object.entries(golden.places)) {
      assert.equal(placeOf(index).toString(), place, `${golden.name}, index ${index}`);
      assert.equal(indexOf(place).toString(), index, `${golden.name}, place ${place}`);
    }
  }
});

test("the program finds the same places and commitments in draws by chance", () => {
  for (let number = 0; number < 25; number += 1) {
    const draw = drawByChance(number);
    const [{ lane, entrants }] = draw.lanes;
    const index = dice(number, "index") % entrants;
    const place = drawOf({ ...draw, lane, entrants }).placeOf(index) + 1n;
    const report = verify(draw, "--lane", lane, "--entry", index + 1, "--place", place);
    assert.equal(report.status, 0, report.text);
    assert.deepEqual(
      [report.agrees, report.commitment.computed, report.entry.place],
      [true, draw.commitment, Number(place)],
    );
  }
});

test("the program notices a place that is one off", () => {
  const draw = drawByChance(1);
  const [{ lane, entrants }] = draw.lanes;
  const place = drawOf({ ...draw, lane, entrants }).placeOf(0) + 2n;
  const report = verify(draw, "--lane", lane, "--entry", 1, "--place", place);
  assert.equal(report.status, 1, report.text);
  assert.deepEqual([report.agrees, report.entry.isAsShown], [false, false]);
});

test("every place of a draw is given once", () => {
  for (const entrants of [1, 2, 3, 10, 97]) {
    const { placeOf } = drawOf({ key: "ab".repeat(32), lane: 0, entrants });
    const places = Array.from({ length: entrants }, (_, index) => Number(placeOf(index)));
    assert.deepEqual(places.toSorted((one, other) => one - other), [...Array(entrants).keys()]);
  }
});

test("visitors of a pre-queue get the places that the published draw gives, whatever second they came", async (t) => {
  const ENTRANTS = 20;
  const world = await startDemo(t, "--outflow", "60");
  const operator = new Operator(world);
  const published = async () => (await fetch(`${world.room}/draw/${world.customerId}/${world.waitingRoomId}.json`)).json();
  await operator.schedule({ opensIn: 0, startsIn: 3600 });
  await operator.reset();
  const before = await until("the pre-queue is open", async () => {
    const draw = await published();
    return draw.commitment && draw;
  });
  assert.equal(before.key, null, "what decides is secret until the start");

  const visitors = [];
  for (let index = 0; index < ENTRANTS; index += 1) {
    const visitor = new Visitor();
    const page = (await visitor.follow(world.protectedUrl)).at(-1);
    assert.match(page.body, /data-state="prequeue"/);
    assert.ok(page.body.includes(before.commitment));
    const { state, entry } = await askTicket(visitor, world.room, world);
    assert.equal(state, "prequeue");
    visitors.push({ visitor, entry, url: page.url });
  }
  assert.deepEqual(visitors.map(({ entry }) => entry), Array.from({ length: ENTRANTS }, (_, index) => index + 1));

  // Paused, so that everybody is still there to be asked.
  await operator.setBeacon("3 9 17 24 38 41");
  await operator.pause("Everybody looks at their place first.");
  await operator.schedule({ opensIn: -60, startsIn: 1 });
  const draw = await until("the places are drawn", async () => {
    const current = await published();
    return current.key && current;
  });
  assert.deepEqual([draw.commitment, draw.beacon], [before.commitment, "3 9 17 24 38 41"]);
  assert.equal(commitmentOf(draw), before.commitment, "the key is the one that was committed to");

  const [{ lane, entrants }] = draw.lanes;
  assert.equal(entrants, ENTRANTS);
  const { placeOf } = drawOf({ ...draw, lane, entrants });
  for (const one of visitors) {
    const page = await one.visitor.get(one.url);
    const [, entry, place] = /Entry <b>(\d+)<\/b> of 20 got place <b>(\d+)<\/b>/.exec(page.body) ?? [];
    assert.equal(Number(entry), one.entry, page.body);
    one.place = Number(place);
    assert.equal(BigInt(one.place), placeOf(one.entry - 1) + 1n);
    const { peopleAhead } = await askTicket(one.visitor, world.room, world);
    assert.equal(peopleAhead, one.place - 1);
    const report = verify(draw, "--commitment", before.commitment, "--entry", one.entry, "--place", one.place, "--all");
    assert.equal(report.status, 0, report.text);
  }
  const places = visitors.map(({ place }) => place);
  assert.deepEqual(places.toSorted((one, other) => one - other), Array.from({ length: ENTRANTS }, (_, index) => index + 1));

  await operator.resume();
  const admitted = await until("somebody is let in", async () => {
    const states = await Promise.all(visitors.map(async (one) => ({ ...one, ...(await askTicket(one.visitor, world.room, world)) })));
    const found = states.filter(({ state }) => state === "admitted");
    return found.length >= 2 && found;
  });
  assert.deepEqual(admitted.map(({ place }) => place).toSorted((one, other) => one - other).slice(0, 2), [1, 2]);
});

/** The same draw for the same number, on every run. */
function drawByChance(number) {
  const draw = {
    format: "anteroom-draw-1",
    account: ["a", "shop", "stadion-nord"][dice(number, "account") % 3],
    room: ["abc", "sale2026"][dice(number, "room") % 2],
    epoch: dice(number, "epoch"),
    key: createHash("sha256").update(`key ${number}`).digest("hex"),
    beacon: [null, "3 9 17 24 38 41", "Zürich – 28. November"][dice(number, "beacon") % 3],
    lanes: [{ lane: dice(number, "lane") % 4, entrants: 1 + (dice(number, "entrants") % 10 ** (1 + (number % 9))), firstTag: 1 }],
  };
  return { ...draw, commitment: commitmentOf(draw) };
}

function dice(number, about) {
  return createHash("sha256").update(`${about} ${number}`).digest().readUInt32BE();
}

function verify(draw, ...more) {
  const { status, stdout, stderr } = spawnSync(PROGRAM, ["draw", "verify", "-", "--json", ...more.map(String)], {
    input: JSON.stringify(draw),
    encoding: "utf8",
  });
  assert.ok(stdout, stderr);
  return { status, text: stdout, ...JSON.parse(stdout) };
}

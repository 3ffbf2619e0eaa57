// A second implementation of the draw, written from its description alone, says what the first one says.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { commitmentOf, drawOf } from "./support/draw.mjs";
import { PROGRAM } from "./support/world.mjs";

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

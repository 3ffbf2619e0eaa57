// The draw once more, written from docs/draw.md alone: what a stranger would write to check a room.

import { createHash, createHmac } from "node:crypto";

const NAME = "anteroom-draw-1";
const ROUNDS = 192;

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const u32 = (number) => Buffer.from(number.toString(16).padStart(8, "0"), "hex");
const u64 = (number) => Buffer.from(number.toString(16).padStart(16, "0"), "hex");

/** What was to be published before anybody could join, as hex digits. */
export function commitmentOf({ key, account, room, epoch }) {
  return sha256([NAME, key, account, room, epoch].join("\n")).toString("hex");
}

/** Index to place and back, each counted from 0 and given as a BigInt. */
export function drawOf({ key, beacon, lane, entrants }) {
  const n = BigInt(entrants);
  const seed = createHmac("sha256", Buffer.from(key, "hex"))
    .update([NAME, lane, n, beacon ?? ""].join("\n"))
    .digest();
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const number = BigInt(`0x${sha256(seed, u32(round)).subarray(0, 16).toString("hex")}`);
    return { round, key: n === 0n ? 0n : number % n };
  });
  const swapOrNot = (x, { round, key: roundKey }) => {
    const y = (roundKey - x + n) % n;
    const larger = x > y ? x : y;
    return sha256(seed, u32(round), u64(larger))[0] % 2 === 1 ? y : x;
  };
  return {
    placeOf: (index) => rounds.reduce(swapOrNot, BigInt(index)),
    indexOf: (place) => rounds.toReversed().reduce(swapOrNot, BigInt(place)),
  };
}
